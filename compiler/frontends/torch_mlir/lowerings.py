"""What operations of the `torch` dialect stand for: operators of PyTorch, constants, lists, numbers and copies."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from jaxlib.mlir import ir

from oxide.dialects.constants import holds_elements, read_elements
from oxide.dialects.diagnostics import OxideError
from oxide.dialects.resources import resource_key
from oxide.frontends.torch.dtypes import to_numpy
from oxide.frontends.torch_mlir import operators
from oxide.frontends.torch_mlir.control_flow import branches, inline_call, loop
from oxide.frontends.torch_mlir.graph import Region, metas, operation_name, property_of
from oxide.frontends.torch_mlir.types import NUMBERS, TensorType, code_of_dtype, tensor_type

Handler = Callable[[Region, ir.Operation, list[Any]], Sequence[Any]]

aten: Any = torch.ops.aten


def lower(region: Region, op: ir.Operation, operands: list[Any]) -> Sequence[Any]:
    """What the results of an operation stand for in the graph of its region.  Raises OxideError."""
    name = op.name
    if name in operators.SAME:
        return [operands[0]]
    if name in _HANDLERS:
        return _HANDLERS[name](region, op, operands)
    if not name.startswith("torch."):
        raise OxideError("operations of this dialect are not supported among those of the torch dialect")
    family, _ = operators.split_name(name)
    if family in operators.NUMBERS and all(str(value.type) in NUMBERS for value in op.results):
        return [region.call(operators.NUMBERS[family], operands)]
    overload = operators.overload(operation_name(op))
    result = region.call(overload, *operators.bind(overload, operands))
    return _results(op, result)


def _results(op: ir.Operation, result: Any) -> Sequence[Any]:
    """Of a call, one for each result of the operation."""
    if not len(op.results):
        return []
    return [result] if len(op.results) == 1 else result


# --------------------------------------------------------------------------------------------------- constants


def _constant(region: Region, op: ir.Operation, operands: list[Any]) -> Sequence[Any]:
    return [property_of(op, "value").value]


def _literal(region: Region, op: ir.Operation, operands: list[Any]) -> Sequence[Any]:
    """A fresh copy each time: operators that change their operands do not change a literal."""
    kind = tensor_type(str(op.results[0].type))
    if kind is None or kind.dtype is None or kind.shape is None or None in kind.shape:
        raise OxideError(f"a literal of type {op.results[0].type} has no shape or dtype")
    tensors = region.scope.literals
    key: Any = op.results[0]
    if "oxide.value" in op.attributes and not holds_elements(op, "oxide.value"):
        key = resource_key(str(property_of(op, "value"))) or ""
    if key not in tensors:
        tensors[key] = _elements(region, op, key, kind)
    tensor = tensors[key]
    name = key if isinstance(key, str) else f"literal_{len(tensors)}"
    with region.scope.sizes.mode:
        meta = aten.lift_fresh_copy.default(tensor)
    return [region.record(aten.lift_fresh_copy.default, [region.constant(name, tensor, meta)], {}, meta)]


def _elements(region: Region, op: ir.Operation, key: Any, kind: TensorType) -> torch.Tensor:
    assert kind.shape is not None
    assert kind.dtype is not None
    dtype, shape = to_numpy(kind.dtype), tuple(size or 0 for size in kind.shape)
    if not isinstance(key, str):
        return _tensor(read_elements(op, "oxide.value", dtype, shape), kind.dtype)
    data = region.scope.resources.get(key)
    if data is None or len(data) != int(np.prod(shape)) * dtype.itemsize:
        found = (
            "is not in the module" if data is None else f"has {len(data)} bytes, not those of {op.results[0].type}"
        )
        raise OxideError(f"the resource {key} {found}")
    return _tensor(np.frombuffer(data, dtype).reshape(shape), kind.dtype)


def _tensor(array: np.ndarray, dtype: torch.dtype) -> torch.Tensor:
    """A tensor with memory of its own; PyTorch makes none of arrays of ml_dtypes."""
    return torch.from_numpy(np.array(array).reshape(-1).view(np.uint8)).view(dtype).reshape(array.shape)


# ----------------------------------------------------------------------------------------- lists and numbers


def _item(region: Region, op: ir.Operation, operands: list[Any]) -> Sequence[Any]:
    """The number in a tensor, of the kind the operation gives."""
    number = region.call(aten.item.default, operands[:1])
    target = str(op.results[0].type)
    known = metas(number)
    if target == "!torch.int" and not isinstance(known, int | torch.SymInt):
        number = region.call(torch.sym_int, [number])
    elif target == "!torch.float" and not isinstance(known, float | torch.SymFloat):
        number = region.call(torch.sym_float, [number])
    elif target == "!torch.bool" and not isinstance(known, bool | torch.SymBool):
        number = region.call(operator.ne, [number, 0])
    return [number]


def _truth(region: Region, op: ir.Operation, operands: list[Any]) -> Sequence[Any]:
    return [region.call(operator.ne, [operands[0], 0])]


def _to_tensor(region: Region, op: ir.Operation, operands: list[Any]) -> Sequence[Any]:
    """A number as a tensor of rank 0, of the dtype the module says."""
    kind = tensor_type(str(op.results[0].type))
    number = metas(operands[0])
    natural = torch.int64 if type(number) in (int, torch.SymInt) else torch.float64
    natural = torch.bool if isinstance(number, bool | torch.SymBool) else natural
    dtype = kind.dtype if kind and kind.dtype else natural
    return [region.call(aten.scalar_tensor.default, operands[:1], {"dtype": dtype})]


def _size(region: Region, op: ir.Operation, operands: list[Any]) -> Sequence[Any]:
    rank = metas(operands[0]).dim()
    return [[region.call(aten.sym_size.int, [operands[0], axis]) for axis in range(rank)]]


def _element(region: Region, op: ir.Operation, operands: list[Any]) -> Sequence[Any]:
    values, index = operands
    if not isinstance(index, int) or not -len(values) <= index < len(values):
        raise OxideError("the index into a list must be known when the module is imported, and inside of it")
    return [values[index]]


def _is(region: Region, op: ir.Operation, operands: list[Any]) -> Sequence[Any]:
    same = metas(operands[0]) is metas(operands[1])
    return [same if op.name == "torch.aten.__is__" else not same]


def _overwrite(region: Region, op: ir.Operation, operands: list[Any]) -> Sequence[Any]:
    value, target = operands
    region.call(aten.copy_.default, [target, value])
    return []


def _assertion(region: Region, op: ir.Operation, operands: list[Any]) -> Sequence[Any]:
    message = property_of(op, "message").value
    condition = operands[0]
    if condition is False:
        raise OxideError(f"the module asserts what is not so: {message}")
    if condition is not True:
        region.record(aten._assert_scalar.default, [condition, message], {}, None)
    return []


def _copy(region: Region, op: ir.Operation, operands: list[Any]) -> Sequence[Any]:
    return [region.call(aten.clone.default, operands)]


def _unpack(region: Region, op: ir.Operation, operands: list[Any]) -> Sequence[Any]:
    if len(operands[0]) != len(op.results):
        raise OxideError(f"a list of {len(operands[0])} elements is unpacked into {len(op.results)}")
    return operands[0]


_HANDLERS: dict[str, Handler] = {
    **{f"torch.constant.{kind}": _constant for kind in ("int", "float", "bool", "str", "device", "number")},
    "torch.constant.none": lambda region, op, operands: [None],
    "torch.vtensor.literal": _literal,
    "torch.tensor.literal": _literal,
    "torch.prim.ListConstruct": lambda region, op, operands: [operands],
    "torch.prim.TupleConstruct": lambda region, op, operands: [operands],
    "torch.prim.ListUnpack": _unpack,
    "torch.prim.TupleUnpack": _unpack,
    "torch.prim.TupleIndex": _element,
    "torch.aten.__getitem__.t": _element,
    "torch.aten.len.t": lambda region, op, operands: [len(operands[0])],
    "torch.aten.size": _size,
    "torch.aten.size.int": lambda region, op, operands: [region.call(aten.sym_size.int, operands)],
    "torch.aten.numel": lambda region, op, operands: [region.call(aten.sym_numel.default, operands)],
    "torch.aten.dim": lambda region, op, operands: [metas(operands[0]).dim()],
    "torch.prim.dtype": lambda region, op, operands: [code_of_dtype(metas(operands[0]).dtype)],
    "torch.prim.layout": lambda region, op, operands: [0],
    "torch.prim.device": lambda region, op, operands: ["cpu"],
    "torch.aten.__is__": _is,
    "torch.aten.__isnot__": _is,
    "torch.aten.item": _item,
    **{f"torch.aten.{kind}.Tensor": _item for kind in ("Int", "Float", "Bool")},
    **{f"torch.aten.{kind}Implicit": _item for kind in ("Int", "Float", "Scalar")},
    **{f"torch.aten.Bool.{kind}": _truth for kind in ("int", "float")},
    "torch.prim.NumToTensor.Scalar": _to_tensor,
    **{f"torch.aten.tensor.{kind}": _to_tensor for kind in ("int", "float", "bool")},
    "torch.copy.to_tensor": _copy,
    "torch.copy.to_vtensor": _copy,
    "torch.overwrite.tensor.contents": _overwrite,
    "torch.runtime.assert": _assertion,
    # What it says of inputs was read beforehand; other shapes follow from these.
    "torch.bind_symbolic_shape": lambda region, op, operands: [],
    "torch.symbolic_int": lambda region, op, operands: [None],
    "torch.prim.If": branches,
    "torch.prim.Loop": loop,
    "func.call": inline_call,
}
