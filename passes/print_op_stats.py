"""Count operations by name."""

from __future__ import annotations

import json
import sys
from collections import Counter
from dataclasses import dataclass

from jaxlib.mlir import ir

from oxide.passes.base import Pass, PassLog, option, register


@register
@dataclass(frozen=True)
class PrintOpStats(Pass):
    """Print how often each operation occurs, to standard error; the module stays as it is."""

    name = "print-op-stats"
    json: bool = option(False, "print a JSON object {operation name: count} instead of a table")

    def run(self, module: ir.Module, log: PassLog) -> None:
        counts = operation_counts(module)
        text = json.dumps(counts, indent=2) if self.json else _table(counts)
        print(text, file=sys.stderr)


def operation_counts(module: ir.Module) -> dict[str, int]:
    """How often each operation occurs, the module itself included, sorted by name."""
    counts: Counter[str] = Counter()

    def visit(op: ir.Operation) -> ir.WalkResult:
        counts[op.name] += 1
        return ir.WalkResult.ADVANCE

    module.operation.walk(visit)
    return dict(sorted(counts.items()))


def _table(counts: dict[str, int]) -> str:
    width = max(map(len, counts))
    return "\n".join(["Operations encountered:", *(f"  {name:<{width}}  {n}" for name, n in counts.items())])
