"""Algebraic identities that hold bit for bit, for every value of the type (NaN payloads aside).

Floating point keeps only what IEEE 754 guarantees: `x + 0` is not `x` when x is -0, but `x + (-0)` is;
`x * 0` is not 0 when x is infinite.  Nothing is reassociated but integers, whose arithmetic wraps.
"""

from __future__ import annotations

from collections.abc import Callable

import ml_dtypes
import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import dtypes, hlo
from oxide.dialects.attributes import keyword, tensor
from oxide.dialects.constants import constant_value
from oxide.dialects.fold import fold, is_splat
from oxide.dialects.hlo.core import FOLD_ELEMENTS
from oxide.passes.canonicalize.matching import is_static, number, pattern, producer, splat

_COMMUTATIVE = ["add", "and", "maximum", "minimum", "multiply", "or", "xor"]
# f(f(x)) = f(x).
_IDEMPOTENT = ["abs", "ceil", "floor", "round_nearest_afz", "round_nearest_even", "sign"]
_INVOLUTIONS = ["negate", "not"]
_ASSOCIATIVE = ["add", "and", "maximum", "minimum", "multiply", "or", "xor"]
_SWAPPED = {"EQ": "EQ", "NE": "NE", "LT": "GT", "GT": "LT", "LE": "GE", "GE": "LE"}
_INVERSE = {"EQ": "NE", "NE": "EQ", "LT": "GE", "GE": "LT", "GT": "LE", "LE": "GT"}


def _is_zero(x: np.generic) -> bool:
    return bool(x == 0)


def _is_one(x: np.generic) -> bool:
    return bool(x == 1)


def _is_negative_zero_or_integer_zero(x: np.generic) -> bool:
    return _is_zero(x) and (x.dtype.kind in "biu" or (x.dtype.kind != "c" and bool(np.signbit(x))))


def _is_positive_zero_or_integer_zero(x: np.generic) -> bool:
    return _is_zero(x) and x.dtype.kind != "c" and (x.dtype.kind in "biu" or not np.signbit(x))


def _is_all_ones(x: np.generic) -> bool:
    return bool(np.invert(x) == 0)


def _is_real_one(x: np.generic) -> bool:
    return x.dtype.kind != "c" and _is_one(x)


# op(x, c) = x for these right-hand constants.
_NEUTRAL: dict[str, Callable[[np.generic], bool]] = {
    "add": _is_negative_zero_or_integer_zero,
    "and": _is_all_ones,
    "divide": _is_real_one,
    "multiply": _is_real_one,
    "or": _is_zero,
    "power": _is_real_one,
    "shift_left": _is_zero,
    "shift_right_arithmetic": _is_zero,
    "shift_right_logical": _is_zero,
    "subtract": _is_positive_zero_or_integer_zero,
    "xor": _is_zero,
}
# op(x, c) = c for these; integers and bools only.
_ABSORBING: dict[str, Callable[[np.generic], bool]] = {
    "and": _is_zero,
    "multiply": _is_zero,
    "or": _is_all_ones,
}


def _is_discrete(value: ir.Value) -> bool:
    """True for integers and bools."""
    return isinstance(tensor(value).element_type, ir.IntegerType)


def _neutral(op: ir.Operation) -> ir.Value | None:
    """x + 0, x - 0, x * 1, x / 1, x ^ 1, x & ~0, x | 0, x << 0 -> x"""
    element = number(op.operands[1])
    matches = element is not None and _NEUTRAL[op.name.removeprefix("stablehlo.")](element)
    return op.operands[0] if matches else None


def _absorbing(op: ir.Operation) -> ir.Value | None:
    """x * 0 -> 0, x & 0 -> 0, x | ~0 -> ~0 of integers"""
    element = number(op.operands[1])
    if element is None or element.dtype.kind not in "biu":
        return None
    return op.operands[1] if _ABSORBING[op.name.removeprefix("stablehlo.")](element) else None


def _self(op: ir.Operation) -> ir.Value | None:
    """max(x, x), min(x, x), x & x, x | x -> x"""
    return op.operands[0] if op.operands[0] == op.operands[1] else None


def _self_cancelling(op: ir.Operation) -> ir.Value | None:
    """x - x, x ^ x -> 0 of integers"""
    if op.operands[0] != op.operands[1] or not _is_discrete(op.operands[0]) or not is_static(op):
        return None
    return hlo.full_like(op.results[0], 0)


def _involution(op: ir.Operation) -> ir.Value | None:
    """-(-x) -> x, not(not(x)) -> x"""
    inner = producer(op.operands[0], op.name)
    return None if inner is None else inner.operands[0]


def _idempotent(op: ir.Operation) -> ir.Value | None:
    """floor(floor(x)) -> floor(x) and the like"""
    if producer(op.operands[0], op.name) is None or isinstance(tensor(op.results[0]).element_type, ir.ComplexType):
        return None
    return op.operands[0]


def _absolute_of_negated(op: ir.Operation) -> ir.Value | None:
    """abs(-x) -> abs(x)"""
    inner = producer(op.operands[0], "stablehlo.negate")
    return None if inner is None else hlo.create(op.name, [inner.operands[0]], [op.results[0].type]).results[0]


def _constant_right(op: ir.Operation) -> ir.Value | None:
    """c + x -> x + c"""
    left, right = op.operands
    if producer(left, "stablehlo.constant") is None or producer(right, "stablehlo.constant") is not None:
        return None
    return hlo.create(op.name, [right, left], [op.results[0].type]).results[0]


def _associate(op: ir.Operation) -> ir.Value | None:
    """(x + c) + d -> x + (c + d) of integers"""
    inner = producer(op.operands[0], op.name)
    if inner is None or not _is_discrete(op.results[0]):
        return None
    constants = [constant_value(inner.operands[1]), constant_value(op.operands[1])]
    known = [array for array in constants if array is not None]
    if len(known) < 2 or not (all(map(is_splat, known)) or known[0].size <= FOLD_ELEMENTS):
        return None
    combined = fold(op, known)
    if combined is None:
        return None
    return hlo.create(op.name, [inner.operands[0], hlo.constant(combined[0])], [op.results[0].type]).results[0]


def _parts_of_complex(op: ir.Operation) -> ir.Value | None:
    """real(complex(x, y)) -> x, imag(complex(x, y)) -> y"""
    inner = producer(op.operands[0], "stablehlo.complex")
    return None if inner is None else inner.operands[0 if op.name == "stablehlo.real" else 1]


def _complex_of_parts(op: ir.Operation) -> ir.Value | None:
    """complex(real(z), imag(z)) -> z"""
    real, imag = producer(op.operands[0], "stablehlo.real"), producer(op.operands[1], "stablehlo.imag")
    if real is None or imag is None or real.operands[0] != imag.operands[0]:
        return None
    return real.operands[0]


def _identity_convert(op: ir.Operation) -> ir.Value | None:
    """convert(x) to x's own type -> x"""
    return op.operands[0] if op.operands[0].type == op.results[0].type else None


def _convert_of_widening(op: ir.Operation) -> ir.Value | None:
    """convert(convert(x, A -> B), B -> C) -> convert(x, A -> C) when B holds every value of A exactly"""
    inner = producer(op.operands[0], "stablehlo.convert")
    if inner is None:
        return None
    source, middle = (dtypes.to_numpy(tensor(v).element_type) for v in (inner.operands[0], op.operands[0]))
    if not _holds(middle, source):
        return None
    if inner.operands[0].type == op.results[0].type:
        return inner.operands[0]
    return hlo.create(op.name, [inner.operands[0]], [op.results[0].type]).results[0]


def _holds(wide: np.dtype, narrow: np.dtype) -> bool:
    """True when every value of `narrow` is a value of `wide` (standard types only)."""
    if narrow == ml_dtypes.bfloat16:
        return wide.kind == "f" and wide.itemsize >= 4
    if wide == ml_dtypes.bfloat16:
        return narrow in (np.bool_, np.int8, np.uint8)
    if wide.kind not in "iuf" or narrow.kind not in "biuf":
        return False
    # numpy calls 64-bit integers to float64 safe, which rounds.
    return np.can_cast(narrow, wide, "safe") and not (narrow.itemsize == 8 and narrow.kind != wide.kind)


def _compare_with_self(op: ir.Operation) -> ir.Value | None:
    """compare(x, x) -> constant for integers and bools (a float may be NaN)"""
    if op.operands[0] != op.operands[1] or not _is_discrete(op.operands[0]) or not is_static(op):
        return None
    return hlo.full_like(op.results[0], keyword(op, "comparison_direction") in ("EQ", "LE", "GE"))


def _compare_constant_right(op: ir.Operation) -> ir.Value | None:
    """c < x -> x > c"""
    left, right = op.operands
    if producer(left, "stablehlo.constant") is None or producer(right, "stablehlo.constant") is not None:
        return None
    return _compared(op, right, left, _SWAPPED[keyword(op, "comparison_direction")])


def _compare_bool_with_constant(op: ir.Operation) -> ir.Value | None:
    """x == true -> x, x != false -> x, x == false -> not x, x != true -> not x"""
    direction, element = keyword(op, "comparison_direction"), splat(op.operands[1])
    if direction not in ("EQ", "NE") or element is None or element.dtype != np.bool_:
        return None
    x = op.operands[0]
    same = bool(element) == (direction == "EQ")
    return x if same else hlo.create("stablehlo.not", [x], [x.type]).results[0]


def _inverted_compare(op: ir.Operation) -> ir.Value | None:
    """not(x < y) -> x >= y of integers; not(x == y) -> x != y of anything"""
    inner = producer(op.operands[0], "stablehlo.compare")
    if inner is None:
        return None
    direction = keyword(inner, "comparison_direction")
    if direction not in ("EQ", "NE") and not _is_discrete(inner.operands[0]):
        return None
    return _compared(inner, inner.operands[0], inner.operands[1], _INVERSE[direction])


def _compared(op: ir.Operation, x: ir.Value, y: ir.Value, direction: str) -> ir.Value:
    attributes = {
        **{name: op.attributes[name] for name in op.attributes},
        "comparison_direction": ir.Attribute.parse(f"#stablehlo<comparison_direction {direction}>"),
    }
    return hlo.create(op.name, [x, y], [op.results[0].type], attributes).results[0]


def _select_known(op: ir.Operation) -> ir.Value | None:
    """select(true, x, y) -> x, select(false, x, y) -> y, select(p, x, x) -> x"""
    predicate, x, y = op.operands
    if x == y:
        return x
    element = splat(predicate)
    if element is None:
        return None
    return x if element else y


def _select_of_not(op: ir.Operation) -> ir.Value | None:
    """select(not(p), x, y) -> select(p, y, x)"""
    predicate, x, y = op.operands
    inner = producer(predicate, "stablehlo.not")
    if inner is None:
        return None
    return hlo.create(op.name, [inner.operands[0], y, x], [op.results[0].type]).results[0]


def _select_of_bools(op: ir.Operation) -> ir.Value | None:
    """select(p, true, false) -> p, select(p, false, true) -> not(p)"""
    predicate, x, y = op.operands
    if predicate.type != op.results[0].type:
        return None
    left, right = splat(x), splat(y)
    if left is None or right is None or bool(left) == bool(right):
        return None
    return predicate if left else hlo.create("stablehlo.not", [predicate], [predicate.type]).results[0]


PATTERNS = [
    pattern("constant-right", _COMMUTATIVE, _constant_right),
    pattern("neutral-element", list(_NEUTRAL), _neutral),
    pattern("absorbing-element", list(_ABSORBING), _absorbing),
    pattern("same-operands", ["maximum", "minimum", "and", "or"], _self),
    pattern("self-cancelling", ["subtract", "xor"], _self_cancelling),
    pattern("associate-constants", _ASSOCIATIVE, _associate),
    pattern("involution", _INVOLUTIONS, _involution),
    pattern("idempotent", _IDEMPOTENT, _idempotent),
    pattern("abs-of-negate", "abs", _absolute_of_negated),
    pattern("parts-of-complex", ["real", "imag"], _parts_of_complex),
    pattern("complex-of-parts", "complex", _complex_of_parts),
    pattern("identity-convert", "convert", _identity_convert),
    pattern("convert-of-widening", "convert", _convert_of_widening),
    pattern("compare-with-self", "compare", _compare_with_self),
    pattern("compare-constant-right", "compare", _compare_constant_right),
    pattern("compare-bool-with-constant", "compare", _compare_bool_with_constant),
    pattern("not-of-compare", "not", _inverted_compare),
    pattern("select-known", "select", _select_known),
    pattern("select-of-not", "select", _select_of_not),
    pattern("select-of-bools", "select", _select_of_bools),
]
