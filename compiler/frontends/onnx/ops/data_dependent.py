"""Operators whose result size depends on data: NonZero, Compress, Unique and NonMaxSuppression.

What is known at import is computed there.  Else the result is a Bounded: a buffer of the largest size and a count.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.dims import require_same
from oxide.frontends.bounded import Bounded, compaction, picked
from oxide.frontends.distinct import equal_rows
from oxide.frontends.onnx.registry import Node, lowering


@lowering("NonZero", 9, 13)
def non_zero(node: Node, x: ir.Value) -> ir.Value | Bounded:
    """int64 [rank, n]: the coordinates of the elements that are not zero, in row-major order."""
    known = node.static_or_none(x)
    if known is not None:
        return hlo.constant(np.array(np.nonzero(np.atleast_1d(known)), np.int64))
    rows, count = picked(x if hlo.rank(x) else hlo.reshape(x, [1]))
    return Bounded(hlo.stack(rows, 0), 1, count)


@lowering("Compress", 9, 11, 28)
def compress(node: Node, x: ir.Value, condition: ir.Value, *, axis: int | None = None) -> ir.Value | Bounded:
    """The slices along `axis` (elements without one) where the condition holds; it may be too short."""
    if axis is None:
        x, axis = hlo.reshape(x, [hlo.size(x)]), 0
    axis = hlo.normalize_axis(axis, hlo.rank(x))
    if hlo.rank(condition) != 1 or hlo.size(condition) > hlo.shape(x)[axis]:
        raise node.error(f"a condition of shape {hlo.shape(condition)} for {hlo.shape(x)[axis]} slices")
    known = node.static_or_none(condition)
    if known is not None:
        return hlo.take(x, hlo.constant(np.flatnonzero(known).astype(np.int32)), axis)
    order, count = compaction(condition)
    return Bounded(hlo.take(x, order, axis), axis, count)


# --------------------------------------------------------------------------------------------------- Unique


@lowering("Unique", 11, 28)
def unique(node: Node, x: ir.Value, *, axis: int | None = None, sorted: int = 1) -> Sequence[ir.Value | Bounded]:
    """Distinct slices along `axis` (elements without one), ascending or by first occurrence; then the indices of
    their first occurrences, the inverse, and how often each occurs."""
    if axis is None:
        x, axis = hlo.reshape(x, [hlo.size(x)]), 0
    axis = hlo.normalize_axis(axis, hlo.rank(x))
    size = hlo.shape(x)[axis]
    if not size:
        empty = hlo.constant(np.zeros([0], np.int64))
        return [x, empty, empty, empty][: node.output_count]
    if not hlo.size(x):
        raise node.error(f"slices of shape {hlo.shape(x)} along axis {axis} have no elements to compare")
    rows = hlo.reshape(hlo.move_axis(x, axis, 0), [size, hlo.size(x) // size])
    groups = equal_rows(rows, nan_is_one=True)
    if not sorted:
        groups = groups.by_occurrence()
    first = groups.first()
    values = hlo.take(x, hlo.minimum(first, size - 1), axis)
    distinct = [Bounded(part, 0, groups.count) for part in (first, groups.sizes())]
    return [Bounded(values, axis, groups.count), distinct[0], groups.of_each(), distinct[1]][: node.output_count]


# ----------------------------------------------------------------------------------------- NonMaxSuppression


@lowering("NonMaxSuppression", 10, 11)
def non_max_suppression(
    node: Node,
    boxes: ir.Value,
    scores: ir.Value,
    max_output_boxes_per_class: ir.Value | None = None,
    iou_threshold: ir.Value | None = None,
    score_threshold: ir.Value | None = None,
    *,
    center_point_box: int = 0,
) -> ir.Value | Bounded:
    """int64 [n, 3]: batch, class and box of the boxes kept, best first within a class.

    Boxes are [batch, n, 4], scores [batch, classes, n].  One box a class is taken in each step of a loop,
    the best one left, until none is or the limit is reached.
    """
    if center_point_box not in (0, 1):
        raise node.error(f"center_point_box is {center_point_box}, expected 0 or 1")
    if hlo.rank(scores) != 3:
        raise node.error(f"scores of shape {hlo.shape(scores)} must be [batch, classes, boxes]")
    batch, classes, total = hlo.shape(scores)
    message = f"boxes of shape {hlo.shape(boxes)} do not fit scores of shape {hlo.shape(scores)}"
    require_same(hlo.shape(boxes), (batch, total, 4), message)
    limit = 0
    if max_output_boxes_per_class is not None:
        wanted = node.number(max_output_boxes_per_class, "max_output_boxes_per_class")
        limit = min(max(wanted, 0), total)
    if not limit or not batch * classes:
        return hlo.constant(np.zeros([0, 3], np.int64))
    alive = hlo.full(hlo.shape(scores), True, np.bool_)
    if score_threshold is not None:
        alive = hlo.greater(scores, hlo.convert(hlo.reshape(score_threshold, []), hlo.dtype(scores)))
    threshold = hlo.constant(0.0, hlo.dtype(boxes)) if iou_threshold is None else iou_threshold
    corners = _corners(boxes, bool(center_point_box))
    chosen, taken = _suppress(
        corners, scores, alive, hlo.convert(hlo.reshape(threshold, []), hlo.dtype(boxes)), limit
    )
    order, count = compaction(hlo.reshape(taken, [batch * classes * limit]))
    columns = [
        hlo.iota([batch, classes, limit], 0, np.int64),
        hlo.iota([batch, classes, limit], 1, np.int64),
        hlo.convert(chosen, np.int64),
    ]
    table = hlo.reshape(hlo.stack(columns, 3), [batch * classes * limit, 3])
    return Bounded(hlo.take(table, order, 0), 0, count)


def _corners(boxes: ir.Value, centered: bool) -> list[ir.Value]:
    """[batch, 1, n] each: top, left, bottom, right of [y1, x1, y2, x2] or [x centre, y centre, width, height]."""
    parts = [hlo.reshape(p, [hlo.shape(boxes)[0], 1, hlo.shape(boxes)[1]]) for p in hlo.split(boxes, 2, [1] * 4)]
    if centered:
        x, y, width, height = parts
        half_width, half_height = hlo.divide(width, 2), hlo.divide(height, 2)
        return [
            hlo.subtract(y, half_height),
            hlo.subtract(x, half_width),
            hlo.add(y, half_height),
            hlo.add(x, half_width),
        ]
    y1, x1, y2, x2 = parts
    return [hlo.minimum(y1, y2), hlo.minimum(x1, x2), hlo.maximum(y1, y2), hlo.maximum(x1, x2)]


def _suppress(
    corners: list[ir.Value], scores: ir.Value, alive: ir.Value, threshold: ir.Value, limit: int
) -> tuple[ir.Value, ir.Value]:
    """int32 and bool [batch, classes, limit]: the box taken in each step, and whether one was."""
    batch, classes, _ = dims = hlo.shape(scores)
    lowest = float(hlo.lowest_finite(hlo.dtype(scores)))
    boxes = [hlo.broadcast_to(c, dims) for c in corners]

    def proceed(step: ir.Value, alive: ir.Value, chosen: ir.Value, taken: ir.Value) -> ir.Value:
        return hlo.and_(hlo.less(step, limit), hlo.reduce(alive, "or"))

    def take_best(step: ir.Value, alive: ir.Value, chosen: ir.Value, taken: ir.Value) -> list[ir.Value]:
        # A dead box is below every live one, also below one with a score of -inf.
        ranked = hlo.select(alive, hlo.maximum(scores, lowest), -math.inf)
        best = hlo.expand_dims(hlo.argmax(ranked, 2, index_dtype="int32"), [2])
        found = hlo.reduce(alive, "or", [2], keepdims=True)
        mine = [hlo.take_along_axis(b, best, 2) for b in boxes]
        overlaps = hlo.greater(_intersection_over_union(mine, boxes), threshold)
        is_best = hlo.equal(hlo.iota(dims, 2, np.int32), best)
        start = [hlo.constant(0, np.int32), hlo.constant(0, np.int32), step]
        return [
            hlo.add(step, 1),
            hlo.and_(alive, hlo.not_(hlo.or_(overlaps, is_best))),
            hlo.dynamic_update_slice(chosen, best, start),
            hlo.dynamic_update_slice(taken, found, start),
        ]

    initial = [
        hlo.constant(0, np.int32),
        alive,
        hlo.full([batch, classes, limit], 0, np.int32),
        hlo.full([batch, classes, limit], False, np.bool_),
    ]
    _, _, chosen, taken = hlo.while_(proceed, take_best, initial)
    return chosen, taken


def _intersection_over_union(a: list[ir.Value], b: list[ir.Value]) -> ir.Value:
    """Of boxes given by top, left, bottom, right; zero where they do not meet."""
    height = hlo.subtract(hlo.minimum(a[2], b[2]), hlo.maximum(a[0], b[0]))
    width = hlo.subtract(hlo.minimum(a[3], b[3]), hlo.maximum(a[1], b[1]))
    common = hlo.multiply(hlo.maximum(height, 0), hlo.maximum(width, 0))
    areas = [hlo.multiply(hlo.subtract(c[2], c[0]), hlo.subtract(c[3], c[1])) for c in (a, b)]
    ratio = hlo.divide(common, hlo.subtract(hlo.add(areas[0], areas[1]), common))
    return hlo.select(hlo.greater(common, 0), ratio, 0)
