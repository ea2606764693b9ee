"""Operations of the `torch` dialect and the operators of PyTorch they stand for."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch._ops import OpOverload

from oxide.dialects.diagnostics import OxideError
from oxide.frontends.torch.schemas import find_overload
from oxide.frontends.torch_mlir.types import dtype_of_code

# Operations whose result is their first operand.
SAME = {"torch.tensor_static_info_cast", "torch.derefine", "torch.prim.unchecked_cast"}

# Functions of numbers by operator, whatever its overload: those of oxide.frontends.torch.numbers.
NUMBERS: dict[str, Callable[..., Any]] = {
    "aten.add": operator.add,
    "aten.sub": operator.sub,
    "aten.mul": operator.mul,
    "aten.div": operator.truediv,
    "aten.floordiv": operator.floordiv,
    "aten.remainder": operator.mod,
    "aten.pow": operator.pow,
    "aten.neg": operator.neg,
    "aten.abs": operator.abs,
    "aten.eq": operator.eq,
    "aten.ne": operator.ne,
    "aten.lt": operator.lt,
    "aten.le": operator.le,
    "aten.gt": operator.gt,
    "aten.ge": operator.ge,
    "aten.__and__": operator.and_,
    "aten.__or__": operator.or_,
    "aten.__not__": torch.sym_not,
    "aten.Int": torch.sym_int,
    "aten.Float": torch.sym_float,
    "aten.sqrt": torch._sym_sqrt,  # pyright: ignore[reportAttributeAccessIssue]
    "aten.ceil": math.ceil,
    "aten.floor": math.floor,
    "prim.max": torch.sym_max,
    "prim.min": torch.sym_min,
    "prim.abs": operator.abs,
}


def split_name(name: str) -> tuple[str, str]:
    """`torch.aten.add.Tensor` as (`aten.add`, `Tensor`); the overload is `default` where none is named."""
    parts = name.removeprefix("torch.").split(".")
    return ".".join(parts[:2]), ".".join(parts[2:]) or "default"


def overload(name: str) -> OpOverload:
    """The operator of PyTorch.  Raises OxideError when there is none."""
    if name.startswith(("onnx.", "torch.onnx.")):
        raise OxideError("it is an ONNX operator; import the ONNX model itself: oxide.import_onnx")
    family, variant = split_name(name)
    found = find_overload(f"{family}.{variant}") if family.count(".") == 1 and "." not in variant else None
    if found is None:
        raise OxideError("this operation is no operator that this PyTorch knows")
    return found


def bind(op: OpOverload, operands: Sequence[Any]) -> tuple[list[Any], dict[str, Any]]:
    """Operands, all in the order of the schema, as positional and keyword arguments of their PyTorch types."""
    arguments = op._schema.arguments
    if len(operands) > len(arguments):
        raise OxideError(f"it has {len(operands)} operands, and PyTorch's operator {len(arguments)} arguments")
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    for argument, operand in zip(arguments, operands, strict=False):
        value = _coerced(operand, str(argument.real_type))
        if argument.kwarg_only:
            kwargs[argument.name] = value
        else:
            args.append(value)
    return args, kwargs


def _coerced(value: Any, kind: str) -> Any:
    """Numbers that name dtypes, layouts and memory formats become PyTorch's objects."""
    kind = kind.removeprefix("Optional[").removesuffix("]")
    if kind == "Device" and value is not None:
        return torch.device("cpu")  # where a tensor lives is not a matter of values
    if kind not in _ENUMERATIONS or type(value) is not int:
        return value
    return _ENUMERATIONS[kind](value)


def _layout(code: int) -> torch.layout:
    if code != 0:
        raise OxideError("tensors of a sparse layout are not supported; make them dense")
    return torch.strided


_MEMORY_FORMATS = (
    torch.contiguous_format,
    torch.preserve_format,
    torch.channels_last,
    torch.channels_last_3d,
)
_ENUMERATIONS: dict[str, Callable[[int], Any]] = {
    "ScalarType": dtype_of_code,
    "Layout": _layout,
    "MemoryFormat": _MEMORY_FORMATS.__getitem__,
}
