"""What a loop computes anew in each turn from what no turn changes moves before it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from jaxlib.mlir import ir

from oxide.dialects.effects import Effects
from oxide.passes.base import Pass, PassLog, register
from oxide.passes.cse import KEPT_APART

_LOOP = "stablehlo.while"
# They cost nothing, or less to compute than to keep, and move only with what reads them.
_FREE = frozenset(
    f"stablehlo.{name}" for name in ("broadcast_in_dim", "constant", "dynamic_broadcast_in_dim", "iota", "reshape")
)


@register
@dataclass(frozen=True)
class LoopInvariantCodeMotion(Pass):
    """Move operations without effects before the loop when they read nothing the loop defines.

    Inner loops come first, so that what no loop around changes leaves them all.  StableHLO's operations cannot
    fail: one may run though its loop makes no turn; a loop, which might never end, stays.  Constants, counts,
    reshapes and broadcasts move only with an operation that reads them: what they make is larger than what they
    take.  MLIR's pass of this name knows no StableHLO loops.
    """

    name = "loop-invariant-code-motion"

    def run(self, module: ir.Module, log: PassLog) -> None:
        effects = Effects(module)
        loops: list[ir.Operation] = []

        def visit(op: ir.Operation) -> ir.WalkResult:
            if op.name == _LOOP:
                loops.append(op)
            return ir.WalkResult.ADVANCE

        module.operation.walk(visit, ir.WalkOrder.POST_ORDER)
        for loop in loops:
            for region in loop.regions:
                log.count("operations moved", _hoist(loop, region.blocks[0], effects))


def _hoist(loop: ir.Operation, block: ir.Block, effects: Effects) -> int:
    """Move what can be moved from a block of a loop; answers how many operations that were."""
    *operations, _ = (view.operation for view in block.operations)
    invariant: dict[ir.Value, ir.Operation] = {}
    varying: set[ir.Value] = set(block.arguments)
    moving: list[ir.Operation] = []
    for op in operations:
        if _may_move(op, effects) and not any(value in varying for value in _read(op)):
            invariant.update(dict.fromkeys(op.results, op))
            if op.name not in _FREE:
                moving.append(op)
        else:
            varying.update(op.results)
    moved: set[ir.Value] = set()
    for op in moving:
        _move(op, loop, invariant, moved)
    return len(moving)


def _may_move(op: ir.Operation, effects: Effects) -> bool:
    return len(op.results) > 0 and op.name not in (_LOOP, *KEPT_APART) and effects.is_pure(op)


def _read(op: ir.Operation) -> Iterator[ir.Value]:
    """The operands of an operation and of those inside it."""
    yield from op.operands
    for region in op.regions:
        for block in region.blocks:
            for inner in block.operations:
                yield from _read(inner.operation)


def _move(
    op: ir.Operation, loop: ir.Operation, invariant: dict[ir.Value, ir.Operation], moved: set[ir.Value]
) -> None:
    """Move an operation before the loop, after the invariant ones it reads."""
    pending = [(op, False)]
    while pending:
        current, ready = pending.pop()
        if current.results[0] in moved:
            continue
        if ready:
            current.move_before(loop)
            moved.update(current.results)
            continue
        pending.append((current, True))
        pending.extend((invariant[value], False) for value in _read(current) if value in invariant)
