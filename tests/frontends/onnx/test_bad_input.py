"""Malformed and hostile models end in an OxideError that names what is wrong, and in nothing else."""

from __future__ import annotations

import random
import re

import numpy as np
import pytest
from onnx import AttributeProto, ModelProto, TensorProto, ValueInfoProto, defs, helper, numpy_helper
from onnx_builders import model, node, relu_model, sample, value

from oxide import OxideError, import_onnx

X = sample()


def refused(source, pattern: str, **options) -> OxideError:
    with pytest.raises(OxideError) as raised:
        import_onnx(source, **options)
    assert re.search(pattern, str(raised.value)), str(raised.value)
    return raised.value


def outcome(source) -> str:
    """What a damaged model is refused with; empty when it is one that can be imported."""
    try:
        import_onnx(source)
    except OxideError as error:
        return str(error)
    return ""


# ----------------------------------------------------------------------------------------------- files


def test_missing_file(tmp_path):
    refused(tmp_path / "no.onnx", r"cannot read .*no\.onnx: No such file")


def test_folder(tmp_path):
    refused(tmp_path, "cannot read .*: Is a directory")


@pytest.mark.parametrize("as_file", [True, False])
@pytest.mark.parametrize(
    ("data", "pattern"),
    [
        (b"", "the file is empty"),
        (b"hello, this is no model at all\n" * 9, "not an ONNX model"),
        (b"\x7fELF" + bytes(200), "not an ONNX model"),
        (b"PK\x03\x04" + bytes(range(256)), "not an ONNX model"),
        (bytes(64), "not an ONNX model"),
        (b"\xff" * 100, "not an ONNX model"),
        (ModelProto(ir_version=8).SerializeToString(), "it has no graph"),
    ],
    ids=["empty", "text", "elf", "zip", "zeros", "ones", "no-graph"],
)
def test_not_a_model(tmp_path, data, pattern, as_file):
    (tmp_path / "m.onnx").write_bytes(data)
    refused(tmp_path / "m.onnx" if as_file else data, pattern)


def weighted_model() -> ModelProto:
    weights = {"w": sample((64, 96), seed=1), "b": sample((96,), seed=2)}
    nodes = [node("MatMul", ["x", "w"], ["h"], name="dot"), node("Add", ["h", "b"], ["y"], name="bias")]
    return model(nodes, [value("x", (2, 64))], [value("y", (2, 96))], weights=weights)


def test_every_truncation_is_refused():
    data = weighted_model().SerializeToString()
    lengths = [*range(400), *range(400, len(data), 997), *range(len(data) - 200, len(data))]
    for length in lengths:
        try:
            import_onnx(data[:length])
        except OxideError:
            continue
        # A prefix that ends between two fields of the model is a model: with a graph, and then without opsets.
        assert ModelProto.FromString(data[:length]).opset_import


@pytest.mark.filterwarnings("ignore:output .* the model declares:UserWarning")
def test_flipped_bits_never_escape_as_other_errors():
    data = weighted_model().SerializeToString()
    rng = random.Random(7)
    structure = [*range(150), *range(len(data) - 250, len(data))]  # the weights' values may be anything
    for _ in range(400):
        damaged = bytearray(data)
        for _ in range(rng.choice([1, 1, 2, 4])):
            damaged[rng.choice(structure)] ^= 1 << rng.randrange(8)
        assert "internal error" not in outcome(bytes(damaged))


@pytest.mark.parametrize("depth", [20, 33, 34, 100, 1000, 33_334])
def test_graphs_nested_in_the_bytes(depth):
    """A graph in an attribute of a node of a graph ... three messages a level."""
    parts: list[bytes] = []
    size = 0
    for _ in range(depth):
        for tag in (0x32, 0x2A, 0x0A):  # AttributeProto.g, NodeProto.attribute, GraphProto.node
            head = bytes([tag]) + _varint(size)
            parts.append(head)
            size += len(head)
    graph = b"".join(reversed(parts))
    refused(
        b"\x08\x08\x42\x02\x10\x15\x3a" + _varint(len(graph)) + graph, "is not supported|not an ONNX model|nested"
    )


def test_lengths_that_promise_more_than_there_is():
    refused(b"\x3a" * 100_000, "not an ONNX model")
    refused(b"\x3a\xff\xff\xff\xff\x7f" + bytes(100), "not an ONNX model")


def _varint(size: int) -> bytes:
    encoded = b""
    while size >= 0x80:
        encoded += bytes([size & 0x7F | 0x80])
        size >>= 7
    return encoded + bytes([size])


def test_as_deep_as_protobuf_allows():
    """protobuf copies and parses 100 nested messages, which is 32 graphs; so many import."""
    leaf = helper.make_graph([node("Neg", ["x"], ["o"])], "g", [], [value("o")])
    inner = leaf
    for _ in range(30):
        outer = helper.make_graph([], "g", [], [value("o")])
        branch = outer.node.add(op_type="If", name="if", input=["c"], output=["o"])
        branch.attribute.add(name="then_branch", type=AttributeProto.GRAPH).g.CopyFrom(inner)
        branch.attribute.add(name="else_branch", type=AttributeProto.GRAPH).g.CopyFrom(leaf)
        inner = outer
    proto = model(list(inner.node), ["x", value("c", (), TensorProto.BOOL)], [value("o")])
    assert outcome(proto) == ""


# ------------------------------------------------------------------------------------------ structure


def test_missing_input_names_the_node():
    error = refused(model([node("Add", ["x", "ghost"], ["y"], name="sum")]), 'nothing defines its input "ghost"')
    assert error.diagnostics[0].location == 'loc("sum")'


def test_missing_output():
    refused(model([node("Relu", ["x"], ["h"])]), 'nothing defines the graph output "y"')


def test_cycle_names_its_nodes():
    nodes = [
        node("Neg", ["x"], ["h"], name="fine"),
        node("Add", ["h", "c"], ["a"], name="first"),
        node("Abs", ["a"], ["b"], name="second"),
        node("Exp", ["b"], ["c"], name="third"),
        node("Relu", ["c"], ["y"], name="after"),
    ]
    error = refused(model(nodes), "the graph has a cycle through")
    assert {d.location for d in error.diagnostics} == {'loc("first")', 'loc("second")', 'loc("third")'}


def test_node_that_feeds_itself():
    refused(model([node("Relu", ["y"], ["y"], name="self")]), 'cycle through "self"')


@pytest.mark.parametrize(
    ("nodes", "pattern"),
    [
        (
            [node("Relu", ["x"], ["y"], name="one"), node("Neg", ["x"], ["y"], name="two")],
            'node "two" defines "y", which node "one" already defines',
        ),
        ([node("Split", ["x"], ["y", "y"], name="s", num_outputs=2)], 'node "s" defines "y", which node "s"'),
        ([node("Relu", ["x"], ["x"], name="r")], 'node "r" defines "x", which a graph input or initializer'),
    ],
)
def test_value_defined_twice(nodes, pattern):
    refused(model(nodes), pattern)


def test_names_given_twice():
    refused(model([node("Relu", ["x"], ["y"])], ["x", "x"]), 'more than one graph input is called "x"')
    proto = model([node("Add", ["x", "w"], ["y"])], weights={"w": X})
    proto.graph.initializer.append(proto.graph.initializer[0])
    refused(proto, 'more than one graph initializer is called "w"')
    refused(model([node("Relu", ["x"], ["y"])], ["x"], ["y", "y"]), 'more than one graph output is called "y"')


# --------------------------------------------------------------------------------------------- opsets


def test_no_opset():
    proto = relu_model()
    del proto.opset_import[:]
    refused(proto, "the model imports no opset.*set opset_import")


def test_old_models_need_no_opset():
    proto = model([node("Relu", ["x"], ["y"])], ir_version=2)
    del proto.opset_import[:]
    assert "stablehlo.maximum" in str(import_onnx(proto).module)


def test_opset_newer_than_known():
    newest = defs.onnx_opset_version()
    refused(
        model([node("Relu", ["x"], ["y"])], opset=newest + 1), f"opset {newest + 1} of .*newest known is {newest}"
    )


def test_unreasonable_opsets():
    refused(model([node("Relu", ["x"], ["y"])], opset=0), "imported in version 0")
    proto = relu_model()
    proto.opset_import.append(helper.make_opsetid("ai.onnx", 7))
    refused(proto, "is imported in two versions")


def test_domain_that_is_not_imported():
    error = refused(model([node("Foo", ["x"], ["y"], name="n", domain="z")]), 'imports no opset of its domain "z"')
    assert error.diagnostics[0].location == 'loc("n")'


# ------------------------------------------------------------------------------------ nodes and tensors


def attribute_of_type(name: str, kind: AttributeProto.AttributeType, **fields) -> AttributeProto:
    return AttributeProto(name=name, type=kind, **fields)


@pytest.mark.parametrize(
    ("attribute", "pattern"),
    [
        (attribute_of_type("alpha", AttributeProto.INT, i=1), "attribute alpha must be float, not int"),
        (attribute_of_type("alpha", AttributeProto.STRING, s=b"1"), "attribute alpha must be float, not string"),
        (attribute_of_type("beta", AttributeProto.FLOAT, f=1.0), 'attribute "beta" is not one of this operator'),
        (attribute_of_type('q"\n', AttributeProto.FLOAT, f=1.0), r'attribute "q\\"\\n" is not one of'),
    ],
)
def test_wrong_attributes(attribute, pattern):
    proto = model([node("LeakyRelu", ["x"], ["y"], name="leaky")])
    proto.graph.node[0].attribute.append(attribute)
    assert refused(proto, pattern).diagnostics[0].location == 'loc("leaky")'


def test_attribute_given_twice():
    proto = model([node("LeakyRelu", ["x"], ["y"], alpha=0.5)])
    proto.graph.node[0].attribute.append(proto.graph.node[0].attribute[0])
    refused(proto, 'attribute "alpha" is given twice')


def test_attribute_that_is_not_text():
    proto = model([node("Gelu", ["x"], ["y"], approximate=b"\xff\xfe")])
    refused(proto, "attribute approximate: text that is not UTF-8")


@pytest.mark.parametrize(
    ("nodes", "inputs"),
    [
        ([node("Relu", [], ["y"], name="bad")], ["x"]),
        ([node("Relu", ["x", "x"], ["y"], name="bad")], ["x"]),
        ([node("MatMul", ["x", "x"], ["y"], name="bad")], ["x"]),
        ([node("Concat", ["x", "z"], ["y"], name="bad", axis=0)], ["x", value("z", (2, 4))]),
        ([node("Transpose", ["x"], ["y"], name="bad", perm=[0, 0])], ["x"]),
        ([node("Softmax", ["x"], ["y"], name="bad", axis=7)], ["x"]),
        ([node("Add", ["x", "z"], ["y"], name="bad")], ["x", value("z", (5, 3))]),
        ([node("Add", ["x", "z"], ["y"], name="bad")], ["x", value("z", (2, 3), TensorProto.DOUBLE)]),
        ([node("Gelu", ["x"], ["y"], name="bad", approximate="magic")], ["x"]),
        ([node("Concat", ["x"], ["y"], name="bad")], ["x"]),
        ([node("Conv", ["x", "z"], ["y"], name="bad")], ["x", value("z", (2, 3, 1))]),
    ],
    ids=lambda v: v[0].op_type if isinstance(v, list) and hasattr(v[0], "op_type") else "",
)
def test_nodes_that_do_not_fit_their_inputs(nodes, inputs):
    error = refused(model(nodes, inputs), 'cannot import node "bad"')
    assert "internal error" not in str(error)


def huge_shape_model(shape: list[int]) -> ModelProto:
    nodes = [node("ConstantOfShape", ["s"], ["t"], name="huge"), node("ReduceMax", ["t"], ["y"], keepdims=0)]
    return model(nodes, [], [value("y", ())], weights={"s": np.array(shape, np.int64)})


@pytest.mark.parametrize("shape", [[1 << 40], [1 << 20, 1 << 20], [1 << 62, 4], [-1]])
def test_constants_of_absurd_size(shape):
    refused(huge_shape_model(shape), 'cannot import node "huge"')


def _tensor(**fields) -> TensorProto:
    return TensorProto(**{"name": "w", "data_type": TensorProto.FLOAT, "dims": [2, 3], **fields})


@pytest.mark.parametrize(
    ("tensor", "pattern"),
    [
        (_tensor(raw_data=b"1234"), r"shape \(2, 3\) of float32 needs 24 bytes, there are 4"),
        (_tensor(raw_data=bytes(28)), r"needs 24 bytes, there are 28"),
        (_tensor(float_data=[1.0, 2.0]), r"needs 6 values in float_data, there are 2"),
        (_tensor(), r"needs 6 values in float_data, there are 0"),
        (_tensor(dims=[-2, -3], raw_data=bytes(24)), "negative dimension -3"),
        (_tensor(dims=[1 << 62, 1 << 62], raw_data=bytes(24)), "over the limit"),
        (_tensor(data_type=0, raw_data=bytes(24)), "element type UNDEFINED has no counterpart"),
        (_tensor(data_type=99, raw_data=bytes(24)), "element type 99 has no counterpart"),
        (_tensor(data_type=TensorProto.STRING, string_data=[b"a"] * 6), "element type STRING has no counterpart"),
    ],
)
def test_damaged_tensors(tensor, pattern):
    proto = model([node("Add", ["x", "w"], ["y"])])
    proto.graph.initializer.append(tensor)
    refused(proto, rf'tensor "w": .*{pattern}')


@pytest.mark.parametrize(
    ("shape", "indices", "pattern"),
    [
        ([2, 3], [6], "an index is outside of the shape"),
        ([2, 3], [-1], "an index is outside of the shape"),
        ([2, 3], [[0, 3]], "an index is outside of the shape"),
        ([2, 3], [0, 1], r"need int64 indices of shape \(1,\) or \(1, 2\)"),
        ([1 << 31, 1 << 31], [0], "too large to be made dense"),
    ],
)
def test_damaged_sparse_tensors(shape, indices, pattern):
    proto = model([node("Add", ["x", "w"], ["y"])])
    sparse = proto.graph.sparse_initializer.add(dims=shape)
    sparse.values.CopyFrom(numpy_helper.from_array(np.ones(1, np.float32), "w"))
    sparse.indices.CopyFrom(numpy_helper.from_array(np.array(indices, np.int64), "i"))
    refused(proto, f'sparse tensor "w": .*{pattern}')


def test_inputs_that_are_not_tensors():
    sequence = helper.make_tensor_sequence_value_info("x", TensorProto.FLOAT, [2, 3])
    refused(model([node("SequenceLength", ["x"], ["y"])], [sequence]), 'input "x" has sequence type|"x"')
    refused(model([node("Relu", ["x"], ["y"])], [ValueInfoProto(name="x")]), 'input "x" has no type')
    strings = value("x", (2,), TensorProto.STRING)
    refused(model([node("Relu", ["x"], ["y"])], [strings]), 'input "x": element type STRING')
    refused(model([node("Relu", ["x"], ["y"])], [value("x", (1 << 30, 1 << 30))]), "over the limit")


def test_names_never_become_code(tmp_path, monkeypatch):
    """Canary: a name that is Python code and a format string leaves no trace."""
    monkeypatch.chdir(tmp_path)
    name = "__import__('pathlib').Path('canary').touch()#{0.__class__}%s\n\"'"
    nodes = [node("Add", [name, "w" + name], ["y" + name], name=name)]
    proto = model(nodes, [value(name)], [value("y" + name)], weights={"w" + name: X})
    import_onnx(proto)
    proto.graph.node[0].op_type = name
    refused(proto, "is not supported")
    assert list(tmp_path.iterdir()) == []
