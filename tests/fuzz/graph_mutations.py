"""Damage to what a model means: its nodes, values, types, opsets, weights, subgraphs and functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from random import Random
from typing import Any

from fuzz.field_mutations import FLOATS, INTEGERS, NAMES, messages_of, try_set
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, TypeProto, ValueInfoProto, defs

from oxide.frontends.onnx import ops as _registers_lowerings  # noqa: F401
from oxide.frontends.onnx.registry import REGISTRY

DIMENSIONS = (0, 1, -1, 2, 3, 5, 1000, 2**16, 2**31, 2**40, -(2**40), 2**63 - 1)
OPSETS = (0, 1, 2, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 18, 19, 20, 21, 22, 23, 24, 999, -1, 2**62)
ELEMENT_TYPES = (*TensorProto.DataType.values(), 99, -1, 2**31 - 1)


def _graphs(model: ModelProto) -> list[GraphProto]:
    return [message for message in messages_of(model) if isinstance(message, GraphProto)]


def _nodes(model: ModelProto) -> list[NodeProto]:
    return [message for message in messages_of(model) if isinstance(message, NodeProto)]


def _tensors(model: ModelProto) -> list[TensorProto]:
    return [message for message in messages_of(model) if isinstance(message, TensorProto)]


def _names(model: ModelProto) -> list[str]:
    return sorted({name for node in _nodes(model) for name in (*node.input, *node.output)} | {"", "nowhere"})


@cache
def operators() -> tuple[tuple[str, str], ...]:
    """Domain and name of every operator that the onnx package or Oxide knows."""
    known = {(schema.domain, schema.name) for schema in defs.get_all_schemas()}
    return tuple(sorted(known | {(domain, name) for domain, name, _ in REGISTRY}))


@cache
def attribute_names() -> dict[tuple[str, str], tuple[str, ...]]:
    """The attributes of every operator, by domain and name."""
    return {(s.domain, s.name): tuple(sorted(s.attributes)) for s in defs.get_all_schemas()}


def drop_node(model: ModelProto, rng: Random) -> None:
    _change_list(_graphs(model), "node", rng, lambda nodes: nodes.pop(rng.randrange(len(nodes))))


def repeat_node(model: ModelProto, rng: Random) -> None:
    _change_list(_graphs(model), "node", rng, lambda nodes: nodes.append(rng.choice(nodes)))


def reorder_nodes(model: ModelProto, rng: Random) -> None:
    _change_list(_graphs(model), "node", rng, rng.shuffle)


def _change_list(owners: Sequence[Any], field: str, rng: Random, change: Callable[[list[Any]], Any]) -> None:
    """Apply `change` to a repeated field, as a list, of one of the messages that have any."""
    candidates = [owner for owner in owners if getattr(owner, field)]
    if candidates:
        owner = rng.choice(candidates)
        items = [type(item).FromString(item.SerializeToString()) for item in getattr(owner, field)]
        change(items)
        owner.ClearField(field)
        getattr(owner, field).extend(items)


def rewire(model: ModelProto, rng: Random) -> None:
    """An input or output of a node becomes another value of the model, or none."""
    nodes = [node for node in _nodes(model) if node.input or node.output]
    if nodes:
        node = rng.choice(nodes)
        names = node.input if node.input and (not node.output or rng.random() < 0.8) else node.output
        names[rng.randrange(len(names))] = rng.choice(_names(model))


def change_arity(model: ModelProto, rng: Random) -> None:
    """More or fewer inputs or outputs of a node."""
    if nodes := _nodes(model):
        node = rng.choice(nodes)
        names = rng.choice((node.input, node.output))
        if names and rng.random() < 0.5:
            del names[rng.randrange(len(names))]
        else:
            names.insert(rng.randrange(len(names) + 1), rng.choice((*_names(model), "extra")))


def rename(model: ModelProto, rng: Random) -> None:
    """A value gets a hostile name everywhere."""
    old, new = rng.choice(_names(model)), rng.choice(NAMES)
    for node in _nodes(model):
        for names in (node.input, node.output):
            for index, name in enumerate(names):
                if name == old:
                    names[index] = new
    for graph in _graphs(model):
        for value in (*graph.input, *graph.output, *graph.initializer):
            if value.name == old:
                value.name = new


def change_operator(model: ModelProto, rng: Random) -> None:
    """A node becomes another operator with the same inputs and attributes."""
    if nodes := _nodes(model):
        node = rng.choice(nodes)
        node.domain, node.op_type = rng.choice(operators())
        if node.domain and all(entry.domain != node.domain for entry in model.opset_import):
            model.opset_import.add(domain=node.domain, version=1)


def change_attribute(model: ModelProto, rng: Random) -> None:
    """An attribute of a node, present or not, gets a strange value of its own type or of another."""
    if not (nodes := _nodes(model)):
        return
    node = rng.choice(nodes)
    names = attribute_names().get((node.domain, node.op_type), ())
    present = [attribute.name for attribute in node.attribute]
    name = rng.choice(present) if present and rng.random() < 0.6 else rng.choice((*names, "unknown"))
    schema_types = _schema_attribute_types(node)
    attribute = next((a for a in node.attribute if a.name == name), None) or node.attribute.add(name=name)
    kind = attribute.type or schema_types.get(name, AttributeProto.INT)
    if rng.random() < 0.15:
        kind = rng.choice((*AttributeProto.AttributeType.values(), 77))
    attribute.Clear()
    attribute.name = name
    try_set(lambda: setattr(attribute, "type", kind))
    _fill(attribute, rng)


def _schema_attribute_types(node: NodeProto) -> dict[str, int]:
    if not defs.has(node.op_type, node.domain):
        return {}
    schema: Any = defs.get_schema(node.op_type, node.domain)
    return {name: int(attribute.type) for name, attribute in schema.attributes.items()}


def _fill(attribute: AttributeProto, rng: Random) -> None:
    count = rng.choice((0, 1, 2, 2, 3, 4, 6, 8))
    small = rng.random() < 0.5
    integers = range(-3, 5) if small else INTEGERS
    attribute.i = rng.choice(integers)
    attribute.f = rng.choice(FLOATS)
    attribute.s = rng.choice(("", "NOTSET", "SAME_UPPER", "linear", "reverse", "reflect", "\n", "none")).encode()
    attribute.ints.extend(rng.choice(integers) for _ in range(count))
    attribute.floats.extend(rng.choice(FLOATS) for _ in range(count))
    attribute.strings.extend(rng.choice(NAMES[:-5]).encode() for _ in range(count))
    if attribute.type == AttributeProto.TENSOR:
        attribute.t.CopyFrom(random_tensor(rng))


def random_tensor(rng: Random, name: str = "t") -> TensorProto:
    """A small tensor whose data fits its type more often than not."""
    shape = [rng.choice((0, 1, 2, 3)) for _ in range(rng.randrange(4))]
    data_type = rng.choice((1, 2, 3, 6, 7, 7, 9, 10, 11, 16, *ELEMENT_TYPES))
    size = 1
    for d in shape:
        size *= d
    width = {1: 4, 2: 1, 3: 1, 6: 4, 7: 8, 9: 1, 10: 2, 11: 8, 16: 2}.get(data_type, rng.choice((1, 2, 4, 8)))
    return TensorProto(name=name, dims=shape, data_type=data_type, raw_data=rng.randbytes(size * width))


def change_element_type(model: ModelProto, rng: Random) -> None:
    """Of an input, an output or a tensor."""
    types = [m for m in messages_of(model) if isinstance(m, TypeProto.Tensor | TypeProto.SparseTensor)]
    kind = rng.choice(ELEMENT_TYPES)
    if types and rng.random() < 0.7:
        rng.choice(types).elem_type = kind
    elif tensors := _tensors(model):
        rng.choice(tensors).data_type = kind


def change_shape(model: ModelProto, rng: Random) -> None:
    """Of an input or output: other sizes, other rank, named or missing dimensions, no shape at all."""
    shaped = [m for m in messages_of(model) if isinstance(m, TypeProto.Tensor)]
    if not shaped:
        return
    tensor = rng.choice(shaped)
    dims = tensor.shape.dim
    kind = rng.randrange(6)
    if kind == 0:
        tensor.ClearField("shape")
    elif kind == 1:
        dims.add(dim_value=rng.choice(DIMENSIONS))
    elif kind == 2 and dims:
        del dims[rng.randrange(len(dims))]
    elif dims:
        dim = rng.choice(dims)
        dim.Clear()
        if kind == 3:
            dim.dim_param = rng.choice(NAMES)
        elif kind == 4:
            dim.dim_value = rng.choice(DIMENSIONS)


def change_opset(model: ModelProto, rng: Random) -> None:
    kind = rng.randrange(4)
    if kind == 0 or not model.opset_import:
        del model.opset_import[:]
    elif kind == 1:
        model.opset_import.add(domain=rng.choice(("", "ai.onnx", "x", "ai.onnx.ml")), version=rng.choice(OPSETS))
    else:
        rng.choice(model.opset_import).version = rng.choice(OPSETS)


def change_data(model: ModelProto, rng: Random) -> None:
    """A tensor's data becomes too short, too long, external, or of other values."""
    if not (tensors := _tensors(model)):
        return
    tensor = rng.choice(tensors)
    kind = rng.randrange(5)
    if kind == 0:
        tensor.raw_data = tensor.raw_data[: rng.randrange(len(tensor.raw_data) + 1)]
    elif kind == 1:
        tensor.raw_data += b"\1" * rng.choice((1, 8, 100))
    elif kind == 2:
        tensor.raw_data = rng.randbytes(len(tensor.raw_data))
    elif kind == 3:
        tensor.dims.append(rng.choice(DIMENSIONS))
    else:
        make_external(tensor, rng)


def make_external(tensor: TensorProto, rng: Random) -> None:
    """Move a tensor's data to a file beside the model, at an offset that may be wrong."""
    tensor.data_location = TensorProto.EXTERNAL
    tensor.ClearField("raw_data")
    location = rng.choice((EXTERNAL_FILE, EXTERNAL_FILE, "missing.bin", "/etc/passwd", "../x", "", "link", "a/b"))
    tensor.external_data.add(key="location", value=location)
    if rng.random() < 0.7:
        tensor.external_data.add(key="offset", value=str(rng.choice((0, 4096, 1 << 20, -1, 2**63, "x", "1e3"))))
    if rng.random() < 0.7:
        tensor.external_data.add(key="length", value=str(rng.choice((0, 4, 24, 4096, -4, 2**62, "", "9" * 5000))))


EXTERNAL_FILE = "weights.bin"


def promote(model: ModelProto, rng: Random) -> None:
    """An initializer becomes an input, or a constant replaces an input."""
    graph = rng.choice(_graphs(model) or [model.graph])
    if graph.initializer and rng.random() < 0.6:
        index = rng.randrange(len(graph.initializer))
        tensor = graph.initializer[index]
        declared = graph.input.add(name=tensor.name)
        declared.type.tensor_type.elem_type = tensor.data_type
        for size in tensor.dims:
            declared.type.tensor_type.shape.dim.add(dim_value=size)
        if rng.random() < 0.8:
            del graph.initializer[index]
    elif graph.input:
        graph.initializer.append(random_tensor(rng, rng.choice(graph.input).name))


def nest(model: ModelProto, rng: Random) -> None:
    """The graph goes into the branches of an If, a few or many times over."""
    outputs = [ValueInfoProto.FromString(o.SerializeToString()) for o in model.graph.output]
    if not outputs:
        return
    for level in range(rng.choice((1, 2, 10, 40))):
        body = GraphProto.FromString(model.graph.SerializeToString())
        inputs = [ValueInfoProto.FromString(i.SerializeToString()) for i in body.input]
        del body.input[:]
        if body.ByteSize() > 1 << 16:
            return
        model.graph.Clear()
        model.graph.name = "outer"
        model.graph.input.extend(inputs)
        condition = f"condition{level}"
        model.graph.initializer.add(name=condition, data_type=TensorProto.BOOL, raw_data=b"\1")
        node = model.graph.node.add(op_type="If", input=[condition], output=[o.name for o in outputs])
        for name in ("then_branch", "else_branch"):
            node.attribute.add(name=name, type=AttributeProto.GRAPH).g.CopyFrom(body)
            if rng.random() < 0.3:
                body = GraphProto(name="empty", output=outputs)
        model.graph.output.extend(outputs)


def outline(model: ModelProto, rng: Random) -> None:
    """A node becomes a call of a function of the model, whose body it is; sometimes one that calls itself."""
    if not model.graph.node:
        return
    node = rng.choice(model.graph.node)
    function = model.functions.add(name="outlined", domain="local")
    function.opset_import.extend(model.opset_import)
    function.input.extend(dict.fromkeys(name for name in node.input if name))
    function.output.extend(name for name in node.output if name)
    function.node.add().CopyFrom(node)
    call = NodeProto(
        name=node.name, domain="local", op_type="outlined", input=function.input, output=function.output
    )
    node.CopyFrom(call)
    model.opset_import.add(domain="local", version=1)
    if rng.random() < 0.2:
        function.node[0].CopyFrom(call)
        function.opset_import.add(domain="local", version=1)


def swap_subgraphs(model: ModelProto, rng: Random) -> None:
    """Two graphs of the model change places, or one replaces the other."""
    graphs = _graphs(model)
    if len(graphs) > 1:
        one, other = rng.sample(graphs, 2)
        first, second = one.SerializeToString(), other.SerializeToString()
        if rng.random() < 0.5:
            one.ParseFromString(second)
        if len(first) + len(second) < 1 << 16:
            other.ParseFromString(first)


def repeat_initializer(model: ModelProto, rng: Random) -> None:
    _change_list(_graphs(model), "initializer", rng, lambda tensors: tensors.append(rng.choice(tensors)))
