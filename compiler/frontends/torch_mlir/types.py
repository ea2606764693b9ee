"""Types of the `torch` dialect, read from their text."""

from __future__ import annotations

import re
from dataclasses import dataclass

import torch

from oxide.dialects.diagnostics import OxideError


@dataclass(frozen=True)
class TensorType:
    """`shape` is None for any rank, and None in it any size; `dtype` is None where the type does not say."""

    shape: tuple[int | None, ...] | None
    dtype: torch.dtype | None


_TENSOR = re.compile(r"!torch\.v?tensor(?:<(?:\*|\[([\d?,]*)\]),(.+)>)?")

_DTYPES = {
    "i1": torch.bool,
    "f16": torch.float16,
    "bf16": torch.bfloat16,
    "f32": torch.float32,
    "f64": torch.float64,
    "complex<f32>": torch.complex64,
    "complex<f64>": torch.complex128,
    "f8E4M3FN": torch.float8_e4m3fn,
    "f8E4M3FNUZ": torch.float8_e4m3fnuz,
    "f8E5M2": torch.float8_e5m2,
    "f8E5M2FNUZ": torch.float8_e5m2fnuz,
    "f8E8M0FNU": torch.float8_e8m0fnu,
    **{f"si{bits}": getattr(torch, f"int{bits}") for bits in (8, 16, 32, 64)},
    **{f"ui{bits}": getattr(torch, f"uint{bits}") for bits in (8, 16, 32, 64)},
}

# Types of numbers, and the dtype a number has as a tensor; that of a `number` is the number's own.
NUMBERS: dict[str, torch.dtype | None] = {
    "!torch.int": torch.int64,
    "!torch.float": torch.float64,
    "!torch.bool": torch.bool,
    "!torch.number": None,
}


def tensor_type(text: str) -> TensorType | None:
    """The tensor type that `text` is, None for another type.

    Raises OxideError for element types without counterpart (quantised ones) and encodings.
    """
    match = _TENSOR.fullmatch(text)
    if match:
        dims, element = match.groups()
        listed = dims.split(",") if dims else []
        shape = None if dims is None else tuple(None if d == "?" else int(d) for d in listed)
        return TensorType(shape, None if element in (None, "unk") else _dtype(element, text))
    if text.startswith(("!torch.vtensor", "!torch.tensor")):
        raise OxideError(f"tensors of type {text} are not supported")
    return None


def _dtype(element: str, text: str) -> torch.dtype:
    if element not in _DTYPES:
        raise OxideError(f"the element type of {text} has no counterpart in StableHLO")
    return _DTYPES[element]


# The numbers by which operands name dtypes, as in c10/core/ScalarType.h.
_CODES = {
    0: torch.uint8,
    1: torch.int8,
    2: torch.int16,
    3: torch.int32,
    4: torch.int64,
    5: torch.float16,
    6: torch.float32,
    7: torch.float64,
    9: torch.complex64,
    10: torch.complex128,
    11: torch.bool,
    15: torch.bfloat16,
    23: torch.float8_e5m2,
    24: torch.float8_e4m3fn,
    25: torch.float8_e5m2fnuz,
    26: torch.float8_e4m3fnuz,
    27: torch.uint16,
    28: torch.uint32,
    29: torch.uint64,
    44: torch.float8_e8m0fnu,
}
_CODE_OF = {dtype: code for code, dtype in _CODES.items()}


def dtype_of_code(code: int) -> torch.dtype:
    """Raises OxideError for the number of a dtype without counterpart in StableHLO."""
    if code not in _CODES:
        raise OxideError(f"dtype number {code} (of c10::ScalarType) has no counterpart in StableHLO")
    return _CODES[code]


def code_of_dtype(dtype: torch.dtype) -> int:
    """The number by which operands name a dtype."""
    return _CODE_OF[dtype]
