"""The parameter store: weights by name, memory-mapped where they lie in files, never copied without need."""

from __future__ import annotations

import math
import os
import sys
import weakref
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np

from oxide.dialects import dtypes
from oxide.dialects.diagnostics import Diagnostic, OxideError
from oxide.signature import TensorSpec

# Bits one element takes when packed; numpy (ml_dtypes) spends a byte on each of these.
_PACKED_BITS = {"i2": 2, "ui2": 2, "i4": 4, "ui4": 4, "f4E2M1FN": 4, "f6E2M3FN": 6, "f6E3M2FN": 6}


@dataclass(frozen=True)
class FileSlice:
    """Weight data inside a file: `length` bytes from `offset`, to be read as `dtype` and `shape`.

    Types narrower than a byte are `packed`, low bits first (ONNX external data, safetensors F4), or take a byte
    an element.  The path is used as it is; who takes it from a stranger checks it first.
    """

    path: str
    offset: int
    length: int
    dtype: np.dtype
    shape: tuple[int, ...]
    packed: bool = True

    @property
    def needed_length(self) -> int:
        """The bytes that dtype and shape call for."""
        if self.packed:
            return packed_size(self.dtype, self.shape)
        return math.prod(self.shape) * self.dtype.itemsize

    def array(self) -> np.ndarray:
        """A read-only view of the file (a copy for packed types).

        Raises OxideError when the slice lies outside the file or its length does not fit shape and dtype.
        """
        if self.length != self.needed_length:
            raise OxideError(
                f"{self.path}: {self.length} bytes stored for a tensor {_describe(self.dtype, self.shape)}, "
                f"which takes {self.needed_length}"
            )
        data = map_bytes(self.path, self.offset, self.length)
        return unpack(data, self.dtype, self.shape) if self.packed else data.view(self.dtype).reshape(self.shape)


class ParameterStore(Mapping[str, np.ndarray]):
    """Arrays by name, from arrays, file slices or torch tensors; each is resolved when first asked for.

    A torch state dict can be given as it is, and its values share memory with the tensors.
    """

    def __init__(self, entries: Mapping[str, Any] | None = None) -> None:
        self._entries: dict[str, Any] = dict(entries or {})

    def __getitem__(self, name: str) -> np.ndarray:
        entry = self._entries[name]
        if isinstance(entry, np.ndarray):
            return entry
        array = _resolve(entry, name)
        self._entries[name] = array
        return array

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, name: object) -> bool:
        return name in self._entries  # the inherited one would resolve the entry


def _resolve(entry: Any, name: str) -> np.ndarray:
    if isinstance(entry, FileSlice):
        return entry.array()
    if hasattr(entry, "untyped_storage"):
        return torch_array(entry, name)
    array = np.asarray(entry)
    if array.dtype == np.object_:
        raise OxideError(f"parameter {name!r}: {type(entry).__name__} is not an array")
    return array


def check_parameters(specs: Sequence[TensorSpec], parameters: Mapping[str, np.ndarray]) -> None:
    """Raise OxideError that lists every weight which is missing or has another shape or dtype than its spec."""
    wrong: list[Diagnostic] = []
    for spec in specs:
        if spec.name not in parameters:
            wrong.append(Diagnostic("error", f"weight {spec} has no value"))
            continue
        array = parameters[spec.name]
        if array.shape != spec.shape or array.dtype != spec.dtype:
            wrong.append(Diagnostic("error", f"weight {spec} has a value of {_describe(array.dtype, array.shape)}"))
    if wrong:
        raise OxideError(f"{len(wrong)} of {len(specs)} weights do not fit the module", wrong)


def torch_array(tensor: Any, name: str = "tensor") -> np.ndarray:
    """The numpy view of a torch tensor (strided bf16 and f8 tensors are copied).  Does not import torch."""
    tensor = tensor.detach().cpu().resolve_conj().resolve_neg()
    dtype = getattr(ml_dtypes, str(tensor.dtype).removeprefix("torch."), None)
    if dtype is None:
        try:
            return tensor.numpy()
        except (TypeError, RuntimeError) as error:
            raise OxideError(f"parameter {name!r}: torch tensor of {tensor.dtype} cannot be read") from error
    torch = sys.modules["torch"]  # there is a tensor, so there is torch
    data = tensor.contiguous().reshape(-1).view(torch.uint8).numpy()
    return data.view(dtype).reshape(tuple(tensor.shape))


def packed_size(dtype: np.dtype, shape: tuple[int, ...]) -> int:
    """Bytes of a tensor in a file, where elements narrower than a byte are packed."""
    bits = _PACKED_BITS.get(dtypes.spelling(dtype), 8 * dtype.itemsize)
    return -(-math.prod(shape) * bits // 8)


def unpack(data: np.ndarray, dtype: np.dtype, shape: tuple[int, ...]) -> np.ndarray:
    """Little-endian bytes as an array: a view, or a copy for elements narrower than a byte."""
    bits = _PACKED_BITS.get(dtypes.spelling(dtype))
    if bits is None:
        return data.view(dtype).reshape(shape)
    count = math.prod(shape)
    planes = np.unpackbits(data, bitorder="little")[: count * bits].reshape(count, bits)
    return np.packbits(planes, axis=1, bitorder="little").reshape(shape).view(dtype)


# One mapping a file, alive as long as some array uses it.  The key tells a rewritten file from the old one.
_MAPPED: weakref.WeakValueDictionary[tuple[str, int, int, int], np.memmap] = weakref.WeakValueDictionary()


def map_bytes(path: str | os.PathLike[str], offset: int, length: int) -> np.ndarray:
    """Read-only memory-mapped bytes of a file.  Raises OxideError when the range is not inside the file."""
    try:
        with open(path, "rb") as stream:
            stat = os.fstat(stream.fileno())
            if offset < 0 or length < 0 or offset + length > stat.st_size:
                raise OxideError(
                    f"{path}: bytes {offset} to {offset + length} lie outside the file of {stat.st_size} bytes"
                )
            if length == 0:
                return np.empty(0, np.uint8)
            key = (os.path.abspath(path), stat.st_ino, stat.st_mtime_ns, stat.st_size)
            whole = _MAPPED.get(key)
            if whole is None:
                whole = _MAPPED[key] = np.memmap(stream, np.uint8, "r")
    except OSError as error:
        raise OxideError(f"cannot read {path}: {error.strerror or error}") from error
    # A plain array: numpy's memmap class slows every later operation down.
    return whole[offset : offset + length].view(np.ndarray)


def _describe(dtype: np.dtype, shape: tuple[int, ...]) -> str:
    return "x".join([*map(str, shape), dtypes.spelling(dtype)])
