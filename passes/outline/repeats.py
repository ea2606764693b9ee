"""Repeats in a sequence of numbers."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

# Distances between equal parts that are tried, those that most places agree on first.
_DISTANCES = 64


@dataclass(frozen=True)
class Repeat:
    """Equal parts of a sequence, each `length` long, that begin at `starts` and do not overlap."""

    starts: tuple[int, ...]
    length: int

    @property
    def gain(self) -> int:
        """How many operations fewer there are with a function of the part, its terminator included, and calls."""
        return saved(self.length, len(self.starts))


def saved(length: int, count: int) -> int:
    return length * (count - 1) - count - 1


def find_repeats(tokens: np.ndarray, crossing: np.ndarray, least: int) -> list[Repeat]:
    """Repeats of at least `least` elements, those that save most first.

    `crossing[i]` is how many values cross the border before element i.  A run of equal parts may often be cut at
    several phases (`abcabcab` as `abc` twice or `bca` twice): the one with the fewest values crossing is chosen, of
    equal ones the last, so that what precedes the first part is not taken for the end of another.

    Parts that follow each other and parts far apart are found alike: places whose next 8, 16, 32, ... elements
    occur again (from half of `least` on) vote for the distance; the sequence is compared with itself at the
    distances with most votes.  O(n log² n) for n elements.
    """
    found: dict[tuple[int, int], Repeat] = {}
    for distance in _distances(tokens, least):
        equal = np.concatenate([[False], tokens[distance:] == tokens[:-distance], [False]])
        (edges,) = np.nonzero(equal[1:] != equal[:-1])
        for start, end in edges.reshape(-1, 2).tolist():
            if end - start >= least:
                repeat = _adjacent(start, end, distance, crossing) or _apart(start, end, distance)
                found[repeat.starts[0], repeat.length] = repeat
    repeats = [repeat for repeat in found.values() if repeat.length >= least and repeat.gain > 0]
    return sorted(repeats, key=lambda repeat: (-repeat.gain, repeat.starts))


def _distances(tokens: np.ndarray, least: int) -> list[int]:
    votes: Counter[int] = Counter()
    grams, length = tokens, 1
    while len(grams) > 1:
        if 2 * length > least:
            votes.update(_gaps(grams).tolist())
        grams = _numbered(grams[:-length], grams[length:])
        length *= 2
    return [distance for distance, _ in votes.most_common(_DISTANCES)]


def _numbered(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """A number for each pair, equal for equal pairs."""
    if len(left) == 0:
        return left
    span = int(right.max() - right.min()) + 1
    return np.unique((left - left.min()) * span + (right - right.min()), return_inverse=True)[1]


def _gaps(grams: np.ndarray) -> np.ndarray:
    """How far it is from each element to the next equal one."""
    order = np.argsort(grams, kind="stable")
    same = grams[order][1:] == grams[order][:-1]
    return np.diff(order)[same]


def _adjacent(start: int, end: int, distance: int, crossing: np.ndarray) -> Repeat | None:
    """Parts that follow each other, where elements [start, end) equal those at the distance."""
    count, phases = divmod(end + distance - start, distance)
    if count < 2:
        return None
    costs = [crossing[start + phase :: distance][1:count].sum() for phase in range(phases + 1)]
    first = start + max(range(phases + 1), key=lambda phase: (-costs[phase], phase))
    return Repeat(tuple(first + number * distance for number in range(count)), distance)


def _apart(start: int, end: int, distance: int) -> Repeat:
    return Repeat((start, start + distance), end - start)


def with_others(repeat: Repeat, tokens: np.ndarray, free: np.ndarray) -> Repeat:
    """The repeat with all equal parts elsewhere whose elements are `free`, from the first on."""
    length = repeat.length
    unused = free.copy()
    for start in repeat.starts:
        unused[start : start + length] = False
    starts = np.arange(len(tokens) - length + 1)
    for offset, token in enumerate(tokens[repeat.starts[0] :][:length]):
        starts = starts[(tokens[starts + offset] == token) & unused[starts + offset]]
    chosen = list(repeat.starts)
    for start in starts.tolist():
        if unused[start : start + length].all():
            unused[start : start + length] = False
            chosen.append(start)
    return Repeat(tuple(sorted(chosen)), length)
