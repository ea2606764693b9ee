"""Comparisons of values that have something in common, and what two comparisons of the same values say together."""

from __future__ import annotations

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.attributes import keyword
from oxide.dialects.constants import constant_value
from oxide.dialects.fold.elementwise import COMPARISONS
from oxide.passes.canonicalize.conversions import holds
from oxide.passes.canonicalize.matching import (
    Declined,
    computes_integers,
    is_complex,
    is_discrete,
    is_real_float,
    is_static,
    number,
    pattern,
    producer,
    splat,
)
from oxide.passes.canonicalize.signs import never_negative, opposite
from oxide.passes.canonicalize.sums import affine, combined, small_constant

_SWAPPED = {"EQ": "EQ", "NE": "NE", "LT": "GT", "GT": "LT", "LE": "GE", "GE": "LE"}
_INVERSE = {"EQ": "NE", "NE": "EQ", "LT": "GE", "GE": "LT", "GT": "LE", "LE": "GT"}
# How two numbers may relate: less, equal, greater, or unordered where one is NaN.
_RELATIONS = {
    "EQ": frozenset("="),
    "NE": frozenset("<>?"),
    "LT": frozenset("<"),
    "LE": frozenset("<="),
    "GT": frozenset(">"),
    "GE": frozenset(">="),
}
_ANYTHING = frozenset("<=>?")


def _is_total(op: ir.Operation) -> bool:
    return "compare_type" in op.attributes and keyword(op, "compare_type") == "TOTALORDER"


def _compared(op: ir.Operation, x: ir.Value, y: ir.Value, direction: str) -> ir.Value:
    attributes = {
        **{name: op.attributes[name] for name in op.attributes},
        "comparison_direction": ir.Attribute.parse(f"#stablehlo<comparison_direction {direction}>"),
    }
    return hlo.create(op.name, [x, y], [op.results[0].type], attributes).results[0]


def _with_self(op: ir.Operation) -> ir.Value | Declined | None:
    """compare(x, x) -> constant of integers and bools; x < x, x > x -> false of floats, which may be NaN"""
    x, direction = op.operands[0], keyword(op, "comparison_direction")
    if x != op.operands[1] or not is_static(op) or is_complex(x):
        return None
    if not is_discrete(x) and direction not in ("LT", "GT"):
        return Declined("NaN differs from itself")
    return hlo.full_like(op.results[0], direction in ("EQ", "LE", "GE"))


def _constant_right(op: ir.Operation) -> ir.Value | None:
    """c < x -> x > c"""
    left, right = op.operands
    if producer(left, "stablehlo.constant") is None or producer(right, "stablehlo.constant") is not None:
        return None
    return _compared(op, right, left, _SWAPPED[keyword(op, "comparison_direction")])


def _bool_with_constant(op: ir.Operation) -> ir.Value | None:
    """x == true -> x, x != false -> x, x == false -> not x, x != true -> not x"""
    direction, element = keyword(op, "comparison_direction"), splat(op.operands[1])
    if direction not in ("EQ", "NE") or element is None or element.dtype != np.bool_:
        return None
    x = op.operands[0]
    same = bool(element) == (direction == "EQ")
    return x if same else hlo.create("stablehlo.not", [x], [x.type]).results[0]


def _inverted(op: ir.Operation) -> ir.Value | None:
    """not(x < y) -> x >= y of integers; not(x == y) -> x != y of anything"""
    inner = producer(op.operands[0], "stablehlo.compare")
    if inner is None:
        return None
    direction = keyword(inner, "comparison_direction")
    if direction not in ("EQ", "NE") and not is_discrete(inner.operands[0]):
        return None
    return _compared(inner, inner.operands[0], inner.operands[1], _INVERSE[direction])


def _converted_bool(op: ir.Operation) -> ir.Value | None:
    """compare(convert(p), c) of a bool p -> p, not p or a constant"""
    inner, element = producer(op.operands[0], "stablehlo.convert"), number(op.operands[1])
    if inner is None or element is None or element.dtype.kind == "c" or not is_static(op):
        return None
    predicate = inner.operands[0]
    if hlo.dtype(predicate) != np.bool_:
        return None
    compare = COMPARISONS[keyword(op, "comparison_direction")]
    off, on = (bool(compare(np.array(bit).astype(element.dtype), element)) for bit in (False, True))
    if off == on:
        return hlo.full_like(op.results[0], on)
    return predicate if on else hlo.create("stablehlo.not", [predicate], [predicate.type]).results[0]


def _difference(op: ir.Operation) -> ir.Value | None:
    """x - y == 0 -> x == y, x ^ y == 0 -> x == y, and so for !=, of integers"""
    direction, zero = keyword(op, "comparison_direction"), number(op.operands[1])
    if direction not in ("EQ", "NE") or zero is None or zero != 0 or not is_discrete(op.operands[0]):
        return None
    inner = producer(op.operands[0], "stablehlo.subtract") or producer(op.operands[0], "stablehlo.xor")
    return None if inner is None else _compared(op, inner.operands[0], inner.operands[1], direction)


def _offset(op: ir.Operation) -> ir.Value | None:
    """x + c == d -> x == d - c, c - x == d -> x == c - d, ~x == d -> x == ~d, and so for !=, of integers"""
    direction, x, target = keyword(op, "comparison_direction"), op.operands[0], small_constant(op.operands[1])
    if direction not in ("EQ", "NE") or target is None or not computes_integers(x) or not is_static(op):
        return None
    inner = affine(x)
    if inner is None:
        return None
    sign, moved, offset = inner
    constant = combined(np.subtract, target, offset)
    return _compared(op, moved, hlo.constant(constant if sign > 0 else combined(np.negative, constant)), direction)


def _negated(op: ir.Operation) -> ir.Value | None:
    """-x < -y -> x > y, -x < c -> x > -c of floats"""
    x, y = op.operands
    negated = producer(x, "stablehlo.negate")
    if negated is None or not is_real_float(x) or not is_static(op):
        return None
    other, element = producer(y, "stablehlo.negate"), number(y)
    if other is not None:
        right = other.operands[0]
    elif element is not None:
        right = hlo.full_like(y, opposite(element))
    else:
        return None
    return _compared(op, negated.operands[0], right, _SWAPPED[keyword(op, "comparison_direction")])


def _widened(op: ir.Operation) -> ir.Value | None:
    """convert(x) < convert(y) -> x < y of one type whose values the wider one holds; convert(x) < c likewise"""
    wide, y = op.operands
    left = producer(wide, "stablehlo.convert")
    if left is None or _is_total(op) or is_complex(wide) or not is_static(op):
        return None
    x = left.operands[0]
    if not holds(hlo.dtype(wide), hlo.dtype(x)):
        return None
    direction = keyword(op, "comparison_direction")
    right, constant = producer(y, "stablehlo.convert"), constant_value(y)
    if right is not None and right.operands[0].type == x.type:
        return hlo.compare(x, right.operands[0], direction)
    if constant is None or small_constant(y) is None or hlo.dtype(x) == np.bool_:
        return None
    with np.errstate(all="ignore"):
        narrow = combined(lambda array: array.astype(hlo.dtype(x)), constant)
        exact = combined(lambda array: array.astype(constant.dtype), narrow) == constant
    return hlo.compare(x, hlo.constant(narrow), direction) if np.all(exact) else None


def _with_nonnegative(op: ir.Operation) -> ir.Value | None:
    """|x| < 0 -> false, and so for every x that is never negative and every comparison that NaN does not change"""
    element, x = number(op.operands[1]), op.operands[0]
    if element is None or not is_real_float(x) or _is_total(op) or not is_static(op) or not never_negative(x):
        return None
    possible = _ANYTHING - _RELATIONS["LE"] if np.less(element, 0) else _ANYTHING - _RELATIONS["LT"]
    relation = _RELATIONS[keyword(op, "comparison_direction")]
    if not np.less_equal(element, 0) or (relation & possible and not relation >= possible):
        return None
    return hlo.full_like(op.results[0], bool(relation & possible))


def _joined(op: ir.Operation) -> ir.Value | None:
    """(x < y) | (x == y) -> x <= y, (x <= y) & (y <= x) -> x == y and all the like"""
    left, right = (producer(value, "stablehlo.compare") for value in op.operands)
    if left is None or right is None or _is_total(left) or _is_total(right) or is_complex(left.operands[0]):
        return None
    operands, others = list(left.operands), list(right.operands)
    first, second = (keyword(each, "comparison_direction") for each in (left, right))
    if operands != others:
        if operands != others[::-1]:
            return None
        second = _SWAPPED[second]
    anything = _ANYTHING - frozenset("?") if is_discrete(operands[0]) else _ANYTHING
    x, y = (_RELATIONS[direction] & anything for direction in (first, second))
    joined = x & y if op.name == "stablehlo.and" else x | y if op.name == "stablehlo.or" else x ^ y
    if joined in (frozenset(), anything):
        return hlo.full_like(op.results[0], bool(joined)) if is_static(op) else None
    for direction, relation in _RELATIONS.items():
        if relation & anything == joined:
            return _compared(left, operands[0], operands[1], direction)
    return None


PATTERNS = [
    pattern("compare-with-self", "compare", _with_self),
    pattern("compare-constant-right", "compare", _constant_right, reads=["constant"]),
    pattern("compare-bool-with-constant", "compare", _bool_with_constant, reads=["constant"], integers=True),
    pattern("not-of-compare", "not", _inverted, reads=["compare"]),
    pattern("compare-converted-bool", "compare", _converted_bool, reads=["convert"]),
    pattern("compare-difference", "compare", _difference, reads=["constant"], integers=True),
    pattern("compare-offset", "compare", _offset, reads=["constant"], integers=True),
    pattern("compare-negated", "compare", _negated, reads=["negate"]),
    pattern("compare-widened", "compare", _widened, reads=["convert"]),
    pattern("compare-nonnegative", "compare", _with_nonnegative, reads=["constant"]),
    pattern("joined-comparisons", ["and", "or", "xor"], _joined, reads=["compare"]),
]
