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
    one order however they were written.

    Slices of one value, such as the steps of a sequence, come together behind it, so that they do not stand within
    parts that are equal but for them.  Operations with effects keep their order, and what nothing needs comes last.
    """

    def order(block: ir.Block) -> Sequence[ir.Operation]:
        *operations, last = as_written(block)
        owners: dict[ir.Value, ir.Operation] = {result: op for op in operations for result in op.results}
        slices: dict[ir.Value, list[ir.Operation]] = {}
        for op in operations:
            if op.name == "stablehlo.slice":
                slices.setdefault(op.operands[0], []).append(op)
        placed: dict[ir.Operation, None] = {}

        def needed(op: ir.Operation) -> Iterator[ir.Operation]:
            return (owners[value] for value in values_read(op) if value in owners)

        def place_slices(value: ir.Value) -> None:
            pending = [value]
            while pending:
                family = slices.get(pending.pop(), [])
                if len(family) > 1:
                    placed.update(dict.fromkeys(family))
                    pending += [part.results[0] for part in family]

        for value in slices:
            if value not in owners:
                place_slices(value)
        roots = [op for op in operations if not effects.is_pure(op)]
        for root in (*roots, last, *operations):
            pending = [] if root in placed else [(root, needed(root))]
            while pending:
                op, rest = pending[-1]
                following = next((other for other in rest if other not in placed), None)
                if following is not None:
                    pending.append((following, needed(following)))
                    continue
                placed[op] = None
                for result in op.results:
                    place_slices(result)
                pending.pop()
        del placed[last]
        return [*placed, last]

    return order


def reorder(block: ir.Block, order: Order) -> None:
    """Put a block's operations into an order."""
    *operations, last = order(block)
    for op in operations:
        op.move_before(last)
