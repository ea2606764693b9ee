"""Operators that pick, place and select elements by index."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.frontends.bounded import Bounded
from oxide.frontends.onnx.bounded_rules.call import Call, buffer_of, masked, rule, same_size

# An index that no dimension has: a scatter leaves such updates out.
NOWHERE = 2**31 - 1


def _wrapped(indices: ir.Value, length: hlo.Operand) -> ir.Value:
    """Negative indices count from the end of what counts."""
    wide = hlo.convert(indices, np.int64)
    return hlo.select(hlo.less(wide, 0), hlo.add(wide, length), wide)


@rule("Gather")
def gather(call: Call) -> list[Any]:
    x, indices = call.operands
    axis = call.axis(0, hlo.rank(buffer_of(x)))
    chosen = buffer_of(indices)
    if isinstance(x, Bounded) and x.axis == axis:
        chosen = _wrapped(chosen, x.count)
    (result,) = call.run(buffer_of(x), chosen)
    if isinstance(x, Bounded) and x.axis != axis:
        if isinstance(indices, Bounded):
            call.refuse("two dimensions would have sizes that depend on data")
        return [Bounded(result, x.axis if x.axis < axis else x.axis + hlo.rank(chosen) - 1, x.count)]
    return [Bounded(result, axis + indices.axis, indices.count) if isinstance(indices, Bounded) else result]


@rule("GatherElements")
def gather_elements(call: Call) -> list[Any]:
    x, indices = call.operands
    axis = call.axis(0, hlo.rank(buffer_of(x)))
    chosen = buffer_of(indices)
    if isinstance(x, Bounded) and x.axis == axis:
        chosen = _wrapped(chosen, x.count)
    elif isinstance(x, Bounded):
        if not (isinstance(indices, Bounded) and indices.axis == x.axis and same_size(x, indices)):
            call.refuse("data and indices have different sizes")
    elif indices.axis != axis:
        call.refuse("the indices have another size than the data")
    (result,) = call.run(buffer_of(x), chosen)
    return [Bounded(result, indices.axis, indices.count) if isinstance(indices, Bounded) else result]


@rule("GatherND")
def gather_nd(call: Call) -> list[Any]:
    x, indices = call.operands
    if call.attributes.get("batch_dims"):
        call.refuse("batch_dims is not supported")
    rows, depth = _coordinates(call, x, indices)
    (result,) = call.run(buffer_of(x), rows)
    if isinstance(x, Bounded) and x.axis >= depth:
        if isinstance(indices, Bounded):
            call.refuse("two dimensions would have sizes that depend on data")
        return [Bounded(result, hlo.rank(rows) - 1 + x.axis - depth, x.count)]
    return [Bounded(result, indices.axis, indices.count) if isinstance(indices, Bounded) else result]


def _coordinates(call: Call, x: Any, indices: Any) -> tuple[ir.Value, int]:
    """Rows of coordinates, negative ones counted from the end of what counts, and how many a row has."""
    rows = buffer_of(indices)
    depth = ir.RankedTensorType(rows.type).shape[-1]
    if isinstance(indices, Bounded) and indices.axis == hlo.rank(rows) - 1:
        call.refuse("the number of coordinates depends on data")
    if isinstance(x, Bounded) and x.axis < depth:
        dims = [x.count if i == x.axis else hlo.constant(d, np.int64) for i, d in enumerate(hlo.shape(x.buffer))]
        rows = _wrapped(rows, hlo.stack(dims[:depth], 0))
    return rows, depth


@rule("ScatterND")
def scatter_nd(call: Call) -> list[Any]:
    x, indices, updates = call.operands
    rows, depth = _coordinates(call, x, indices)
    if isinstance(x, Bounded) and x.axis >= depth:
        call.refuse("updates of a size that depends on data in another dimension are not supported")
    return _scattered(call, x, indices, rows, updates)


@rule("ScatterElements", "Scatter")
def scatter_elements(call: Call) -> list[Any]:
    x, indices, updates = call.operands
    axis = call.axis(0, hlo.rank(buffer_of(x)))
    rows = buffer_of(indices)
    if isinstance(x, Bounded):
        if x.axis != axis:
            call.refuse("data and indices have different sizes")
        rows = _wrapped(rows, x.count)
    return _scattered(call, x, indices, rows, updates)


def _scattered(call: Call, x: Any, indices: Any, rows: ir.Value, updates: Any) -> list[Any]:
    """Updates that do not count go nowhere.

    The operator demands one update for each index, so where their numbers depend on data they are taken to be the
    same.  As with an index out of range, a run that breaks this is no error: what is left over goes nowhere.
    """
    bounded = [value for value in (indices, updates) if isinstance(value, Bounded)]
    values = buffer_of(updates)
    if bounded:
        axis = bounded[0].axis
        numbered = hlo.rank(rows) - (call.node.op_type == "ScatterND")
        if bounded[-1].axis != axis or axis >= numbered:
            call.refuse("indices and updates must be as many")
        room = min(hlo.shape(rows)[axis], hlo.shape(values)[axis])
        rows, values = (hlo.slice_axis(v, axis, 0, room) for v in (rows, values))
        counting = hlo.less(hlo.iota(hlo.shape(rows), axis, np.int64), bounded[0].count)
        rows = hlo.select(counting, hlo.convert(rows, np.int64), NOWHERE)
    (result,) = call.run(buffer_of(x), rows, values)
    return [Bounded(result, x.axis, x.count) if isinstance(x, Bounded) else result]


# ------------------------------------------------------------------------------------------------- selection


@rule("NonZero")
def non_zero(call: Call) -> list[Any]:
    """Coordinates do not depend on the size of a dimension; padding is zero."""
    (x,) = call.operands
    return _with_bounds(call, masked(x, 0))


@rule("Compress")
def compress(call: Call) -> list[Any]:
    x, condition = call.operands
    rank = hlo.rank(buffer_of(x))
    axis = hlo.normalize_axis(call.attributes["axis"], rank) if "axis" in call.attributes else 0
    if isinstance(x, Bounded) and (x.axis != axis or (rank > 1 and "axis" not in call.attributes)):
        call.refuse("two dimensions would have sizes that depend on data")
    keep = masked(condition, False) if isinstance(condition, Bounded) else condition
    if isinstance(x, Bounded):
        length = hlo.shape(keep)[0]
        keep = hlo.and_(keep, hlo.less(hlo.iota([length], 0, np.int64), x.count))
    return _with_bounds(call, buffer_of(x), keep)


@rule("NonMaxSuppression")
def non_max_suppression(call: Call) -> list[Any]:
    """Padding scores -inf, which no score threshold passes; without one, no box that scores -inf is kept."""
    boxes, scores, *limits = call.operands
    if not (isinstance(boxes, Bounded) and isinstance(scores, Bounded)):
        call.refuse("boxes and scores must be as many")
    if (boxes.axis, scores.axis) != (1, 2) or not same_size(boxes, scores):
        call.refuse("boxes and scores must be as many")
    limits += [None] * (3 - len(limits))
    threshold = hlo.constant(-math.inf, hlo.dtype(scores.buffer)) if limits[2] is None else limits[2]
    return _with_bounds(call, boxes.buffer, masked(scores, -math.inf), *limits[:2], threshold)


def _with_bounds(call: Call, *operands: Any) -> list[Any]:
    """Results of a lowering that makes bounded values itself."""
    result = call.lower(*operands)
    return [result]
