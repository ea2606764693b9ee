"""Values the caller gives to inputs at import, and which inputs a value that a lowering must know depends on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxlib.mlir import ir
from onnx import TypeProto

from oxide.dialects.diagnostics import OxideError
from oxide.frontends.onnx.diagnostics import quoted
from oxide.frontends.onnx.initializers import element_dtype


def check_values(
    values: Mapping[str, Any], inputs: Sequence[str], types: Mapping[str, TypeProto]
) -> dict[str, np.ndarray]:
    """The given values as arrays.  Raises OxideError for one that is no input's or not of its input's type."""
    unknown = [name for name in values if name not in inputs]
    if unknown:
        have = ", ".join(map(quoted, inputs)) or "none"
        raise OxideError(f"a value is given for {quoted(unknown[0])}, which is no input; the inputs are: {have}")
    arrays = {name: np.array(value) for name, value in values.items()}
    for name, array in arrays.items():
        problem = _mismatch(array, types[name], f"input {quoted(name)}")
        if problem:
            raise OxideError(f"the value given for input {quoted(name)} {problem}")
    return arrays


def _mismatch(array: np.ndarray, proto: TypeProto, what: str) -> str:
    if proto.WhichOneof("value") != "tensor_type":
        return "is a tensor; the input is not"
    tensor = proto.tensor_type
    dtype = element_dtype(tensor.elem_type, what)
    if array.dtype != dtype:
        return f"has element type {array.dtype}, the model declares {dtype}"
    if not tensor.HasField("shape"):
        return ""
    sizes = [dim.dim_value if dim.HasField("dim_value") else -1 for dim in tensor.shape.dim]
    declared = [None if size < 0 else size for size in sizes]
    fits = len(declared) == array.ndim and all(
        want in (None, have) for want, have in zip(declared, array.shape, strict=True)
    )
    shown = tuple("?" if size is None else size for size in declared)
    return "" if fits else f"has shape {array.shape}, the model declares {shown}"


def arguments_behind(value: ir.Value, entry: ir.Block) -> list[int]:
    """The numbers of the arguments of block `entry` that a value is computed from, ascending."""
    found: set[int] = set()
    seen: set[ir.Operation] = set()
    pending: list[ir.Value] = [value]
    while pending:
        current = pending.pop()
        owner = current.owner
        if isinstance(owner, ir.Block):
            if owner == entry:
                found.add(ir.BlockArgument(current).arg_number)
                continue
            owner = owner.owner
        operation = owner.operation
        if operation not in seen:
            seen.add(operation)
            pending += _read_by(operation)
    return sorted(found)


def _read_by(operation: ir.Operation) -> list[ir.Value]:
    """The operands of an operation and of those in its regions, which may capture values."""
    values: list[ir.Value] = []

    def visit(inner: ir.Operation) -> ir.WalkResult:
        values.extend(inner.operands)
        return ir.WalkResult.ADVANCE

    operation.walk(visit)
    return values
