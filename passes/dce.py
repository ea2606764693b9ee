"""Dead code elimination: operations without effects whose results nobody uses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from jaxlib.mlir import ir

from oxide.dialects.effects import Effects
from oxide.passes.base import Pass, PassLog, register


@register
@dataclass(frozen=True)
class DeadCode(Pass):
    """Erase operations that have no effect and no used result.

    One sweep from the last operation to the first: whatever an erased operation kept alive comes later in the
    sweep.  Operations that are not known to be free of effects stay.
    """

    name = "dce"

    def run(self, module: ir.Module, log: PassLog) -> None:
        effects = Effects(module)
        pending = [_backwards(module.body)]
        while pending:
            op = next(pending[-1], None)
            if op is None:
                pending.pop()
            elif _is_unused(op) and effects.is_pure(op):
                op.erase()
                log.count("operations erased")
            else:
                # Inner uses of earlier operations go before the sweep reaches those.
                pending.extend(_backwards(block) for region in op.regions for block in region.blocks)


def _backwards(block: ir.Block) -> Iterator[ir.Operation]:
    return (op.operation for op in reversed(list(block.operations)))


def _is_unused(op: ir.Operation) -> bool:
    """True when the operation has results and none has a use; terminators and calls for effect have none."""
    results = list(op.results)
    return bool(results) and all(next(iter(result.uses), None) is None for result in results)
