"""Cast, CastLike and BitCast."""

from __future__ import annotations

import ml_dtypes
import numpy as np
from jaxlib.mlir import ir
from onnx import TensorProto

from oxide.dialects import dtypes, hlo
from oxide.frontends.onnx.initializers import element_dtype
from oxide.frontends.onnx.registry import Node, lowering

# Float8 formats whose conversion clips to the finite range unless `saturate` is 0.
SATURATING = frozenset(
    map(
        np.dtype,
        (
            ml_dtypes.float8_e4m3fn,
            ml_dtypes.float8_e4m3fnuz,
            ml_dtypes.float8_e5m2,
            ml_dtypes.float8_e5m2fnuz,
        ),
    )
)
_SUB_BYTE_FLOATS = frozenset(
    map(np.dtype, (ml_dtypes.float4_e2m1fn, ml_dtypes.float6_e2m3fn, ml_dtypes.float6_e3m2fn))
)
_E8M0 = np.dtype(ml_dtypes.float8_e8m0fnu)
_ROUND_MODES = ("up", "down", "nearest")


def convert(x: ir.Value, to: np.dtype, *, saturate: bool = True, round_mode: str = "up") -> ir.Value:
    """Conversion as the Cast operator defines it, which `stablehlo.convert` is for most dtypes."""
    source = hlo.dtype(x)
    if source == to:
        return x
    if to == _E8M0:
        return _to_e8m0(hlo.convert(x, np.float32), saturate, round_mode)
    if to in SATURATING and saturate:
        wide = x if source.kind == "f" or source == ml_dtypes.bfloat16 else hlo.convert(x, np.float32)
        limits = ml_dtypes.finfo(to)
        return hlo.convert(hlo.clamp(float(limits.min), wide, float(limits.max)), to)
    if source in _SUB_BYTE_FLOATS and dtypes.is_integer(to):
        # XLA's CPU back end takes the largest float4 for an infinity when it converts to integers.
        x = hlo.convert(x, np.float32)
    if dtypes.is_float(source) and dtypes.spelling(to) in ("i2", "ui2", "i4", "ui4"):
        # ONNX leaves what is out of range undefined; its reference drops high bits, as integers do.
        x = hlo.convert(x, np.int32)
    return hlo.convert(x, to)


def _to_e8m0(x: ir.Value, saturate: bool, round_mode: str) -> ir.Value:
    """The power of two an f32 rounds to, on the bits of the exponent (OCP Microscaling Formats 1.0)."""
    bits = hlo.bitcast_convert(x, np.uint32)
    exponent = hlo.and_(hlo.shift_right_logical(bits, 23), 0xFF)
    fraction = hlo.and_(bits, 0x7FFFFF)
    if round_mode == "up":
        rounds_up = hlo.greater(fraction, 0)
    elif round_mode == "nearest":
        rounds_up = hlo.greater_equal(fraction, 0x400000)
    else:
        rounds_up = hlo.full(hlo.shape(x), False, np.bool_)
    rounded = hlo.add(exponent, hlo.convert(rounds_up, np.uint32))
    if saturate:
        rounded = hlo.select(hlo.is_nan(x), 0xFF, hlo.minimum(rounded, 0xFE))
    else:
        # Zero has no code of its own; what rounds past the largest power and infinities end at 0xFF, NaN.
        rounded = hlo.select(hlo.equal(x, 0), 0xFF, hlo.minimum(rounded, 0xFF))
    return hlo.bitcast_convert(hlo.convert(rounded, np.uint8), _E8M0)


@lowering("Cast", 1)
def cast_by_name(node: Node, x: ir.Value, *, to: str) -> ir.Value:
    """Cast-1 names the type by its enum name."""
    if to not in dict(TensorProto.DataType.items()):
        raise node.error(f"attribute to: {to!r} is no element type")
    return cast(node, x, to=TensorProto.DataType.Value(to))


@lowering("Cast", 6, 9, 13, 19, 21, 23, 24, 25, 28)
def cast(node: Node, x: ir.Value, *, to: int, saturate: int = 1, round_mode: str = "up") -> ir.Value:
    _check_round_mode(node, round_mode)
    return convert(x, element_dtype(to, "the result"), saturate=bool(saturate), round_mode=round_mode)


@lowering("CastLike", 15, 19, 21, 23, 24, 25)
def cast_like(
    node: Node, x: ir.Value, target_type: ir.Value, *, saturate: int = 1, round_mode: str = "up"
) -> ir.Value:
    _check_round_mode(node, round_mode)
    return convert(x, hlo.dtype(target_type), saturate=bool(saturate), round_mode=round_mode)


def _check_round_mode(node: Node, round_mode: str) -> None:
    if round_mode not in _ROUND_MODES:
        raise node.error(f"attribute round_mode: {round_mode!r} is none of {', '.join(_ROUND_MODES)}")


@lowering("BitCast", 26)
def bit_cast(node: Node, x: ir.Value, *, to: int) -> ir.Value:
    """The same bits as another type of the same width."""
    source, target = hlo.dtype(x), element_dtype(to, "the result")
    if _bits(source) != _bits(target):
        raise node.error(f"cannot reinterpret {source} of {_bits(source)} bits as {target} of {_bits(target)}")
    if source != target and (dtypes.is_complex(source) or dtypes.is_complex(target)):
        raise node.error(f"cannot reinterpret {source} as {target}: StableHLO reinterprets no complex numbers")
    if np.bool_ in (source, target):
        # A bool is one bit to StableHLO and a byte of 0 or 1 to ONNX.
        return hlo.convert(hlo.bitcast_convert(x, np.uint8) if source != np.bool_ else x, target)
    return hlo.bitcast_convert(x, target)


def _bits(dtype: np.dtype) -> int:
    digits = "".join(c for c in dtypes.spelling(dtype).split("E")[0] if c.isdigit())
    return 8 if dtype == np.bool_ else 8 * dtype.itemsize if dtype.kind == "c" else int(digits)
