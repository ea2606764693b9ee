"""Mutants of ONNX models: damage to the bytes, to the protobuf, and to what the graph means.

All randomness comes from the `random.Random` that is passed in, so a mutant is known by its seed model and that
generator's state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from random import Random
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, TypeProto, ValueInfoProto, defs

INTEGERS = (0, 1, -1, 2, 3, 7, 64, 127, 128, 255, 1000, 65536, 2**31 - 1, 2**31, -(2**31), 2**40, 2**62, 2**63 - 1)
INTEGERS += (-(2**63), -(2**40), -2, -7)
FLOATS = (0.0, -0.0, 1.0, -1.0, 0.5, 1e-45, 3e38, -3e38, float("inf"), float("-inf"), float("nan"), 1e9, -0.25)
NAMES = (
    "",
    " ",
    "x",
    "y",
    'quote"quote',
    "back\\slash",
    "line\nbreak",
    "nul\0nul",
    "tab\tand\x7f",
    "ümläut-名前-🙂",
    "\u202eright to left",
    "__class__",
    "{0.__class__}%s%n",
    "../../etc/passwd",
    "import os",
    "a" * 1_000_000,
    "loc(#loc1)",
    "%arg0",
    "@main",
)
DIMENSIONS = (0, 1, -1, 2, 3, 5, 1000, 2**16, 2**31, 2**40, -(2**40), 2**63 - 1)
OPSETS = (0, 1, 2, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 18, 19, 20, 21, 22, 23, 24, 999, -1, 2**62)
ELEMENT_TYPES = (*TensorProto.DataType.values(), 99, -1, 2**31 - 1)

Mutation = Callable[[ModelProto, Random], None]


# ---------------------------------------------------------------------------------------------- bytes


def damage_bytes(data: bytes, rng: Random) -> bytes:
    """Flip, overwrite, cut, repeat or move bytes, one to four times."""
    damaged = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4))):
        if not damaged:
            break
        start = rng.randrange(len(damaged))
        end = min(len(damaged), start + rng.choice((1, 2, 4, 16, 256)))
        kind = rng.randrange(6)
        if kind == 0:
            damaged[start] ^= 1 << rng.randrange(8)
        elif kind == 1:
            damaged[start] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
        elif kind == 2:
            del damaged[start:end]
        elif kind == 3:
            damaged[start:start] = rng.randbytes(end - start)
        elif kind == 4:
            target = rng.randrange(len(damaged))
            damaged[target:target] = damaged[start:end]
        else:
            del damaged[start:]
    return bytes(damaged)


# ------------------------------------------------------------------------------------------- protobuf


def damage_fields(model: ModelProto, rng: Random) -> None:
    """Change one field, of any message in the model, without knowing what it means."""
    message = rng.choice(_messages(model))
    fields: list[Any] = list(message.DESCRIPTOR.fields)
    present: list[Any] = [descriptor for descriptor, _ in message.ListFields()]
    field = rng.choice(present if present and rng.random() < 0.8 else fields)
    if field.is_repeated:
        _damage_repeated(model, message, field, rng)
    elif field.type == FieldDescriptor.TYPE_MESSAGE:
        _damage_message(model, message, field, rng)
    elif rng.random() < 0.15:
        message.ClearField(field.name)
    else:
        _try_set(lambda: setattr(message, field.name, _scalar(field, rng)))


def _damage_repeated(model: ModelProto, message: Message, field: Any, rng: Random) -> None:
    values = getattr(message, field.name)
    items = list(values)
    kind = rng.randrange(5)
    if kind == 0 and items:
        del values[rng.randrange(len(items))]
    elif kind == 1 and items:
        values.append(rng.choice(items))
    elif kind == 2 and len(items) > 1:
        rng.shuffle(items)
        message.ClearField(field.name)
        getattr(message, field.name).extend(items)
    elif kind == 3:
        message.ClearField(field.name)
    elif field.type == FieldDescriptor.TYPE_MESSAGE:
        kin = [other for other in _messages(model) if other.DESCRIPTOR is field.message_type]
        values.append(rng.choice(kin)) if kin and rng.random() < 0.7 else values.add()
    elif items and rng.random() < 0.7:
        _try_set(lambda: values.__setitem__(rng.randrange(len(items)), _scalar(field, rng)))
    else:
        _try_set(lambda: values.append(_scalar(field, rng)))


def _damage_message(model: ModelProto, message: Message, field: Any, rng: Random) -> None:
    """Clear a message, empty it, or put in another of its kind from elsewhere in the model."""
    kind = rng.randrange(3)
    if kind == 0:
        message.ClearField(field.name)
        return
    replacement = field.message_type._concrete_class()
    if kind == 1:
        kin = [other for other in _messages(model) if other.DESCRIPTOR is field.message_type]
        if kin:
            replacement.CopyFrom(rng.choice(kin))
    getattr(message, field.name).CopyFrom(replacement)


def _try_set(change: Callable[[], None]) -> None:
    """Apply a change that protobuf may refuse (an integer out of the field's range, an invalid enum value)."""
    try:
        change()
    except (TypeError, ValueError):
        return


def _scalar(field: Any, rng: Random) -> Any:
    if field.type == FieldDescriptor.TYPE_STRING:
        return rng.choice(NAMES)
    if field.type == FieldDescriptor.TYPE_BYTES:
        return rng.choice((b"", b"\xff\xfe", rng.choice(NAMES).encode(), rng.randbytes(rng.choice((1, 4, 8, 64)))))
    if field.type in (FieldDescriptor.TYPE_FLOAT, FieldDescriptor.TYPE_DOUBLE):
        return rng.choice(FLOATS)
    return rng.choice(INTEGERS)


def _messages(message: Message) -> list[Message]:
    """The message and all in it."""
    found: list[Message] = []
    pending = [message]
    while pending:
        current = pending.pop()
        found.append(current)
        for field, content in current.ListFields():
            if field.type == FieldDescriptor.TYPE_MESSAGE:
                pending.extend(content if field.is_repeated else [content])
    return found


# ---------------------------------------------------------------------------------------------- graph


def _graphs(model: ModelProto) -> list[GraphProto]:
    return [message for message in _messages(model) if isinstance(message, GraphProto)]


def _nodes(model: ModelProto) -> list[NodeProto]:
    return [message for message in _messages(model) if isinstance(message, NodeProto)]


def _tensors(model: ModelProto) -> list[TensorProto]:
    return [message for message in _messages(model) if isinstance(message, TensorProto)]


def _names(model: ModelProto) -> list[str]:
    return sorted({name for node in _nodes(model) for name in (*node.input, *node.output)} | {"", "nowhere"})


@cache
def operators() -> tuple[tuple[str, str], ...]:
    """Domain and name of every operator the onnx package knows."""
    return tuple(sorted({(schema.domain, schema.name) for schema in defs.get_all_schemas()}))


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
    _try_set(lambda: setattr(attribute, "type", kind))
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
    types = [m for m in _messages(model) if isinstance(m, TypeProto.Tensor | TypeProto.SparseTensor)]
    kind = rng.choice(ELEMENT_TYPES)
    if types and rng.random() < 0.7:
        rng.choice(types).elem_type = kind
    elif tensors := _tensors(model):
        rng.choice(tensors).data_type = kind


def change_shape(model: ModelProto, rng: Random) -> None:
    """Of an input or output: other sizes, other rank, named or missing dimensions, no shape at all."""
    shaped = [m for m in _messages(model) if isinstance(m, TypeProto.Tensor)]
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


STRUCTURAL: tuple[Mutation, ...] = (
    *[change_attribute] * 8,
    *[damage_fields] * 6,
    *[change_element_type] * 4,
    *[change_shape] * 4,
    *[rewire] * 4,
    *[change_arity] * 3,
    *[change_operator] * 3,
    *[promote] * 2,
    *[change_opset] * 2,
    *[change_data] * 2,
    drop_node,
    repeat_node,
    reorder_nodes,
    rename,
    nest,
    swap_subgraphs,
    repeat_initializer,
)
MANY_STRUCTURAL = 4


def mutant(data: bytes, rng: Random) -> tuple[bytes, list[str]]:
    """A mutant of a serialized model and the names of the mutations that made it."""
    if rng.random() < 0.25:
        return damage_bytes(data, rng), ["damage_bytes"]
    model = ModelProto.FromString(data)
    applied: list[str] = []
    for mutation in _chosen(rng):
        mutation(model, rng)
        applied.append(mutation.__name__)
    return model.SerializeToString(), applied


def _chosen(rng: Random) -> Iterator[Mutation]:
    for _ in range(rng.choice((1, 1, 1, 2, MANY_STRUCTURAL))):
        yield rng.choice(STRUCTURAL)
