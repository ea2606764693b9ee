"""Products of three are computed in the order of fewer multiplications; floats are reassociated."""

from __future__ import annotations

import math
from dataclasses import dataclass

from jaxlib.mlir import ir
from jaxlib.mlir.dialects import stablehlo

from oxide.dialects import hlo
from oxide.dialects.rewrite import RuleStatistics
from oxide.passes.base import PassLog
from oxide.passes.canonicalize.matching import (
    attributes_of,
    has_one_use,
    is_discrete,
    is_static,
    shape_of,
    static_producer,
)
from oxide.passes.weight_values import WeightValues

PRODUCT_CHAIN = (
    "product-chain",
    "dot(dot(x, y), z) -> dot(x, dot(y, z)), dot(x, dot(y, z)) -> dot(dot(x, y), z) where each call multiplies "
    "less, of integers; of floats with `reassociate`",
)
_NUMBERS = "dot_dimension_numbers"
# Two of something: of the left and of the right operand.
Pair = tuple[list[int], list[int]]


@dataclass(frozen=True)
class _Dot:
    """A product without batches: the shapes of its operands, and the dimensions of each that are summed over."""

    shapes: Pair
    sums: Pair

    def rest(self, side: int) -> list[int]:
        """The dimensions of an operand that the result has."""
        return [axis for axis in range(len(self.shapes[side])) if axis not in self.sums[side]]

    def sizes(self) -> list[int]:
        return [self.shapes[side][axis] for side in (0, 1) for axis in self.rest(side)]

    def multiplications(self) -> int:
        return math.prod(self.sizes()) * math.prod(self.shapes[0][axis] for axis in self.sums[0])


@dataclass(frozen=True)
class _Chain:
    """A product, operand `side` of which is a product; and how they are computed the other way round.

    `first` multiplies the other operand by the inner one beside it, `second` the result by the inner one far off.
    """

    op: ir.Operation
    inner: ir.Operation
    side: int
    first: _Dot
    second: _Dot

    def first_operands(self) -> list[ir.Value]:
        pair = list(self.op.operands)
        pair[self.side] = self.inner.operands[1 - self.side]
        return pair

    def build(self) -> tuple[ir.Value, ir.Value]:
        """The results of the first and the second product."""
        first = self._create(self.first, self.first_operands())
        pair = [first, first]
        pair[self.side] = self.inner.operands[self.side]
        return first, self._create(self.second, pair)

    def _create(self, dot: _Dot, operands: list[ir.Value]) -> ir.Value:
        numbers = stablehlo.DotDimensionNumbers.get([], [], *dot.sums)
        kind = hlo.make_type(dot.sizes(), hlo.element_type(self.op.results[0]))
        return hlo.create(self.op.name, operands, [kind], {**attributes_of(self.op), _NUMBERS: numbers}).results[0]


def order_chains(program: WeightValues, reassociate: bool, log: PassLog) -> None:
    """Multiply first what gives little, or what depends on weights alone and is computed once."""
    statistics = log.rules.setdefault(PRODUCT_CHAIN[0], RuleStatistics())
    known = set(program.known)
    for op in program.operations:
        if op.name != "stablehlo.dot_general" or op.results[0] in known:
            continue
        for chain in filter(None, (_chain(op, side) for side in (0, 1))):
            statistics.tries += 1
            before = sum(dot.multiplications() for dot in filter(None, map(_dot, (chain.inner, op))))
            once = known.issuperset(chain.first_operands())
            after = chain.second.multiplications() + (0 if once else chain.first.multiplications())
            if after >= before:
                continue
            if not reassociate and not is_discrete(op.results[0]):
                log.remark(op, f"{PRODUCT_CHAIN[0]}: {op.name} stays, it needs reassociate")
                continue
            with op.location, ir.InsertionPoint(op):
                first, second = chain.build()
            op.results[0].replace_all_uses_with(second)
            known.update([first] if once else [])
            log.remark(op, f"{PRODUCT_CHAIN[0]}: {before} multiplications become {after}")
            op.erase()
            chain.inner.erase()
            statistics.hits += 1
            break


def _dot(op: ir.Operation) -> _Dot | None:
    numbers = stablehlo.DotDimensionNumbers(op.attributes[_NUMBERS])
    types = {hlo.element_type(value) for value in (*op.operands, *op.results)}
    if len(numbers.lhs_batching_dimensions) > 0 or "algorithm" in op.attributes or len(types) > 1:
        return None
    left, right = map(shape_of, op.operands)
    sums = list(numbers.lhs_contracting_dimensions), list(numbers.rhs_contracting_dimensions)
    return _Dot((left, right), sums)


def _chain(op: ir.Operation, side: int) -> _Chain | None:
    """The other way to compute a product, whose operand is one; None where that has another order of dimensions."""
    inner_op = static_producer(op.operands[side], "stablehlo.dot_general")
    if inner_op is None or not has_one_use(op.operands[side]) or not is_static(op):
        return None
    outer, inner = _dot(op), _dot(inner_op)
    alike = all(inner_op.attributes[name] == value for name, value in attributes_of(op).items() if name != _NUMBERS)
    if outer is None or inner is None or not alike or len(inner_op.attributes) != len(op.attributes):
        return None
    beside = 1 - side
    rest, start = inner.rest(beside), len(inner.rest(0)) * beside
    met = [axis - start for axis in outer.sums[side]]
    if not all(0 <= place < len(rest) for place in met):
        return None
    shapes, sums = list(outer.shapes), list(outer.sums)
    shapes[side], sums[side] = inner.shapes[beside], [rest[place] for place in met]
    first = _Dot((shapes[0], shapes[1]), (sums[0], sums[1]))
    start, left = len(first.rest(0)) * side, first.rest(side)
    shapes, sums = [first.sizes()] * 2, [[start + left.index(axis) for axis in inner.sums[beside]]] * 2
    shapes[side], sums[side] = inner.shapes[side], inner.sums[side]
    return _Chain(op, inner_op, side, first, _Dot((shapes[0], shapes[1]), (sums[0], sums[1])))
