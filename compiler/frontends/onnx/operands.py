"""The kinds of value that an operator's schema admits, checked before its lowering sees them.

Kinds are coarser than ONNX's type constraints: a float is a float, bfloat16 in an operator whose version is older
than bfloat16 included, because the lowerings treat all floats alike.  A shape that is a float, a mask that is an
integer, or a sequence in place of a tensor is an error in the model.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from onnx import defs

from oxide.dialects import dtypes, hlo
from oxide.dialects.diagnostics import OxideError
from oxide.frontends.onnx.bounded import buffer_of
from oxide.frontends.onnx.diagnostics import quoted

Kinds = frozenset[str]

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


def schema_kinds(schema: Any) -> tuple[Kinds, ...]:
    """What each formal input of a schema admits; the last of a variadic schema counts for all that follow."""
    return tuple(_formal_kinds(parameter) for parameter in schema.inputs)


def _formal_kinds(parameter: Any) -> Kinds:
    kinds: set[str] = set()
    if parameter.option == defs.OpSchema.FormalParameterOption.Optional:
        kinds.add(ABSENT)
    for match in filter(None, map(_TYPE.match, parameter.types)):
        optional, sequence, element = match.groups()
        kinds.add(SEQUENCE if sequence else _TENSOR_KINDS[element])
        if optional:
            kinds.add(ABSENT)
    return frozenset(kinds)


def check_kinds(allowed: Sequence[Kinds], names: Sequence[str], values: Sequence[Any]) -> None:
    """Raise OxideError for the first value of a kind that its place does not admit.

    `names` are what the model calls the values.
    """
    for index, value in enumerate(values):
        kinds = allowed[min(index, len(allowed) - 1)]
        kind = _kind(value)
        if kind not in kinds:
            wanted = " or ".join(sorted(kinds - {ABSENT}))
            what = f"input {index} ({quoted(names[index])})" if names[index] else f"input {index}"
            raise OxideError(f"{what} is {kind}, the operator takes {wanted}")


def _kind(value: Any) -> str:
    if value is None:
        return ABSENT
    if isinstance(value, list):
        return SEQUENCE
    return _dtype_kind(hlo.dtype(buffer_of(value)[0]))


@cache
def _dtype_kind(dtype: np.dtype) -> str:
    if dtypes.is_complex(dtype):
        return "complex"
    if dtype == np.bool_:
        return "bool"
    return "integer" if dtypes.is_integer(dtype) else "float"
