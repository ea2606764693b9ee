"""The tables of emission: operation name to emitter, and operation name to why it is refused."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jaxlib.mlir import ir

from oxide.backends.jax_source.terms import Term

if TYPE_CHECKING:
    from oxide.backends.jax_source.emitter import Emitter


@dataclass(frozen=True)
class Nested:
    """An expression for several results that evaluates to a tuple of groups of them, each a tuple.

    A tuple of one is that one itself; an empty group may be anything.
    """

    node: ast.expr
    groups: Sequence[Sequence[int]]


# An emitter returns its operation's value: an expression of exactly the result type, a Term, one of them for each
# result, or for several results one expression that evaluates to a tuple.
Emitted = ast.expr | Term | Nested | list[ast.expr | Term]
OpEmitter = Callable[["Emitter", ir.OpView], Emitted]

EMITTERS: dict[str, OpEmitter] = {}
REFUSED: dict[str, str] = {}


class Unsupported(Exception):
    """An operation that cannot be emitted; the message says why and, where there is one, the way out."""


def register(name: str, emitter: OpEmitter) -> None:
    if name in EMITTERS or name in REFUSED:
        raise ValueError(f"two emitters for {name}")
    EMITTERS[name] = emitter


def emits(*names: str) -> Callable[[OpEmitter], OpEmitter]:
    """Register the decorated function for these operations."""

    def decorate(emitter: OpEmitter) -> OpEmitter:
        for name in names:
            register(name, emitter)
        return emitter

    return decorate


def refuse(names: str, reason: str) -> None:
    """Register operations (space separated) that have no equivalent in a one-device JAX program."""
    for name in names.split():
        if name in EMITTERS or name in REFUSED:
            raise ValueError(f"two emitters for {name}")
        REFUSED[name] = reason


def refusal(name: str) -> str:
    return REFUSED.get(name, "no JAX form is known for this operation")
