"""Element types: the correspondence between MLIR's and numpy's (with ml_dtypes)."""

from __future__ import annotations

from functools import cache

import ml_dtypes
import numpy as np
from jaxlib.mlir import ir

from oxide.dialects.diagnostics import OxideError

# One row an element type: StableHLO's spelling, numpy dtype.
_TABLE: dict[str, np.dtype] = {
    "i1": np.dtype(np.bool_),
    "i2": np.dtype(ml_dtypes.int2),
    "i4": np.dtype(ml_dtypes.int4),
    "i8": np.dtype(np.int8),
    "i16": np.dtype(np.int16),
    "i32": np.dtype(np.int32),
    "i64": np.dtype(np.int64),
    "ui2": np.dtype(ml_dtypes.uint2),
    "ui4": np.dtype(ml_dtypes.uint4),
    "ui8": np.dtype(np.uint8),
    "ui16": np.dtype(np.uint16),
    "ui32": np.dtype(np.uint32),
    "ui64": np.dtype(np.uint64),
    "f4E2M1FN": np.dtype(ml_dtypes.float4_e2m1fn),
    "f6E2M3FN": np.dtype(ml_dtypes.float6_e2m3fn),
    "f6E3M2FN": np.dtype(ml_dtypes.float6_e3m2fn),
    "f8E3M4": np.dtype(ml_dtypes.float8_e3m4),
    "f8E4M3": np.dtype(ml_dtypes.float8_e4m3),
    "f8E4M3FN": np.dtype(ml_dtypes.float8_e4m3fn),
    "f8E4M3FNUZ": np.dtype(ml_dtypes.float8_e4m3fnuz),
    "f8E4M3B11FNUZ": np.dtype(ml_dtypes.float8_e4m3b11fnuz),
    "f8E5M2": np.dtype(ml_dtypes.float8_e5m2),
    "f8E5M2FNUZ": np.dtype(ml_dtypes.float8_e5m2fnuz),
    "f8E8M0FNU": np.dtype(ml_dtypes.float8_e8m0fnu),
    "bf16": np.dtype(ml_dtypes.bfloat16),
    "f16": np.dtype(np.float16),
    "f32": np.dtype(np.float32),
    "f64": np.dtype(np.float64),
    "complex<f32>": np.dtype(np.complex64),
    "complex<f64>": np.dtype(np.complex128),
}
_COMMON = {
    "i1": lambda: ir.IntegerType.get_signless(1),
    "i8": lambda: ir.IntegerType.get_signless(8),
    "i32": lambda: ir.IntegerType.get_signless(32),
    "i64": lambda: ir.IntegerType.get_signless(64),
    "ui8": lambda: ir.IntegerType.get_unsigned(8),
    "bf16": ir.BF16Type.get,
    "f16": ir.F16Type.get,
    "f32": ir.F32Type.get,
    "f64": ir.F64Type.get,
}
_SPELLING = {dtype: spelling for spelling, dtype in _TABLE.items()}


@cache
def from_spelling(spelling: str) -> np.dtype:
    """The inverse of `spelling`.  Raises OxideError where there is none."""
    if spelling not in _TABLE:
        raise OxideError(f"element type {spelling} has no numpy counterpart")
    return _TABLE[spelling]


# Printing a type costs ten times as much as looking at its class.
_OF_CLASS: dict[type, np.dtype] = {
    ir.BF16Type: _TABLE["bf16"],
    ir.F16Type: _TABLE["f16"],
    ir.F32Type: _TABLE["f32"],
    ir.F64Type: _TABLE["f64"],
}
_OF_SIGNLESS: dict[int, np.dtype] = {int(name[1:]): dtype for name, dtype in _TABLE.items() if name[0] == "i"}


def to_numpy(element_type: ir.Type) -> np.dtype:
    """The numpy dtype of an MLIR element type.  Raises OxideError where there is none (quantised, tokens)."""
    known = _OF_CLASS.get(type(element_type))
    if known is None and isinstance(element_type, ir.IntegerType) and element_type.is_signless:
        known = _OF_SIGNLESS.get(element_type.width)
    return from_spelling(str(element_type)) if known is None else known


def spelling(dtype: np.dtype | type | str) -> str:
    """StableHLO's spelling of a numpy dtype: `f32`, `ui8`, `complex<f64>`."""
    key = np.dtype(dtype)
    if key not in _SPELLING:
        raise OxideError(f"dtype {key} has no StableHLO counterpart")
    return _SPELLING[key]


def to_mlir(dtype: np.dtype | type | str) -> ir.Type:
    """The MLIR element type of a numpy dtype, in the current context."""
    name = spelling(dtype)
    if name in _COMMON:  # parsing a type costs ten times as much as building it
        return _COMMON[name]()
    return ir.Type.parse(name)


def is_float(dtype: np.dtype) -> bool:
    """True for every real floating point format, the small ones of ml_dtypes included."""
    return spelling(dtype).lstrip("b").startswith("f")


def is_integer(dtype: np.dtype) -> bool:
    """True for signed and unsigned integers, the 2- and 4-bit ones included; not for bool."""
    return dtype != np.bool_ and spelling(dtype).lstrip("u").startswith("i")


def is_unsigned(dtype: np.dtype) -> bool:
    return spelling(dtype).startswith("ui")


def is_complex(dtype: np.dtype) -> bool:
    return dtype.kind == "c"
