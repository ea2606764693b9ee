"""Check a model: Oxide's results against those of an implementation that shares no code with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from oxide.comparison import Comparison, compare_all
from oxide.loading import is_onnx
from oxide.model import Model
from oxide.oracles import Oracle, interpreter_oracle, onnxruntime_oracle

if TYPE_CHECKING:
    from onnx import NodeProto

    from oxide.frontends.onnx.custom import Given

Source = Path | bytes


@dataclass(frozen=True)
class Verification:
    """One comparison for each output, in the model's order."""

    oracle: str
    comparisons: list[Comparison]

    @property
    def passed(self) -> bool:
        return all(comparison.passed for comparison in self.comparisons)


@dataclass(frozen=True)
class LayerReport:
    """One comparison for each value the model's nodes compute, in the order of the nodes.

    `first_divergence` is the first that is out of tolerance, with the node that computes it, and `inputs` the
    comparisons of the values which that node reads.
    """

    oracle: str
    comparisons: list[Comparison]
    first_divergence: Comparison | None = None
    node_name: str = ""
    op_type: str = ""
    inputs: Sequence[Comparison] = ()


def choose_oracle(source: Source, model: Model, *, threads: int | None = None) -> Oracle:
    """onnxruntime for an ONNX model, StableHLO's reference interpreter for MLIR."""
    if is_onnx(source):
        return onnxruntime_oracle(source, threads=threads)
    return interpreter_oracle(model)


def verify(
    model: Model,
    oracle: Oracle,
    inputs: Mapping[str, np.ndarray],
    *,
    platform: str = "cpu",
    pipeline: str | None = None,
    tolerance: float | None = None,
) -> Verification:
    """Run the compiled model (`Model.compile`) and the oracle on the same inputs and compare every output.

    Raises OxideError when one of them cannot run, or when they disagree about the outputs' names.
    """
    results = model.compile(platform, pipeline=pipeline).run(inputs)
    ours = {name: np.asarray(value) for name, value in results.items()}
    return Verification(oracle.name, compare_all(ours, oracle.run(inputs), tolerance))


def verify_layers(
    source: Source,
    inputs: Mapping[str, np.ndarray],
    *,
    dims: Mapping[str, int] | None = None,
    shapes: Mapping[str, Sequence[int]] | None = None,
    lowerings: Given | None = None,
    platform: str = "cpu",
    tolerance: float | None = None,
) -> LayerReport:
    """Compare every value that the nodes of an ONNX model compute, and find the first that diverges.

    onnxruntime runs the nodes as they stand in the file, without its optimisations; it must know all operators,
    those of `lowerings` (as in `import_onnx`) too.
    """
    from oxide.frontends.onnx import import_onnx
    from oxide.frontends.onnx.layers import expose_layers

    folder = "" if isinstance(source, bytes) else str(source.parent.resolve())
    layers = expose_layers(source if isinstance(source, bytes) else source.read_bytes())
    model = import_onnx(layers.model, base_dir=folder or None, dims=dims, shapes=shapes, lowerings=lowerings)
    oracle = onnxruntime_oracle(layers.model.SerializeToString(), base_dir=folder, optimize=False)
    comparisons = verify(model, oracle, inputs, platform=platform, pipeline="", tolerance=tolerance).comparisons
    return _report(oracle.name, comparisons, layers.producers)


def _report(oracle: str, comparisons: list[Comparison], producers: Mapping[str, NodeProto]) -> LayerReport:
    by_name = {comparison.name: comparison for comparison in comparisons}
    first = next((comparison for comparison in comparisons if not comparison.passed), None)
    if first is None:
        return LayerReport(oracle, comparisons)
    node = producers[first.name]
    read = [by_name[name] for name in dict.fromkeys(node.input) if name in by_name]
    return LayerReport(oracle, comparisons, first, node.name, node.op_type, read)
