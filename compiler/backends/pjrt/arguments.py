"""The arguments of a call, checked against the signature and put on the device."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from oxide.backends.pjrt.client import Device, is_tracer, jax_array_type
from oxide.dialects import dtypes
from oxide.dialects.diagnostics import OxideError
from oxide.signature import TensorSpec


def bind(specs: Sequence[TensorSpec], positional: Sequence[Any], named: Mapping[str, Any]) -> Sequence[Any]:
    """One value an input, in the inputs' order.  Raises OxideError for inputs missing, unknown or given twice."""
    if not named and len(positional) == len(specs):
        return positional
    if len(positional) > len(specs):
        raise OxideError(f"{len(positional)} arguments for {len(specs)} inputs ({_listed(specs)})")
    by_name = dict(zip((spec.name for spec in specs), positional, strict=False))
    twice = sorted(by_name.keys() & named.keys())
    if twice:
        raise OxideError(f"input {twice[0]!r} is given twice, by position and by name")
    by_name.update(named)
    unknown = sorted(by_name.keys() - {spec.name for spec in specs})
    if unknown:
        raise OxideError(f"no input is called {unknown[0]!r}; the inputs are {_listed(specs)}")
    missing = [spec for spec in specs if spec.name not in by_name]
    if missing:
        raise OxideError(f"input missing: {_listed(missing)}")
    return [by_name[spec.name] for spec in specs]


def put_argument(value: Any, spec: TensorSpec, device: Device) -> Any:
    """The jax.Array on `device` of a numpy array, JAX array, DLPack object, or what numpy.asarray takes.

    Dtype and shape must be the spec's: nothing is cast or broadcast.  Raises OxideError that names the input.
    """
    if type(value) is jax_array_type:
        _check(value.dtype, value.shape, spec)
        return value if value.sharding == device.sharding else device.move(value)
    array = value if isinstance(value, np.ndarray) else _as_numpy(value, spec)
    _check(array.dtype, array.shape, spec)
    return device.put(array, spec.dtype, array.shape)


def _as_numpy(value: Any, spec: TensorSpec) -> np.ndarray:
    if is_tracer(value):
        raise OxideError(
            f"input {spec.name!r} is a JAX tracer: an executable cannot be called inside jax.jit or jax.grad; "
            "use Model.to_jax_source() there"
        )
    try:
        if hasattr(value, "untyped_storage"):  # torch, whose bf16 and f8 numpy's DLPack reader does not know
            from oxide.parameters import torch_array

            return torch_array(value, spec.name)
        if hasattr(value, "__dlpack__") and not isinstance(value, np.generic):
            return np.from_dlpack(value)
        array = np.asarray(value)
    except (TypeError, ValueError, RuntimeError, BufferError) as error:
        raise OxideError(f"input {spec.name!r}: a {type(value).__name__} is no array: {error}") from error
    if array.dtype.kind in "OUSV" and array.dtype != spec.dtype:
        raise OxideError(f"input {spec.name!r}: a {type(value).__name__} is no array of numbers")
    return array


def _check(dtype: np.dtype, shape: tuple[int, ...], spec: TensorSpec) -> None:
    if dtype != spec.dtype:
        wanted, given = dtypes.spelling(spec.dtype), _spelled(dtype)
        how = f"convert it with .astype({spec.dtype})"
        raise OxideError(f"input {spec.name!r} has dtype {given}, the model takes {wanted}; {how}")
    if shape == spec.shape:
        return
    fits = len(shape) == len(spec.shape) and all(
        wanted is None or wanted == given for wanted, given in zip(spec.shape, shape, strict=True)
    )
    if not fits:
        given = "x".join(map(str, shape)) or "scalar"
        raise OxideError(f"input {spec.name!r} has shape {given}, the model takes {spec.dimensions}")


def _spelled(dtype: np.dtype) -> str:
    try:
        return dtypes.spelling(dtype)
    except OxideError:
        return str(dtype)


def _listed(specs: Sequence[TensorSpec]) -> str:
    return ", ".join(map(str, specs))
