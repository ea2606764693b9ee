"""Permutations of dimensions.

Throughout, a permutation p relates a value v to its twin v' as a transpose does: v = transpose(v', p), so that
dimension i of v is dimension p[i] of v'.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

Permutation = tuple[int, ...]
# The permutation of each operand's twin; None where it has none, or where the operand itself is read.
Reads = Sequence[Permutation | None]


@dataclass(frozen=True)
class Carriage:
    """How an operation works on twins: which ones it reads, the permutation of what it gives, and the bytes that a
    back end transposes for it as it is and on twins."""

    reads: Reads
    result: Permutation
    before: int = 0
    after: int = 0


def identity(rank: int) -> Permutation:
    return tuple(range(rank))


def inverse(p: Sequence[int]) -> Permutation:
    return tuple(int(place) for place in np.argsort(p))


def after(p: Permutation, q: Sequence[int]) -> Permutation:
    """The permutation of transpose(v, q) for a v = transpose(v', p)."""
    return tuple(p[axis] for axis in q)


def permuted(p: Permutation, values: Sequence[int]) -> list[int]:
    """Numbers of v's dimensions in the order of those of v'."""
    return [values[axis] for axis in inverse(p)]


def between(p: Permutation, q: Permutation) -> Permutation:
    """The permutation by which v'' = transpose(v', ...), where v is transpose(v', p) and transpose(v'', q)."""
    return after(p, inverse(q))


def ranked(places: Sequence[int]) -> Permutation:
    """Different places, counted from 0 without gaps: of the dimensions that are left of a value."""
    return inverse(inverse(places))


def is_transpose(shape: Sequence[int], p: Permutation) -> bool:
    """False where only dimensions of size 1 move, as in a reshape."""
    wide = [axis for axis, size in zip(p, shape, strict=True) if size != 1]
    return wide != sorted(wide)


def with_attached(order: Iterable[int], rank: int) -> list[int]:
    """An order of some dimensions with all the others, each behind the one it follows in the value, or in front."""
    placed = set(order := list(order))
    followers: dict[int | None, list[int]] = {}
    last = None
    for axis in range(rank):
        if axis in placed:
            last = axis
        else:
            followers.setdefault(last, []).append(axis)
    whole = followers.get(None, [])
    for axis in order:
        whole += [axis, *followers.get(axis, [])]
    return whole
