"""Running reductions along an axis."""

from __future__ import annotations

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects.hlo.core import constant, dtype, normalize_axis, rank, shape
from oxide.dialects.hlo.elementwise import add, less, shift_left, subtract
from oxide.dialects.hlo.indexing import dynamic_slice
from oxide.dialects.hlo.reductions import KINDS, reduce_window
from oxide.dialects.hlo.regions import while_
from oxide.dialects.hlo.shape_ops import concatenate, pad, reshape, slice_axis, stack
from oxide.dialects.hlo.shape_ops import reverse as reverse_axes


def cumulative(x: ir.Value, kind: str, axis: int, *, exclusive: bool = False, reverse: bool = False) -> ir.Value:
    """Running reduction along an axis, as a window that reaches back to the start (XLA's own form)."""
    axis = normalize_axis(axis, rank(x))
    length = shape(x)[axis]
    if not isinstance(length, int):
        return _cumulative_open(x, kind, axis, exclusive=exclusive, backwards=reverse)
    if not length:
        return x
    window = [1] * rank(x)
    window[axis] = length
    before, after = length - 1, 0
    if exclusive:
        before, after = before + 1, after - 1
    padding = [(0, 0)] * rank(x)
    padding[axis] = (after, before) if reverse else (before, after)
    return reduce_window(x, kind, window, padding=padding)


def cumulative_by_halves(x: ir.Value, kind: str, axis: int) -> ir.Value:
    """The same with two combinations for each element (Blelloch, 1990), where those cost more than memory does.

    Pairs are combined, and their running reduction is that of every second element; the length must be known.
    """
    axis = normalize_axis(axis, rank(x))
    length = shape(x)[axis]
    if not isinstance(length, int) or length < 2:
        return x
    combine, _ = KINDS[kind]
    even, odd = (slice_axis(x, axis, start, length, 2) for start in (0, 1))
    count = length // 2
    seconds = cumulative_by_halves(combine(slice_axis(even, axis, 0, count), odd), kind, axis)
    before = slice_axis(seconds, axis, 0, (length - 1) // 2)
    first, later = slice_axis(even, axis, 0, 1), slice_axis(even, axis, 1, length - count)
    firsts = concatenate([first, combine(before, later)], axis)
    dims = [2 * d if i == axis else d for i, d in enumerate(shape(seconds))]
    paired = reshape(stack([slice_axis(firsts, axis, 0, count), seconds], axis + 1), dims)
    return concatenate([paired, slice_axis(firsts, axis, count, length - count)], axis)


def _cumulative_open(x: ir.Value, kind: str, axis: int, *, exclusive: bool, backwards: bool) -> ir.Value:
    """The same along an axis whose size is not known, which no window can have.

    Every element is combined with the one 1, 2, 4, ... places before it (Hillis and Steele, 1986).
    """
    combine, identity = KINDS[kind]
    length = shape(x)[axis]
    before = [int(i == axis) for i in range(rank(x))]
    neutral = constant(identity(dtype(x)), dtype(x))  # pyright: ignore[reportArgumentType]

    def distance(turn: ir.Value) -> ir.Value:
        return shift_left(constant(1, np.int64), turn)

    def step(turn: ir.Value, total: ir.Value) -> list[ir.Value]:
        filled = pad(total, neutral, [length * b for b in before], [0] * rank(x))
        start = subtract(constant(length, np.int64), distance(turn))
        starts = [start if i == axis else constant(0, np.int64) for i in range(rank(x))]
        moved = dynamic_slice(filled, starts, shape(x))
        return [add(turn, 1), combine(moved, total)]

    # Counting turns rather than doubling the distance: XLA's trip count analysis fails on a sum of a counter with
    # itself.
    def goes_on(turn: ir.Value, total: ir.Value) -> ir.Value:
        return less(distance(turn), constant(length, np.int64))

    value = reverse_axes(x, [axis]) if backwards else x
    value = while_(goes_on, step, [constant(0, np.int64), value])[1]
    if exclusive:
        value = pad(value, neutral, before, [-b for b in before])
    return reverse_axes(value, [axis]) if backwards else value
