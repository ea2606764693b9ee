"""Pooling to a given size: adaptive averages and maxima, and fractional maxima."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.frontends.torch.ops.convolution import per_dimension
from oxide.frontends.torch.promotion import compute_dtype
from oxide.frontends.torch.registry import Node, lowering

Value = ir.Value


@lowering(
    "aten.adaptive_avg_pool1d.default",
    "aten.adaptive_avg_pool2d.default",
    "aten.adaptive_avg_pool3d.default",
    "aten._adaptive_avg_pool2d.default",
    "aten._adaptive_avg_pool3d.default",
)
def adaptive_avg_pool(node: Node, self: Value, output_size: Sequence[int]) -> Value:
    """Means of the windows [floor(i n / m), ceil((i + 1) n / m)) along each of the last dimensions."""
    dtype = hlo.dtype(self)
    x = hlo.convert(self, compute_dtype(dtype))
    first = hlo.rank(x) - len(output_size)
    if all(size == 1 for size in output_size):
        return hlo.convert(hlo.reduce_mean(x, range(first, hlo.rank(x)), keepdims=True), dtype)
    for axis, count in enumerate(output_size, first):
        x = _adaptive_mean(x, axis, count)
    return hlo.convert(x, dtype)


def _adaptive_mean(x: Value, axis: int, count: Any) -> Value:
    """Even windows are a reshape; others a product with the matrix of their weights."""
    dims = hlo.shape(x)
    length: Any = dims[axis]
    if hlo.is_static([length]) and length % count == 0:
        split = hlo.reshape(x, [*dims[:axis], count, length // count, *dims[axis + 1 :]])
        return hlo.reduce_mean(split, [axis + 1])
    product = hlo.dot_general(x, mean_weights(length, count, hlo.dtype(x)), contract=([axis], [0]))
    return hlo.move_axis(product, hlo.rank(x) - 1, axis)


def mean_weights(length: Any, count: Any, dtype: np.dtype) -> Value:
    """[length, count]: the share of each element in each adaptive mean."""
    if not hlo.is_static([length, count]):
        inside, widths = _open_windows(length, count)
        return hlo.select(inside, hlo.divide(1.0, hlo.convert(widths, dtype)), 0)
    weights = np.zeros((length, count))
    for index, (start, stop) in enumerate(_bounds(length, count)):
        weights[start:stop, index] = 1 / (stop - start)
    return hlo.constant(weights, dtype)


def _open_windows(length: Any, count: Any) -> tuple[Value, Value]:
    """bool[length, count], which elements the adaptive windows have; int64[1, count], how many."""
    places, numbers = hlo.iota([length, 1], 0, np.int64), hlo.iota([1, count], 1, np.int64)
    starts = hlo.divide(hlo.multiply(numbers, length), count)
    stops = hlo.divide(hlo.add(hlo.multiply(hlo.add(numbers, 1), length), count - 1), count)
    inside = hlo.and_(hlo.greater_equal(places, starts), hlo.less(places, stops))
    return inside, hlo.subtract(stops, starts)


def _bounds(length: int, count: int) -> list[tuple[int, int]]:
    """[start, stop) of the adaptive windows."""
    return [(i * length // count, -(-(i + 1) * length // count)) for i in range(count)]


@lowering("aten.adaptive_max_pool2d.default", "aten.adaptive_max_pool3d.default")
def adaptive_max_pool(node: Node, self: Value, output_size: Any) -> list[Value]:
    """Maxima of the windows of `adaptive_avg_pool`, with their positions in the flattened spatial dimensions."""
    spatial = 3 if "pool3d" in node.op else 2
    counts = per_dimension(output_size, spatial)
    lead, lengths = hlo.shape(self)[:-spatial], hlo.shape(self)[-spatial:]
    if all(count == 1 for count in counts):
        flat = hlo.reshape(self, [*lead, math.prod(lengths)])
        return [hlo.reshape(v, [*lead, *counts]) for v in node.call("aten.max.dim", flat, -1)]
    if not hlo.is_static([*lengths, *counts]):
        return _open_maxima(self, counts)
    if all(count and length % count == 0 for length, count in zip(lengths, counts, strict=True)):
        kernel = [length // count for length, count in zip(lengths, counts, strict=True)]
        return node.call(f"aten.max_pool{spatial}d_with_indices.default", self, kernel)
    positions = [_adaptive_positions(length, count) for length, count in zip(lengths, counts, strict=True)]
    return _maxima(self, positions, spatial)


def _open_maxima(x: Value, counts: Sequence[Any]) -> list[Value]:
    """Maxima and positions along one dimension after the other, the last one first."""
    best, flat, stride = x, None, 1
    for axis, count in zip(range(hlo.rank(x) - 1, -1, -1), reversed(counts), strict=False):
        length = hlo.shape(best)[axis]
        best, place = _axis_maxima(best, axis, count)
        here = hlo.multiply(place, stride)
        flat = here if flat is None else hlo.add(here, hlo.take_along_axis(flat, place, axis))
        stride = stride * length
    assert flat is not None
    return [best, flat]


def _axis_maxima(x: Value, axis: int, count: Any) -> tuple[Value, Value]:
    """Maxima of adaptive windows along an axis, and their places: the first of equal ones, the last NaN."""
    dims = hlo.shape(x)
    inside, _ = _open_windows(dims[axis], count)
    whole = [*dims[: axis + 1], count, *dims[axis + 1 :]]
    elements = hlo.broadcast_in_dim(x, whole, [i for i in range(len(whole)) if i != axis + 1])
    within = hlo.broadcast_in_dim(inside, whole, [axis, axis + 1])
    best = hlo.reduce_max(hlo.select(within, elements, hlo.lowest(hlo.dtype(x))), [axis], keepdims=True)
    places = hlo.iota(whole, axis, np.int64)
    first = hlo.reduce_min(hlo.select(hlo.and_(within, hlo.equal(elements, best)), places, dims[axis]), [axis])
    last = hlo.reduce_max(hlo.select(hlo.and_(within, hlo.not_equal(elements, elements)), places, -1), [axis])
    return hlo.squeeze(best, [axis]), hlo.select(hlo.less(last, 0), first, last)


def _adaptive_positions(length: int, count: int) -> Value:
    """int64[count, size of the largest window]; smaller windows name their last element again."""
    bounds = _bounds(length, count)
    largest = max((stop - start for start, stop in bounds), default=0)
    rows = [np.minimum(np.arange(start, start + largest), stop - 1) for start, stop in bounds]
    return hlo.constant(np.array(rows, np.int64).reshape(count, largest))


@lowering("aten.fractional_max_pool2d.default", "aten.fractional_max_pool3d.default")
def fractional_max_pool(
    node: Node, self: Value, kernel_size: Any, output_size: Any, random_samples: Value
) -> list[Value]:
    """Maxima of windows whose starts are drawn.  Graham 2014, "Fractional Max-Pooling".

    `random_samples` is [N, C, spatial] in [0, 1), for 2-d pooling the last dimension's first.
    """
    spatial = 3 if "pool3d" in node.op else 2
    sizes, counts = per_dimension(kernel_size, spatial), per_dimension(output_size, spatial)
    dims = hlo.shape(self)
    lead, lengths = dims[:-spatial], dims[-spatial:]
    order = range(spatial) if spatial == 3 else [1, 0]
    samples = hlo.reshape(random_samples, [math.prod(lead), spatial])
    positions = []
    for axis, column in enumerate(order):
        sample = hlo.slice_axis(samples, 1, column, column + 1)
        starts = _fractional_starts(sample, lengths[axis], sizes[axis], counts[axis])
        window = hlo.iota([1, 1, sizes[axis]], 2, np.int64)
        positions.append(hlo.add(hlo.expand_dims(starts, [2]), window))
    return _maxima(self, positions, spatial)


def _fractional_starts(sample: Value, length: int, size: int, count: int) -> Value:
    """int64[rows, count] from samples [rows, 1]: steps of (length - size) / (count - 1); the last at the end."""
    rows = hlo.shape(sample)[0]
    last = hlo.full([rows, 1], length - size, np.int64)
    if count == 1:
        return last
    step = hlo.divide(hlo.full_like(sample, length - size), count - 1)
    numbers = hlo.iota([1, count - 1], 1, hlo.dtype(sample))
    first = hlo.convert(hlo.multiply(sample, step), np.int64)
    moved = hlo.convert(hlo.multiply(hlo.add(numbers, sample), step), np.int64)
    return hlo.concatenate([hlo.subtract(moved, first), last], 1)


def _maxima(x: Value, positions: Sequence[Value], spatial: int) -> list[Value]:
    """[maxima, their flat positions]; `positions` of one spatial dimension are [(rows,) count, size].

    Rows are the products of the other dimensions; without them all rows have the same windows.
    """
    dims = hlo.shape(x)
    lead, lengths = dims[: len(dims) - spatial], dims[len(dims) - spatial :]
    rows, elements = math.prod(lead), math.prod(lengths)
    counts = [hlo.shape(p)[-2] for p in positions]
    sizes = [hlo.shape(p)[-1] for p in positions]
    each = hlo.rank(positions[0]) - 2  # 1 where rows have windows of their own
    shared = [rows] * each
    flat = hlo.full([*shared, *counts, *sizes], 0, np.int64)
    for axis, position in enumerate(positions):
        mapping = [*range(each), each + axis, each + spatial + axis]
        spread = hlo.broadcast_in_dim(position, hlo.shape(flat), mapping)
        flat = hlo.add(flat, hlo.multiply(spread, math.prod(lengths[axis + 1 :])))
    outputs, window = math.prod(counts), math.prod(sizes)
    flat = hlo.broadcast_to(hlo.reshape(flat, [*shared, outputs * window]), [rows, outputs * window])
    found = hlo.take_along_axis(hlo.reshape(x, [rows, elements]), flat, 1)
    found, flat = (hlo.reshape(v, [rows, outputs, window]) for v in (found, flat))
    ones, none = [1, 1, 1], [(0, 0)] * 3
    best = hlo.max_window_with_index(found, flat, [1, 1, window], strides=ones, padding=none, window_dilation=ones)
    return [hlo.reshape(v, [*lead, *counts]) for v in best]
