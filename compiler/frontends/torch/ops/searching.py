"""Where numbers belong in sorted ones, whether they are among others, and histograms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.frontends.torch.promotion import common_dtype
from oxide.frontends.torch.registry import Node, lowering

Value = ir.Value


def search(sequence: Value, values: Value, goes_right: Callable[[Value, Value], Value]) -> Value:
    """For each value the position (int64) of the first element for which `goes_right(element, value)` is false.

    Binary search along the last dimension of `sequence`, which has one dimension (and values any) or the leading
    dimensions of `values`.
    """
    length = hlo.shape(sequence)[-1]
    none = hlo.full(hlo.shape(values), 0, np.int64)
    if hlo.is_static([length]) and length == 0:
        return none
    along = hlo.rank(sequence) - 1

    def look(position: Value) -> Value:
        within = hlo.minimum(position, length - 1)
        return hlo.take_along_axis(sequence, within, along) if along else hlo.take(sequence, within, 0)

    def halve(turn: Value, low: Value, high: Value) -> hlo.Step:
        middle = hlo.add(low, hlo.divide(hlo.subtract(high, low), 2))
        right = goes_right(look(middle), values)
        searching = hlo.less(low, high)
        above = hlo.select(hlo.and_(searching, right), hlo.add(middle, 1), low)
        below = hlo.select(hlo.and_(searching, hlo.not_(right)), middle, high)
        return hlo.Step([above, below])

    turns = length.bit_length() if hlo.is_static([length]) else 63
    high = hlo.full(hlo.shape(values), length, np.int64)
    return hlo.loop(turns, halve, [none, high]).state[0]


def _below(element: Value, value: Value) -> Value:
    return hlo.less(element, value)


def _not_at_least(element: Value, value: Value) -> Value:
    """Of unordered elements (NaN) too, so that NaN belongs at the end."""
    return hlo.not_(hlo.greater_equal(element, value))


def _not_above(element: Value, value: Value) -> Value:
    return hlo.not_(hlo.greater(element, value))


@lowering("aten.searchsorted.Tensor", "aten.searchsorted.Scalar")
def searchsorted(
    node: Node,
    sorted_sequence: Value,
    self: Any,
    out_int32: bool = False,
    right: bool = False,
    side: str | None = None,
    sorter: Value | None = None,
) -> Value:
    """The first position where each value can be inserted, the last one when `right`."""
    if sorter is not None:
        sorted_sequence = hlo.take_along_axis(sorted_sequence, sorter, -1)
    common = common_dtype([sorted_sequence, self])
    sequence = hlo.convert(sorted_sequence, common)
    values = hlo.convert(self, common) if isinstance(self, Value) else hlo.constant(self, common)
    goes_right = _not_above if right or side == "right" else _not_at_least
    return hlo.convert(search(sequence, values, goes_right), node.dtype)


@lowering("aten.bucketize.Tensor", "aten.bucketize.Scalar")
def bucketize(node: Node, self: Any, boundaries: Value, out_int32: bool = False, right: bool = False) -> Value:
    """The bucket of each value: `right` says that a bucket has its lower boundary rather than its upper one."""
    return searchsorted(node, boundaries, self, out_int32, right)


@lowering("aten.isin.Tensor_Tensor", "aten.isin.Tensor_Scalar", "aten.isin.Scalar_Tensor")
def isin(
    node: Node,
    elements: Any = None,
    test_elements: Any = None,
    assume_unique: bool = False,
    invert: bool = False,
    element: Any = None,
    test_element: Any = None,
) -> Value:
    """Whether each element is equal to one of the others, which are sorted and searched."""
    given = elements if elements is not None else element
    tests = test_elements if test_elements is not None else test_element
    common = common_dtype([given, tests])
    value, others = (
        hlo.convert(x, common) if isinstance(x, Value) else hlo.constant(x, common) for x in (given, tests)
    )
    found = _is_among(value, hlo.reshape(others, [hlo.size(others)]))
    return hlo.not_(found) if invert else found


def _is_among(value: Value, others: Value) -> Value:
    count = hlo.shape(others)[0]
    if hlo.is_static([count]) and count <= 1:
        return hlo.equal(value, hlo.reshape(others, [])) if count else hlo.full(hlo.shape(value), False, np.bool_)
    (ordered,) = hlo.sort([others], 0)
    place = search(ordered, value, _below)  # NaNs are last, and below nothing
    return hlo.equal(hlo.take(ordered, hlo.minimum(place, count - 1), 0), value)


@lowering("aten.histc.default")
def histc(node: Node, self: Value, bins: int = 100, min: Any = 0, max: Any = 0) -> Value:
    """Counts in bins of one width from min to max, from the least to the greatest element where these are equal."""
    x = hlo.reshape(self, [hlo.size(self)])
    low, high = _limits(x, None if min == max else [min, max], 1)
    scaled = hlo.divide(hlo.multiply(hlo.subtract(x, low), bins), hlo.subtract(high, low))
    place = hlo.minimum(hlo.convert(scaled, np.int64), bins - 1)
    return _counts([x], [(low, high)], [place], [bins], None)


@lowering("aten.histogram.bin_ct")
def histogram(
    node: Node,
    self: Value,
    bins: int = 100,
    range: Sequence[float] | None = None,
    weight: Value | None = None,
    density: bool = False,
) -> list[Value]:
    x = hlo.reshape(self, [hlo.size(self), 1])
    edges = _bin_edges(x, [bins], range)
    return [_histogram(x, edges, weight, density), *edges]


@lowering("aten.histogram.bins_tensor")
def histogram_of_edges(
    node: Node, self: Value, bins: Value, weight: Value | None = None, density: bool = False
) -> list[Value]:
    return [_histogram(hlo.reshape(self, [hlo.size(self), 1]), [bins], weight, density), bins]


@lowering("aten._histogramdd_bin_edges.default")
def histogramdd_bin_edges(
    node: Node,
    self: Value,
    bins: Sequence[int],
    range: Sequence[float] | None = None,
    weight: Value | None = None,
    density: bool = False,
) -> list[Value]:
    """Weights and density change counts, not edges."""
    return _bin_edges(_points(self), bins, range)


@lowering("aten._histogramdd_from_bin_cts.default")
def histogramdd_from_counts(
    node: Node,
    self: Value,
    bins: Sequence[int],
    range: Sequence[float] | None = None,
    weight: Value | None = None,
    density: bool = False,
) -> Value:
    return _histogram(_points(self), _bin_edges(_points(self), bins, range), weight, density)


@lowering("aten._histogramdd_from_bin_tensors.default")
def histogramdd_from_edges(
    node: Node, self: Value, bins: Sequence[Value], weight: Value | None = None, density: bool = False
) -> Value:
    return _histogram(_points(self), bins, weight, density)


def _points(x: Value) -> Value:
    """[..., d] as [n, d]."""
    width = hlo.shape(x)[-1]
    return hlo.reshape(x, [hlo.size(x) // width, width])


def _limits(x: Value, given: Sequence[float] | None, margin: float) -> tuple[Value, Value]:
    """The ends of the histogram of a vector: given or found, `margin` around where they are equal."""
    dtype = hlo.dtype(x)
    if given is not None:
        low, high = (hlo.constant(limit, dtype) for limit in given)
    elif hlo.size(x) == 0:
        return hlo.constant(0, dtype), hlo.constant(1, dtype)
    else:
        low, high = hlo.reduce_min(x), hlo.reduce_max(x)
    same = hlo.equal(low, high)
    return hlo.select(same, hlo.subtract(low, margin), low), hlo.select(same, hlo.add(high, margin), high)


def _bin_edges(x: Value, bins: Sequence[int], range: Sequence[float] | None) -> list[Value]:
    """The edges of equal bins for each column of [n, d]; `range` has two limits a column."""
    edges = []
    for column, count in enumerate(bins):
        given = None if range is None else range[2 * column : 2 * column + 2]
        low, high = _limits(_column(x, column), given, 0.5)
        edges.append(_evenly(low, high, count + 1))
    return edges


def _evenly(low: Value, high: Value, count: int) -> Value:
    """`count` numbers from low to high, each reckoned from the end it is nearer to, as torch.linspace does."""
    dtype = hlo.dtype(low)
    step = hlo.divide(hlo.subtract(high, low), count - 1)
    index = hlo.iota([count], 0, dtype)
    up = hlo.add(low, hlo.multiply(step, index))
    down = hlo.subtract(high, hlo.multiply(step, hlo.subtract(float(count - 1), index)))
    return hlo.select(hlo.less(index, float(count // 2)), up, down)


def _column(x: Value, column: int) -> Value:
    return hlo.squeeze(hlo.slice_axis(x, 1, column, column + 1), [1])


def _histogram(x: Value, edges: Sequence[Value], weight: Value | None, density: bool) -> Value:
    """The weight of the points [n, d] in each bin; bins have their lower edge, the last its upper one as well.

    A density's integral over all bins is 1.
    """
    columns = [_column(x, index) for index in range(len(edges))]
    bins = [hlo.shape(e)[0] - 1 for e in edges]
    ends = [(_edge(e, 0), _edge(e, count)) for e, count in zip(edges, bins, strict=True)]
    places = [
        hlo.minimum(hlo.subtract(search(e, c, _not_above), 1), count - 1)
        for e, c, count in zip(edges, columns, bins, strict=True)
    ]
    total = _counts(columns, ends, places, bins, weight)
    if not density:
        return total
    total = hlo.divide(total, hlo.reduce_sum(total))
    for axis, (e, count) in enumerate(zip(edges, bins, strict=True)):
        widths = hlo.subtract(hlo.slice_axis(e, 0, 1, count + 1), hlo.slice_axis(e, 0, 0, count))
        total = hlo.divide(total, hlo.broadcast_in_dim(widths, bins, [axis]))
    return total


def _edge(edges: Value, index: int) -> Value:
    return hlo.reshape(hlo.slice_axis(edges, 0, index, index + 1), [])


def _counts(
    columns: Sequence[Value],
    ends: Sequence[tuple[Value, Value]],
    places: Sequence[Value],
    bins: Sequence[int],
    weight: Value | None,
) -> Value:
    """Points, or their weights, added up in the bins they are in; what is outside of the ends (and NaN) is not."""
    dtype = hlo.dtype(columns[0])
    count = hlo.shape(columns[0])[0]
    inside = hlo.full([count], True, np.bool_)
    for column, (low, high) in zip(columns, ends, strict=True):
        inside = hlo.and_(inside, hlo.and_(hlo.greater_equal(column, low), hlo.less_equal(column, high)))
    # Scattering drops what lands nowhere.
    rows = [hlo.expand_dims(hlo.select(inside, place, -1), [1]) for place in places]
    each = hlo.full([count], 1, dtype) if weight is None else hlo.reshape(weight, [count])
    return hlo.scatter_nd(hlo.full(bins, 0, dtype), hlo.concatenate(rows, 1), each, "add")
