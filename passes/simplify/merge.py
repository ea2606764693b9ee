"""Products of one value by several weights become one product by all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from jaxlib.mlir import ir
from jaxlib.mlir.dialects import stablehlo

from oxide.dialects import hlo
from oxide.dialects.attributes import integer
from oxide.dialects.rewrite import RuleStatistics
from oxide.passes.base import PassLog
from oxide.passes.canonicalize.matching import attributes_of, has_one_use, is_static
from oxide.passes.simplify.places import Places
from oxide.passes.weight_values import WeightValues

MERGE_PRODUCTS = (
    "merge-products",
    "dot(x, v), dot(x, w) -> slices of dot(x, concatenate(v, w)) of weights v and w",
)


@dataclass(frozen=True)
class _Product:
    """A product or convolution of something by a weight, its operand number `place`.

    Dimension `axis` of the weight, which is not summed over, is dimension `result_axis` of the result.
    """

    op: ir.Operation
    place: int
    axis: int
    result_axis: int

    @property
    def weight(self) -> ir.Value:
        return self.op.operands[self.place]

    def kind(self) -> tuple[object, ...]:
        """Equal for products that one product can compute."""
        sizes = [size for axis, size in enumerate(hlo.shape(self.weight)) if axis != self.axis]
        types = hlo.element_type(self.weight), hlo.element_type(self.op.results[0])
        attributes = sorted((name, str(value)) for name, value in attributes_of(self.op).items())
        return (
            self.op.operands[1 - self.place],
            self.op.name,
            self.place,
            self.axis,
            *sizes,
            *map(str, types),
            *attributes,
        )


def merge_products(program: WeightValues, log: PassLog) -> None:
    """Merge what `program` has; its weights are put together where the first of the products stands."""
    statistics = log.rules.setdefault(MERGE_PRODUCTS[0], RuleStatistics())
    siblings: dict[tuple[object, ...], list[_Product]] = {}
    for op in program.operations:
        product = _product(op, program.known)
        if product is None:
            continue
        statistics.tries += 1
        if has_one_use(product.weight):
            siblings.setdefault(product.kind(), []).append(product)
        else:
            log.remark(op, f"{MERGE_PRODUCTS[0]}: {op.name} stays, its weight is used elsewhere")
    places = Places(program)
    for group in siblings.values():
        if len(group) > 1:
            statistics.hits += len(group)
            log.remark(group[0].op, f"{MERGE_PRODUCTS[0]}: {len(group)} {group[0].op.name} become one")
            places.bring_before(group[0].op, [product.weight for product in group])
            _merge(group)


def _product(op: ir.Operation, known: Mapping[ir.Value, bool]) -> _Product | None:
    if op.name not in ("stablehlo.dot_general", "stablehlo.convolution") or not is_static(op):
        return None
    reads_weights = [known.get(value) for value in op.operands]
    if reads_weights not in ([None, True], [True, None]):
        return None
    place = reads_weights.index(True)
    if op.name == "stablehlo.dot_general":
        return _dot(op, place)
    grouped = integer(op, "feature_group_count") != 1 or integer(op, "batch_group_count") != 1
    if grouped or place != 1:
        return None
    layout = stablehlo.ConvDimensionNumbers(op.attributes["dimension_numbers"])
    return _Product(op, place, layout.kernel_output_feature_dimension, layout.output_feature_dimension)


def _dot(op: ir.Operation, place: int) -> _Product | None:
    """A product with the last free dimension of its weight."""
    numbers = stablehlo.DotDimensionNumbers(op.attributes["dot_dimension_numbers"])
    batch = list(numbers.lhs_batching_dimensions)
    bound = (
        {*batch, *numbers.lhs_contracting_dimensions},
        {*numbers.rhs_batching_dimensions, *numbers.rhs_contracting_dimensions},
    )
    free = [axis for axis in range(hlo.rank(op.operands[place])) if axis not in bound[place]]
    before = len(batch) + (hlo.rank(op.operands[0]) - len(bound[0]) if place else 0)
    return _Product(op, place, free[-1], before + len(free) - 1) if free else None


def _merge(group: Sequence[_Product]) -> None:
    first = group[0]
    lengths = [hlo.shape(product.weight)[product.axis] for product in group]
    with first.op.location, ir.InsertionPoint(first.op):
        operands = list(first.op.operands)
        operands[first.place] = hlo.concatenate([product.weight for product in group], first.axis)
        sizes = list(hlo.shape(first.op.results[0]))
        sizes[first.result_axis] = sum(lengths)
        kind = hlo.make_type(sizes, hlo.element_type(first.op.results[0]))
        whole = hlo.create(first.op.name, operands, [kind], attributes_of(first.op)).results[0]
        pieces = hlo.split(whole, first.result_axis, lengths)
    for product, piece in zip(group, pieces, strict=True):
        product.op.results[0].replace_all_uses_with(piece)
        product.op.erase()
