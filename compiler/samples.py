"""Seeded inputs for a model, and inputs that a person gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from oxide.dialects.diagnostics import OxideError
from oxide.dialects.dims import Constraint, find_sources, rename, symbols
from oxide.signature import TensorSpec

# Integers may index a table whose size a shape does not tell, so they stay small.
INTEGER_LIMIT = 8
# Sizes tried for the first symbol of a model with open dimensions; the others follow.
SAMPLE_SIZES = (3, 2, 1, 4, 8, 16, 32, 64, 128, 224, 256, 512)


def random_inputs(specs: Sequence[TensorSpec], seed: int = 0) -> dict[str, np.ndarray]:
    """Normal floats, integers in [0, 8), fair booleans, by input name.

    Named open dimensions get small sizes.  Raises OxideError for an input with a dynamic dimension without name.
    """
    rng = np.random.default_rng(seed)
    return {spec.name: random_array(spec, rng) for spec in with_sizes(specs)}


def with_sizes(
    specs: Sequence[TensorSpec], constraints: Sequence[Constraint] = (), given: Mapping[str, int] | None = None
) -> list[TensorSpec]:
    """The specs with a small size for every symbol that `given` has none for.

    Raises OxideError when no sizes that were tried satisfy the constraints.
    """
    known = dict(given or {})
    names = sorted({name for spec in specs for size in spec.symbolic or () for name in symbols(size)} - set(known))
    for first in SAMPLE_SIZES:
        sizes = known | {name: first + i for i, name in enumerate(names)}
        if all(constraint.holds(sizes) for constraint in constraints):
            return [_sized(spec, sizes) for spec in specs]
    wanted = ", ".join(map(str, constraints))
    raise OxideError(f"no sizes found for {', '.join(names)} that satisfy {wanted}; fix them with --dim NAME=SIZE")


def _sized(spec: TensorSpec, sizes: Mapping[str, int]) -> TensorSpec:
    if spec.symbolic is None:
        return spec
    shape = [rename(size, sizes) for size in spec.symbolic]
    return spec.of_shape(tuple(size if isinstance(size, int) else None for size in shape))


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
    specs: Sequence[TensorSpec],
    given: Mapping[str, np.ndarray],
    *,
    fill: bool,
    seed: int = 0,
    constraints: Sequence[Constraint] = (),
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
    missing = [spec for spec in specs if spec.name not in given]
    rest = random_inputs(with_sizes(missing, constraints, _sizes_in(known, given)), seed)
    return {spec.name: given[spec.name] if spec.name in given else rest[spec.name] for spec in specs}


def _sizes_in(specs: Mapping[str, TensorSpec], given: Mapping[str, np.ndarray]) -> dict[str, int]:
    """The symbols' values that the given arrays tell."""
    shapes = [array.shape for array in given.values()]
    values: dict[str, int] = {}
    for source in find_sources([specs[name].symbolic or () for name in given]):
        values[source.symbol] = source.value(shapes[source.tensor][source.axis], values)
    return values


def mismatch(spec: TensorSpec, array: np.ndarray) -> str:
    """Why an array is not what the model takes under this name; empty when it is."""
    fits = len(array.shape) == len(spec.shape) and all(
        want in (None, have) for want, have in zip(spec.shape, array.shape, strict=True)
    )
    if fits and array.dtype == spec.dtype:
        return ""
    return f"{spec.name!r} is {array.dtype}{list(array.shape)}, the model takes {spec}"
