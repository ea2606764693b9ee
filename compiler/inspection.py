"""What a model is: its inputs, outputs and weights, its operations, and what one call costs."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from oxide.dialects import dtypes
from oxide.dialects.dims import Size
from oxide.model import Model
from oxide.passes.cost_analysis import module_cost
from oxide.passes.cost_analysis.report import plain
from oxide.signature import TensorSpec


@dataclass(frozen=True)
class Inspection:
    """A summary of a model; `passes/cost_analysis` says how FLOPs and bytes are counted.

    `operations` maps names to counts, most frequent first; a composite counts under its own name.
    Counts are expressions over the sizes that are open; `uncounted` are operations whose FLOPs no expression says.
    """

    name: str
    inputs: list[TensorSpec]
    outputs: list[TensorSpec]
    parameters: list[TensorSpec]
    operations: dict[str, int]
    flops: Size
    transcendentals: Size
    bytes: Size
    uncounted: dict[str, int]

    @property
    def parameter_count(self) -> int:
        return sum(map(element_count, self.parameters))

    @property
    def parameter_bytes(self) -> int:
        return sum(element_count(spec) * spec.dtype.itemsize for spec in self.parameters)

    def to_json(self) -> dict[str, Any]:
        """The same as plain data; a dynamic dimension is null, a count over open sizes its text."""
        return {
            "name": self.name,
            "inputs": [spec_json(spec) for spec in self.inputs],
            "outputs": [spec_json(spec) for spec in self.outputs],
            "parameters": [spec_json(spec) for spec in self.parameters],
            "parameter_count": self.parameter_count,
            "parameter_bytes": self.parameter_bytes,
            "operations": self.operations,
            "flops": plain(self.flops),
            "transcendentals": plain(self.transcendentals),
            "bytes": plain(self.bytes),
            "uncounted": self.uncounted,
        }


def inspect(model: Model) -> Inspection:
    """Summarise a model; the module is only read."""
    with model.module.context:
        cost = module_cost(model.module)
        return Inspection(
            name=model.name,
            inputs=model.inputs,
            outputs=model.outputs,
            parameters=model.parameter_specs,
            operations=by_frequency(cost.operations.items()),
            flops=cost.flops,
            transcendentals=cost.transcendentals,
            bytes=cost.bytes,
            uncounted=by_frequency(cost.uncounted.items()),
        )


def by_frequency(counts: Iterable[tuple[str, int]]) -> dict[str, int]:
    return dict(sorted(counts, key=lambda item: (-item[1], item[0])))


def element_count(spec: TensorSpec) -> int:
    """Number of elements; a dynamic dimension counts as one."""
    return math.prod(1 if dim is None else dim for dim in spec.shape)


def spec_json(spec: TensorSpec) -> dict[str, Any]:
    return {"name": spec.name, "shape": list(spec.shape), "dtype": dtypes.spelling(spec.dtype)}
