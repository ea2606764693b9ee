"""Integer quotients by other constants than powers of two, and quotients that several operations share.

Quotients round toward zero and remainders have the sign of the dividend, so that x = (x / y) y + x % y for all x.
"""

from __future__ import annotations

from itertools import islice

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.rewrite import Rewriter
from oxide.passes.canonicalize.matching import is_discrete, raw_pattern

# More operations than this that read a dividend are not looked through for its quotient.
_USERS = 32


def has_wider(dtype: np.dtype) -> bool:
    """True of integers that have a type of twice their bits."""
    return dtype.itemsize < 8


def by_reciprocal(x: ir.Value, divisor: int) -> ir.Value:
    """x / divisor, no power of two, by the upper half of a product (Granlund and Montgomery, 1994, 4.1 and 5.2)."""
    dtype, size = hlo.dtype(x), abs(divisor)
    bits, log = 8 * dtype.itemsize, (size - 1).bit_length()
    wide = hlo.convert(x, np.dtype(f"{'u' if dtype.kind == 'u' else ''}int{2 * bits}"))
    if dtype.kind == "u":
        factor = ((1 << log) - size << bits) // size + 1
        upper = hlo.convert(hlo.shift_right_logical(hlo.multiply(wide, factor), bits), dtype)
        half = hlo.shift_right_logical(hlo.subtract(x, upper), 1)
        return hlo.shift_right_logical(hlo.add(upper, half), log - 1)
    factor = (1 << bits + log - 1) // size + 1
    product = hlo.shift_right_arithmetic(hlo.multiply(wide, factor), bits + log - 1)
    quotient = hlo.subtract(hlo.convert(product, dtype), hlo.shift_right_arithmetic(x, bits - 1))
    return hlo.negate(quotient) if divisor < 0 else quotient


def _shared_quotient(op: ir.Operation, rewriter: Rewriter) -> bool:
    """x % y -> x - (x / y) * y of integers, where x / y is computed too"""
    x, y = op.operands
    if not is_discrete(x):
        return False
    for use in islice(x.uses, _USERS):
        user = use.owner.operation
        if user.name == "stablehlo.divide" and list(user.operands) == [x, y] and user.block == op.block:
            if not user.is_before_in_block(op):
                user.move_before(op)
            rewriter.replace(op, hlo.subtract(x, hlo.multiply(user.results[0], y)))
            return True
    return False


PATTERNS = [raw_pattern("shared-quotient", "remainder", _shared_quotient)]
