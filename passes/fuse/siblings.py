"""Groups that read the same operand become one group of several results, which reads it once.

Two groups are siblings when they run over the same space (the result's shape, or the reduced operand's shape and
dimensions), both read a value with as many elements, and neither leads to the other.  They run where the later one
ran if everything that reads the earlier one still comes after that, or where the earlier one ran if everything that
the later one reads is there by then.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from oxide.dialects.attributes import integers, tensor
from oxide.passes.fuse.growth import Limits
from oxide.passes.fuse.order import Declined, Group, Order, operations_in
from oxide.passes.fuse.roles import Role

# Kind, shape, reduced dimensions.
_Space = tuple[str, tuple[int, ...], tuple[int, ...]]


class Siblings:
    """Merges the groups of a block; `count` says how often."""

    def __init__(self, order: Order, groups: Sequence[Group], limits: Limits) -> None:
        self._order = order
        self._nodes = order.graph.nodes
        self._limits = limits
        self.count = 0
        self._group_of: dict[int, Group] = {}
        self.declined: list[Declined] = []
        for group in [*groups, *self._alone()]:
            self._adopt(group)

    def merged(self) -> list[Group]:
        """All groups of at least two operations, in the order in which they run."""
        for roots in self._readers():
            last = self._group_of[roots[0]]
            for root in roots[1:]:
                # What was merged because of another value has changed.
                last, group = self._group_of[last.place], self._group_of[root]
                if group is not last:
                    last = self._pair(*sorted((last, group), key=_place)) or group
        groups = {group.place: group for group in self._group_of.values()}
        return sorted((g for g in groups.values() if operations_in(self._nodes, g) > 1), key=_place)

    def _alone(self) -> Iterator[Group]:
        """Operations in no group that could be siblings."""
        for position, node in enumerate(self._nodes):
            kind = "input" if node.role is Role.REDUCTION else "loop"
            fits = node.role in (Role.REDUCTION, Role.ELEMENTWISE) and kind in self._limits.kinds and node.users
            if fits and position not in self._order.taken and position not in self._order.unused:
                constants = sorted(o for o in node.operands if self._nodes[o].role is Role.CONSTANT)
                yield Group(kind, (position,), tuple(constants), position)

    def _adopt(self, group: Group) -> None:
        for member in group.members:
            self._group_of[member] = group
            self._order.place[member] = group.place

    def _readers(self) -> list[list[int]]:
        """Places of groups of the same space that read the same value, for each value and space."""
        graph = self._order.graph
        found: dict[tuple[int, _Space], list[int]] = defaultdict(list)
        for group in sorted({g.place: g for g in self._group_of.values()}.values(), key=_place):
            if group.kind == "output" or self._nodes[group.place].role is Role.UPDATE:
                continue
            space, elements = self._space(group)
            for value in self._inputs(group):
                if graph.elements[value] == elements:
                    found[value, space].append(group.place)
        return [places for places in found.values() if len(places) > 1]

    def _inputs(self, group: Group) -> dict[int, None]:
        """The values a group reads."""
        inside = {*group.members, *group.copies}
        read = (value for position in sorted(inside) for value in self._nodes[position].reads)
        return dict.fromkeys(value for value in read if self._order.graph.source[value] not in inside)

    def _space(self, group: Group) -> tuple[_Space, int]:
        """What a group runs over, and how many elements that has."""
        for member in group.members:
            node = self._nodes[member]
            if node.role is Role.REDUCTION:
                operand = node.reads[0]
                shape, reduced = tensor(node.op.operands[0]).shape, integers(node.op, "dimensions")
                return (group.kind, tuple(shape), tuple(reduced)), self._order.graph.elements[operand]
        node = self._nodes[group.place]
        return (group.kind, tuple(tensor(node.op.results[0]).shape), ()), node.size

    def _pair(self, first: Group, second: Group) -> Group | None:
        """Make one group of two; None when that cannot be."""
        sources = {self._order.graph.source[value] for value in self._inputs(second)} - {-1}
        if not sources.isdisjoint(first.members):
            return self._decline(first, second, "one reads the other's result")
        if all(place > second.place for place in self._reader_places(first)):
            place = second.place
        elif all(self._order.place[source] < first.place for source in sources):
            place = first.place
        else:
            return self._decline(first, second, "operations between them depend on one and lead to the other")
        members = {*first.members, *second.members}
        copies = {*first.copies, *second.copies} - members
        merged = Group(first.kind, tuple(sorted(members)), tuple(sorted(copies)), place)
        if operations_in(self._nodes, merged) > self._limits.max_ops:
            return self._decline(first, second, f"together they have more than {self._limits.max_ops} operations")
        self._order.taken.update(members)
        self._adopt(merged)
        self.count += 1
        return merged

    def _reader_places(self, group: Group) -> Iterator[int]:
        """Where the results of a group are read."""
        order, inside = self._order, set(group.members)
        for member in group.members:
            for user in self._nodes[member].users:
                if user not in inside and user not in order.unused:
                    yield order.place[user]
            for root in order.copy_readers.get(member, ()):
                yield order.place[root]

    def _decline(self, first: Group, second: Group, reason: str) -> None:
        self.declined.append(Declined(first.place, second.place, reason))


def _place(group: Group) -> int:
    return group.place
