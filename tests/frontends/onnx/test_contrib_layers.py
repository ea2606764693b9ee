"""Layers that onnxruntime's optimizer fuses, against onnxruntime where its CPU kernels have them, else numpy."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import helper
from onnx_builders import import_and_run
from onnx_oracle import check, one_node, onnxruntime_results

from oxide import OxideError

DOMAIN = "com.microsoft"


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(5)


def normal(rng, *shape):
    return rng.standard_normal(shape).astype(np.float32)


def microsoft(op_type, inputs, outputs=("y",), weights=None, **attributes):
    proto = one_node(op_type, inputs, outputs, weights=weights, domain=DOMAIN, **attributes)
    proto.opset_import.append(helper.make_opsetid(DOMAIN, 1))
    return proto


def both(op_type, inputs, weights=None, outputs=("y",), **attributes):
    check(microsoft(op_type, inputs, outputs, weights, **attributes), *inputs.values())


def ours(op_type, inputs, outputs=("y",), weights=None, **attributes):
    results = import_and_run(microsoft(op_type, inputs, outputs, weights, **attributes), *inputs.values())
    return [np.asarray(result) for result in results]


# --------------------------------------------------------------------------------------------- convolutions


@pytest.mark.parametrize(
    ("activation", "parameters"),
    [("Relu", None), ("Tanh", None), ("Sigmoid", None), ("LeakyRelu", [0.2]), ("Clip", [-0.5, 0.5])],
)
def test_fused_conv_applies_its_activation(rng, activation, parameters):
    extra = {} if parameters is None else {"activation_params": parameters}
    inputs = {"x": normal(rng, 1, 4, 6, 5), "w": normal(rng, 6, 2, 3, 3), "b": normal(rng, 6)}
    both("FusedConv", inputs, activation=activation, group=2, pads=[1, 0, 1, 1], **extra)


def test_fused_conv_adds_its_fourth_input_before_the_activation(rng):
    inputs = {"x": normal(rng, 1, 2, 4, 4), "w": normal(rng, 3, 2, 1, 1), "b": normal(rng, 3)}
    both("FusedConv", {**inputs, "z": normal(rng, 1, 3, 4, 4)}, activation="Relu")


def test_channels_last_convolutions_are_conv_transposed(rng):
    x, w, b = normal(rng, 1, 5, 6, 4), normal(rng, 6, 2, 3, 3), normal(rng, 6)
    conv = one_node("Conv", {"x": x.transpose(0, 3, 1, 2), "w": w, "b": b}, group=2, strides=[2, 1])
    (want,) = onnxruntime_results(conv, [x.transpose(0, 3, 1, 2), w, b])
    want = want.transpose(0, 2, 3, 1)
    (got,) = ours("NhwcConv", {"x": x, "w": w.transpose(0, 2, 3, 1), "b": b}, group=2, strides=[2, 1])
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)
    z = normal(rng, *want.shape)
    inputs = {"x": x, "w": w, "b": b, "z": z}
    (got,) = ours("NhwcFusedConv", inputs, group=2, strides=[2, 1], activation="Relu")
    np.testing.assert_allclose(got, np.maximum(want + z, 0), rtol=1e-4, atol=1e-5)


def test_unknown_activation_is_refused(rng):
    inputs = {"x": normal(rng, 1, 2, 4, 4), "w": normal(rng, 3, 2, 1, 1)}
    with pytest.raises(OxideError, match="activation 'Wave' is none of"):
        ours("FusedConv", inputs, activation="Wave")
    with pytest.raises(OxideError, match="activation LeakyRelu takes 1 parameters"):
        ours("FusedConv", inputs, activation="LeakyRelu", activation_params=[0.1, 0.2])


# -------------------------------------------------------------------------------------------------- products


@pytest.mark.parametrize(
    "options",
    [{"activation": "Relu"}, {"activation": "LeakyRelu", "activation_alpha": 0.3}, {"activation": "Tanh"}],
)
def test_fused_gemm(rng, options):
    inputs = {"a": normal(rng, 4, 3), "b": normal(rng, 5, 4), "c": normal(rng, 5)}
    both("FusedGemm", inputs, transA=1, transB=1, alpha=0.5, beta=2.0, **options)


def test_transpose_matmul(rng):
    both("TransposeMatMul", {"a": normal(rng, 2, 4, 3), "b": normal(rng, 2, 5, 4)}, transA=1, transB=1, alpha=0.5)


def test_gemm_fast_gelu(rng):
    x, w, b = normal(rng, 3, 4), normal(rng, 4, 5), normal(rng, 5)
    y = x @ w + b
    want = 0.5 * y * (1 + np.tanh(np.sqrt(2 / np.pi) * (y + 0.044715 * y**3)))
    np.testing.assert_allclose(ours("GemmFastGelu", {"x": x, "w": w, "b": b})[0], want, rtol=1e-4, atol=1e-5)


# ------------------------------------------------------------------------------------------ norms and biases


def group_norm(x, gamma, beta, groups, silu, epsilon=1e-5):
    """Of channels-last x [N, H, W, C], in float64."""
    n, h, w, c = x.shape
    parts = x.astype(np.float64).reshape(n, h * w, groups, c // groups)
    mean, variance = parts.mean((1, 3), keepdims=True), parts.var((1, 3), keepdims=True)
    y = ((parts - mean) / np.sqrt(variance + epsilon)).reshape(x.shape) * gamma + beta
    return y / (1 + np.exp(-y)) if silu else y


@pytest.mark.parametrize("silu", [0, 1])
@pytest.mark.parametrize("last", [0, 1])
def test_group_norm(rng, silu, last):
    x, gamma, beta = normal(rng, 2, 3, 5, 8), normal(rng, 8), normal(rng, 8)
    given = x if last else x.transpose(0, 3, 1, 2)
    options = {"groups": 4, "activation": silu, "channels_last": last}
    (got,) = ours("GroupNorm", {"x": given, "gamma": gamma, "beta": beta}, **options)
    want = group_norm(x, gamma, beta, 4, silu)
    np.testing.assert_allclose(got if last else got.transpose(0, 2, 3, 1), want, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("skip_shape", [(2, 3, 5, 8), (2, 1, 1, 8), (2, 8)])
def test_skip_group_norm_returns_the_sum_too(rng, skip_shape):
    x, skip, bias = normal(rng, 2, 3, 5, 8), normal(rng, *skip_shape), normal(rng, 8)
    gamma, beta = normal(rng, 8), normal(rng, 8)
    inputs = {"x": x, "gamma": gamma, "beta": beta, "skip": skip, "bias": bias}
    y, total = ours("SkipGroupNorm", inputs, ("y", "s"), groups=2, activation=1)
    want = x + (skip if skip.ndim == 4 else skip[:, None, None]) + bias
    np.testing.assert_allclose(total, want, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(y, group_norm(want, gamma, beta, 2, True), rtol=1e-4, atol=1e-5)


def test_biases(rng):
    x, bias, skip = normal(rng, 2, 3, 8), normal(rng, 8), normal(rng, 2, 3, 8)
    (got,) = ours("BiasAdd", {"x": x, "b": bias, "s": skip})
    np.testing.assert_allclose(got, x + bias + skip, rtol=1e-6)
    total = (x + bias).astype(np.float64)
    gelu = one_node("Gelu", {"x": (x + bias)[..., 4:]}, opset=20)
    want = total[..., :4] * import_and_run(gelu, (x + bias)[..., 4:])[0]
    np.testing.assert_allclose(ours("BiasSplitGelu", {"x": x, "b": bias})[0], want, rtol=1e-5, atol=1e-6)
    y, mask = ours("BiasDropout", {"x": x, "b": bias, "r": skip}, ("y", "mask"))
    np.testing.assert_allclose(y, x + bias + skip, rtol=1e-6)
    assert mask.dtype == np.bool_
    assert mask.all()


# -------------------------------------------------------------------------------- standard operators, early names


def test_early_names_of_standard_operators(rng):
    x = normal(rng, 4, 5)
    both("Trilu", {"x": x}, {"k": np.array(1)}, upper=0)
    both("Pad", {"x": x}, {"pads": np.array([1, 0, 2, 3]), "v": np.array([7], np.float32)})
    both("ExpandDims", {"x": x}, {"axis": np.array(-1, np.int32)})
    both("GatherND", {"x": x}, {"i": np.array([[0, 1], [3, -1]])})
    grid = rng.uniform(-1.2, 1.2, (2, 3, 4, 2)).astype(np.float32)
    both("GridSample", {"x": normal(rng, 2, 3, 5, 6), "g": grid}, padding_mode="border")


@pytest.mark.parametrize("metric", ["euclidean", "sqeuclidean"])
def test_pairwise_distance(rng, metric):
    both("CDist", {"a": normal(rng, 4, 3), "b": normal(rng, 5, 3)}, metric=metric)


# ------------------------------------------------------------------------------------------------ Attention

HEADS, BATCH, LENGTH, WIDTH = 2, 2, 5, 8
MASKS = {
    "none": None,
    "lengths": np.array([5, 3], np.int32),
    "ends and starts": np.array([5, 4, 1, 0], np.int32),
    "of keys": np.array([[1, 1, 1, 1, 0], [0, 1, 1, 1, 1]], np.int32),
    "of queries and keys": np.tril(np.ones([BATCH, LENGTH, LENGTH], np.int32)),
    "all hidden": np.array([[0] * 5, [1] * 5], np.int32),
}


def attention_inputs(rng, width=3 * WIDTH):
    return {"x": normal(rng, BATCH, LENGTH, WIDTH), "w": normal(rng, WIDTH, width), "b": normal(rng, width)}


@pytest.mark.parametrize("unidirectional", [0, 1])
@pytest.mark.parametrize("mask", MASKS)
def test_attention_masks(rng, mask, unidirectional):
    inputs = attention_inputs(rng)
    if MASKS[mask] is not None:
        inputs["m"] = MASKS[mask]
    both("Attention", inputs, num_heads=HEADS, unidirectional=unidirectional)


def test_attention_with_other_value_heads_and_bias(rng):
    bias = {"m": np.array([5, 3], np.int32), "a": normal(rng, BATCH, HEADS, LENGTH, LENGTH)}
    inputs = {**attention_inputs(rng, 8 + 8 + 12), **bias}
    order = ["x", "w", "b", "m", "", "a"]
    both("Attention", inputs, order=order, num_heads=HEADS, qkv_hidden_sizes=[8, 8, 12], scale=0.3)


@pytest.mark.parametrize("masked", [False, True])
def test_attention_appends_to_its_cache(rng, masked):
    inputs = {**attention_inputs(rng), "past": normal(rng, 2, BATCH, HEADS, 3, WIDTH // HEADS)}
    order = ["x", "w", "b", "", "past"]
    if masked:
        inputs["m"] = (np.arange(8) != np.array([[1], [6]])).astype(np.int32)
        order[3] = "m"
    both("Attention", inputs, outputs=("y", "present"), order=order, num_heads=HEADS, unidirectional=1)
