"""Tracing: the nodes of one graph, subgraph or function body are lowered in order in a scope of names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects.diagnostics import OxideError
from oxide.frontends.bounded import is_bounded
from oxide.frontends.onnx.attributes import decode
from oxide.frontends.onnx.bounded_rules import apply, has_rule, refuse
from oxide.frontends.onnx.diagnostics import NodeError, node_error, quoted
from oxide.frontends.onnx.functions import MAX_DEPTH, body_graph, check_call, schema_body, schema_defaults
from oxide.frontends.onnx.graph import Graph, SourceNode, ordered
from oxide.frontends.onnx.node import ABSENT, Node
from oxide.frontends.onnx.operands import check_operands
from oxide.frontends.onnx.operators import Library, Operator
from oxide.frontends.onnx.weights import Weights

_UNDEFINED = object()


class Scope:
    """The values of one graph by name, with the surrounding graph's behind them.

    A value is an `ir.Value`, None (an optional that is absent) or a Python list (a sequence).
    """

    def __init__(
        self,
        library: Library,
        weights: Weights,
        *,
        parent: Scope | None = None,
        prefix: str = "",
        location_name: str = "",
        depth: int = 0,
    ) -> None:
        self.library = library
        self.weights = weights
        self.parent = parent
        self.prefix = prefix
        # Nodes of a schema's body have no names a user knows; they all go under their call's.
        self.location_name = location_name
        self.depth = depth
        self.values: dict[str, Any] = {"": None}
        self.opsets: Mapping[str, int] = library.opsets

    # ------------------------------------------------------------------------------------------ names

    def lookup(self, name: str) -> Any:
        scope: Scope | None = self
        while scope is not None:
            value = scope.values.get(name, _UNDEFINED)
            if value is not _UNDEFINED:
                return value
            scope = scope.parent
        raise OxideError(f"nothing defines the value {quoted(name)} here")

    def is_defined(self, name: str) -> bool:
        return name in self.values or (self.parent is not None and self.parent.is_defined(name))

    # ------------------------------------------------------------------------------------------ nodes

    def run(self, graph: Graph) -> list[Any]:
        """Lower a graph whose inputs are bound already; returns its outputs."""
        for tensor in graph.initializers:
            if tensor.name not in self.values:
                self.values[tensor.name] = self.weights.tensor(tensor, self.prefix)
        for sparse in graph.sparse_initializers:
            if sparse.values.name not in self.values:
                self.values[sparse.values.name] = self.weights.sparse(sparse, self.prefix)
        outer = self.parent.is_defined if self.parent else lambda name: False
        for node in ordered(graph, outer):
            self._lower(node)
        return [self.lookup(name) for name in graph.outputs]

    def _lower(self, source: SourceNode) -> None:
        operator = self.library.resolve(source.domain, source.op_type, source.overload)
        name = self.location_name or (self.prefix + source.name if self.prefix else source.name)
        try:
            inputs = [self.lookup(value) for value in source.inputs]
            if operator.formals:
                check_operands(operator.formals, source.inputs, inputs)
            with ir.Location.name(name):
                if operator.lowering is not None:
                    results = self._call_lowering(operator, source, name, inputs)
                else:
                    results = self._expand(operator, source, name, inputs)
            self._bind(source, results)
        except NodeError:
            raise
        except OxideError as error:
            detail = "\n".join([error.message, *map(str, error.diagnostics)])
            raise node_error(name, operator.label, detail) from error
        except RecursionError as error:
            raise node_error(name, operator.label, "the graph is nested too deeply") from error
        except Exception as error:
            reason = f"{type(error).__name__}: {error}".partition("\n")[0]
            provider = operator.lowering.provider if operator.lowering else ""
            detail = f"internal error: {reason}; please report it with the model"
            if provider:
                detail = f"the lowering that {provider} provides raised {reason}"
            raise node_error(name, operator.label, detail) from error

    def _call_lowering(self, operator: Operator, source: SourceNode, name: str, inputs: list[Any]) -> Sequence[Any]:
        lowering = operator.lowering
        assert lowering is not None
        signature = lowering.signature
        # Trailing empty names are absent inputs, also beyond what an older version of an operator takes.
        while inputs and not source.inputs[len(inputs) - 1]:
            inputs.pop()
        count = len(inputs)
        limit = operator.max_inputs if signature.variadic else min(operator.max_inputs, len(signature.inputs))
        if count > limit:
            raise OxideError(f"it has {count} inputs, the operator takes at most {limit}")
        # Not `None in inputs`: comparing an ir.Value with None raises.
        present = sum(value is not None for value in inputs[: signature.required])
        if present < signature.required or count < operator.min_inputs:
            self._refuse_missing_input(operator, source, inputs)
        attributes: dict[str, Any] = {}
        if source.attributes:
            attributes = decode(source, signature.attributes, operator.attribute_types, self.weights.reader)
        for required in signature.required_attributes:
            if required not in attributes:
                raise OxideError(f"the required attribute {required} is missing")
        node = Node(self, name, source.op_type, source.domain, operator.version, source.inputs, source.outputs)
        if has_rule(node, inputs):
            return apply(node, inputs, attributes, partial(lowering.function, node, **attributes))
        results = lowering.function(node, *inputs, **attributes)
        return results if isinstance(results, tuple | list) else (results,)

    def _refuse_missing_input(self, operator: Operator, source: SourceNode, inputs: list[Any]) -> None:
        assert operator.lowering is not None
        signature = operator.lowering.signature
        for index, parameter in enumerate(signature.inputs[: signature.required]):
            if index >= len(inputs) or inputs[index] is None:
                raise OxideError(f"the required input {parameter} (number {index}) is missing")
        raise OxideError(f"it has {len(inputs)} inputs, the operator needs {operator.min_inputs}")

    def _expand(self, operator: Operator, source: SourceNode, name: str, inputs: list[Any]) -> Sequence[Any]:
        """Lower a call by the body of its function."""
        if self.depth >= MAX_DEPTH:
            raise OxideError(f"functions are nested more than {MAX_DEPTH} deep")
        if operator.unsupported:  # in the body of a context-dependent function, which no survey has seen
            raise OxideError(f"not supported: {operator.unsupported}")
        body = operator.function
        if body is not None:
            check_call(body, source)
            prefix, location_name = f"{name}/", self.location_name
        else:
            if is_bounded(inputs):
                refuse("it is not supported")
            body = schema_body(operator, source, self.opsets.get("", operator.version), inputs)
            prefix, location_name = "", name
        graph = body_graph(body, source, schema_defaults(operator.schema))
        scope = Scope(
            self.library.of_body(body),
            self.weights,
            prefix=prefix,
            location_name=location_name,
            depth=self.depth + 1,
        )
        padded = [*inputs, *[None] * (len(graph.inputs) - len(inputs))]
        scope.values.update(zip(graph.inputs, padded, strict=True))
        return scope.run(graph)

    def _bind(self, source: SourceNode, results: Sequence[Any]) -> None:
        names = source.outputs
        if len(results) < len(names):
            raise OxideError(f"the lowering returned {len(results)} values for {len(names)} outputs")
        for index, (name, value) in enumerate(zip(names, results, strict=False)):
            if name:
                if value is None:
                    raise OxideError(f"the lowering returned no value for output {index} ({quoted(name)})")
                self.values[name] = None if value is ABSENT else value

    # ------------------------------------------------------------------- what a node asks (node.Tracer)

    def known_value(self, value: Any) -> np.ndarray | None:
        return self.weights.known_value(value) if isinstance(value, ir.Value) else None

    def constant(self, node: Node, array: np.ndarray) -> ir.Value:
        return self.weights.array(array, self.prefix + next(filter(None, node.output_names), node.name))

    def input_name(self, node: Node, value: ir.Value) -> str:
        for name in node.input_names:
            found = self.lookup(name)
            if isinstance(found, ir.Value) and found == value:
                return quoted(name)
        return "a value made by the lowering"

    def model_inputs(self, value: ir.Value) -> tuple[str, ...]:
        return self.weights.model_inputs(value)

    def error_at(self, node: Node, message: str) -> OxideError:
        operator = self.library.resolve(node.domain, node.op_type)
        return node_error(node.name, operator.label, message)

    def lower_graph(self, node: Node, graph: Graph, arguments: Sequence[Any]) -> list[Any]:
        if len(arguments) != len(graph.inputs):
            raise self.error_at(
                node, f"subgraph {quoted(graph.name)} takes {len(graph.inputs)} inputs, gets {len(arguments)}"
            )
        scope = Scope(
            self.library,
            self.weights,
            parent=self,
            prefix=f"{node.name}/" if self.prefix or not self.location_name else "",
            location_name=self.location_name,
            depth=self.depth + 1,
        )
        scope.values.update(zip(graph.inputs, arguments, strict=True))
        # Loops trace their bodies more than once and erase what came first.
        self.weights.forget()
        try:
            return scope.run(graph)
        finally:
            self.weights.forget()
