"""Converts, bit casts and complex parts; only what keeps every value."""

from __future__ import annotations

import ml_dtypes
import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import dtypes, hlo
from oxide.dialects.attributes import tensor
from oxide.passes.canonicalize.matching import again, pattern, producer


def _parts_of_complex(op: ir.Operation) -> ir.Value | None:
    """real(complex(x, y)) -> x, imag(complex(x, y)) -> y"""
    inner = producer(op.operands[0], "stablehlo.complex")
    return None if inner is None else inner.operands[0 if op.name == "stablehlo.real" else 1]


def _complex_of_parts(op: ir.Operation) -> ir.Value | None:
    """complex(real(z), imag(z)) -> z"""
    real, imag = producer(op.operands[0], "stablehlo.real"), producer(op.operands[1], "stablehlo.imag")
    if real is None or imag is None or real.operands[0] != imag.operands[0]:
        return None
    return real.operands[0]


def _identity_convert(op: ir.Operation) -> ir.Value | None:
    """convert(x) to x's own type -> x"""
    return op.operands[0] if op.operands[0].type == op.results[0].type else None


def _convert_of_widening(op: ir.Operation) -> ir.Value | None:
    """convert(convert(x, A -> B), B -> C) -> convert(x, A -> C) when B holds every value of A exactly"""
    inner = producer(op.operands[0], "stablehlo.convert")
    if inner is None:
        return None
    source, middle = (dtypes.to_numpy(tensor(v).element_type) for v in (inner.operands[0], op.operands[0]))
    if not holds(middle, source):
        return None
    if inner.operands[0].type == op.results[0].type:
        return inner.operands[0]
    return hlo.create(op.name, [inner.operands[0]], [op.results[0].type]).results[0]


def holds(wide: np.dtype, narrow: np.dtype) -> bool:
    """True when every value of `narrow` is a value of `wide` (standard types only)."""
    if narrow == ml_dtypes.bfloat16:
        return wide.kind == "f" and wide.itemsize >= 4
    if wide == ml_dtypes.bfloat16:
        return narrow in (np.bool_, np.int8, np.uint8)
    if wide.kind not in "iuf" or narrow.kind not in "biuf":
        return False
    # numpy calls 64-bit integers to float64 safe, which rounds.
    return np.can_cast(narrow, wide, "safe") and not (narrow.itemsize == 8 and narrow.kind != wide.kind)


def _identity_bitcast(op: ir.Operation) -> ir.Value | None:
    """bitcast_convert(x) to x's own type -> x"""
    return op.operands[0] if op.operands[0].type == op.results[0].type else None


def _bitcast_of_bitcast(op: ir.Operation) -> ir.Value | None:
    """bitcast_convert(bitcast_convert(x)) -> bitcast_convert(x) between elements of one width"""
    inner = producer(op.operands[0], op.name)
    if inner is None:
        return None
    types = [tensor(value) for value in (inner.operands[0], op.operands[0], op.results[0])]
    if len({(kind.rank, dtypes.to_numpy(kind.element_type).itemsize) for kind in types}) > 1:
        return None
    return again(op, [inner.operands[0]])


PATTERNS = [
    pattern("parts-of-complex", ["real", "imag"], _parts_of_complex),
    pattern("complex-of-parts", "complex", _complex_of_parts),
    pattern("identity-convert", "convert", _identity_convert),
    pattern("convert-of-widening", "convert", _convert_of_widening),
    pattern("identity-bitcast", "bitcast_convert", _identity_bitcast),
    pattern("bitcast-of-bitcast", "bitcast_convert", _bitcast_of_bitcast),
]
