"""Edits of functions as a whole: erased, inlined, or with fewer results and arguments."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from jaxlib.mlir import ir

from oxide.dialects.effects import CALLEE_ATTRIBUTE
from oxide.passes.inlining import inline_bodies
from oxide.reduction.edits import (
    Edit,
    body_of,
    called_names,
    callers,
    drop_entry,
    function_name,
    functions,
    is_used,
    operations,
    rebuild,
    set_function_type,
    terminator_of,
    zero_of,
)


def erase_functions(module: ir.Module) -> list[Edit]:
    """Functions and other symbols; where one is still referred to, the module is invalid and not tried."""
    return [partial(view.operation.erase) for view in reversed(list(module.body.operations))]


def drop_results(module: ir.Module) -> list[Edit]:
    """Results of functions; where a call's is used, its users get zeros."""
    return [
        partial(_drop_result, module, function, index)
        for function in reversed(functions(module))
        for index in reversed(range(len(terminator_of(body_of(function)).operands)))
    ]


def return_operand(number: int) -> Callable[[ir.Module], list[Edit]]:
    """Functions that nobody calls return operand `number` of what computes a result, of whatever type, instead."""

    def edits(module: ir.Module) -> list[Edit]:
        called = called_names(module)
        return [
            partial(_return_instead, function, index, value.owner.operands[number])
            for function in reversed(functions(module))
            if function_name(function) not in called
            for index, value in enumerate(terminator_of(body_of(function)).operands)
            if isinstance(value.owner, ir.Operation | ir.OpView) and len(value.owner.operands) > number
        ]

    return edits


def drop_arguments(module: ir.Module) -> list[Edit]:
    """Arguments that no operation uses."""
    return [
        partial(_drop_argument, module, function, index)
        for function in reversed(functions(module))
        for index in reversed(range(len(body_of(function).arguments)))
        if not is_used(body_of(function).arguments[index])
    ]


def inline_calls(module: ir.Module) -> list[Edit]:
    """Calls and composites, each replaced by a copy of its function's body."""
    return [partial(_inline, module, op) for op in operations(module) if op.name in CALLEE_ATTRIBUTE]


def _drop_result(module: ir.Module, function: ir.Operation, index: int) -> None:
    end = terminator_of(body_of(function))
    kept = [n for n in range(len(end.operands)) if n != index]
    for call in callers(module, function_name(function)):
        result = call.results[index]
        if is_used(result):
            zeros = zero_of(result, ir.InsertionPoint(call))
            if zeros is None:
                return
            result.replace_all_uses_with(zeros)
        rebuild(call, list(call.operands), kept)
    rebuild(end, [end.operands[n] for n in kept], [])
    drop_entry(function, "res_attrs", index)
    set_function_type(function)


def _return_instead(function: ir.Operation, index: int, value: ir.Value) -> None:
    end = terminator_of(body_of(function))
    operands = list(end.operands)
    operands[index] = value
    rebuild(end, operands, [])
    set_function_type(function)


def _drop_argument(module: ir.Module, function: ir.Operation, index: int) -> None:
    for call in callers(module, function_name(function)):
        operands = [operand for n, operand in enumerate(call.operands) if n != index]
        rebuild(call, operands, range(len(call.results)))
    body_of(function).erase_argument(index)
    drop_entry(function, "arg_attrs", index)
    set_function_type(function)


def _inline(module: ir.Module, site: ir.Operation) -> None:
    name = ir.FlatSymbolRefAttr(site.attributes[CALLEE_ATTRIBUTE[site.name]]).value
    inline_bodies(module, lambda op: name if op == site else None)
