"""ONNX models whose dimensions have no size: imported once, called with several."""

from __future__ import annotations

from collections import Counter

import numpy as np
import onnxruntime
import pytest
from conformance.cases import Case, node_cases
from conformance.open_shapes import opened, run_open
from onnx import ModelProto, TensorProto, helper, numpy_helper
from onnx_builders import node

from oxide import OxideError, import_onnx
from oxide.sizes import read_constraints

FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64


def build(nodes, inputs, outputs, weights=None) -> ModelProto:
    """A model of float inputs and outputs with the given dimensions, and weights by name."""
    graph = helper.make_graph(
        nodes,
        "open",
        [helper.make_tensor_value_info(name, FLOAT, dims) for name, dims in inputs.items()],
        [helper.make_tensor_value_info(name, FLOAT, dims) for name, dims in outputs.items()],
        [numpy_helper.from_array(array, name) for name, array in (weights or {}).items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def compare(proto: ModelProto, *shapes: tuple[tuple[int, ...], ...]) -> None:
    """Import once; at every set of input shapes the outputs are those of onnxruntime."""
    executable = import_onnx(proto).compile(cache=False)
    session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    rng = np.random.default_rng(0)
    for sizes in shapes:
        arrays = [rng.standard_normal(shape).astype(np.float32) for shape in sizes]
        inputs = dict(zip((i.name for i in session.get_inputs()), arrays, strict=True))
        for have, want in zip(executable.run(inputs).values(), session.run(None, inputs), strict=True):
            assert have.shape == np.asarray(want).shape
            np.testing.assert_allclose(np.asarray(have), np.asarray(want), rtol=1e-5, atol=1e-6)


def attention_like() -> ModelProto:
    """Reshape to heads by arithmetic on Shape, as exporters write it."""
    integers = {"zero": 0, "one": 1, "two": 2}
    weights: dict[str, np.ndarray] = {name: np.array([value]) for name, value in integers.items()}
    weights["tail"] = np.array([2, 3])
    weights["w"] = np.random.default_rng(1).standard_normal((6, 6)).astype(np.float32)
    nodes = [
        node("MatMul", ["x", "w"], ["h"]),
        node("Shape", ["x"], ["dims"]),
        node("Gather", ["dims", "zero"], ["batch"]),
        node("Gather", ["dims", "one"], ["length"]),
        node("Concat", ["batch", "length", "tail"], ["split"], axis=0),
        node("Reshape", ["h", "split"], ["heads"]),
        node("Transpose", ["heads"], ["t"], perm=[0, 2, 1, 3]),
        node("Softmax", ["t"], ["s"], axis=2),
        node("Mul", ["length", "two"], ["twice"]),
        node("Concat", ["batch", "twice", "tail"], ["unused"], axis=0),
        node("ReduceMean", ["s", "two"], ["y"], keepdims=0),
    ]
    return build(nodes, {"x": ["batch", "seq", 6]}, {"y": ["batch", 2, 3]}, weights)


def test_shape_arithmetic_is_followed():
    compare(attention_like(), ((1, 1, 6),), ((2, 5, 6),), ((3, 4, 6),))


def test_what_inputs_and_outputs_are_called():
    model = import_onnx(attention_like())
    assert list(map(str, model.inputs)) == ["x: batch x seq x 6 x f32"]
    assert list(map(str, model.outputs)) == ["y: batch x 2 x 3 x f32"]
    assert "oxide.dims" not in str(model.module)


def test_one_decomposition_at_several_sizes():
    """Two softmaxes of one rank share a function; each call has shapes of its own."""
    nodes = [
        node("Softmax", ["x"], ["a"], axis=1),
        node("Softmax", ["z"], ["b"], axis=1),
        node("MatMul", ["a", "b"], ["y"]),
    ]
    proto = build(nodes, {"x": ["n", "m"], "z": ["m", "k"]}, {"y": ["n", "k"]})
    assert str(import_onnx(proto).module).count("func.func private") == 1
    compare(proto, ((2, 3), (3, 4)), ((5, 1), (1, 7)))


def test_dimensions_without_a_name():
    proto = build([node("Relu", ["x"], ["y"])], {"x": [None, -1]}, {"y": [None, None]})
    assert str(import_onnx(proto).inputs[0]) == "x: x_dim0 x x_dim1 x f32"
    compare(proto, ((2, 3),), ((0, 4),))


def test_a_name_may_be_arithmetic():
    nodes = [node("Concat", ["past", "x"], ["y"], axis=1), node("Add", ["y", "mask"], ["z"])]
    inputs = {"past": [1, "past_len"], "x": [1, "seq"], "mask": [1, "past_len + seq"]}
    proto = build(nodes, inputs, {"z": [1, "past_len + seq"]})
    model = import_onnx(proto)
    assert not read_constraints(model.module)
    assert str(model.outputs[0]) == "z: 1 x past_len + seq x f32"
    compare(proto, ((1, 0), (1, 3), (1, 3)), ((1, 4), (1, 1), (1, 5)))
    with pytest.raises(OxideError, match=r"input 'mask': dimension 1 is past_len \+ seq, which is 5"):
        model.compile(cache=False)(*(np.zeros((1, n), np.float32) for n in (3, 2, 4)))
    fixed = import_onnx(proto, dims={"past_len": 4})
    assert [spec.shape for spec in fixed.inputs] == [(1, 4), (1, None), (1, None)]
    solved = import_onnx(proto, dims={"past_len": 4}, shapes={"mask": (1, 6)})
    assert [spec.shape for spec in solved.inputs] == [(1, 4), (1, 2), (1, 6)]


def test_sizes_that_must_agree_are_checked_at_the_call():
    proto = build([node("Add", ["x", "z"], ["y"])], {"x": ["a", 3], "z": ["b", "c"]}, {"y": ["a", 3]})
    model = import_onnx(proto)
    assert sorted(map(str, read_constraints(model.module))) == ["3 == c", "a == b"]
    executable = model.compile(cache=False)
    x = np.ones((2, 3), np.float32)
    np.testing.assert_array_equal(np.asarray(executable(x, x)), x + x)
    with pytest.raises(OxideError, match="sizes: a = 2, b = 5, c = 3") as raised:
        executable(x, np.ones((5, 3), np.float32))
    assert "a == b is needed here" in str(raised.value)


def test_a_symbol_has_one_size():
    proto = build([node("Add", ["x", "z"], ["y"])], {"x": ["n"], "z": ["n"]}, {"y": ["n"]})
    with pytest.raises(OxideError, match=r"input 'z': dimension 0 is n, which is 2 \(n is 2 in input 'x'\), not 3"):
        import_onnx(proto).compile(cache=False)(np.zeros(2, np.float32), np.zeros(3, np.float32))


def test_squeeze_without_axes_keeps_dimensions_of_unknown_size():
    proto = build([node("Squeeze", ["x"], ["y"])], {"x": ["n", 1, 3]}, {"y": ["n", 3]})
    compare(proto, ((2, 1, 3),), ((5, 1, 3),))
    with pytest.raises(OxideError, match="n = 1"):
        import_onnx(proto).compile(cache=False)(np.zeros((1, 1, 3), np.float32))


def test_a_size_that_must_be_a_number_is_refused_by_node():
    proto = build([node("Split", ["x"], ["a", "b", "c"], "cut", num_outputs=3)], {"x": ["n"]}, {"a": [None]})
    compare(proto, ((7,),), ((9,),))
    resize = node("Resize", ["x", "", "scales"], ["y"], "grow", mode="linear")
    scales = {"scales": np.array([1.0, 1.3], np.float32)}
    with pytest.raises(OxideError, match="grow") as raised:
        import_onnx(build([resize], {"x": [1, "n"]}, {"y": [1, None]}, scales))
    assert "--dim n=N" in str(raised.value)


@pytest.mark.parametrize("mode", ["reflect", "edge", "wrap", "constant"])
def test_pads_around_open_dimensions(mode):
    weights = {"pads": np.array([0, 2, 0, 1])}
    compare(
        build([node("Pad", ["x", "pads"], ["y"], mode=mode)], {"x": ["n", "m"]}, {"y": ["n", None]}, weights),
        ((2, 3),),
        ((1, 5),),
    )


@pytest.mark.parametrize(
    ("starts", "ends", "steps", "sizes"),
    [
        ([0], [1], [1], (1, 4)),
        ([-3], [2**63 - 1], [1], (1, 2, 5)),
        ([1], [-1], [2], (1, 2, 9)),
        ([-1], [-(2**31)], [-1], (1, 5)),
        ([7], [3], [-2], (4, 12)),
    ],
)
def test_slices_are_clamped_as_numpy_does(starts, ends, steps, sizes):
    weights = {"s": np.array(starts), "e": np.array(ends), "a": np.array([0]), "t": np.array(steps)}
    proto = build([node("Slice", ["x", "s", "e", "a", "t"], ["y"])], {"x": ["n", 2]}, {"y": [None, 2]}, weights)
    compare(proto, *(((n, 2),) for n in sizes))


# ONNX defines ceil_mode for explicit pads only.
PADDINGS = [{"pads": [1, 0, 1, 1]}, {"pads": [1, 0, 1, 1], "ceil_mode": 1}, {"auto_pad": "SAME_UPPER"}]


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("operator", ["AveragePool", "MaxPool"])
def test_windows_over_open_dimensions(operator, padding):
    pool = node(operator, ["x"], ["y"], kernel_shape=[3, 2], strides=[2, 2], **padding)
    proto = build([pool], {"x": ["n", 2, "h", "w"]}, {"y": ["n", 2, None, None]})
    compare(proto, ((1, 2, 5, 6),), ((2, 2, 8, 3),), ((1, 2, 4, 4),))


@pytest.mark.parametrize("reverse", [0, 1])
@pytest.mark.parametrize("exclusive", [0, 1])
def test_running_sums_along_an_open_dimension(exclusive, reverse):
    cumulative = node("CumSum", ["x", "axis"], ["y"], exclusive=exclusive, reverse=reverse)
    proto = build([cumulative], {"x": [2, "n"]}, {"y": [2, "n"]}, {"axis": np.array(1)})
    compare(proto, ((2, 1),), ((2, 2),), ((2, 7),))


# ------------------------------------------------------------------------------------------- conformance

# Node cases that are refused with open dimensions, by operator.  First: with only the first dimension of every
# input open, as batches are.  Any: with all of them open, weights, head sizes and channels among them.
REFUSED_FIRST: dict[str, int] = {
    "AffineGrid": 4,
    "Bernoulli": 3,
    "CausalConvWithState": 12,
    "CenterCropPad": 5,
    "Compress": 3,
    "ConvTranspose": 2,
    "DequantizeLinear": 1,
    "Dropout": 6,
    "Equal": 2,
    "GroupNormalization": 2,
    "ImageDecoder": 9,
    "InstanceNormalization": 2,
    "LabelEncoder": 4,
    "OptionalGetElement": 1,
    "OptionalHasElement": 2,
    "QuantizeLinear": 1,
    "RegexFullMatch": 3,
    "STFT": 1,
    "Scan": 2,
    "StringConcat": 4,
    "StringNormalizer": 5,
    "StringSplit": 6,
    "TfIdfVectorizer": 4,
    "Unique": 2,
}
REFUSED_ANY: dict[str, int] = {
    "AffineGrid": 4,
    "Attention": 86,
    "Bernoulli": 3,
    "CausalConvWithState": 12,
    "CenterCropPad": 6,
    "Col2Im": 5,
    "Compress": 1,
    "Conv": 6,
    "ConvInteger": 2,
    "ConvTranspose": 3,
    "DFT": 10,
    "DeformConv": 4,
    "DepthToSpace": 2,
    "DequantizeLinear": 1,
    "Dropout": 6,
    "Equal": 2,
    "FlexAttention": 10,
    "GRU": 6,
    "GatherND": 2,
    "GridSample": 18,
    "GroupNormalization": 2,
    "ImageDecoder": 9,
    "LSTM": 6,
    "LabelEncoder": 4,
    "LinearAttention": 14,
    "NonMaxSuppression": 9,
    "OptionalGetElement": 1,
    "OptionalHasElement": 2,
    "QuantizeLinear": 2,
    "RNN": 6,
    "RegexFullMatch": 3,
    "Resize": 21,
    "RoiAlign": 3,
    "RotaryEmbedding": 8,
    "STFT": 2,
    "ScatterND": 2,
    "SpaceToDepth": 4,
    "SplitToSequence": 2,
    "StringConcat": 4,
    "StringNormalizer": 6,
    "StringSplit": 6,
    "TensorScatter": 3,
    "TfIdfVectorizer": 7,
    "Unique": 3,
}


def _cases() -> list[Case]:
    return [case for case in node_cases() if "_expanded" not in case.name]


@pytest.mark.parametrize(("axes", "expected"), [(slice(0, 1), REFUSED_FIRST), (slice(None), REFUSED_ANY)])
def test_what_is_refused_with_open_dimensions(axes, expected):
    """No more than this, and nothing by an internal error."""
    refused: Counter[str] = Counter()
    broken: list[str] = []
    for case in _cases():
        parts = opened(case, axes)
        if parts is None:
            continue
        try:
            import_onnx(parts[0])
        except OxideError as error:
            nodes = case.model.graph.node
            refused[nodes[0].op_type if len(nodes) == 1 else "several"] += 1
            broken += [f"{case.name}: {error}"] if "internal error" in str(error) else []
    assert broken == []
    assert refused - Counter(expected) == Counter()


# Compiling is what takes time, so every tenth case is run; `tests/conformance/open_shapes.py` runs any.
@pytest.mark.parametrize("axes", [slice(0, 1), slice(None)])
def test_values_with_open_dimensions(axes):
    verdicts = [run_open(case, axes) for case in _cases()[::10]]
    assert [v for v in verdicts if v.status not in ("pass", "unsupported")] == []
