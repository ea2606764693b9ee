"""Offsets in one arena for buffers whose times are known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from oxide.passes.assign_buffers.liveness import ALIGNMENT, Buffer

# Moves that are tried when the bound is not reached, and how many placements of a buffer they may cost.
_MOVES = 200
_PLACEMENTS = 40_000


@dataclass(frozen=True)
class Packing:
    """Offsets by buffer, and the bytes up to the end of the last buffer."""

    offsets: np.ndarray
    arena: int


def aligned(size: int) -> int:
    """The size rounded up to the alignment."""
    return -(-size // ALIGNMENT) * ALIGNMENT


class Intervals:
    """Sizes, rounded up to the alignment, and times of buffers."""

    def __init__(self, buffers: Sequence[Buffer]) -> None:
        self.sizes = np.array([aligned(buffer.size) for buffer in buffers], np.int64)
        self.starts = np.array([buffer.start for buffer in buffers], np.int64)
        self.ends = np.array([buffer.end for buffer in buffers], np.int64)

    def loads(self) -> np.ndarray:
        """The bytes needed at each time."""
        change = np.zeros(int(self.ends.max(initial=0)) + 2, np.int64)
        np.add.at(change, self.starts, self.sizes)
        np.add.at(change, self.ends + 1, -self.sizes)
        return np.cumsum(change)[:-1]

    @property
    def bound(self) -> int:
        """The most that is needed at any one time, which no packing can go below."""
        return int(self.loads().max(initial=0))


def pack(intervals: Intervals) -> Packing:
    """The best of several best-fit packings: buffers choose their places in different orders.

    By size (Pisarchyk and Lee, "Efficient Memory Management for Deep Neural Net Inference", 2020), by how much
    is needed while they live, by how long they live, by size and time, and by time.  Where none reaches the bound,
    the best order is improved by hill climbing: a buffer that lies above the bound chooses before one that is in
    its way.
    """
    bound = intervals.bound
    best: tuple[Packing, np.ndarray] | None = None
    for order in _orders(intervals):
        found = _place(intervals, order)
        if best is None or found.arena < best[0].arena:
            best = found, order
        if found.arena == bound:
            return found
    assert best is not None
    return _climb(intervals, bound, *best)


def _climb(intervals: Intervals, bound: int, best: Packing, order: np.ndarray) -> Packing:
    starts, ends = intervals.starts, intervals.ends
    random = np.random.default_rng(0)
    for _ in range(min(_MOVES, _PLACEMENTS // len(order))):
        position = np.argsort(order)
        high = random.choice(np.flatnonzero(best.offsets + intervals.sizes > bound))
        conflicts = (starts <= ends[high]) & (ends >= starts[high]) & (position < position[high])
        before = position[random.choice(np.flatnonzero(conflicts))]
        moved = np.concatenate(
            [order[:before], [high], order[before : position[high]], order[position[high] + 1 :]]
        )
        found = _place(intervals, moved)
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


def _place(intervals: Intervals, order: np.ndarray) -> Packing:
    """Give each buffer in turn the smallest gap it fits into between those already placed."""
    sizes, starts, ends = intervals.sizes, intervals.starts, intervals.ends
    offsets = np.zeros(len(sizes), np.int64)
    placed = np.zeros(len(sizes), np.bool_)
    for index in order:
        conflicts = np.flatnonzero(placed & (starts <= ends[index]) & (ends >= starts[index]))
        offsets[index] = _best_gap(offsets[conflicts], sizes[conflicts], int(sizes[index]))
        placed[index] = True
    return Packing(offsets, int((offsets + sizes).max(initial=0)))


def _best_gap(offsets: np.ndarray, sizes: np.ndarray, size: int) -> int:
    """The start of the smallest gap of at least `size` bytes, or the end of everything."""
    order = np.argsort(offsets, kind="stable")
    begins = offsets[order]
    # Placed buffers may overlap each other (at other times), so gaps start where all before have ended.
    frontier = np.maximum.accumulate(np.concatenate([[0], begins + sizes[order]]))
    gaps = begins - frontier[:-1]
    fitting = np.flatnonzero(gaps >= size)
    if not fitting.size:
        return int(frontier[-1])
    return int(frontier[fitting[np.argmin(gaps[fitting])]])
