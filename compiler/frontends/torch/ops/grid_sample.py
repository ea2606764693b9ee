"""Sampling volumes at points of a grid."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.frontends.torch.promotion import compute_dtype
from oxide.frontends.torch.registry import Node, lowering

Value = ir.Value

_ZEROS, _BORDER, _REFLECTION = range(3)


@lowering("aten.grid_sampler_3d.default")
def grid_sampler(
    node: Node, input: Value, grid: Value, interpolation_mode: int, padding_mode: int, align_corners: bool
) -> Value:
    """input [N, C, spatial...] at grid [N, points..., coordinates]: x, the last spatial dimension, comes first.

    Coordinates -1 and 1 are the ends of the input: the centres of the elements there with `align_corners`, their
    outer edges without.  Interpolation is linear (0) or nearest (1).
    """
    if interpolation_mode not in (0, 1):
        raise node.error("bicubic sampling of volumes does not exist; use bilinear or nearest")
    dims = hlo.shape(input)
    lengths = dims[2:]
    spatial = len(lengths)
    dtype = hlo.dtype(input)
    wide = hlo.convert(grid, compute_dtype(dtype))
    columns = [hlo.squeeze(c, [spatial + 1]) for c in hlo.split(wide, spatial + 1, [1] * spatial)]
    points = [
        _padded(_unnormalized(c, length, align_corners), length, padding_mode, align_corners)
        for c, length in zip(reversed(columns), lengths, strict=True)
    ]
    volume = hlo.convert(input, hlo.dtype(wide))
    if interpolation_mode == 1:
        found = _at(volume, [hlo.round_half_even(p) for p in points], lengths)
        return hlo.convert(found, dtype)
    first = [hlo.floor(p) for p in points]
    total: Value | None = None
    for corner in itertools.product((0, 1), repeat=spatial):
        weight: Value | None = None
        for point, low, step in zip(points, first, corner, strict=True):
            share = hlo.subtract(point, low) if step else hlo.subtract(hlo.add(low, 1), point)
            weight = share if weight is None else hlo.multiply(weight, share)
        assert weight is not None
        found = _at(volume, [hlo.add(low, step) for low, step in zip(first, corner, strict=True)], lengths)
        term = hlo.multiply(found, hlo.expand_dims(weight, [1]))
        total = term if total is None else hlo.add(total, term)
    assert total is not None
    return hlo.convert(total, dtype)


def _unnormalized(coordinate: Value, length: Any, align_corners: bool) -> Value:
    """From [-1, 1] to positions among the elements."""
    if align_corners:
        return hlo.multiply(hlo.divide(hlo.add(coordinate, 1), 2), length - 1)
    return hlo.divide(hlo.subtract(hlo.multiply(hlo.add(coordinate, 1), length), 1), 2)


def _padded(position: Value, length: Any, mode: int, align_corners: bool) -> Value:
    """Positions outside brought to the border or mirrored at it; what is mirrored stays within the elements."""
    if mode == _ZEROS:
        return position
    if mode == _REFLECTION:
        low, high = (0, 2 * (length - 1)) if align_corners else (-1, 2 * length - 1)
        position = _reflected(position, low / 2, (high - low) / 2)
    return hlo.clamp(0.0, position, float(length - 1))


def _reflected(position: Value, low: float, span: float) -> Value:
    """Mirrored at `low` and `low + span` until within."""
    if span == 0:
        return hlo.full_like(position, 0)
    distance = hlo.abs(hlo.subtract(position, low))
    turns = hlo.floor(hlo.divide(distance, span))
    rest = hlo.subtract(distance, hlo.multiply(turns, span))
    half = hlo.multiply(turns, 0.5)
    even = hlo.equal(half, hlo.floor(half))
    return hlo.select(even, hlo.add(rest, low), hlo.subtract(low + span, rest))


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
