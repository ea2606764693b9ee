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

RawBytes = Callable[[TensorProto], "memoryview | bytes"]


def element_dtype(data_type: int, what: str) -> np.dtype:
    """The numpy dtype of an ONNX element type.  Raises OxideError for strings and unknown ones."""
    dtype = DTYPES.get(data_type)
    if dtype is None:
        names = {number: name for name, number in TensorProto.DataType.items()}
        raise OxideError(
            f"{what} has element type {names.get(data_type, data_type)}, which no tensor compiler can represent"
        )
    return dtype


class TensorReader:
    """Reads the tensors of one model; knows where their bytes are."""

    def __init__(self, files: ExternalFiles, raw: RawBytes | None = None) -> None:
        self._files = files
        self._raw = raw or (lambda tensor: tensor.raw_data)

    def array(self, tensor: TensorProto, name: str = "") -> np.ndarray:
        """The array of a tensor, read-only.  Raises OxideError, naming it, when its data does not fit."""
        label = quoted(name or tensor.name)
        dtype = element_dtype(tensor.data_type, f"tensor {label}")
        shape = tuple(tensor.dims)
        if any(d < 0 for d in shape):
            raise OxideError(f"tensor {label} has the negative dimension {min(shape)}")
        if tensor.HasField("segment"):
            raise OxideError(f"tensor {label} is stored in segments, which ONNX no longer defines")
        if tensor.data_location == TensorProto.EXTERNAL:
            entries = {entry.key: entry.value for entry in tensor.external_data}
            return _from_bytes(self._files.read(entries, label), tensor.data_type, dtype, shape, label)
        if tensor.HasField("raw_data"):
            return _from_bytes(self._raw(tensor), tensor.data_type, dtype, shape, label)
        return _from_fields(tensor, dtype, shape, label)

    def sparse_array(self, sparse: SparseTensorProto) -> np.ndarray:
        """A sparse tensor made dense.  Indices are linear, or one row of coordinates a value."""
        label = quoted(sparse.values.name)
        values = self.array(sparse.values).reshape(-1)
        indices = self.array(sparse.indices)
        shape = tuple(sparse.dims)
        size = math.prod(shape)
        if any(d < 0 for d in shape) or size * values.dtype.itemsize > MAX_DENSIFIED_BYTES:
            raise OxideError(f"sparse tensor {label} of shape {shape} is too large to be made dense")
        if indices.dtype != np.int64 or indices.shape not in ((values.size,), (values.size, len(shape))):
            raise OxideError(
                f"sparse tensor {label}: {values.size} values of shape {shape} need int64 indices of shape "
                f"({values.size},) or ({values.size}, {len(shape)}), not {indices.dtype} {indices.shape}"
            )
        bounds = np.array([size] if indices.ndim == 1 else shape, np.int64)
        if indices.size and ((indices < 0).any() or (indices.reshape(-1, len(bounds)) >= bounds).any()):
            raise OxideError(f"sparse tensor {label}: an index is outside of the shape {shape}")
        linear = indices
        if indices.ndim == 2:
            strides = np.array([math.prod(shape[i + 1 :]) for i in range(len(shape))], np.int64)
            linear = indices @ strides
        dense = np.zeros(size, values.dtype)
        dense[linear] = values
        return dense.reshape(shape)


def _from_bytes(
    data: memoryview | bytes, data_type: int, dtype: np.dtype, shape: tuple[int, ...], label: str
) -> np.ndarray:
    size = math.prod(shape)
    bits = _PACKED.get(data_type, 8 * dtype.itemsize)
    needed = -(-size * bits // 8)
    if len(data) != needed:
        raise OxideError(f"tensor {label} of shape {shape} and type {dtype} needs {needed} bytes, has {len(data)}")
    if data_type in _PACKED:
        return _unpack(np.frombuffer(data, np.uint8), bits, size).view(dtype).reshape(shape)
    if data_type == TensorProto.BOOL:
        # Bytes other than 0 and 1 are not bools to numpy.
        return (np.frombuffer(data, np.uint8) != 0).reshape(shape)
    return np.frombuffer(data, dtype).reshape(shape)


def _from_fields(tensor: TensorProto, dtype: np.dtype, shape: tuple[int, ...], label: str) -> np.ndarray:
    size = math.prod(shape)
    field, stored = _FIELDS.get(tensor.data_type, ("int32_data", np.int32))
    data = np.array(getattr(tensor, field), stored)
    count = 2 * size if dtype.kind == "c" else size
    packed = _PACKED.get(tensor.data_type, 8)
    if packed in (2, 4):
        count = -(-size * packed // 8)
    if data.size != count:
        raise OxideError(f"tensor {label} of shape {shape} and type {dtype} needs {count} values, has {data.size}")
    if packed in (2, 4):
        data = _unpack(data.astype(np.uint8), packed, size)
    elif packed == 6:
        data = data.astype(np.uint8) & 0x3F
    if dtype.kind == "c":
        return data.view(dtype).reshape(shape)
    if field != "int32_data":
        return data.astype(dtype, copy=False).reshape(shape)
    if dtype.kind in "iu" or dtype == np.bool_:
        return data.astype(dtype).reshape(shape)
    # Floats narrower than 32 bits are stored as their bit patterns.
    return data.astype(f"u{dtype.itemsize}").view(dtype).reshape(shape)


def _unpack(data: np.ndarray, bits: int, size: int) -> np.ndarray:
    """Elements of 2, 4 or 6 bits from a byte stream, each in a byte of its own."""
    if bits == 6:
        stream = np.unpackbits(data, bitorder="little")[: 6 * size].reshape(size, 6)
        return np.packbits(np.pad(stream, ((0, 0), (0, 2))), axis=1, bitorder="little").reshape(size)
    shifts = np.arange(0, 8, bits, dtype=np.uint8)
    return ((data[:, None] >> shifts) & ((1 << bits) - 1)).reshape(-1)[:size].astype(np.uint8)
