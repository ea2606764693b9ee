"""Lowerings from outside of Oxide: those given to one import, and those that installed packages provide.

A package provides them by an entry point of the group `oxide.onnx_lowerings`.  Its name is the domain of the
operators, its value a `Lowerings` or a mapping from operators to JAX functions:

    [project.entry-points."oxide.onnx_lowerings"]
    "my.domain" = "my_package.lowerings:LOWERINGS"

It is read when a model uses an operator of that domain that Oxide does not lower.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache, partial
from importlib.metadata import EntryPoint, entry_points
from typing import Any, TypeVar

from oxide.dialects.diagnostics import OxideError
from oxide.frontends.onnx.diagnostics import quoted
from oxide.frontends.onnx.registry import (
    ANYTHING,
    Lowering,
    Table,
    add,
    find,
    newest,
    normal_domain,
    qualified,
    read_signature,
)

GROUP = "oxide.onnx_lowerings"
# Who answers for lowerings that are given to an import.
CALLER = "the caller"
Function = TypeVar("Function", bound=Callable[..., Any])


class Lowerings:
    """Lowerings of operators that Oxide has none for, to give to `oxide.load` or to provide in a package.

        lowerings = oxide.OnnxLowerings()

        @lowerings.jax_function("Swish", domain="my.domain")
        def swish(x, *, beta=1.0):
            return x * jax.nn.sigmoid(beta * x)

    One that is registered for version 2 of an operator serves all versions from 2 to the next one registered.
    """

    def __init__(self) -> None:
        self.entries: Table = {}

    def jax_function(self, op_type: str, version: int = 1, *, domain: str) -> Callable[[Function], Function]:
        """Register the decorated function, which JAX can trace.

        It is called as `f(*inputs, **attributes)` and returns the node's output, or a tuple of them.  Inputs are
        JAX tracers, except that integers, bools and scalars known at import come as numpy arrays, so that they can
        be shapes and axes; a sequence is a list.  An absent input is None, or not passed when none follows it.
        Attributes are all of the node's, as Python values: numbers, str, lists of these, and numpy arrays.
        """

        def decorate(function: Function) -> Function:
            add(self.entries, jax_lowering(domain, op_type, version, function))
            return function

        return decorate

    def lowering(self, op_type: str, *versions: int, domain: str) -> Callable[[Function], Function]:
        """Register the decorated function, which builds StableHLO as Oxide's own lowerings do.

        Its parameters are the node, then the inputs, keyword-only ones the attributes; `oxide.dialects.hlo` has
        the operations (docs/architecture.md, "Add an ONNX operator").
        """

        def decorate(function: Function) -> Function:
            key = (normal_domain(domain), op_type, versions or (1,))
            add(self.entries, Lowering(*key, function, read_signature(function), CALLER))
            return function

        return decorate


Given = Lowerings | Mapping[str, Callable[..., Any]]


def jax_lowering(domain: str, op_type: str, version: int, function: Callable[..., Any]) -> Lowering:
    """The lowering that traces a JAX function."""
    if not callable(function):
        raise TypeError(f"the lowering of {qualified(domain, op_type)} is no function: {function!r}")
    return Lowering(normal_domain(domain), op_type, (version,), partial(_trace, function), ANYTHING, CALLER)


def _trace(function: Callable[..., Any], /, *arguments: Any, **attributes: Any) -> list[Any]:
    from oxide.frontends.onnx.jax_functions import inline_jax_function  # imports JAX, which takes a second

    return inline_jax_function(function, *arguments, **attributes)


def read_given(given: Given | None) -> Table:
    """The lowerings given to an import: a mapping's keys are `my.domain.Swish`.

    Raises TypeError and ValueError for anything else.
    """
    if given is None:
        return {}
    if isinstance(given, Lowerings):
        return given.entries
    if not isinstance(given, Mapping):
        raise TypeError(f"a {type(given).__name__} is neither OnnxLowerings nor a mapping to JAX functions")
    table: Table = {}
    for name, function in given.items():
        domain, _, op_type = name.rpartition(".")
        add(table, jax_lowering(domain, op_type, 1, function))
    return table


def find_installed(domain: str, op_type: str, opset: int) -> tuple[int, Lowering] | None:
    """The newest lowering for an opset that installed packages provide, with its version.

    Raises OxideError where a package for the domain is broken, or two provide the same operator.
    """
    return newest(domain, op_type, opset, installed(domain))


@cache
def installed(domain: str) -> Table:
    """The lowerings that installed packages provide for a domain; read once in a process."""
    table: Table = {}
    for point in entry_points(group=GROUP, name=domain or "ai.onnx"):
        package = _package(point)
        for key, entry in _read_package(point).items():
            if key[0] != domain:
                raise OxideError(
                    f"{package} provides {entry} under the entry point {quoted(point.name)} of {GROUP}, whose name "
                    "must be the operator's domain"
                )
            if find(*key) or key in table:
                other = table[key].provider if key in table else "Oxide itself"
                raise OxideError(f"both {other} and {package} lower {entry}-{key[2]}; uninstall one")
            table[key] = replace(entry, provider=package)
    return table


def installed_domains() -> list[str]:
    """The domains that installed packages provide lowerings for."""
    return sorted({normal_domain(point.name) for point in entry_points(group=GROUP)})


def _read_package(point: EntryPoint) -> Table:
    try:
        return read_given(point.load())
    except Exception as error:  # importing a package can raise anything
        reason = f"{type(error).__name__}: {error}".partition("\n")[0]
        raise OxideError(f"{_package(point)} does not provide the lowerings it promises: {reason}") from error


def _package(point: EntryPoint) -> str:
    """`the package my-package 1.2`."""
    if point.dist is None:
        return f"the entry point {quoted(point.value)}"
    return f"the package {point.dist.name} {point.dist.version}"
