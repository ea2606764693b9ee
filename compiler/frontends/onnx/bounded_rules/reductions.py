"""Reductions and extremes: padding is made neutral where the axis is reduced."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from oxide.dialects import hlo
from oxide.frontends.bounded import Bounded
from oxide.frontends.onnx.bounded_rules.call import Call, buffer_of, masked, only, rule, size
from oxide.frontends.ranges import upper_bound

REDUCTIONS = ("L1", "L2", "LogSum", "LogSumExp", "Max", "Mean", "Min", "Prod", "Sum", "SumSquare")


def _neutral(kind: str, dtype: np.dtype) -> Any:
    return {
        "Max": hlo.lowest,
        "LogSumExp": hlo.lowest,
        "Min": hlo.highest,
        "Prod": lambda dtype: 1,
    }.get(kind, lambda dtype: 0)(dtype)


@rule(*(f"Reduce{kind}" for kind in REDUCTIONS))
def reduction(call: Call) -> list[Any]:
    x = only(call, 0)
    rank = hlo.rank(x.buffer)
    listed = call.attributes.get("axes") or (call.known(1, "axes") if call.operand(1) is not None else [])
    if not listed and call.attributes.get("noop_with_empty_axes"):
        return [Bounded(call.on_buffers()[0], x.axis, x.count)]
    axes = hlo.normalize_axes(listed, rank) if listed else list(range(rank))
    keepdims = bool(call.attributes.get("keepdims", 1))
    if x.axis not in axes:
        removed = 0 if keepdims else sum(axis < x.axis for axis in axes)
        return [Bounded(call.on_buffers()[0], x.axis - removed, x.count)]
    kind = call.node.op_type.removeprefix("Reduce")
    filled = masked(x, _neutral(kind, hlo.dtype(x.buffer)))
    if kind == "Mean":
        dims = hlo.shape(x.buffer)
        rest = math.prod(dims[axis] for axis in axes if axis != x.axis)
        total = hlo.reduce_sum(filled, axes, keepdims=keepdims)
        return [hlo.divide(total, hlo.convert(hlo.multiply(x.count, rest), hlo.dtype(total)))]
    return [call.on_buffers(filled)[0]]


@rule("ArgMax", "ArgMin")
def arg_extreme(call: Call) -> list[Any]:
    x = only(call, 0)
    axis = call.axis(0, hlo.rank(x.buffer))
    if axis != x.axis:
        removed = not call.attributes.get("keepdims", 1) and axis < x.axis
        return [Bounded(call.on_buffers()[0], x.axis - removed, x.count)]
    if call.attributes.get("select_last_index"):
        call.refuse("select_last_index along that axis could select padding")
    worst = hlo.lowest if call.node.op_type == "ArgMax" else hlo.highest
    return [call.run(masked(x, worst(hlo.dtype(x.buffer))))[0]]


@rule("TopK")
def top_k(call: Call) -> list[Any]:
    """Padding comes last, also behind elements as small, since equal ones keep their order."""
    x, k = call.operands[0], call.operand(1)
    buffer = buffer_of(x)
    axis = call.axis(-1, hlo.rank(buffer))
    if isinstance(x, Bounded) and x.axis == axis:
        worst = hlo.lowest if call.attributes.get("largest", 1) else hlo.highest
        buffer = masked(x, worst(hlo.dtype(buffer)))
    if k is None or call.node.static_or_none(k) is not None:
        results = call.run(buffer, *call.operands[1:])
        along = not isinstance(x, Bounded) or x.axis == axis
        return results if along else [Bounded(r, x.axis, x.count) for r in results]
    if isinstance(x, Bounded) and x.axis != axis:
        call.refuse("two dimensions would have sizes that depend on data")
    most = min(upper_bound(k) or 0, hlo.shape(buffer)[axis])
    count = hlo.clamp(0, hlo.convert(hlo.reshape(k, []), np.int64), size(x) if isinstance(x, Bounded) else most)
    return [Bounded(r, axis, count) for r in call.run(buffer, hlo.constant(np.array([most], np.int64)))]
