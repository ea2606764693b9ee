"""Lowering a node by tracing a JAX function and moving its operations to where the node stands."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import jax
import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.context import parse_module
from oxide.frontends.jax import import_jax
from oxide.frontends.onnx.graph import Graph
from oxide.frontends.onnx.node import Node
from oxide.frontends.onnx.weights import is_small
from oxide.signature import entry_function


@dataclass(frozen=True)
class _Traced:
    """The place of a tensor among the function's traced arguments."""

    number: int


def inline_jax_function(function: Callable[..., Any], node: Node, /, *inputs: Any, **attributes: Any) -> list[Any]:
    """The outputs of `function(*inputs, **attributes)` as values at the insertion point.

    Arrays the function closes over become weights of the model when they are not small.  Raises OxideError when
    JAX cannot trace the function, or a size is not known.
    """
    _check_call(function, node, inputs, attributes)
    tensors: list[ir.Value] = []
    places = [_place(node, value, tensors) for value in inputs]
    present: list[bool] = []

    def call(*traced: Any) -> list[Any]:
        results = function(*(_fill(place, traced) for place in places), **attributes)
        results = list(results) if isinstance(results, tuple | list) else [results]
        present[:] = [result is not None for result in results]
        return [_one_array(node, result) for result in results if result is not None]

    with jax.enable_x64(True):  # ONNX's integers have 64 bits
        traced = import_jax(call, *(jax.ShapeDtypeStruct(hlo.shape(t), hlo.dtype(t)) for t in tensors))
    traced.run_passes("inline,decompose-composites,symbol-dce")
    weights = [node.constant(np.asarray(traced.parameters[spec.name])) for spec in traced.parameter_specs]
    moved = iter(_move(traced.module, [*tensors, *weights], node))
    return [next(moved) if is_present else None for is_present in present]


def _check_call(function: Callable[..., Any], node: Node, inputs: Sequence[Any], attributes: Any) -> None:
    graphs = [name for name, value in attributes.items() if isinstance(value, Graph)]
    if graphs:
        raise node.error(f"attribute {graphs[0]} is a graph, which a JAX function cannot take; write a lowering")
    try:
        inspect.signature(function).bind(*inputs, **attributes)
    except TypeError as error:
        raise node.error(f"the JAX function does not take this node's inputs and attributes: {error}") from error


def _place(node: Node, value: Any, tensors: list[ir.Value]) -> Any:
    """What stands for an input: a place among the traced arguments, a known array, a list of these, or None."""
    if value is None:
        return None
    if isinstance(value, list):
        return [_place(node, element, tensors) for element in value]
    known = node.static_or_none(value)
    if known is not None and is_small(known):
        return np.array(known)
    if not ir.RankedTensorType(value.type).has_static_shape:
        raise node.error(f"JAX functions are traced for fixed sizes, and an input is {value.type}; fix its sizes")
    tensors.append(value)
    return _Traced(len(tensors) - 1)


def _fill(place: Any, traced: Sequence[Any]) -> Any:
    if isinstance(place, list):
        return [_fill(element, traced) for element in place]
    return traced[place.number] if isinstance(place, _Traced) else place


def _one_array(node: Node, result: Any) -> Any:
    if not hasattr(result, "dtype") and not isinstance(result, bool | int | float | complex):
        raise node.error(f"the JAX function returns a {type(result).__name__} where an array is expected")
    return result


def _move(module: ir.Module, arguments: Sequence[ir.Value], node: Node) -> list[ir.Value]:
    """Move the body of a module's `@main` to the insertion point; returns its results."""
    # As text: the bytecode of some dialects JAX uses (sdy) cannot be read back.
    text = str(module.operation.get_asm(enable_debug_info=True))
    here = parse_module(text, cast(ir.Context, ir.Context.current))
    left = [op.operation for op in here.body.operations if op.operation != entry_function(here)]
    if left:
        raise node.error(f"the JAX function calls {left[0].attributes['sym_name']}, which cannot be inlined")
    (block,) = entry_function(here).regions[0].blocks
    for argument, value in zip(block.arguments, arguments, strict=True):
        argument.replace_all_uses_with(value)
    *body, terminator = (view.operation for view in block.operations)
    point = cast(ir.InsertionPoint, ir.InsertionPoint.current)
    for op in body:
        _locate(op, node.name)
        op.detach_from_parent()
        point.insert(op)
    results = list(terminator.operands)
    terminator.erase()
    return results


def _locate(op: ir.Operation, name: str) -> None:
    """Name an operation and all in it after the node; its place in the JAX function stays beside the name."""

    def visit(inner: ir.Operation) -> ir.WalkResult:
        inner.location = ir.Location.name(name, inner.location)
        return ir.WalkResult.ADVANCE

    op.walk(visit)
