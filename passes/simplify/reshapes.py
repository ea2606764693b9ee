"""Reshapes of permuted tensors: they merge dimensions that stand together, and split any."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.passes.canonicalize.matching import shape_of
from oxide.passes.simplify.permutations import Carriage, Permutation, identity, inverse, with_attached

# Dimensions, none of size 1, that become others: as few as have as many elements.
Group = tuple[list[int], list[int]]


def groups(source: Sequence[int], target: Sequence[int]) -> list[Group]:
    """What a reshape makes of which dimensions; a tensor without elements has none."""
    found: list[Group] = []
    wide = [axis for axis, size in enumerate(source) if size != 1]
    rest = iter([axis for axis, size in enumerate(target) if size != 1])
    into: list[int] = []
    merged: list[int] = []
    have = want = 1
    for axis in wide:
        merged.append(axis)
        have *= source[axis]
        while want < have:
            into.append(place := next(rest))
            want *= target[place]
        if have == want:
            found.append((merged, into))
            merged, into, have, want = [], [], 1, 1
    return found


def carriage(op: ir.Operation, p: Permutation, regroup: bool) -> Carriage | None:
    """How a reshape works on the twin by p, or by another permutation where it must bring dimensions together."""
    source, target = shape_of(op.operands[0]), shape_of(op.results[0])
    if 0 in source:
        return None
    found = sorted(groups(source, target), key=lambda group: min(p[axis] for axis in group[0]))
    wide = sorted(chain.from_iterable(merged for merged, _ in found), key=p.__getitem__)
    together = list(chain.from_iterable(merged for merged, _ in found))
    if together != wide:
        if not regroup:
            return None
        p = inverse(with_attached(together, len(source)))
    result = inverse(with_attached(chain.from_iterable(into for _, into in found), len(target)))
    return None if p == identity(hlo.rank(op.operands[0])) else Carriage([p], result)
