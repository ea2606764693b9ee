"""Algebraic identities that hold bit for bit, for every value of the type (NaN payloads aside).

Floating point keeps only what IEEE 754 guarantees: `x + 0` is not `x` when x is -0, but `x + (-0)` is;
`x * 0` is not 0 when x is infinite.  Nothing is reassociated but integers, whose arithmetic wraps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.attributes import tensor
from oxide.dialects.constants import constant_value
from oxide.dialects.fold import fold, is_splat
from oxide.dialects.hlo.core import FOLD_ELEMENTS
from oxide.passes.canonicalize.matching import (
    again,
    built,
    defining,
    has_one_use,
    is_discrete,
    is_static,
    number,
    pattern,
    producer,
    shape_of,
)

_COMMUTATIVE = ["add", "and", "maximum", "minimum", "multiply", "or", "xor"]
_ASSOCIATIVE = ["add", "and", "maximum", "minimum", "multiply", "or", "xor"]
_DUAL = {"and": "or", "or": "and", "maximum": "minimum", "minimum": "maximum"}


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


def _is_lowest(x: np.generic) -> bool:
    return x.dtype.kind != "c" and bool(x == hlo.lowest(x.dtype))


def _is_highest(x: np.generic) -> bool:
    return x.dtype.kind != "c" and bool(x == hlo.highest(x.dtype))


# op(x, c) = x for these right-hand constants.
NEUTRAL: dict[str, Callable[[np.generic], bool]] = {
    "add": _is_negative_zero_or_integer_zero,
    "and": _is_all_ones,
    "divide": _is_real_one,
    "maximum": _is_lowest,
    "minimum": _is_highest,
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
    "maximum": _is_highest,
    "minimum": _is_lowest,
    "multiply": _is_zero,
    "or": _is_all_ones,
}


def _neutral(op: ir.Operation) -> ir.Value | None:
    """x + 0, x - 0, x * 1, x / 1, x ^ 1, x & ~0, x | 0, x << 0, max(x, lowest), min(x, highest) -> x

    Of floats x + 0 needs -0 and x - 0 needs +0: every other zero changes the sign of a zero x.
    """
    name = op.name.removeprefix("stablehlo.")
    for place in (1, 0) if name in _COMMUTATIVE else (1,):
        element = _repeated_number(op.operands[place])
        if element is not None and NEUTRAL[name](element):
            return op.operands[1 - place]
    return None


def _repeated_number(value: ir.Value) -> np.generic | None:
    """The element of a constant, or of a constant broadcast to sizes known at run time only."""
    wide = producer(value, "stablehlo.dynamic_broadcast_in_dim")
    return number(value if wide is None else wide.operands[0])


def _absorbing(op: ir.Operation) -> ir.Value | None:
    """x * 0 -> 0, x & 0 -> 0, x | ~0 -> ~0, max(x, highest) -> highest, min(x, lowest) -> lowest of integers"""
    element = number(op.operands[1])
    if element is None or element.dtype.kind not in "biu":
        return None
    return op.operands[1] if _ABSORBING[op.name.removeprefix("stablehlo.")](element) else None


def _logic(op: ir.Operation) -> ir.Value | None:
    """x + y -> x | y, x * y -> x & y of bools"""
    kind = tensor(op.results[0]).element_type
    if not isinstance(kind, ir.IntegerType) or kind.width != 1:
        return None
    name = "stablehlo.or" if op.name == "stablehlo.add" else "stablehlo.and"
    return hlo.create(name, op.operands, [op.results[0].type]).results[0]


def _self(op: ir.Operation) -> ir.Value | None:
    """max(x, x), min(x, x), x & x, x | x -> x"""
    return op.operands[0] if op.operands[0] == op.operands[1] else None


def _self_cancelling(op: ir.Operation) -> ir.Value | None:
    """x - x, x ^ x -> 0 of integers"""
    if op.operands[0] != op.operands[1] or not is_discrete(op.operands[0]) or not is_static(op):
        return None
    return hlo.full_like(op.results[0], 0)


def _repeated_operand(op: ir.Operation) -> ir.Value | None:
    """max(x, max(x, y)) -> max(x, y), and so for min, and, or"""
    for this, other in (op.operands, reversed(list(op.operands))):
        inner = producer(other, op.name)
        if inner is not None and this in list(inner.operands):
            return other
    return None


def _absorption(op: ir.Operation) -> ir.Value | None:
    """x & (x | y) -> x, x | (x & y) -> x, max(x, min(x, y)) -> x, min(x, max(x, y)) -> x of integers"""
    if not is_discrete(op.results[0]):
        return None
    for this, other in (op.operands, reversed(list(op.operands))):
        inner = producer(other, f"stablehlo.{_DUAL[op.name.removeprefix('stablehlo.')]}")
        if inner is not None and this in list(inner.operands):
            return this
    return None


def _complement(op: ir.Operation) -> ir.Value | None:
    """x & ~x -> 0, x | ~x -> ~0, x ^ ~x -> ~0"""
    left, right = op.operands
    inverted = [producer(value, "stablehlo.not") for value in (left, right)]
    pairs = zip(inverted, (right, left), strict=True)
    if not is_static(op) or not any(inner is not None and inner.operands[0] == other for inner, other in pairs):
        return None
    ones = op.name != "stablehlo.and"
    return hlo.full_like(op.results[0], (-1 if hlo.dtype(left) != np.bool_ else True) if ones else 0)


def _remainder_of_one(op: ir.Operation) -> ir.Value | None:
    """x % 1 -> 0 of integers"""
    element = number(op.operands[1])
    if element is None or element.dtype.kind not in "iu" or element != 1 or not is_static(op):
        return None
    return hlo.full_like(op.results[0], 0)


def _open_clamp(op: ir.Operation) -> ir.Value | None:
    """clamp(lowest, x, highest) -> x"""
    low, high = number(op.operands[0]), number(op.operands[2])
    return (
        op.operands[1] if low is not None and high is not None and _is_lowest(low) and _is_highest(high) else None
    )


def _clamp_of_clamp(op: ir.Operation) -> ir.Value | None:
    """clamp(a, clamp(a, x, b), b) -> clamp(a, x, b)"""
    inner = producer(op.operands[1], "stablehlo.clamp")
    if inner is None or [op.operands[0], op.operands[2]] != [inner.operands[0], inner.operands[2]]:
        return None
    return op.operands[1]


def _clamp_of_bounds(op: ir.Operation) -> ir.Value | None:
    """min(max(x, a), b) -> clamp(a, x, b) for constants a <= b, and max(min(x, b), a) likewise"""
    outer_is_minimum = op.name == "stablehlo.minimum"
    inner = producer(op.operands[0], "stablehlo.maximum" if outer_is_minimum else "stablehlo.minimum")
    if inner is None or not has_one_use(op.operands[0]):
        return None
    low, high = (inner.operands[1], op.operands[1]) if outer_is_minimum else (op.operands[1], inner.operands[1])
    bottom, top = number(low), number(high)
    # Bounds that are zeros of different sign are not ordered by <=.
    if bottom is None or top is None or bottom.dtype.kind == "c" or not bool(np.less(bottom, top)):
        return None
    return hlo.create("stablehlo.clamp", [low, inner.operands[0], high], [op.results[0].type]).results[0]


def _bound_of_clamp(op: ir.Operation) -> ir.Value | None:
    """max(clamp(a, x, b), c) -> clamp(max(a, c), x, max(b, c)) of constants, and so for min, for clamp, and for
    clamp of a max or min"""
    place = 1 if op.name == "stablehlo.clamp" else 0
    inner = defining(op.operands[place])
    constants = [number(value) for index, value in enumerate(op.operands) if index != place]
    outer = [np.asarray(element) for element in constants if element is not None]
    if inner is None or len(outer) < len(constants) or not _ordered(outer) or not is_static(op):
        return None
    ends = _ends(inner) if inner.name == "stablehlo.clamp" or place else None
    if ends is None:
        return None
    x, *bounds = ends
    known = [fold(op, [*outer[:place], np.asarray(end), *outer[place:]]) for end in bounds]
    shape = shape_of(op.results[0])
    low, high = (hlo.constant(np.broadcast_to(folded[0], shape)) for folded in known if folded is not None)
    return built("clamp", op.results[0], low, x, high)


def _ends(op: ir.Operation) -> tuple[ir.Value, np.generic, np.generic] | None:
    """What a clamp, maximum or minimum by constants bounds, and between which numbers."""
    if op.name == "stablehlo.clamp":
        low, high = number(op.operands[0]), number(op.operands[2])
        if low is None or high is None or not _ordered([low, high]):
            return None
        return op.operands[1], low, high
    bound = number(op.operands[1]) if op.name in ("stablehlo.maximum", "stablehlo.minimum") else None
    if bound is None or not _ordered([bound]):
        return None
    if op.name == "stablehlo.maximum":
        return op.operands[0], bound, hlo.highest(bound.dtype)
    return op.operands[0], hlo.lowest(bound.dtype), bound


def _ordered(bounds: Sequence[np.generic | np.ndarray]) -> bool:
    """True for numbers in ascending order, NaN and zeros of different sign excluded."""
    if any(bound.dtype.kind in "bc" or bound != bound for bound in bounds):
        return False
    return all(np.less(a, b) or a.tobytes() == b.tobytes() for a, b in pairwise(bounds))


def _constant_right(op: ir.Operation) -> ir.Value | None:
    """c + x -> x + c"""
    left, right = op.operands
    if producer(left, "stablehlo.constant") is None or producer(right, "stablehlo.constant") is not None:
        return None
    return again(op, [right, left])


def _associate(op: ir.Operation) -> ir.Value | None:
    """(x + c) + d -> x + (c + d) of integers; max(max(x, c), d) -> max(x, max(c, d)) of floats too"""
    inner = producer(op.operands[0], op.name)
    exact = is_discrete(op.results[0]) or op.name in ("stablehlo.maximum", "stablehlo.minimum")
    if inner is None or not exact:
        return None
    constants = [constant_value(inner.operands[1]), constant_value(op.operands[1])]
    known = [array for array in constants if array is not None]
    if len(known) < 2 or not (all(map(is_splat, known)) or known[0].size <= FOLD_ELEMENTS):
        return None
    combined = fold(op, known)
    if combined is None:
        return None
    return hlo.create(op.name, [inner.operands[0], hlo.constant(combined[0])], [op.results[0].type]).results[0]


PATTERNS = [
    pattern("constant-right", _COMMUTATIVE, _constant_right, reads=["constant"]),
    pattern("neutral-element", list(NEUTRAL), _neutral, reads=["constant", "dynamic_broadcast_in_dim"]),
    pattern("absorbing-element", list(_ABSORBING), _absorbing, reads=["constant"], integers=True),
    pattern("logic-of-bools", ["add", "multiply"], _logic, integers=True),
    pattern("same-operands", ["maximum", "minimum", "and", "or"], _self),
    pattern("self-cancelling", ["subtract", "xor"], _self_cancelling, integers=True),
    pattern(
        "repeated-operand",
        ["maximum", "minimum", "and", "or"],
        _repeated_operand,
        reads=["maximum", "minimum", "and", "or"],
    ),
    pattern("absorption", list(_DUAL), _absorption, reads=["and", "or", "maximum", "minimum"], integers=True),
    pattern("complement", ["and", "or", "xor"], _complement, reads=["not"], integers=True),
    pattern("remainder-of-one", "remainder", _remainder_of_one, reads=["constant"], integers=True),
    pattern("open-clamp", "clamp", _open_clamp, reads=["constant"]),
    pattern("clamp-of-clamp", "clamp", _clamp_of_clamp, reads=["clamp"]),
    pattern("bound-of-clamp", ["clamp", "maximum", "minimum"], _bound_of_clamp, reads=["constant"]),
    pattern("clamp-of-bounds", ["maximum", "minimum"], _clamp_of_bounds, reads=["constant"]),
    pattern("associate-constants", _ASSOCIATIVE, _associate, reads=["constant"]),
]
