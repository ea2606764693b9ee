"""Sampling images and volumes at points of a grid."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.frontends.torch.promotion import compute_dtype
from oxide.frontends.torch.registry import Node, lowering

Value = ir.Value

ZEROS, BORDER, REFLECTION = range(3)
_LINEAR, _NEAREST, _CUBIC = range(3)
# The free parameter of the cubic kernel, as PyTorch has it.
STEEPNESS = -0.75

# What an element at a position [N, points...] along one dimension counts; None: all.
Tap = tuple[Value | None, Value]


@lowering("aten.grid_sampler_2d.default", "aten.grid_sampler_3d.default")
def grid_sampler(
    node: Node, input: Value, grid: Value, interpolation_mode: int, padding_mode: int, align_corners: bool
) -> Value:
    """input [N, C, spatial...] at grid [N, points..., coordinates]: x, the last spatial dimension, comes first.

    Coordinates -1 and 1 are the ends of the input: the centres of the elements there with `align_corners`, their
    outer edges without.  Interpolation is linear (0), nearest (1) or cubic (2).
    """
    dims = hlo.shape(input)
    lengths = dims[2:]
    spatial = len(lengths)
    if interpolation_mode == _CUBIC and spatial != 2:
        raise node.error("bicubic sampling of volumes does not exist; use bilinear or nearest")
    dtype = hlo.dtype(input)
    wide = hlo.convert(grid, compute_dtype(dtype))
    columns = [hlo.squeeze(c, [spatial + 1]) for c in hlo.split(wide, spatial + 1, [1] * spatial)]
    taps = [
        _taps(interpolation_mode, unnormalized(c, length, align_corners), length, padding_mode, align_corners)
        for c, length in zip(reversed(columns), lengths, strict=True)
    ]
    volume = hlo.convert(input, hlo.dtype(wide))
    terms = (_term(volume, chosen, lengths) for chosen in itertools.product(*taps))
    return hlo.convert(functools.reduce(hlo.add, terms), dtype)


def _taps(mode: int, position: Value, length: Any, padding: int, align_corners: bool) -> list[Tap]:
    """The elements along one dimension that a position is made of.

    Padding moves the position itself, for the cubic kernel each element that it reads.
    """
    if mode == _CUBIC:
        first = hlo.floor(position)
        beyond = hlo.subtract(position, first)
        return [
            (
                cubic(hlo.abs(hlo.subtract(beyond, step))),
                padded(hlo.add(first, step), length, padding, align_corners),
            )
            for step in (-1, 0, 1, 2)
        ]
    position = padded(position, length, padding, align_corners)
    if mode == _NEAREST:
        return [(None, hlo.round_half_even(position))]
    low = hlo.floor(position)
    high = hlo.add(low, 1)
    return [(hlo.subtract(high, position), low), (hlo.subtract(position, low), high)]


def cubic(distance: Value) -> Value:
    """The cubic convolution kernel at distances up to 2.  Keys 1981, "Cubic Convolution Interpolation for Digital
    Image Processing"."""
    a = STEEPNESS
    near = _polynomial(distance, [a + 2, -(a + 3), 0, 1])
    far = _polynomial(distance, [a, -5 * a, 8 * a, -4 * a])
    return hlo.select(hlo.less_equal(distance, 1), near, far)


def _polynomial(x: Value, coefficients: Sequence[float]) -> Value:
    """Highest power first."""
    total = hlo.full_like(x, coefficients[0])
    for coefficient in coefficients[1:]:
        total = hlo.add(hlo.multiply(total, x), coefficient)
    return total


def _term(volume: Value, taps: Sequence[Tap], lengths: Sequence[Any]) -> Value:
    """The elements at one tap of each dimension, times their weights."""
    found = _at(volume, [position for _, position in taps], lengths)
    weights = [weight for weight, _ in taps if weight is not None]
    return hlo.multiply(found, hlo.expand_dims(functools.reduce(hlo.multiply, weights), [1])) if weights else found


def unnormalized(coordinate: Value, length: Any, align_corners: bool) -> Value:
    """From [-1, 1] to positions among the elements."""
    if align_corners:
        return hlo.multiply(hlo.divide(hlo.add(coordinate, 1), 2), length - 1)
    return hlo.divide(hlo.subtract(hlo.multiply(hlo.add(coordinate, 1), length), 1), 2)


def padded(position: Value, length: Any, mode: int, align_corners: bool) -> Value:
    """Positions outside brought to the border or mirrored at it; what is mirrored stays within the elements."""
    if mode == ZEROS:
        return position
    if mode == REFLECTION:
        position = _reflected(position, *edges(length, align_corners))
    positive = hlo.select(hlo.greater(position, 0), position, 0)  # of what is not a number as well: the first
    return hlo.minimum(positive, length - 1)


def edges(length: Any, align_corners: bool) -> tuple[float, Any]:
    """Where the input is mirrored first, and the distance to the other place."""
    return (0.0, length - 1) if align_corners else (-0.5, length)


def _reflected(position: Value, low: float, span: Any) -> Value:
    """Mirrored at `low` and `low + span` until within."""
    if span == 0:
        return hlo.full_like(position, 0)
    distance = hlo.abs(hlo.subtract(position, low))
    turns = hlo.floor(hlo.divide(distance, span))
    rest = hlo.subtract(distance, hlo.multiply(turns, span))
    half = hlo.multiply(turns, 0.5)
    even = hlo.equal(half, hlo.floor(half))
    high = hlo.add(hlo.constant(span, hlo.dtype(position)), low)
    return hlo.select(even, hlo.add(rest, low), hlo.subtract(high, rest))


def _at(volume: Value, positions: Sequence[Value], lengths: Sequence[Any]) -> Value:
    """[N, C, points...] at whole positions [N, points...] of each spatial dimension; zeros outside."""
    inside: Value | None = None
    columns = []
    for position, length in zip(positions, lengths, strict=True):
        within = hlo.and_(hlo.greater_equal(position, 0), hlo.less(position, length))
        inside = within if inside is None else hlo.and_(inside, within)
        # Positions outside become 0 while they are floats: one too large for int64 has no conversion.
        columns.append(hlo.convert(hlo.select(within, position, 0), np.int64))
    assert inside is not None
    spatial = len(lengths)
    order = [0, *range(2, 2 + spatial), 1]
    rows = hlo.gather_nd(hlo.transpose(volume, order), hlo.stack(columns, spatial + 1), 1)
    found = hlo.move_axis(rows, spatial + 1, 1)
    return hlo.select(hlo.broadcast_to(hlo.expand_dims(inside, [1]), hlo.shape(found)), found, 0)
