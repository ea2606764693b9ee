"""Which ONNX operators Oxide lowers: functions keyed by domain, operator and schema since-version.

A lowering is a function of a node, its inputs and its attributes that returns the node's outputs:

    @lowering("Gemm", 7, 9, 11, 13)
    def gemm(node, a, w, c=None, *, alpha: float = 1.0, beta: float = 1.0, transA: int = 0, transB: int = 0):
        ...

The parameters after `node` are the operator's inputs in ONNX order: a value each, None for an optional
input that is absent; `*xs` takes the variadic ones.  The keyword-only parameters are the attributes under
their ONNX names: one without a default is required.  The importer refuses a node that carries an attribute
its lowering does not name, so none is ever ignored by accident; and one that the schema of its version does
not have, so a function may cover versions that differ in what they take.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

from oxide.frontends.onnx.node import ABSENT, Node

__all__ = [
    "ABSENT",
    "ANYTHING",
    "REGISTRY",
    "Lowering",
    "Node",
    "Signature",
    "Table",
    "add",
    "find",
    "lowered_domains",
    "lowering",
    "newest",
    "register",
    "versions_of",
]

LoweringFunction = Callable[..., Any]
Function = TypeVar("Function", bound=LoweringFunction)


@dataclass(frozen=True)
class Signature:
    """What a lowering function accepts, read from its Python signature.

    `inputs` are the names of the fixed inputs, of which the first `required` must be present; `variadic`
    says that any number may follow.  `attributes` maps each attribute to its default, `REQUIRED` when it
    has none; None stands for any attributes.
    """

    inputs: tuple[str, ...]
    required: int
    variadic: bool
    attributes: dict[str, Any] | None = field(hash=False)

    @cached_property
    def required_attributes(self) -> tuple[str, ...]:
        return tuple(name for name, default in (self.attributes or {}).items() if default is REQUIRED)


REQUIRED = inspect.Parameter.empty
# Of functions that are called with whatever the node has, and refuse what they do not take.
ANYTHING = Signature((), 0, True, None)


@dataclass(frozen=True)
class Lowering:
    """One registered function and the versions of the operator it covers.

    `provider` is who answers for it, empty for Oxide's own.
    """

    domain: str
    op_type: str
    versions: tuple[int, ...]
    function: LoweringFunction
    signature: Signature
    provider: str = ""

    def __str__(self) -> str:
        return qualified(self.domain, self.op_type)


# By domain, operator and since-version; the default domain is "", never "ai.onnx".
Table = dict[tuple[str, str, int], Lowering]

REGISTRY: Table = {}


def lowering(op_type: str, *versions: int, domain: str = "") -> Callable[[Function], Function]:
    """Register the decorated function for every since-version of `op_type` that it covers."""

    def decorate(function: Function) -> Function:
        register(op_type, versions, function, domain=domain)
        return function

    return decorate


def register(op_type: str, versions: Iterable[int], function: LoweringFunction, *, domain: str = "") -> None:
    """Register `function`; a second lowering of the same operator and version is a programming error."""
    add(REGISTRY, Lowering(normal_domain(domain), op_type, tuple(versions), function, read_signature(function)))


def add(table: Table, entry: Lowering) -> None:
    """Enter a lowering for all its versions.  ValueError when there are none, or one is taken."""
    if not entry.versions:
        raise ValueError(f"lowering of {entry} names no since-version")
    keys = [(entry.domain, entry.op_type, version) for version in entry.versions]
    taken = [key for key in keys if key in table]
    if taken or len(set(keys)) != len(keys):
        raise ValueError(f"{entry}-{(taken or keys)[0][2]} is registered twice")
    table.update(dict.fromkeys(keys, entry))


def find(domain: str, op_type: str, version: int) -> Lowering | None:
    return REGISTRY.get((normal_domain(domain), op_type, version))


def newest(domain: str, op_type: str, limit: int, table: Table | None = None) -> tuple[int, Lowering] | None:
    """The newest version of an operator up to `limit` that has a lowering, and the lowering."""
    table = REGISTRY if table is None else table
    versions = [v for d, name, v in table if (d, name) == (domain, op_type) and v <= limit]
    return (max(versions), table[domain, op_type, max(versions)]) if versions else None


def versions_of(domain: str, op_type: str) -> list[int]:
    """The since-versions of an operator that have a lowering, ascending."""
    domain = normal_domain(domain)
    return sorted(version for d, name, version in REGISTRY if (d, name) == (domain, op_type))


def lowered_domains() -> set[str]:
    return {domain for domain, _, _ in REGISTRY}


def normal_domain(domain: str) -> str:
    return "" if domain == "ai.onnx" else domain


def qualified(domain: str, op_type: str) -> str:
    """`Gemm`, `com.microsoft.FusedMatMul`."""
    return f"{domain}.{op_type}" if domain else op_type


def read_signature(function: LoweringFunction) -> Signature:
    """The inputs and attributes a lowering function declares.  ValueError when it declares anything else."""
    kinds = inspect.Parameter
    parameters = list(inspect.signature(function).parameters.values())
    if not parameters or parameters[0].kind not in (kinds.POSITIONAL_ONLY, kinds.POSITIONAL_OR_KEYWORD):
        raise ValueError(f"{function} must take the node as its first parameter")
    inputs: list[str] = []
    required = 0
    variadic = False
    attributes: dict[str, Any] = {}
    for parameter in parameters[1:]:
        if parameter.kind is kinds.KEYWORD_ONLY:
            attributes[parameter.name] = parameter.default
        elif parameter.kind is kinds.VAR_POSITIONAL:
            variadic = True
        elif parameter.kind is kinds.VAR_KEYWORD:
            raise ValueError(f"{function} takes **{parameter.name}: attributes must be named one by one")
        else:
            inputs.append(parameter.name)
            if parameter.default is REQUIRED:
                required = len(inputs)
            elif parameter.default is not None:
                raise ValueError(f"{function}: an absent input is None, not {parameter.default!r}")
    return Signature(tuple(inputs), required, variadic, attributes)
