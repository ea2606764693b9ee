"""Negations, absolute values and functions that are their own inverse or fixed point.

IEEE 754 makes a sum with a negated operand the difference, for zeros and infinities too; -(x - y) is not y - x,
for the sign of a zero.
"""

from __future__ import annotations

import ml_dtypes
import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import dtypes, hlo
from oxide.dialects.attributes import tensor
from oxide.passes.canonicalize.matching import (
    again,
    built,
    computes_integers,
    defining,
    has_one_use,
    is_complex,
    is_discrete,
    is_real_float,
    is_static,
    number,
    pattern,
    producer,
)

_INVOLUTIONS = ["negate", "not"]
# f(f(x)) = f(x).
_IDEMPOTENT = ["abs", "sign"]
_ROUNDINGS = ["ceil", "floor", "round_nearest_afz", "round_nearest_even"]
_WHOLE = {f"stablehlo.{name}" for name in [*_ROUNDINGS, "sign"]}
# These answer no negative number and no -0, whatever they get.
_NOT_NEGATIVE = {"stablehlo.abs", "stablehlo.exponential", "stablehlo.logistic"}


def _involution(op: ir.Operation) -> ir.Value | None:
    """-(-x) -> x, not(not(x)) -> x"""
    if op.name == "stablehlo.negate":
        return _negated(op.operands[0])
    inner = producer(op.operands[0], op.name)
    return None if inner is None else inner.operands[0]


def _idempotent(op: ir.Operation) -> ir.Value | None:
    """abs(abs(x)) -> abs(x), sign(sign(x)) -> sign(x)"""
    if producer(op.operands[0], op.name) is None or is_complex(op.results[0]):
        return None
    return op.operands[0]


def _rounding_of_whole(op: ir.Operation) -> ir.Value | None:
    """floor(ceil(x)) -> ceil(x), floor(convert(n)) -> convert(n) of an integer n, and so for all roundings"""
    inner = defining(op.operands[0])
    if inner is None:
        return None
    whole = inner.name in _WHOLE or (inner.name == "stablehlo.convert" and is_discrete(inner.operands[0]))
    return op.operands[0] if whole else None


def _finite_of_same_size(op: ir.Operation) -> ir.Value | None:
    """is_finite(-x) -> is_finite(x), and so for |x|"""
    inner = producer(op.operands[0], "stablehlo.negate") or producer(op.operands[0], "stablehlo.abs")
    # |x| of a complex number may overflow.
    if inner is None or is_complex(inner.operands[0]):
        return None
    return again(op, [inner.operands[0]])


def _finite_of_integer(op: ir.Operation) -> ir.Value | None:
    """is_finite(convert(n)) -> true of an integer n that overflows no float of the type"""
    inner = producer(op.operands[0], "stablehlo.convert")
    if inner is None or not is_discrete(inner.operands[0]) or not is_static(op):
        return None
    source, target = hlo.dtype(inner.operands[0]), hlo.dtype(op.operands[0])
    bits = 1 if source == np.bool_ else 8 * source.itemsize - (not dtypes.is_unsigned(source))
    # -2**bits is the largest in size of signed integers, 2**bits - 1 may round to as much.
    return hlo.full_like(op.results[0], True) if 2.0**bits <= float(ml_dtypes.finfo(target).max) else None


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


def _is_negation(value: ir.Value, x: ir.Value) -> bool:
    """True for a value -x."""
    negated = _negated(value)
    return negated is not None and negated == x


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


def _negated_by_constant(op: ir.Operation) -> ir.Value | None:
    """(-x) * c -> x * -c, and of floats (-x) / c -> x / -c, c / (-x) -> -c / x, for a constant c"""
    if is_complex(op.results[0]) or (op.name == "stablehlo.divide" and is_discrete(op.results[0])):
        return None
    operands = list(op.operands)
    for place, value in enumerate(operands):
        x, element = _negated(value), number(operands[1 - place])
        if x is not None and element is not None and is_static(op):
            operands[place], operands[1 - place] = x, hlo.full_like(value, opposite(element))
            return again(op, operands)
    return None


def opposite(element: np.generic) -> np.generic:
    with np.errstate(over="ignore"):
        return np.negative(element)


def _negated_product(op: ir.Operation) -> ir.Value | None:
    """-(x * c) -> x * -c, -((-x) * y) -> x * y of a product without other uses, and so for quotients of floats"""
    product = producer(op.operands[0], "stablehlo.multiply") or producer(op.operands[0], "stablehlo.divide")
    if product is None or not has_one_use(op.operands[0]) or is_complex(op.results[0]) or not is_static(op):
        return None
    if product.name == "stablehlo.divide" and is_discrete(op.results[0]):
        return None
    operands = list(product.operands)
    for place in reversed(range(2)):
        x, element = _negated(operands[place]), number(operands[place])
        if x is not None:
            operands[place] = x
        elif element is not None:
            operands[place] = hlo.full_like(operands[place], opposite(element))
        else:
            continue
        return again(product, operands)
    return None


def _maximum_of_negated(op: ir.Operation) -> ir.Value | None:
    """max(x, -x) -> |x|"""
    left, right = op.operands
    x = left if _is_negation(right, left) else right
    if x == right and not _is_negation(left, right):
        return None
    unsigned = computes_integers(x) and dtypes.is_unsigned(hlo.dtype(x))
    return None if unsigned or is_complex(x) else built("abs", op.results[0], x)


def _product_of_absolutes(op: ir.Operation) -> ir.Value | None:
    """|x| * |y| -> |x * y|, |x| / |y| -> |x / y| of floats, where neither has another use"""
    inner = [producer(value, "stablehlo.abs") for value in op.operands]
    known = [each for each in inner if each is not None]
    if len(known) < 2 or not is_real_float(op.results[0]) or not all(map(has_one_use, op.operands)):
        return None
    if any(is_complex(each.operands[0]) for each in known):
        return None
    return built("abs", op.results[0], again(op, [each.operands[0] for each in known]))


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


def never_negative(value: ir.Value) -> bool:
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
    return op.operands[0] if never_negative(op.operands[0]) else None


def _relu_of_nonnegative(op: ir.Operation) -> ir.Value | None:
    """max(|x|, 0) -> |x|, and so for e^x, logistic(x) and x * x of floats"""
    element = number(op.operands[1])
    return op.operands[0] if element is not None and element == 0 and never_negative(op.operands[0]) else None


PATTERNS = [
    pattern("involution", _INVOLUTIONS, _involution, reads=["negate", "not"]),
    pattern("idempotent", _IDEMPOTENT, _idempotent, reads=["abs", "sign"]),
    pattern("rounding-of-whole", _ROUNDINGS, _rounding_of_whole),
    pattern("is-finite-of-same-size", "is_finite", _finite_of_same_size, reads=["negate", "abs"]),
    pattern("is-finite-of-integer", "is_finite", _finite_of_integer, reads=["convert"]),
    pattern("abs-of-negate", "abs", _absolute_of_negated, reads=["negate"]),
    pattern("sum-with-negated", ["add", "subtract"], _sum_with_negated, reads=["negate"]),
    pattern("product-of-negated", ["multiply", "divide"], _product_of_negated, reads=["negate"]),
    pattern("negated-by-constant", ["multiply", "divide"], _negated_by_constant, reads=["negate"]),
    pattern("negated-product", "negate", _negated_product, reads=["multiply", "divide"]),
    pattern("max-of-negated", "maximum", _maximum_of_negated, reads=["negate"]),
    pattern("product-of-abs", ["multiply", "divide"], _product_of_absolutes, reads=["abs"]),
    pattern("square-of-abs", "multiply", _square_of_absolute, reads=["abs"]),
    pattern("zero-minus", "subtract", _zero_minus, reads=["constant"]),
    pattern("times-minus-one", "multiply", _times_minus_one, reads=["constant"]),
    pattern("abs-of-nonnegative", "abs", _absolute_of_nonnegative),
    pattern("relu-of-nonnegative", "maximum", _relu_of_nonnegative, reads=["constant"]),
]
