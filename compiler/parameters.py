"""The parameter store: weights by name, memory-mapped where they lie in files, never copied without need."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class FileSlice:
    """Weight data inside a file: `length` bytes from `offset`, to be read as `dtype` and `shape`.

    Types narrower than a byte are packed, low bits first (ONNX external data, safetensors F4).
    """

    path: str
    offset: int
    length: int
    dtype: np.dtype
    shape: tuple[int, ...]

    def array(self) -> np.ndarray:
        """A read-only view of the file (a copy for packed types).  Raises OxideError when it does not fit."""
        raise NotImplementedError


class ParameterStore(Mapping[str, np.ndarray]):
    """Arrays by name from arrays, file slices or torch tensors; each is resolved when first asked for."""

    def __init__(self, entries: Mapping[str, Any] | None = None) -> None:
        self._entries: dict[str, Any] = dict(entries or {})

    def __getitem__(self, name: str) -> np.ndarray:
        raise NotImplementedError

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)


def open_safetensors(path: str | os.PathLike[str]) -> ParameterStore:
    """The tensors of a safetensors file, memory-mapped.  Raises OxideError on a damaged file."""
    raise NotImplementedError


def write_safetensors(
    path: str | os.PathLike[str],
    parameters: Mapping[str, np.ndarray],
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write a safetensors file, tensors in the mapping's order."""
    raise NotImplementedError
