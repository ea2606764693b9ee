"""TensorProto to numpy: every element type of ONNX, raw, typed, packed, sparse and external data.

Data that is stored as numpy would store it is viewed, not copied.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import ml_dtypes
import numpy as np
from onnx import SparseTensorProto, TensorProto

from oxide.dialects.diagnostics import OxideError
from oxide.dialects.hlo.core import MAX_ELEMENTS
from oxide.frontends.onnx.diagnostics import quoted
from oxide.frontends.onnx.external_data import ExternalFiles

# A dense tensor made from a sparse one may not be larger than this.
MAX_DENSIFIED_BYTES = 1 << 31

# ONNX's name of an element type: its numpy dtype.  The enum grows with onnx releases, so names are looked up
# in the installed one.
_DTYPES: dict[str, type] = {
    "FLOAT": np.float32,
    "UINT8": np.uint8,
    "INT8": np.int8,
    "UINT16": np.uint16,
    "INT16": np.int16,
    "INT32": np.int32,
    "INT64": np.int64,
    "BOOL": np.bool_,
    "FLOAT16": np.float16,
    "DOUBLE": np.float64,
    "UINT32": np.uint32,
    "UINT64": np.uint64,
    "COMPLEX64": np.complex64,
    "COMPLEX128": np.complex128,
    "BFLOAT16": ml_dtypes.bfloat16,
    "FLOAT8E4M3FN": ml_dtypes.float8_e4m3fn,
    "FLOAT8E4M3FNUZ": ml_dtypes.float8_e4m3fnuz,
    "FLOAT8E5M2": ml_dtypes.float8_e5m2,
    "FLOAT8E5M2FNUZ": ml_dtypes.float8_e5m2fnuz,
    "FLOAT8E8M0": ml_dtypes.float8_e8m0fnu,
    "UINT4": ml_dtypes.uint4,
    "INT4": ml_dtypes.int4,
    "FLOAT4E2M1": ml_dtypes.float4_e2m1fn,
    "UINT2": ml_dtypes.uint2,
    "INT2": ml_dtypes.int2,
    "FLOAT6E2M3": ml_dtypes.float6_e2m3fn,
    "FLOAT6E3M2": ml_dtypes.float6_e3m2fn,
}
DTYPES: dict[int, np.dtype] = {
    number: np.dtype(_DTYPES[name]) for name, number in TensorProto.DataType.items() if name in _DTYPES
}
DATA_TYPES: dict[np.dtype, int] = {dtype: number for number, dtype in DTYPES.items()}

# Bits an element takes where ONNX packs elements into a byte stream, low bits first.
_BITS = {"UINT4": 4, "INT4": 4, "FLOAT4E2M1": 4, "UINT2": 2, "INT2": 2, "FLOAT6E2M3": 6, "FLOAT6E3M2": 6}
_PACKED: dict[int, int] = {number: _BITS[name] for name, number in TensorProto.DataType.items() if name in _BITS}

# Element types whose values are in the field of their own name; the narrow ones all live in int32_data.
_FIELDS: dict[int, tuple[str, type]] = {
    TensorProto.FLOAT: ("float_data", np.float32),
    TensorProto.COMPLEX64: ("float_data", np.float32),
    TensorProto.DOUBLE: ("double_data", np.float64),
    TensorProto.COMPLEX128: ("double_data", np.float64),
    TensorProto.INT64: ("int64_data", np.int64),
    TensorProto.UINT32: ("uint64_data", np.uint64),
    TensorProto.UINT64: ("uint64_data", np.uint64),
}

# From the content of `raw_data` to the bytes it stands for.
ResolveRaw = Callable[[bytes], "memoryview | bytes"]


def element_dtype(data_type: int, what: str) -> np.dtype:
    """The numpy dtype of an ONNX element type that `what` has.  Raises OxideError for strings and unknown ones."""
    dtype = DTYPES.get(data_type)
    if dtype is None:
        names = {number: name for name, number in TensorProto.DataType.items()}
        raise OxideError(f"{what}: element type {names.get(data_type, data_type)} has no counterpart in StableHLO")
    return dtype


class TensorReader:
    """Reads the tensors of one model; knows where their bytes are."""

    def __init__(self, files: ExternalFiles, resolve_raw: ResolveRaw = bytes) -> None:
        self._files = files
        self._resolve_raw = resolve_raw

    def array(self, tensor: TensorProto, name: str = "") -> np.ndarray:
        """The array of a tensor, read-only.  Raises OxideError, naming it, when its data does not fit."""
        try:
            return self._read(tensor)
        except OxideError as error:
            raise OxideError(f"tensor {quoted(name or tensor.name)}: {error.message}") from error

    def sparse_array(self, sparse: SparseTensorProto) -> np.ndarray:
        """A sparse tensor made dense.  Indices are linear, or one row of coordinates a value."""
        try:
            return _densify(self._read(sparse.values), self._read(sparse.indices), tuple(sparse.dims))
        except OxideError as error:
            raise OxideError(f"sparse tensor {quoted(sparse.values.name)}: {error.message}") from error

    def _read(self, tensor: TensorProto) -> np.ndarray:
        dtype = element_dtype(tensor.data_type, "data")
        shape = tuple(tensor.dims)
        if any(d < 0 for d in shape):
            raise OxideError(f"negative dimension {min(shape)}")
        if math.prod(d or 1 for d in shape) > MAX_ELEMENTS:
            raise OxideError(f"a shape of {shape} is over the limit of {MAX_ELEMENTS} elements")
        if tensor.HasField("segment"):
            raise OxideError("stored in segments, which ONNX no longer defines")
        if tensor.data_location == TensorProto.EXTERNAL:
            entries = {entry.key: entry.value for entry in tensor.external_data}
            return _from_bytes(self._files.read(entries), tensor.data_type, dtype, shape)
        if tensor.HasField("raw_data"):
            return _from_bytes(self._resolve_raw(tensor.raw_data), tensor.data_type, dtype, shape)
        return _from_fields(tensor, dtype, shape)


def _densify(values: np.ndarray, indices: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    values = values.reshape(-1)
    size = math.prod(shape)
    if any(d < 0 for d in shape) or size * values.dtype.itemsize > MAX_DENSIFIED_BYTES:
        raise OxideError(f"a shape of {shape} is too large to be made dense")
    if indices.dtype != np.int64 or indices.shape not in ((values.size,), (values.size, len(shape))):
        raise OxideError(
            f"{values.size} values of shape {shape} need int64 indices of shape ({values.size},) or "
            f"({values.size}, {len(shape)}), not {indices.dtype} {indices.shape}"
        )
    bounds = np.array([size] if indices.ndim == 1 else shape, np.int64)
    if indices.size and ((indices < 0).any() or (indices.reshape(-1, len(bounds)) >= bounds).any()):
        raise OxideError(f"an index is outside of the shape {shape}")
    if indices.ndim == 2:
        indices = indices @ np.array([math.prod(shape[i + 1 :]) for i in range(len(shape))], np.int64)
    dense = np.zeros(size, values.dtype)
    dense[indices] = values
    return dense.reshape(shape)


def _from_bytes(data: memoryview | bytes, data_type: int, dtype: np.dtype, shape: tuple[int, ...]) -> np.ndarray:
    size = math.prod(shape)
    needed = -(-size * _PACKED.get(data_type, 8 * dtype.itemsize) // 8)
    if len(data) != needed:
        raise OxideError(f"shape {shape} of {dtype} needs {needed} bytes, there are {len(data)}")
    if data_type in _PACKED:
        return _unpack(np.frombuffer(data, np.uint8), _PACKED[data_type], size).view(dtype).reshape(shape)
    if data_type == TensorProto.BOOL:
        # Bytes other than 0 and 1 are not bools to numpy.
        return (np.frombuffer(data, np.uint8) != 0).reshape(shape)
    return np.frombuffer(data, dtype).reshape(shape)


def _from_fields(tensor: TensorProto, dtype: np.dtype, shape: tuple[int, ...]) -> np.ndarray:
    size = math.prod(shape)
    field, stored = _FIELDS.get(tensor.data_type, ("int32_data", np.int32))
    data = np.array(getattr(tensor, field), stored)
    bits = _PACKED.get(tensor.data_type, 8)
    count = 2 * size if dtype.kind == "c" else -(-size * bits // 8) if bits in (2, 4) else size
    if data.size != count:
        raise OxideError(f"shape {shape} of {dtype} needs {count} values in {field}, there are {data.size}")
    if bits in (2, 4):
        return _unpack(data.astype(np.uint8), bits, size).view(dtype).reshape(shape)
    if bits == 6:
        return (data.astype(np.uint8) & 0x3F).view(dtype).reshape(shape)
    if dtype.kind == "c":
        return data.view(dtype).reshape(shape)
    if field != "int32_data" or dtype.kind in "iub":
        return data.astype(dtype, copy=False).reshape(shape)
    # Floats narrower than 32 bits are stored as their bit patterns.
    return data.astype(f"u{dtype.itemsize}").view(dtype).reshape(shape)


def _unpack(data: np.ndarray, bits: int, size: int) -> np.ndarray:
    """Elements of 2, 4 or 6 bits from a byte stream, each in a byte of its own."""
    if bits == 6:
        stream = np.unpackbits(data, bitorder="little")[: 6 * size].reshape(size, 6)
        return np.packbits(np.pad(stream, ((0, 0), (0, 2))), axis=1, bitorder="little").reshape(size)
    shifts = np.arange(0, 8, bits, dtype=np.uint8)
    return ((data[:, None] >> shifts) & ((1 << bits) - 1)).reshape(-1)[:size].astype(np.uint8)
