"""What an operator's schema admits as inputs, checked before its lowering sees them.

Kinds are coarser than ONNX's type constraints: a float is a float, bfloat16 in an operator whose version is older
than bfloat16 included, because the lowerings treat all floats alike.  A shape that is a float, a mask that is an
integer, or a sequence in place of a tensor is an error in the model.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from onnx import defs

from oxide.dialects import dtypes, hlo
from oxide.dialects.diagnostics import OxideError
from oxide.frontends.bounded import buffer_of
from oxide.frontends.onnx.diagnostics import quoted

ABSENT, SEQUENCE = "absent", "a sequence"
# `tensor(int64)`, `seq(tensor(float))`, `optional(tensor(bool))`; other kinds have no counterpart here.
_TYPE = re.compile(r"(optional\()?(?:(seq)\(|tensor\((bool|u?int|b?float|double|complex))")
_TENSOR_KINDS = {
    "bool": "bool",
    "int": "integer",
    "uint": "integer",
    "float": "float",
    "bfloat": "float",
    "double": "float",
    "complex": "complex",
}


@dataclass(frozen=True)
class Formal:
    """What one formal input admits; inputs with the same `variable` must have one element type."""

    kinds: frozenset[str]
    variable: str | None


def schema_formals(schema: Any) -> tuple[Formal, ...]:
    """The formal inputs of a schema; the last of a variadic schema counts for all that follow."""
    variables = {constraint.type_param_str for constraint in schema.type_constraints}
    return tuple(
        Formal(_kinds(parameter), parameter.type_str if _binds(parameter, variables) else None)
        for parameter in schema.inputs
    )


def _binds(parameter: Any, variables: set[str]) -> bool:
    return parameter.is_homogeneous and parameter.type_str in variables


def _kinds(parameter: Any) -> frozenset[str]:
    kinds: set[str] = set()
    if parameter.option == defs.OpSchema.FormalParameterOption.Optional:
        kinds.add(ABSENT)
    for match in filter(None, map(_TYPE.match, parameter.types)):
        optional, sequence, element = match.groups()
        kinds.add(SEQUENCE if sequence else _TENSOR_KINDS[element])
        if optional:
            kinds.add(ABSENT)
    return frozenset(kinds)


def check_operands(formals: Sequence[Formal], names: Sequence[str], values: Sequence[Any]) -> None:
    """Raise OxideError for the first value of a kind or element type that its place does not admit.

    `names` are what the model calls the values.
    """
    bound: dict[str, tuple[int, np.dtype]] = {}
    for index, value in enumerate(values):
        formal = formals[min(index, len(formals) - 1)]
        if value is None or isinstance(value, list):
            kind = ABSENT if value is None else SEQUENCE
        else:
            dtype = hlo.dtype(buffer_of(value)[0])
            kind = _dtype_kind(dtype)
            if formal.variable is not None:
                first, wanted = bound.setdefault(formal.variable, (index, dtype))
                if dtype != wanted:
                    one, other = _place(names, first), _place(names, index)
                    raise OxideError(f"{one} has element type {wanted}, {other} has {dtype}; they must be the same")
        if kind not in formal.kinds:
            admitted = " or ".join(sorted(formal.kinds - {ABSENT}))
            raise OxideError(f"{_place(names, index)} is {kind}, the operator takes {admitted}")


def _place(names: Sequence[str], index: int) -> str:
    return f"input {index} ({quoted(names[index])})" if names[index] else f"input {index}"


@cache
def _dtype_kind(dtype: np.dtype) -> str:
    if dtypes.is_complex(dtype):
        return "complex"
    if dtype == np.bool_:
        return "bool"
    return "integer" if dtypes.is_integer(dtype) else "float"
