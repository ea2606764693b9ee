"""Quantisation: fake quantisation for training, and products with weights of 8 bits.

The operators of `quantized_decomposed` are mostly defined by others in their library; here are those whose
definition looks at values (to check them) while it runs.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.frontends.torch.registry import Node, lowering
from oxide.frontends.torch.tensors import read
from oxide.frontends.torch.weights import Parts

Value = ir.Value


# --------------------------------------------------------------------------------------- fake quantisation


@lowering("aten.fake_quantize_per_tensor_affine_cachemask.default")
def fake_quantize_per_tensor(
    node: Node, self: Value, scale: float, zero_point: int, quant_min: int, quant_max: int
) -> list[Value]:
    """The values that quantised numbers stand for, and where they are not clipped."""
    return _fake_quantized(self, 1.0 / scale, scale, float(zero_point), quant_min, quant_max)


@lowering("aten._fake_quantize_per_tensor_affine_cachemask_tensor_qparams.default")
def fake_quantize_per_tensor_given(
    node: Node,
    self: Value,
    scale: Value,
    zero_point: Value,
    fake_quant_enabled: Value,
    quant_min: int,
    quant_max: int,
) -> list[Value]:
    factor, zero = (hlo.convert(hlo.reshape(x, []), np.float32) for x in (scale, zero_point))
    values, kept = _fake_quantized(self, hlo.divide(1.0, factor), factor, zero, quant_min, quant_max)
    enabled = hlo.not_equal(hlo.reshape(fake_quant_enabled, []), 0)
    return [hlo.select(enabled, values, self), hlo.or_(kept, hlo.not_(enabled))]


@lowering("aten.fake_quantize_per_channel_affine_cachemask.default")
def fake_quantize_per_channel(
    node: Node, self: Value, scale: Value, zero_point: Value, axis: int, quant_min: int, quant_max: int
) -> list[Value]:
    shape = [d if i == axis else 1 for i, d in enumerate(hlo.shape(self))]
    factor, zero = (hlo.reshape(hlo.convert(x, np.float32), shape) for x in (scale, zero_point))
    return _fake_quantized(self, hlo.divide(1.0, factor), factor, zero, quant_min, quant_max)


def _fake_quantized(x: Value, inverse: Any, scale: Any, zero: Any, low: int, high: int) -> list[Value]:
    """(clamp(round(x / scale) + zero) - zero) * scale, in float32."""
    wide = hlo.convert(x, np.float32)
    quantised = hlo.add(hlo.round_half_even(hlo.multiply(wide, inverse)), zero)
    kept = hlo.and_(hlo.greater_equal(quantised, low), hlo.less_equal(quantised, high))
    clipped = hlo.minimum(hlo.maximum(quantised, low), high)
    return [hlo.convert(hlo.multiply(hlo.subtract(clipped, zero), scale), hlo.dtype(x)), kept]


@lowering("quantized_decomposed.fake_quant_per_channel.default")
def fake_quant_per_channel(
    node: Node, input: Value, scales: Value, zero_points: Value, axis: int, quant_min: int, quant_max: int
) -> Value:
    return fake_quantize_per_channel(node, input, scales, zero_points, axis, quant_min, quant_max)[0]


# ----------------------------------------------------------------------------------------------- values


@lowering("aten.dequantize.self")
def dequantize(node: Node, self: Value) -> Value:
    """Of a tensor that is not of a quantised dtype: float32."""
    return node.cast(self, node.dtype)


@lowering("quantized_decomposed.quantize_per_tensor.tensor2")
def quantize_per_tensor(
    node: Node,
    input: Value,
    scale: Value,
    zero_point: Value,
    quant_min: Value,
    quant_max: Value,
    dtype: torch.dtype,
) -> Value:
    """clamp(round(input / scale) + zero_point), where all of them are tensors of one element."""
    x = hlo.convert(input, np.float32)
    inverse, zero, low, high = (
        hlo.convert(hlo.reshape(v, []), np.float32)
        for v in (hlo.divide(1.0, hlo.convert(scale, np.float64)), zero_point, quant_min, quant_max)
    )
    steps = hlo.add(hlo.round_half_even(hlo.multiply(x, inverse)), zero)
    return node.cast(hlo.minimum(hlo.maximum(steps, low), high), dtype)


# ------------------------------------------------------------------------------------------- parameters


@lowering("quantized_decomposed.choose_qparams.tensor")
def choose_qparams(node: Node, input: Value, quant_min: int, quant_max: int, eps: float, dtype: Any) -> list[Value]:
    """Scale (float64) and zero point (int64), of shape [1], that represent the range of a tensor with 0 in it."""
    low, high = _range_with_zero(input)
    scale = hlo.maximum(hlo.divide(hlo.subtract(high, low), float(quant_max - quant_min)), eps)
    steps = hlo.convert(hlo.round_half_even(hlo.divide(low, scale)), np.int32)
    zero = hlo.clamp(quant_min, hlo.subtract(quant_min, steps), quant_max)
    return [hlo.reshape(hlo.convert(scale, np.float64), [1]), hlo.reshape(hlo.convert(zero, np.int64), [1])]


@lowering("quantized_decomposed.choose_qparams_symmetric.tensor")
def choose_qparams_symmetric(
    node: Node, input: Value, quant_min: int, quant_max: int, eps: float, dtype: Any
) -> list[Value]:
    """The same for a range around 0; unsigned numbers have their zero at 128."""
    low, high = _range_with_zero(input)
    extent = hlo.maximum(hlo.negate(low), high)
    scale = hlo.maximum(hlo.divide(extent, float(quant_max - quant_min) / 2), eps)
    zero = hlo.constant(np.array([128 if dtype == torch.uint8 else 0], np.int64))
    return [hlo.reshape(hlo.convert(scale, np.float64), [1]), zero]


def _range_with_zero(x: Value) -> tuple[Value, Value]:
    low, high = hlo.reduce_min(x), hlo.reduce_max(x)
    return hlo.minimum(low, 0), hlo.maximum(high, 0)


@lowering("quantized_decomposed.quantize_per_channel_group.default")
def quantize_per_channel_group(
    node: Node,
    input: Value,
    scales: Value,
    zero_points: Value,
    quant_min: int,
    quant_max: int,
    dtype: torch.dtype,
    group_size: int,
) -> Value:
    """Rows of [rows, columns] in groups of `group_size` columns, each with a scale and a zero point."""
    rows, columns = hlo.shape(input)
    size = columns if group_size > columns and hlo.shape(scales)[-1] == 1 else group_size
    groups = hlo.reshape(input, [rows * columns // size, size])
    scale, zero = (hlo.reshape(x, [hlo.size(x), 1]) for x in (scales, zero_points))
    steps = hlo.multiply(groups, hlo.convert(hlo.divide(1.0, scale), hlo.dtype(input)))
    quantised = hlo.round_half_even(hlo.add(steps, hlo.convert(zero, hlo.dtype(input))))
    return hlo.reshape(node.cast(hlo.clamp(quant_min, quantised, quant_max), dtype), [rows, columns])


# ------------------------------------------------------------------------------------ classes of tensors


@lowering("export.access_subclass_inner_tensor.default")
def access_subclass_inner_tensor(node: Node, src_subclass_tensor: Any, attr: str) -> Any:
    """A tensor of which a weight consists."""
    if not isinstance(src_subclass_tensor, Parts):
        raise node.error("only weights may be of a class that holds other tensors; pass its tensors as inputs")
    return read(src_subclass_tensor.tensors[attr])


# ----------------------------------------------------------------------------------------------- products


@lowering("aten._weight_int8pack_mm.default")
def weight_int8pack_mm(node: Node, self: Value, mat2: Value, scales: Value) -> Value:
    """self @ mat2' * scales: a weight of int8 rows [out, in], each with a scale; computed in float32."""
    weight = hlo.transpose(hlo.convert(mat2, np.float32), [1, 0])
    product = hlo.matmul(hlo.convert(self, np.float32), weight)
    return node.cast(hlo.multiply(product, hlo.convert(scales, np.float32)), node.dtype)
