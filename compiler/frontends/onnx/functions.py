"""Function bodies: those a model carries, and those ONNX's schemas give for their operators."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from jaxlib.mlir import ir
from onnx import AttributeProto, FunctionProto, NodeProto, TypeProto

from oxide.dialects.diagnostics import OxideError
from oxide.frontends.onnx.attributes import substitute
from oxide.frontends.onnx.diagnostics import quoted
from oxide.frontends.onnx.graph import Graph, SourceNode
from oxide.frontends.onnx.operators import FunctionKey, Operator, find_schema
from oxide.frontends.onnx.registry import normal_domain
from oxide.frontends.onnx.types import type_proto

# Calls nested deeper than this are refused; each level costs interpreter stack.
MAX_DEPTH = 64


def local_functions(functions: Sequence[FunctionProto]) -> dict[FunctionKey, FunctionProto]:
    """A model's functions by key.  Raises OxideError when two have the same one."""
    table: dict[FunctionKey, FunctionProto] = {}
    for function in functions:
        key = (normal_domain(function.domain), function.name, function.overload)
        if key in table:
            raise OxideError(f"the model has two functions {quoted(function.domain)}.{quoted(function.name)}")
        table[key] = function
    return table


def schema_body(
    operator: Operator, node: SourceNode, opset: int, inputs: Sequence[ir.Value | None]
) -> FunctionProto:
    """The body ONNX defines a node by, for the opset in force.  Raises OxideError when there is none."""
    body = static_schema_body(operator, opset)
    if body is not None:
        return body
    schema = operator.schema
    data = b""
    if schema is not None and schema.has_context_dependent_function:
        types = [TypeProto() if value is None else type_proto(value) for value in inputs]
        data = schema.get_context_dependent_function_with_opset_version(
            _body_version(schema.context_dependent_function_opset_versions, opset),
            node.proto.SerializeToString(),
            [proto.SerializeToString() for proto in types],
        )
    if not data:
        raise OxideError("no lowering, and ONNX has no function body for it with these inputs and attributes")
    return FunctionProto.FromString(data)


def static_schema_body(operator: Operator, opset: int) -> FunctionProto | None:
    """The body ONNX defines an operator by, where it does not depend on the node.  The same object each time."""
    schema = operator.schema
    if schema is None or not schema.has_function:
        return None
    return _static_body(schema.name, schema.since_version, schema.domain, opset)


@cache
def _static_body(name: str, since_version: int, domain: str, opset: int) -> FunctionProto:
    schema = find_schema(name, since_version, domain)
    version = _body_version(schema.function_opset_versions, opset)
    return FunctionProto.FromString(schema.get_function_with_opset_version(version))


def _body_version(versions: Sequence[int], opset: int) -> int:
    """The newest version of a body that is not newer than the opset (else the oldest there is)."""
    usable = [version for version in versions if version <= opset]
    return max(usable) if usable else min(versions)


def body_graph(body: FunctionProto, call: SourceNode, defaults: Mapping[str, AttributeProto]) -> Graph:
    """The body of a call with its attribute references resolved.  `defaults` apply where the call is silent."""
    if len(call.inputs) > len(body.input):
        raise OxideError(f"the call has {len(call.inputs)} inputs, the function {len(body.input)}")
    if len(call.outputs) > len(body.output):
        raise OxideError(f"the call asks for {len(call.outputs)} outputs, the function has {len(body.output)}")
    bindings = dict(defaults)
    bindings.update({a.name: a for a in body.attribute_proto})
    bindings.update({a.name: a for a in call.attributes})
    nodes: list[SourceNode] = []
    for proto in body.node:
        if any(a.ref_attr_name or a.type in (a.GRAPH, a.GRAPHS) for a in proto.attribute):
            resolved = NodeProto()
            resolved.CopyFrom(proto)
            del resolved.attribute[:]
            resolved.attribute.extend(substitute(proto.attribute, bindings))
            proto = resolved
        nodes.append(SourceNode(proto))
    # An output the call leaves out may stay undefined in the body, so it is not one of this graph's.
    wanted = [inner if outer else "" for inner, outer in zip(body.output, call.outputs, strict=False)]
    return Graph(body.name, nodes, list(body.input), wanted)


def check_call(body: FunctionProto, call: SourceNode) -> None:
    """Refuse attributes that a model-local function does not declare."""
    declared = {*body.attribute, *(a.name for a in body.attribute_proto)}
    unknown = [a.name for a in call.attributes if a.name not in declared]
    if unknown:
        raise OxideError(f"the function has no attribute {', '.join(map(quoted, unknown))}")


def schema_defaults(schema: Any) -> dict[str, AttributeProto]:
    """The attributes that a schema gives a default."""
    if schema is None:
        return {}
    return {
        name: attribute.default_value
        for name, attribute in schema.attributes.items()
        if attribute.default_value.name
    }
