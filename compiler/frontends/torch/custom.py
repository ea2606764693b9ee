"""Lowerings that the caller of an import gives for operators of other libraries: JAX functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from jaxlib.mlir import ir

from oxide.dialects.diagnostics import OxideError
from oxide.frontends.torch.dtypes import to_numpy
from oxide.frontends.torch.node import Node
from oxide.frontends.torch.schemas import find_overload, schema_of


def read_given(lowerings: Mapping[str, Callable[..., Any]] | None) -> dict[str, Callable[..., Any]]:
    """Functions by operator and overload, from names like `mylib::scale` and `mylib::scale.out`.

    Raises OxideError for what is no operator, one that changes its arguments, or no function.
    """
    return {_overload_name(name, f): partial(_trace, f) for name, f in (lowerings or {}).items()}


def _overload_name(name: str, function: Any) -> str:
    library, _, rest = name.partition("::")
    operator, _, overload = rest.partition(".")
    op = find_overload(f"{library}.{operator}.{overload or 'default'}") if operator else None
    if op is None:
        raise OxideError(f"lowerings: there is no operator {name!r}; names are like 'mylib::scale'")
    if schema_of(op).mutated:
        raise OxideError(f"lowerings: {name} changes its arguments, which a JAX function cannot")
    if not callable(function):
        raise OxideError(f"lowerings: what is given for {name} is no function but a {type(function).__name__}")
    return str(op)


def _trace(function: Callable[..., Any], node: Node, **arguments: Any) -> Any:
    """`function(**arguments)` with tensors as JAX arrays, by the names of the operator's schema; other arguments as
    Python has them, dtypes as numpy's."""
    from oxide.frontends.jax.inlining import inline  # imports JAX, which takes a second

    tensors: list[ir.Value] = []
    places = {name: _place(value, tensors) for name, value in arguments.items()}

    def call(*traced: Any) -> list[Any]:
        results = function(**{name: _fill(place, traced) for name, place in places.items()})
        return list(results) if isinstance(results, tuple | list) else [results]

    values = inline(call, tensors, lambda array: node.constant(array.copy()), node.name)
    wanted = len(node.meta) if isinstance(node.meta, list | tuple) else 1
    if len(values) != wanted:
        raise node.error(f"the JAX function returns {len(values)} results, the operator {wanted}")
    return values if isinstance(node.meta, list | tuple) else values[0]


class _Traced(int):
    """The place of a tensor among the function's traced arguments."""


def _place(value: Any, tensors: list[ir.Value]) -> Any:
    if isinstance(value, ir.Value):
        tensors.append(value)
        return _Traced(len(tensors) - 1)
    if isinstance(value, list):
        return [_place(element, tensors) for element in value]
    return to_numpy(value) if isinstance(value, torch.dtype) else value


def _fill(place: Any, traced: tuple[Any, ...]) -> Any:
    if isinstance(place, list):
        return [_fill(element, traced) for element in place]
    return traced[place] if isinstance(place, _Traced) else place
