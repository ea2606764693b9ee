"""Arrays in numpy's files: inputs come from `.npy`, outputs go to one `.npz`."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Mapping

import numpy as np

from oxide.dialects.diagnostics import OxideError
from oxide.dialects.files import write_file


def read_npy(path: str | os.PathLike[str], dtype: np.dtype | None = None) -> np.ndarray:
    """The array in a `.npy` file; pickled objects are refused.

    numpy stores bfloat16 and the other small types as bytes without a name (`|V2`): such an array is read as
    `dtype` when the sizes agree.  Raises OxideError when the file cannot be read.
    """
    try:
        array = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError, SyntaxError) as error:
        raise OxideError(f"cannot read {os.fspath(path)} as a numpy array: {error}") from error
    if not isinstance(array, np.ndarray):
        array.close()
        raise OxideError(f"{os.fspath(path)} holds several arrays; save the input alone, with numpy.save")
    if dtype is not None and array.dtype.kind == "V" and array.dtype.itemsize == dtype.itemsize:
        return array.view(dtype)
    return array


def write_npz(path: str | os.PathLike[str], arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays by name to an uncompressed `.npz`, whole or not at all."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, array in arrays.items():
            # Not numpy.savez, which takes names as keyword arguments and so cannot store one called `file`.
            with archive.open(f"{name}.npy", "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, np.asarray(array), allow_pickle=False)
    write_file(path, data.getvalue())
