"""Einsum forms: a product of reshaped and transposed tensors becomes one on their own dimensions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from jaxlib.mlir import ir
from jaxlib.mlir.dialects import stablehlo

from oxide.dialects import hlo
from oxide.dialects.attributes import integers
from oxide.passes.canonicalize.matching import attributes_of, has_one_use, producer, shape_of
from oxide.passes.raise_.axes import arrangement, before, layout_of
from oxide.passes.raise_.matching import Rebuilt, rule
from oxide.passes.raise_.views import View, reshaped

_VIEWS = ("stablehlo.reshape", "stablehlo.transpose")


@dataclass(frozen=True)
class _Traced:
    """An operand as a view of `source`: its dimension i is made of the source's dimensions `parts[i]`.

    Dimensions of size 1 are parts of none.  `steps` reshapes and transposes lie between.
    """

    source: ir.Value
    parts: tuple[tuple[int, ...], ...]
    steps: int = 0

    @classmethod
    def whole(cls, value: ir.Value) -> _Traced:
        return cls(value, tuple(() if size == 1 else (a,) for a, size in enumerate(shape_of(value))))

    def sizes(self, axis: int) -> list[int]:
        return [shape_of(self.source)[a] for a in self.parts[axis]]

    def through(self) -> _Traced | None:
        """The same operand as a view of what its source is a view of."""
        if isinstance(self.source.owner, ir.Block) or self.source.owner.operation.name not in _VIEWS:
            return None
        op = self.source.owner.operation
        source = op.operands[0]
        if op.name == "stablehlo.transpose":
            made = [(a,) for a in integers(op, "permutation")]
        else:
            # What another reshape splits before need not be split at all.
            source = reshaped(source)
            made = _merged(shape_of(source), shape_of(self.source))
        if made is None:
            return None
        parts = tuple(tuple(inner for a in part for inner in made[a]) for part in self.parts)
        return _Traced(source, parts, self.steps + 1)


def _merged(before: Sequence[int], after: Sequence[int]) -> list[tuple[int, ...]] | None:
    """For each dimension after a reshape the ones it merges; None where one is split."""
    rest = [a for a, size in enumerate(before) if size != 1]
    merged: list[tuple[int, ...]] = []
    for size in after:
        taken: list[int] = []
        while math.prod(before[a] for a in taken) < size and rest:
            taken.append(rest.pop(0))
        if math.prod(before[a] for a in taken) != size:
            return None
        merged.append(tuple(taken))
    return merged


@dataclass(frozen=True)
class _Product:
    """A dot_general of two traced operands, by the dimensions of the operands as they were."""

    left: _Traced
    right: _Traced
    batch: Sequence[tuple[int, int]]
    contract: Sequence[tuple[int, int]]

    def fits(self) -> bool:
        """Dimensions that belong together are made of equal ones, and free ones keep their order."""
        pairs = [*self.batch, *self.contract]
        return all(self.left.sizes(i) == self.right.sizes(j) for i, j in pairs) and all(
            free == sorted(free) for free in (self.free(0), self.free(1))
        )

    def free(self, place: int) -> list[int]:
        """The source's dimensions that an operand's free ones are made of."""
        paired = {pair[place] for pair in [*self.batch, *self.contract]}
        side = (self.left, self.right)[place]
        return [a for axis, part in enumerate(side.parts) if axis not in paired for a in part]

    def build(self, op: ir.Operation) -> ir.Value:
        axes = [
            [
                [a for pair in pairs for a in side.parts[pair[place]]]
                for place, side in enumerate((self.left, self.right))
            ]
            for pairs in (self.batch, self.contract)
        ]
        (left_batch, right_batch), (left_contract, right_contract) = axes
        numbers = stablehlo.DotDimensionNumbers.get(left_batch, right_batch, left_contract, right_contract)
        shape = [shape_of(self.left.source)[a] for a in left_batch]
        for side, used in ((self.left, left_batch + left_contract), (self.right, right_batch + right_contract)):
            shape += [size for a, size in enumerate(shape_of(side.source)) if a not in used]
        attributes = {**attributes_of(op), "dot_dimension_numbers": numbers}
        target = hlo.make_type(shape, hlo.element_type(op.results[0]))
        return hlo.create(op.name, [self.left.source, self.right.source], [target], attributes).results[0]


def _einsum(op: ir.Operation) -> Rebuilt | None:
    """dot(reshape(transpose(x)), y) -> reshape(dot(x, y)) on the dimensions of x that those merge

    Only where fewer operations are left: a product whose result is not reshaped has to save two.
    """
    if 0 in shape_of(op.operands[0]) or 0 in shape_of(op.operands[1]):
        return None
    numbers = stablehlo.DotDimensionNumbers(op.attributes["dot_dimension_numbers"])
    batch = list(zip(numbers.lhs_batching_dimensions, numbers.rhs_batching_dimensions, strict=True))
    contract = list(zip(numbers.lhs_contracting_dimensions, numbers.rhs_contracting_dimensions, strict=True))
    candidates = [_Product(x, y, batch, contract) for x in _views(op.operands[0]) for y in _views(op.operands[1])]
    best = max((c for c in candidates if c.fits()), key=lambda c: c.left.steps + c.right.steps)
    saved = best.left.steps + best.right.steps
    if not saved or (saved == 1 and not _is_viewed(op.results[0])):
        return None
    return Rebuilt(lambda: best.build(op))


def _shared_operand(op: ir.Operation) -> Rebuilt | None:
    """dot(x, broadcast(w)) over batches -> dot(x, w), where all batches have the same w"""
    numbers = stablehlo.DotDimensionNumbers(op.attributes["dot_dimension_numbers"])
    left, right = list(numbers.lhs_batching_dimensions), list(numbers.rhs_batching_dimensions)
    spread = producer(op.operands[1], "stablehlo.broadcast_in_dim")
    along = [] if spread is None else integers(spread, "broadcast_dimensions")
    kept = [a for a in range(hlo.rank(op.operands[1])) if a not in right]
    if spread is None or not left or left != list(range(len(left))) or along != kept:
        return None
    w, sizes = spread.operands[0], shape_of(op.operands[1])
    if shape_of(w) != [sizes[a] for a in kept]:
        return None
    summed = [kept.index(a) for a in numbers.rhs_contracting_dimensions]
    fewer = stablehlo.DotDimensionNumbers.get([], [], list(numbers.lhs_contracting_dimensions), summed)
    attributes = {**attributes_of(op), "dot_dimension_numbers": fewer}
    types = [op.results[0].type]
    return Rebuilt(lambda: hlo.create(op.name, [op.operands[0], w], types, attributes).results[0])


def _reshaped_sum(op: ir.Operation) -> Rebuilt | None:
    """reshape(dot(x, y) + b) -> reshape(dot(x, y)) + b, where b repeats along what is reshaped

    The product may then be one on the dimensions of what x is a reshape of.
    """
    total, shape = producer(op.operands[0], "stablehlo.add"), shape_of(op.results[0])
    if total is None or not has_one_use(total.results[0]):
        return None
    for product, bias in (total.operands, reversed(list(total.operands))):
        made = producer(product, "stablehlo.dot_general")
        view, last = View.whole(bias).source(), hlo.rank(product) - 1
        if made is None or not has_one_use(product) or view.lies_along() != (last,):
            continue
        if not any(producer(x, "stablehlo.reshape") for x in made.operands) or shape[-1:] != shape_of(product)[-1:]:
            continue
        return Rebuilt(lambda y=product, view=view: _sum(hlo.reshape(y, shape), view, shape))
    return None


def _sum(y: ir.Value, bias: View, shape: Sequence[int]) -> ir.Value:
    row = hlo.reshape(bias.value, shape[-1:])
    return hlo.add(y, hlo.broadcast_in_dim(row, shape, [len(shape) - 1]))


def _views(value: ir.Value) -> list[_Traced]:
    """An operand as a view of each value between it and what makes it."""
    views = [_Traced.whole(value)]
    while (further := views[-1].through()) is not None:
        views.append(further)
    return views


def _is_viewed(value: ir.Value) -> bool:
    return all(use.owner.operation.name in _VIEWS for use in value.uses)


def _one_view(op: ir.Operation) -> Rebuilt | None:
    """reshape(transpose(reshape(x))) -> fewer of them, where dimensions are split that need not be"""
    shape = shape_of(op.results[0])
    if 0 in shape:
        return None
    whole = layout_of(shape)
    source, layout, steps = op.results[0], whole, 0
    while not isinstance(source.owner, ir.Block) and source.owner.operation.name in _VIEWS:
        inner = before(source.owner.operation, layout)
        if inner is None:
            break
        source, layout, steps = source.owner.operation.operands[0], inner, steps + 1
    plan = arrangement(layout, whole)
    return Rebuilt(lambda: plan.build(source)) if plan.steps(shape_of(source)) < steps else None


PATTERNS = [
    rule("shared-operand", ["stablehlo.dot_general"], _shared_operand),
    rule("reshaped-sum", ["stablehlo.reshape"], _reshaped_sum),
    rule("einsum", ["stablehlo.dot_general"], _einsum),
    rule("one-view", ["stablehlo.reshape", "stablehlo.transpose"], _one_view),
]
