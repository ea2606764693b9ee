"""The walk over a graph: its nodes are lowered in order, mutations and views made functional on the way."""

from __future__ import annotations

import logging
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from jaxlib.mlir import ir
from torch._ops import HigherOrderOperator, OpOverload
from torch.utils import _pytree as pytree

from oxide.dialects import hlo
from oxide.dialects.diagnostics import OxideError
from oxide.dialects.dims.expression import SymbolicSizeError
from oxide.frontends.torch import numbers, registry
from oxide.frontends.torch.bounded_rules import Rule, check_region, is_open, make_call, refusal, rule_of
from oxide.frontends.torch.checks import check_numbers
from oxide.frontends.torch.data_sizes import DataSizes
from oxide.frontends.torch.decompositions import Expansions, has_decomposition, trace
from oxide.frontends.torch.diagnostics import NodeError
from oxide.frontends.torch.dtypes import to_numpy, to_torch
from oxide.frontends.torch.effects import Effects, States
from oxide.frontends.torch.locations import location, node_name, place_text
from oxide.frontends.torch.node import Node
from oxide.frontends.torch.promotion import with_numbers
from oxide.frontends.torch.schemas import Schema, bind, find_overload, functional_variant, is_default, schema_of
from oxide.frontends.torch.sizes import Symbols, size, sizes
from oxide.frontends.torch.tensors import Tensor, View, read, wrap, write_all
from oxide.frontends.torch.weights import Weights

log = logging.getLogger("oxide.torch")


class Program:
    """What all graphs of one import share: weights, symbols of sizes, expansions and failures.

    `effects` are its random numbers and assertions; `given` are lowerings of this import by operator, which come
    before the registry's.
    """

    def __init__(
        self, weights: Weights, symbols: Symbols, effects: Effects, given: Mapping[str, Callable[..., Any]]
    ) -> None:
        self.given = {name: registry.Lowering(name, function) for name, function in given.items()}
        self.weights = weights
        self.symbols = symbols
        self.data = DataSizes(symbols)
        self.effects = effects
        self.expansions = Expansions()
        self.failures: list[NodeError] = []

    def run(self, graph_module: torch.fx.GraphModule, arguments: Sequence[Any], within: Node | None = None) -> Any:
        """Lower a graph with its placeholders bound to `arguments`; returns what its output node holds.

        `within` is the node that the graph is an expansion of: errors and locations are then its own.
        """
        return _Walk(self, graph_module, within).run(arguments)

    def fake(self, value: Any) -> Any:
        """What stands for a value when PyTorch is asked: fake tensors and SymInts.  The fake mode must be on."""
        if isinstance(value, Tensor):
            if value.number is not None:
                return self.symbols.to_torch(value.number)
            current = value.read()
            shape = [self.symbols.to_torch(d) for d in value.sizes or hlo.shape(current)]
            return torch.empty(shape, dtype=to_torch(hlo.dtype(current)))
        if isinstance(value, list | tuple):
            return [self.fake(part) for part in value]
        return self.symbols.to_torch(value)


class _Walk:
    def __init__(self, program: Program, graph_module: torch.fx.GraphModule, within: Node | None) -> None:
        self.program = program
        self.graph_module = graph_module
        self.within = within
        self.values: dict[torch.fx.Node, Any] = {}

    def run(self, arguments: Sequence[Any]) -> Any:
        graph = self.graph_module.graph
        placeholders = graph.find_nodes(op="placeholder")
        self.values.update(zip(placeholders, arguments, strict=True))
        for node in graph.nodes:
            if node.op == "output":
                return self._resolve(node.args[0])
            if node.op != "placeholder":
                self.values[node] = self._visit(node)
        return None

    def _visit(self, source: torch.fx.Node) -> Any:
        if source.op == "get_attr":
            return self._attribute(str(source.target))
        if self.within is not None:
            return self._guarded(source, self.within.name, self.within.place)
        with location(source):
            return self._guarded(source, node_name(source), "")

    def _guarded(self, source: torch.fx.Node, name: str, place: str) -> Any:
        """Lower a node.  One that cannot be is noted, and the walk goes on to find them all."""
        target = str(source.target)
        try:
            return self._lower(source, name, place)
        except NodeError as error:
            failure = error
        except SymbolicSizeError as error:
            how = f"export with {' and '.join(error.symbols)} fixed (not in dynamic_shapes)"
            failure = NodeError(name, target, place or place_text(source), f"{error.reason}; {how}")
        except OxideError as error:
            detail = "\n".join([error.message, *map(str, error.diagnostics)])
            failure = NodeError(name, target, place or place_text(source), detail)
        except Exception as error:
            log.debug("%s: %s", name, target, exc_info=True)
            reason = f"{type(error).__name__}: {error}".partition("\n")[0]
            detail = f"internal error: {reason}; please report it with the program"
            failure = NodeError(name, target, place or place_text(source), detail)
        self.program.failures.append(failure)
        return self._stand_in(source.meta.get("val"))

    def _stand_in(self, meta: Any) -> Any:
        """Something of the type that a node which failed would have had, FAILED where that is not known."""
        if isinstance(meta, torch.Tensor):
            try:
                zeros = hlo.full(self.program.data.rooms(sizes(meta.shape)), 0, to_numpy(meta.dtype))
                return self.program.data.bind(zeros, meta)
            except OxideError:
                return FAILED
        if isinstance(meta, list | tuple):
            return [self._stand_in(part) for part in meta]
        return FAILED

    # ------------------------------------------------------------------------------------- one node

    def _lower(self, source: torch.fx.Node, name: str, place: str) -> Any:
        target: Any = source.target
        if any(self.values[node] is FAILED for node in source.all_input_nodes):
            return FAILED
        if source.op == "call_function" and target is operator.getitem:
            return self._resolve(source.args[0])[self._resolve(source.args[1])]
        args, kwargs = self._resolve(source.args), self._resolve(source.kwargs)
        if isinstance(target, OpOverload):
            schema = schema_of(target)
            meta = source.meta.get("val")
            place = place or place_text(source)
            call = _Call(self, target, schema, bind(schema, args, kwargs), meta, name, place, source)
            return call.lower()
        if isinstance(target, HigherOrderOperator):
            if target._name not in registry.HIGHER_ORDER:
                raise OxideError(f"{UNSUPPORTED}: this higher-order operator has no lowering")
            check_region(target._name, [args, kwargs])
            node = Node(self, name, target._name, place or place_text(source), source.meta.get("val"), {})
            return wrap(registry.HIGHER_ORDER[target._name](node, *args, **kwargs))
        if source.op == "call_function" and target in numbers.FUNCTIONS:
            meta = source.meta.get("val")
            return self.program.data.bind(numbers.call(target, args, kwargs, meta), meta)
        raise OxideError(f"a graph with {source.op} of {target} is not one that torch.export or make_fx gives")

    def _attribute(self, path: str) -> Any:
        value = operator.attrgetter(path)(self.graph_module)
        return self.program.weights.constant(value, path) if isinstance(value, torch.Tensor) else value

    def _resolve(self, value: Any) -> Any:
        """What the graph's arguments stand for: nodes become what they were lowered to."""
        if isinstance(value, torch.fx.Node):
            return self.values[value]
        if isinstance(value, list | tuple):
            return [self._resolve(element) for element in value]
        if isinstance(value, dict):
            return {key: self._resolve(element) for key, element in value.items()}
        if isinstance(value, slice):
            return slice(*(self._resolve(part) for part in (value.start, value.stop, value.step)))
        return size(value)

    # -------------------------------------------------------------------- what a node asks (node.Tracer)

    def call(self, node: Node, name: str, *arguments: Any, **keywords: Any) -> Any:
        op = find_overload(name)
        if op is None:
            raise OxideError(f"this PyTorch has no operator {name}")
        schema = schema_of(op)
        bound = bind(schema, [wrap(a) for a in arguments], {key: wrap(value) for key, value in keywords.items()})
        return read(_Call(self, op, schema, bound, None, node.name, node.place, None).lower())

    def inline(self, graph_module: torch.fx.GraphModule, arguments: Sequence[Any]) -> Any:
        return self.program.run(graph_module, arguments, self.within)

    def trace(self, node: Node, function: Callable[..., Any], arguments: Sequence[Any]) -> Any:
        with self.program.symbols.mode:
            graph_module, positions = trace(function, [self.program.fake(value) for value in arguments])
        self.program.symbols.require_guards()
        leaves = pytree.tree_leaves((tuple(arguments), {}))
        return self.program.run(graph_module, [leaves[position] for position in positions], self.within or node)

    def weight(self, node: Node, array: np.ndarray) -> ir.Value:
        return self.program.weights.constant(torch.from_numpy(array), f"{node.name}/constant").read()

    @property
    def effects(self) -> Effects:
        return self.program.effects

    @property
    def data(self) -> DataSizes:
        return self.program.data

    def lower_graph(
        self, graph_module: torch.fx.GraphModule, arguments: Sequence[Any], states: States
    ) -> list[Any]:
        bound = [wrap(value) for value in arguments]
        with self.effects.inside(states) as changed:
            result = read(self.program.run(graph_module, bound, self.within))
            after = changed()
        if any(isinstance(tensor, Tensor) and tensor.version for tensor in bound):
            raise OxideError("a branch or loop body changes a tensor from outside in place; return it instead")
        return [*(result if isinstance(result, list | tuple) else [result]), *after]


@dataclass
class _Call:
    """One call of an operator while it is lowered.

    `source` is the node that calls, `mutating` the call that this one is the functional form of.
    """

    walk: _Walk
    op: OpOverload
    schema: Schema
    arguments: dict[str, Any]
    meta: Any
    name: str
    place: str
    source: torch.fx.Node | None
    mutating: _Call | None = None

    def lower(self) -> Any:
        """What the operator returns, tensors as `Tensor`s."""
        given = self.walk.program.given.get(str(self.op))
        entry = given or registry.REGISTRY.get(str(self.op))
        if entry is None and self.schema.mutated:
            return self._by_functional_variant()
        rule = None if given else rule_of(self.op, entry)
        if not is_open(self.schema, self.arguments, by_number=rule is not None):
            return self._by_lowering(entry) if entry is not None else self._by_expansion()
        if entry is not None and rule is not None:
            return self._by_lowering(entry, rule)
        if given is not None or not has_decomposition(self.op):
            raise refusal(UNSUPPORTED)
        return self._by_expansion()

    def _node(self) -> Node:
        meta = self._meta() if self.meta is None and self.schema.returns else self.meta
        known = (self._wanted(), self.fake, self.owner)
        return Node(self.walk, self.name, str(self.op), self.place, meta, self.arguments, *known)

    def fake(self, name: str) -> Any:
        """The fake tensor the graph has for an argument; None where no graph has this call."""
        if self.source is None:
            return self.mutating.fake(name) if self.mutating else None
        given = bind(self.schema, self.source.args, self.source.kwargs)[name]
        return given.meta.get("val") if isinstance(given, torch.fx.Node) else None

    def owner(self, name: str) -> tuple[Tensor, torch.Tensor] | None:
        """The tensor whose memory an argument is a view of, and its fake; None where the graph has neither."""
        owner = self.arguments[name].owner
        nodes = (node for node, value in self.walk.values.items() if value is owner)
        fakes = (node.meta.get("val") for node in nodes)
        return next(((owner, fake) for fake in fakes if isinstance(fake, torch.Tensor)), None)

    def _by_lowering(self, entry: registry.Lowering, rule: Rule | None = None) -> Any:
        node, data = self._node(), self.walk.program.data
        if rule is not None:
            self.meta = node.meta
            result = rule(make_call(node, self.schema, self.arguments, data, entry.function))
        else:
            check_numbers(self.schema, self.arguments)
            values = {key: read(value) for key, value in self.arguments.items()}
            result = entry.function(node, **with_numbers(values, self.fake))
        return data.bind(self._bind_views(result) if entry.is_view else result, self.meta)

    def _bind_views(self, result: Any) -> Any:
        """Views of the argument they alias; what may copy (reshape, contiguous) aliases where the graph says so."""
        aliased = next((a.name for a in self.schema.arguments if a.alias), self.schema.names[0])
        base = self.arguments[aliased]
        shares = not (self.schema.is_view and self.op._can_decompose()) or self._shares_memory()

        def tensor(part: Any) -> Any:
            if not isinstance(part, View):
                return wrap(part)
            return base.alias(part) if shares else Tensor(part.forward(base.read()))

        return [tensor(part) for part in result] if isinstance(result, list | tuple) else tensor(result)

    def _shares_memory(self) -> bool:
        """Whether this call of an operator that may alias or copy (reshape, contiguous, to) aliases."""
        if self.source is None or self.meta is None:
            return True
        first = self.meta[0] if isinstance(self.meta, list | tuple) and self.meta else self.meta
        given = self.source.args[0] if self.source.args else None
        fake = given.meta.get("val") if isinstance(given, torch.fx.Node) else None
        if not isinstance(fake, torch.Tensor) or not isinstance(first, torch.Tensor):
            return True
        return fake.untyped_storage()._cdata == first.untyped_storage()._cdata

    # -------------------------------------------------------------------------------------- mutation

    def _by_functional_variant(self) -> Any:
        """Lower what the operator computes, then write it into the arguments it mutates.

        The functional variant returns the results in the same order, or the results that are fresh and then the new
        values of the mutated arguments.
        """
        functional = functional_variant(self.op)
        if functional is None and has_decomposition(
            self.op
        ):  # a custom operator, whose graph changes the arguments
            return self._by_expansion()
        if functional is None:
            raise OxideError("it changes its arguments, and PyTorch has no functional variant of it")
        other = schema_of(functional)
        arguments = {name: self.arguments[name] for name in other.names}
        call = _Call(self.walk, functional, other, arguments, None, self.name, self.place, None, self)
        results = call.lower()
        if other.is_view:
            return results
        results = results if isinstance(results, list | tuple) and len(other.returns) != 1 else [results]
        targets = [self.arguments[argument.name] for argument in self.schema.mutated]
        if len(other.returns) == len(self.schema.returns) + len(targets):
            fresh = len(self.schema.returns)
            write_all(targets, results[fresh:])
            return results[0] if fresh == 1 else list(results[:fresh])
        write_all(targets, results)
        aliased = {argument.alias: self.arguments[argument.name] for argument in self.schema.mutated}
        returned = [aliased[alias] for alias in self.schema.returns]
        return returned[0] if len(returned) == 1 else returned or None

    # ------------------------------------------------------------------------------------- expansion

    def _by_expansion(self) -> Any:
        if not has_decomposition(self.op):
            raise OxideError(f"{UNSUPPORTED}: it has no lowering and PyTorch defines no decomposition of it")
        args, kwargs = self._fake_arguments()
        try:
            with self.walk.program.symbols.mode:
                graph_module, positions = self.walk.program.expansions.expand(self.op, args, kwargs)
        except Exception as error:
            reason = f"{type(error).__name__}: {error}".partition("\n")[0]
            raise OxideError(f"{UNSUPPORTED}; PyTorch's decomposition of it fails: {reason}") from error
        self.walk.program.symbols.require_guards()
        args, kwargs = self._given(self.arguments)
        leaves = pytree.tree_leaves((tuple(args), kwargs))
        bound = [leaves[position] for position in positions]
        result = self.walk.program.run(graph_module, bound, self._node_or_within())
        return self.walk.program.data.bind(result, self.meta)

    def _node_or_within(self) -> Node:
        return self.walk.within or Node(self.walk, self.name, str(self.op), self.place, None, {})

    def _fake_arguments(self) -> tuple[list[Any], dict[str, Any]]:
        with self.walk.program.symbols.mode:
            return self._given({name: self._fake_argument(name) for name in self.arguments})

    def _fake_argument(self, name: str) -> Any:
        """What stands for an argument; for a number that is computed what the graph has for it."""
        number = self.fake(name) if isinstance(self.arguments[name], Tensor) else None
        is_number = isinstance(number, torch.SymFloat | torch.SymBool)
        return number if is_number else self.walk.program.fake(self.arguments[name])

    def _given(self, arguments: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        """As positions and keywords, without those that have their default: a decomposition may lack them."""
        positional = [a for a in self.schema.arguments if not a.keyword]
        while positional and is_default(arguments[positional[-1].name], positional[-1].default):
            positional.pop()
        args = [arguments[a.name] for a in positional]
        named = [a for a in self.schema.arguments if a.keyword]
        kwargs = {a.keyword: arguments[a.name] for a in named if not is_default(arguments[a.name], a.default)}
        return args, kwargs

    def _meta(self) -> Any:
        """What PyTorch says the result is, for a call that no graph has."""
        args, kwargs = self._fake_arguments()
        with self.walk.program.symbols.mode:
            return self.op(*args, **kwargs)

    def _wanted(self) -> frozenset[int] | None:
        if self.source is None or not isinstance(self.meta, list | tuple):
            return None
        if any(user.target is not operator.getitem for user in self.source.users):
            return None
        return frozenset(cast(int, user.args[1]) for user in self.source.users)


UNSUPPORTED = "not supported"
# The value of a node that failed, and of all that depends on it: they are not reported again.
FAILED = object()
