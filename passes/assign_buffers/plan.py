"""Offsets for buffers inside one arena: best fit, largest buffers first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from oxide.passes.assign_buffers.liveness import Buffer

ALIGNMENT = 64


@dataclass(frozen=True)
class Plan:
    """Where every buffer lies.  Sizes in bytes, each rounded up to the alignment.

    `lower_bound` is the most that is needed at any one time, which no plan can go below; `no_reuse` is what
    separate buffers would take.
    """

    buffers: list[Buffer]
    offsets: list[int]
    arena: int
    lower_bound: int
    no_reuse: int


def plan_offsets(buffers: Sequence[Buffer]) -> Plan:
    """Give every buffer an offset such that buffers needed at the same time do not overlap.

    Large buffers choose first (greedy by size; Pisarchyk and Lee, "Efficient Memory Management for Deep Neural
    Net Inference", 2020): each takes the smallest gap it fits into between those already placed.
    """
    count = len(buffers)
    sizes = np.array([_aligned(buffer.size) for buffer in buffers], np.int64)
    starts = np.array([buffer.start for buffer in buffers], np.int64)
    ends = np.array([buffer.end for buffer in buffers], np.int64)
    offsets = np.zeros(count, np.int64)
    placed = np.zeros(count, np.bool_)
    for index in sorted(range(count), key=lambda i: (-sizes[i], i)):
        conflicts = np.flatnonzero(placed & (starts <= ends[index]) & (ends >= starts[index]))
        offsets[index] = _best_gap(offsets[conflicts], sizes[conflicts], int(sizes[index]))
        placed[index] = True
    return Plan(
        buffers=list(buffers),
        offsets=offsets.tolist(),
        arena=int((offsets + sizes).max(initial=0)),
        lower_bound=_peak(starts, ends, sizes),
        no_reuse=int(sizes.sum()),
    )


def _aligned(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT


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


def _peak(starts: np.ndarray, ends: np.ndarray, sizes: np.ndarray) -> int:
    """The largest sum of sizes needed at one position."""
    change = np.zeros(int(ends.max(initial=0)) + 2, np.int64)
    np.add.at(change, starts, sizes)
    np.add.at(change, ends + 1, -sizes)
    return int(np.cumsum(change).max(initial=0))
