"""Models as onnxruntime's quantiser leaves them, against onnxruntime: QDQ, QOperator and dynamic.

Results agree, or begin to differ by one code where a value lies halfway between two codes to within float32's
rounding: sums in another order, and the tables that onnxruntime takes for exp, decide such a tie differently.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import ModelProto, helper, numpy_helper, parser
from onnx_oracle import onnxruntime_results
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quantize_dynamic,
    quantize_static,
)

from oxide import import_onnx

CONVOLUTIONAL = """<ir_version: 8, opset_import: ["":17]> g (float[2,3,8,8] x) => (float[2,5] y) {
    c = Conv<kernel_shape=[3,3], pads=[1,1,1,1], strides=[2,2]>(x, conv_w, conv_b)
    r = Relu(c)
    d = Conv<kernel_shape=[3,3], pads=[1,1,1,1], group=8>(r, depth_w, depth_b)
    s = Sigmoid(d)
    m = Mul(d, s)
    a = Add(r, m)
    p = MaxPool<kernel_shape=[2,2], strides=[2,2]>(a)
    l = LeakyRelu<alpha=0.1>(p)
    j = Concat<axis=1>(p, l)
    v = AveragePool<kernel_shape=[2,2]>(j)
    t = GlobalAveragePool(v)
    f = Flatten(t)
    g = Gemm<transB=1>(f, head_w, head_b)
    y = Softmax<axis=-1>(g)
}"""
ATTENTION = """<ir_version: 8, opset_import: ["":17]> g (float[2,6,16] x) => (float[2,6,16] y)
    <int64[4] heads={0, 0, 2, 8}, int64[3] joined={0, 0, -1}, float scale={0.35}> {
    q0 = MatMul(x, q_w) k0 = MatMul(x, k_w) v0 = MatMul(x, v_w)
    q1 = Reshape(q0, heads) k1 = Reshape(k0, heads) v1 = Reshape(v0, heads)
    q = Transpose<perm=[0,2,1,3]>(q1) k = Transpose<perm=[0,2,3,1]>(k1) v = Transpose<perm=[0,2,1,3]>(v1)
    s = MatMul(q, k) c = Mul(s, scale) p = Softmax<axis=-1>(c) o = MatMul(p, v)
    t = Transpose<perm=[0,2,1,3]>(o) z = Reshape(t, joined) u = MatMul(z, o_w) y = Add(u, x)
}"""
RECURRENT = """<ir_version: 8, opset_import: ["":17]> g (float[4,1,8] x) => (float[4,2,1,6] y) {
    y, h, c = LSTM<hidden_size=6, direction="bidirectional">(x, lstm_w, lstm_r, lstm_b)
}"""
WEIGHTS = {
    "conv_w": (8, 3, 3, 3),
    "conv_b": (8,),
    "depth_w": (8, 1, 3, 3),
    "depth_b": (8,),
    "head_w": (5, 16),
    "head_b": (5,),
    **{f"{name}_w": (16, 16) for name in "qkvo"},
    "lstm_w": (2, 24, 8),
    "lstm_r": (2, 24, 6),
    "lstm_b": (2, 48),
}
MODELS = {"convolutional": CONVOLUTIONAL, "attention": ATTENTION, "recurrent": RECURRENT}


def float_model(name: str, folder: Path) -> tuple[str, np.ndarray]:
    """The file of a model with random weights, and an input of it."""
    rng = np.random.default_rng(3)
    proto = parser.parse_model(MODELS[name])
    used = {value for node in proto.graph.node for value in node.input}
    for weight, shape in WEIGHTS.items():
        if weight in used:
            array = (rng.standard_normal(shape) * 0.3).astype(np.float32)
            proto.graph.initializer.append(numpy_helper.from_array(array, weight))
    path = str(folder / "float.onnx")
    onnx.save(proto, path)
    dims = proto.graph.input[0].type.tensor_type.shape.dim
    return path, rng.standard_normal([d.dim_value for d in dims]).astype(np.float32)


class Calibration(CalibrationDataReader):
    def __init__(self, x: np.ndarray) -> None:
        self.samples: Iterator[dict[str, np.ndarray]] = iter([{"x": x}, {"x": x / 2}])

    def get_next(self) -> Any:
        return next(self.samples, None)


@pytest.fixture(autouse=True)
def no_advice():
    """The quantiser recommends its own preprocessing on the root logger."""
    logging.disable(logging.WARNING)
    yield
    logging.disable(logging.NOTSET)


def results_of(proto: ModelProto, x: np.ndarray) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """The outputs by name: ours, and onnxruntime's."""
    have = import_onnx(proto).compile(cache=False).run({"x": x})
    want = onnxruntime_results(proto, [x])
    return {name: np.asarray(value) for name, value in have.items()}, dict(zip(have, want, strict=True))


def check(proto: ModelProto, x: np.ndarray) -> None:
    """Results agree up to the first tie; codes of the graph's values are results, too."""
    weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in proto.graph.initializer}
    rounded = [n for n in proto.graph.node if n.op_type == "QuantizeLinear" and n.input[0] not in {"x", *weights}]
    known = {output.name for output in proto.graph.output}
    names = dict.fromkeys(name for node in rounded for name in (node.input[0], node.output[0]))
    proto.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in names if name not in known)
    have, want = results_of(proto, x)
    for node in rounded:
        value, codes = node.input[0], node.output[0]
        np.testing.assert_allclose(have[value], want[value], rtol=1e-5, atol=1e-6 * np.abs(want[value]).max())
        differ = have[codes] != want[codes]
        if differ.any():
            steps = want[value][differ] / weights[node.input[1]]
            assert np.abs(have[codes][differ].astype(int) - want[codes][differ]).max() == 1
            np.testing.assert_allclose(steps - np.floor(steps), 0.5, atol=2e-7 * np.abs(steps).max() + 1e-5)
            return  # what follows computes with other numbers
    np.testing.assert_allclose(have["y"], want["y"], rtol=1e-4, atol=1e-5)


U8, S8, S16, U16, S4 = QuantType.QUInt8, QuantType.QInt8, QuantType.QInt16, QuantType.QUInt16, QuantType.QInt4
QDQ, OPERATORS = QuantFormat.QDQ, QuantFormat.QOperator


@pytest.mark.parametrize(
    ("name", "form", "activations", "weights", "per_channel"),
    [
        ("convolutional", QDQ, U8, S8, True),
        ("convolutional", QDQ, S16, S8, True),
        ("convolutional", QDQ, S8, S4, False),
        ("convolutional", OPERATORS, U8, U8, False),
        ("convolutional", OPERATORS, U8, S8, True),
        ("convolutional", OPERATORS, S8, S8, False),
        ("attention", QDQ, U16, U8, False),
        ("attention", QDQ, S8, S8, False),
        ("attention", OPERATORS, U8, S8, True),
    ],
)
def test_static(tmp_path, name, form, activations, weights, per_channel):
    source, x = float_model(name, tmp_path)
    target = str(tmp_path / "quantized.onnx")
    options: dict[str, Any] = {"activation_type": activations, "weight_type": weights, "per_channel": per_channel}
    quantize_static(source, target, Calibration(x), quant_format=form, **options)
    check(onnx.load(target), x)


@pytest.mark.parametrize(
    ("name", "weights"), [("convolutional", U8), ("attention", S8), ("recurrent", U8), ("recurrent", S8)]
)
def test_dynamic(tmp_path, name, weights):
    source, x = float_model(name, tmp_path)
    target = str(tmp_path / "quantized.onnx")
    quantize_dynamic(source, target, weight_type=weights, per_channel=weights is S8)
    check(onnx.load(target), x)
