"""com.microsoft operators of quantised models against onnxruntime."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
from onnx import helper
from onnx_builders import import_and_run
from onnx_oracle import check, one_node, onnxruntime_results

from oxide import OxideError, import_onnx

contrib = partial(one_node, domain="com.microsoft")


@pytest.fixture
def rng():
    return np.random.default_rng(5)


def codes(rng, shape, dtype: Any = np.uint8):
    limits = np.iinfo(dtype)
    return rng.integers(limits.min, limits.max + 1, shape).astype(dtype)


def normal(rng, *shape):
    return rng.standard_normal(shape).astype(np.float32)


def f32(value):
    return np.array(value, np.float32)


# ------------------------------------------------------------------------------------------------- products


@pytest.mark.parametrize("dtype", [np.uint8, np.int8])
@pytest.mark.parametrize("columns", [1, 5])
@pytest.mark.parametrize("bias", [False, True])
def test_matmul_integer_to_float(rng, dtype, columns, bias):
    a, b = codes(rng, (3, 4)), codes(rng, (4, 5), dtype)
    scale = f32(0.02) if columns == 1 else rng.uniform(0.01, 0.1, 5).astype(np.float32)
    zero = np.full([] if columns == 1 else [5], 7, dtype)
    weights = {"b": b, "sa": f32(0.03), "sb": scale, "za": np.array(100, np.uint8), "zb": zero}
    if bias:
        weights["bias"] = normal(rng, 5)
    check(contrib("MatMulIntegerToFloat", {"a": a}, weights=weights), a)


@pytest.mark.parametrize("batched", [False, True])
def test_dynamic_quantize_matmul(rng, batched):
    a = normal(rng, 2, 3, 4) if batched else normal(rng, 3, 4)
    weights = {"b": codes(rng, (4, 5), np.int8), "s": f32(0.02), "z": np.array(3, np.int8), "bias": normal(rng, 5)}
    check(contrib("DynamicQuantizeMatMul", {"a": a}, weights=weights), a)


@pytest.mark.parametrize("trans", [0, 1])
@pytest.mark.parametrize("quantized_result", [False, True])
def test_q_gemm(rng, trans, quantized_result):
    a = codes(rng, (4, 3) if trans else (3, 4))
    b = codes(rng, (5, 4) if trans else (4, 5), np.int8)
    weights = {
        "sa": f32(0.03),
        "za": np.array(120, np.uint8),
        "b": b,
        "sb": rng.uniform(0.01, 0.1, 5).astype(np.float32),
        "zb": np.zeros(5, np.int8),
        "c": rng.integers(-900, 900, 5).astype(np.int32),
    }
    if quantized_result:
        weights |= {"sy": f32(0.5), "zy": np.array(90, np.uint8)}
    proto = contrib("QGemm", {"a": a}, weights=weights, alpha=0.5, transA=trans, transB=trans)
    check(proto, a)


@pytest.mark.parametrize("causal", [0, 1])
@pytest.mark.parametrize("columns", [False, True])
def test_q_attention(rng, causal, columns):
    x = codes(rng, (2, 4, 8))
    weights = {
        "w": codes(rng, (8, 24), np.int8),
        "bias": normal(rng, 24),
        "sx": f32(0.02),
        "sw": rng.uniform(0.002, 0.01, 24).astype(np.float32) if columns else f32(0.01),
        "mask": np.array([4, 2], np.int32),
        "zx": np.array(120, np.uint8),
        "zw": np.zeros(24 if columns else [], np.int8),
    }
    check(contrib("QAttention", {"x": x}, weights=weights, num_heads=2, unidirectional=causal), x)


# ------------------------------------------------------------------------------------------------- recurrent


@pytest.mark.parametrize("direction", ["forward", "bidirectional"])
@pytest.mark.parametrize("per_column", [False, True])
def test_dynamic_quantize_lstm(rng, direction, per_column):
    d = 2 if direction == "bidirectional" else 1
    steps, batch, width, hidden = 4, 2, 3, 5
    parameters = (d, 4 * hidden) if per_column else (d,)
    x, h, c = normal(rng, steps, batch, width), normal(rng, d, batch, hidden), normal(rng, d, batch, hidden)
    weights = {
        "w": codes(rng, (d, width, 4 * hidden), np.int8),
        "r": codes(rng, (d, hidden, 4 * hidden), np.int8),
        "b": normal(rng, d, 8 * hidden),
        "h": h,
        "c": c,
        "sw": rng.uniform(0.002, 0.01, parameters).astype(np.float32),
        "zw": np.zeros(parameters, np.int8),
        "sr": rng.uniform(0.002, 0.01, parameters).astype(np.float32),
        "zr": np.zeros(parameters, np.int8),
    }
    order = ["x", "w", "r", "b", "", "h", "c", "", "sw", "zw", "sr", "zr"]
    proto = contrib(
        "DynamicQuantizeLSTM",
        {"x": x},
        ["y", "yh", "yc"],
        weights=weights,
        order=order,
        direction=direction,
        hidden_size=hidden,
    )
    check(proto, x)


# ------------------------------------------------------------------------------------------ 8 bits to 8 bits


@pytest.mark.parametrize("channels_last", [0, 1])
def test_qlinear_conv_in_either_layout(rng, channels_last):
    x = codes(rng, (1, 6, 7, 4) if channels_last else (1, 4, 6, 7))
    weights = {
        "sx": f32(0.02),
        "zx": np.array(120, np.uint8),
        "w": codes(rng, (6, 2, 3, 3), np.int8),
        "sw": rng.uniform(0.002, 0.01, 6).astype(np.float32),
        "zw": np.zeros(6, np.int8),
        "sy": f32(0.05),
        "zy": np.array(100, np.uint8),
        "b": rng.integers(-900, 900, 6).astype(np.int32),
    }
    options: dict[str, Any] = {"group": 2, "pads": [1, 1, 1, 1], "strides": [2, 1], "channels_last": channels_last}
    check(contrib("QLinearConv", {"x": x}, weights=weights, **options), x)


def test_max_pool_of_channels_last(rng):
    x = codes(rng, (1, 6, 7, 4))
    check(contrib("NhwcMaxPool", {"x": x}, kernel_shape=[3, 2], pads=[1, 0, 1, 0], strides=[2, 1]), x)


def quantized(**result):
    """Scales and zero points of an operand and of the result."""
    parameters = {"sx": f32(0.04), "zx": np.array(110, np.uint8), "sy": f32(0.05), "zy": np.array(90, np.uint8)}
    return parameters | result


@pytest.mark.parametrize(("opset", "axis"), [(13, -1), (13, 1), (11, 1)])
def test_qlinear_softmax(rng, opset, axis):
    x = codes(rng, (2, 3, 4))
    weights = quantized(sy=f32(1 / 256), zy=np.array(0, np.uint8))
    proto = contrib("QLinearSoftmax", {"x": x}, weights=weights, axis=axis)
    proto.graph.node[0].attribute.append(helper.make_attribute("opset", opset))
    check(proto, x)


def test_qlinear_where(rng):
    condition, x, y = rng.random((3, 4)) < 0.5, codes(rng, (3, 4)), codes(rng, (1, 4))
    zeros = {name: np.array(value, np.uint8) for name, value in (("zx", 120), ("zy", 7), ("zz", 60))}
    weights = {"sx": f32(0.1), "sy": f32(0.05), "sz": f32(0.08), **zeros}
    order = ["c", "x", "sx", "zx", "other", "sy", "zy", "sz", "zz"]
    check(
        contrib("QLinearWhere", {"c": condition, "x": x, "other": y}, weights=weights, order=order),
        condition,
        x,
        y,
    )


def test_16_bit_codes_come_from_the_contrib_domain(rng):
    x = normal(rng, 3, 4)
    weights = {"s": f32(0.001), "z": np.array(30000, np.uint16)}
    check(contrib("QuantizeLinear", {"x": x}, weights=weights), x)
    x = codes(rng, (3, 4), np.uint16)
    check(contrib("DequantizeLinear", {"x": x}, weights=weights), x)


# --------------------------------------------------------------------------------------- weights alone quantised


def reordered(rng, **more):
    """A node whose input channels belong to blocks in no order, its weight in float, and an operand."""
    k, n, block = 64, 5, 16
    weights = {
        "b": codes(rng, (n, k // block, block // 2)),
        "scales": rng.uniform(0.01, 0.1, n * k // block).astype(np.float32),
        "groups": rng.permutation(np.arange(k, dtype=np.int32) // block),
        **more,
    }
    order = ["a", "b", "scales", "zeros" if "zeros" in more else "", "groups"]
    options: dict[str, Any] = {"K": k, "N": n, "bits": 4, "block_size": block}
    a = normal(rng, 3, k)
    return contrib("MatMulNBits", {"a": a}, weights=weights, order=order, **options), weights, a


def test_matmul_n_bits_with_reordered_channels(rng):
    proto, _, a = reordered(rng)
    check(proto, a)


def test_matmul_n_bits_with_reordered_channels_and_zero_points(rng):
    """onnxruntime 1.31 takes 8 for the zero points here, so numpy is the oracle."""
    proto, weights, a = reordered(rng, zeros=codes(rng, (5 * 2,)))

    def unpacked(packed):
        return np.stack([packed & 15, packed >> 4], -1).reshape(5, -1).astype(np.float32)

    groups = weights["groups"]
    zeros, scales = unpacked(weights["zeros"])[:, groups], weights["scales"].reshape(5, -1)[:, groups]
    want = a @ ((unpacked(weights["b"]) - zeros) * scales).T
    np.testing.assert_allclose(import_and_run(proto, a)[0], want, rtol=1e-5, atol=1e-5)


def test_matmul_n_bits_packed_for_a_processor_is_refused(rng):
    weights = {"b": codes(rng, (4, 1, 8)), "s": np.ones(4, np.float32)}
    proto = contrib(
        "MatMulNBits",
        {"a": normal(rng, 2, 16)},
        weights=weights,
        K=16,
        N=4,
        block_size=16,
        weight_prepacked=1,
    )
    with pytest.raises(OxideError, match="weight_prepacked=0"):
        import_onnx(proto)


@pytest.mark.parametrize("zeros", [False, True])
def test_gather_block_quantized(rng, zeros):
    indices = np.array([[3, 0], [6, 3]], np.int64)
    weights = {"data": codes(rng, (7, 24)), "scales": rng.uniform(0.01, 0.1, (7, 3)).astype(np.float32)}
    if zeros:
        weights["zeros"] = codes(rng, (7, 2))
    order = ["data", "indices", "scales", *(["zeros"] if zeros else [])]
    options: dict[str, Any] = {"gather_axis": 0, "quantize_axis": 1, "block_size": 16, "bits": 4}
    check(
        contrib("GatherBlockQuantized", {"indices": indices}, weights=weights, order=order, **options),
        indices,
    )


@pytest.mark.parametrize("quant_type", [0, 1])
def test_matmul_bnb4(rng, quant_type):
    k, n, block = 48, 5, 16
    a = normal(rng, 3, k)
    weights = {"b": codes(rng, (k * n // 2,)), "absmax": rng.uniform(0.1, 1, k * n // block).astype(np.float32)}
    options: dict[str, Any] = {"K": k, "N": n, "block_size": block, "quant_type": quant_type}
    check(contrib("MatMulBnb4", {"a": a}, weights=weights, **options), a)


def test_qlinear_reduce_mean_is_the_mean_of_what_the_codes_mean(rng):
    x = codes(rng, (2, 3, 4))
    weights = quantized()
    proto = contrib("QLinearReduceMean", {"x": x}, weights=weights, axes=[1], keepdims=0)
    wide = (x.astype(np.float32) - 110) * np.float32(0.04)
    want = np.clip(np.rint(wide.mean(1) / np.float32(0.05)) + 90, 0, 255).astype(np.uint8)
    np.testing.assert_array_equal(np.asarray(import_onnx(proto).compile(cache=False).run({"x": x})["y"]), want)
    with pytest.raises(Exception, match="QLinearReduceMean"):  # when it runs it there, compare with it here
        onnxruntime_results(proto, [x])
