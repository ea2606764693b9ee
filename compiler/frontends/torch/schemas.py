"""What is read from an operator's schema: its arguments, what it mutates and what aliases what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch._ops import OpOverload

from oxide.dialects.diagnostics import OxideError

REQUIRED = object()


@dataclass(frozen=True)
class Argument:
    """`writes`: the operator changes this argument.  `alias` is the name of its alias set, empty without one.

    `name` is a Python parameter's; `keyword` the schema's own for an argument that is keyword-only, else empty.
    """

    name: str
    keyword: str
    type: str
    default: Any
    writes: bool
    alias: str


@dataclass(frozen=True)
class Schema:
    arguments: tuple[Argument, ...]
    # The alias set of every result, empty for a fresh one.
    returns: tuple[str, ...]
    return_types: tuple[str, ...]
    is_view: bool

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(argument.name for argument in self.arguments)

    @property
    def mutated(self) -> tuple[Argument, ...]:
        return tuple(argument for argument in self.arguments if argument.writes)


@cache
def schema_of(op: OpOverload) -> Schema:
    schema = op._schema
    arguments = tuple(
        Argument(
            python_name(a.name),
            a.name if a.kwarg_only else "",
            str(a.type),
            a.default_value if a.has_default_value() else REQUIRED,
            a.alias_info is not None and a.alias_info.is_write,
            _alias(a.alias_info),
        )
        for a in schema.arguments
    )
    returns = tuple(_alias(r.alias_info) for r in schema.returns)
    is_view = any(a.alias_info is not None and not a.alias_info.is_write for a in schema.arguments)
    return Schema(arguments, returns, tuple(str(r.type) for r in schema.returns), is_view)


def python_name(name: str) -> str:
    """A schema's name as a Python parameter: `from` is `from_`."""
    return f"{name}_" if name in ("from", "lambda", "in", "is", "global") else name


def _alias(info: Any) -> str:
    return ",".join(sorted(info.before_set)) if info is not None else ""


@cache
def find_overload(name: str) -> OpOverload | None:
    """The operator called `aten.add.Tensor`, None when this PyTorch (or what is loaded into it) has none."""
    namespace, packet, overload = name.split(".")
    try:
        return getattr(getattr(getattr(torch.ops, namespace), packet), overload)
    except (AttributeError, RuntimeError):
        return None


@cache
def functional_variant(op: OpOverload) -> OpOverload | None:
    """The operator that computes what `op` writes: `add.Tensor` for `add_.Tensor` and for `add.out`.

    Its arguments are those of `op` but for pure outputs (`out=`).  None when there is none.
    """
    schema = schema_of(op)
    packet = op._schema.name.removeprefix(f"{op.namespace}::")
    outputs = {a.name for a in op._schema.arguments if a.is_out}
    inputs = [(a.name, a.type) for a in schema.arguments if a.name not in outputs]
    names = [packet.removesuffix("_"), f"{packet}_functional", f"{packet.removesuffix('_')}_functional"]
    for name in names:
        family = getattr(getattr(torch.ops, op.namespace), name, None)
        overloads = family.overloads() if family is not None else []
        # The overload of the same name first; `add.out` finds `add.Tensor` by its arguments.
        for overload in sorted(overloads, key=lambda o: o != op._overloadname):
            found = getattr(family, overload)
            other = schema_of(found)
            if not other.mutated and [(a.name, a.type) for a in other.arguments] == inputs:
                return found
    return None


def bind(schema: Schema, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Every argument by name, with the schema's defaults."""
    bound: dict[str, Any] = {}
    for index, argument in enumerate(schema.arguments):
        if index < len(args):
            bound[argument.name] = args[index]
        elif argument.name in kwargs:
            bound[argument.name] = kwargs[argument.name]
        elif argument.name.rstrip("_") in kwargs:
            bound[argument.name] = kwargs[argument.name.rstrip("_")]
        elif argument.default is REQUIRED:
            raise OxideError(f"argument {argument.name} is missing")
        else:
            bound[argument.name] = argument.default
    return bound


def is_default(value: Any, default: Any) -> bool:
    """Whether an argument, which is no tensor, is the schema's default."""
    if default is REQUIRED:
        return False
    if isinstance(value, list | tuple):
        return isinstance(default, list | tuple) and list(value) == list(default)
    return type(value) is type(default) and value == default
