"""What the bytes of an arena hold, as symbols: the memory of the checker's replay."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from itertools import count
from typing import NamedTuple

from oxide.passes.assign_buffers.attributes import Slice


class Run(NamedTuple):
    """`length` consecutive bytes of what was computed under `origin`, from its byte `start` on."""

    origin: int
    start: int
    length: int


# What a value consists of; adjacent runs that continue each other are one.
Content = tuple[Run, ...]

_names = count(1)


def fresh(length: int) -> Content:
    """Bytes that are like no others."""
    return joined([(Run(next(_names), 0, length),)])


def joined(parts: Iterable[Content]) -> Content:
    """Contents one after the other."""
    runs: list[Run] = []
    for run in (run for part in parts for run in part if run.length):
        last = runs[-1] if runs else None
        if last is not None and (last.origin, last.start + last.length) == (run.origin, run.start):
            runs[-1] = last._replace(length=last.length + run.length)
        else:
            runs.append(run)
    return tuple(runs)


def part(content: Content, offset: int, length: int) -> Content:
    """Bytes [offset, offset + length) of a content."""
    runs: list[Run] = []
    position = 0
    for run in content:
        first, last = max(offset - position, 0), min(offset + length - position, run.length)
        if first < last:
            runs.append(Run(run.origin, run.start + first, last - first))
        position += run.length
    return tuple(runs)


class Arena:
    """The bytes from 0 on; a byte that was never written holds origin 0."""

    def __init__(self, starts: Sequence[int] = (0,), runs: Sequence[tuple[int, int]] = ((0, 0),)) -> None:
        # From address _starts[i] up to the next: origin, and which of its bytes is at address 0 of the arena.
        self._starts = list(starts)
        self._runs = list(runs)

    def copy(self) -> Arena:
        return Arena(self._starts, self._runs)

    def read(self, place: Slice) -> Content:
        end = place.offset + place.size
        first = bisect_right(self._starts, place.offset) - 1
        last = bisect_left(self._starts, end)
        bounds = [place.offset, *self._starts[first + 1 : last], end]
        return joined(
            (Run(origin, shift + bounds[i], bounds[i + 1] - bounds[i]),)
            for i, (origin, shift) in enumerate(self._runs[first : max(last, first + 1)])
        )

    def write(self, place: Slice, content: Content) -> None:
        """Put content, or as much of it as the place has bytes, at a place."""
        if place.size <= 0:
            return
        end = place.offset + place.size
        first = bisect_left(self._starts, place.offset)
        last = bisect_right(self._starts, end)
        starts: list[int] = []
        runs: list[tuple[int, int]] = []
        position = place.offset
        for run in part(content, 0, place.size):
            starts.append(position)
            runs.append((run.origin, run.start - position))
            position += run.length
        # What follows goes on as before.
        self._starts[first:last] = [*starts, end]
        self._runs[first:last] = [*runs, self._runs[last - 1]]

    def keep_common(self, others: Iterable[Arena]) -> None:
        """Forget the bytes that another arena holds something else in."""
        for other in others:
            bounds = sorted({*self._starts, *other._starts})
            pairs = [(self._at(address), other._at(address)) for address in bounds]
            lost = next(_names)
            self._starts = bounds
            self._runs = [mine if mine == theirs else (lost, 0) for mine, theirs in pairs]

    def _at(self, address: int) -> tuple[int, int]:
        return self._runs[bisect_right(self._starts, address) - 1]
