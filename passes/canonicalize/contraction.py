"""dot_general and convolution: trivial factors, and transposes and pads they take in."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxlib.mlir import ir
from jaxlib.mlir.dialects import stablehlo

from oxide.dialects import hlo
from oxide.dialects.attributes import integers
from oxide.dialects.constants import constant_value, dense
from oxide.passes.canonicalize.matching import (
    attributes_of,
    has_one_use,
    is_discrete,
    is_static,
    number,
    pattern,
    shape_of,
    splat,
    static_producer,
)

# An identity matrix larger than this is not looked for: reading it costs as much as it has elements.
_IDENTITY_ROWS = 512


@dataclass(frozen=True)
class _Side:
    """Batch and contracted dimensions of one operand, in the order of dot_general's lists."""

    batch: list[int]
    contract: list[int]

    def free(self, rank: int) -> list[int]:
        return [axis for axis in range(rank) if axis not in {*self.batch, *self.contract}]


def _sides(op: ir.Operation) -> tuple[_Side, _Side]:
    numbers = stablehlo.DotDimensionNumbers(op.attributes["dot_dimension_numbers"])
    left = _Side(list(numbers.lhs_batching_dimensions), list(numbers.lhs_contracting_dimensions))
    return left, _Side(list(numbers.rhs_batching_dimensions), list(numbers.rhs_contracting_dimensions))


def _product(op: ir.Operation, operands: Sequence[ir.Value], left: _Side, right: _Side) -> ir.Value:
    numbers = stablehlo.DotDimensionNumbers.get(left.batch, right.batch, left.contract, right.contract)
    attributes = {**attributes_of(op), "dot_dimension_numbers": numbers}
    return hlo.create(op.name, operands, [op.results[0].type], attributes).results[0]


def _dot_of_transpose(op: ir.Operation) -> ir.Value | None:
    """dot(transpose(x), y) -> dot(x, y) on x's dimensions, where the result keeps its order"""
    if not is_static(op):
        return None
    operands, sides = list(op.operands), list(_sides(op))
    found = False
    for place in range(2):
        inner = static_producer(operands[place], "stablehlo.transpose")
        moved = None if inner is None else _through(sides[place], integers(inner, "permutation"))
        if inner is not None and moved is not None:
            operands[place], sides[place], found = inner.operands[0], moved, True
    return _product(op, operands, *sides) if found else None


def _through(side: _Side, permutation: Sequence[int]) -> _Side | None:
    """The dimensions before a transpose, or None where the free ones would come in another order."""
    free = [permutation[axis] for axis in side.free(len(permutation))]
    if free != sorted(free):
        return None
    return _Side([permutation[axis] for axis in side.batch], [permutation[axis] for axis in side.contract])


def _transpose_of_dot(op: ir.Operation) -> ir.Value | None:
    """transpose(dot(x, y)) -> dot(y, x), where the transpose swaps the free dimensions of x and y"""
    inner = static_producer(op.operands[0], "stablehlo.dot_general")
    if inner is None or not has_one_use(op.operands[0]) or "algorithm" in inner.attributes:
        return None
    (left, right), (x, y) = _sides(inner), inner.operands
    if x.type != y.type and hlo.element_type(x) != hlo.element_type(y):
        return None
    batch, rows = len(left.batch), len(left.free(len(shape_of(x))))
    rank = len(shape_of(inner.results[0]))
    swapped = [*range(batch), *range(batch + rows, rank), *range(batch, batch + rows)]
    if integers(op, "permutation") != swapped:
        return None
    numbers = stablehlo.DotDimensionNumbers.get(right.batch, left.batch, right.contract, left.contract)
    attributes = {**attributes_of(inner), "dot_dimension_numbers": numbers}
    if "precision_config" in attributes:
        attributes["precision_config"] = ir.ArrayAttr.get(list(ir.ArrayAttr(attributes["precision_config"]))[::-1])
    return hlo.create(inner.name, [y, x], [op.results[0].type], attributes).results[0]


def identity_factor(op: ir.Operation) -> int | None:
    """Which operand a product by an identity matrix equals (0 or 1), or None when neither is one."""
    if not is_static(op):
        return None
    for place, side in enumerate(_sides(op)):
        kept = op.operands[1 - place]
        other = _sides(op)[1 - place]
        if kept.type != op.results[0].type or side.batch or len(side.contract) != 1:
            continue
        # The free dimension of the identity matrix must land where the contracted one was.
        rank = len(shape_of(kept))
        last = other.contract == ([rank - 1] if place else [0])
        if last and _is_identity(op.operands[place]):
            return 1 - place
    return None


def _is_identity(value: ir.Value) -> bool:
    shape = shape_of(value)
    if len(shape) != 2 or shape[0] != shape[1] or shape[0] > _IDENTITY_ROWS:
        return False
    array = constant_value(value)
    return array is not None and bool(np.array_equal(array, np.eye(shape[0], dtype=array.dtype)))


def _dot_with_identity(op: ir.Operation) -> ir.Value | None:
    """dot(x, identity) -> x, dot(identity, x) -> x of integers"""
    if not is_discrete(op.results[0]):
        return None
    place = identity_factor(op)
    return None if place is None else op.operands[place]


def _dot_with_zero(op: ir.Operation) -> ir.Value | None:
    """dot(x, 0) -> 0 of integers, and of anything where no dimension's elements are summed"""
    if not is_static(op):
        return None
    left, _ = _sides(op)
    shape = shape_of(op.operands[0])
    empty = math.prod(shape[axis] for axis in left.contract) == 0
    zeros = is_discrete(op.results[0]) and any(number(value) == 0 for value in op.operands)
    return hlo.full_like(op.results[0], 0) if empty or zeros else None


def _pad_into_convolution(op: ir.Operation) -> ir.Value | None:
    """convolution(pad(x, 0), w) -> convolution(x, w) with more padding"""
    pad = static_producer(op.operands[0], "stablehlo.pad")
    if pad is None or not is_static(op) or not has_one_use(op.operands[0]):
        return None
    value = splat(pad.operands[1])
    if value is None or value.tobytes().strip(b"\0") or any(integers(pad, "interior_padding")):
        return None
    numbers = stablehlo.ConvDimensionNumbers(op.attributes["dimension_numbers"])
    spatial = list(numbers.input_spatial_dimensions)
    low, high = integers(pad, "edge_padding_low"), integers(pad, "edge_padding_high")
    if any(low[axis] or high[axis] for axis in range(len(low)) if axis not in spatial) or min([*low, *high]) < 0:
        return None
    # Padding is counted after dilation: a zero beside a dilated input would have gaps around it.
    if "lhs_dilation" in op.attributes and any(step != 1 for step in integers(op, "lhs_dilation")):
        return None
    added = np.array([[low[axis], high[axis]] for axis in spatial], np.int64).reshape(len(spatial), 2)
    padding = added + (np.asarray(op.attributes["padding"]) if "padding" in op.attributes else 0)
    attributes = {**attributes_of(op), "padding": dense(padding)}
    return hlo.create(op.name, [pad.operands[0], op.operands[1]], [op.results[0].type], attributes).results[0]


def _reverse_into_convolution(op: ir.Operation) -> ir.Value | None:
    """convolution(x, reverse(w)) -> convolution(x, w) with its windows reversed, along spatial dimensions"""
    inner = static_producer(op.operands[1], "stablehlo.reverse")
    if inner is None or not is_static(op):
        return None
    numbers = stablehlo.ConvDimensionNumbers(op.attributes["dimension_numbers"])
    spatial, moved = list(numbers.kernel_spatial_dimensions), set(integers(inner, "dimensions"))
    if not moved <= set(spatial):
        return None
    reversal = [axis in moved for axis in spatial]
    if "window_reversal" in op.attributes:
        before = ir.DenseBoolArrayAttr(op.attributes["window_reversal"])
        reversal = [now != then for now, then in zip(reversal, before, strict=True)]
    attributes = {**attributes_of(op), "window_reversal": ir.DenseBoolArrayAttr.get(reversal)}
    return hlo.create(op.name, [op.operands[0], inner.operands[0]], [op.results[0].type], attributes).results[0]


PATTERNS = [
    pattern("dot-of-transpose", "dot_general", _dot_of_transpose, reads=["transpose"]),
    pattern("transpose-of-dot", "transpose", _transpose_of_dot, reads=["dot_general"]),
    pattern("dot-with-identity", "dot_general", _dot_with_identity, reads=["constant"]),
    pattern("dot-with-zero", "dot_general", _dot_with_zero),
    pattern("pad-into-convolution", "convolution", _pad_into_convolution, reads=["pad"]),
    pattern("reverse-into-convolution", "convolution", _reverse_into_convolution, reads=["reverse"]),
]
