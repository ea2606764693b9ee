"""Which dimensions of a product's result come from which of its operands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jaxlib.mlir import ir
from jaxlib.mlir.dialects import stablehlo

from oxide.dialects import hlo


@dataclass(frozen=True)
class Side:
    """The dimensions of one operand of a `dot_general`: batching and contracting as in the attribute, and free."""

    batching: Sequence[int]
    contracting: Sequence[int]
    free: Sequence[int]


def sides(dot: ir.Operation) -> tuple[Side, Side]:
    """Both operands; the result's dimensions are batching ones, free ones of the first, free ones of the second."""
    numbers = stablehlo.DotDimensionNumbers(dot.attributes["dot_dimension_numbers"])
    left = list(numbers.lhs_batching_dimensions), list(numbers.lhs_contracting_dimensions)
    right = list(numbers.rhs_batching_dimensions), list(numbers.rhs_contracting_dimensions)
    first, second = (
        Side(batching, contracting, [d for d in range(hlo.rank(x)) if d not in (*batching, *contracting)])
        for x, (batching, contracting) in zip(dot.operands, (left, right), strict=True)
    )
    return first, second
