"""Which operations may share memory between operands and results: the rules planner and checker agree on."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from jaxlib.mlir import ir

from oxide.dialects.effects import ELEMENTWISE

# Result i is operand i under another type: same bytes, same place.
VIEWS = frozenset({"stablehlo.reshape", "stablehlo.optimization_barrier"})

# Operations whose regions are programs that need memory; other regions are scalar code kept in registers.
REGION_OPS = frozenset({"stablehlo.while", "stablehlo.if", "stablehlo.case"})


def _same_type(op: ir.Operation) -> Sequence[ir.Value]:
    # Element i of the result is written after element i of every operand was read.
    result = op.results[0].type
    return [operand for operand in op.operands if operand.type == result]


def _first(op: ir.Operation) -> Sequence[ir.Value]:
    return [op.operands[0]]


# The operands an operation may overwrite with its result while it runs, if nothing else needs them.
IN_PLACE: dict[str, Callable[[ir.Operation], Sequence[ir.Value]]] = {
    **dict.fromkeys(ELEMENTWISE, _same_type),
    "stablehlo.dynamic_update_slice": _first,
}
