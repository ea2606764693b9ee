"""PyTorch's type promotion: which dtype an elementwise operation computes in, and which one it returns.

The rules are those of `torch.result_type` and of `torch._prims_common.elementwise_dtypes`: tensors with dimensions
decide; a 0-d tensor or a Python number counts only where it is of a higher category (bool < integer < float <
complex).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from functools import cache
from typing import Any

import numpy as np
import torch
from jaxlib.mlir import ir

from oxide.dialects import dtypes as element_types
from oxide.dialects import hlo
from oxide.frontends.torch.dtypes import to_numpy, to_torch


class Kind(Enum):
    """How the result of an operation follows from its operands' common dtype."""

    DEFAULT = "the common dtype"
    INT_TO_FLOAT = "integers and bools become the default float"
    ALWAYS_BOOL = "bool whatever was compared"
    COMPLEX_TO_FLOAT = "complex operands give their real dtype"
    BOOL_TO_LONG = "bools become int64"


_BOOL, _INTEGER, _FLOAT, _COMPLEX = range(4)


def category(dtype: np.dtype) -> int:
    """0 to 3: bool, integer, float, complex."""
    if dtype == np.bool_:
        return _BOOL
    if element_types.is_complex(dtype):
        return _COMPLEX
    return _FLOAT if element_types.is_float(dtype) else _INTEGER


def common_dtype(operands: Iterable[Any]) -> np.dtype:
    """`torch.result_type` of values and Python numbers; None is skipped."""
    ranked: np.dtype | None = None
    scalar: np.dtype | None = None
    number: np.dtype | None = None
    for operand in operands:
        if isinstance(operand, ir.Value):
            dtype = hlo.dtype(operand)
            if hlo.rank(operand):
                ranked = promoted(ranked, dtype)
            else:
                scalar = promoted(scalar, dtype)
        elif operand is not None:
            number = promoted(number, number_dtype(operand))
    return _combine(_combine(ranked, scalar), number) or default_float()


def number_dtype(number: Any) -> np.dtype:
    """The dtype a tensor made of a Python number has: bool, int64, the default float or its complex kin."""
    if isinstance(number, bool):
        return np.dtype(np.bool_)
    if isinstance(number, float):
        return default_float()
    if isinstance(number, complex):
        return complex_of(default_float())
    return np.dtype(np.int64)


def default_float() -> np.dtype:
    return to_numpy(torch.get_default_dtype())


def complex_of(dtype: np.dtype) -> np.dtype:
    """The complex dtype whose parts are of a float dtype (complex64 for the half-precision ones)."""
    return np.dtype(np.complex128 if dtype == np.float64 else np.complex64)


def real_of(dtype: np.dtype) -> np.dtype:
    """The dtype of the parts of a complex dtype; any other dtype itself."""
    if element_types.is_complex(dtype):
        return np.dtype(np.float64 if dtype == np.complex128 else np.float32)
    return dtype


def with_numbers(arguments: dict[str, Any], fake: Callable[[str], Any]) -> dict[str, Any]:
    """Arguments in which computed numbers promote the tensors among them as Python's numbers do.

    `fake` gives what PyTorch has for an argument.  A float next to half-precision tensors is float32, in which
    formulas of theirs are computed.
    """
    scalars = [name for name, x in arguments.items() if isinstance(x, ir.Value) and hlo.rank(x) == 0]
    numbers = [name for name in scalars if isinstance(fake(name), torch.SymInt | torch.SymFloat | torch.SymBool)]
    tensors = [x for name, x in arguments.items() if isinstance(x, ir.Value) and name not in numbers]
    converted = dict(arguments)
    for name in numbers if tensors else []:
        kind = category(hlo.dtype(arguments[name]))
        common = compute_dtype(common_dtype([*tensors, (True, 1, 1.0, 1j)[kind]]))
        if category(common) == kind:
            converted[name] = hlo.convert(arguments[name], common)
    return converted


def promoted(a: np.dtype | None, b: np.dtype) -> np.dtype:
    return b if a is None or a == b else _promoted(a, b)


@cache
def _promoted(a: np.dtype, b: np.dtype) -> np.dtype:
    return to_numpy(torch.promote_types(to_torch(a), to_torch(b)))


def _combine(higher: np.dtype | None, lower: np.dtype | None) -> np.dtype | None:
    """The dtype of operands of two priorities: the lower one counts where its category is higher."""
    if higher is None or lower is None:
        return higher or lower
    if category(lower) <= category(higher):
        return higher
    if category(lower) == _COMPLEX and category(higher) == _FLOAT:
        return complex_of(higher)
    return lower


def compute_dtype(dtype: np.dtype) -> np.dtype:
    """Formulas of more than one step are computed in float32 for the narrower floats, as PyTorch's kernels do."""
    return np.dtype(np.float32) if element_types.is_float(dtype) and dtype.itemsize < 4 else dtype


def result_dtype(kind: Kind, operands: Sequence[Any]) -> tuple[np.dtype, np.dtype]:
    """(the dtype operands are brought to, the dtype of the result) of an elementwise operation."""
    common = common_dtype(operands)
    if kind is Kind.INT_TO_FLOAT and category(common) < _FLOAT:
        common = default_float()
    elif kind is Kind.BOOL_TO_LONG and category(common) == _BOOL:
        common = np.dtype(np.int64)
    if kind is Kind.ALWAYS_BOOL:
        return common, np.dtype(np.bool_)
    if kind is Kind.COMPLEX_TO_FLOAT:
        return common, real_of(common)
    return common, common


def convert_all(operands: Iterable[Any], dtype: np.dtype) -> list[Any]:
    """Values converted to a dtype; Python numbers stay, to become constants of it."""
    return [hlo.convert(x, dtype) if isinstance(x, ir.Value) else x for x in operands]
