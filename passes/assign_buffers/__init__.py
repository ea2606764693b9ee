"""Assign buffers: one arena, and a place in it for every value of @main (DESIGN section 2.7)."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from jaxlib.mlir import ir

from oxide.dialects.attributes import string
from oxide.passes.assign_buffers.attributes import annotate, argument_slices, place_of
from oxide.passes.assign_buffers.calls import planned_functions
from oxide.passes.assign_buffers.checker import check_plan
from oxide.passes.assign_buffers.picture import page
from oxide.passes.assign_buffers.plan import Plan, best_plan
from oxide.passes.assign_buffers.program import donations, is_entry, read_program
from oxide.passes.assign_buffers.report import report, text
from oxide.passes.assign_buffers.schedule import schedules
from oxide.passes.base import Pass, PassLog, option, register
from oxide.passes.functions import terminator
from oxide.passes.writing import write_report

_REPORTS: dict[str, Callable[[Plan], str]] = {
    "text": text,
    "json": lambda plan: json.dumps(report(plan), indent=2) + "\n",
    "html": page,
}


@register
@dataclass(frozen=True)
class AssignBuffers(Pass):
    """Lay out the values of @main in one arena, as oxide.slice attributes.

    Operations are reordered to lower the peak.  Values needed at different times share bytes; operations and
    loops work in place where an operand dies; reshapes, and slices and concatenations of what lies together,
    are views. Arguments and constants belong to the caller.  Results and donated arguments lie in memory of their
    own, as those of XLA do: the caller gets them as they are.  Until a result is written its memory serves others.
    With `results=arena` they lie in the arena, for a device that has one piece of memory.

    A called function has an arena inside of its caller's while it runs; what a fusion computes on the way needs no
    memory.  The plan is checked by replaying the program before the pass answers.
    """

    name = "assign-buffers"
    schedule: Literal["best", "given"] = option("best", "order of the operations: the given one, or a better one")
    results: Literal["separate", "arena"] = option("separate", "where results and donated arguments lie")
    report: Literal["none", "text", "json", "html"] = option("none", "report of the plan; html has a picture")
    output: str = option("-", "file for the report; - is standard error")

    def run(self, module: ir.Module, log: PassLog) -> None:
        with module.context:
            arenas: dict[str, int] = {}
            functions = planned_functions(module)
            plans = [self._planned(module, function, arenas) for function in functions]
            for plan in plans:
                annotate(plan)
            check_plan(module)
        plan = plans[-1]
        log.count("buffers", sum(len(plan.buffers) for plan in plans))
        log.count("arena bytes", plan.arena)
        log.count("lower bound bytes", plan.lower_bound)
        log.count("bytes outside the arena", plan.outside)
        log.count("bytes without reuse", plan.no_reuse)
        _remark(log, functions[-1])
        if self.report != "none":
            write_report(_REPORTS[self.report](plan), self.output)

    def _planned(self, module: ir.Module, function: ir.Operation, arenas: dict[str, int]) -> Plan:
        """The plan of a function; `arenas` has those of the functions it calls, and gets its own."""
        separate = self.results == "separate" or not is_entry(function)
        program = read_program(module, function, separate=separate, arenas=arenas)
        plan = best_plan(program, schedules(program) if self.schedule == "best" else [program.body])
        arenas[string(function, "sym_name")] = plan.arena
        return plan


def _remark(log: PassLog, function: ir.Operation) -> None:
    """Say which donated memory did not go where it should."""
    returned = terminator(function)
    places = argument_slices(function)
    for argument, result in donations(function).items():
        if result is not None and place_of(returned.operands[result]) != places[argument]:
            log.remark(returned, f"result {result} does not lie in the memory of argument {argument}")
