"""Negations, absolute values and functions that are their own inverse or fixed point.

IEEE 754 makes a sum with a negated operand the difference, for zeros and infinities too; -(x - y) is not y - x,
for the sign of a zero.
"""

from __future__ import annotations

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.attributes import tensor
from oxide.passes.canonicalize.matching import (
    again,
    is_complex,
    is_discrete,
    is_real_float,
    number,
    pattern,
    producer,
)

_INVOLUTIONS = ["negate", "not"]
# f(f(x)) = f(x).
_IDEMPOTENT = ["abs", "ceil", "floor", "round_nearest_afz", "round_nearest_even", "sign"]
# These answer no negative number and no -0, whatever they get.
_NOT_NEGATIVE = {"stablehlo.abs", "stablehlo.exponential", "stablehlo.logistic"}


def _involution(op: ir.Operation) -> ir.Value | None:
    """-(-x) -> x, not(not(x)) -> x"""
    if op.name == "stablehlo.negate":
        return _negated(op.operands[0])
    inner = producer(op.operands[0], op.name)
    return None if inner is None else inner.operands[0]


def _idempotent(op: ir.Operation) -> ir.Value | None:
    """floor(floor(x)) -> floor(x) and the like"""
    if producer(op.operands[0], op.name) is None or is_complex(op.results[0]):
        return None
    return op.operands[0]


def _absolute_of_negated(op: ir.Operation) -> ir.Value | None:
    """abs(-x) -> abs(x)"""
    x = _negated(op.operands[0])
    return None if x is None else hlo.create(op.name, [x], [op.results[0].type]).results[0]


def _negated(value: ir.Value) -> ir.Value | None:
    """x of a value -x."""
    inner = producer(value, "stablehlo.negate")
    return None if inner is None or not _is_negated_exactly(value) else inner.operands[0]


def _is_negated_exactly(value: ir.Value) -> bool:
    """False for f8E8M0FNU, which has no sign, and for quantised numbers, which saturate."""
    kind = tensor(value).element_type
    return isinstance(kind, (ir.IntegerType, ir.FloatType, ir.ComplexType)) and not isinstance(
        kind, ir.Float8E8M0FNUType
    )


def _sum_with_negated(op: ir.Operation) -> ir.Value | None:
    """x + (-y) -> x - y, (-x) + y -> y - x, x - (-y) -> x + y"""
    left, right = op.operands
    x, y = _negated(left), _negated(right)
    kind = op.results[0].type
    if op.name == "stablehlo.subtract":
        return None if y is None else hlo.create("stablehlo.add", [left, y], [kind]).results[0]
    if y is not None:
        return hlo.create("stablehlo.subtract", [left, y], [kind]).results[0]
    return None if x is None else hlo.create("stablehlo.subtract", [right, x], [kind]).results[0]


def _product_of_negated(op: ir.Operation) -> ir.Value | None:
    """(-x) * (-y) -> x * y, and of floats (-x) / (-y) -> x / y"""
    x, y = map(_negated, op.operands)
    # -MIN is MIN, which a quotient of integers shows.
    if x is None or y is None or (op.name == "stablehlo.divide" and is_discrete(x)) or is_complex(x):
        return None
    return again(op, [x, y])


def _square_of_absolute(op: ir.Operation) -> ir.Value | None:
    """|x| * |x| -> x * x"""
    inner = producer(op.operands[0], "stablehlo.abs")
    if op.operands[0] != op.operands[1] or inner is None or is_complex(inner.operands[0]):
        return None
    if not _is_negated_exactly(op.operands[0]):
        return None
    return again(op, [inner.operands[0]] * 2)


def _zero_minus(op: ir.Operation) -> ir.Value | None:
    """0 - x -> -x of integers, -0 - x -> -x of floats"""
    zero = number(op.operands[0])
    if (
        zero is None
        or zero != 0
        or zero.dtype.kind in "bc"
        or (zero.dtype.kind not in "iu" and not np.signbit(zero))
    ):
        return None
    return hlo.create("stablehlo.negate", [op.operands[1]], [op.results[0].type]).results[0]


def _times_minus_one(op: ir.Operation) -> ir.Value | None:
    """x * -1 -> -x"""
    element = number(op.operands[1])
    if element is None or element.dtype.kind in "ubc" or element != -1:
        return None
    return hlo.create("stablehlo.negate", [op.operands[0]], [op.results[0].type]).results[0]


def _never_negative(value: ir.Value) -> bool:
    """True when every element is NaN, +0 or greater: |x|, e^x, logistic(x), and x * x of floats."""
    owner = value.owner
    if isinstance(owner, ir.Block):
        return False
    op = owner.operation
    if op.name == "stablehlo.multiply":
        return op.operands[0] == op.operands[1] and is_real_float(value)
    # |MIN| of integers is MIN.
    return op.name in _NOT_NEGATIVE and is_real_float(value)


def _absolute_of_nonnegative(op: ir.Operation) -> ir.Value | None:
    """|e^x| -> e^x, |x * x| -> x * x, |logistic(x)| -> logistic(x) of floats"""
    return op.operands[0] if _never_negative(op.operands[0]) else None


def _relu_of_nonnegative(op: ir.Operation) -> ir.Value | None:
    """max(|x|, 0) -> |x|, and so for e^x, logistic(x) and x * x of floats"""
    element = number(op.operands[1])
    return op.operands[0] if element is not None and element == 0 and _never_negative(op.operands[0]) else None


PATTERNS = [
    pattern("involution", _INVOLUTIONS, _involution),
    pattern("idempotent", _IDEMPOTENT, _idempotent),
    pattern("abs-of-negate", "abs", _absolute_of_negated),
    pattern("sum-with-negated", ["add", "subtract"], _sum_with_negated),
    pattern("product-of-negated", ["multiply", "divide"], _product_of_negated),
    pattern("square-of-abs", "multiply", _square_of_absolute),
    pattern("zero-minus", "subtract", _zero_minus),
    pattern("times-minus-one", "multiply", _times_minus_one),
    pattern("abs-of-nonnegative", "abs", _absolute_of_nonnegative),
    pattern("relu-of-nonnegative", "maximum", _relu_of_nonnegative),
]
