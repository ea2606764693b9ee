"""The gradients of sampling at points of a grid, by the input and by the grid."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.dims import Size
from oxide.frontends.torch.ops.grid_sample import BORDER, STEEPNESS, ZEROS, cubic, edges, padded, unnormalized
from oxide.frontends.torch.promotion import compute_dtype
from oxide.frontends.torch.registry import Node, lowering

Value = ir.Value

_NEAREST, _CUBIC = 1, 2


@dataclass(frozen=True)
class _Tap:
    """An element along one dimension: its whole position, its weight and that weight's slope by the coordinate."""

    position: Value
    weight: Value
    slope: Value


@lowering(
    "aten.grid_sampler_2d_backward.default",
    "aten._grid_sampler_2d_cpu_fallback_backward.default",
    "aten.grid_sampler_3d_backward.default",
)
def grid_sampler_backward(
    node: Node,
    grad_output: Value,
    input: Value,
    grid: Value,
    interpolation_mode: int,
    padding_mode: int,
    align_corners: bool,
    output_mask: Sequence[bool] = (True, True),
) -> list[Value | None]:
    """For grad_output [N, C, points...], input [N, C, spatial...] and grid [N, points..., coordinates]."""
    lengths = hlo.shape(input)[2:]
    spatial = len(lengths)
    wide = compute_dtype(hlo.dtype(input))
    columns = hlo.split(hlo.convert(grid, wide), spatial + 1, [1] * spatial)
    coordinates = [hlo.squeeze(c, [spatial + 1]) for c in reversed(columns)]
    taps = [
        _taps(c, length, interpolation_mode, padding_mode, align_corners)
        for c, length in zip(coordinates, lengths, strict=True)
    ]
    gradient = hlo.move_axis(hlo.convert(grad_output, wide), 1, -1)
    volume = hlo.move_axis(hlo.convert(input, wide), 1, -1)
    by_input = hlo.full(hlo.shape(volume), 0, wide)
    by_grid = [hlo.full_like(c, 0) for c in coordinates]
    for corner in itertools.product(*taps):
        place = _places(corner, lengths)
        if output_mask[0]:
            weight = hlo.expand_dims(_product([tap.weight for tap in corner]), [spatial + 1])
            by_input = hlo.scatter_nd(by_input, place, hlo.multiply(gradient, weight), "add")
        if output_mask[1] and interpolation_mode != _NEAREST:
            by_grid = _with_corner(by_grid, corner, _found(volume, place, gradient))
    dtype = hlo.dtype(input)
    results = [hlo.move_axis(by_input, -1, 1), hlo.stack(by_grid[::-1], spatial + 1)]
    return [hlo.convert(x, dtype) if wanted else None for x, wanted in zip(results, output_mask, strict=True)]


def _with_corner(totals: Sequence[Value], corner: Sequence[_Tap], found: Value) -> list[Value]:
    """The gradient by each coordinate with the part of one corner, where `found` is its gradient by the weight."""
    parts = []
    for axis, total in enumerate(totals):
        factors = [tap.slope if other == axis else tap.weight for other, tap in enumerate(corner)]
        parts.append(hlo.add(total, hlo.multiply(found, _product(factors))))
    return parts


def _product(values: Sequence[Value]) -> Value:
    return reduce(hlo.multiply, values)


def _places(corner: Sequence[_Tap], lengths: Sequence[Size]) -> Value:
    """[N, points..., 1 + spatial]: the batch and the position; the batch is -1 for positions outside."""
    dims = hlo.shape(corner[0].position)
    inside = reduce(
        hlo.and_,
        (
            hlo.and_(hlo.greater_equal(tap.position, 0), hlo.less(tap.position, length))
            for tap, length in zip(corner, lengths, strict=True)
        ),
    )
    batch = hlo.select(inside, hlo.iota(dims, 0, np.int64), -1)
    # Positions outside become 0 while they are floats: one too large for int64 has no conversion.
    columns = [hlo.convert(hlo.select(inside, tap.position, 0), np.int64) for tap in corner]
    return hlo.stack([batch, *columns], len(dims))


def _found(volume: Value, place: Value, gradient: Value) -> Value:
    """The sums over channels of the gradient times the elements at the places, 0 for those outside."""
    rank = hlo.rank(place) - 1
    batch = hlo.squeeze(hlo.slice_axis(place, rank, 0, 1), [rank])
    products = hlo.multiply(hlo.gather_nd(volume, hlo.maximum(place, 0)), gradient)
    return hlo.select(hlo.less(batch, 0), 0, hlo.reduce_sum(products, [rank]))


def _taps(coordinate: Value, length: Size, mode: int, padding: int, align_corners: bool) -> list[_Tap]:
    position = unnormalized(coordinate, length, align_corners)
    scale = hlo.full_like(position, 0.5)
    scale = hlo.multiply(scale, length - 1 if align_corners else length)
    if mode == _CUBIC:
        places = [hlo.add(hlo.floor(position), step) for step in (-1, 0, 1, 2)]
        distances = [hlo.subtract(position, place) for place in places]
        return [
            _Tap(
                padded(place, length, padding, align_corners),
                cubic(hlo.abs(distance)),
                hlo.multiply(_cubic_slope(distance), scale),
            )
            for place, distance in zip(places, distances, strict=True)
        ]
    slope = hlo.multiply(scale, _padding_slope(position, length, padding, align_corners))
    position = padded(position, length, padding, align_corners)
    if mode == _NEAREST:
        return [_Tap(hlo.round_half_even(position), hlo.full_like(position, 1), hlo.full_like(position, 0))]
    low = hlo.floor(position)
    high = hlo.add(low, 1)
    return [
        _Tap(low, hlo.subtract(high, position), hlo.negate(slope)),
        _Tap(high, hlo.subtract(position, low), slope),
    ]


def _padding_slope(position: Value, length: Size, mode: int, align_corners: bool) -> Value:
    """How a padded position moves with the position: not at all beyond and at the border, -1 where mirrored."""
    slope = hlo.full_like(position, 1)
    if mode == ZEROS:
        return slope
    if mode != BORDER:
        low, span = edges(length, align_corners)
        if span == 0:
            return hlo.full_like(position, 0)
        distance = hlo.subtract(position, low)
        turns = hlo.multiply(hlo.floor(hlo.divide(hlo.abs(distance), span)), 0.5)
        odd = hlo.not_equal(turns, hlo.floor(turns))
        slope = hlo.select(hlo.not_equal(odd, hlo.less(distance, 0)), hlo.negate(slope), slope)
        position = padded(position, length, mode, align_corners)
    moving = hlo.and_(hlo.greater(position, 0), hlo.less(position, length - 1))
    return hlo.select(moving, slope, 0)


def _cubic_slope(distance: Value) -> Value:
    """The derivative of the cubic kernel by a distance that may be negative."""
    size = hlo.abs(distance)
    near = hlo.multiply(hlo.subtract(hlo.multiply(size, 3 * (STEEPNESS + 2)), 2 * (STEEPNESS + 3)), size)
    far = hlo.add(
        hlo.multiply(hlo.subtract(hlo.multiply(size, 3), 10), hlo.multiply(size, STEEPNESS)), 8 * STEEPNESS
    )
    return hlo.multiply(hlo.select(hlo.less_equal(size, 1), near, far), hlo.sign(distance))
