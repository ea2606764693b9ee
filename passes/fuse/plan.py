"""Which operations of a block are computed together.

A group stands where its last operation, the root, stood.  An operation joins when every user that comes before
the root is in the group already: then whatever the group reads is computed earlier, whatever reads from it
comes later, and no cycle through outside operations can arise.  Roots are taken from the end of the block and
candidates nearest to the root first, so each operation is looked at once for each group that could take it.
"""

from __future__ import annotations

import heapq
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from oxide.passes.fuse.graph import Node, Role


@dataclass(frozen=True)
class Group:
    """A fusion to be: its kind, its operations' positions in order, and the constants copied into it."""

    kind: str
    members: list[int]
    constants: list[int]


def plan_groups(nodes: Sequence[Node], max_ops: int, kinds: Sequence[str]) -> list[Group]:
    """Disjoint groups of at least two operations that do work, in block order."""
    taken: set[int] = set()
    groups = []
    for root in range(len(nodes) - 1, -1, -1):
        role = nodes[root].role
        is_root = (role is Role.ELEMENTWISE) or (role is Role.REDUCTION and "input" in kinds)
        if root in taken or not is_root or not nodes[root].users:
            continue
        growth = _Growth(nodes, root, taken, max_ops, kinds)
        group = growth.grown()
        if group.kind in kinds and sum(_does_work(nodes, member) for member in group.members) > 1:
            taken.update(group.members)
            groups.append(group)
    return groups[::-1]


def _does_work(nodes: Sequence[Node], member: int) -> bool:
    """False for splats made from a scalar, which cost nothing wherever they are."""
    node = nodes[member]
    return node.role is not Role.INDEXING or not all(nodes[operand].scalar for operand in node.operands)


class _Growth:
    """One group while it grows from its root towards the operands."""

    def __init__(
        self, nodes: Sequence[Node], root: int, taken: set[int], max_ops: int, kinds: Sequence[str]
    ) -> None:
        self._nodes = nodes
        self._root = root
        self._taken = taken
        self._max_ops = max_ops
        self._kinds = kinds
        self._members = {root}
        self._constants: set[int] = set()
        self._hero: int | None = None
        # Reshapes and the like whose result is broadcast further down.
        self._repeated: set[int] = set()
        # The iteration space: a second result of the group must have as many elements.
        reduced = nodes[root].role is Role.REDUCTION and nodes[root].operands
        self._space = max(nodes[o].size for o in nodes[root].operands) if reduced else nodes[root].size

    def grown(self) -> Group:
        candidates = [-position for position in self._nodes[self._root].operands]
        heapq.heapify(candidates)
        seen = set(self._nodes[self._root].operands)
        while candidates and len(self._members) < self._max_ops:
            position = -heapq.heappop(candidates)
            if not self._joins(position):
                continue
            self._members.add(position)
            if position == self._hero:
                continue  # the hero reads its operands from memory
            for operand in self._nodes[position].operands:
                if operand not in seen:
                    seen.add(operand)
                    heapq.heappush(candidates, -operand)
        return Group(self._kind(), sorted(self._members), self._copied())

    def _kind(self) -> str:
        if self._hero is not None:
            return "output"
        return "input" if self._nodes[self._root].role is Role.REDUCTION else "loop"

    def _joins(self, position: int) -> bool:
        node = self._nodes[position]
        if position in self._taken or node.role in (Role.OPAQUE, Role.REDUCTION, Role.CONSTANT):
            return False
        before_root = node.users[: bisect_right(node.users, self._root, hi=min(len(node.users), self._max_ops + 1))]
        if any(user not in self._members for user in before_root):
            return False
        if self._hero in before_root:
            return False
        if len(before_root) < len(node.users) and node.size != self._space:
            return False
        if node.role is Role.HERO:
            return self._takes_hero(position)
        return self._stays_cheap(position, before_root)

    def _stays_cheap(self, position: int, readers: Sequence[int]) -> bool:
        """False for a computed tensor that is broadcast on the way to the root: fused, it would be computed
        once per copy."""
        node = self._nodes[position]
        if node.scalar or not any(self._nodes[r].size > node.size or r in self._repeated for r in readers):
            return True
        if node.role is Role.INDEXING:
            self._repeated.add(position)
        return node.role is Role.INDEXING

    def _takes_hero(self, position: int) -> bool:
        """Only one contraction, read by nothing else, and only pointwise operations between it and the root."""
        node = self._nodes[position]
        is_loop = self._nodes[self._root].role is not Role.REDUCTION
        if "output" not in self._kinds or self._hero is not None or not is_loop or node.users[-1] > self._root:
            return False
        downstream = {position}
        for member in sorted(self._members):
            reader = self._nodes[member]
            if downstream.isdisjoint(reader.operands):
                continue
            if reader.role is not Role.ELEMENTWISE or reader.size != node.size:
                return False
            downstream.add(member)
        # What is already in the group must not feed the contraction.
        if not self._members.isdisjoint(node.operands):
            return False
        self._hero = position
        return True

    def _copied(self) -> list[int]:
        operands = {operand for member in self._members for operand in self._nodes[member].operands}
        return sorted(operand for operand in operands if self._nodes[operand].role is Role.CONSTANT)
