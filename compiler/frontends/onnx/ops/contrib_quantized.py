"""com.microsoft QLinear operators: dequantise, compute in float32, quantise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import ml_dtypes
import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.frontends.onnx.ops.activations import flattened, single_axis
from oxide.frontends.onnx.ops.contrib import MICROSOFT
from oxide.frontends.onnx.ops.pooling import average_pool, max_pool
from oxide.frontends.onnx.ops.quantization import qlinear_conv
from oxide.frontends.onnx.registry import Node, lowering, register


def dequantize(x: ir.Value, scale: ir.Value, zero: ir.Value | None) -> ir.Value:
    wide = hlo.convert(x, np.float32)
    if zero is not None:
        wide = hlo.subtract(wide, hlo.convert(hlo.reshape(zero, []), np.float32))
    return hlo.multiply(wide, hlo.reshape(scale, []))


def quantize(y: ir.Value, scale: ir.Value, zero: ir.Value | None, dtype: np.dtype) -> ir.Value:
    """round half to even(y / scale) + zero, saturated."""
    steps = hlo.round_half_even(hlo.divide(y, hlo.reshape(scale, [])))
    if zero is not None:
        steps = hlo.add(steps, hlo.convert(hlo.reshape(zero, []), np.float32))
    limits = ml_dtypes.iinfo(dtype)
    return hlo.convert(hlo.clamp(float(limits.min), steps, float(limits.max)), dtype)


def _operands(node: Node, inputs: Sequence[ir.Value | None], count: int) -> list[Any]:
    """Triples of a tensor, its scale and its zero point (None where absent), `count` values in all; the
    result's, which comes last, has no tensor."""
    padded = [*inputs, *[None] * (count - len(inputs))]
    zeros = {*range(2, count, 3), count - 1}
    if len(padded) != count or any(v is None for i, v in enumerate(padded) if i not in zeros):
        raise node.error(f"it has {len(inputs)} inputs; a tensor or a scale among the first {count} is missing")
    return padded


def _binary(combine: Callable[[ir.Value, ir.Value], ir.Value]) -> Callable:
    def lower(node: Node, *inputs: ir.Value | None) -> ir.Value:
        a, a_scale, a_zero, b, b_scale, b_zero, c_scale, c_zero = _operands(node, inputs, 8)
        y = combine(dequantize(a, a_scale, a_zero), dequantize(b, b_scale, b_zero))
        return quantize(y, c_scale, c_zero, hlo.dtype(a))

    return lower


register("QLinearAdd", (1,), _binary(hlo.add), domain=MICROSOFT)
register("QLinearMul", (1,), _binary(hlo.multiply), domain=MICROSOFT)


@lowering("QLinearSigmoid", 1, domain=MICROSOFT)
def qlinear_sigmoid(node: Node, *inputs: ir.Value | None) -> ir.Value:
    x, x_scale, x_zero, y_scale, y_zero = _operands(node, inputs, 5)
    return quantize(hlo.logistic(dequantize(x, x_scale, x_zero)), y_scale, y_zero, hlo.dtype(x))


@lowering("QLinearLeakyRelu", 1, domain=MICROSOFT)
def qlinear_leaky_relu(node: Node, *inputs: ir.Value | None, alpha: float = 0.01) -> ir.Value:
    x, x_scale, x_zero, y_scale, y_zero = _operands(node, inputs, 5)
    wide = dequantize(x, x_scale, x_zero)
    y = hlo.select(hlo.greater_equal(wide, 0), wide, hlo.multiply(wide, alpha))
    return quantize(y, y_scale, y_zero, hlo.dtype(x))


@lowering("QLinearAveragePool", 1, domain=MICROSOFT)
def qlinear_average_pool(
    node: Node,
    *inputs: ir.Value | None,
    auto_pad: str = "NOTSET",
    ceil_mode: int = 0,
    channels_last: int = 0,
    count_include_pad: int = 0,
    kernel_shape: list[int],
    pads: list[int] | None = None,
    strides: list[int] | None = None,
) -> ir.Value:
    x, x_scale, x_zero, y_scale, y_zero = _operands(node, inputs, 5)
    wide = dequantize(x, x_scale, x_zero)
    wide = hlo.move_axis(wide, -1, 1) if channels_last else wide
    y = average_pool(
        node,
        wide,
        auto_pad=auto_pad,
        ceil_mode=ceil_mode,
        count_include_pad=count_include_pad,
        kernel_shape=kernel_shape,
        pads=pads,
        strides=strides,
    )
    y = hlo.move_axis(y, 1, -1) if channels_last else y
    return quantize(y, y_scale, y_zero, hlo.dtype(x))


@lowering("QLinearGlobalAveragePool", 1, domain=MICROSOFT)
def qlinear_global_average_pool(
    node: Node,
    x: ir.Value,
    x_scale: ir.Value,
    x_zero: ir.Value,
    y_scale: ir.Value,
    y_zero: ir.Value,
    *,
    channels_last: int = 0,
) -> ir.Value:
    axes = range(1, hlo.rank(x) - 1) if channels_last else range(2, hlo.rank(x))
    mean = hlo.reduce_mean(dequantize(x, x_scale, x_zero), list(axes), keepdims=True)
    return quantize(mean, y_scale, y_zero, hlo.dtype(x))


@lowering("QLinearConv", 1, domain=MICROSOFT)
def microsoft_qlinear_conv(
    node: Node,
    x: ir.Value,
    x_scale: ir.Value,
    x_zero_point: ir.Value,
    w: ir.Value,
    w_scale: ir.Value,
    w_zero_point: ir.Value,
    y_scale: ir.Value,
    y_zero_point: ir.Value,
    bias: ir.Value | None = None,
    *,
    auto_pad: str = "NOTSET",
    channels_last: int = 0,
    dilations: list[int] | None = None,
    group: int = 1,
    kernel_shape: list[int] | None = None,
    pads: list[int] | None = None,
    strides: list[int] | None = None,
) -> ir.Value:
    """QLinearConv, of [N, spatial..., C] with `channels_last`; w is [M, C / group, kernel...] all the same."""
    x = hlo.move_axis(x, -1, 1) if channels_last else x
    y = qlinear_conv(
        node,
        x,
        x_scale,
        x_zero_point,
        w,
        w_scale,
        w_zero_point,
        y_scale,
        y_zero_point,
        bias,
        auto_pad=auto_pad,
        dilations=dilations,
        group=group,
        kernel_shape=kernel_shape,
        pads=pads,
        strides=strides,
    )
    return hlo.move_axis(y, 1, -1) if channels_last else y


@lowering("NhwcMaxPool", 1, domain=MICROSOFT)
def nhwc_max_pool(
    node: Node,
    x: ir.Value,
    *,
    auto_pad: str = "NOTSET",
    ceil_mode: int = 0,
    dilations: list[int] | None = None,
    kernel_shape: list[int],
    pads: list[int] | None = None,
    strides: list[int] | None = None,
) -> ir.Value:
    """MaxPool of 8-bit [N, spatial..., C]."""
    y = max_pool(
        node,
        hlo.move_axis(x, -1, 1),
        auto_pad=auto_pad,
        ceil_mode=ceil_mode,
        dilations=dilations,
        kernel_shape=kernel_shape,
        pads=pads,
        strides=strides,
    )
    assert isinstance(y, ir.Value)
    return hlo.move_axis(y, 1, -1)


@lowering("QLinearReduceMean", 1, domain=MICROSOFT)
def qlinear_reduce_mean(
    node: Node, *inputs: ir.Value | None, axes: list[int] | None = None, keepdims: int = 1
) -> ir.Value:
    x, x_scale, x_zero, y_scale, y_zero = _operands(node, inputs, 5)
    along = range(hlo.rank(x)) if axes is None else hlo.normalize_axes(axes, hlo.rank(x))
    mean = hlo.reduce_mean(dequantize(x, x_scale, x_zero), list(along), keepdims=bool(keepdims))
    return quantize(mean, y_scale, y_zero, hlo.dtype(x))


@lowering("QLinearSoftmax", 1, domain=MICROSOFT)
def qlinear_softmax(node: Node, *inputs: ir.Value | None, axis: int = -1, opset: int) -> ir.Value:
    """Softmax as ai.onnx version `opset` has it: before 13 over all axes from `axis` on."""
    x, x_scale, x_zero, y_scale, y_zero = _operands(node, inputs, 5)
    softmax = (single_axis if opset >= 13 else flattened)("softmax")
    return quantize(softmax(node, dequantize(x, x_scale, x_zero), axis=axis), y_scale, y_zero, hlo.dtype(x))


@lowering("QLinearWhere", 1, domain=MICROSOFT)
def qlinear_where(
    node: Node,
    condition: ir.Value,
    x: ir.Value,
    x_scale: ir.Value,
    x_zero: ir.Value,
    y: ir.Value,
    y_scale: ir.Value,
    y_zero: ir.Value,
    z_scale: ir.Value,
    z_zero: ir.Value,
) -> ir.Value:
    chosen = hlo.select(condition, dequantize(x, x_scale, x_zero), dequantize(y, y_scale, y_zero))
    return quantize(chosen, z_scale, z_zero, hlo.dtype(x))


@lowering("QLinearConcat", 1, domain=MICROSOFT)
def qlinear_concat(
    node: Node, y_scale: ir.Value, y_zero: ir.Value, *inputs: ir.Value | None, axis: int
) -> ir.Value:
    """Inputs are triples of a tensor, its scale and its zero point."""
    if not inputs or len(inputs) % 3:
        raise node.error(f"{len(inputs)} inputs are no triples of tensor, scale and zero point")
    parts: list[ir.Value] = []
    for x, scale, zero in zip(inputs[::3], inputs[1::3], inputs[2::3], strict=True):
        if x is None or scale is None:
            raise node.error("a tensor or its scale is missing")
        parts.append(dequantize(x, scale, zero))
    return quantize(hlo.concatenate(parts, axis), y_scale, y_zero, hlo.dtype(y_zero))
