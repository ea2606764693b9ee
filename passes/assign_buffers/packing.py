"""Offsets for buffers whose times are known: in one arena, or in the memory of a result before that is written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from oxide.passes.assign_buffers.liveness import ALIGNMENT, Buffer

# Moves that are tried when the bound is not reached, and how many placements of a buffer they may cost.
_MOVES = 200
_PLACEMENTS = 40_000
# Memory of more units of the alignment is taken to be filled to the last, which is quicker to say.
_COUNTED_UNITS = 1 << 18
# At how many times the least that is needed is looked for.
_TIMES = 1_000


@dataclass(frozen=True)
class Packing:
    """Offsets by buffer, and the size of the arena.  What lies outside of it has higher offsets."""

    offsets: np.ndarray
    arena: int


def aligned(size: int) -> int:
    """The size rounded up to the alignment."""
    return -(-size // ALIGNMENT) * ALIGNMENT


def _up(sizes: np.ndarray) -> np.ndarray:
    return -(-sizes // ALIGNMENT) * ALIGNMENT


class Intervals:
    """Sizes and times of buffers: `exact` sizes, and `sizes` rounded up to the alignment; `inside` are those that
    need a place in the arena."""

    def __init__(self, buffers: Sequence[Buffer]) -> None:
        self.exact = np.array([buffer.size for buffer in buffers], np.int64)
        self.sizes = _up(self.exact)
        self.starts = np.array([buffer.start for buffer in buffers], np.int64)
        self.ends = np.array([buffer.end for buffer in buffers], np.int64)
        self.inside = np.array([not buffer.separate for buffer in buffers], np.bool_)

    def loads(self) -> np.ndarray:
        """The bytes of the arena needed at each time, at least.

        Memory of its own that a buffer does not need at that time takes others, as much as there is of those that
        are no larger; smaller memory is filled first, as larger memory takes what fits there too.
        """
        needed, elsewhere = self.used(self.inside), 0
        for size in np.unique(self.exact[~self.inside]):
            alike = ~self.inside & (self.exact == size)
            room = self.sizes[alike].sum() - self.used(alike)
            elsewhere += np.minimum(room, self.used(self.inside & (self.exact <= size)) - elsewhere)
        return needed - elsewhere

    def used(self, which: np.ndarray) -> np.ndarray:
        """The bytes that some of the buffers take at each time."""
        change = np.zeros(int(self.ends.max(initial=0)) + 2, np.int64)
        np.add.at(change, self.starts[which], self.sizes[which])
        np.add.at(change, self.ends[which] + 1, -self.sizes[which])
        return np.cumsum(change)[:-1]

    @property
    def bound(self) -> int:
        """The most of `loads`."""
        return int(self.loads().max(initial=0))

    @cached_property
    def least(self) -> int:
        """The most that is needed of the arena at any one time, which no packing can go below.

        More than `bound`: whole buffers lie elsewhere, and only where they do as long as they live.  The times when
        most is in use are looked at.
        """
        own = np.flatnonzero(~self.inside)
        together = (self.starts[:, None] <= self.ends[own]) & (self.ends[:, None] >= self.starts[own])
        fits = (self.exact[:, None] <= self.exact[own]) & ~together
        used, least = self.used(self.inside), self.bound
        for time in np.argsort(-used, kind="stable")[:_TIMES]:
            if used[time] <= least:
                break
            inside = np.flatnonzero(self.inside & (self.starts <= time) & (self.ends >= time))
            rooms = zip(self.sizes[own], fits[inside].T, strict=True)
            elsewhere = sum(_fullest(room, self.sizes[inside[fit]]) for room, fit in rooms)
            somewhere = self.sizes[inside[fits[inside].any(axis=1)]].sum()
            least = max(least, int(used[time] - min(elsewhere, somewhere)))
        return least


def _fullest(room: int, sizes: np.ndarray) -> int:
    """The most bytes of `room` that some of the sizes fill together, as multiples of the alignment."""
    units = int(room) // ALIGNMENT
    if units > _COUNTED_UNITS:
        return min(int(room), int(sizes.sum()))
    # Bit i says that some sizes add up to i.
    sums = 1
    for size in sizes:
        sums = (sums | sums << int(size) // ALIGNMENT) & ((2 << units) - 1)
    return (sums.bit_length() - 1) * ALIGNMENT


class _Field:
    """Addresses while buffers are placed: first the memory of those that have their own, each followed by a guard
    that nothing can lie over, then the arena.  The guards follow the buffers in the arrays."""

    def __init__(self, intervals: Intervals) -> None:
        own, count = np.flatnonzero(~intervals.inside), len(intervals.exact)
        behind = np.cumsum(intervals.sizes[own] + ALIGNMENT)
        begins = behind - ALIGNMENT - intervals.sizes[own]
        ends = begins + intervals.exact[own]
        self.sizes = np.concatenate([intervals.exact, behind - ends])
        self.starts = np.concatenate([intervals.starts, 0 * own])
        self.ends = np.concatenate([intervals.ends, 0 * own + intervals.ends.max(initial=0)])
        self.offsets = np.zeros(len(self.sizes), np.int64)
        self.offsets[own], self.offsets[count:] = begins, ends
        self.placed = np.concatenate([~intervals.inside, own >= 0])
        self.arena = int(behind.max(initial=0))

    def place(self, order: np.ndarray) -> Packing:
        """Give each buffer in turn the smallest gap it fits into between those already placed."""
        sizes, starts, ends = self.sizes, self.starts, self.ends
        offsets, placed = self.offsets.copy(), self.placed.copy()
        for index in order:
            conflicts = np.flatnonzero(placed & (starts <= ends[index]) & (ends >= starts[index]))
            offsets[index] = _best_gap(offsets[conflicts], sizes[conflicts], int(sizes[index]))
            placed[index] = True
        return Packing(offsets, max(aligned(int((offsets + sizes).max(initial=0))) - self.arena, 0))

    def numbered(self, packing: Packing, count: int) -> Packing:
        """The first `count` offsets as others see them: the arena comes first."""
        outside = packing.offsets[:count] < self.arena
        return Packing(packing.offsets[:count] + np.where(outside, packing.arena, -self.arena), packing.arena)


def pack(intervals: Intervals) -> Packing:
    """The best of several best-fit packings: buffers choose their places in different orders.

    By size (Pisarchyk and Lee, "Efficient Memory Management for Deep Neural Net Inference", 2020), by how much
    is needed while they live, by how long they live, by size and time, and by when they begin and end.  Where none
    reaches the bound, the best order is improved by hill climbing: a buffer that lies above the bound chooses
    before one that is in its way.
    """
    bound, field = intervals.least, _Field(intervals)
    best: tuple[Packing, np.ndarray] | None = None
    for whole in _orders(intervals):
        order = whole[intervals.inside[whole]]
        found = field.place(order)
        if best is None or found.arena < best[0].arena:
            best = found, order
        if found.arena == bound:
            break
    assert best is not None
    improved = best[0] if best[0].arena == bound else _climb(field, bound, *best)
    return field.numbered(improved, len(intervals.sizes))


def _climb(field: _Field, bound: int, best: Packing, order: np.ndarray) -> Packing:
    starts, ends = field.starts, field.ends
    random = np.random.default_rng(0)
    for _ in range(min(_MOVES, _PLACEMENTS // len(order))):
        position = np.full(len(starts), len(order))
        position[order] = np.arange(len(order))
        high = random.choice(order[(best.offsets + field.sizes)[order] > field.arena + bound])
        conflicts = (starts <= ends[high]) & (ends >= starts[high]) & (position < position[high])
        if not conflicts.any():
            continue  # it is too large for what the bound counted on
        before = position[random.choice(np.flatnonzero(conflicts))]
        moved = np.concatenate(
            [order[:before], [high], order[before : position[high]], order[position[high] + 1 :]]
        )
        found = field.place(moved)
        if found.arena <= best.arena:
            best, order = found, moved
        if best.arena == bound:
            break
    return best


def _orders(intervals: Intervals) -> Iterator[np.ndarray]:
    sizes, starts, ends = intervals.sizes, intervals.starts, intervals.ends
    loads = intervals.loads()
    peaks = np.array([loads[start : end + 1].max() for start, end in zip(starts, ends, strict=True)], np.int64)
    yield np.lexsort((starts, -sizes))
    yield np.lexsort((-sizes, -peaks))
    yield np.lexsort((-sizes, starts - ends))
    yield np.lexsort((starts, -sizes * (ends - starts + 1)))
    yield np.lexsort((-sizes, starts))
    yield np.lexsort((-sizes, -ends))
    yield np.lexsort((-sizes, ends))


def _best_gap(offsets: np.ndarray, sizes: np.ndarray, size: int) -> int:
    """The start of the smallest gap of at least `size` bytes, or the end of everything."""
    order = np.argsort(offsets, kind="stable")
    begins = offsets[order]
    # Placed buffers may overlap each other (at other times), so gaps start where all before have ended.
    frontier = _up(np.maximum.accumulate(np.concatenate([[0], begins + sizes[order]])))
    gaps = begins - frontier[:-1]
    fitting = np.flatnonzero(gaps >= size)
    if not fitting.size:
        return int(frontier[-1])
    return int(frontier[fitting[np.argmin(gaps[fitting])]])
