"""Integer divisions by constants, one after another.

Quotients round toward zero, and remainders have the sign of the dividend.
"""

from __future__ import annotations

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.dtypes import is_integer
from oxide.passes.canonicalize.matching import is_static, number, pattern, static_producer


def divisor_of(op: ir.Operation) -> int | None:
    """The integer constant an operation divides by; None where there is none, or it is 0."""
    divisor = number(op.operands[1])
    if divisor is None or not is_integer(divisor.dtype) or not is_static(op):
        return None
    return int(divisor) or None


def _quotient_of_quotient(op: ir.Operation) -> ir.Value | None:
    """(x / c) / d -> x / (c d) of integers, or 0 where c d is larger than all of them"""
    inner = static_producer(op.operands[0], "stablehlo.divide")
    outer = divisor_of(op)
    first = None if inner is None else divisor_of(inner)
    # The lowest integer divided by -1 is itself.
    if inner is None or outer is None or first in (None, -1):
        return None
    x, divisor = inner.operands[0], first * outer
    limits = np.iinfo(hlo.dtype(x))
    if abs(divisor) > max(limits.max, -limits.min):
        return hlo.full_like(x, 0)
    return hlo.divide(x, divisor) if limits.min <= divisor <= limits.max else None


def _remainder_of_remainder(op: ir.Operation) -> ir.Value | None:
    """(x % c) % d -> x % d where d divides c, and x % c where |c| <= |d|, of integers"""
    inner = static_producer(op.operands[0], "stablehlo.remainder")
    outer = divisor_of(op)
    first = None if inner is None else divisor_of(inner)
    if inner is None or outer is None or first is None:
        return None
    if abs(first) <= abs(outer):
        return inner.results[0]
    return hlo.remainder(inner.operands[0], outer) if first % outer == 0 else None


PATTERNS = [
    pattern("quotient-of-quotient", "divide", _quotient_of_quotient, reads=["divide"], integers=True),
    pattern("remainder-of-remainder", "remainder", _remainder_of_remainder, reads=["remainder"], integers=True),
]
