"""Operators whose result size depends on data, against numpy and onnxruntime, in their true sizes."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from oxide import OxideError, import_onnx

TYPES = {np.dtype(np.float32): TensorProto.FLOAT, np.dtype(np.bool_): TensorProto.BOOL}


def model(nodes, inputs, outputs, initializers=(), opset=13):
    """`inputs` are arrays by name, `outputs` element types by name."""
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info(name, TYPES[a.dtype], a.shape) for name, a in inputs.items()],
        [helper.make_tensor_value_info(name, kind, None) for name, kind in outputs.items()],
        [numpy_helper.from_array(a, name) for name, a in dict(initializers).items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def run(proto, inputs):
    return {k: np.asarray(v) for k, v in import_onnx(proto).compile(cache=False).run(inputs).items()}


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize("shape", [(7,), (3, 4), (2, 3, 4)])
def test_non_zero_has_the_true_size(rng, shape):
    x = rng.integers(0, 2, shape).astype(np.float32)
    proto = model([helper.make_node("NonZero", ["x"], ["y"])], {"x": x}, {"y": TensorProto.INT64})
    np.testing.assert_array_equal(run(proto, {"x": x})["y"], np.nonzero(x))


def test_counts_are_hidden_and_sizes_open():
    x = np.zeros([4], np.float32)
    proto = model([helper.make_node("NonZero", ["x"], ["y"])], {"x": x}, {"y": TensorProto.INT64})
    executable = import_onnx(proto).compile(cache=False)
    assert [(spec.name, spec.shape) for spec in executable.outputs] == [("y", (1, None))]
    assert executable.run({"x": x})["y"].shape == (1, 0)


def test_size_passes_through_transpose_and_identity(rng):
    x = rng.integers(0, 2, (3, 5)).astype(np.float32)
    nodes = [
        helper.make_node("NonZero", ["x"], ["n"]),
        helper.make_node("Transpose", ["n"], ["t"], perm=[1, 0]),
        helper.make_node("Identity", ["t"], ["y"]),
    ]
    results = run(model(nodes, {"x": x}, {"n": TensorProto.INT64, "y": TensorProto.INT64}), {"x": x})
    np.testing.assert_array_equal(results["n"], np.nonzero(x))
    np.testing.assert_array_equal(results["y"], np.argwhere(x))


def test_other_operators_refuse_it():
    x = np.ones([4], np.float32)
    nodes = [helper.make_node("NonZero", ["x"], ["n"]), helper.make_node("Unique", ["n"], ["y"], name="more")]
    with pytest.raises(OxideError, match=r"(?s)more.*depends on data"):
        import_onnx(model(nodes, {"x": x}, {"y": TensorProto.INT64}))


def test_known_condition_needs_no_bound(rng):
    x = rng.standard_normal((3, 4)).astype(np.float32)
    condition = np.array([True, False, True])
    node = helper.make_node("Compress", ["x", "c"], ["y"], axis=0)
    proto = model([node], {"x": x}, {"y": TensorProto.FLOAT}, {"c": condition})
    assert import_onnx(proto).outputs[0].shape == (2, 4)
    np.testing.assert_array_equal(run(proto, {"x": x})["y"], x[condition])


@pytest.mark.parametrize("axis", [None, 0, 1, -1])
def test_unique_as_numpy(rng, axis):
    x = rng.integers(0, 2, (6, 3)).astype(np.float32)
    x[x == 0] *= rng.choice([1, -1], (x == 0).sum())  # both zeros are one value
    attributes = {} if axis is None else {"axis": axis}
    node = helper.make_node("Unique", ["x"], ["y", "first", "inverse", "counts"], **attributes)
    proto = model([node], {"x": x}, {"y": 1, "first": 7, "inverse": 7, "counts": 7})
    want = np.unique(x, return_index=True, return_inverse=True, return_counts=True, axis=axis)
    for have, expected in zip(run(proto, {"x": x}).values(), want, strict=True):
        np.testing.assert_array_equal(have, expected.reshape(have.shape))


def test_unique_by_first_occurrence():
    x = np.array([3, 1, 3, np.nan, 2, 1, np.nan], np.float32)
    node = helper.make_node("Unique", ["x"], ["y", "first", "inverse", "counts"], sorted=0)
    results = run(model([node], {"x": x}, {"y": 1, "first": 7, "inverse": 7, "counts": 7}), {"x": x})
    expected = [[3, 1, np.nan, 2], [0, 1, 3, 4], [0, 1, 0, 2, 3, 1, 2], [2, 2, 2, 1]]
    for have, want in zip(results.values(), expected, strict=True):
        np.testing.assert_array_equal(have, want)


@pytest.mark.parametrize("center", [0, 1])
def test_non_max_suppression_as_onnxruntime(rng, center):
    boxes = rng.uniform(0, 1, (2, 20, 4)).astype(np.float32)
    scores = np.round(rng.uniform(0, 1, (2, 3, 20)), 1).astype(np.float32)  # with ties
    inputs = {"boxes": boxes, "scores": scores}
    weights = {"n": np.array([6], np.int64), "iou": np.array([0.3], np.float32), "low": np.array([0.2], np.float32)}
    node = helper.make_node(
        "NonMaxSuppression", ["boxes", "scores", "n", "iou", "low"], ["y"], center_point_box=center
    )
    proto = model([node], inputs, {"y": TensorProto.INT64}, weights)
    session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    np.testing.assert_array_equal(run(proto, inputs)["y"], session.run(None, inputs)[0])
