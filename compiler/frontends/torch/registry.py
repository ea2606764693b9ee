"""Which ATen and prims operators Oxide lowers: functions keyed by operator and overload, `aten.softmax.int`.

A lowering is a function of a node and of the operator's arguments under their schema names; it returns what the
operator returns:

    @lowering("aten.softmax.int")
    def softmax(node, self, dim, dtype=None): ...

Tensors come as `ir.Value`s, numbers, lists and dtypes as Python has them, defaults filled in from the schema.
One function may serve several overloads: each argument of each must be a parameter, and a parameter that one of
them lacks must have a default.  So no argument is ignored by accident.  A name that is a Python keyword has
an underscore (`from_`).

A view is registered with `view` and returns a `tensors.View` (a list of them for several results), or a value where
this call of it is a fresh tensor after all.
In-place operators (`add_`), `out=` variants and other mutating ones are not registered: the walk lowers their
functional variant and writes the result where it belongs.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from torch._ops import OpOverload

from oxide.frontends.torch.node import Node
from oxide.frontends.torch.promotion import Kind, convert_all, result_dtype
from oxide.frontends.torch.schemas import find_overload, schema_of
from oxide.frontends.torch.tensors import SAME, View, bijection

__all__ = [
    "DEFINITIONS",
    "HIGHER_ORDER",
    "REGISTRY",
    "SAME",
    "Kind",
    "Lowering",
    "Node",
    "View",
    "bijection",
    "definition",
    "elementwise",
    "higher_order",
    "lowering",
    "view",
]

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True)
class Lowering:
    """One operator with its function; that of a view returns `View`s, one of elements treats each by itself."""

    name: str
    function: Callable[..., Any]
    is_view: bool = False
    is_elementwise: bool = False


REGISTRY: dict[str, Lowering] = {}
# Higher-order operators by name: `cond`.  Their functions take (node, *args, **kwargs) as the graph has them:
# tensors as `Tensor`s (`tensors.read` gives values), and GraphModules for `node.inline` and `node.lower_graph`.
HIGHER_ORDER: dict[str, Callable[..., Any]] = {}
# Functions of PyTorch tensors for operators that PyTorch has no decomposition of.
DEFINITIONS: dict[str, Callable[..., Any]] = {}


def lowering(*names: str) -> Callable[[Function], Function]:
    """Register the decorated function for operators, each with its overload: `aten.sum.dim_IntList`."""

    def decorate(function: Function) -> Function:
        for name in names:
            _register(Lowering(name, function), function)
        return function

    return decorate


def view(*names: str) -> Callable[[Function], Function]:
    """Register the decorated function, which returns a View, a list of them, or a value that is a fresh tensor."""

    def decorate(function: Function) -> Function:
        for name in names:
            _register(Lowering(name, function, is_view=True), function)
        return function

    return decorate


def higher_order(name: str) -> Callable[[Function], Function]:
    """Register the lowering of a higher-order operator by its name."""

    def decorate(function: Function) -> Function:
        if name in HIGHER_ORDER:
            raise ValueError(f"{name} is registered twice")
        HIGHER_ORDER[name] = function
        return function

    return decorate


def definition(*names: str) -> Callable[[Function], Function]:
    """Register the decorated function of PyTorch tensors, with the operators' parameters, as their decomposition.

    Raises TypeError for parameters that are not the schema's.
    """

    def decorate(function: Function) -> Function:
        for name in names:
            op = find_overload(name)
            if op is None or name in DEFINITIONS or name in REGISTRY:
                raise ValueError(f"there is no operator {name}" if op is None else f"{name} is registered twice")
            inspect.signature(function).bind(**dict.fromkeys(schema_of(op).names))
            DEFINITIONS[name] = function
        return function

    return decorate


def elementwise(
    name: str,
    function: Callable[..., Any],
    kind: Kind = Kind.DEFAULT,
    operands: Sequence[str] = ("self", "other"),
    *,
    optional: Sequence[str] = (),
) -> None:
    """Register `function(*values)` of operands brought to their common dtype; Python numbers stay numbers.

    `operands` are arguments of the schema in the order the function takes them: those the schema lacks are left
    out, all others must be listed.  `optional` ones may be None, and are then passed as None.
    """
    op = find_overload(name)
    if op is None:
        raise ValueError(f"there is no operator {name}")
    schema = schema_of(op)
    taken = [operand for operand in operands if operand in schema.names]

    def lower(node: Node, **arguments: Any) -> Any:
        values = [arguments[operand] for operand in taken]
        common, result = result_dtype(kind, values)
        return node.cast(function(*convert_all(values, common)), result)

    if set(taken) != set(schema.names):
        raise ValueError(f"elementwise {name} does not take {sorted(set(schema.names) - set(taken))}")
    _register(Lowering(name, lower, is_elementwise=True), None)


def _register(entry: Lowering, function: Callable[..., Any] | None) -> None:
    """Raises ValueError for a second lowering, an unknown operator or parameters that do not fit its schema."""
    if entry.name in REGISTRY:
        raise ValueError(f"{entry.name} is registered twice")
    op = find_overload(entry.name)
    if op is not None:
        _check(entry, op, function)
    elif entry.name.startswith(("aten.", "prims.")):
        raise ValueError(f"there is no operator {entry.name}")
    REGISTRY[entry.name] = entry


def _check(entry: Lowering, op: OpOverload, function: Callable[..., Any] | None) -> None:
    schema = schema_of(op)
    if schema.is_view and not entry.is_view:
        raise ValueError(f"{entry.name} aliases its argument; register it with @view")
    if function is None:
        return
    parameters = list(inspect.signature(function).parameters.values())[1:]
    missing = set(schema.names) - {p.name for p in parameters}
    if missing:
        raise ValueError(f"the lowering of {entry.name} ignores {', '.join(sorted(missing))}")
    unknown = [p.name for p in parameters if p.name not in schema.names and p.default is inspect.Parameter.empty]
    if unknown:
        raise ValueError(f"{entry.name} has no argument {', '.join(unknown)}")
