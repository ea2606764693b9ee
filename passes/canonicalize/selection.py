"""Selects: known predicates and arms, and selects that are other operations."""

from __future__ import annotations

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import dtypes, hlo
from oxide.dialects.attributes import keyword
from oxide.dialects.constants import constant_value
from oxide.dialects.effects import ELEMENTWISE
from oxide.dialects.fold import fold, is_splat
from oxide.passes.canonicalize.matching import (
    again,
    attributes_of,
    built,
    computes_integers,
    defining,
    has_one_use,
    is_discrete,
    is_static,
    number,
    pattern,
    producer,
    shape_of,
    splat,
    static_producer,
)

# Elementwise functions of one operand, and of one operand and a constant.
_FUNCTIONS = ["add", "and", "compare", "convert", "multiply", "negate", "not", "or", "subtract"]


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


def _select_of_itself(op: ir.Operation) -> ir.Value | None:
    """select(p, p, x) -> p | x, select(p, x, p) -> p & x"""
    predicate, x, y = op.operands
    if predicate == x:
        return built("or", op.results[0], predicate, y)
    return built("and", op.results[0], predicate, x) if predicate == y else None


def _select_of_negated(op: ir.Operation) -> ir.Value | None:
    """select(x >= 0, x, -x) -> |x| of signed integers, and so for > and with < and <= the other way round"""
    inner = producer(op.operands[0], "stablehlo.compare")
    if inner is None or not computes_integers(op.results[0]):
        return None
    x, zero = inner.operands[0], number(inner.operands[1])
    direction, arms = keyword(inner, "comparison_direction"), list(op.operands)[1:]
    if zero is None or zero != 0 or direction in ("EQ", "NE"):
        return None
    kept, other = arms if direction in ("GT", "GE") else reversed(arms)
    negated = producer(other, "stablehlo.negate")
    if kept != x or negated is None or negated.operands[0] != x or dtypes.is_unsigned(hlo.dtype(x)):
        return None
    return built("abs", op.results[0], x)


def _select_of_functions(op: ir.Operation) -> ir.Value | None:
    """select(p, f(x), f(y)) -> f(select(p, x, y)), select(p, f(x, z), f(y, z)) -> f(select(p, x, y), z), where what
    the elementwise f answers has no other use"""
    _, x, y = op.operands
    left, right = defining(x), defining(y)
    if left is None or right is None or left.name != right.name or left.name not in ELEMENTWISE:
        return None
    if not has_one_use(x) or not has_one_use(y) or not is_static(op) or attributes_of(left) != attributes_of(right):
        return None
    operands, others = list(left.operands), list(right.operands)
    differing = [place for place, value in enumerate(operands) if value != others[place]]
    if len(differing) != 1:
        return None
    (place,) = differing
    if operands[place].type != others[place].type or shape_of(operands[place]) != shape_of(x):
        return None
    arms = [operands[place], others[place]]
    operands[place] = hlo.create(op.name, [op.operands[0], *arms], [arms[0].type]).results[0]
    return again(left, operands)


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
    pattern("select-known", "select", _select_known),
    pattern("select-of-not", "select", _select_of_not, reads=["not"]),
    pattern("select-of-bools", "select", _select_of_bools, reads=["constant"]),
    pattern("select-of-itself", "select", _select_of_itself),
    pattern("select-of-negated", "select", _select_of_negated, reads=["negate"]),
    pattern("select-of-functions", "select", _select_of_functions),
    pattern("select-of-select", "select", _select_of_select, reads=["select"]),
    pattern("select-by-repeated-bool", "select", _select_by_repeated_bool, reads=["broadcast_in_dim"]),
    pattern("select-of-repeated-not", "select", _select_of_repeated_not, reads=["broadcast_in_dim"]),
    pattern("select-as-logic", "select", _select_as_logic, reads=["constant"]),
    pattern("select-of-one-and-zero", "select", _select_of_one_and_zero, reads=["constant"]),
    pattern("select-equal", "select", _select_equal, reads=["compare"]),
    pattern("select-greater", "select", _select_greater, reads=["compare"]),
    pattern("function-of-known-arms", _FUNCTIONS, _on_known_arms, reads=["select"]),
]
