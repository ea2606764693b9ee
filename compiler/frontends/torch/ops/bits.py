"""Operations on the bits of integers and floats, and number theory of integers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ml_dtypes
import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import dtypes, hlo
from oxide.frontends.torch.ops.elementwise import wide
from oxide.frontends.torch.promotion import category, result_dtype
from oxide.frontends.torch.registry import Kind, Node, elementwise, lowering

Value = ir.Value
_INTEGERS = {2: np.int16, 4: np.int32, 8: np.int64}


def shift_left(x: Any, count: Any) -> Value:
    """0 where the count is negative or at least the width."""
    x, count = hlo.broadcast_operands(x, count)
    return hlo.select(_in_width(count), hlo.shift_left(x, count), 0)


def shift_right(x: Any, count: Any) -> Value:
    """Filled with the sign; a count that is negative or at least the width leaves only that."""
    x, count = hlo.broadcast_operands(x, count)
    if dtypes.is_unsigned(hlo.dtype(x)):
        return hlo.select(_in_width(count), hlo.shift_right_logical(x, count), 0)
    most = hlo.full_like(count, 8 * hlo.dtype(x).itemsize - 1)
    return hlo.shift_right_arithmetic(x, hlo.select(_in_width(count), count, most))


def _in_width(count: Value) -> Value:
    within = hlo.less(count, 8 * hlo.dtype(count).itemsize)
    return within if dtypes.is_unsigned(hlo.dtype(count)) else hlo.and_(within, hlo.greater_equal(count, 0))


for _suffix in ("Tensor", "Tensor_Scalar", "Scalar_Tensor"):
    elementwise(f"aten.bitwise_left_shift.{_suffix}", shift_left)
    elementwise(f"aten.bitwise_right_shift.{_suffix}", shift_right)
for _suffix in ("Tensor", "Scalar"):
    elementwise(f"aten.__lshift__.{_suffix}", shift_left)
    elementwise(f"aten.__rshift__.{_suffix}", shift_right)


def copysign(x: Any, y: Any) -> Value:
    """The magnitude of x with the sign bit of y, which zeros and NaNs have too."""
    x, y = hlo.broadcast_operands(x, y)
    sign = 1 << (8 * hlo.dtype(x).itemsize - 1)
    a, b = _bits(x), _bits(y)
    joined = hlo.or_(hlo.and_(a, sign - 1), hlo.and_(b, -sign))
    return hlo.bitcast_convert(joined, hlo.dtype(x))


def _bits(x: Value) -> Value:
    return hlo.bitcast_convert(x, _INTEGERS[hlo.dtype(x).itemsize])


elementwise("aten.copysign.Tensor", copysign, Kind.INT_TO_FLOAT)
elementwise("aten.copysign.Scalar", copysign, Kind.INT_TO_FLOAT)


def next_after(x: Any, y: Any) -> Value:
    """The neighbour of x on the way to y, by counting the bits up or down."""
    x, y = hlo.broadcast_operands(x, y)
    bits = _bits(x)
    away = hlo.equal(hlo.greater(y, x), hlo.greater(x, 0))  # the magnitude grows
    step = hlo.select(away, hlo.full_like(bits, 1), -1)
    moved = hlo.bitcast_convert(hlo.add(bits, step), hlo.dtype(x))
    least = hlo.bitcast_convert(hlo.full_like(bits, 1), hlo.dtype(x))
    moved = hlo.select(hlo.equal(x, 0), copysign(least, y), moved)
    moved = hlo.select(hlo.equal(x, y), y, moved)
    return hlo.select(hlo.is_nan(x), x, hlo.select(hlo.is_nan(y), y, moved))


elementwise("aten.nextafter.default", next_after)


def frexp(x: Value) -> tuple[Value, Value]:
    """Mantissas in [0.5, 1) with x's sign, and int32 exponents; zeros and what is not finite have the exponent 0.

    Done on the bits, so that denormal numbers count where the hardware flushes them.
    """
    format_ = ml_dtypes.finfo(hlo.dtype(x))
    width, fraction_bits = 8 * hlo.dtype(x).itemsize, int(format_.nmant)
    exponent_mask, half = (1 << (width - 1 - fraction_bits)) - 1, -int(format_.minexp)
    bits = _bits(x)
    sign = hlo.and_(bits, -(1 << (width - 1)))
    fraction = hlo.and_(bits, (1 << fraction_bits) - 1)
    stored = hlo.and_(hlo.shift_right_logical(bits, fraction_bits), exponent_mask)
    # A denormal number's first bit moves to where it is implied.
    denormal = hlo.and_(hlo.equal(stored, 0), hlo.not_equal(fraction, 0))
    shift = hlo.select(denormal, hlo.subtract(hlo.clz(fraction), width - fraction_bits - 1), 0)
    fraction = hlo.and_(hlo.shift_left(fraction, shift), (1 << fraction_bits) - 1)
    exponent = hlo.subtract(hlo.select(denormal, hlo.subtract(1, shift), stored), half)
    joined = hlo.or_(hlo.or_(sign, fraction), half << fraction_bits)
    mantissa = hlo.bitcast_convert(joined, hlo.dtype(x))
    ordinary = hlo.and_(hlo.not_equal(stored, exponent_mask), hlo.or_(denormal, hlo.not_equal(stored, 0)))
    return hlo.select(ordinary, mantissa, x), hlo.convert(hlo.select(ordinary, exponent, 0), np.int32)


@lowering("aten.frexp.Tensor", "prims.frexp.default")
def frexp_(node: Node, self: Value) -> list[Value]:
    return list(frexp(self))


def gcd(x: Value, y: Value) -> Value:
    """The greatest common divisor, by Euclid's algorithm on all elements until each has ended; not negative."""
    x, y = hlo.broadcast_operands(x, y)
    if not dtypes.is_unsigned(hlo.dtype(x)):
        x, y = hlo.abs(x), hlo.abs(y)

    def unfinished(a: Value, b: Value) -> Value:
        return hlo.reduce(hlo.not_equal(b, 0), "or")

    def step(a: Value, b: Value) -> list[Value]:
        ended = hlo.equal(b, 0)
        rest = hlo.remainder(a, hlo.select(ended, 1, b))
        return [hlo.select(ended, a, b), hlo.select(ended, 0, rest)]

    return hlo.while_(unfinished, step, [x, y])[0]


def lcm(x: Value, y: Value) -> Value:
    """The least common multiple, 0 where an operand is 0."""
    x, y = hlo.broadcast_operands(x, y)
    divisor = gcd(x, y)
    product = hlo.multiply(hlo.divide(x, hlo.select(hlo.equal(divisor, 0), 1, divisor)), y)
    return product if dtypes.is_unsigned(hlo.dtype(x)) else hlo.abs(product)


elementwise("aten.gcd.default", gcd)
elementwise("aten.lcm.default", lcm)


@lowering("aten.hash_tensor.default")
def hash_tensor(node: Node, self: Value, dim: Sequence[int] = (), keepdim: bool = False, mode: int = 0) -> Value:
    """The xor of all elements' bits as 64-bit numbers: integers extended, floats as float64."""
    if mode != 0:
        raise node.error(f"mode {mode} is not supported; 0 is xor")
    x = self
    if category(hlo.dtype(x)) == 2:
        bits = hlo.bitcast_convert(hlo.convert(x, np.float64), np.uint64)
    elif dtypes.is_unsigned(hlo.dtype(x)) or hlo.dtype(x) == np.bool_:
        bits = hlo.convert(x, np.uint64)
    else:
        bits = hlo.bitcast_convert(hlo.convert(x, np.int64), np.uint64)
    axes = [axis for axis in dim if hlo.rank(x)] or None  # a scalar has the dimension 0 too
    return hlo.reduce(bits, "xor", axes, keepdims=keepdim)


@lowering("aten.round.decimals")
def round_decimals(node: Node, self: Value, decimals: int) -> Value:
    """To even at a power of ten, which is multiplied or divided by as PyTorch's kernel does."""
    common, _ = result_dtype(Kind.DEFAULT, [self])
    if category(common) < 2:
        return self
    if decimals == 0:
        return hlo.round_half_even(self)
    scale = 10.0 ** abs(decimals)

    def rounded(x: Value) -> Value:
        if decimals < 0:
            return hlo.multiply(hlo.round_half_even(hlo.divide(x, scale)), scale)
        return hlo.divide(hlo.round_half_even(hlo.multiply(x, scale)), scale)

    return wide(rounded)(self)
