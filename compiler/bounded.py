"""Results whose size depends on data: a buffer of the largest size, and how much of it counts.

XLA fixes every shape at compile time.  A result of `@main` that can come out smaller (ONNX NonZero, Unique,
NonMaxSuppression, Compress) is a buffer of its largest size; its result attribute

    oxide.bounded = {axis = 0 : i64, count = 2 : i64}

says that along `axis` only the leading elements are the result, as many as the i64 scalar result number
`count` of the same function says.  What follows them is unspecified.  Counts come after all other results and
may be shared.  `trim` undoes this on the host.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxlib.mlir import ir

from oxide.signature import TensorSpec, entry_function

BOUNDED = "oxide.bounded"


@dataclass(frozen=True)
class Bound:
    """The size along `axis` is the value of result number `count`."""

    axis: int
    count: int


def to_attribute(bound: Bound) -> ir.DictAttr:
    i64 = ir.IntegerType.get_signless(64)
    return ir.DictAttr.get(
        {k: ir.IntegerAttr.get(i64, v) for k, v in (("axis", bound.axis), ("count", bound.count))}
    )


def read_bounds(module: ir.Module) -> dict[int, Bound]:
    """The bounded results of `@main` by result number; empty for most modules."""
    function = entry_function(module)
    if "res_attrs" not in function.attributes:
        return {}
    bounds: dict[int, Bound] = {}
    with module.context:
        for number, item in enumerate(ir.ArrayAttr(function.attributes["res_attrs"])):
            attributes = ir.DictAttr(item)
            if BOUNDED in attributes:
                fields = ir.DictAttr(attributes[BOUNDED])
                axis, count = (ir.IntegerAttr(fields[key]).value for key in ("axis", "count"))
                bounds[number] = Bound(axis, count)
    return bounds


def trim(results: Sequence[Any], bounds: Mapping[int, Bound]) -> list[Any]:
    """The results in their true sizes, without the counts.  Arrays of any kind that can be sliced."""
    counts = {bound.count: int(np.asarray(results[bound.count])) for bound in bounds.values()}
    return [
        _leading(value, bounds[number], counts) if number in bounds else value
        for number, value in enumerate(results)
        if number not in counts
    ]


def trimmed_specs(outputs: Sequence[TensorSpec], bounds: Mapping[int, Bound]) -> tuple[TensorSpec, ...]:
    """The outputs as `trim` leaves them: sizes that depend on data are None, counts are gone."""
    counts = {bound.count for bound in bounds.values()}
    kept = [(spec, bounds.get(number)) for number, spec in enumerate(outputs) if number not in counts]
    return tuple(spec if bound is None else _open(spec, bound.axis) for spec, bound in kept)


def _open(spec: TensorSpec, axis: int) -> TensorSpec:
    return spec.of_shape((*spec.shape[:axis], None, *spec.shape[axis + 1 :]))


def _leading(value: Any, bound: Bound, counts: Mapping[int, int]) -> Any:
    return value[(*[slice(None)] * bound.axis, slice(counts[bound.count]))]
