"""Runs of calls that feed one another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from jaxlib.mlir import ir

from oxide.dialects.attributes import integer, symbol
from oxide.dialects.effects import Effects
from oxide.passes.canonicalize.matching import has_one_use, producer
from oxide.passes.roll.operands import Operand, operand_of
from oxide.passes.weight_values import values_read


@dataclass(frozen=True)
class Joined:
    """A concatenation along `axis` of one result of all calls, reshaped alike, in their order or in reverse."""

    op: ir.Operation
    axis: int
    is_reversed: bool

    def operations(self) -> list[ir.Operation]:
        """The concatenation, and the reshapes that serve it alone."""
        reshapes = [producer(part, "stablehlo.reshape") for part in self.op.operands]
        return [self.op, *(op for op in reshapes if op is not None and has_one_use(op.results[0]))]


@dataclass(frozen=True)
class Run:
    """Calls of one function; operand k of each but the first is result `fed[k]` of the one before.

    `after` are operations between the first call and the last that depend on a call's results.
    """

    calls: Sequence[ir.Operation]
    fed: Mapping[int, int]
    after: Sequence[ir.Operation]

    @cached_property
    def operands(self) -> dict[int, Operand]:
        """What the calls do not feed one another, by number."""
        columns = enumerate(zip(*(call.operands for call in self.calls), strict=True))
        return {number: operand_of(column) for number, column in columns if number not in self.fed}

    @cached_property
    def joined(self) -> dict[int, list[Joined]]:
        """The concatenations of each result."""
        return {number: _joined(self.calls, number) for number in range(len(self.calls[0].results))}

    @cached_property
    def kept(self) -> list[int]:
        """The results of which more than the last call's is read, or that one of a result which is not fed."""
        return [
            number
            for number, joined in self.joined.items()
            for calls in [self.calls[:-1] if number in self.fed.values() else self.calls]
            if joined or any(self.is_read_outside(call.results[number]) for call in calls)
        ]

    @cached_property
    def _members(self) -> frozenset[ir.Operation]:
        return frozenset(self.calls)

    def is_read_outside(self, result: ir.Value) -> bool:
        return any(use.owner.operation not in self._members for use in result.uses)


def find_runs(block: ir.Block, effects: Effects) -> list[Run]:
    """The longest runs of calls, in the order in which they begin."""
    operations = [view.operation for view in block.operations]
    calls: dict[str, list[int]] = {}
    for position, op in enumerate(operations):
        if op.name == "func.call" and effects.is_pure(op):
            calls.setdefault(symbol(op, "callee"), []).append(position)
    found: list[tuple[int, Run]] = []
    for positions in calls.values():
        while positions:
            run = _run_from(operations, positions, effects)
            found.append((positions[0], run))
            positions = positions[len(run.calls) :]
    return [run for _, run in sorted(found, key=lambda item: item[0])]


def _run_from(operations: Sequence[ir.Operation], positions: Sequence[int], effects: Effects) -> Run:
    """The longest run from the first of these calls on.

    It ends before a call that depends on the earlier ones in another way than through what they feed it, and before
    one that comes after an operation with effects which does: that cannot be moved behind the loop.
    """
    calls, fed, after = [operations[positions[0]]], dict[int, int](), list[ir.Operation]()
    results = set[ir.Value](calls[0].results)
    for before, position in pairwise(positions):
        between = list[ir.Operation]()
        for op in operations[before + 1 : position]:
            if not results.isdisjoint(values_read(op)):
                between.append(op)
                results.update(op.results)
        call = operations[position]
        feeds = _feeds(calls[-1], call)
        others = [value for number, value in enumerate(call.operands) if number not in feeds]
        if (
            not feeds
            or (fed and feeds != fed)
            or not results.isdisjoint(others)
            or not all(effects.is_pure(op) for op in between)
        ):
            break
        calls.append(call)
        after += between
        results.update(call.results)
        fed = feeds
    return Run(calls, fed, after)


def _feeds(call: ir.Operation, following: ir.Operation) -> dict[int, int]:
    """Which operands of a call are which results of another."""
    results: dict[ir.Value, int] = {result: number for number, result in enumerate(call.results)}
    return {number: results[value] for number, value in enumerate(following.operands) if value in results}


def _joined(calls: Sequence[ir.Operation], number: int) -> list[Joined]:
    found: dict[ir.Operation, Joined] = {}
    results: list[ir.Value] = [call.results[number] for call in calls]
    own = set(results)
    for use in results[0].uses:
        user = use.owner.operation
        if user.name == "stablehlo.reshape" and has_one_use(user.results[0]):
            user = next(iter(user.results[0].uses)).owner.operation
        if user.name != "stablehlo.concatenate" or user in found:
            continue
        parts = [producer(part, "stablehlo.reshape") for part in user.operands]
        values: list[ir.Value] = [
            part if op is None or part in own else op.operands[0]
            for part, op in zip(user.operands, parts, strict=True)
        ]
        is_alike = len({part.type for part in user.operands}) == 1
        if is_alike and (values == results or values == results[::-1]):
            found[user] = Joined(user, integer(user, "dimension"), values != results)
    return list(found.values())
