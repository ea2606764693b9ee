"""Orders in which a block's operations may stand."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from jaxlib.mlir import ir

from oxide.dialects.effects import Effects
from oxide.passes.weight_values import values_read

Order = Callable[[ir.Block], Sequence[ir.Operation]]


def as_written(block: ir.Block) -> Sequence[ir.Operation]:
    return [view.operation for view in block.operations]


def by_use(effects: Effects) -> Order:
    """The order in which the last operation comes to need the others, operand by operand: equal parts come out in
    one order however they were written.  Operations with effects keep theirs, and what nothing needs comes last.
    """

    def order(block: ir.Block) -> Sequence[ir.Operation]:
        *operations, last = as_written(block)
        owners: dict[ir.Value, ir.Operation] = {result: op for op in operations for result in op.results}
        placed: dict[ir.Operation, None] = {}

        def needed(op: ir.Operation) -> Iterator[ir.Operation]:
            return (owners[value] for value in values_read(op) if value in owners)

        roots = [op for op in operations if not effects.is_pure(op)]
        for root in (*roots, last, *operations):
            pending = [] if root in placed else [(root, needed(root))]
            while pending:
                op, rest = pending[-1]
                following = next((other for other in rest if other not in placed), None)
                if following is not None:
                    pending.append((following, needed(following)))
                else:
                    placed[op] = None
                    pending.pop()
        del placed[last]
        return [*placed, last]

    return order


def reorder(block: ir.Block, order: Order) -> None:
    """Put a block's operations into an order."""
    *operations, last = order(block)
    for op in operations:
        op.move_before(last)
