"""Symbols in the shapes of a model's inputs: what they are in a call, and the relations they must satisfy.

An argument or result of `@main` with dynamic dimensions may say what their sizes are called,

    oxide.shape = "batch, 3, 2*seq + 1"

one expression for each dimension, in the syntax of `oxide.dialects.dims.parse_sizes`: `+ - * // % max min` over
integers and names.  A name means one size throughout the function.  The function's own attribute

    oxide.constraints = [{relation = "heads >= 1", origin = "loc(\\"Reshape_4\\")"}]

lists relations (`==`, `!=` and `>=`) that its operations rely on; `origin` says which, and may be missing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from jaxlib.mlir import ir

from oxide.dialects.diagnostics import Diagnostic, OxideError
from oxide.dialects.dims import Constraint, Size, find_sources, rename, symbols
from oxide.dialects.shapes import declared_constraints
from oxide.signature import TensorSpec, entry_function


def read_constraints(module: ir.Module) -> tuple[Constraint, ...]:
    """The constraints of `@main`."""
    return declared_constraints(entry_function(module))


def bind_sizes(
    inputs: Sequence[TensorSpec], shapes: Sequence[Sequence[int]], constraints: Sequence[Constraint]
) -> dict[str, int]:
    """The values of the symbols when the inputs have these shapes.

    Raises OxideError when a symbol has two values, a size is not what its expression says, or constraints do not
    hold.
    """
    wanted = [spec.symbolic or () for spec in inputs]
    values: dict[str, int] = {}
    for source in find_sources(wanted):
        values[source.symbol] = source.value(shapes[source.tensor][source.axis], values)
    for spec, shape, sizes in zip(inputs, shapes, wanted, strict=True):
        for axis, (have, size) in enumerate(zip(shape, sizes, strict=False)):
            want = rename(size, values)
            if isinstance(want, int) and want != have:
                given = _origins(size, inputs, values)
                raise OxideError(
                    f"input {spec.name!r}: dimension {axis} is {size}, which is {want} ({given}), not {have}"
                )
    broken = [c for c in constraints if not c.holds(values)]
    if broken:
        listed = ", ".join(f"{name} = {value}" for name, value in values.items())
        raise OxideError(
            f"the model does not work for inputs of these sizes: {listed}",
            [Diagnostic("error", f"{constraint} is needed here", constraint.origin) for constraint in broken],
        )
    return values


def _origins(size: Size, inputs: Sequence[TensorSpec], values: Mapping[str, int]) -> str:
    """`batch is 2 in input 'x'` for each symbol in a size."""
    sources = {source.symbol: source for source in find_sources([spec.symbolic or () for spec in inputs])}
    return ", ".join(
        f"{name} is {values[name]} in input {inputs[sources[name].tensor].name!r}" for name in symbols(size)
    )
