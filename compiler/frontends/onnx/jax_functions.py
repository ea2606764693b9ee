"""Lowering a node by tracing a JAX function and moving its operations to where the node stands."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxlib.mlir import ir

from oxide.frontends.jax.inlining import inline
from oxide.frontends.onnx.graph import Graph
from oxide.frontends.onnx.node import Node
from oxide.frontends.onnx.weights import is_small


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

    moved = iter(inline(call, tensors, node.constant, node.name))
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
