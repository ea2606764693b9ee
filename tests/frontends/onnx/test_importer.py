"""The importer's frame: sources, names, weights, static values, dimensions, order, results, locations."""

from __future__ import annotations

import re

import ml_dtypes
import numpy as np
import pytest
from jaxlib.mlir import ir
from onnx import TensorProto, helper, numpy_helper
from onnx_builders import graph, import_and_run, model, node, relu_model, run, sample, value

from oxide import OxideError, import_onnx

X = sample()


def text_of(module: ir.Module, debug: bool = False) -> str:
    return str(module.operation.get_asm(enable_debug_info=debug))


# ---------------------------------------------------------------------------------------------- sources


def test_path_bytes_and_proto_agree(tmp_path):
    proto = relu_model()
    (tmp_path / "net.onnx").write_bytes(proto.SerializeToString())
    models = [
        import_onnx(tmp_path / "net.onnx"),
        import_onnx(str(tmp_path / "net.onnx")),
        import_onnx(proto.SerializeToString()),
        import_onnx(proto),
    ]
    for imported in models:
        np.testing.assert_array_equal(run(imported, X)[0], np.maximum(X, 0))
    assert [m.name for m in models] == ["net", "net", "tested", "tested"]
    assert import_onnx(proto, name="given").name == "given"


@pytest.mark.parametrize("as_file", [True, False])
def test_large_tensors_are_views_of_the_file(tmp_path, as_file):
    big = sample((300, 300), seed=5)
    proto = model(
        [node("MatMul", ["x", "w"], ["y"])], [value("x", (2, 300))], [value("y", (2, 300))], weights={"w": big}
    )
    data = proto.SerializeToString()
    if as_file:
        (tmp_path / "m.onnx").write_bytes(data)
    imported = import_onnx(tmp_path / "m.onnx" if as_file else data)
    weight = imported.parameters["w"]
    np.testing.assert_array_equal(weight, big)
    base = weight
    while isinstance(base, np.ndarray):
        base = base.base
    assert isinstance(base, memoryview)
    assert len(base) == big.nbytes
    x = sample((2, 300))
    np.testing.assert_allclose(run(imported, x)[0], x @ big, rtol=1e-4, atol=1e-3)


# -------------------------------------------------------------------------------- arguments and results


def test_arguments_are_inputs_then_weights_in_file_order():
    nodes = [node("Add", ["b", "w2"], ["t"]), node("Add", ["t", "a"], ["u"]), node("Mul", ["u", "w1"], ["y"])]
    weights = {"w1": sample(seed=1), "never": sample(), "w2": sample(seed=2)}
    imported = import_onnx(model(nodes, ["a", "b"], ["y"], weights=weights))
    main = text_of(imported.module).splitlines()[1]
    assert re.findall(r'oxide\.(\w+) = "(\w+)"', main) == [
        ("name", "a"), ("name", "b"), ("param", "w1"), ("param", "w2"), ("name", "y"),
    ]  # fmt: skip
    assert list(imported.parameters) == ["w1", "w2"]
    a, b = sample(seed=3), sample(seed=4)
    np.testing.assert_allclose(run(imported, a, b)[0], (b + weights["w2"] + a) * weights["w1"], rtol=1e-6)


def test_unused_input_stays_in_the_signature():
    imported = import_onnx(model([node("Relu", ["x"], ["y"])], ["unused", "x"], ["y"]))
    np.testing.assert_array_equal(run(imported, X, X)[0], np.maximum(X, 0))


def test_initializer_that_is_also_an_input_is_a_weight():
    weight = sample(seed=1)
    proto = model([node("Add", ["x", "w"], ["y"])], ["w", "x"], ["y"], weights={"w": weight}, ir_version=3)
    np.testing.assert_array_equal(import_and_run(proto, X)[0], X + weight)


def test_outputs_may_be_inputs_weights_and_repeated_values():
    proto = model([node("Relu", ["x"], ["y"])], ["x"], ["x", "y", "w"], weights={"w": sample(seed=1)})
    for actual, expected in zip(import_and_run(proto, X), [X, np.maximum(X, 0), sample(seed=1)], strict=True):
        np.testing.assert_array_equal(actual, expected)


def test_weight_policy():
    """Small integers and scalars are constants of the program; everything else is a parameter."""
    weights = {
        "scalar": np.float32(2.5).reshape(()),
        "vector": np.ones(3, np.float32),
        "shape": np.array([2, 3], np.int64),
        "table": np.zeros(1025, np.int64),
    }
    nodes = [
        node("Mul", ["x", "scalar"], ["a"]),
        node("Add", ["a", "vector"], ["b"]),
        node("Reshape", ["b", "shape"], ["y"]),
        node("Identity", ["table"], ["t"]),
    ]
    outputs = ["y", value("t", (1025,), TensorProto.INT64)]
    imported = import_onnx(model(nodes, ["x"], outputs, weights=weights))
    assert list(imported.parameters) == ["vector", "table"]
    np.testing.assert_allclose(run(imported, X)[0], X * 2.5 + 1, rtol=1e-6)


def test_value_needed_at_import_is_read_and_not_kept():
    """A float weight that only says how to resize is no argument of the program."""
    scales = np.array([1, 1, 2, 2], np.float32)
    nodes = [node("Resize", ["x", "", "scales"], ["y"], mode="nearest")]
    proto = model(nodes, [value("x", (1, 1, 2, 2))], [value("y", (1, 1, 4, 4))], weights={"scales": scales})
    imported = import_onnx(proto)
    assert list(imported.parameters) == []
    x = sample((1, 1, 2, 2))
    np.testing.assert_array_equal(run(imported, x)[0], x.repeat(2, axis=2).repeat(2, axis=3))


def test_value_computed_from_weights_is_known():
    """Shape arithmetic may start at weights that are not constants of the program."""
    nodes = [
        node("Cast", ["sizes"], ["i"], to=TensorProto.INT64),
        node("Mul", ["i", "two"], ["j"]),
        node("Reshape", ["x", "j"], ["y"]),
    ]
    weights = {"sizes": np.array([1, 3], np.float32), "two": np.array([2, 1], np.int64)}
    proto = model(nodes, ["x"], [value("y", (2, 3))], weights=weights)
    np.testing.assert_array_equal(import_and_run(proto, X)[0], X)
    assert list(import_onnx(proto).parameters) == []


def test_value_that_depends_on_an_input_is_refused():
    proto = model([node("Reshape", ["x", "s"], ["y"], name="r")], ["x", value("s", (2,), TensorProto.INT64)], ["y"])
    with pytest.raises(OxideError, match='"r"') as raised:
        import_onnx(proto)
    assert raised.match(r"Reshape-21: input 'shape' \(\"s\"\) must be known when the model is imported")


# ----------------------------------------------------------------------------------------------- tensors

DTYPES = [
    *(np.float32, np.float64, np.float16, np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32),
    *(np.uint64, np.bool_, np.complex64, np.complex128, ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn),
    *(ml_dtypes.float8_e4m3fnuz, ml_dtypes.float8_e5m2, ml_dtypes.float8_e5m2fnuz, ml_dtypes.float8_e8m0fnu),
    *(ml_dtypes.int4, ml_dtypes.uint4, ml_dtypes.float4_e2m1fn, ml_dtypes.int2, ml_dtypes.uint2),
    *(ml_dtypes.float6_e2m3fn, ml_dtypes.float6_e3m2fn),
]


@pytest.mark.parametrize("raw", [True, False], ids=["raw", "fields"])
@pytest.mark.parametrize("dtype", DTYPES, ids=lambda d: np.dtype(d).name)
def test_tensor_of_every_element_type(dtype, raw):
    from oxide.frontends.onnx.external_data import ExternalFiles
    from oxide.frontends.onnx.initializers import TensorReader

    array = np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]]).astype(dtype)
    if np.dtype(dtype).kind == "i":
        array = -array
    data_type = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    if raw:
        tensor = numpy_helper.from_array(array, "t")
    else:
        tensor = helper.make_tensor("t", data_type, array.shape, array.flatten().tolist())
    assert tensor.HasField("raw_data") == raw
    read = TensorReader(ExternalFiles(None)).array(tensor)
    assert read.dtype == array.dtype
    np.testing.assert_array_equal(read.astype(np.complex128), numpy_helper.to_array(tensor).astype(np.complex128))
    np.testing.assert_array_equal(read.astype(np.complex128), array.astype(np.complex128))


@pytest.mark.parametrize("indices", [[1, 5], [[0, 1], [1, 2]]], ids=["linear", "coordinates"])
def test_sparse_initializer(indices):
    proto = model([node("Add", ["x", "s"], ["y"])])
    values = numpy_helper.from_array(np.array([5, 7], np.float32), "s")
    positions = numpy_helper.from_array(np.array(indices, np.int64), "at")
    proto.graph.sparse_initializer.append(helper.make_sparse_tensor(values, positions, [2, 3]))
    np.testing.assert_array_equal(import_and_run(proto, X)[0], X + np.array([[0, 5, 0], [0, 0, 7]], np.float32))


# ------------------------------------------------------------------------------------------- dimensions


def dynamic_model():
    nodes = [node("Add", ["x", "z"], ["y"])]
    return model(nodes, [value("x", ("n", "m")), value("z", (None, "m"))], [value("y", ("n", "m"))])


def test_named_dimensions_get_sizes():
    imported = import_onnx(dynamic_model(), dims={"n": 2, "m": 3}, shapes={"z": (1, 3)})
    x, z = sample((2, 3)), sample((1, 3), seed=1)
    np.testing.assert_array_equal(run(imported, x, z)[0], x + z)


def test_a_shape_binds_the_names_it_covers():
    imported = import_onnx(dynamic_model(), shapes={"x": (2, 3), "z": (1, 3)})
    assert "tensor<2x3xf32>" in text_of(imported.module)


def test_dimensions_without_a_size_stay_open():
    imported = import_onnx(dynamic_model(), dims={"m": 3})
    assert [spec.shape for spec in imported.inputs] == [(None, 3), (None, 3)]
    executable = imported.compile(cache=False)
    for rows in (1, 2, 5):
        x, z = sample((rows, 3)), sample((rows, 3), seed=1)
        np.testing.assert_array_equal(np.asarray(executable(x, z)), x + z)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dims": {"k": 1, "n": 2, "m": 3}, "shapes": {"z": (1, 3)}}, 'no input has a dimension called "k"'),
        ({"shapes": {"q": (1,)}}, 'no input is called "q"; the inputs are: "x", "z"'),
        ({"shapes": {"x": (1, 2, 3)}}, 'input "x" has rank 2, the shape given has 3'),
        ({"dims": {"n": -1}}, 'negative size given for "n"'),
        ({"dims": {"m": 4}, "shapes": {"z": (1, 3)}}, 'dimension "m" of input "z" is 3, but 4 elsewhere'),
    ],
)
def test_sizes_that_do_not_fit(options, message):
    with pytest.raises(OxideError, match=message):
        import_onnx(dynamic_model(), **options)


def test_a_fixed_dimension_can_be_overridden():
    proto = model([node("Relu", ["x"], ["y"])], [value("x", (1, 3))], [value("y", (1, 3))])
    x = sample((5, 3))
    np.testing.assert_array_equal(import_and_run(proto, x, shapes={"x": (5, 3)})[0], np.maximum(x, 0))


# ------------------------------------------------------------------------------------------------- order


def test_unsorted_nodes():
    nodes = [node("Neg", ["b"], ["y"]), node("Abs", ["a"], ["b"]), node("Exp", ["x"], ["a"])]
    np.testing.assert_allclose(import_and_run(model(nodes), X)[0], -np.exp(X), rtol=1e-5)


def test_empty_optional_inputs_in_the_middle():
    nodes = [node("Clip", ["x", "", "high"], ["y"])]
    proto = model(nodes, weights={"high": np.array(0.25, np.float32)})
    np.testing.assert_array_equal(import_and_run(proto, X)[0], np.minimum(X, 0.25))


def test_no_value_info_is_needed():
    proto = model([node("Relu", ["x"], ["h"]), node("Neg", ["h"], ["y"])])
    proto.graph.output[0].ClearField("type")
    np.testing.assert_array_equal(import_and_run(proto, X)[0], -np.maximum(X, 0))


# ----------------------------------------------------------------------------------- names and locations


def test_operations_carry_their_node_names():
    proto = model([node("Relu", ["x"], ["h"], name="layer/act"), node("Neg", ["h"], ["y"])])
    names = set(re.findall(r'loc\("([^"]+)"\)', text_of(import_onnx(proto).module, debug=True)))
    assert {"layer/act", "y"} <= names


HOSTILE = [
    'a"b',
    "line\nbreak",
    "nul\0",
    "import os; os.abort()",
    "\\",
    'x")) {',
    "été",
    "__class__",
    "%0",
    "a" * 5000,
]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_survive(name):
    nodes = [node("Add", [name, name + "w"], [name + "o"], name=name)]
    proto = model(nodes, [value(name)], [value(name + "o")], weights={name + "w": sample(seed=1)})
    proto.graph.name = name
    imported = import_onnx(proto)
    again = ir.Module.parse(text_of(imported.module, debug=True), imported.module.context)
    assert text_of(again, debug=True) == text_of(imported.module, debug=True)
    main = again.body.operations[0]
    arguments = ir.ArrayAttr(main.attributes["arg_attrs"])
    assert ir.StringAttr(ir.DictAttr(arguments[0])["oxide.name"]).value == name
    assert ir.StringAttr(ir.DictAttr(arguments[1])["oxide.param"]).value == name + "w"
    assert list(imported.parameters) == [name + "w"]
    np.testing.assert_array_equal(run(imported, X)[0], X + sample(seed=1))


# ----------------------------------------------------------------------------------------------- results


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        (value("y", (2, 3), TensorProto.DOUBLE), "element type float32, the model declares float64"),
        (value("y", (3,)), r"it has shape \(2, 3\), the model declares rank 1"),
    ],
)
def test_outputs_must_be_as_declared(declared, message):
    proto = model([node("Relu", ["x"], ["y"], name="act")], ["x"], [declared])
    with pytest.raises(OxideError, match="the model's outputs are not what it declares") as raised:
        import_onnx(proto)
    assert raised.match(message)
    assert raised.value.diagnostics[0].location == 'loc("act")'


def test_declared_sizes_that_are_wrong_are_warned_of():
    proto = model([node("Relu", ["x"], ["y"])], ["x"], [value("y", (2, 4))])
    with pytest.warns(UserWarning, match=r"output \"y\": it has shape \(2, 3\), the model declares \(2, 4\)"):
        imported = import_onnx(proto)
    assert imported.outputs[0].shape == (2, 3)


@pytest.mark.parametrize("options", [{}, {"dims": {"n": 5}}, {"shapes": {"x": (5, 3)}}])
def test_sizes_left_from_the_export_are_not_held_against_a_model_with_open_dimensions(options):
    proto = model([node("Relu", ["x"], ["y"])], [value("x", ("n", 3))], [value("y", (2, 3))])
    x = sample((5, 3))
    (y,) = import_onnx(proto, **options).compile(cache=False).run({"x": x}).values()
    np.testing.assert_array_equal(y, np.maximum(x, 0))


def test_time_is_linear_in_nodes():
    """20,000 nodes import; quadratic work anywhere would take minutes."""
    count = 20_000
    nodes = [node("Neg", [f"v{i}"], [f"v{i + 1}"]) for i in range(count)]
    imported = import_onnx(model(nodes, [value("v0")], [value(f"v{count}")]))
    assert text_of(imported.module).count("stablehlo.negate") == count


def test_subgraph_values_and_captures():
    """Branches use outer values, weights of their own, and outer names as their outputs."""
    then = graph([node("Add", ["h", "k"], ["t"])], [], ["t"], {"k": sample(seed=8)})
    otherwise = helper.make_graph([node("Identity", ["h"], ["e"])], "else", [], [value("e")])
    nodes = [node("If", ["c"], ["y"], then_branch=then, else_branch=otherwise), node("Neg", ["x"], ["h"])]
    proto = model(nodes, ["x", value("c", (), TensorProto.BOOL)])
    np.testing.assert_array_equal(import_and_run(proto, X, np.array(True))[0], -X + sample(seed=8))
    np.testing.assert_array_equal(import_and_run(proto, X, np.array(False))[0], -X)
