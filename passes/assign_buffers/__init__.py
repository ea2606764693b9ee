"""Assign buffers: one arena, and a place in it for every value of @main (DESIGN section 2.7)."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from jaxlib.mlir import ir

from oxide.dialects.attributes import string
from oxide.dialects.diagnostics import OxideError
from oxide.passes.assign_buffers.aliasing import FUSION
from oxide.passes.assign_buffers.attributes import annotate, argument_slices, place_of
from oxide.passes.assign_buffers.checker import check_plan
from oxide.passes.assign_buffers.picture import page
from oxide.passes.assign_buffers.plan import Plan, best_plan
from oxide.passes.assign_buffers.program import donations, read_program
from oxide.passes.assign_buffers.report import report, text
from oxide.passes.assign_buffers.schedule import schedules
from oxide.passes.base import Pass, PassLog, option, register
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
    are views. Arguments and constants belong to the caller; donated arguments lie in the arena, where results
    take their place. What a fusion computes on the way needs no memory.  The plan is checked by replaying the
    program before the pass answers.
    """

    name = "assign-buffers"
    schedule: Literal["best", "given"] = option("best", "order of the operations: the given one, or a better one")
    report: Literal["none", "text", "json", "html"] = option("none", "report of the plan; html has a picture")
    output: str = option("-", "file for the report; - is standard error")

    def run(self, module: ir.Module, log: PassLog) -> None:
        function = main_function(module)
        program = read_program(module, function)
        orders = schedules(program) if self.schedule == "best" else [program.body]
        plan = best_plan(program, orders)
        annotate(module, function, plan)
        check_plan(module, function.regions[0].blocks[0])
        log.count("buffers", len(plan.buffers))
        log.count("arena bytes", plan.arena)
        log.count("lower bound bytes", plan.lower_bound)
        log.count("bytes without reuse", plan.no_reuse)
        _remark(log, plan, function)
        if self.report != "none":
            write_report(_REPORTS[self.report](plan), self.output)


def _remark(log: PassLog, plan: Plan, function: ir.Operation) -> None:
    """Say what the plan leaves out, and which donated memory did not go where it should."""
    for step in plan.body.steps:
        op = step.op
        composite = op.name == "stablehlo.composite"
        if op.name == "func.call" or (composite and string(op, "name") != FUSION):
            log.remark(op, "memory inside the function it stands for is not in the plan; inline it first")
    terminator = list(function.regions[0].blocks[0].operations)[-1].operation
    places = argument_slices(function)
    for argument, result in donations(function).items():
        if result is not None and place_of(terminator.operands[result]) != places[argument]:
            log.remark(terminator, f"result {result} does not lie in the memory of argument {argument}")


def main_function(module: ir.Module) -> ir.Operation:
    """@main.  Raises OxideError when there is none or it has several blocks."""
    symbols = ir.SymbolTable(module.operation)
    if "main" not in symbols:
        raise OxideError("the module has no @main")
    function = symbols["main"].operation
    blocks = list(function.regions[0].blocks)
    if len(blocks) != 1:
        raise OxideError(f"@main has {len(blocks)} blocks, one is supported")
    return function


def main_block(module: ir.Module) -> ir.Block:
    """The body of @main.  Raises OxideError when there is none or it has several blocks."""
    return main_function(module).regions[0].blocks[0]
