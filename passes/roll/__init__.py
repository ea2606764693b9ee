"""Calls in a row become loops."""

from __future__ import annotations

from dataclasses import dataclass

from jaxlib.mlir import ir

from oxide.dialects.attributes import symbol
from oxide.dialects.effects import Effects
from oxide.passes import functions
from oxide.passes.base import Pass, PassLog, option, register
from oxide.passes.program_blocks import function_bodies, with_inner_blocks
from oxide.passes.roll.build import roll
from oxide.passes.roll.operands import Stack
from oxide.passes.roll.runs import Run, find_runs


@register
@dataclass(frozen=True)
class Roll(Pass):
    """Make a `while` of calls whose results feed the next call of the same function.

    Of the operands in which the calls differ, such as the weights of layers, the loop takes one a turn: parts of
    one value at regular places, such as the steps of a sequence, are read from there, and others are stacked, which
    `hoist-params` moves to @prepare, where it costs no memory.  Results that something else reads are stacked too;
    where that is the concatenation of all, the stack takes its place.  The calls compute what they did in the order
    they did, but XLA fuses the inside of a loop on its own, which may round differently.  `outline` makes the
    calls.
    """

    name = "roll"
    min_repeats: int = option(3, "least number of calls in a loop")

    def run(self, module: ir.Module, log: PassLog) -> None:
        with module.context:
            effects, symbols = Effects(module), ir.SymbolTable(module.operation)
            for block in with_inner_blocks(function_bodies(module)):
                for run in find_runs(block, effects):
                    if len(run.calls) >= max(2, self.min_repeats):
                        self._roll(run, symbols, log)

    def _roll(self, run: Run, symbols: ir.SymbolTable, log: PassLog) -> None:
        name, first = symbol(run.calls[0], "callee"), run.calls[0].location
        kind = _open_type(run)
        if kind is not None:
            log.remark_at(first, f"roll: {len(run.calls)} calls of @{name} stay, {kind} cannot be stacked")
            return
        log.remark_at(first, f"roll: {len(run.calls)} calls of @{name} are a loop")
        log.count("loops made")
        log.count("calls rolled", len(run.calls))
        roll(run, functions.body(symbols[name].operation))


def _open_type(run: Run) -> ir.Type | None:
    """A type among the stacked values that has no static shape, if there is one."""
    values = [run.calls[0].results[number] for number in run.kept]
    values += [taken.values[0] for taken in run.operands.values() if isinstance(taken, Stack)]
    types = [value.type for value in values]
    return next((t for t in types if not (isinstance(t, ir.RankedTensorType) and t.has_static_shape)), None)
