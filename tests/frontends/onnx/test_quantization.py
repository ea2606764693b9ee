"""Quantised operators against onnxruntime; integer products are exact."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx_builders import import_and_run
from onnx_oracle import check, one_node

from oxide import import_onnx

RANDOM = np.random.default_rng(0)
U8, I8 = np.uint8, np.int8


def integers(kind: Any, *shape: int) -> np.ndarray:
    limits = np.iinfo(kind)
    return RANDOM.integers(limits.min, limits.max + 1, shape).astype(kind)


def scales(*shape: int) -> np.ndarray:
    return np.asarray(RANDOM.random(shape) * 0.5 + 0.1, np.float32)


@pytest.mark.parametrize(
    ("scale_shape", "attributes"),
    [((), {}), ((10,), {"axis": 1}), ((3,), {"axis": -3}), ((3, 4, 2), {"axis": 1, "block_size": 3})],
)
@pytest.mark.parametrize("kind", [np.uint8, np.int8, np.uint16, np.int16])
def test_granularities(kind: Any, scale_shape: tuple[int, ...], attributes: dict[str, Any]) -> None:
    scale, zero = scales(*scale_shape), np.asarray(RANDOM.integers(0, 100, scale_shape), kind)
    x = (RANDOM.standard_normal((3, 10, 2)) * 60).astype(np.float32)
    check(one_node("QuantizeLinear", {"x": x, "s": scale, "z": zero}, **attributes), x, scale, zero)
    quantised = integers(kind, 3, 10, 2)
    check(
        one_node("DequantizeLinear", {"x": quantised, "s": scale, "z": zero}, **attributes), quantised, scale, zero
    )


@pytest.mark.parametrize("x", [np.zeros((3, 4)), RANDOM.standard_normal((3, 4)), np.full((2, 2), -3.0)], ids=str)
def test_dynamic_quantize_linear(x: np.ndarray) -> None:
    """A tensor of zeros must not divide by its empty range."""
    x = x.astype(np.float32)
    check(one_node("DynamicQuantizeLinear", {"x": x}, ["y", "s", "z"]), x)


@pytest.mark.parametrize("right", [U8, I8])
@pytest.mark.parametrize("zero", [None, (), (4,)])
def test_matmul_integer(right: Any, zero: tuple[int, ...] | None) -> None:
    inputs = {"a": integers(U8, 3, 5), "b": integers(right, 5, 4)}
    if zero is not None:
        inputs |= {"a_zero": np.array(7, U8), "b_zero": np.asarray(RANDOM.integers(0, 9, zero), right)}
    check(one_node("MatMulInteger", inputs, opset=13), *inputs.values())


def test_factors_without_zero_points_stay_narrow() -> None:
    a, b = integers(I8, 3, 500), integers(I8, 500, 4)
    proto = one_node("MatMulInteger", {"a": a, "b": b}, opset=13)
    assert "(tensor<3x500xi8>, tensor<500x4xi8>) -> tensor<3x4xi32>" in str(import_onnx(proto).module)
    np.testing.assert_array_equal(import_and_run(proto, a, b)[0], a.astype(np.int32) @ b.astype(np.int32))


CONVOLUTIONS = [{}, {"pads": [1, 2, 0, 1], "strides": [2, 1]}, {"auto_pad": "SAME_UPPER", "strides": [2, 2]}]


@pytest.mark.parametrize("attributes", CONVOLUTIONS, ids=str)
def test_padding_is_the_zero_point(attributes: dict[str, Any]) -> None:
    inputs = {
        "x": integers(U8, 2, 4, 9, 9),
        "w": integers(U8, 6, 2, 3, 3),
        "x_zero": np.array(5, U8),
        "w_zero": np.array(9, U8),
    }
    check(one_node("ConvInteger", inputs, opset=13, group=2, **attributes), *inputs.values())


@pytest.mark.parametrize("attributes", CONVOLUTIONS, ids=str)
@pytest.mark.parametrize("channels", [(), (6,)])
def test_qlinear_conv(channels: tuple[int, ...], attributes: dict[str, Any]) -> None:
    """onnxruntime rounds its fixed-point factor, so single steps may differ."""
    x = integers(U8, 2, 4, 9, 9)
    weights = {
        "x_scale": np.float32(0.1),
        "x_zero": np.array(120, U8),
        "w": integers(I8, 6, 2, 3, 3),
        "w_scale": scales(*channels) * 0.05,
        "w_zero": np.zeros(channels, I8),
        "y_scale": np.float32(0.6),
        "y_zero": np.array(128, U8),
        "b": RANDOM.integers(-1000, 1000, 6).astype(np.int32),
    }
    weights = {name: np.asarray(array, array.dtype) for name, array in weights.items()}
    check(one_node("QLinearConv", {"x": x}, weights=weights, opset=13, group=2, **attributes), x, rtol=0, atol=1)
