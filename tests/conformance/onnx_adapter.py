"""Adapter for an ONNX suite runner that compiles StableHLO itself (protocol `stablehlo`).

onnx_suite.py run --adapter onnx_adapter:to_stablehlo --path tests/conformance --protocol stablehlo --out r.json
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from onnx import ModelProto

from oxide import import_onnx
from oxide.bounded import Bound, read_bounds, trim
from oxide.inline_weights import inline_weights
from oxide.nesting import Nesting, read_nesting

# Milliseconds a stage of the last call took; the runner copies it into its report.
LAST: dict[str, float] = {}


@dataclass(frozen=True)
class Lowered:
    """A module with one public function and no weights beside it."""

    mlir: str
    bounds: Mapping[int, Bound]
    nesting: Nesting

    def pack(self, inputs: Sequence[Any]) -> list[Any]:
        """The tensors in sequences and optionals."""
        return self.nesting.pack(inputs)

    def unpack(self, results: Sequence[Any]) -> list[Any]:
        """Cut the results whose size depends on data down to it, and put sequences together."""
        return self.nesting.unpack(trim(results, self.bounds))


def VERSIONS() -> dict[str, str]:
    return {name: version(name) for name in ("oxide-mlir", "onnx", "jaxlib")}


def to_stablehlo(model: ModelProto, specs: Sequence[Any]) -> Lowered:
    """`specs` has one entry an input: ("tensor", dtype, shape), ("seq", [...]) or None (absent optional)."""
    start = time.perf_counter()
    weights = {t.name for t in model.graph.initializer} | {s.values.name for s in model.graph.sparse_initializer}
    names = [value.name for value in model.graph.input if value.name not in weights]
    imported = import_onnx(model, shapes={name: _shape(spec) for name, spec in zip(names, specs, strict=True)})
    LAST["import"] = (time.perf_counter() - start) * 1e3
    module = inline_weights(imported).module
    return Lowered(str(module), read_bounds(module), read_nesting(module))


def _shape(spec: Any) -> Any:
    if spec is None:
        return None
    return spec[2] if spec[0] == "tensor" else [_shape(part) for part in spec[1]]


def import_only(model: ModelProto) -> dict[str, float]:
    """Seconds from a parsed model to verified StableHLO."""
    start = time.perf_counter()
    import_onnx(model)
    return {"import": time.perf_counter() - start}
