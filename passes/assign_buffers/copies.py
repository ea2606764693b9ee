"""A block's results go where its loop or branch wants them: in which order, and with how much memory besides.

All of them are copied as if at once.  A copy waits until nothing else reads what it overwrites; where copies wait
for one another in a circle, as in a loop that swaps two values, one of them puts its source aside first.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Slice(NamedTuple):
    """Bytes [offset, offset + size) of an arena."""

    offset: int
    size: int

    def overlaps(self, other: Slice) -> bool:
        first, last = max(self.offset, other.offset), min(self.offset + self.size, other.offset + other.size)
        return first < last

    def holds(self, other: Slice) -> bool:
        return self.offset <= other.offset and other.offset + other.size <= self.offset + self.size


class Copy(NamedTuple):
    """One of those that are wanted; one that goes `aside`, to scratch memory, is made from there later on."""

    number: int
    aside: bool


def ordered(wanted: Iterable[tuple[Slice | None, Slice | None]]) -> list[Copy]:
    """Copies from sources to targets, one after the other.  None is memory that is no copy's target."""
    copies: list[Copy] = []
    pending = {number: pair for number, pair in enumerate(wanted) if pair[0] != pair[1] and pair[1] is not None}
    saved: set[int] = set()
    while pending:
        free = [number for number, (_, target) in pending.items() if not _is_read(target, number, pending)]
        for number in free:
            copies.append(Copy(number, aside=False))
            del pending[number]
        if pending and not free:
            smallest = min(pending.keys() - saved, key=lambda number: _size(pending[number][1]))
            copies.append(Copy(smallest, aside=True))
            pending[smallest] = (None, pending[smallest][1])
            saved.add(smallest)
    return copies


def scratch_bytes(wanted: list[tuple[Slice | None, Slice | None]]) -> int:
    """Bytes of scratch memory that the copies need."""
    return max((_size(wanted[copy.number][1]) for copy in ordered(wanted) if copy.aside), default=0)


def _is_read(target: Slice | None, number: int, pending: dict[int, tuple[Slice | None, Slice | None]]) -> bool:
    others = (source for other, (source, _) in pending.items() if other != number)
    return target is not None and any(source is not None and source.overlaps(target) for source in others)


def _size(place: Slice | None) -> int:
    return place.size if place is not None else 0
