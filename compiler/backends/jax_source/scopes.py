"""Python functions while they are written: their variables and statements."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from jaxlib.mlir import ir

from oxide.backends.jax_source import syntax
from oxide.backends.jax_source.names import (
    KIND_NAMES,
    Namespace,
    path_below,
    source_name,
    type_comment,
    variable_name,
)
from oxide.backends.jax_source.printer import with_comment
from oxide.backends.jax_source.registry import Unsupported
from oxide.backends.jax_source.terms import Bound, Spread, TensorType
from oxide.backends.jax_source.values import Values

# What `simple` calls a short operand.
SHORT = 2
# Python takes a hundred levels of indentation.
DEEPEST = 50


@dataclass
class FunctionScope:
    """One Python function being written; `path` is where in the source program it is, left out of names."""

    names: Namespace
    depth: int = 0
    path: str = ""
    statements: list[ast.stmt] = field(default_factory=list)


@dataclass
class Scopes(Values):
    """The values, and the function that is being written."""

    _scope: FunctionScope = field(default_factory=lambda: FunctionScope(Namespace()))

    @contextmanager
    def nested(self) -> Iterator[FunctionScope]:
        """Within, what is written belongs to a function inside the current one."""
        outer, cost = self._scope, self._cost
        if outer.depth >= DEEPEST:
            raise Unsupported("regions are nested too deeply to write as Python")
        self._cost, self._scope = 0, FunctionScope(outer.names.inner(), outer.depth + 1, outer.path)
        try:
            yield self._scope
        finally:
            self._scope, self._cost = outer, cost

    def simple(self, value: ir.Value) -> ast.expr:
        """The value for an operation that reads best with short operands: longer ones get a variable."""
        term = self._terms[value]
        if isinstance(term, Bound) and term.cost > SHORT and isinstance(value, ir.OpResult):
            op = value.owner.opview
            self._terms[value] = self._assign(term.type, self.written(term), self._wanted_name(op), op)
        return self.array(value)

    def atom(self, value: ir.Value, name: str = "") -> ast.expr:
        """The value as an expression that may be written more than once."""
        term = self._terms[value]
        if isinstance(term, Bound) and term.cost == 0:
            return term.node
        bound = self._assign(term.type, self.written(term), name)
        self._terms[value] = bound
        return bound.node

    def define(self, node: ast.expr, name: str) -> ast.expr:
        """A new variable for something that is not an array, such as a function."""
        target = self._scope.names.fresh(name)
        self._scope.statements.append(syntax.assign([target], node))
        return syntax.name(target)

    def named(self, type_: TensorType, node: ast.expr, name: str) -> ast.expr:
        """A new variable for an expression an emitter needs more than once."""
        return self._assign(type_, node, name).node

    def share(self, value: ir.Value) -> None:
        """Make a value safe to be written more than once."""
        term = self._terms[value]
        if isinstance(term, Bound):
            self.atom(value)
        elif isinstance(term, Spread) and term.source.cost:
            source = self._assign(term.source.type, self.written(term.source), "")
            self._terms[value] = Spread(term.type, source, term.dims)

    def _assign(self, type_: TensorType, node: ast.expr, name: str, op: ir.OpView | None = None) -> Bound:
        target = self._scope.names.fresh(name or "x")
        statement = syntax.assign([target], node)
        comment = type_comment(str(type_), self._source(op) if op is not None else "", target)
        self._scope.statements.append(with_comment(statement, comment))
        return Bound(type_, syntax.name(target))

    def _wanted_name(self, op: ir.OpView) -> str:
        return variable_name(self._source(op)) or KIND_NAMES.get(op.operation.name, "x")

    def _source(self, op: ir.OpView) -> str:
        return path_below(source_name(op.location), self._scope.path)
