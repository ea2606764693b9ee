"""Assign buffers: one arena, and a place in it for every value of @main (DESIGN section 2.7)."""

from __future__ import annotations

from dataclasses import dataclass

from jaxlib.mlir import ir

from oxide.dialects.diagnostics import OxideError
from oxide.passes.assign_buffers.attributes import annotate
from oxide.passes.assign_buffers.checker import check_plan
from oxide.passes.assign_buffers.liveness import buffers_of
from oxide.passes.assign_buffers.plan import plan_offsets
from oxide.passes.assign_buffers.report import write_report
from oxide.passes.base import Pass, PassLog, option, register


@register
@dataclass(frozen=True)
class AssignBuffers(Pass):
    """Lay out the values of @main in one arena, as oxide.slice attributes.

    Values needed at different times share bytes, elementwise operations work in place where an operand dies,
    and reshapes are views.  Arguments and constants belong to the caller.  The plan is checked by replaying the
    program before the pass answers.
    """

    name = "assign-buffers"
    report: str = option("", "write a JSON report to this file, or to standard error for -")

    def run(self, module: ir.Module, log: PassLog) -> None:
        block = main_block(module)
        plan = plan_offsets(buffers_of(block))
        annotate(module, plan)
        check_plan(module, block)
        log.count("buffers", len(plan.buffers))
        log.count("arena bytes", plan.arena)
        log.count("lower bound bytes", plan.lower_bound)
        log.count("bytes without reuse", plan.no_reuse)
        if self.report:
            write_report(plan, self.report)


def main_block(module: ir.Module) -> ir.Block:
    """The body of @main.  Raises OxideError when there is none or it has several blocks."""
    symbols = ir.SymbolTable(module.operation)
    if "main" not in symbols:
        raise OxideError("the module has no @main")
    blocks = list(symbols["main"].operation.regions[0].blocks)
    if len(blocks) != 1:
        raise OxideError(f"@main has {len(blocks)} blocks, one is supported")
    return blocks[0]
