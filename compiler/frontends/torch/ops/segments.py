"""Reductions of the segments that a dimension is cut into."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.dims import Size
from oxide.frontends.torch.ops.searching import search
from oxide.frontends.torch.promotion import compute_dtype
from oxide.frontends.torch.registry import Node, lowering

Value = ir.Value

# reduce -> (how elements are combined, what a segment starts with)
_REDUCTIONS: dict[str, tuple[str, float]] = {
    "sum": ("add", 0),
    "mean": ("add", 0),
    "max": ("max", float("-inf")),
    "min": ("min", float("inf")),
    "prod": ("multiply", 1),
}


@lowering("aten.segment_reduce.default")
def segment_reduce(
    node: Node,
    data: Value,
    reduce: str,
    lengths: Value | None = None,
    indices: Value | None = None,
    offsets: Value | None = None,
    axis: int = 0,
    unsafe: bool = False,
    initial: Any = None,
) -> Value:
    """Reduce segments of a dimension: the last that data shares with `lengths` [..., s] or `offsets` [..., s + 1].

    A segment starts with `initial`; the mean of nothing at all is NaN.  Lengths are not checked, as with `unsafe`:
    elements beyond the segments belong to none.
    """
    if indices is not None:
        raise node.error("segments by index are not supported, nor does PyTorch support them; give lengths")
    if lengths is None and offsets is None:
        raise node.error("segments need lengths or offsets")
    dtype = hlo.dtype(data)
    axis = hlo.normalize_axis(axis, hlo.rank(data))
    first, ends = _bounds(lengths, offsets)
    sizes = lengths if lengths is not None else hlo.subtract(ends, first)
    segments = _segment_of_each(first, ends, hlo.shape(data)[axis])
    kind, neutral = _REDUCTIONS[reduce]
    dims = [*hlo.shape(ends), *hlo.shape(data)[axis + 1 :]]
    wide = compute_dtype(dtype)
    start = hlo.full(dims, neutral if initial is None else initial, wide)
    spread = hlo.broadcast_in_dim(segments, hlo.shape(data), range(axis + 1))
    result = hlo.scatter_along_axis(start, spread, hlo.convert(data, wide), axis, kind)
    if reduce == "mean":
        count = hlo.broadcast_in_dim(hlo.convert(sizes, wide), dims, range(axis + 1))
        # 0 / 0 is the NaN of an empty segment that starts with nothing.
        result = hlo.divide(result, count if initial is None else hlo.maximum(count, 1))
    return hlo.convert(result, dtype)


def _bounds(lengths: Value | None, offsets: Value | None) -> tuple[Value, Value]:
    """(starts, ends) of segments, [..., s] in int64."""
    if offsets is not None:
        offsets = hlo.convert(offsets, np.int64)
        last, count = hlo.rank(offsets) - 1, hlo.shape(offsets)[-1]
        return hlo.slice_axis(offsets, last, 0, count - 1), hlo.slice_axis(offsets, last, 1, count)
    assert lengths is not None
    lengths = hlo.convert(lengths, np.int64)
    ends = hlo.cumulative(lengths, "add", -1)
    return hlo.subtract(ends, lengths), ends


def _segment_of_each(starts: Value, ends: Value, length: Size) -> Value:
    """For each of `length` positions the segment it is in, [..., length]; -1 for what is in none."""
    lead, count = hlo.shape(ends)[:-1], hlo.shape(ends)[-1]
    position = hlo.iota([*lead, length], len(lead), np.int64)
    segment = search(ends, position, hlo.less_equal)  # the first that ends behind the position
    if hlo.is_static([count]) and count == 0:
        return hlo.full([*lead, length], -1, np.int64)
    start = hlo.take_along_axis(starts, hlo.minimum(segment, count - 1), -1)
    inside = hlo.and_(hlo.less(segment, count), hlo.greater_equal(position, start))
    return hlo.select(inside, segment, -1)
