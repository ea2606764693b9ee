"""Seeded inputs for a model, and inputs that a person gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from oxide.dialects.diagnostics import OxideError
from oxide.signature import TensorSpec

# Integers may index a table whose size a shape does not tell, so they stay small.
INTEGER_LIMIT = 8


def random_inputs(specs: Sequence[TensorSpec], seed: int = 0) -> dict[str, np.ndarray]:
    """Normal floats, integers in [0, 8), fair booleans, by input name.

    Raises OxideError for an input with a dynamic dimension.
    """
    rng = np.random.default_rng(seed)
    return {spec.name: random_array(spec, rng) for spec in specs}


def random_array(spec: TensorSpec, rng: np.random.Generator) -> np.ndarray:
    shape = [dim for dim in spec.shape if dim is not None]
    if len(shape) != len(spec.shape):
        raise OxideError(f"cannot make up an input of open size: {spec}; give its file, or fix sizes with --shape")
    if spec.dtype.kind == "b":
        return rng.integers(0, 2, shape).astype(bool)
    if spec.dtype.kind in "iu":
        return rng.integers(0, INTEGER_LIMIT, shape).astype(spec.dtype)
    values = rng.standard_normal(shape)
    if spec.dtype.kind == "c":
        return (values + 1j * rng.standard_normal(shape)).astype(spec.dtype)
    return values.astype(spec.dtype)


def complete_inputs(
    specs: Sequence[TensorSpec], given: Mapping[str, np.ndarray], *, fill: bool, seed: int = 0
) -> dict[str, np.ndarray]:
    """The model's inputs in its order: those given, and random ones for the rest when `fill`.

    Raises one OxideError that names every input that is unknown, missing, or of the wrong shape or dtype.
    """
    known = {spec.name: spec for spec in specs}
    expected = ", ".join(map(str, specs)) or "none"
    problems = [f"{name!r} is not an input" for name in given if name not in known]
    problems += [mismatch(known[name], array) for name, array in given.items() if name in known]
    if not fill:
        problems += [f"{name!r} is missing" for name in known if name not in given]
    problems = [problem for problem in problems if problem]
    if problems:
        raise OxideError(f"the inputs do not fit the model: {'; '.join(problems)}\nthe model takes {expected}")
    rest = random_inputs([spec for spec in specs if spec.name not in given], seed)
    return {spec.name: given[spec.name] if spec.name in given else rest[spec.name] for spec in specs}


def mismatch(spec: TensorSpec, array: np.ndarray) -> str:
    """Why an array is not what the model takes under this name; empty when it is."""
    fits = len(array.shape) == len(spec.shape) and all(
        want in (None, have) for want, have in zip(spec.shape, array.shape, strict=True)
    )
    if fits and array.dtype == spec.dtype:
        return ""
    return f"{spec.name!r} is {array.dtype}{list(array.shape)}, the model takes {spec}"
