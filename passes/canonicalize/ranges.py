"""Between which numbers integers lie, and what that decides.

A bound follows from the operations that define a value: counts start at 0, a clamp holds its bounds, a widened type
keeps the limits of the narrow one.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.attributes import integer, keyword
from oxide.passes.canonicalize.matching import (
    computes_integers,
    defining,
    is_static,
    pattern,
    shape_of,
)
from oxide.passes.canonicalize.sums import small_constant

Range = tuple[int, int]
# Definitions further away than this are not looked at, nor are the operands of a concatenate of more.
_DEEPEST = 6
_WIDEST = 8

# Operations that place elements of their first operand and compute nothing.
_MOVES = {
    f"stablehlo.{name}"
    for name in (
        "broadcast_in_dim", "dynamic_slice", "gather", "reshape", "reverse", "slice", "transpose",
    )
}  # fmt: skip


def limits(value: ir.Value) -> Range:
    """The lowest and the highest number of a value's type, of integers or bools."""
    dtype = hlo.dtype(value)
    if dtype == np.bool_:
        return 0, 1
    return int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)


def integer_range(value: ir.Value, depth: int = _DEEPEST) -> Range:
    """Numbers that no element of a value of integers or bools lies below or above."""
    lowest, highest = limits(value)
    op = defining(value)
    low, high = (lowest, highest) if op is None or not depth else _defined(op, depth - 1) or (lowest, highest)
    # What leaves the type wraps around.
    return (low, high) if lowest <= low and high <= highest else (lowest, highest)


def _defined(op: ir.Operation, depth: int) -> Range | None:
    """The range of an operation's result, as if integers were unbounded; None where nothing is known."""
    if op.name == "stablehlo.constant":
        array = small_constant(op.results[0])
        # One element stands for all of a splat.
        return None if array is None or array.size == 0 else (int(array.min()), int(array.max()))
    if op.name == "stablehlo.iota":
        size = shape_of(op.results[0])[integer(op, "iota_dimension")]
        return 0, max(size - 1, 0)
    if op.name in ("stablehlo.popcnt", "stablehlo.count_leading_zeros"):
        return 0, 8 * hlo.dtype(op.results[0]).itemsize
    if op.name == "stablehlo.get_dimension_size":
        return 0, int(np.iinfo(np.int32).max)
    rule = _RULES.get(op.name)
    if rule is None and op.name not in _MOVES:
        return None
    operands = list(op.operands)[1 if op.name == "stablehlo.select" else 0 :]
    if op.name in _MOVES:
        operands = operands[:1]
    elif len(operands) > _WIDEST:
        return None
    if not all(computes_integers(x) or hlo.dtype(x) == np.bool_ for x in operands):
        return None
    ranges = [integer_range(x, depth) for x in operands]
    return ranges[0] if rule is None else rule(*ranges)


def _hull(*ranges: Range) -> Range:
    return min(low for low, _ in ranges), max(high for _, high in ranges)


def _corners(function: Callable[[int, int], int], x: Range, y: Range) -> Range:
    """The range of a function that is monotonic in each of its arguments."""
    values = [function(a, b) for a in x for b in y]
    return min(values), max(values)


def _maximum(x: Range, y: Range) -> Range:
    return max(x[0], y[0]), max(x[1], y[1])


def _minimum(x: Range, y: Range) -> Range:
    return min(x[0], y[0]), min(x[1], y[1])


def _and(x: Range, y: Range) -> Range | None:
    bounds = [high for low, high in (x, y) if low >= 0]
    return (0, min(bounds)) if bounds else None


def _remainder(x: Range, y: Range) -> Range | None:
    if y[0] < 1:
        return None
    return (0 if x[0] >= 0 else max(x[0], 1 - y[1])), (0 if x[1] <= 0 else min(x[1], y[1] - 1))


def _divide(x: Range, y: Range) -> Range | None:
    return (x[0] // y[1], x[1] // y[0]) if x[0] >= 0 and y[0] >= 1 else None


def _abs(x: Range) -> Range:
    return (0 if x[0] <= 0 <= x[1] else min(map(abs, x))), max(map(abs, x))


_RULES: dict[str, Callable[..., Range | None]] = {
    "stablehlo.abs": _abs,
    "stablehlo.add": lambda x, y: (x[0] + y[0], x[1] + y[1]),
    "stablehlo.and": _and,
    "stablehlo.clamp": lambda low, x, high: _minimum(_maximum(x, low), high),
    "stablehlo.concatenate": _hull,
    "stablehlo.convert": lambda x: x,
    "stablehlo.divide": _divide,
    "stablehlo.maximum": _maximum,
    "stablehlo.minimum": _minimum,
    "stablehlo.multiply": lambda x, y: _corners(lambda a, b: a * b, x, y),
    "stablehlo.negate": lambda x: (-x[1], -x[0]),
    "stablehlo.pad": _hull,
    "stablehlo.remainder": _remainder,
    "stablehlo.select": _hull,
    "stablehlo.subtract": lambda x, y: (x[0] - y[1], x[1] - y[0]),
}


def _compare(op: ir.Operation) -> ir.Value | None:
    """compare(x, y) -> constant of integers that the ranges of x and y decide"""
    if not computes_integers(op.operands[0]) or not is_static(op):
        return None
    (low, high), (low2, high2) = map(integer_range, op.operands)
    direction = keyword(op, "comparison_direction")
    less, less_equal = _decided(high < low2, low >= high2), _decided(high <= low2, low > high2)
    answers = {
        "LT": less,
        "GE": None if less is None else not less,
        "LE": less_equal,
        "GT": None if less_equal is None else not less_equal,
        "EQ": False if high < low2 or low > high2 else None,
        "NE": True if high < low2 or low > high2 else None,
    }
    answer = answers[direction]
    return None if answer is None else hlo.full_like(op.results[0], answer)


def _decided(always: bool, never: bool) -> bool | None:
    return True if always else (False if never else None)


def _kept_operand(op: ir.Operation) -> ir.Value | None:
    """max(x, y) -> x, min(x, y) -> x, clamp(a, x, b) -> x, |x| -> x, x % y -> x, x & mask -> x of integers whose
    ranges say so"""
    place = 1 if op.name == "stablehlo.clamp" else 0
    if not computes_integers(op.results[0]) or not is_static(op):
        return None
    ranges = list(map(integer_range, op.operands))
    for kept in (place, 1 - place) if op.name in _EITHER else (place,):
        others = [bounds for number, bounds in enumerate(ranges) if number != kept]
        if _KEEPS[op.name](ranges[kept], *others) and op.operands[kept].type == op.results[0].type:
            return op.operands[kept]
    return None


_EITHER = {"stablehlo.maximum", "stablehlo.minimum", "stablehlo.and"}
# Whether an operand of the first range is the result, whatever the others are.
_KEEPS: dict[str, Callable[..., bool]] = {
    "stablehlo.abs": lambda x: x[0] >= 0,
    # Of equal bounds that are one less than a power of two, all bits below are kept.
    "stablehlo.and": lambda x, y: y[0] == y[1] and not y[1] & (y[1] + 1) and x[0] >= 0 and x[1] <= y[1],
    "stablehlo.clamp": lambda x, low, high: low[1] <= x[0] and x[1] <= high[0],
    "stablehlo.maximum": lambda x, y: x[0] >= y[1],
    "stablehlo.minimum": lambda x, y: x[1] <= y[0],
    "stablehlo.remainder": lambda x, y: x[0] >= 0 and x[1] < y[0],
}

PATTERNS = [
    pattern("compare-by-range", "compare", _compare, integers=True),
    pattern("operand-by-range", [name.removeprefix("stablehlo.") for name in _KEEPS], _kept_operand, integers=True),
]
