"""What only one branch needs is computed in that branch."""

from __future__ import annotations

from dataclasses import dataclass

from jaxlib.mlir import ir

from oxide.dialects.effects import Effects
from oxide.passes.base import Pass, PassLog, register
from oxide.passes.cse import KEPT_APART

_BRANCHING = frozenset({"stablehlo.case", "stablehlo.if"})
# A branch that repeats a constant of its own gains nothing.
_LEFT = KEPT_APART | {"stablehlo.constant"}


@register
@dataclass(frozen=True)
class ControlFlowSink(Pass):
    """Move operations without effects into the branch of an `if` or `case` that alone uses their results.

    Where another branch is taken they are then not computed.  Loops take nothing in: they would compute it in every
    turn.  MLIR's pass of this name knows no StableHLO branches.
    """

    name = "control-flow-sink"

    def run(self, module: ir.Module, log: PassLog) -> None:
        effects = Effects(module)
        pending = [module.body]
        while pending:
            block = pending.pop()
            # From the last operation on: what an operation that moves reads may then move as well.
            for view in reversed(list(block.operations)):
                op = view.operation
                target = _only_user(op, block) if op.name not in _LEFT and effects.is_pure(op) else None
                if target is None:
                    pending.extend(inner for region in op.regions for inner in region.blocks)
                else:
                    op.move_before(target.operations[0])
                    log.count("operations moved")


def _only_user(op: ir.Operation, block: ir.Block) -> ir.Block | None:
    """The branch, of an operation in the same block, that has all uses of an operation's results."""
    found: ir.Block | None = None
    for result in op.results:
        for use in result.uses:
            branch = _branch_of(use.owner.operation, block)
            if branch is None or (found is not None and branch != found):
                return None
            found = branch
    return found


def _branch_of(op: ir.Operation, block: ir.Block) -> ir.Block | None:
    """The branch an operation stands in, at any depth, of an operation of the given block."""
    while op.block != block:
        inner = op.block
        op = inner.owner.operation
        if op.block == block:
            return inner if op.name in _BRANCHING else None
    return None
