"""Expensive arithmetic by a constant becomes cheap arithmetic with the same bits.

Integers are StableHLO's: sums and products wrap, quotients round toward zero, and a remainder has the sign of the
dividend.  The lowest integer divided by -1 is itself, as XLA and the reference interpreter have it.
"""

from __future__ import annotations

import ml_dtypes
import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.dtypes import is_float, is_integer
from oxide.dialects.rewrite import Pattern
from oxide.passes.canonicalize.divisions import divisor_of
from oxide.passes.canonicalize.matching import Declined, is_static, number, pattern
from oxide.passes.simplify import quotients

# More than this many products are not spelled out; 2**n needs n of them, 2**n - 1 almost twice as many.
_PRODUCTS = 6


def patterns(device: str, reassociate: bool) -> list[Pattern]:
    """The rules for a device; only those that need no option keep every bit."""
    return [
        pattern(
            "integer-quotient",
            "divide",
            lambda op: _integer_quotient(op, device),
            "x / 2^k -> x >> k of integers; 2^k - 1 is added to negative x first, and a negative divisor negates; "
            "x / d -> upper half of x * (2^n / d) on TPUs, which do not divide integers",
        ),
        pattern(
            "integer-remainder",
            "remainder",
            lambda op: _integer_remainder(op, device),
            "x % 2^k -> x & (2^k - 1) of unsigned integers; of signed ones "
            "x - ((x + (x < 0 ? 2^k - 1 : 0)) & -2^k); x % d -> x - (x / d) * d on TPUs",
        ),
        pattern("integer-power", "power", _integer_power),
        pattern(
            "float-power",
            "power",
            lambda op: _float_power(op, reassociate),
            "x ^ 2 -> x * x, x ^ -1 -> 1 / x, x ^ 0 -> 1 of floats; with `reassociate` x ^ n -> products of x, and "
            "x ^ -1/2 -> rsqrt(x), or 0 of -infinity",
        ),
        pattern("float-quotient", "divide", _float_quotient),
        pattern(
            "reciprocal-root",
            "divide",
            lambda op: _reciprocal_root(op, reassociate),
            "1 / sqrt(x) -> rsqrt(x), 1 / rsqrt(x) -> sqrt(x) with `reassociate`",
        ),
        *quotients.PATTERNS,
    ]


def _by_other(op: ir.Operation, divisor: int, device: str) -> ir.Value | Declined:
    """A quotient by no power of two.

    LLVM makes products of it for CPUs and GPUs, in vectors too: written here, XLA's CPU code takes 0.9 to 1.1 times
    as long at 8 to 32 bits.
    """
    if device != "tpu":
        return Declined(f"{divisor} is no power of two, and back ends multiply by its reciprocal themselves")
    x = op.operands[0]
    if not quotients.has_wider(hlo.dtype(x)):
        return Declined(f"{divisor} is no power of two, and no type has the bits of a product")
    return quotients.by_reciprocal(x, divisor)


def _is_power_of_two(divisor: int) -> bool:
    return abs(divisor) & (abs(divisor) - 1) == 0


def _divisor(op: ir.Operation) -> int | None:
    """The constant that integers are divided by, where another form may cost less.

    One division costs less than the operations in its place, and shape arithmetic of open modules is made of such.
    """
    divisor = divisor_of(op)
    return None if divisor in (None, 1) or hlo.size(op.results[0]) == 1 else divisor


def _integer_quotient(op: ir.Operation, device: str) -> ir.Value | Declined | None:
    divisor = _divisor(op)
    if divisor is None:
        return None
    if not _is_power_of_two(divisor):
        return _by_other(op, divisor, device)
    x, shift = op.operands[0], abs(divisor).bit_length() - 1
    if hlo.dtype(x).kind == "u":
        return hlo.shift_right_logical(x, shift)
    if divisor == _lowest(x):
        return hlo.convert(hlo.equal(x, divisor), hlo.dtype(x))
    quotient = hlo.shift_right_arithmetic(hlo.add(x, _excess(x, shift)), shift) if shift else x
    return hlo.negate(quotient) if divisor < 0 else quotient


def _integer_remainder(op: ir.Operation, device: str) -> ir.Value | Declined | None:
    divisor = _divisor(op)
    if divisor is None:
        return None
    if not _is_power_of_two(divisor):
        quotient = _by_other(op, divisor, device)
        if isinstance(quotient, Declined):
            return quotient
        return hlo.subtract(op.operands[0], hlo.multiply(quotient, divisor))
    x, size = op.operands[0], abs(divisor)
    if hlo.dtype(x).kind == "u":
        return hlo.and_(x, size - 1)
    if size == 1:
        return hlo.full_like(x, 0)
    if divisor == _lowest(x):
        return hlo.select(hlo.equal(x, divisor), hlo.full_like(x, 0), x)
    return hlo.subtract(x, hlo.and_(hlo.add(x, _excess(x, size.bit_length() - 1)), -size))


def _lowest(x: ir.Value) -> int:
    return int(hlo.lowest(hlo.dtype(x)))


def _excess(x: ir.Value, shift: int) -> ir.Value:
    """2^shift - 1 where x is negative, 0 elsewhere: its sign, shifted in from above."""
    bits = 8 * hlo.dtype(x).itemsize
    return hlo.shift_right_logical(hlo.shift_right_arithmetic(x, bits - 1), bits - shift)


def _integer_power(op: ir.Operation) -> ir.Value | Declined | None:
    """x ^ n -> products of x, of integers and small n >= 0"""
    exponent = number(op.operands[1])
    if exponent is None or not is_integer(exponent.dtype) or not is_static(op) or exponent == 1:
        return None
    n = int(exponent)
    if not _is_short(n):
        return Declined(f"{n} is not the exponent of a few products")
    return _product(op.operands[0], n)


def _is_short(n: int) -> bool:
    return n >= 0 and n.bit_length() + n.bit_count() - 2 <= _PRODUCTS


def _product(x: ir.Value, n: int) -> ir.Value:
    """x^n by squaring."""
    result, square = None, x
    while n:
        if n & 1:
            result = square if result is None else hlo.multiply(result, square)
        n >>= 1
        if n:
            square = hlo.multiply(square, square)
    return hlo.full_like(x, 1) if result is None else result


def _float_power(op: ir.Operation, reassociate: bool) -> ir.Value | Declined | None:
    """A power by few operations.

    One operation rounds once, so it is the power as IEEE 754 wants it; infinities, zeros and NaN agree too
    (IEEE 754-2019, 9.2.1: x^0 is 1 even of a NaN).  What rounds more than once agrees there as well: x + 0 has no
    negative zero, whose root would be negative, and a power of -infinity is that of infinity.
    """
    exponent = number(op.operands[1])
    if exponent is None or not is_float(exponent.dtype) or not is_static(op) or exponent == 1:
        return None
    x = op.operands[0]
    if exponent == 2:
        return hlo.multiply(x, x)
    if exponent == 0:
        return hlo.full_like(x, 1)
    if exponent == -1:
        return hlo.reciprocal(x)
    is_product = np.isfinite(exponent) and exponent == np.trunc(exponent) and _is_short(int(exponent))
    if not is_product and exponent != -0.5:
        return None
    if not reassociate:
        return Declined("several operations round more than once; it needs reassociate")
    if is_product:
        return _product(x, int(exponent))
    return hlo.select(hlo.equal(x, -np.inf), hlo.full_like(x, 0), hlo.rsqrt(hlo.add(x, 0)))


def _reciprocal_root(op: ir.Operation, reassociate: bool) -> ir.Value | Declined | None:
    inverses = {"stablehlo.sqrt": hlo.rsqrt, "stablehlo.rsqrt": hlo.sqrt}
    owner = op.operands[1].owner
    if isinstance(owner, ir.Block) or owner.operation.name not in inverses or number(op.operands[0]) != 1:
        return None
    if not reassociate:
        return Declined("its root is rounded twice; it needs reassociate")
    return inverses[owner.operation.name](owner.operation.operands[0])


def _float_quotient(op: ir.Operation) -> ir.Value | None:
    """x / 2^k -> x * 2^-k of floats, where both are normal"""
    divisor = number(op.operands[1])
    if divisor is None or not is_float(divisor.dtype) or not is_static(op) or divisor in (-1, 0, 1):
        return None
    # A number below the normal ones may be taken for 0 (XLA's CPU code does so).
    size, smallest = abs(float(divisor)), float(ml_dtypes.finfo(divisor.dtype).smallest_normal)
    if np.frexp(size)[0] != 0.5 or not smallest <= min(size, 1 / size):
        return None
    return hlo.multiply(op.operands[0], hlo.full_like(op.operands[1], 1 / float(divisor)))
