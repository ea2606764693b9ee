"""The safetensors format: eight bytes of header length, a JSON header, raw little-endian tensors.

Format: https://huggingface.co/docs/safetensors.  Read here rather than with the safetensors package because tensors
are memory-mapped whatever their dtype, and because every field of a stranger's header is checked.

Element types that safetensors lacks are stored losslessly under a type it has; the metadata entry
`oxide.dtypes` (JSON, tensor name to StableHLO spelling) tells the true one:

    complex<f64>                     F64 with a trailing dimension of 2 (real, imaginary)
    i2, i4, ui2, ui4, f4, f6, f8...  U8, one byte an element
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any, BinaryIO

import ml_dtypes
import numpy as np

from oxide.dialects import dtypes
from oxide.dialects.diagnostics import OxideError
from oxide.dialects.files import writing
from oxide.parameters import FileSlice, ParameterStore, map_bytes

# Everything safetensors 0.8 can store.  F4 and F6 are packed in the file.
DTYPES: dict[str, np.dtype] = {
    "BOOL": np.dtype(np.bool_),
    "U8": np.dtype(np.uint8),
    "I8": np.dtype(np.int8),
    "U16": np.dtype(np.uint16),
    "I16": np.dtype(np.int16),
    "U32": np.dtype(np.uint32),
    "I32": np.dtype(np.int32),
    "U64": np.dtype(np.uint64),
    "I64": np.dtype(np.int64),
    "F16": np.dtype(np.float16),
    "BF16": np.dtype(ml_dtypes.bfloat16),
    "F32": np.dtype(np.float32),
    "F64": np.dtype(np.float64),
    "C64": np.dtype(np.complex64),
    "F8_E4M3": np.dtype(ml_dtypes.float8_e4m3fn),
    "F8_E5M2": np.dtype(ml_dtypes.float8_e5m2),
    "F8_E4M3FNUZ": np.dtype(ml_dtypes.float8_e4m3fnuz),
    "F8_E5M2FNUZ": np.dtype(ml_dtypes.float8_e5m2fnuz),
    "F8_E8M0": np.dtype(ml_dtypes.float8_e8m0fnu),
    "F4": np.dtype(ml_dtypes.float4_e2m1fn),
    "F6_E2M3": np.dtype(ml_dtypes.float6_e2m3fn),
    "F6_E3M2": np.dtype(ml_dtypes.float6_e3m2fn),
}
# F4 and F6 are written as U8, which maps back without a copy.
_PACKED = {"F4", "F6_E2M3", "F6_E3M2"}
_STORED_AS = {dtype: name for name, dtype in DTYPES.items() if name not in _PACKED}
# Element types of one byte that safetensors has no name for, or (F4, F6) only packed.
_HIDDEN = tuple(
    map(
        np.dtype,
        (
            ml_dtypes.int2,
            ml_dtypes.int4,
            ml_dtypes.uint2,
            ml_dtypes.uint4,
            ml_dtypes.float4_e2m1fn,
            ml_dtypes.float6_e2m3fn,
            ml_dtypes.float6_e3m2fn,
            ml_dtypes.float8_e3m4,
            ml_dtypes.float8_e4m3,
            ml_dtypes.float8_e4m3b11fnuz,
        ),
    )
)
_TRUE_DTYPES = "oxide.dtypes"
_TRUE_NAMES = "oxide.names"
_RESERVED = "__metadata__"
_MAX_RANK = 64  # numpy's
_MAX_HEADER = 100_000_000  # the limit of the safetensors package


class SafetensorsFile(ParameterStore):
    """The tensors of a safetensors file, memory-mapped, and its metadata."""

    def __init__(self, entries: Mapping[str, Any], metadata: dict[str, str]) -> None:
        super().__init__(entries)
        self.metadata = metadata


def open_safetensors(path: str | os.PathLike[str]) -> SafetensorsFile:
    """Open a safetensors file; tensor data is mapped when first used.

    Raises OxideError when the header is damaged, or a tensor's dtype, shape and place in the file disagree.
    """
    size, header_size, header = _read_header(path)
    metadata = _metadata(header.pop(_RESERVED, {}), path)
    true_dtypes = _string_map(metadata.get(_TRUE_DTYPES, "{}"), path)
    true_names = _string_map(metadata.get(_TRUE_NAMES, "{}"), path)
    slices = {
        true_names.get(name, name): _slice(path, name, entry, header_size, true_dtypes.get(name))
        for name, entry in header.items()
    }
    if len(slices) != len(header):
        raise _damaged(path, "two tensors have the same name")
    _check_layout(path, list(slices.values()), header_size, size)
    return SafetensorsFile(slices, metadata)


def write_safetensors(
    path: str | os.PathLike[str],
    parameters: Mapping[str, np.ndarray],
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write a safetensors file in one step: the old file stays as it was when this fails."""
    with writing() as files, files.open(path) as stream:
        dump_safetensors(stream, parameters, metadata)


def dump_safetensors(
    stream: BinaryIO,
    parameters: Mapping[str, np.ndarray],
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write safetensors to an open file, wide elements first so that every tensor is aligned."""
    header: dict[str, Any] = {}
    true_dtypes: dict[str, str] = {}
    true_names: dict[str, str] = {}
    order = sorted(parameters, key=lambda name: -parameters[name].dtype.itemsize)
    offset = 0
    for name in order:
        array = parameters[name]
        stored_name = name
        if name == _RESERVED:
            while stored_name in parameters:
                stored_name += "_"
            true_names[stored_name] = name
        stored, shape, true_dtype = _stored_form(array)
        if true_dtype:
            true_dtypes[stored_name] = true_dtype
        header[stored_name] = {
            "dtype": stored,
            "shape": list(shape),
            "data_offsets": [offset, offset + array.nbytes],
        }
        offset += array.nbytes
    notes = dict(metadata or {})
    if true_dtypes:
        notes[_TRUE_DTYPES] = json.dumps(true_dtypes)
    if true_names:
        notes[_TRUE_NAMES] = json.dumps(true_names)
    text = json.dumps({_RESERVED: notes, **header} if notes else header).encode()
    text += b" " * (-len(text) % 8)
    stream.write(len(text).to_bytes(8, "little"))
    stream.write(text)
    for name in order:
        flat = np.ascontiguousarray(parameters[name]).reshape(-1)
        stream.write(flat.view(np.uint8).data)


def _stored_form(array: np.ndarray) -> tuple[str, tuple[int, ...], str]:
    """The safetensors dtype, the stored shape, and the true dtype where safetensors has no name for it."""
    if array.dtype in _STORED_AS:
        return _STORED_AS[array.dtype], array.shape, ""
    true_dtype = dtypes.spelling(array.dtype)
    if array.dtype == np.complex128:
        return "F64", (*array.shape, 2), true_dtype
    return "U8", array.shape, true_dtype


def _read_header(path: str | os.PathLike[str]) -> tuple[int, int, dict[str, Any]]:
    """File size, where the data begins, and the JSON header."""
    try:
        size = os.stat(path).st_size
        if size < 8:
            raise _damaged(path, f"{size} bytes are too few for a header")
        length = int.from_bytes(map_bytes(path, 0, 8).tobytes(), "little")
    except OSError as error:
        raise OxideError(f"cannot read {path}: {error.strerror or error}") from error
    if length > _MAX_HEADER or 8 + length > size:
        raise _damaged(path, f"it declares a header of {length} bytes in a file of {size}")
    try:
        header = json.loads(map_bytes(path, 8, length).tobytes(), object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise _damaged(path, f"its header is not valid JSON ({str(error)[:100]})") from error
    if not isinstance(header, dict):
        raise _damaged(path, "its header is not a JSON object")
    return size, 8 + length, header


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a name occurs twice")
    return result


def _metadata(entry: Any, path: str | os.PathLike[str]) -> dict[str, str]:
    if not isinstance(entry, dict) or not all(isinstance(value, str) for value in entry.values()):
        raise _damaged(path, "its metadata is not a map of strings")
    return entry


def _string_map(text: str, path: str | os.PathLike[str]) -> dict[str, str]:
    try:
        return _metadata(json.loads(text), path)
    except (ValueError, RecursionError) as error:
        raise _damaged(path, "its oxide metadata is not valid JSON") from error


def _slice(
    path: str | os.PathLike[str], name: str, entry: Any, data_start: int, true_dtype: str | None
) -> FileSlice:
    match entry:
        case {"dtype": str(stored), "shape": list(dims), "data_offsets": [int(begin), int(end)]} if len(
            dims
        ) <= _MAX_RANK and all(type(dim) is int and 0 <= dim < 1 << 63 for dim in dims):
            pass
        case _:
            raise _damaged(path, f"the entry of tensor {name!r} is malformed")
    if stored not in DTYPES:
        raise OxideError(f"{path}: tensor {name!r} has dtype {stored}, which Oxide does not know")
    dtype, shape = DTYPES[stored], tuple(dims)
    if true_dtype is not None:
        dtype, shape = _true_form(path, name, stored, shape, true_dtype)
    place = FileSlice(str(path), data_start + begin, end - begin, dtype, shape, stored in _PACKED)
    # Python's integers: no declared shape can overflow.
    if begin < 0 or place.length != place.needed_length:
        why = f"tensor {name!r} has {end - begin} bytes, its dtype and shape need {place.needed_length}"
        raise _damaged(path, why)
    return place


def _true_form(
    path: str | os.PathLike[str], name: str, stored: str, shape: tuple[int, ...], spelling: str
) -> tuple[np.dtype, tuple[int, ...]]:
    if spelling == "complex<f64>" and stored == "F64" and shape[-1:] == (2,):
        return np.dtype(np.complex128), shape[:-1]
    for dtype in _HIDDEN:
        if dtypes.spelling(dtype) == spelling and stored == "U8":
            return dtype, shape
    raise _damaged(path, f"tensor {name!r} cannot be {spelling} stored as {stored}")


def _check_layout(path: str | os.PathLike[str], slices: list[FileSlice], start: int, size: int) -> None:
    """Tensors follow one another without overlap or hole, up to the end of the file."""
    end = start
    for place in sorted(slices, key=lambda place: (place.offset, place.length)):
        if place.offset != end:
            raise _damaged(path, "tensors overlap" if place.offset < end else "there is a hole between tensors")
        end += place.length
    if end != size:
        raise _damaged(path, f"its tensors end at byte {end}, the file has {size}")


def _damaged(path: str | os.PathLike[str], why: str) -> OxideError:
    return OxideError(f"{path}: not a valid safetensors file: {why}")
