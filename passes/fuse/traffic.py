"""Kernels of a block and the bytes they move, alone and grouped.

Every operation is a kernel, but for constants and reshapes; a group is one.  A kernel reads each value once, or
only the parts that its slices and gathers take, and writes what others read.  Reshapes of a value are the same
bytes.  A dynamic_update_slice works in place and moves the update alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from oxide.passes.fuse.graph import Graph, Node
from oxide.passes.fuse.order import is_kernel
from oxide.passes.fuse.plan import Plan
from oxide.passes.fuse.roles import PARTS, UPDATE, Role

_KINDS = {Role.CONTRACTION: "output", Role.REDUCTION: "input", Role.OPAQUE: "other"}


@dataclass
class Traffic:
    """Kernels and bytes by kind: loop, input, output, or other for what is never fused."""

    kernels: Counter[str] = field(default_factory=Counter)
    bytes: Counter[str] = field(default_factory=Counter)

    def add(self, other: Traffic) -> None:
        self.kernels += other.kernels
        self.bytes += other.bytes

    def count(self, kind: str, moved: int) -> None:
        self.kernels[kind] += 1
        self.bytes[kind] += moved


class Accountant:
    """Counts for one block."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        # The value whose bytes a value is: reshapes change none.
        self._storage = list(range(len(graph.bytes)))
        for node in graph.nodes:
            if node.op.name == "stablehlo.reshape":
                self._storage[node.results[0]] = self._storage[node.reads[0]]

    def before(self) -> Traffic:
        """Every operation alone."""
        used = {position for position, node in enumerate(self._graph.nodes) if node.users}
        return self._alone(range(len(self._graph.nodes)), used)

    def after(self, plan: Plan) -> Traffic:
        """The groups, and the operations in none."""
        gone = {member for group in plan.groups for member in group.members} | plan.unused
        found = self._alone([p for p in range(len(self._graph.nodes)) if p not in gone], plan.exported)
        for group in plan.groups:
            found.count(group.kind, self._moved(group.members, group.copies, plan.exported))
        return found

    def _alone(self, positions: Iterable[int], exported: Collection[int]) -> Traffic:
        found = Traffic()
        for position in positions:
            node = self._graph.nodes[position]
            if is_kernel(node):
                found.count(_KINDS.get(node.role, "loop"), self._moved((position,), (), exported))
        return found

    def _moved(self, members: Sequence[int], copies: Sequence[int], exported: Collection[int]) -> int:
        """Bytes that operations running together read and write."""
        graph, inside = self._graph, {*members, *copies}
        made = {self._storage[value] for position in inside for value in graph.nodes[position].results}
        read: dict[int, int] = {}
        for position in inside:
            node = graph.nodes[position]
            if not is_kernel(node):
                continue
            for number, value in enumerate(node.reads):
                storage = self._storage[value]
                if storage not in made and not self._is_constant(storage):
                    count = self._read(node, number)
                    read[storage] = min(read.get(storage, 0) + count, graph.bytes[value])
        written = {
            self._storage[value]: self._written(graph.nodes[position], value)
            for position in members
            if position in exported
            for value in graph.nodes[position].results
        }
        return sum(read.values()) + sum(written.values())

    def _read(self, node: Node, number: int) -> int:
        """Bytes an operation reads of the value it reads at that place."""
        if number == 0 and node.op.name in PARTS:
            return self._graph.bytes[node.results[0]]
        if number == 0 and _updates_part(node):
            return 0
        return self._graph.bytes[node.reads[number]]

    def _written(self, node: Node, value: int) -> int:
        return self._graph.bytes[node.reads[1] if _updates_part(node) else value]

    def _is_constant(self, value: int) -> bool:
        source = self._graph.source[value]
        return source >= 0 and self._graph.nodes[source].role is Role.CONSTANT


def _updates_part(node: Node) -> bool:
    """Whether a value is updated in place; one that is its own update is read and written whole."""
    return node.op.name == UPDATE and node.op.operands[0] != node.op.operands[1]
