"""What moves to `@prepare`, in groups small enough to be judged one by one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.effects import SHAPE_OPERANDS
from oxide.passes.sets import Sets
from oxide.passes.weight_values import WeightValues, nbytes

# They cost nothing where they are used, so they move only with what reads them.
_FREE = frozenset(f"stablehlo.{name}" for name in ("broadcast_in_dim", "broadcast", "constant", "iota", "reshape"))


@dataclass
class Group:
    """Operations that read the same weights, by position in `@main`.

    `values` are what `@main` then takes instead, `freed` the weights it no longer does, and `growth` the difference
    in bytes.
    """

    operations: list[int] = field(default_factory=list)
    values: list[ir.OpResult] = field(default_factory=list)
    freed: list[ir.Value] = field(default_factory=list)

    @property
    def growth(self) -> int:
        return sum(map(nbytes, self.values)) - sum(map(nbytes, self.freed))


def groups(program: WeightValues, weights: Sequence[ir.Value]) -> list[Group]:
    """Everything worth moving, in the order of `@main`.

    Weights of one element are in no group's account: sharing such a scalar would tie whole models together.
    """
    moving = _moving(program)
    freed = [
        weight
        for weight in weights
        if hlo.size(weight) > 1 and (users := program.users.get(weight)) and moving.issuperset(users)
    ]
    sets = Sets()
    for position in moving:
        for result in program.operations[position].results:
            sets.unite([position, *(user for user in program.users.get(result, ()) if user in moving)])
    for weight in freed:
        sets.unite(program.users[weight])
    found: dict[int, Group] = {}
    for position in sorted(moving):
        group = found.setdefault(sets.find(position), Group())
        group.operations.append(position)
        group.values += [
            result
            for result in program.operations[position].results
            if not moving.issuperset(program.users.get(result, ()))
        ]
    for weight in freed:
        found[sets.find(program.users[weight][0])].freed.append(weight)
    return list(found.values())


def _moving(program: WeightValues) -> set[int]:
    """Operations on weights and constants that `@main` no longer needs.

    Stays: what is free and used by what stays; what is free and of constants alone; what a size depends on, as only
    constants in place make shapes known.
    """
    moving, sizes = set[int](), set[int]()
    for position in reversed(range(len(program.operations))):
        op = program.operations[position]
        users = [user for result in op.results for user in program.users.get(result, ())]
        is_free = op.name in _FREE
        if any(user in sizes or _gives_size(op, program.operations[user]) for user in users):
            sizes.add(position)
        elif (
            users
            and program.is_known(position)
            and not (is_free and not (program.reads_weights(position) and moving.issuperset(users)))
        ):
            moving.add(position)
    return moving


def _gives_size(op: ir.Operation, user: ir.Operation) -> bool:
    return any(user.operands[number] in op.results for number in SHAPE_OPERANDS.get(user.name, ()))


def copied(program: WeightValues, moved: Sequence[int]) -> list[int]:
    """The operations that compute what moves, in order: with the free ones that stay in `@main` as well."""
    produced: dict[ir.Value, int] = {
        result: position
        for position, op in enumerate(program.operations)
        if program.is_known(position)
        for result in op.results
    }
    needed: set[int] = set()
    pending = list(moved)
    while pending:
        position = pending.pop()
        if position not in needed:
            needed.add(position)
            pending += [produced[value] for value in program.reads[position] if value in produced]
    return sorted(needed)
