"""The fused attention that PyTorch differentiates on the CPU, and its gradients.

The forward pass keeps the logarithms of the softmax' denominators, from which the backward pass gets the
probabilities again: Dao et al. 2022, "FlashAttention", appendix B.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.dims import Size
from oxide.frontends.torch.promotion import compute_dtype
from oxide.frontends.torch.registry import Node, lowering

Value = ir.Value


@lowering(
    "aten._scaled_dot_product_flash_attention_for_cpu.default",
    "aten._scaled_dot_product_flash_attention.default",
    "aten._scaled_dot_product_efficient_attention.default",
    "aten._scaled_dot_product_cudnn_attention.default",
    "aten._scaled_dot_product_fused_attention_overrideable.default",
)
def fused_attention(
    node: Node,
    query: Value,
    key: Value,
    value: Value,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    attn_mask: Value | None = None,
    scale: float | None = None,
    attn_bias: Value | None = None,
    compute_log_sumexp: bool = True,
    return_debug_mask: bool = False,
) -> list[Any]:
    """[attention, log of the sum of the exponentials of each row's scores, ...]; operands are [batch, heads, ...].

    What else the forms of GPUs return (lengths, a generator's state) serves their kernels and is zeros here.
    """
    if return_debug_mask:
        raise node.error("the mask of dropped weights is for debugging and not supported; do not ask for it")
    mask = attn_bias if attn_mask is None else attn_mask
    call = "aten.scaled_dot_product_attention.default"
    result = node.call(call, query, key, value, mask, dropout_p, is_causal, scale=scale)
    rest = [_kernel_state(node, index) for index in range(2, len(node.meta))]
    if mask is None and not node.wants(1):
        return [result, None, *rest]
    scores = _scores(query, key, mask, is_causal, _factor(query, scale))
    top = hlo.reduce_max(scores, [3], keepdims=True)
    if mask is not None:  # a row that it leaves nothing is zeros, and so is the logarithm
        alive = hlo.greater(top, -math.inf)
        result = hlo.select(hlo.broadcast_to(alive, hlo.shape(result)), result, 0)
        top = hlo.select(alive, top, 0)
    total = hlo.reduce_sum(hlo.exp(hlo.subtract(scores, top)), [3], keepdims=True)
    sums = hlo.add(hlo.log(hlo.select(hlo.greater(total, 0), total, 1)), top)
    return [result, hlo.convert(_shaped(sums, node.shape_of(1)), node.dtype_of(1)), *rest]


def _kernel_state(node: Node, index: int) -> Any:
    """A result that only a kernel's own backward pass reads: its size where it is one, zeros for a tensor."""
    meta = node.meta[index]
    return hlo.full(node.shape_of(index), 0, node.dtype_of(index)) if isinstance(meta, torch.Tensor) else meta


def _shaped(sums: Value, dims: Sequence[Any]) -> Value:
    """[batch, heads, length, 1] as a form keeps it: with that 1 or not, filled up with infinity or left out."""
    length = hlo.shape(sums)[2]
    if dims[2] == 0:
        return hlo.full(dims, 0, hlo.dtype(sums))
    if dims[2] != length:
        sums = hlo.pad(sums, math.inf, [0, 0, 0, 0], [0, 0, dims[2] - length, 0])
    return hlo.reshape(sums, dims)


@lowering(
    "aten._scaled_dot_product_flash_attention_for_cpu_backward.default",
    "aten._scaled_dot_product_flash_attention_backward.default",
    "aten._scaled_dot_product_cudnn_attention_backward.default",
    "aten._scaled_dot_product_fused_attention_overrideable_backward.default",
)
def fused_attention_backward(
    node: Node,
    grad_out: Value,
    query: Value,
    key: Value,
    value: Value,
    out: Value,
    logsumexp: Value,
    dropout_p: float,
    is_causal: bool,
    attn_mask: Value | None = None,
    scale: float | None = None,
    attn_bias: Value | None = None,
    grad_input_mask: Sequence[bool] = (True, True, True, False),
    cum_seq_q: Value | None = None,
    cum_seq_k: Value | None = None,
    max_q: Size = 0,
    max_k: Size = 0,
    philox_seed: Value | None = None,
    philox_offset: Value | None = None,
) -> list[Value | None]:
    """The gradients by query, key, value and, where the form has one, bias; what follows here serves kernels.

    With probabilities P and scores S: dV = P' dO, dP = dO V', dS = P (dP - sum(dO * O)), dQ = dS K, dK = dS' Q.
    """
    if dropout_p:
        raise node.error("attention with dropout draws random numbers, which is not supported; set dropout to 0")
    mask = attn_bias if attn_mask is None else attn_mask
    if mask is not None and hlo.size(mask) == 0:
        mask = None
    dtype = hlo.dtype(query)
    wide = compute_dtype(dtype)
    factor = _factor(query, scale)
    scores = _scores(query, key, mask, is_causal, factor)
    q, k, v, o, grad = (hlo.convert(x, wide) for x in (query, key, value, out, grad_out))
    rows = [*hlo.shape(scores)[:3], 1]
    total = hlo.reshape(hlo.slice_axis(hlo.convert(logsumexp, wide), 2, 0, rows[2]), rows)
    weights = hlo.exp(hlo.subtract(scores, total))
    centre = hlo.reduce_sum(hlo.multiply(grad, o), [3], keepdims=True)
    slope = hlo.multiply(weights, hlo.subtract(_products(grad, v, 3, 3), centre))
    scaled = hlo.multiply(slope, factor)
    grads = [_products(scaled, k, 3, 2), _products(scaled, q, 2, 2), _products(weights, grad, 2, 2)]
    found: list[Value | None] = [hlo.convert(g, dtype) for g in grads]
    if len(node.meta) == 3:
        return found
    if mask is None or not grad_input_mask[3]:
        return [*found, None]
    return [*found, hlo.convert(_summed_to(slope, hlo.shape(mask)), dtype)]


def _summed_to(x: Value, dims: Sequence[Size]) -> Value:
    """What was broadcast from a shape, summed to it again."""
    lead = hlo.rank(x) - len(dims)
    axes = [axis for axis in range(hlo.rank(x)) if axis < lead or dims[axis - lead] == 1]
    return hlo.reshape(hlo.reduce_sum(x, axes), dims)


@lowering("aten._scaled_dot_product_efficient_attention_backward.default")
def efficient_attention_backward(
    node: Node,
    grad_out_: Value,
    query: Value,
    key: Value,
    value: Value,
    attn_bias: Value,
    out: Value,
    logsumexp: Value,
    philox_seed: Value,
    philox_offset: Value,
    dropout_p: float,
    grad_input_mask: Sequence[bool],
    is_causal: bool = False,
    scale: float | None = None,
) -> list[Value | None]:
    return fused_attention_backward(
        *(node, grad_out_, query, key, value, out, logsumexp, dropout_p, is_causal),
        attn_bias=attn_bias,
        scale=scale,
        grad_input_mask=grad_input_mask,
    )


def _factor(query: Value, scale: float | None) -> float:
    return 1 / math.sqrt(hlo.shape(query)[-1]) if scale is None else scale


def _scores(query: Value, key: Value, mask: Value | None, causal: bool, factor: float) -> Value:
    """factor * q k' + mask as [batch, heads, length, span] in the computing dtype; -inf where a mask drops."""
    wide = compute_dtype(hlo.dtype(query))
    scores = hlo.multiply(_products(hlo.convert(query, wide), hlo.convert(key, wide), 3, 3), factor)
    dims = hlo.shape(scores)
    if mask is not None and hlo.dtype(mask) == np.bool_:
        scores = hlo.select(hlo.broadcast_to(mask, dims), scores, -math.inf)
    elif mask is not None:
        scores = hlo.add(scores, hlo.convert(mask, wide))
    if causal:
        below = hlo.less_equal(hlo.iota(dims, 3, np.int64), hlo.iota(dims, 2, np.int64))
        scores = hlo.select(below, scores, -math.inf)
    return scores


def _products(x: Value, y: Value, inner_x: int, inner_y: int) -> Value:
    """Products of matrices in the last two of four dimensions, contracted over the given ones."""
    return hlo.dot_general(x, y, contract=([inner_x], [inner_y]), batch=([0, 1], [0, 1]))
