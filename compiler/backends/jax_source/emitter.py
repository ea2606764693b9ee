"""Walks a module and turns every operation into Python `ast` nodes.

A value used once becomes part of the expression that uses it, as long as that stays readable; any other
value becomes a variable.  Operations whose results nobody uses are not written.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from jaxlib.mlir import ir

from oxide.backends.jax_source import syntax
from oxide.backends.jax_source.analysis import RETURNS, Analysis, is_small
from oxide.backends.jax_source.entry import item
from oxide.backends.jax_source.names import (
    Namespace,
    identifier,
    source_name,
    type_comment,
    variable_name,
)
from oxide.backends.jax_source.printer import flat, with_comment
from oxide.backends.jax_source.registry import EMITTERS, Emitted, Nested, Unsupported, refusal
from oxide.backends.jax_source.scopes import FunctionScope, Scopes
from oxide.backends.jax_source.size_header import SizedArray, size_definitions, used_sizes
from oxide.backends.jax_source.subtrees import Path, Subtree, branch, call_sites, find_subtree, weight_path
from oxide.backends.jax_source.terms import (
    WIDE,
    Bound,
    Reduction,
    Spread,
    TensorType,
    Term,
)
from oxide.dialects.diagnostics import Diagnostic, location_text
from oxide.dialects.effects import SHAPE_OPERANDS
from oxide.dialects.shapes import UnknownShapes

# An expression with more operations, or wider, than this gets a name.
MOST_OPERATIONS = 5
WIDEST = 64

_WEIGHT = re.compile(r'params(\["[^"]*"\])+')


@dataclass
class Emitter(Scopes):
    """The state of one emission; the operation emitters work through its methods."""

    symbols: dict[str, ir.OpView] = field(default_factory=dict)
    module_names: Namespace = field(default_factory=Namespace)
    functions: dict[object, ast.FunctionDef] = field(default_factory=dict)
    errors: list[Diagnostic] = field(default_factory=list)
    weight_paths: Collection[Path] = ()
    _analysis: Analysis = field(init=False)
    _function_names: dict[object, str] = field(default_factory=dict)
    _parameters: dict[object, Sequence[int | str]] = field(default_factory=dict)
    _subtrees: dict[str, Subtree] = field(default_factory=dict)
    _inlining: list[str] = field(default_factory=list)
    _roots: set[str] = field(default_factory=lambda: {"params"})

    def __post_init__(self) -> None:
        self._analysis = Analysis(symbolic=self.symbolic)
        self._call_sites = call_sites(self.symbols)

    # ------------------------------------------------------------------------------------------ functions

    def main(self, function: ir.OpView, arguments: Sequence[Term], names: Namespace) -> list[ast.stmt]:
        """The statements of the entry function, `arguments` being its block arguments' terms."""
        block = function.regions[0].blocks[0]
        scope = FunctionScope(names)
        self._analysis.visit(block)
        self._terms.update(zip(block.arguments, arguments, strict=True))
        outer, self._scope = self._scope, scope
        returned = self._results(self._block(block))
        self._scope = outer
        scope.statements.append(returned)
        return scope.statements

    def call(self, symbol: str, operands: Sequence[ir.Value]) -> Emitted:
        """The value of `symbol(*operands)`: the function's own expression if it is small, else a call.

        A function is written once for each way its operands' sizes are related.
        """
        block = self._body(symbol)
        key = (symbol, self.symbolic.call_key(operands))
        with self._specialised(block, operands):
            if is_small(self._analysis.visit(block)):
                return self._inlined(symbol, operands)
            if key not in self._function_names:
                self._emit_function(key, symbol, block)
        taken, subtree = self._parameters[key], self._subtrees[symbol]
        arguments = [syntax.name(p) if isinstance(p, str) else self.array(operands[p]) for p in taken]
        if subtree:
            position, path = next(iter(subtree.items()))
            arguments.insert(0, branch(self.array(operands[position]), path))
        return syntax.call(syntax.name(self._function_names[key]), *arguments)

    def inline(self, symbol: str, operands: Sequence[ir.Value]) -> Emitted:
        """The results of a function's body written in place."""
        with self._specialised(self._body(symbol), operands):
            return self._inlined(symbol, operands)

    @contextmanager
    def _specialised(self, block: ir.Block, operands: Sequence[ir.Value]) -> Iterator[None]:
        """Within, what is known about a function's body is what holds for these operands."""
        if not self.symbolic.active:
            yield
            return
        self.symbolic.enter_call(block, operands)
        outer, self._analysis = self._analysis, Analysis(symbolic=self.symbolic)
        try:
            yield
        finally:
            self._analysis = outer

    def _inlined(self, symbol: str, operands: Sequence[ir.Value]) -> Emitted:
        if symbol in self._inlining:
            raise Unsupported(f"@{symbol} calls itself")
        block = self._body(symbol)
        self._analysis.visit(block)
        for argument, operand in zip(block.arguments, operands, strict=True):
            if self._analysis.uses.get(argument, 0) > 1:
                self.share(operand)
            self._terms[argument] = self._terms[operand]
        self._inlining.append(symbol)
        results: list[ast.expr | Term] = list(self._block(block))
        self._inlining.pop()
        return results

    def _body(self, symbol: str) -> ir.Block:
        function = self.symbols.get(symbol)
        if function is None or not function.regions[0].blocks:
            raise Unsupported(f"@{symbol} has no body")
        return function.regions[0].blocks[0]

    def region(
        self,
        block: ir.Block,
        name: str,
        parameters: Sequence[str],
        *,
        places: Sequence[tuple[int, int]] | None = None,
        unpack: str = "",
    ) -> ast.expr:
        """A region as a function, as `function` writes it.

        `parameters` are the wanted names of the block's arguments.  With `unpack` the function takes one tuple
        of that name and names its items; with `places` argument i is item `places[i][1]` of parameter
        `places[i][0]`.
        """
        with self.nested() as scope:
            carry = scope.names.fresh(unpack) if unpack else ""
            if unpack:
                used = [a in self._analysis.uses for a in block.arguments]
                chosen = [scope.names.fresh(p) if u else "_" for p, u in zip(parameters, used, strict=True)]
            else:
                chosen = [scope.names.fresh(p) for p in parameters]
            arguments: list[ast.expr] = []
            for position in range(len(block.arguments)):
                parameter, item = places[position] if places else (position, None)
                node: ast.expr = syntax.name(chosen[parameter])
                arguments.append(node if item is None else syntax.index(node, syntax.literal(item)))
            returned = self.body(block, dict(zip(block.arguments, arguments, strict=True)))
        if unpack:
            scope.statements.insert(0, syntax.assign(chosen, syntax.name(carry)))
        return self.function(name, [carry] if unpack else chosen, scope.statements, syntax.packed(returned))

    def body(self, block: ir.Block, values: Mapping[ir.Value, ast.expr]) -> list[ast.expr]:
        """Write a block's operations, which read what `values` says; answers what it returns."""
        for value, node in values.items():
            self._terms[value] = Bound(self.type(value), node)
        return [self.written(term) for term in self._block(block)]

    def function(
        self, name: str, parameters: Sequence[str], statements: Sequence[ast.stmt], returned: ast.expr
    ) -> ast.expr:
        """A function inside the current one: a lambda where it is one expression, else a `def` and its name."""
        if not statements and len(flat(returned)) <= WIDEST:
            return syntax.lambda_(parameters, returned)
        chosen = self._scope.names.fresh(name)
        body = [*statements, ast.Return(returned)]
        self._scope.statements.append(syntax.function(chosen, parameters, body))
        return syntax.name(chosen)

    def element(self, name: str, path: Path) -> ast.expr:
        """What is at `path` of a variable of one iteration: a branch of weights, or an array by itself."""
        if path:
            self._roots.add(name)
        return item(path, name)

    def weight_path(self, value: ir.Value) -> Path | None:
        """Where a value is in `params`, or in the branch of it that an iteration has; None for any other."""
        term = self._terms.get(value)
        return weight_path(term.node, self._roots) if isinstance(term, Bound) else None

    # ------------------------------------------------------------------------------------------ internals

    def _block(self, block: ir.Block) -> Sequence[Term]:
        """Write a block's operations; the terms its terminator returns."""
        for op in self._analysis.visit(block):
            if op.operation.name in RETURNS:
                return [self._terms[v] for v in self._analysis.values_returned(op)]
            self._operation(op)
        raise Unsupported("a block without a return")

    def _operation(self, op: ir.OpView) -> None:
        cost, self._cost = self._cost, 0
        try:
            if op.operation.name == "stablehlo.constant":
                self._terms[op.results[0]] = self.read_constant(op)
            elif self.symbolic.is_known(op):
                for result in op.results:
                    self._terms[result] = self.read_sizes(result)
            else:
                self._bind(op, self._emitted(op))
        except (Unsupported, UnknownShapes) as reason:
            self.errors.append(Diagnostic("error", f"{op.operation.name}: {reason}", location_text(op.location)))
            for result in op.results:
                # Go on, so that all refusals are reported at once.
                self._terms[result] = Bound(TensorType((), "f32"), syntax.name("refused"))
        self._cost = cost

    def _emitted(self, op: ir.OpView) -> Emitted:
        match = self._analysis.idioms.get(op.operation)
        if match is not None:
            return match.emit(self, op)
        if op.operation.name in SHAPE_OPERANDS and any(r in self.symbolic.openings for r in op.results):
            raise Unsupported("its shape does not follow from the shapes of the inputs; give those static shapes")
        emitter = EMITTERS.get(op.operation.name)
        if emitter is None:
            raise Unsupported(refusal(op.operation.name))
        return emitter(self, op)

    def _bind(self, op: ir.OpView, emitted: Emitted) -> None:
        results = op.results
        if isinstance(emitted, Nested):
            self._bind_nested(op, emitted)
            return
        if isinstance(emitted, ast.expr) and len(results) > 1:
            self._bind_tuple(op, emitted)
            return
        values = emitted if isinstance(emitted, list) else [emitted]
        for result, value in zip(results, values, strict=True):
            if isinstance(value, ast.expr):
                value = Bound(self._result_type(result), value, self._cost + 1)
            self._bind_one(op, result, value)

    def _open_sizes(self, value: ir.Value) -> None:
        """Name the sizes of a variable that follow from nothing: `n = rows.shape[0]`."""
        for opening in self.symbolic.openings.get(value, ()):
            size = syntax.index(syntax.attribute(self.atom(value), "shape"), syntax.literal(opening.axis))
            self._scope.statements.append(syntax.assign([opening.symbol], size))

    def _bind_one(self, op: ir.OpView, result: ir.Value, term: Term) -> None:
        uses = self._analysis.uses.get(result, 0)
        if uses and result in self.symbolic.openings:
            self._terms[result] = self._assign(term.type, self.written(term), self._wanted_name(op), op)
            self._open_sizes(result)
            return
        if isinstance(term, Bound) and term.cost:
            if isinstance(term.node, ast.Name):
                term = Bound(term.type, term.node)
            elif uses > 1 or (uses == 1 and result not in self._analysis.returned and not self._may_inline(term)):
                term = self._assign(term.type, term.node, self._wanted_name(op), op)
        elif isinstance(term, Spread) and uses > 1 and term.source.cost:
            source = self._assign(term.source.type, term.source.node, self._wanted_name(op), op)
            term = Spread(term.type, source, term.dims)
        self._terms[result] = term

    def _bind_tuple(self, op: ir.OpView, node: ast.expr) -> None:
        used = [i for i, r in enumerate(op.results) if r in self._analysis.uses]
        if len(used) == 1:
            self._bind_only(op, used[0], syntax.index(node, syntax.literal(used[0])))
        else:
            self._bind_nested(op, Nested(node, [[i] for i in range(len(op.results))]))

    def _bind_nested(self, op: ir.OpView, nested: Nested) -> None:
        if len(nested.groups) == len(nested.groups[0]) == 1:
            self._bind_only(op, nested.groups[0][0], nested.node)
            return
        base = self._wanted_name(op)
        targets = {i: "_" for group in nested.groups for i in group}
        for i in targets:
            if op.results[i] in self._analysis.uses:
                targets[i] = self._scope.names.fresh(base)
                self._terms[op.results[i]] = Bound(self._result_type(op.results[i]), syntax.name(targets[i]))
        types = ", ".join(str(self._result_type(op.results[i])) for i in targets)
        statement = syntax.unpack([[targets[i] for i in group] for group in nested.groups], nested.node)
        comment = type_comment(types, self._source(op), next(iter(targets.values())))
        self._scope.statements.append(with_comment(statement, comment))
        for i in targets:
            if op.results[i] in self._analysis.uses:
                self._open_sizes(op.results[i])

    def _bind_only(self, op: ir.OpView, position: int, node: ast.expr) -> None:
        """Bind the only result of several that is used."""
        result = op.results[position]
        self._bind_one(op, result, Bound(self._result_type(result), node, self._cost + 1))

    def _result_type(self, result: ir.Value) -> TensorType:
        if isinstance(result.type, ir.TupleType):
            return TensorType((), "f32")
        type_ = self.type(result)
        if type_.element in WIDE:
            self.uses_wide = True
        return type_

    def _may_inline(self, term: Bound) -> bool:
        if isinstance(term.made, Reduction):
            # The next operation may complete it to a mean or add keepdims.
            return True
        if term.cost > MOST_OPERATIONS:
            return False
        return len(_WEIGHT.sub("params[weight]", flat(term.node))) <= WIDEST

    def _results(self, terms: Sequence[Term]) -> ast.Return:
        return ast.Return(syntax.packed([self.written(t) for t in terms]))

    def _subtree(self, symbol: str) -> Subtree:
        """What the calls of a function pass of one branch of `params` each; decided when the first is written."""
        if symbol not in self._subtrees:
            calls = self._call_sites.get(symbol, [])
            self._subtrees[symbol] = find_subtree([list(map(self.weight_path, call.operands)) for call in calls])
        return self._subtrees[symbol]

    def _emit_function(self, key: object, symbol: str, block: ir.Block) -> None:
        name = self._function_names[key] = self.module_names.fresh(identifier(symbol), "function")
        names = self.module_names.inner()
        fallbacks = "xyz" if len(block.arguments) <= 3 else "abcdefgh"
        subtree = self._subtree(symbol)
        parameters: list[str] = ["params"] if subtree else []
        taken: list[int | str] = []
        arrays: list[SizedArray] = []
        for position, argument in enumerate(block.arguments):
            if position in subtree:
                self._terms[argument] = Bound(self.type(argument), item(subtree[position]))
                continue
            if self.symbolic.contents(argument) is not None:
                self._terms[argument] = self.read_sizes(argument)
                continue
            taken.append(position)
            fallback = fallbacks[position] if position < len(fallbacks) else f"arg{position}"
            parameter = names.fresh(variable_name(source_name(argument.location)), fallback)
            parameters.append(parameter)
            term = Bound(self.type(argument), syntax.name(parameter))
            arrays.append(SizedArray(parameter, term.node, term.type))
            self._terms[argument] = term
        cost, outer = self._cost, self._scope
        self._scope = FunctionScope(names, path=source_name(self.symbols[symbol].location))
        returned, terminator = self._results(self._block(block)), self._analysis.visit(block)[-1]
        body, self._scope, self._cost = self._scope.statements, outer, cost
        with_comment(returned, ", ".join(str(self.type(v)) for v in terminator.operands))
        note = ", ".join(f"{a.name} {a.type}" for a in arrays)
        header, unsolved = size_definitions(arrays, used_sizes([*body, returned], self.symbolic.symbols))
        self._parameters[key] = [*taken, *unsolved]
        self.functions[key] = syntax.function(name, [*parameters, *unsolved], [*header, *body, returned])
        self.functions[key].__dict__["note"] = note
