"""What an edit is, and the steps that the strategies' edits are made of.

The edits of one strategy are applied several at a time, in the order they are listed.  So an edit may erase its own
operation and what that holds, and inner operations are listed before outer, later before earlier ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxlib.mlir import ir
from jaxlib.mlir.dialects import stablehlo

from oxide.dialects.attributes import symbol
from oxide.dialects.constants import dense
from oxide.dialects.diagnostics import OxideError
from oxide.dialects.dtypes import to_numpy
from oxide.dialects.effects import CALLEE_ATTRIBUTE

# Changes the module it was listed for.
Edit = Callable[[], None]


@dataclass(frozen=True)
class Strategy:
    """One way to make modules smaller: its edits of a module, the same ones in the same order for every copy."""

    name: str
    edits: Callable[[ir.Module], list[Edit]]


def operations(module: ir.Module) -> list[ir.Operation]:
    """All operations inside the module, inner before outer and later before earlier."""
    found: list[ir.Operation] = []

    def visit(op: ir.Operation) -> ir.WalkResult:
        found.append(op)
        return ir.WalkResult.ADVANCE

    module.operation.walk(visit, ir.WalkOrder.PRE_ORDER)
    return found[:0:-1]


def functions(module: ir.Module) -> list[ir.Operation]:
    """The functions with a body of one block."""
    return [
        view.operation
        for view in module.body.operations
        if view.operation.name == "func.func" and len(view.operation.regions[0].blocks) == 1
    ]


def function_name(function: ir.Operation) -> str:
    return ir.StringAttr(function.attributes["sym_name"]).value


def callers(module: ir.Module, name: str) -> list[ir.Operation]:
    """The calls of a function, and the composites that it decomposes."""
    return [op for op in operations(module) if op.name in CALLEE_ATTRIBUTE and _callee(op) == name]


def _callee(op: ir.Operation) -> str:
    return symbol(op, CALLEE_ATTRIBUTE[op.name])


def called_names(module: ir.Module) -> set[str]:
    return {_callee(op) for op in operations(module) if op.name in CALLEE_ATTRIBUTE}


def body_of(op: ir.Operation, region: int = 0) -> ir.Block:
    return op.regions[region].blocks[0]


def terminator_of(block: ir.Block) -> ir.Operation:
    return list(block.operations)[-1].operation


def is_terminator(op: ir.Operation) -> bool:
    """Whether a block of a function, or of an operation in one, ends with `op`."""
    parent = op.parent
    return parent is not None and parent.name != "builtin.module" and terminator_of(op.block) == op


def is_used(value: ir.Value) -> bool:
    return next(iter(value.uses), None) is not None


def zero_of(value: ir.Value, point: ir.InsertionPoint) -> ir.Value | None:
    """A constant of zeros of the value's type, built at `point`; None for what has no constants."""
    try:
        kind = ir.RankedTensorType(value.type)
        dtype = to_numpy(kind.element_type)
    except (ValueError, OxideError):  # tokens, tuples, quantised elements
        return None
    if not kind.has_static_shape or kind.encoding is not None:
        return None
    with point, value.location:
        return stablehlo.ConstantOp(dense(np.broadcast_to(dtype.type(0), kind.shape))).result


def rebuild(op: ir.Operation, operands: Sequence[ir.Value], kept: Sequence[int]) -> ir.Operation:
    """Replace an operation by one with other operands and only the results `kept`; the rest must be unused."""
    attributes = {name: op.attributes[name] for name in op.attributes}
    copy = ir.Operation.create(
        op.name,
        results=[op.results[index].type for index in kept],
        operands=list(operands),
        attributes=attributes,
        regions=len(op.regions),
        loc=op.location,
        ip=ir.InsertionPoint(op),
    )
    for old, new in zip(op.regions, copy.regions, strict=True):
        for block in list(old.blocks):
            block.append_to(new)
    for index, result in zip(kept, copy.results, strict=True):
        op.results[index].replace_all_uses_with(result)
    op.erase()
    return copy


def set_function_type(function: ir.Operation) -> None:
    """Make a function's type that of its block's arguments and of what it returns."""
    block = body_of(function)
    inputs = [argument.type for argument in block.arguments]
    results = [value.type for value in terminator_of(block).operands]
    function.attributes["function_type"] = ir.TypeAttr.get(ir.FunctionType.get(inputs, results))


def drop_entry(function: ir.Operation, name: str, index: int) -> None:
    """Remove one dictionary from `arg_attrs` or `res_attrs`."""
    if name in function.attributes:
        entries = list(ir.ArrayAttr(function.attributes[name]))
        function.attributes[name] = ir.ArrayAttr.get(entries[:index] + entries[index + 1 :])
