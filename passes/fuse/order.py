"""When each operation of a block runs, once some are grouped: what grouping must respect and what it changes.

A group runs where its `place`, one of its members, stood.  Whatever a group reads is computed at an earlier place
and whatever reads from it at a later one; both searches keep that true, so no cycle can arise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from oxide.passes.fuse.graph import Graph, Node
from oxide.passes.fuse.roles import FREE, Role


@dataclass(frozen=True)
class Group:
    """A fusion to be: its kind, the positions of the operations it takes and of those it has copies of, each in
    order, and the position at which it runs."""

    kind: str
    members: tuple[int, ...]
    copies: tuple[int, ...]
    place: int


@dataclass(frozen=True)
class Declined:
    """Why the operation at one position is not in the fusion of another."""

    position: int
    root: int
    reason: str


@dataclass
class Order:
    """`place[p]` is where the operation at p runs, `readers[p]` how many operations and groups' copies read its
    results.  `unused` operations were copied into every group that read them."""

    graph: Graph
    place: list[int] = field(init=False)
    readers: list[int] = field(init=False)
    taken: set[int] = field(default_factory=set)
    unused: set[int] = field(default_factory=set)
    # For each operation, the places of the groups that read it by way of a copy.
    copy_readers: dict[int, list[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.place = list(range(len(self.graph.nodes)))
        self.readers = [len(node.users) for node in self.graph.nodes]

    def take(self, group: Group) -> None:
        inside = {*group.members, *group.copies}
        self.taken.update(group.members)
        for member in group.members:
            self.place[member] = group.place
        for copy in group.copies:
            for operand in self.graph.nodes[copy].operands:
                if operand not in inside:
                    self.readers[operand] += 1
                    self.copy_readers.setdefault(operand, []).append(group.place)
        copies = set(group.copies)
        for member in group.members:
            for operand in copies.intersection(self.graph.nodes[member].operands):
                self.readers[operand] -= 1

    def drop_if_unused(self, position: int) -> bool:
        """True for an operation that nothing but copies of others read, and these have copies of it."""
        node = self.graph.nodes[position]
        if not node.users or self.readers[position] or position in self.taken or node.role is Role.CONSTANT:
            return False
        self.unused.add(position)
        for operand in node.operands:
            self.readers[operand] -= 1
        return True


def operations_in(nodes: Sequence[Node], group: Group) -> int:
    """How many operations of a group would be kernels alone: constants and reshapes are none."""
    return sum(is_kernel(nodes[position]) for position in (*group.members, *group.copies))


def is_kernel(node: Node) -> bool:
    """False for constants, reshapes (the same bytes), terminators and control flow."""
    return node.role is not Role.CONSTANT and node.op.name not in FREE
