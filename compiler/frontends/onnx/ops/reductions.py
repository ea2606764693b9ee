"""Reduce* and the cumulative operators.

Axes are an attribute before opset 18 (ReduceSum: 13) and an input after; an empty list means all axes, or none
with `noop_with_empty_axes`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import dtypes, hlo
from oxide.frontends.onnx.registry import Node, register
from oxide.frontends.running import cumulative

# (x, axes, keepdims) -> value
Reduction = Callable[[ir.Value, Sequence[int], bool], ir.Value]


def _sum(x: ir.Value, axes: Sequence[int], keepdims: bool) -> ir.Value:
    return hlo.reduce_sum(x, axes, keepdims=keepdims)


def _max(x: ir.Value, axes: Sequence[int], keepdims: bool) -> ir.Value:
    return hlo.reduce_max(x, axes, keepdims=keepdims)


def _min(x: ir.Value, axes: Sequence[int], keepdims: bool) -> ir.Value:
    return hlo.reduce_min(x, axes, keepdims=keepdims)


def _product(x: ir.Value, axes: Sequence[int], keepdims: bool) -> ir.Value:
    return hlo.reduce_prod(x, axes, keepdims=keepdims)


def _mean(x: ir.Value, axes: Sequence[int], keepdims: bool) -> ir.Value:
    return hlo.reduce_mean(x, axes, keepdims=keepdims)


def _l1(x: ir.Value, axes: Sequence[int], keepdims: bool) -> ir.Value:
    return _sum(x if dtypes.is_unsigned(hlo.dtype(x)) else hlo.abs(x), axes, keepdims)


def _sum_square(x: ir.Value, axes: Sequence[int], keepdims: bool) -> ir.Value:
    return _sum(hlo.multiply(x, x), axes, keepdims)


def _in_float(compute: Reduction) -> Reduction:
    """For results that are not integers: integer inputs are computed in float64 and truncated."""

    def lower(x: ir.Value, axes: Sequence[int], keepdims: bool) -> ir.Value:
        dtype = hlo.dtype(x)
        if dtypes.is_float(dtype):
            return compute(x, axes, keepdims)
        return hlo.convert(compute(hlo.convert(x, np.float64), axes, keepdims), dtype)

    return lower


def _l2(x: ir.Value, axes: Sequence[int], keepdims: bool) -> ir.Value:
    return hlo.sqrt(_sum_square(x, axes, keepdims))


def _log_sum(x: ir.Value, axes: Sequence[int], keepdims: bool) -> ir.Value:
    return hlo.log(_sum(x, axes, keepdims))


def _log_sum_exp(x: ir.Value, axes: Sequence[int], keepdims: bool) -> ir.Value:
    """max + log sum exp(x - max); an infinite maximum is not subtracted, since inf - inf is NaN."""
    peak = hlo.reduce_max(x, axes, keepdims=True)
    peak = hlo.select(hlo.is_finite(peak), peak, 0)
    total = hlo.add(hlo.log(_sum(hlo.exp(hlo.subtract(x, peak)), axes, True)), peak)
    return total if keepdims else hlo.squeeze(total, axes)


# operator, versions with axes as attribute, versions with axes as input, computation
REDUCTIONS: list[tuple[str, tuple[int, ...], tuple[int, ...], Reduction]] = [
    ("ReduceL1", (1, 11, 13), (18,), _l1),
    ("ReduceL2", (1, 11, 13), (18,), _in_float(_l2)),
    ("ReduceLogSum", (1, 11, 13), (18, 28), _in_float(_log_sum)),
    ("ReduceLogSumExp", (1, 11, 13), (18, 28), _in_float(_log_sum_exp)),
    ("ReduceMax", (1, 11, 12, 13), (18, 20), _max),
    ("ReduceMean", (1, 11, 13), (18,), _mean),
    ("ReduceMin", (1, 11, 12, 13), (18, 20), _min),
    ("ReduceProd", (1, 11, 13), (18,), _product),
    ("ReduceSum", (1, 11), (13,), _sum),
    ("ReduceSumSquare", (1, 11, 13), (18,), _sum_square),
]


def _with_attribute(compute: Reduction) -> Callable:
    def lower(node: Node, x: ir.Value, *, axes: list[int] | None = None, keepdims: int = 1) -> ir.Value:
        return compute(x, _axes(x, axes), bool(keepdims))

    return lower


def _with_input(compute: Reduction) -> Callable:
    def lower(
        node: Node,
        x: ir.Value,
        axes: ir.Value | None = None,
        *,
        keepdims: int = 1,
        noop_with_empty_axes: int = 0,
    ) -> ir.Value:
        known = [] if axes is None else node.static(axes, "axes").reshape(-1).tolist()
        if not known and noop_with_empty_axes:
            return compute(x, [], bool(keepdims))
        return compute(x, _axes(x, known), bool(keepdims))

    return lower


def _axes(x: ir.Value, axes: Sequence[int] | None) -> list[int]:
    return hlo.normalize_axes(axes, hlo.rank(x)) if axes else list(range(hlo.rank(x)))


for _name, _attribute, _input, _compute in REDUCTIONS:
    register(_name, _attribute, _with_attribute(_compute))
    register(_name, _input, _with_input(_compute))


def _cumulative(kind: str) -> Callable:
    def lower(node: Node, x: ir.Value, axis: ir.Value, *, exclusive: int = 0, reverse: int = 0) -> ir.Value:
        along = node.number(axis, "axis")
        return cumulative(x, kind, along, exclusive=bool(exclusive), reverse=bool(reverse))

    return lower


register("CumSum", (11, 14), _cumulative("add"))
register("CumProd", (26,), _cumulative("multiply"))
