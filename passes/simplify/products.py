"""Products of permuted tensors: dimension numbers say where everything is, so that only free dimensions move."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

from jaxlib.mlir import ir
from jaxlib.mlir.dialects import stablehlo

from oxide.dialects import hlo
from oxide.passes.canonicalize.matching import shape_of
from oxide.passes.simplify.permutations import Carriage, Permutation, Reads, identity, inverse, ranked
from oxide.passes.weight_values import nbytes


@dataclass(frozen=True)
class _Side:
    """One operand: its batch and contracted dimensions, in the order of the product's lists."""

    value: ir.Value
    batch: list[int]
    contract: list[int]

    def by(self, p: Permutation) -> _Side:
        return _Side(self.value, [p[axis] for axis in self.batch], [p[axis] for axis in self.contract])

    def free(self) -> list[int]:
        bound = {*self.batch, *self.contract}
        return [axis for axis in range(hlo.rank(self.value)) if axis not in bound]


def _sides(op: ir.Operation) -> list[_Side]:
    numbers = stablehlo.DotDimensionNumbers(op.attributes["dot_dimension_numbers"])
    left, right = op.operands
    return [
        _Side(left, list(numbers.lhs_batching_dimensions), list(numbers.lhs_contracting_dimensions)),
        _Side(right, list(numbers.rhs_batching_dimensions), list(numbers.rhs_contracting_dimensions)),
    ]


def carriage(op: ir.Operation, twins: Reads) -> Carriage:
    """How a product works on twins of either operand: free dimensions come as the twins have them."""
    sides = _sides(op)
    result = list(range(len(sides[0].batch)))
    before = after = 0
    for side, p in zip(sides, twins, strict=True):
        free = side.free()
        start = len(result)
        result += [start + place for place in (range(len(free)) if p is None else ranked([p[a] for a in free]))]
        if p is not None:
            before += _transposed(side, identity(len(p)))
            after += _transposed(side, p)
    return Carriage(twins, tuple(result), before, after)


def _transposed(side: _Side, p: Permutation) -> int:
    """The bytes of an operand's twin that back ends transpose: they multiply matrices, batches of them first."""
    shape = shape_of(side.value)
    wide = [axis for axis in inverse(p) if shape[axis] != 1]
    kinds = dict.fromkeys(side.batch, "batch") | dict.fromkeys(side.contract, "contract")
    runs = [kind for kind, _ in groupby(kinds.get(axis, "free") for axis in wide)]
    orders = [[axis for axis in wide if axis in listed] for listed in (side.batch, side.contract)]
    listed = [[axis for axis in group if shape[axis] != 1] for group in (side.batch, side.contract)]
    is_matrices = len(runs) == len(set(runs)) and "batch" not in runs[1:] and orders == listed
    return 0 if is_matrices else nbytes(side.value)


def attributes(op: ir.Operation, how: Carriage) -> dict[str, ir.Attribute]:
    """The numbers of dimensions, on twins."""
    left, right = (side if p is None else side.by(p) for side, p in zip(_sides(op), how.reads, strict=True))
    numbers = stablehlo.DotDimensionNumbers.get(left.batch, right.batch, left.contract, right.contract)
    return {"dot_dimension_numbers": numbers}
