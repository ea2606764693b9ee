"""Walks a module and turns every operation into Python `ast` nodes.

A value used once becomes part of the expression that uses it, as long as that stays readable; any other
value becomes a variable.  Operations whose results nobody uses are not written.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache

import numpy as np
from jaxlib.mlir import ir

from oxide.backends.jax_source import idioms, syntax
from oxide.backends.jax_source.constants import array_expression, is_large, scalar
from oxide.backends.jax_source.names import Namespace, identifier, printable, source_name, variable_name
from oxide.backends.jax_source.printer import flat, with_comment
from oxide.backends.jax_source.registry import EMITTERS, Emitted, Unsupported, refusal
from oxide.backends.jax_source.terms import (
    JNP_NAMES,
    WIDE,
    Bound,
    Constant,
    Reduction,
    Spread,
    TensorType,
    Term,
    tensor_type,
)
from oxide.dialects.constants import read_constant
from oxide.dialects.diagnostics import Diagnostic, OxideError, location_text

# An expression with more operations, or wider, than this gets a name.
MOST_OPERATIONS = 5
WIDEST = 64
# What `simple` calls a short operand.
SHORT = 2
# A private function with at most this many operations is written where it is called.
SMALL_FUNCTION = 3

_WEIGHT = re.compile(r'params(\["[^"]*"\])+')
_RETURNS = frozenset({"func.return", "stablehlo.return"})

Loose = tuple[ast.expr, tuple[int, ...], bool]


@dataclass
class FunctionScope:
    """One Python function being written."""

    names: Namespace
    statements: list[ast.stmt] = field(default_factory=list)


@dataclass
class Emitter:
    """The state of one emission; the operation emitters work through its methods."""

    symbols: dict[str, ir.OpView]
    module_names: Namespace
    constants_path: Callable[[str], ast.expr]
    functions: dict[str, ast.FunctionDef] = field(default_factory=dict)
    helpers: dict[str, str] = field(default_factory=dict)
    constants: dict[str, np.ndarray] = field(default_factory=dict)
    uses_wide: bool = False
    errors: list[Diagnostic] = field(default_factory=list)
    _types: dict[ir.Type, TensorType] = field(default_factory=dict)
    _terms: dict[ir.Value, Term] = field(default_factory=dict)
    _uses: dict[ir.Value, int] = field(default_factory=dict)
    _idioms: dict[ir.Operation, idioms.Match] = field(default_factory=dict)
    _live: dict[ir.Block, list[ir.OpView]] = field(default_factory=dict)
    _function_names: dict[str, str] = field(default_factory=dict)
    _returned: set[ir.Value] = field(default_factory=set)
    _sizes: dict[str, bool] = field(default_factory=dict)
    _cost: int = 0
    _scope: FunctionScope = field(default_factory=lambda: FunctionScope(Namespace()))

    # ------------------------------------------------------------------------------------------ reading

    def type(self, value: ir.Value) -> TensorType:
        """The exact type of a value.  Raises Unsupported for what no JAX array can hold."""
        native = value.type
        found = self._types.get(native)
        if found is None:
            try:
                found = self._types[native] = tensor_type(native)
            except OxideError as error:
                raise Unsupported(error.message) from error
        return found

    def term(self, value: ir.Value) -> Term:
        """What is known about a value, without writing it."""
        return self._terms[value]

    def constant(self, value: ir.Value) -> np.ndarray | None:
        """The array of a constant (splats as zero-stride views), or None."""
        term = self._terms[value]
        return term.value if isinstance(term, Constant) else None

    def splat(self, value: ir.Value) -> np.generic | None:
        """The one value of all elements of a constant, or None."""
        term = self._terms[value]
        return term.splat if isinstance(term, Constant) else None

    def is_number(self, value: ir.Value, number: float) -> bool:
        """Whether all elements of a value are one constant number (-0 is not 0)."""
        splat = self.splat(value)
        return splat is not None and bool(splat == number) and not np.signbit(np.real(splat).astype(np.float64))

    def array(self, value: ir.Value) -> ast.expr:
        """The value as an expression of exactly its type."""
        return self.written(self._terms[value])

    def written(self, term: Term) -> ast.expr:
        """A term as an expression of exactly its type."""
        if isinstance(term, Bound):
            self._cost += term.cost
            return term.node
        if isinstance(term, Constant):
            return self._written_constant(term)
        self._cost += 1
        node, shape = self._unspread(term)
        target = term.type
        if shape == target.shape:
            return node
        missing = target.rank - len(shape)
        if (1,) * missing + shape == target.shape and missing <= 3:
            return syntax.index(node, *[syntax.literal(None)] * missing)
        return syntax.call("jnp.broadcast_to", node, syntax.literal(target.shape))

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

    def loose(self, value: ir.Value) -> Loose:
        """The value for an operator that broadcasts: expression, its shape, whether it is a Python number."""
        term = self._terms[value]
        if isinstance(term, Constant) and term.splat is not None:
            number = scalar(term.splat, term.type)
            if number is not None:
                return number, (), True
        if isinstance(term, Spread):
            self._cost += term.source.cost
            return (*self._unspread(term, count=False), False)
        return self.written(term), term.type.shape, False

    def elementwise(
        self,
        values: Sequence[ir.Value],
        build: Callable[..., ast.expr],
        *,
        typed: Sequence[int] | None = None,
        shape: tuple[int, ...] | None = None,
    ) -> ast.expr:
        """`build(*operands)`, with broadcasts and splat constants left to numpy where that gives the same type.

        The result has `shape` (default: the first value's).  One of the operands `typed` (default: all) fixes the
        dtype, so not all of those may be Python numbers.
        """
        shape = self.type(values[0]).shape if shape is None else shape
        forms = [self.loose(v) for v in values]
        typed = range(len(values)) if typed is None else typed
        if all(forms[i][2] for i in typed):
            first = typed[0]
            forms[first] = (self.array(values[first]), self.type(values[first]).shape, False)
        for position, (node, own, weak) in enumerate(forms):
            if _broadcast(tuple(s for _, s, _ in forms)) == shape:
                break
            if own != shape:
                full = self.array(values[position]) if weak else node
                own = self.type(values[position]).shape if weak else own
                full = full if own == shape else syntax.call("jnp.broadcast_to", full, syntax.literal(shape))
                forms[position] = (full, shape, False)
        return build(*(node for node, _, _ in forms))

    def spent(self) -> int:
        """How many operations the operands written so far for this operation hold."""
        return self._cost

    def dtype(self, element: str) -> ast.expr:
        """`jnp.float32` and its like."""
        if element in WIDE:
            self.uses_wide = True
        return syntax.path(f"jnp.{JNP_NAMES[element]}")

    def helper(self, name: str) -> ast.expr:
        """A function of `helpers.py`, which will be copied into the file."""
        if name not in self.helpers:
            self.helpers[name] = name
        return syntax.name(name)

    # ------------------------------------------------------------------------------------------ functions

    def main(self, function: ir.OpView, arguments: Sequence[Term], names: Namespace) -> list[ast.stmt]:
        """The statements of the entry function, `arguments` being its block arguments' terms."""
        block = function.regions[0].blocks[0]
        scope = FunctionScope(names)
        self._terms.update(zip(block.arguments, arguments, strict=True))
        self._analyse(block)
        outer, self._scope = self._scope, scope
        returned = self._results(self._block(block))
        self._scope = outer
        scope.statements.append(returned)
        return scope.statements

    def call(self, symbol: str, operands: Sequence[ir.Value]) -> Emitted:
        """The value of `symbol(*operands)`: the function's own expression if it is small, else a call."""
        function = self.symbols[symbol]
        block = function.regions[0].blocks[0]
        if self._is_small(symbol):
            return self.inline(symbol, operands)
        if symbol not in self._function_names:
            self._emit_function(symbol, function, block)
        target = syntax.name(self._function_names[symbol])
        return syntax.call(target, *(self.array(v) for v in operands))

    def inline(self, symbol: str, operands: Sequence[ir.Value]) -> Emitted:
        """The results of a function's body written in place."""
        block = self.symbols[symbol].regions[0].blocks[0]
        if block not in self._live:
            self._analyse(block)
        for argument, operand in zip(block.arguments, operands, strict=True):
            if self._uses.get(argument, 0) > 1:
                self.share(operand)
            self._terms[argument] = self._terms[operand]
        return list(self._block(block))

    def share(self, value: ir.Value) -> None:
        """Make a value safe to be written more than once."""
        term = self._terms[value]
        if isinstance(term, Bound):
            self.atom(value)
        elif isinstance(term, Spread) and term.source.cost:
            source = self._assign(term.source.type, self.written(term.source), "")
            self._terms[value] = Spread(term.type, source, term.dims)

    def region(
        self,
        block: ir.Block,
        name: str,
        parameters: Sequence[str],
        *,
        places: Sequence[tuple[int, int]] | None = None,
        unpack: str = "",
    ) -> ast.expr:
        """A region as a function: a lambda where it is one expression, else a nested `def` and its name.

        `parameters` are the wanted names of the block's arguments.  With `unpack` the function takes one tuple
        of that name and names its items; with `places` argument i is item `places[i][1]` of parameter
        `places[i][0]`.
        """
        outer = self._scope
        own = outer.names.inner()
        carry = own.fresh(unpack) if unpack else ""
        if unpack:
            chosen = [
                own.fresh(p) if a in self._uses else "_" for p, a in zip(parameters, block.arguments, strict=True)
            ]
        else:
            chosen = [own.fresh(p) for p in parameters]
        for position, argument in enumerate(block.arguments):
            parameter, item = places[position] if places else (position, None)
            node: ast.expr = syntax.name(chosen[parameter])
            if item is not None:
                node = syntax.index(node, syntax.literal(item))
            self._terms[argument] = Bound(self.type(argument), node)
        cost, self._cost = self._cost, 0
        self._scope = FunctionScope(own)
        returned = self._results(self._block(block))
        body, self._scope, self._cost = self._scope.statements, outer, cost
        if not body and not unpack and returned.value is not None and len(flat(returned.value)) <= WIDEST:
            return syntax.lambda_(chosen, returned.value)
        if unpack:
            body.insert(0, syntax.assign(chosen, syntax.name(carry)))
            chosen = [carry]
        function = outer.names.fresh(name)
        outer.statements.append(syntax.function(function, chosen, [*body, returned]))
        return syntax.name(function)

    # ------------------------------------------------------------------------------------------ internals

    def _analyse(self, block: ir.Block) -> None:
        """Find the live operations, count uses, and match idioms, last operation first.

        A use inside a region counts twice: computing a value again in every iteration is no improvement.
        """
        live: list[ir.OpView] = []
        for op in reversed(list(block.operations)):
            if op.OPERATION_NAME not in _RETURNS and not any(r in self._uses for r in op.results):
                if not _has_effect(op):
                    continue
            live.append(op)
            match = idioms.find(op)
            if match is not None:
                self._idioms[op.operation] = match
                operands: Sequence[ir.Value] = match.operands
            else:
                operands = op.operands
            for region in op.regions:
                self._analyse_region(region)
            if op.OPERATION_NAME in _RETURNS and len(op.operands) == 1:
                self._returned.add(op.operands[0])
            for operand in operands:
                self._uses[operand] = self._uses.get(operand, 0) + 1
        self._live[block] = live[::-1]

    def _analyse_region(self, region: ir.Region) -> None:
        for block in region.blocks:
            self._analyse(block)
            inside = {r for op in self._live[block] for r in op.results} | set(block.arguments)
            for op in self._live[block]:
                match = self._idioms.get(op.operation)
                for operand in match.operands if match else op.operands:
                    if operand not in inside:
                        self._uses[operand] = self._uses.get(operand, 0) + 1

    def _block(self, block: ir.Block) -> Sequence[Term]:
        """Write a block's operations; the terms its terminator returns."""
        for op in self._live[block]:
            if op.OPERATION_NAME in _RETURNS:
                return [self._terms[v] for v in op.operands]
            self._operation(op)
        raise Unsupported("a block without a return")

    def _operation(self, op: ir.OpView) -> None:
        cost, self._cost = self._cost, 0
        try:
            if op.OPERATION_NAME == "stablehlo.constant":
                self._terms[op.results[0]] = self._read_constant(op)
            else:
                self._bind(op, self._emitted(op))
        except Unsupported as reason:
            self.errors.append(Diagnostic("error", f"{op.OPERATION_NAME}: {reason}", location_text(op.location)))
            for result in op.results:
                # Go on, so that all refusals are reported at once.
                self._terms[result] = Bound(TensorType((), "f32"), syntax.name("refused"))
        self._cost = cost

    def _emitted(self, op: ir.OpView) -> Emitted:
        match = self._idioms.get(op.operation)
        if match is not None:
            return match.emit(self, op)
        emitter = EMITTERS.get(op.OPERATION_NAME)
        if emitter is None:
            raise Unsupported(refusal(op.OPERATION_NAME))
        return emitter(self, op)

    def _bind(self, op: ir.OpView, emitted: Emitted) -> None:
        results = op.results
        if isinstance(emitted, ast.expr) and len(results) > 1:
            self._bind_tuple(op, emitted)
            return
        values = emitted if isinstance(emitted, list) else [emitted]
        for result, value in zip(results, values, strict=True):
            if isinstance(value, ast.expr):
                value = Bound(self._result_type(result), value, self._cost + 1)
            self._bind_one(op, result, value)

    def _bind_one(self, op: ir.OpView, result: ir.Value, term: Term) -> None:
        uses = self._uses.get(result, 0)
        if isinstance(term, Bound) and term.cost:
            if isinstance(term.node, ast.Name):
                term = Bound(term.type, term.node)
            elif uses > 1 or (uses == 1 and result not in self._returned and not self._may_inline(term)):
                term = self._assign(term.type, term.node, self._wanted_name(op), op)
        elif isinstance(term, Spread) and uses > 1 and term.source.cost:
            source = self._assign(term.source.type, term.source.node, self._wanted_name(op), op)
            term = Spread(term.type, source, term.dims)
        self._terms[result] = term

    def _bind_tuple(self, op: ir.OpView, node: ast.expr) -> None:
        used = [r for r in op.results if r in self._uses]
        types = [self._result_type(r) for r in op.results]
        if len(used) == 1:
            position = next(i for i, r in enumerate(op.results) if r in self._uses)
            term = Bound(types[position], syntax.index(node, syntax.literal(position)), self._cost + 1)
            self._bind_one(op, used[0], term)
            return
        base = self._wanted_name(op)
        targets = [self._scope.names.fresh(base) if r in self._uses else "_" for r in op.results]
        for result, target, type_ in zip(op.results, targets, types, strict=True):
            self._terms[result] = Bound(type_, syntax.name(target))
        comment = ", ".join(map(str, types))
        self._scope.statements.append(with_comment(syntax.assign(targets, node), _noted(comment, op, targets[0])))

    def _result_type(self, result: ir.Value) -> TensorType:
        if isinstance(result.type, ir.TupleType):
            return TensorType((), "f32")
        type_ = self.type(result)
        if type_.element in WIDE:
            self.uses_wide = True
        return type_

    def _may_inline(self, term: Bound) -> bool:
        if term.cost > MOST_OPERATIONS:
            return False
        return len(_WEIGHT.sub("params[weight]", flat(term.node))) <= WIDEST

    def _assign(self, type_: TensorType, node: ast.expr, name: str, op: ir.OpView | None = None) -> Bound:
        target = self._scope.names.fresh(name or "x")
        statement = syntax.assign([target], node)
        self._scope.statements.append(with_comment(statement, _noted(str(type_), op, target)))
        return Bound(type_, syntax.name(target))

    def _wanted_name(self, op: ir.OpView) -> str:
        return variable_name(source_name(op.location)) or _KIND_NAMES.get(op.OPERATION_NAME, "x")

    def _results(self, terms: Sequence[Term]) -> ast.Return:
        nodes = [self.written(t) for t in terms]
        value = nodes[0] if len(nodes) == 1 else syntax.tuple_(nodes)
        return ast.Return(value)

    def _unspread(self, term: Spread, count: bool = True) -> tuple[ast.expr, tuple[int, ...]]:
        """The source of a broadcast as an expression that numpy broadcasts to the target, and its shape."""
        if count:
            self._cost += term.source.cost
        source, rank = term.source, term.type.rank
        shape, dims = source.type.shape, term.dims
        if dims == tuple(range(rank - len(dims), rank)):
            return source.node, shape
        kept = [1] * rank
        for extent, dim in zip(shape, dims, strict=True):
            kept[dim] = extent
        made = source.made
        if isinstance(made, Reduction) and rank == made.operand_type.rank:
            rest = tuple(d for d in range(rank) if d not in made.axes)
            if rest == dims:
                return made.build(made.kind, True), tuple(kept)
        # Leading new dimensions come by themselves.
        first = dims[0] if dims else rank
        key = [syntax.FULL_SLICE if d in dims else syntax.literal(None) for d in range(first, rank)]
        while len(key) > 1 and key[-1] is syntax.FULL_SLICE:
            key.pop()
        return syntax.index(source.node, *key), tuple(kept[first:])

    def _read_constant(self, op: ir.OpView) -> Constant:
        type_ = self.type(op.results[0])
        term = Constant(type_, read_constant(op.operation))
        if is_large(term):
            name = variable_name(source_name(op.location)) or "constant"
            number = 2
            chosen = name
            while chosen in self.constants:
                chosen, number = f"{name}_{number}", number + 1
            term.node = array_expression(self, term, self.constants_path(chosen), chosen)
        return term

    def _written_constant(self, term: Constant) -> ast.expr:
        if term.type.element in WIDE:
            self.uses_wide = True
        return term.node if term.node is not None else array_expression(self, term)

    def _is_small(self, symbol: str) -> bool:
        known = self._sizes.get(symbol)
        if known is None:
            block = self.symbols[symbol].regions[0].blocks[0]
            if block not in self._live:
                self._analyse(block)
            work = [op for op in self._live[block] if op.OPERATION_NAME not in _WEIGHTLESS]
            simple = all(op.OPERATION_NAME not in _NEVER_SMALL for op in work)
            known = self._sizes[symbol] = simple and len(work) <= SMALL_FUNCTION
        return known

    def _emit_function(self, symbol: str, function: ir.OpView, block: ir.Block) -> None:
        name = self._function_names[symbol] = self.module_names.fresh(identifier(symbol), "function")
        names = self.module_names.inner()
        fallbacks = "xyz" if len(block.arguments) <= 3 else "abcdefgh"
        parameters: list[str] = []
        for position, argument in enumerate(block.arguments):
            fallback = fallbacks[position] if position < len(fallbacks) else f"arg{position}"
            parameter = names.fresh(variable_name(source_name(argument.location)), fallback)
            parameters.append(parameter)
            self._terms[argument] = Bound(self.type(argument), syntax.name(parameter))
        if block not in self._live:
            self._analyse(block)
        cost, outer, self._scope = self._cost, self._scope, FunctionScope(names)
        returned = self._results(self._block(block))
        body, self._scope, self._cost = self._scope.statements, outer, cost
        with_comment(returned, ", ".join(str(self.type(v)) for v in _returned(block)))
        signature = ", ".join(f"{p} {self.type(a)}" for p, a in zip(parameters, block.arguments, strict=True))
        self.functions[symbol] = syntax.function(name, parameters, [*body, returned])
        self.functions[symbol].__dict__["note"] = signature


# Variables for operations whose source has no name.
_KIND_NAMES = {
    "stablehlo.dot_general": "y",
    "stablehlo.convolution": "conv",
    "stablehlo.reduce": "total",
    "stablehlo.reduce_window": "pooled",
    "stablehlo.compare": "mask",
    "stablehlo.gather": "rows",
    "stablehlo.concatenate": "joined",
    "stablehlo.iota": "positions",
    "stablehlo.sort": "ordered",
    "stablehlo.pad": "padded",
    "stablehlo.exponential": "powers",
    "stablehlo.while": "state",
    "stablehlo.scatter": "updated",
}
_WEIGHTLESS = frozenset(
    {"stablehlo.constant", "stablehlo.convert", "stablehlo.broadcast_in_dim", "func.return", "stablehlo.return"}
)
_NEVER_SMALL = frozenset(
    {"stablehlo.while", "stablehlo.case", "stablehlo.if", "func.call", "stablehlo.custom_call"}
)


def _returned(block: ir.Block) -> Sequence[ir.Value]:
    operations = block.operations
    return list(operations[len(operations) - 1].operands)


@cache
def _broadcast(shapes: tuple[tuple[int, ...], ...]) -> tuple[int, ...]:
    return np.broadcast_shapes(*shapes)


def _has_effect(op: ir.OpView) -> bool:
    return op.OPERATION_NAME == "stablehlo.custom_call" and str(op.attributes.get("has_side_effect", "")) == "true"


def _noted(types: str, op: ir.OpView | None, target: str) -> str:
    source = source_name(op.location) if op is not None else ""
    return types if not source or source == target or "(" in source else f"{types} {printable(source)}"
