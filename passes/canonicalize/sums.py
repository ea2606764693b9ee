"""Sums, products and shifts of integers: constants meet, and what cancels goes.

Integers wrap, so sums and products may be regrouped at will; bools, whose sum is `or`, take no part.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.constants import constant_value
from oxide.dialects.fold import is_splat
from oxide.dialects.fold.elementwise import on_splats
from oxide.dialects.hlo.core import FOLD_ELEMENTS
from oxide.passes.canonicalize.matching import (
    built,
    computes_integers,
    defining,
    has_one_use,
    is_static,
    number,
    pattern,
    producer,
)

# sign * x + constant.
Affine = tuple[int, ir.Value, np.ndarray]
# Terms of a sum, each with its sign.
Terms = list[tuple[int, ir.Value]]


def affine(value: ir.Value) -> Affine | None:
    """A value of integers as sign * x + constant: x + c, x - c, c - x, -x, and ~x, which is -x - 1."""
    op = defining(value)
    if op is None or not computes_integers(value):
        return None
    if op.name in ("stablehlo.negate", "stablehlo.not"):
        return -1, op.operands[0], _everywhere(value, -1 if op.name == "stablehlo.not" else 0)
    if op.name not in ("stablehlo.add", "stablehlo.subtract"):
        return None
    left, right = op.operands
    added = small_constant(right)
    if added is not None:
        return 1, left, added if op.name == "stablehlo.add" else _negative(added)
    start = small_constant(left) if op.name == "stablehlo.subtract" else None
    return None if start is None else (-1, right, start)


def small_constant(value: ir.Value) -> np.ndarray | None:
    """The elements of a constant that is cheap to compute with."""
    array = constant_value(value)
    return array if array is not None and (is_splat(array) or array.size <= FOLD_ELEMENTS) else None


def _everywhere(like: ir.Value, element: int) -> np.ndarray:
    return np.broadcast_to(np.array(element).astype(hlo.dtype(like)), hlo.shape(like))


def combined(function: Callable[..., np.ndarray], *arrays: np.ndarray) -> np.ndarray:
    """An elementwise function of constants; splats give a splat."""
    with np.errstate(over="ignore"):
        result = on_splats(function, arrays)
    assert result is not None
    return result


def _negative(array: np.ndarray) -> np.ndarray:
    return combined(np.negative, array)


def _sum_with_constants(op: ir.Operation) -> ir.Value | None:
    """(x + c) - d -> x + (c - d), c - (d - x) -> x + (c - d), ~(x + c) -> (-c - 1) - x and the like, of integers"""
    if not computes_integers(op.results[0]) or not is_static(op):
        return None
    outer = affine(op.results[0])
    inner = None if outer is None else affine(outer[1])
    if outer is None or inner is None:
        return None
    (sign, _, shift), (inner_sign, x, start) = outer, inner
    constant = combined(np.add, start if sign > 0 else _negative(start), shift)
    if sign * inner_sign > 0:
        return built("add", op.results[0], x, hlo.constant(constant))
    return built("subtract", op.results[0], hlo.constant(constant), x)


def _minus_one_minus(op: ir.Operation) -> ir.Value | None:
    """-1 - x -> ~x of integers"""
    if not computes_integers(op.results[0]):
        return None
    start = number(op.operands[0])
    return built("not", op.results[0], op.operands[1]) if start is not None and np.invert(start) == 0 else None


def _terms(value: ir.Value) -> Terms:
    op = defining(value)
    if op is None or op.name not in ("stablehlo.add", "stablehlo.subtract", "stablehlo.negate"):
        return [(1, value)]
    if op.name == "stablehlo.negate":
        return [(-1, op.operands[0])]
    return [(1, op.operands[0]), (1 if op.name == "stablehlo.add" else -1, op.operands[1])]


def _cancelled_sum(op: ir.Operation) -> ir.Value | None:
    """(x + y) - y -> x, (x + y) - (x + z) -> y - z, x - (x + y) -> -y and the like, of integers"""
    if not computes_integers(op.results[0]) or not is_static(op):
        return None
    flip = 1 if op.name == "stablehlo.add" else -1
    left, right = (_terms(value) for value in op.operands)
    rest = list(left)
    for sign, value in right:
        if (-sign * flip, value) in rest:
            rest.remove((-sign * flip, value))
        else:
            rest.append((sign * flip, value))
    if len(rest) == len(left) + len(right):
        return None
    return _sum(op, rest)


def _sum(op: ir.Operation, terms: Terms) -> ir.Value | None:
    """At most two terms in one operation, or None where that takes more."""
    if not terms:
        return hlo.full_like(op.results[0], 0)
    if len(terms) == 1:
        sign, value = terms[0]
        return value if sign > 0 else built("negate", op.results[0], value)
    (sign, x), (second, y) = sorted(terms[:2], key=lambda term: -term[0])
    if len(terms) > 2 or sign < 0:
        return None
    return built("add" if second > 0 else "subtract", op.results[0], x, y)


def _negated_difference(op: ir.Operation) -> ir.Value | None:
    """-(x - y) -> y - x of integers"""
    inner = producer(op.operands[0], "stablehlo.subtract")
    if inner is None or not computes_integers(op.results[0]):
        return None
    return built("subtract", op.results[0], inner.operands[1], inner.operands[0])


def _common_factor(op: ir.Operation) -> ir.Value | None:
    """x * y + x * z -> x * (y + z), x * c + x -> x * (c + 1), and so for differences, of integers"""
    if not computes_integers(op.results[0]) or not is_static(op):
        return None
    left, right = (_factors(value) for value in op.operands)
    if len(left) == len(right) == 1:
        return None
    for place, factor in enumerate(left):
        if factor not in right:
            continue
        others = [left[1 - place]] if len(left) > 1 else []
        others += [right[1 - right.index(factor)]] if len(right) > 1 else []
        # x * y + x saves nothing as x * (y + 1), unless y + 1 is a constant.
        if len(others) == 1 and small_constant(others[0]) is None:
            continue
        first = others[0] if len(left) > 1 else hlo.full_like(factor, 1)
        second = others[-1] if len(right) > 1 else hlo.full_like(factor, 1)
        total = (hlo.add if op.name == "stablehlo.add" else hlo.subtract)(first, second)
        return built("multiply", op.results[0], factor, total)
    return None


def _factors(value: ir.Value) -> list[ir.Value]:
    """Both factors of a product without other uses, or the value itself."""
    product = producer(value, "stablehlo.multiply")
    return list(product.operands) if product is not None and has_one_use(value) else [value]


def _amounts(*ops: ir.Operation) -> list[int]:
    """By how many bits operations shift, of those that shift by one constant; by the width where it is more."""
    amounts = [number(op.operands[1]) for op in ops]
    width = 8 * hlo.dtype(ops[0].results[0]).itemsize
    return [int(amount) if 0 <= int(amount) < width else width for amount in amounts if amount is not None]


def _shift_of_shift(op: ir.Operation) -> ir.Value | None:
    """(x << c) << d -> x << (c + d), and so for right shifts"""
    inner = producer(op.operands[0], op.name)
    amounts = [] if inner is None or not computes_integers(op.results[0]) else _amounts(inner, op)
    if inner is None or len(amounts) < 2 or not is_static(op):
        return None
    # A sum that an 8-bit type does not hold is over its width anyway.
    width = 8 * hlo.dtype(op.results[0]).itemsize
    return built(
        _short(op), op.results[0], inner.operands[0], hlo.full_like(op.operands[1], min(sum(amounts), width))
    )


def _shift_out(op: ir.Operation) -> ir.Value | None:
    """x << c -> 0 and x >> c -> 0 (or the sign of x) for c of at least the width of x; 0 << x -> 0"""
    if not computes_integers(op.results[0]) or not is_static(op):
        return None
    width = 8 * hlo.dtype(op.results[0]).itemsize
    zero = number(op.operands[0])
    if zero is not None and zero == 0:
        return op.operands[0]
    amount = number(op.operands[1])
    if amount is None or 0 <= int(amount) < width:
        return None
    if op.name != "stablehlo.shift_right_arithmetic":
        return hlo.full_like(op.results[0], 0)
    return built(_short(op), op.results[0], op.operands[0], hlo.full_like(op.operands[1], width - 1))


_BACK = {
    "stablehlo.shift_left": ("stablehlo.shift_right_logical", "stablehlo.shift_right_arithmetic"),
    "stablehlo.shift_right_logical": ("stablehlo.shift_left",),
}


def _shift_and_back(op: ir.Operation) -> ir.Value | None:
    """(x << c) >> c -> x & mask of logical shifts, (x >> c) << c -> x & mask"""
    inner = defining(op.operands[0])
    if (
        inner is None
        or inner.name not in _BACK[op.name]
        or not computes_integers(op.results[0])
        or not is_static(op)
    ):
        return None
    amounts, width = _amounts(inner, op), 8 * hlo.dtype(op.results[0]).itemsize
    if len(set(amounts)) != 1 or len(amounts) < 2 or amounts[0] == width:
        return None
    ones = (1 << width) - 1
    mask = ones >> amounts[0] if op.name != "stablehlo.shift_left" else ones & (ones << amounts[0])
    return built("and", op.results[0], inner.operands[0], hlo.full_like(op.results[0], mask))


def _short(op: ir.Operation) -> str:
    return op.name.removeprefix("stablehlo.")


_SHIFTS = ["shift_left", "shift_right_arithmetic", "shift_right_logical"]

PATTERNS = [
    pattern(
        "sum-with-constants",
        ["add", "subtract", "negate", "not"],
        _sum_with_constants,
        reads=["add", "subtract", "negate", "not"],
        integers=True,
    ),
    pattern("minus-one-minus", "subtract", _minus_one_minus, reads=["constant"], integers=True),
    pattern(
        "cancelled-sum", ["add", "subtract"], _cancelled_sum, reads=["add", "subtract", "negate"], integers=True
    ),
    pattern("negated-difference", "negate", _negated_difference, reads=["subtract"], integers=True),
    pattern("common-factor", ["add", "subtract"], _common_factor, reads=["multiply"], integers=True),
    pattern("shift-of-shift", _SHIFTS, _shift_of_shift, reads=["constant"]),
    pattern("shift-out", _SHIFTS, _shift_out, reads=["constant"]),
    pattern("shift-and-back", ["shift_left", "shift_right_logical"], _shift_and_back, reads=["constant"]),
]
