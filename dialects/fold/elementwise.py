"""Folding of elementwise StableHLO operations: each row evaluates one operation on arrays of one shape.

A function gets the operation's arrays and answers an array, or None where StableHLO leaves the value to the
implementation (division by zero, a float outside the integer's range) or numpy would round differently.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import ml_dtypes
import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import dtypes
from oxide.dialects.attributes import keyword, tensor

Function = Callable[..., np.ndarray | None]
Rule = Callable[[ir.Operation, Sequence[np.ndarray]], np.ndarray | None]

_HALF = frozenset({np.dtype(np.float16), np.dtype(ml_dtypes.bfloat16)})
# The types numpy computes with exactly as StableHLO says; floats of 8 bits and less only move.
COMPUTED = _HALF | {
    np.dtype(spelling)
    for spelling in ("?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f4", "f8", "c8", "c16")
}
# Integers of 2 and 4 bits are computed in bytes, whose low bits are theirs.
_NARROW = {
    np.dtype(narrow): np.dtype(wide)
    for narrow, wide in (("int2", "i1"), ("int4", "i1"), ("uint2", "u1"), ("uint4", "u1"))
}
_FLOAT32_EXACT_INTEGER = 2**24


def is_splat(array: np.ndarray) -> bool:
    """True for a single element, and for the zero-stride views that stand for splat constants."""
    return array.size == 1 or (array.size > 1 and not any(array.strides))


def _is_integer(array: np.ndarray) -> bool:
    return array.dtype.kind in "iu"


def _is_real(array: np.ndarray) -> bool:
    return array.dtype.kind == "f" or array.dtype == ml_dtypes.bfloat16


def on_splats(function: Function, operands: Sequence[np.ndarray]) -> np.ndarray | None:
    """Apply an elementwise function; operands that are all splats give a splat at the cost of one element."""
    largest = max(operands, key=lambda array: array.ndim)
    if largest.size > 1 and all(map(is_splat, operands)):
        # One element, not a scalar: numpy's scalar arithmetic wraps and warns differently.
        result = function(*(array[(0,) * array.ndim].reshape(1) for array in operands))
        return None if result is None else np.broadcast_to(result.reshape(()), largest.shape)
    return function(*operands)


def widened(array: np.ndarray) -> np.ndarray:
    """The array in bytes, if it has integers of fewer bits."""
    wide = _NARROW.get(array.dtype)
    return array if wide is None else array.astype(wide)


def _rule(function: Function) -> Rule:
    def fold(op: ir.Operation, operands: Sequence[np.ndarray]) -> np.ndarray | None:
        if any(array.dtype not in COMPUTED for array in operands):
            return None
        return on_splats(function, operands)

    return fold


def _narrow_rule(function: Function) -> Rule:
    """The rule of a function whose low bits depend on the low bits of integers alone."""
    rule = _rule(function)

    def fold(op: ir.Operation, operands: Sequence[np.ndarray]) -> np.ndarray | None:
        narrow = operands[0].dtype
        if narrow not in _NARROW or any(array.dtype != narrow for array in operands):
            return rule(op, operands)
        return on_splats(lambda *arrays: _narrowed(function(*map(widened, arrays)), narrow), operands)

    return fold


def _narrowed(array: np.ndarray | None, narrow: np.dtype) -> np.ndarray | None:
    return None if array is None else array.astype(narrow)


def _reals(function: Callable[..., np.ndarray]) -> Function:
    """A function of real floats, evaluated in float32 for the 16-bit formats and rounded once."""

    def evaluate(*operands: np.ndarray) -> np.ndarray | None:
        dtype = operands[0].dtype
        if not _is_real(operands[0]):
            return None
        if dtype in _HALF:
            return function(*(array.astype(np.float32) for array in operands)).astype(dtype)
        return function(*operands)

    return evaluate


def _numbers(function: Callable[..., np.ndarray]) -> Function:
    """A function of every type but bool."""
    return lambda *operands: None if operands[0].dtype == np.bool_ else function(*operands)


def _divide(x: np.ndarray, y: np.ndarray) -> np.ndarray | None:
    if not _is_integer(x):
        return None if x.dtype.kind in "bc" else x / y
    if _has_undefined_quotient(x, y):
        return None
    # fmod has the sign of the dividend, so the difference is a multiple of y and floor division is exact.
    return (x - np.fmod(x, y)) // y


def _remainder(x: np.ndarray, y: np.ndarray) -> np.ndarray | None:
    if x.dtype.kind in "bc" or (_is_integer(x) and _has_undefined_quotient(x, y)):
        return None
    return np.fmod(x, y)


def _has_undefined_quotient(x: np.ndarray, y: np.ndarray) -> bool:
    overflows = x.dtype.kind == "i" and bool(np.any((x == np.iinfo(x.dtype).min) & (y == -1)))
    return overflows or not np.all(y)


def _power(x: np.ndarray, y: np.ndarray) -> np.ndarray | None:
    if _is_integer(x):
        return None if np.any(y < 0) else np.power(x, y)
    return _reals(np.power)(x, y)


def _maximum(x: np.ndarray, y: np.ndarray) -> np.ndarray | None:
    if x.dtype.kind == "c":
        return None
    # IEEE 754 maximum orders -0 below +0, numpy calls them equal; their sum is the larger one.
    return np.where((x == 0) & (y == 0), x + y, np.maximum(x, y)) if _is_real(x) else np.maximum(x, y)


def _minimum(x: np.ndarray, y: np.ndarray) -> np.ndarray | None:
    if x.dtype.kind == "c":
        return None
    return np.where((x == 0) & (y == 0), -(-x - y), np.minimum(x, y)) if _is_real(x) else np.minimum(x, y)


def _clamp(low: np.ndarray, x: np.ndarray, high: np.ndarray) -> np.ndarray | None:
    raised = _maximum(x, low)
    return None if raised is None else _minimum(raised, high)


def _absolute(x: np.ndarray) -> np.ndarray | None:
    return None if x.dtype == np.bool_ else np.abs(x)


def _sign(x: np.ndarray) -> np.ndarray | None:
    if _is_integer(x):
        return np.sign(x)
    # Zeros keep their sign and NaN stays, which np.sign does not promise.
    return np.where((x == 0) | (x != x), x, np.copysign(np.ones_like(x), x)) if _is_real(x) else None


def _round_away(x: np.ndarray) -> np.ndarray:
    whole = np.trunc(x)
    step = np.copysign((np.abs(x - whole) >= 0.5).astype(x.dtype), x)
    # An infinity minus itself is NaN, which is not >= 0.5, so infinities pass through.
    return np.where(np.isnan(x), x, np.copysign(whole + step, x))


def _bits(array: np.ndarray) -> int:
    return array.dtype.itemsize * 8


def _unsigned(array: np.ndarray) -> np.ndarray:
    return array.view(np.dtype(f"u{array.dtype.itemsize}"))


def _shift(x: np.ndarray, amount: np.ndarray, shift: Callable[..., np.ndarray]) -> np.ndarray | None:
    """Shift amounts are unsigned; `shift` sees them below the width, and wider ones shift everything out."""
    if not _is_integer(x):
        return None
    amounts = _unsigned(amount)
    inside = np.minimum(amounts, _bits(x) - 1).astype(x.dtype)
    return np.where(amounts < _bits(x), shift(x, inside), shift(shift(x, x.dtype.type(_bits(x) - 1)), 1))


def _shift_right_logical(x: np.ndarray, amount: np.ndarray) -> np.ndarray | None:
    if not _is_integer(x):
        return None
    bits = _unsigned(x)
    shifted = _shift(bits, _unsigned(amount), np.right_shift)
    return None if shifted is None else shifted.view(x.dtype)


def _count_leading_zeros(x: np.ndarray) -> np.ndarray | None:
    if not _is_integer(x):
        return None
    bits = _unsigned(x)
    zeros = np.zeros_like(x)
    for place in range(_bits(x)):
        zeros += (bits >> bits.dtype.type(place) == 0).astype(x.dtype)
    return zeros


def _integers_or_bools(function: Callable[..., np.ndarray]) -> Function:
    return lambda *operands: function(*operands) if operands[0].dtype.kind in "biu" else None


def _select(op: ir.Operation, operands: Sequence[np.ndarray]) -> np.ndarray | None:
    return on_splats(lambda predicate, x, y: np.where(predicate, x, y), operands)


COMPARISONS: dict[str, Callable[..., np.ndarray]] = {
    "EQ": np.equal,
    "NE": np.not_equal,
    "LT": np.less,
    "LE": np.less_equal,
    "GT": np.greater,
    "GE": np.greater_equal,
}


def _compare(op: ir.Operation, operands: Sequence[np.ndarray]) -> np.ndarray | None:
    direction = keyword(op, "comparison_direction")
    total = "compare_type" in op.attributes and keyword(op, "compare_type") == "TOTALORDER"
    ordered = direction not in ("EQ", "NE")
    if (ordered and operands[0].dtype.kind == "c") or (total and operands[0].dtype not in COMPUTED):
        return None
    if total and _is_real(operands[0]):
        return on_splats(lambda x, y: COMPARISONS[direction](_total_order(x), _total_order(y)), operands)
    return on_splats(COMPARISONS[direction], operands)


def _total_order(x: np.ndarray) -> np.ndarray:
    """Signed integers in IEEE 754's total order of floats: -NaN, -inf, ..., -0, +0, ..., inf, NaN."""
    # ascontiguousarray gives a scalar a dimension.
    bits = np.ascontiguousarray(x).view(np.dtype(f"i{x.dtype.itemsize}")).reshape(x.shape)
    return np.where(bits < 0, bits ^ np.iinfo(bits.dtype).max, bits)


def _convert(op: ir.Operation, operands: Sequence[np.ndarray]) -> np.ndarray | None:
    target = dtypes.to_numpy(tensor(op.results[0]).element_type)
    return on_splats(lambda x: convert(x, target), operands)


def convert(x: np.ndarray, target: np.dtype) -> np.ndarray | None:
    """stablehlo.convert of an array, or None where implementations differ or numpy would round twice."""
    source = x.dtype
    if source == target:
        return x
    if target == np.bool_:
        return x.astype(np.float32) != 0 if source not in COMPUTED else x != 0
    if source.kind == "c" and target.kind != "c":
        return convert(np.real(x), target)
    if source in COMPUTED and target in COMPUTED:
        if _is_real(x) and target.kind in "iu":
            return _truncate(x, target)
        if target in _HALF and not _fits_float32(x):
            return None
        return x.astype(target)
    # Widening from a small type is exact; narrowing to one is left to the target machine.
    return x.astype(target) if target.itemsize >= 4 and target.kind in "fi" else None


def _truncate(x: np.ndarray, target: np.dtype) -> np.ndarray | None:
    limits = np.iinfo(target)
    wide = np.trunc(x.astype(np.float64))
    # 2**63 and 2**64 are floats but no integers of the type, hence the strict upper bound.
    inside = (wide >= float(limits.min)) & (wide < float(int(limits.max) + 1))
    return wide.astype(target) if np.all(inside) else None


def _fits_float32(x: np.ndarray) -> bool:
    """numpy and ml_dtypes reach the 16-bit floats through float32, which must then be exact."""
    if _is_integer(x):
        return bool(np.all((x <= _FLOAT32_EXACT_INTEGER) & (x >= -_FLOAT32_EXACT_INTEGER)))
    if x.dtype == np.float64:
        return bool(np.all((x.astype(np.float32) == x) | np.isnan(x)))
    return True


def _complex(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    result = np.empty(x.shape, np.complex64 if x.dtype == np.float32 else np.complex128)
    result.real, result.imag = x, y
    return result


def _logistic(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


_FUNCTIONS: dict[str, Function] = {
    "abs": _absolute,
    "add": np.add,
    "and": _integers_or_bools(np.bitwise_and),
    "atan2": _reals(np.arctan2),
    "cbrt": _reals(np.cbrt),
    "ceil": _reals(np.ceil),
    "clamp": _clamp,
    "complex": _complex,
    "cosine": _reals(np.cos),
    "count_leading_zeros": _count_leading_zeros,
    "divide": _divide,
    "exponential": _reals(np.exp),
    "exponential_minus_one": _reals(np.expm1),
    "floor": _reals(np.floor),
    "imag": lambda x: x.imag if x.dtype.kind == "c" else np.zeros_like(x),
    "is_finite": np.isfinite,
    "log": _reals(np.log),
    "log_plus_one": _reals(np.log1p),
    "logistic": _reals(_logistic),
    "maximum": _maximum,
    "minimum": _minimum,
    "multiply": lambda x, y: None if x.dtype.kind == "c" else np.multiply(x, y),
    "negate": _numbers(np.negative),
    "not": _integers_or_bools(np.invert),
    "or": _integers_or_bools(np.bitwise_or),
    "popcnt": lambda x: np.bitwise_count(_unsigned(x)).astype(x.dtype),
    "power": _power,
    "real": lambda x: x.real,
    "remainder": _remainder,
    "round_nearest_afz": _reals(_round_away),
    "round_nearest_even": _reals(np.rint),
    "rsqrt": _reals(lambda x: 1 / np.sqrt(x)),
    "shift_left": lambda x, amount: _shift(x, amount, np.left_shift),
    "shift_right_arithmetic": lambda x, amount: _shift(x, amount, np.right_shift) if x.dtype.kind == "i" else None,
    "shift_right_logical": _shift_right_logical,
    "sign": _sign,
    "sine": _reals(np.sin),
    "sqrt": _reals(np.sqrt),
    "subtract": _numbers(np.subtract),
    "tan": _reals(np.tan),
    "tanh": _reals(np.tanh),
    "xor": _integers_or_bools(np.bitwise_xor),
}

# Of the others a byte shows more: the number of its bits, or an overflow that StableHLO leaves open.
_IN_BYTES = {
    "abs", "add", "and", "clamp", "maximum", "minimum", "multiply", "negate", "not", "or", "shift_left",
    "shift_right_arithmetic", "sign", "subtract", "xor",
}  # fmt: skip

RULES: dict[str, Rule] = {
    f"stablehlo.{name}": (_narrow_rule if name in _IN_BYTES else _rule)(function)
    for name, function in _FUNCTIONS.items()
} | {
    "stablehlo.compare": _compare,
    "stablehlo.convert": _convert,
    "stablehlo.select": _select,
}
