"""Edits of single operations: erased, or replaced by an operand, an argument or zeros."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from jaxlib.mlir import ir
from jaxlib.mlir.dialects import stablehlo

from oxide.dialects.constants import dense, holds_constant, read_constant
from oxide.reduction.edits import (
    Edit,
    body_of,
    called_names,
    function_name,
    functions,
    is_terminator,
    is_used,
    operations,
    set_function_type,
    zero_of,
)


def erase_unused(module: ir.Module) -> list[Edit]:
    """Operations whose results nobody uses, effects or not; a chain of them at once."""
    dead: set[ir.Operation] = set()
    for op in _plain(module):
        if all(use.owner in dead for result in op.results for use in result.uses):
            dead.add(op)
    return [partial(_erase, op) for op in _plain(module) if op in dead]


def replace_by_operand(number: int) -> Callable[[ir.Module], list[Edit]]:
    """Every result becomes the `number`-th operand of the same type."""

    def edits(module: ir.Module) -> list[Edit]:
        found: list[Edit] = []
        for op in _used(module):
            fitting = [[o for o in op.operands if o.type == result.type][number:] for result in op.results]
            if all(fitting):
                found.append(partial(_replace, op, [candidates[0] for candidates in fitting]))
        return found

    return edits


def replace_by_argument(module: ir.Module) -> list[Edit]:
    """Results become new arguments of their function, where nobody calls it: what they come from is cut off."""
    called = called_names(module)
    entries = [function for function in functions(module) if function_name(function) not in called]
    return [
        partial(_to_arguments, function, op)
        for function in entries
        for op in _used(module)
        if op.name != "stablehlo.constant" and _encloses(function, op)
    ]


def replace_by_zeros(module: ir.Module) -> list[Edit]:
    """Results of operations that are no constants become constants."""
    return [partial(_to_zeros, op) for op in _used(module) if op.name != "stablehlo.constant"]


def arguments_by_zeros(module: ir.Module) -> list[Edit]:
    """Arguments of functions become constants inside; what is then unused is dropped by another strategy."""
    return [
        partial(_argument_to_zeros, function, argument)
        for function in functions(module)
        for argument in body_of(function).arguments
        if is_used(argument)
    ]


def constants_to_splats(module: ir.Module) -> list[Edit]:
    """A constant's first element everywhere."""
    return [partial(_splat, op, False) for op in _constants(module) if not _is_splat(read_constant(op))]


def constants_to_zeros(module: ir.Module) -> list[Edit]:
    return [partial(_splat, op, True) for op in _constants(module) if not _is_zero(read_constant(op))]


def _plain(module: ir.Module) -> list[ir.Operation]:
    """What is inside functions, terminators left out."""
    return [op for op in operations(module) if op.name != "func.func" and not is_terminator(op)]


def _used(module: ir.Module) -> list[ir.Operation]:
    return [op for op in _plain(module) if any(map(is_used, op.results))]


def _constants(module: ir.Module) -> list[ir.Operation]:
    return [op for op in operations(module) if holds_constant(op)]


def _is_splat(value: np.ndarray) -> bool:
    return value.size <= 1 or not any(value.strides)


def _is_zero(value: np.ndarray) -> bool:
    return _is_splat(value) and value.tobytes().strip(b"\0") == b""


def _encloses(function: ir.Operation, op: ir.Operation) -> bool:
    inner: ir.Operation | None = op
    while inner is not None and inner.name != "func.func":
        inner = inner.parent
    return inner == function


def _erase(op: ir.Operation) -> None:
    # Its users come first in the chunk, if they are in the same one.
    if not any(map(is_used, op.results)):
        op.erase()


def _replace(op: ir.Operation, values: Sequence[ir.Value]) -> None:
    for result, value in zip(op.results, values, strict=True):
        result.replace_all_uses_with(value)
    op.erase()


def _to_arguments(function: ir.Operation, op: ir.Operation) -> None:
    block = body_of(function)
    values = [block.add_argument(result.type, op.location) for result in op.results]
    if "arg_attrs" in function.attributes:
        known = ir.ArrayAttr(function.attributes["arg_attrs"])
        function.attributes["arg_attrs"] = ir.ArrayAttr.get([*known, *(ir.DictAttr.get({}) for _ in values)])
    _replace(op, values)
    set_function_type(function)


def _to_zeros(op: ir.Operation) -> None:
    values = [zero_of(result, ir.InsertionPoint(op)) for result in op.results]
    known = [value for value in values if value is not None]
    if len(known) == len(values):
        _replace(op, known)


def _argument_to_zeros(function: ir.Operation, argument: ir.Value) -> None:
    zeros = zero_of(argument, ir.InsertionPoint.at_block_begin(body_of(function)))
    if zeros is not None:
        argument.replace_all_uses_with(zeros)


def _splat(op: ir.Operation, zeros: bool) -> None:
    value = read_constant(op)
    if not value.size:
        return
    scalar = value.dtype.type(0) if zeros else value.reshape(-1)[0]
    with ir.InsertionPoint(op), op.location:
        splat = stablehlo.ConstantOp(dense(np.broadcast_to(scalar, value.shape)))
    _replace(op, [splat.result])
