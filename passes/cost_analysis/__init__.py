"""Cost analysis: FLOPs, transcendental functions and bytes of every operation of a module."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Literal

from jaxlib.mlir import ir

from oxide.dialects.diagnostics import OxideError
from oxide.dialects.shapes import UnknownShapes
from oxide.passes.base import Pass, PassLog, option, register
from oxide.passes.cost_analysis.counting import Cost, module_cost, operation_costs
from oxide.passes.cost_analysis.report import report, table
from oxide.passes.writing import write_report

__all__ = ["Cost", "CostAnalysis", "module_cost", "operation_costs"]


@register
@dataclass(frozen=True)
class CostAnalysis(Pass):
    """Say what one call of @main costs: FLOPs, transcendental functions, bytes and FLOPs a byte.

    Counted from shapes alone, as XLA's own analysis counts; where sizes are open, as expressions over them.  A
    fusion is one operation: what it reads and writes are its bytes.  A remark has the cost of each operation.  The
    module stays as it is.
    """

    name = "cost-analysis"
    report: Literal["text", "json"] = option("text", "a table by name of operation, or JSON with each operation")
    output: str = option("-", "file for the report; - is standard error")

    def run(self, module: ir.Module, log: PassLog) -> None:
        with module.context:
            try:
                costs = operation_costs(module)
            except UnknownShapes as reason:
                raise OxideError(f"cost-analysis: {reason}") from reason
            text = table(costs) if self.report == "text" else json.dumps(report(costs), indent=2)
            for op, cost in costs:
                if cost.flops or cost.transcendentals or cost.bytes:
                    counts = f"{cost.flops} FLOPs, {cost.transcendentals} transcendentals, {cost.bytes} bytes"
                    log.remark(op.operation, counts)
        write_report(text + "\n", self.output)
