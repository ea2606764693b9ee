"""A batch norm after a convolution or product becomes part of that one's weights."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass, replace
from itertools import permutations

from jaxlib.mlir import ir
from jaxlib.mlir.dialects import stablehlo

from oxide.dialects import hlo
from oxide.dialects.attributes import integers
from oxide.passes import functions
from oxide.passes.canonicalize.matching import has_one_use, producer
from oxide.passes.fold_batch_norm.norms import BatchNorm
from oxide.passes.fold_batch_norm.products import sides


@dataclass(frozen=True)
class Product:
    """A convolution or product whose result a batch norm normalises, directly or through `path`.

    Operand `number` is the kernel, its dimension `features` the one normalised.  `path` has the transposes and
    reshapes on the way, the last one first, and the addition of what `spread` makes of a bias.
    """

    op: ir.Operation
    number: int
    features: int
    path: tuple[ir.Operation, ...] = ()
    spread: ir.Operation | None = None

    @property
    def bias(self) -> ir.Value | None:
        return None if self.spread is None else self.spread.operands[0]

    @property
    def weights(self) -> list[ir.Value]:
        return [self.op.operands[self.number], *([] if self.bias is None else [self.bias])]

    @property
    def has_one_reader(self) -> bool:
        return all(has_one_use(op.results[0]) for op in (self.op, *self.path))


def product_before(norm: BatchNorm, known: Collection[ir.Value]) -> Product | None:
    """What makes the values that a norm normalises, where its axis comes from one operand."""
    path, value, axis = _through_views(norm.x, norm.axis)
    product = _product(value, axis, known)
    if product is not None:
        return replace(product, path=path)
    added = producer(value, "stablehlo.add")
    for term, other in permutations(() if added is None else added.operands, 2):
        spread = producer(other, "stablehlo.broadcast_in_dim")
        if added is not None and spread is not None and integers(spread, "broadcast_dimensions") == [axis]:
            views, source, features = _through_views(term, axis)
            product = _product(source, features, known)
            if product is not None:
                return replace(product, path=(*path, added, *views), spread=spread)
    return None


def _through_views(value: ir.Value, axis: int) -> tuple[tuple[ir.Operation, ...], ir.Value, int]:
    """The transposes and reshapes that make a value, the last one first, of which value and of which axis."""
    views: list[ir.Operation] = []
    while view := producer(value, "stablehlo.transpose") or producer(value, "stablehlo.reshape"):
        before = _axis_before(view, axis)
        if before is None:
            break
        views.append(view)
        value, axis = view.operands[0], before
    return tuple(views), value, axis


def fold(norm: BatchNorm, product: Product) -> list[ir.Value]:
    """Scale the kernel, and add what is left; answers both, which depend on weights alone."""
    with norm.op.location, ir.InsertionPoint(norm.op):
        factor = norm.factor()
        offset = norm.offset(factor)
        if product.bias is not None:
            offset = hlo.add(offset, hlo.multiply(product.bias, factor))
        kernel = product.op.operands[product.number]
        scaled = hlo.multiply(kernel, hlo.broadcast_in_dim(factor, hlo.shape(kernel), [product.features]))
        y = _again(product.op, product.number, scaled)
        for view in reversed(product.path):
            if view.name != "stablehlo.add":
                y = _again(view, 0, y)
        folded = hlo.add(y, hlo.broadcast_in_dim(offset, hlo.shape(y), [norm.axis]))
        norm.op.results[0].replace_all_uses_with(folded)
    for op in (norm.op, *product.path, product.spread, product.op):
        if op is not None and functions.is_unused(op.results[0]):
            op.erase()
    return [scaled, offset]


def _again(op: ir.Operation, number: int, operand: ir.Value) -> ir.Value:
    copy = op.clone().operation
    copy.operands[number] = operand
    return copy.results[0]


def _axis_before(view: ir.Operation, axis: int) -> int | None:
    """The dimension of a view's operand that is `axis` of its result as a whole; None where there is none."""
    if view.name == "stablehlo.transpose":
        return integers(view, "permutation")[axis]
    before, after = hlo.shape(view.operands[0]), hlo.shape(view.results[0])
    leading = math.prod(after[:axis])
    return next(
        (d for d, n in enumerate(before) if n == after[axis] and math.prod(before[:d]) == leading),
        None,
    )


def _product(value: ir.Value, axis: int, known: Collection[ir.Value]) -> Product | None:
    """The convolution or product that makes a value, with the operand that `axis` comes from, the known one for a
    batching dimension; None where a convolution has other dimensions there."""
    convolution = producer(value, "stablehlo.convolution")
    if convolution is not None:
        layout = stablehlo.ConvDimensionNumbers(convolution.attributes["dimension_numbers"])
        features = layout.kernel_output_feature_dimension
        return Product(convolution, 1, features) if layout.output_feature_dimension == axis else None
    dot = producer(value, "stablehlo.dot_general")
    if dot is None:
        return None
    left, right = sides(dot)
    if axis < len(left.batching):
        number = 1 if dot.operands[1] in known else 0
        return Product(dot, number, (left, right)[number].batching[axis])
    position = axis - len(left.batching)
    if position < len(left.free):
        return Product(dot, 0, left.free[position])
    return Product(dot, 1, right.free[position - len(left.free)])
