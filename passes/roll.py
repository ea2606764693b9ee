"""Calls in a row become loops."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.attributes import symbol
from oxide.dialects.effects import Effects
from oxide.dialects.hlo.loops import Element, Step, element_at, loop
from oxide.passes import functions
from oxide.passes.base import Pass, PassLog, option, register
from oxide.passes.weight_values import values_read


@dataclass(frozen=True)
class Run:
    """Calls of one function; operand k of each but the first is result `fed[k]` of the one before.

    `after` are operations between the first call and the last that depend on a call's results.
    """

    calls: Sequence[ir.Operation]
    fed: dict[int, int]
    after: Sequence[ir.Operation]


@register
@dataclass(frozen=True)
class Roll(Pass):
    """Make a `while` of calls in @main whose results feed the next call of the same function.

    The operands in which the calls differ, such as the weights of layers, are stacked, and the loop takes one slice
    of them a turn; `hoist-params` moves the stacking to @prepare, where it costs no memory.  Results that something
    else reads are stacked too.  The calls compute what they did in the order they did, but XLA fuses the inside of
    a loop on its own, which may round differently.  `outline` makes the calls.
    """

    name = "roll"
    min_repeats: int = option(3, "least number of calls in a loop")

    def run(self, module: ir.Module, log: PassLog) -> None:
        main = functions.entry_function(module)
        if main is None:
            return
        with module.context:
            effects = Effects(module)
            for run in _runs(functions.body(main), effects):
                if len(run.calls) < max(2, self.min_repeats):
                    continue
                name, first = symbol(run.calls[0], "callee"), run.calls[0].location
                kind = _open_type(run)
                if kind is not None:
                    log.remark_at(first, f"roll: {len(run.calls)} calls of @{name} stay, {kind} cannot be stacked")
                    continue
                log.remark_at(first, f"roll: {len(run.calls)} calls of @{name} are a loop")
                log.count("loops made")
                log.count("calls rolled", len(run.calls))
                _roll(run, functions.body(ir.SymbolTable(module.operation)[name].operation))


def _runs(block: ir.Block, effects: Effects) -> list[Run]:
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


def _open_type(run: Run) -> ir.Type | None:
    """A type among the stacked values that has no static shape, if there is one."""
    values = [*run.calls[0].results, *(column[0] for number, column in _columns(run) if number not in run.fed)]
    types = [value.type for value in values]
    return next((t for t in types if not (isinstance(t, ir.RankedTensorType) and t.has_static_shape)), None)


def _columns(run: Run) -> list[tuple[int, tuple[ir.Value, ...]]]:
    """The operands of the calls, by number."""
    return list(enumerate(zip(*(call.operands for call in run.calls), strict=True)))


def _roll(run: Run, callee: ir.Block) -> None:
    """Replace the calls; what is stacked and sliced is located where the argument of the function is."""
    last = run.calls[-1]
    name = symbol(last, "callee")
    types = [result.type for result in last.results]
    initial = {number: run.calls[0].operands[number] for number in run.fed}
    kept = [
        number
        for number in range(len(types))
        for calls in [run.calls[:-1] if number in run.fed.values() else run.calls]
        if any(_is_read_outside(call.results[number], run.calls) for call in calls)
    ]
    with ir.InsertionPoint(last), ir.Location.fused([call.location for call in run.calls]):
        columns = {number: column for number, column in _columns(run) if number not in run.fed}
        same = {number: column[0] for number, column in columns.items() if len(set(column)) == 1}
        places = [argument.location for argument in callee.arguments]
        stacks: dict[int, ir.Value] = {}
        for number, column in columns.items():
            if number not in same:
                with places[number]:
                    stacks[number] = hlo.stack(column, 0)

        def body(index: ir.Value, *state: ir.Value) -> Step:
            taken = same | dict(zip(initial, state, strict=True))
            for number, stack in stacks.items():
                with places[number]:
                    taken[number] = element_at(stack, index)
            results = hlo.call(name, [taken[number] for number in sorted(taken)], types)
            return Step([results[run.fed[k]] for k in initial], [Element(results[number]) for number in kept])

        made = loop(len(run.calls), body, list(initial.values()))
        carried = {run.fed[number]: value for number, value in zip(initial, made.state, strict=True)}
        stacked = dict(zip(kept, made.stacked, strict=True))
        for turn, call in enumerate(run.calls):
            for number, result in enumerate(call.results):
                if call == last and number in carried:
                    result.replace_all_uses_with(carried[number])
                elif _is_read_outside(result, run.calls):
                    part = hlo.slice_axis(stacked[number], 0, turn, turn + 1)
                    result.replace_all_uses_with(hlo.squeeze(part, [0]))
    for op in run.after:
        op.move_before(last)
    for call in reversed(run.calls):
        call.erase()


def _is_read_outside(result: ir.Value, calls: Sequence[ir.Operation]) -> bool:
    return any(use.owner.operation not in calls for use in result.uses)
