"""Where operations stand in their block, as what depends on weights alone is moved before its new users."""

from __future__ import annotations

from collections.abc import Sequence

from jaxlib.mlir import ir

from oxide.passes.weight_values import WeightValues


class Places:
    """Where operations stand in their block."""

    def __init__(self, program: WeightValues) -> None:
        self._program = program
        self._producer: dict[ir.Value, int] = {
            result: position for position, op in enumerate(program.operations) for result in op.results
        }
        self._now = list(range(len(program.operations)))

    def knows(self, op: ir.Operation) -> bool:
        """True of an operation that was there at first."""
        return len(op.results) > 0 and op.results[0] in self._producer

    def of(self, op: ir.Operation) -> int:
        return self._now[self._producer[op.results[0]]]

    def bring_before(self, first: ir.Operation, weights: Sequence[ir.Value]) -> None:
        """Move what computes the weights, from weights and constants alone, before an operation."""
        place = self.of(first)
        late: set[int] = set()
        pending = list(weights)
        while pending:
            position = self._producer.get(pending.pop())
            if position is not None and position not in late and self._now[position] > place:
                late.add(position)
                pending += self._program.reads[position]
        for position in sorted(late):
            self._program.operations[position].move_before(first)
            self._now[position] = place
