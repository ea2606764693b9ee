"""com.microsoft operators with integer products and float results: what quantize_dynamic and optimisers write.

Products are exact in int32; only their scaling is rounded.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import dtypes, hlo
from oxide.frontends.onnx.ops.contrib import MICROSOFT, needed
from oxide.frontends.onnx.ops.contrib_quantized import quantize
from oxide.frontends.onnx.ops.contrib_self_attention import self_attention
from oxide.frontends.onnx.ops.quantization import (
    dequantize_linear,
    dynamic_quantize_linear,
    matmul_integer,
    quantize_linear,
)
from oxide.frontends.onnx.ops.recurrent import LSTM, Products, recurrent
from oxide.frontends.onnx.ops.recurrent_cells import Activation, Cell, Product, Weights, lstm_cell
from oxide.frontends.onnx.registry import Node, lowering, register

# They were here before ai.onnx had 16-bit and 4-bit integers.
register("QuantizeLinear", (1,), quantize_linear, domain=MICROSOFT)
register("DequantizeLinear", (1,), dequantize_linear, domain=MICROSOFT)


# ------------------------------------------------------------------------------------------------- products


@lowering("MatMulIntegerToFloat", 1, domain=MICROSOFT)
def matmul_integer_to_float(
    node: Node,
    a: ir.Value,
    b: ir.Value,
    a_scale: ir.Value,
    b_scale: ir.Value,
    a_zero_point: ir.Value | None = None,
    b_zero_point: ir.Value | None = None,
    bias: ir.Value | None = None,
) -> ir.Value:
    """(a - a_zero_point) @ (b - b_zero_point), scaled; b's scale and zero point are scalars or one a column."""
    total = matmul_integer(node, a, b, _scalar_or_none(a_zero_point), _scalar_or_none(b_zero_point))
    factor = hlo.multiply(hlo.reshape(a_scale, []), _scalar(b_scale))
    y = hlo.multiply(hlo.convert(total, hlo.dtype(a_scale)), factor)
    return y if bias is None else hlo.add(y, bias)


@lowering("DynamicQuantizeMatMul", 1, domain=MICROSOFT)
def dynamic_quantize_matmul(
    node: Node,
    a: ir.Value,
    b: ir.Value,
    b_scale: ir.Value,
    b_zero_point: ir.Value | None = None,
    bias: ir.Value | None = None,
) -> ir.Value:
    """MatMulIntegerToFloat of `a` as DynamicQuantizeLinear quantises it."""
    codes, a_scale, a_zero = dynamic_quantize_linear(node, a)
    return matmul_integer_to_float(node, codes, b, a_scale, b_scale, a_zero, b_zero_point, bias)


@lowering("QGemm", 1, domain=MICROSOFT)
def q_gemm(
    node: Node,
    a: ir.Value,
    a_scale: ir.Value,
    a_zero_point: ir.Value | None = None,
    b: ir.Value | None = None,
    b_scale: ir.Value | None = None,
    b_zero_point: ir.Value | None = None,
    c: ir.Value | None = None,
    y_scale: ir.Value | None = None,
    y_zero_point: ir.Value | None = None,
    *,
    alpha: float = 1.0,
    transA: int = 0,
    transB: int = 0,
) -> ir.Value:
    """alpha A' B' + C; C is int32 in steps of alpha a_scale b_scale.  Without a y_scale the result is float32."""
    b, b_scale = needed(node, b, "B"), needed(node, b_scale, "b_scale")
    a = hlo.swap_axes(a, 0, 1) if transA else a
    b = hlo.swap_axes(b, 0, 1) if transB else b
    total = matmul_integer(node, a, b, _scalar_or_none(a_zero_point), _scalar_or_none(b_zero_point))
    if c is not None:
        total = hlo.add(total, c)
    step = hlo.multiply(hlo.multiply(hlo.reshape(a_scale, []), _scalar(b_scale)), alpha)
    y = hlo.convert(total, np.float32)
    if y_scale is None:
        return hlo.multiply(y, step)
    factor = hlo.divide(step, hlo.reshape(y_scale, []))
    dtype = hlo.dtype(a) if y_zero_point is None else hlo.dtype(y_zero_point)
    return quantize(hlo.multiply(y, factor), hlo.constant(1, np.float32), y_zero_point, dtype)


def _scalar(value: ir.Value) -> ir.Value:
    """One element as a scalar, anything larger (one a column) as it is."""
    return hlo.reshape(value, []) if hlo.size(value) == 1 else value


def _scalar_or_none(value: ir.Value | None) -> ir.Value | None:
    return None if value is None else _scalar(value)


@lowering("QAttention", 1, domain=MICROSOFT)
def q_attention(
    node: Node,
    x: ir.Value,
    weight: ir.Value,
    bias: ir.Value,
    x_scale: ir.Value,
    weight_scale: ir.Value,
    mask_index: ir.Value | None = None,
    x_zero_point: ir.Value | None = None,
    weight_zero_point: ir.Value | None = None,
    past: ir.Value | None = None,
    *,
    do_rotary: int = 0,
    mask_filter_value: float = -10000.0,
    num_heads: int,
    past_present_share_buffer: int = 0,
    scale: float = 0.0,
    unidirectional: int = 0,
) -> list[ir.Value]:
    """com.microsoft Attention whose projection is an integer product."""
    if do_rotary or past_present_share_buffer:
        raise node.error("a cache that past and present share, and rotary embeddings, are not supported")
    projected = matmul_integer_to_float(
        node, x, weight, x_scale, weight_scale, x_zero_point, weight_zero_point, bias
    )
    return self_attention(
        node,
        projected,
        mask_index,
        past,
        None,
        heads=num_heads,
        sizes=None,
        mask_filter_value=mask_filter_value,
        scale=scale,
        causal=bool(unidirectional),
    )


# ------------------------------------------------------------------------------------------------- recurrent


@lowering("DynamicQuantizeLSTM", 1, domain=MICROSOFT)
def dynamic_quantize_lstm(
    node: Node,
    x: ir.Value,
    w: ir.Value,
    r: ir.Value,
    b: ir.Value | None = None,
    sequence_lens: ir.Value | None = None,
    initial_h: ir.Value | None = None,
    initial_c: ir.Value | None = None,
    p: ir.Value | None = None,
    w_scale: ir.Value | None = None,
    w_zero_point: ir.Value | None = None,
    r_scale: ir.Value | None = None,
    r_zero_point: ir.Value | None = None,
    *,
    activation_alpha: list[float] | None = None,
    activation_beta: list[float] | None = None,
    activations: list[str] | None = None,
    clip: float | None = None,
    direction: str = "forward",
    hidden_size: int | None = None,
    input_forget: int = 0,
) -> tuple[ir.Value | None, ...]:
    """LSTM with 8-bit weights W [D, I, 4*H] and R [D, H, 4*H], one scale a direction or a column.

    The input of all steps is quantised as one tensor, the state once a step.
    """
    for name, matrix in (("W", w), ("R", r)):
        if hlo.rank(matrix) != 3 or not dtypes.is_integer(hlo.dtype(matrix)):
            raise node.error(f"{name} of shape {hlo.shape(matrix)} must be 8-bit integers of rank 3")
    w_scale, r_scale = needed(node, w_scale, "W_scale"), needed(node, r_scale, "R_scale")
    products: list[Products] = [
        (_product(node, d, w_scale, w_zero_point), _product(node, d, r_scale, r_zero_point))
        for d in range(hlo.shape(w)[0])
    ]

    def make_cell(weights: Weights, functions: Sequence[Activation]) -> Cell:
        return lstm_cell(weights, functions, input_forget=bool(input_forget))

    return recurrent(
        node,
        LSTM,
        make_cell,
        x,
        hlo.swap_axes(w, 1, 2),
        hlo.swap_axes(r, 1, 2),
        b,
        sequence_lens,
        [initial_h, initial_c],
        p,
        activations=activations,
        activation_alpha=activation_alpha,
        activation_beta=activation_beta,
        clip=clip,
        direction=direction,
        hidden_size=hidden_size,
        layout=0,
        products=products,
    )


def _product(node: Node, direction: int, scale: ir.Value, zero_point: ir.Value | None) -> Product:
    """x w^T of one direction, whose parameters are a row of `scale` and `zero_point` ([D] or [D, 4*H])."""

    def row(values: ir.Value) -> ir.Value:
        return hlo.squeeze(hlo.slice_axis(values, 0, direction, direction + 1), [0])

    def multiply(x: ir.Value, w: ir.Value) -> ir.Value:
        zero = None if zero_point is None else row(zero_point)
        return dynamic_quantize_matmul(node, x, hlo.swap_axes(w, 0, 1), row(scale), zero)

    return multiply
