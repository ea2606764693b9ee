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
    "REGISTRY",
    "Lowering",
    "Node",
    "Signature",
    "find",
    "lowered_domains",
    "lowering",
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
    has none.
    """

    inputs: tuple[str, ...]
    required: int
    variadic: bool
    attributes: dict[str, Any] = field(hash=False)

    @cached_property
    def required_attributes(self) -> tuple[str, ...]:
        return tuple(name for name, default in self.attributes.items() if default is REQUIRED)


REQUIRED = inspect.Parameter.empty


@dataclass(frozen=True)
class Lowering:
    """One registered function and the versions of the operator it covers."""

    domain: str
    op_type: str
    versions: tuple[int, ...]
    function: LoweringFunction
    signature: Signature

    def __str__(self) -> str:
        return qualified(self.domain, self.op_type)


# (domain, operator, schema since-version); the default domain is "", never "ai.onnx".
REGISTRY: dict[tuple[str, str, int], Lowering] = {}


def lowering(op_type: str, *versions: int, domain: str = "") -> Callable[[Function], Function]:
    """Register the decorated function for every since-version of `op_type` that it covers."""

    def decorate(function: Function) -> Function:
        register(op_type, versions, function, domain=domain)
        return function

    return decorate


def register(op_type: str, versions: Iterable[int], function: LoweringFunction, *, domain: str = "") -> None:
    """Register `function`; a second lowering of the same operator and version is a programming error."""
    domain = normal_domain(domain)
    entry = Lowering(domain, op_type, tuple(versions), function, read_signature(function))
    if not entry.versions:
        raise ValueError(f"lowering of {entry} names no since-version")
    taken = [version for version in entry.versions if (domain, op_type, version) in REGISTRY]
    if taken or len(set(entry.versions)) != len(entry.versions):
        raise ValueError(f"{entry}-{(taken or entry.versions)[0]} is registered twice")
    REGISTRY.update({(domain, op_type, version): entry for version in entry.versions})


def find(domain: str, op_type: str, version: int) -> Lowering | None:
    return REGISTRY.get((normal_domain(domain), op_type, version))


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
