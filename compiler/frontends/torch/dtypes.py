"""Element types: the correspondence between PyTorch's and numpy's (with ml_dtypes)."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import torch

from oxide.dialects.diagnostics import OxideError

_NUMPY: dict[torch.dtype, np.dtype] = {
    torch.bool: np.dtype(np.bool_),
    torch.uint8: np.dtype(np.uint8),
    torch.uint16: np.dtype(np.uint16),
    torch.uint32: np.dtype(np.uint32),
    torch.uint64: np.dtype(np.uint64),
    torch.int8: np.dtype(np.int8),
    torch.int16: np.dtype(np.int16),
    torch.int32: np.dtype(np.int32),
    torch.int64: np.dtype(np.int64),
    torch.float16: np.dtype(np.float16),
    torch.bfloat16: np.dtype(ml_dtypes.bfloat16),
    torch.float32: np.dtype(np.float32),
    torch.float64: np.dtype(np.float64),
    torch.complex64: np.dtype(np.complex64),
    torch.complex128: np.dtype(np.complex128),
    torch.float8_e4m3fn: np.dtype(ml_dtypes.float8_e4m3fn),
    torch.float8_e4m3fnuz: np.dtype(ml_dtypes.float8_e4m3fnuz),
    torch.float8_e5m2: np.dtype(ml_dtypes.float8_e5m2),
    torch.float8_e5m2fnuz: np.dtype(ml_dtypes.float8_e5m2fnuz),
    torch.float8_e8m0fnu: np.dtype(ml_dtypes.float8_e8m0fnu),
}
_TORCH = {array: tensor for tensor, array in _NUMPY.items()}


def to_numpy(dtype: torch.dtype) -> np.dtype:
    """Raises OxideError for a dtype without counterpart in StableHLO (quantised types, complex32)."""
    if dtype not in _NUMPY:
        raise OxideError(f"{dtype} has no counterpart in StableHLO; convert the tensor to another dtype")
    return _NUMPY[dtype]


def to_torch(dtype: np.dtype) -> torch.dtype:
    """Raises OxideError for a dtype that PyTorch does not have."""
    if dtype not in _TORCH:
        raise OxideError(f"{dtype} has no counterpart in PyTorch")
    return _TORCH[dtype]
