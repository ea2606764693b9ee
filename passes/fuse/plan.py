"""Which operations of a block are computed together.

Roots are taken from the end of the block; `growth` makes a group of each, and `siblings` merges groups that read
the same operand.  A reshape is the same bytes and no root.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from oxide.passes.fuse.graph import Graph
from oxide.passes.fuse.growth import Growth, Limits
from oxide.passes.fuse.order import Declined, Group, Order, operations_in
from oxide.passes.fuse.roles import Role
from oxide.passes.fuse.siblings import Siblings


@dataclass(frozen=True)
class Plan:
    """The fusions of a block in the order in which they run.

    `unused` are positions of operations that nothing reads once copies are made, `exported` those that are read
    outside of their group; `merged` says how often siblings became one group.
    """

    groups: Sequence[Group]
    unused: frozenset[int]
    exported: frozenset[int]
    merged: int
    declined: Sequence[Declined]


def plan_groups(graph: Graph, limits: Limits) -> Plan:
    """Disjoint groups of at least two operations that do work."""
    order = Order(graph)
    groups: list[Group] = []
    declined: list[Declined] = []
    for root in range(len(graph.nodes) - 1, -1, -1):
        node = graph.nodes[root]
        if order.drop_if_unused(root) or root in order.taken or not node.users or not _is_root(graph, root, limits):
            continue
        growth = Growth(order, root, limits)
        group = growth.grown()
        declined += growth.declined
        if group.kind in limits.kinds and operations_in(graph.nodes, group) > 1:
            order.take(group)
            groups.append(group)
    siblings = Siblings(order, groups, limits)
    merged = siblings.merged()
    declined += siblings.declined
    exported = frozenset(_exported(graph, merged, order.unused))
    return Plan(merged, frozenset(order.unused), exported, siblings.count, declined)


def _exported(graph: Graph, groups: Sequence[Group], unused: Collection[int]) -> Iterator[int]:
    """Operations whose results are read by another group or by an operation in none."""
    inside = [{*group.members, *group.copies} for group in groups]
    group_of = {member: number for number, group in enumerate(groups) for member in group.members}
    for position, node in enumerate(graph.nodes):
        for user in node.users:
            if user not in unused and (user not in group_of or position not in inside[group_of[user]]):
                yield position
                break
    for group, known in zip(groups, inside, strict=True):
        for copy in group.copies:
            yield from (operand for operand in graph.nodes[copy].operands if operand not in known)


def _is_root(graph: Graph, position: int, limits: Limits) -> bool:
    node = graph.nodes[position]
    if node.role is Role.REDUCTION:
        return "input" in limits.kinds
    return node.role in (Role.ELEMENTWISE, Role.UPDATE) or (
        node.role is Role.INDEXING and node.op.name != "stablehlo.reshape"
    )
