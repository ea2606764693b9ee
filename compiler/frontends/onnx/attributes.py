"""AttributeProto to Python values, checked against what the operator's schema and lowering declare."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from onnx import AttributeProto

from oxide.dialects.diagnostics import OxideError
from oxide.frontends.onnx.diagnostics import quoted
from oxide.frontends.onnx.graph import SourceNode
from oxide.frontends.onnx.initializers import TensorReader

Decoder = Callable[[AttributeProto, TensorReader], Any]


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise OxideError(f"text that is not UTF-8: {data[:40]!r}") from error


_DECODERS: dict[int, Decoder] = {
    AttributeProto.FLOAT: lambda a, _: a.f,
    AttributeProto.INT: lambda a, _: a.i,
    AttributeProto.STRING: lambda a, _: _text(a.s),
    AttributeProto.TENSOR: lambda a, reader: reader.array(a.t, a.name),
    AttributeProto.SPARSE_TENSOR: lambda a, reader: reader.sparse_array(a.sparse_tensor),
    AttributeProto.TYPE_PROTO: lambda a, _: a.tp,
    AttributeProto.FLOATS: lambda a, _: list(a.floats),
    AttributeProto.INTS: lambda a, _: list(a.ints),
    AttributeProto.STRINGS: lambda a, _: [_text(s) for s in a.strings],
    AttributeProto.TENSORS: lambda a, reader: [reader.array(t, a.name) for t in a.tensors],
    AttributeProto.SPARSE_TENSORS: lambda a, reader: [reader.sparse_array(s) for s in a.sparse_tensors],
    AttributeProto.TYPE_PROTOS: lambda a, _: list(a.type_protos),
}


def type_name(attribute_type: int) -> str:
    names = {number: name for name, number in AttributeProto.AttributeType.items()}
    return names.get(attribute_type, str(attribute_type)).lower()


def decode(
    node: SourceNode,
    declared: Mapping[str, Any] | None,
    types: Mapping[str, int] | None,
    reader: TensorReader,
) -> dict[str, Any]:
    """The attributes of a node as keyword arguments for a lowering that has declared them.

    Where it has declared None it is given whatever there is.  `types` gives the attributes and types the schema
    knows, None when there is no schema.  Raises OxideError for an attribute that is not declared, comes twice, has
    the wrong type, or cannot be read.
    """
    values: dict[str, Any] = {}
    for attribute in node.attributes:
        name = attribute.name
        taken = (types or {name: 0}) if declared is None else declared
        if name not in taken or (types is not None and name not in types):
            known = ", ".join(n for n in taken if types is None or n in types) or "none"
            raise OxideError(f"attribute {quoted(name)} is not one of this operator's: {known}")
        if name in values:
            raise OxideError(f"attribute {quoted(name)} is given twice")
        expected = None if types is None else types.get(name)
        # Models of IR version 1 have untyped attributes.
        kind = int(attribute.type) or expected or 0
        if expected is not None and kind != expected:
            raise OxideError(f"attribute {name} must be {type_name(expected)}, not {type_name(kind)}")
        if kind in (AttributeProto.GRAPH, AttributeProto.GRAPHS):
            graphs = node.graphs.get(name)
            if graphs is None:
                raise OxideError(f"attribute {name} must be {type_name(kind)}, but says no type")
            values[name] = graphs[0] if kind == AttributeProto.GRAPH else graphs
            continue
        decoder = _DECODERS.get(kind)
        if decoder is None:
            raise OxideError(f"attribute {quoted(name)} has the unknown type {type_name(kind)}")
        try:
            values[name] = decoder(attribute, reader)
        except OxideError as error:
            raise OxideError(f"attribute {name}: {error.message}", error.diagnostics) from error
    return values


def substitute(
    attributes: Iterable[AttributeProto], bindings: Mapping[str, AttributeProto]
) -> list[AttributeProto]:
    """Attributes of a node in a function body with references (`ref_attr_name`) replaced by what the call
    binds; a reference to an attribute that the call does not give, and that has no default, is left out.

    References inside subgraphs are replaced as well.
    """
    result: list[AttributeProto] = []
    for attribute in attributes:
        if not attribute.ref_attr_name:
            result.append(attribute if not _has_graphs(attribute) else _substitute_graphs(attribute, bindings))
        elif attribute.ref_attr_name in bindings:
            bound = AttributeProto()
            bound.CopyFrom(bindings[attribute.ref_attr_name])
            bound.name = attribute.name
            result.append(bound)
    return result


def _has_graphs(attribute: AttributeProto) -> bool:
    return attribute.type in (AttributeProto.GRAPH, AttributeProto.GRAPHS)


def _substitute_graphs(attribute: AttributeProto, bindings: Mapping[str, AttributeProto]) -> AttributeProto:
    copy = AttributeProto()
    copy.CopyFrom(attribute)
    for graph in [copy.g] if copy.type == AttributeProto.GRAPH else copy.graphs:
        for node in graph.node:
            kept = substitute(node.attribute, bindings)
            kept = [AttributeProto.FromString(a.SerializeToString()) for a in kept]
            del node.attribute[:]
            node.attribute.extend(kept)
    return copy
