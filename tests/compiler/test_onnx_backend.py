"""ONNX's backend interface: how inputs are given, what comes back, devices, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnx.parser
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper
from onnx.backend.base import Backend, BackendRep
from onnx_builders import model, node, relu_model, sample, value

import oxide
from oxide import OxideError, onnx_backend
from oxide.onnx_backend import OxideBackend, is_compatible, prepare, run_model, run_node, supports_device

X = sample()


def parse(text: str) -> ModelProto:
    return onnx.parser.parse_model(f'<ir_version: 9, opset_import: ["": 19]> {text}')


RESHAPE = parse("g (float[2,3] x, int64[k] shape) => (float[n,m] y) { y = Reshape(x, shape) }")
TWO = parse(
    "g (float[2,3] x, float[3] b) => (float[2,3] sum, float[2,3] product) { sum = Add(x, b) product = Mul(x, b) }"
)
SEQUENCE = parse(
    "g (seq(float) xs) => (seq(float) ys) { n = Constant<value = int64 {0}>() ys = SequenceErase(xs, n) }"
)
MAYBE = parse(
    "g (optional(float[3]) x) => (bool here, optional(float[3]) y) { here = OptionalHasElement(x) y = Identity(x) }"
)


def test_it_is_onnxs_interface():
    assert issubclass(OxideBackend, Backend)
    assert isinstance(prepare(relu_model()), BackendRep)


@pytest.mark.parametrize("given", [[X], (X,), X, {"x": X}], ids=["list", "tuple", "array", "dict"])
def test_ways_to_give_inputs(given: Any):
    (y,) = prepare(relu_model()).run(given)
    assert isinstance(y, np.ndarray)
    np.testing.assert_array_equal(y, np.maximum(X, 0))


def test_outputs_in_order_and_by_name():
    b = np.array([1, 2, 3], np.float32)
    outputs = run_model(TWO, {"b": b, "x": X})
    assert isinstance(outputs, tuple)
    np.testing.assert_array_equal(outputs[0], X + b)
    np.testing.assert_array_equal(outputs[1], X * b)
    assert outputs.sum is outputs["sum"] is outputs[0]  # pyright: ignore


def test_a_prepared_model_runs_again_and_again():
    prepared = prepare(TWO)
    for seed in range(3):
        x, b = sample(seed=seed), sample((3,), seed=seed)
        np.testing.assert_array_equal(prepared.run([x, b])[0], x + b)


def test_open_dimensions_take_every_size():
    proto = model([node("Relu", ["x"], ["y"])], [value("x", ("n", 3))], [value("y", ("n", 3))])
    prepared = prepare(proto)
    for size in (2, 5, 2):
        x = sample((size, 3))
        np.testing.assert_array_equal(prepared.run([x])[0], np.maximum(x, 0))
    with pytest.raises(OxideError, match="has shape 5x3, the model takes 2x3"):
        prepare(proto, dims={"n": 2}).run([sample((5, 3))])


def test_inputs_that_decide_shapes():
    prepared = prepare(RESHAPE)
    for shape in ([3, 2], [6, 1], [1, -1], [3, 2]):
        np.testing.assert_array_equal(prepared.run([X, np.array(shape)])[0], X.reshape(shape))


def test_a_loop_that_must_know_its_trip_count():
    body = helper.make_graph(
        [node("SequenceInsert", ["s", "x"], ["t"]), node("Identity", ["c"], ["d"])],
        "body",
        [value("i", (), TensorProto.INT64), value("c", (), TensorProto.BOOL), _sequence("s")],
        [value("d", (), TensorProto.BOOL), _sequence("t")],
    )
    nodes = [node("SequenceEmpty", [], ["e"]), node("Loop", ["n", "", "e"], ["y"], body=body)]
    prepared = prepare(model(nodes, ["x", value("n", (), TensorProto.INT64)], [_sequence("y")]))
    for count in (3, 1):
        (y,) = prepared.run([X, np.int64(count)])
        assert len(y) == count
        assert all(np.array_equal(element, X) for element in y)


def _sequence(name: str) -> onnx.ValueInfoProto:
    return helper.make_tensor_sequence_value_info(name, TensorProto.FLOAT, None)


def test_programs_are_bounded(monkeypatch):
    monkeypatch.setattr(onnx_backend, "MAX_PROGRAMS", 2)
    prepared = prepare(RESHAPE)
    for shape in ([3, 2], [6, 1], [1, 6], [3, 2]):
        np.testing.assert_array_equal(prepared.run([X, np.array(shape)])[0], X.reshape(shape))
        assert len(prepared._programs) <= 2


def test_sequences():
    prepared = prepare(SEQUENCE)
    for length in (2, 3):
        elements = [sample((n + 1,)) for n in range(length)]
        (ys,) = prepared.run([elements])
        assert isinstance(ys, list)
        assert len(ys) == length - 1
        for have, want in zip(ys, elements[1:], strict=True):
            np.testing.assert_array_equal(have, want)


def test_optionals():
    prepared = prepare(MAYBE)
    assert prepared.run([None]) == (False, None)
    here, y = prepared.run([X[0]])
    assert here
    np.testing.assert_array_equal(y, X[0])


def test_results_whose_size_depends_on_data():
    proto = parse("g (float[4] x) => (int64[1, n] y) { y = NonZero(x) }")
    x = np.array([0, 1, 0, 2], np.float32)
    np.testing.assert_array_equal(run_model(proto, [x])[0], [[1, 3]])


def test_initializers_are_no_inputs():
    weight = numpy_helper.from_array(np.float32(2).reshape(1), "w")
    graph = helper.make_graph(
        [node("Mul", ["x", "w"], ["y"])], "g", [value("x"), value("w", (1,))], [value("y")], [weight]
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=8)
    np.testing.assert_array_equal(run_model(proto, X)[0], 2 * X)
    with pytest.raises(OxideError, match="no input is called 'w'"):
        run_model(proto, {"x": X, "w": X})


def test_lowerings_of_custom_operators():
    proto = model([node("Twice", ["x"], ["y"], domain="my")], opsets={"my": 1})
    given = {"my.Twice": lambda x: 2 * x}
    assert not is_compatible(proto)
    assert is_compatible(proto, lowerings=given)
    np.testing.assert_array_equal(run_model(proto, X, lowerings=given)[0], 2 * X)


# ----------------------------------------------------------------------------------------------- nodes


def test_run_node():
    b = sample((3,), seed=1)
    (y,) = run_node(helper.make_node("Add", ["x", "b"], ["y"]), [X, b])
    np.testing.assert_array_equal(y, X + b)


def test_run_node_of_an_older_opset_with_an_absent_input():
    clip = helper.make_node("Clip", ["x", "", "high"], ["y"])
    (y,) = run_node(clip, [X, np.float32(0.5)], opset_version=12, outputs_info=[(np.dtype(np.float32), (2, 3))])
    np.testing.assert_array_equal(y, np.minimum(X, np.float32(0.5)))
    with pytest.raises(OxideError, match="Clip-6"):
        run_node(clip, [X, np.float32(0.5)], opset_version=6)


def test_run_node_on_a_sequence_and_in_another_domain():
    (y,) = run_node(helper.make_node("SequenceLength", ["s"], ["y"]), [[X, X]])
    assert y == 2
    (y,) = run_node(helper.make_node("Binarizer", ["x"], ["y"], domain="ai.onnx.ml"), X)
    np.testing.assert_array_equal(y, (X > 0).astype(np.float32))


def test_run_node_compares_outputs_info():
    with pytest.raises(OxideError, match="outputs_info says"):
        run_node(helper.make_node("Relu", ["x"], ["y"]), X, outputs_info=[(np.dtype(np.float32), (3, 3))])


# ------------------------------------------------------------------------------------ devices, refusals


def test_devices():
    assert supports_device("CPU")
    assert supports_device("CPU:0")
    for device in ("TPU", "CPU:99", "CPU:x", "no such thing"):
        assert not supports_device(device)
    with pytest.raises(OxideError, match="no 'tpu' platform here"):
        prepare(relu_model(), "TPU")
    with pytest.raises(OxideError, match="'CPU:x' is no device; write it as CPU, CUDA or CUDA:1"):
        prepare(relu_model(), "CPU:x")


def test_models_that_cannot_be_imported_are_refused_by_prepare():
    proto = model([node("StringNormalizer", ["x"], ["y"], name="lower")])
    assert not is_compatible(proto)
    assert is_compatible(relu_model())
    assert not is_compatible(relu_model(), "TPU")
    with pytest.raises(OxideError, match='"lower"'):
        prepare(proto)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], "0 inputs are given, the model has 2: 'x', 'b'"),
        (X, "1 inputs are given, the model has 2"),
        ({"x": X}, "input 'b' is missing; the model's inputs are: 'x', 'b'"),
        ({"x": X, "c": X}, "no input is called 'c'"),
        ([X.astype(np.float64), X[0]], r"input 'x' has dtype f64, the model takes f32; convert it with"),
        ([X, X], "input 'b' has shape 2x3, the model takes 3"),
    ],
)
def test_inputs_that_do_not_fit(given: Any, message: str):
    with pytest.raises(OxideError, match=message):
        prepare(TWO).run(given)


def test_unknown_options():
    for call in (
        lambda: prepare(relu_model(), fast=True),
        lambda: prepare(relu_model()).run([X], fast=True),
        lambda: is_compatible(relu_model(), fast=True),
    ):
        with pytest.raises(OxideError, match="Oxide's backend knows no option 'fast'"):
            call()


def test_values_given_to_import_onnx():
    imported = oxide.import_onnx(RESHAPE, values={"shape": np.array([3, 2])})
    assert [spec.name for spec in imported.inputs] == ["x"]
    assert imported.outputs[0].shape == (3, 2)
    for values, message in [
        (
            {"size": np.array([3, 2])},
            'a value is given for "size", which is no input; the inputs are: "x", "shape"',
        ),
        ({"shape": np.array([3, 2], np.int32)}, "has element type int32, the model declares int64"),
        ({"x": X[0]}, r"has shape \(3,\), the model declares \(2, 3\)"),
    ]:
        with pytest.raises(OxideError, match=message):
            oxide.import_onnx(RESHAPE, values=values)
