"""Comparisons and selects."""

from __future__ import annotations

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.attributes import keyword
from oxide.dialects.constants import constant_value
from oxide.dialects.fold import fold, is_splat
from oxide.passes.canonicalize.matching import (
    Declined,
    again,
    has_one_use,
    is_complex,
    is_discrete,
    is_static,
    number,
    pattern,
    producer,
    shape_of,
    splat,
    static_producer,
)

_SWAPPED = {"EQ": "EQ", "NE": "NE", "LT": "GT", "GT": "LT", "LE": "GE", "GE": "LE"}
_INVERSE = {"EQ": "NE", "NE": "EQ", "LT": "GE", "GE": "LT", "GT": "LE", "LE": "GT"}
_COMPARISONS = {
    "EQ": np.equal,
    "NE": np.not_equal,
    "LT": np.less,
    "LE": np.less_equal,
    "GT": np.greater,
    "GE": np.greater_equal,
}
# Elementwise functions of one operand, and of one operand and a constant.
_FUNCTIONS = ["add", "and", "compare", "convert", "multiply", "negate", "not", "or", "subtract"]


def _compare_with_self(op: ir.Operation) -> ir.Value | Declined | None:
    """compare(x, x) -> constant of integers and bools; x < x, x > x -> false of floats, which may be NaN"""
    x, direction = op.operands[0], keyword(op, "comparison_direction")
    if x != op.operands[1] or not is_static(op) or is_complex(x):
        return None
    if not is_discrete(x) and direction not in ("LT", "GT"):
        return Declined("NaN differs from itself")
    return hlo.full_like(op.results[0], direction in ("EQ", "LE", "GE"))


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
    if direction not in ("EQ", "NE") and not is_discrete(inner.operands[0]):
        return None
    return _compared(inner, inner.operands[0], inner.operands[1], _INVERSE[direction])


def _compared(op: ir.Operation, x: ir.Value, y: ir.Value, direction: str) -> ir.Value:
    attributes = {
        **{name: op.attributes[name] for name in op.attributes},
        "comparison_direction": ir.Attribute.parse(f"#stablehlo<comparison_direction {direction}>"),
    }
    return hlo.create(op.name, [x, y], [op.results[0].type], attributes).results[0]


def _compare_with_extreme(op: ir.Operation) -> ir.Value | None:
    """x < lowest -> false, x >= lowest -> true, x > highest -> false, x <= highest -> true of integers"""
    element = number(op.operands[1])
    if element is None or element.dtype.kind not in "iu" or not is_static(op):
        return None
    limits, direction = np.iinfo(str(element.dtype)), keyword(op, "comparison_direction")
    known = {
        ("LT", limits.min): False,
        ("GE", limits.min): True,
        ("GT", limits.max): False,
        ("LE", limits.max): True,
    }
    answer = known.get((direction, int(element)))
    return None if answer is None else hlo.full_like(op.results[0], answer)


def _compare_converted_bool(op: ir.Operation) -> ir.Value | None:
    """compare(convert(p), c) of a bool p -> p, not p or a constant"""
    inner, element = producer(op.operands[0], "stablehlo.convert"), number(op.operands[1])
    if inner is None or element is None or element.dtype.kind == "c" or not is_static(op):
        return None
    predicate = inner.operands[0]
    if hlo.dtype(predicate) != np.bool_:
        return None
    compare = _COMPARISONS[keyword(op, "comparison_direction")]
    off, on = (bool(compare(np.array(bit).astype(element.dtype), element)) for bit in (False, True))
    if off == on:
        return hlo.full_like(op.results[0], on)
    return predicate if on else hlo.create("stablehlo.not", [predicate], [predicate.type]).results[0]


def _compare_offset(op: ir.Operation) -> ir.Value | None:
    """x + c == d -> x == d - c, and so for !=, of integers"""
    inner, constant = producer(op.operands[0], "stablehlo.add"), number(op.operands[1])
    if inner is None or constant is None or constant.dtype.kind not in "iu":
        return None
    offset = number(inner.operands[1])
    if offset is None or keyword(op, "comparison_direction") not in ("EQ", "NE") or not is_static(op):
        return None
    with np.errstate(over="ignore"):
        moved = hlo.full_like(op.operands[1], np.subtract(constant, offset))
    return again(op, [inner.operands[0], moved])


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


def _select_of_select(op: ir.Operation) -> ir.Value | None:
    """select(p, select(p, x, y), z) -> select(p, x, z), select(p, x, select(p, y, z)) -> select(p, x, z)"""
    predicate, *arms = op.operands
    for place, arm in enumerate(arms):
        inner = producer(arm, "stablehlo.select")
        if inner is not None and inner.operands[0] == predicate:
            arms[place] = inner.operands[1 + place]
            return again(op, [predicate, *arms])
    return None


def _select_by_repeated_bool(op: ir.Operation) -> ir.Value | None:
    """select(broadcast(p), x, y) -> select(p, x, y) of a rank-0 p"""
    inner = static_producer(op.operands[0], "stablehlo.broadcast_in_dim")
    if inner is None or shape_of(inner.operands[0]):
        return None
    return again(op, [inner.operands[0], *list(op.operands)[1:]])


def _select_of_repeated_not(op: ir.Operation) -> ir.Value | None:
    """select(broadcast(not(p)), x, y) -> select(broadcast(p), y, x)"""
    outer = static_producer(op.operands[0], "stablehlo.broadcast_in_dim")
    inner = None if outer is None else producer(outer.operands[0], "stablehlo.not")
    if outer is None or inner is None or not has_one_use(op.operands[0]):
        return None
    return again(op, [again(outer, [inner.operands[0]]), op.operands[2], op.operands[1]])


def _select_as_logic(op: ir.Operation) -> ir.Value | None:
    """select(p, true, y) -> p | y, select(p, x, false) -> p & x"""
    predicate, x, y = op.operands
    if predicate.type != op.results[0].type:
        return None
    left, right = splat(x), splat(y)
    if left is not None and left:
        return hlo.create("stablehlo.or", [predicate, y], [predicate.type]).results[0]
    if right is not None and not right:
        return hlo.create("stablehlo.and", [predicate, x], [predicate.type]).results[0]
    return None


def _select_of_one_and_zero(op: ir.Operation) -> ir.Value | None:
    """select(p, 1, 0) -> convert(p)"""
    predicate, x, y = op.operands
    left, right = number(x), number(y)
    if left is None or right is None or left.dtype.kind in "bc" or shape_of(predicate) != shape_of(x):
        return None
    if left != 1 or right != 0 or (left.dtype.kind not in "iu" and np.signbit(right)):
        return None
    return hlo.create("stablehlo.convert", [predicate], [op.results[0].type]).results[0]


def _select_equal(op: ir.Operation) -> ir.Value | None:
    """select(x == y, x, y) -> y, select(x != y, x, y) -> x of integers"""
    inner = producer(op.operands[0], "stablehlo.compare")
    if inner is None or not is_discrete(op.results[0]):
        return None
    direction, arms = keyword(inner, "comparison_direction"), list(op.operands)[1:]
    compared = list(inner.operands)
    if direction not in ("EQ", "NE") or arms not in (compared, compared[::-1]):
        return None
    return arms[1 if direction == "EQ" else 0]


def _select_greater(op: ir.Operation) -> ir.Value | None:
    """select(x > y, x, y) -> max(x, y), select(x < y, x, y) -> min(x, y) of integers, and so for >= and <="""
    inner = producer(op.operands[0], "stablehlo.compare")
    if inner is None or not is_discrete(op.results[0]):
        return None
    direction, arms = keyword(inner, "comparison_direction"), list(op.operands)[1:]
    compared = list(inner.operands)
    if direction in ("EQ", "NE") or arms not in (compared, compared[::-1]):
        return None
    greater = (direction in ("GT", "GE")) == (arms == compared)
    name = "stablehlo.maximum" if greater else "stablehlo.minimum"
    return hlo.create(name, compared, [op.results[0].type]).results[0]


def _on_known_arms(op: ir.Operation) -> ir.Value | None:
    """f(select(p, c, d)) -> select(p, f(c), f(d)) of constants c and d, where the select has no other use"""
    inner = producer(op.operands[0], "stablehlo.select")
    if inner is None or not has_one_use(op.operands[0]) or not is_static(op) or not is_static(inner):
        return None
    predicate, *arms = inner.operands
    rest = [constant_value(value) for value in list(op.operands)[1:]]
    values = []
    for arm in arms:
        array = constant_value(arm)
        known = [array, *rest]
        present = [value for value in known if value is not None]
        if len(present) < len(known) or not all(map(is_splat, present)):
            return None
        folded = fold(op, present)
        if folded is None:
            return None
        values.append(folded[0])
    return again(inner, [predicate, *map(hlo.constant, values)], op.results[0].type)


PATTERNS = [
    pattern("compare-with-self", "compare", _compare_with_self),
    pattern("compare-constant-right", "compare", _compare_constant_right),
    pattern("compare-bool-with-constant", "compare", _compare_bool_with_constant),
    pattern("not-of-compare", "not", _inverted_compare),
    pattern("select-known", "select", _select_known),
    pattern("select-of-not", "select", _select_of_not),
    pattern("select-of-bools", "select", _select_of_bools),
    pattern("compare-with-extreme", "compare", _compare_with_extreme),
    pattern("compare-converted-bool", "compare", _compare_converted_bool),
    pattern("compare-offset", "compare", _compare_offset),
    pattern("select-of-select", "select", _select_of_select),
    pattern("select-by-repeated-bool", "select", _select_by_repeated_bool),
    pattern("select-of-repeated-not", "select", _select_of_repeated_not),
    pattern("select-as-logic", "select", _select_as_logic),
    pattern("select-of-one-and-zero", "select", _select_of_one_and_zero),
    pattern("select-equal", "select", _select_equal),
    pattern("select-greater", "select", _select_greater),
    pattern("function-of-known-arms", _FUNCTIONS, _on_known_arms),
]
