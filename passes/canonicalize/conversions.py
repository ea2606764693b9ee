"""Converts, bit casts and complex parts; only what keeps every value."""

from __future__ import annotations

import ml_dtypes
import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import dtypes, hlo
from oxide.dialects.attributes import integer, tensor
from oxide.passes.canonicalize.matching import (
    again,
    built,
    has_one_use,
    is_complex,
    is_real_float,
    is_static,
    pattern,
    producer,
)


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


def _truncation_of_truncation(op: ir.Operation) -> ir.Value | None:
    """convert(convert(x, A -> B), B -> C) -> convert(x, A -> C) of ever shorter integers of one sign"""
    inner = producer(op.operands[0], "stablehlo.convert")
    if inner is None:
        return None
    kinds = [dtypes.to_numpy(tensor(v).element_type) for v in (inner.operands[0], op.operands[0], op.results[0])]
    if not all(map(dtypes.is_integer, kinds)) or len(set(map(dtypes.is_unsigned, kinds))) > 1:
        return None
    limits = [int(ml_dtypes.iinfo(kind).max) for kind in kinds]
    return again(op, [inner.operands[0]]) if limits == sorted(limits, reverse=True) else None


def _product_of_bools(op: ir.Operation) -> ir.Value | None:
    """convert(p) * convert(q) -> convert(p & q) of bools, where neither convert has another use"""
    converts = [producer(value, "stablehlo.convert") for value in op.operands]
    bools = [each.operands[0] for each in converts if each is not None and hlo.dtype(each.operands[0]) == np.bool_]
    if len(bools) < 2 or hlo.dtype(op.results[0]) == np.bool_ or not all(map(has_one_use, op.operands)):
        return None
    both = hlo.create("stablehlo.and", bools, [bools[0].type]).results[0]
    return built("convert", op.results[0], both)


def _full_precision(op: ir.Operation) -> ir.Value | None:
    """reduce_precision(x) to at least the bits of x's type -> x; of what has been reduced to as few bits -> x"""
    x = op.operands[0]
    if not is_real_float(x):
        return None
    kept = _precision(op)
    info = ml_dtypes.finfo(hlo.dtype(x))
    inner = producer(x, op.name)
    format_ = (info.nexp, info.nmant) if inner is None else _precision(inner)
    return x if all(bits <= enough for bits, enough in zip(format_, kept, strict=True)) else None


def _precision(op: ir.Operation) -> tuple[int, int]:
    return integer(op, "exponent_bits"), integer(op, "mantissa_bits")


def _parts_of_real(op: ir.Operation) -> ir.Value | None:
    """real(convert(x)) -> convert(x), imag(convert(x)) -> 0 of a real number x that becomes complex"""
    inner = producer(op.operands[0], "stablehlo.convert")
    if inner is None or is_complex(inner.operands[0]) or not is_static(op):
        return None
    if op.name == "stablehlo.imag":
        return hlo.full_like(op.results[0], 0)
    return built("convert", op.results[0], inner.operands[0])


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
    pattern("parts-of-complex", ["real", "imag"], _parts_of_complex, reads=["complex"]),
    pattern("complex-of-parts", "complex", _complex_of_parts, reads=["real"]),
    pattern("identity-convert", "convert", _identity_convert),
    pattern("convert-of-widening", "convert", _convert_of_widening, reads=["convert"]),
    pattern("truncation-of-truncation", "convert", _truncation_of_truncation, reads=["convert"]),
    pattern("product-of-bools", "multiply", _product_of_bools, reads=["convert"]),
    pattern("full-precision", "reduce_precision", _full_precision),
    pattern("parts-of-real", ["real", "imag"], _parts_of_real, reads=["convert"]),
    pattern("identity-bitcast", "bitcast_convert", _identity_bitcast),
    pattern("bitcast-of-bitcast", "bitcast_convert", _bitcast_of_bitcast, reads=["bitcast_convert"]),
]
