"""The fused attention that PyTorch differentiates on the CPU, and its gradients.

The forward pass keeps the logarithms of the softmax' denominators, from which the backward pass gets the
probabilities again: Dao et al. 2022, "FlashAttention", appendix B.
"""

from __future__ import annotations

import math

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.frontends.torch.promotion import compute_dtype
from oxide.frontends.torch.registry import Node, lowering

Value = ir.Value


@lowering("aten._scaled_dot_product_flash_attention_for_cpu.default")
def flash_attention(
    node: Node,
    query: Value,
    key: Value,
    value: Value,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    attn_mask: Value | None = None,
    scale: float | None = None,
) -> list[Value | None]:
    """[attention, log of the sum of the exponentials of each row's scores]; operands are [batch, heads, ...]."""
    result = node.call(
        "aten.scaled_dot_product_attention.default",
        query,
        key,
        value,
        attn_mask,
        dropout_p,
        is_causal,
        scale=scale,
    )
    if attn_mask is None and not node.wants(1):
        return [result, None]
    scores = _scores(query, key, attn_mask, is_causal, _factor(query, scale))
    top = hlo.reduce_max(scores, [3], keepdims=True)
    if attn_mask is not None:  # a row that it leaves nothing is zeros, and so is the logarithm
        alive = hlo.greater(top, -math.inf)
        result = hlo.select(hlo.broadcast_to(alive, hlo.shape(result)), result, 0)
        top = hlo.select(alive, top, 0)
    total = hlo.reduce_sum(hlo.exp(hlo.subtract(scores, top)), [3], keepdims=True)
    sums = hlo.add(hlo.log(hlo.select(hlo.greater(total, 0), total, 1)), top)
    return [result, hlo.convert(hlo.squeeze(sums, [3]), node.dtype_of(1))]


@lowering("aten._scaled_dot_product_flash_attention_for_cpu_backward.default")
def flash_attention_backward(
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
) -> list[Value]:
    """The gradients by query, key and value.

    With probabilities P and scores S: dV = P' dO, dP = dO V', dS = P (dP - sum(dO * O)), dQ = dS K, dK = dS' Q.
    """
    if dropout_p:
        raise node.error("attention with dropout draws random numbers, which is not supported; set dropout to 0")
    dtype = hlo.dtype(query)
    wide = compute_dtype(dtype)
    factor = _factor(query, scale)
    scores = _scores(query, key, attn_mask, is_causal, factor)
    q, k, v, o, grad = (hlo.convert(x, wide) for x in (query, key, value, out, grad_out))
    total = hlo.expand_dims(hlo.convert(logsumexp, wide), [3])
    weights = hlo.exp(hlo.subtract(scores, total))
    centre = hlo.reduce_sum(hlo.multiply(grad, o), [3], keepdims=True)
    slope = hlo.multiply(hlo.multiply(weights, hlo.subtract(_products(grad, v, 3, 3), centre)), factor)
    grads = [_products(slope, k, 3, 2), _products(slope, q, 2, 2), _products(weights, grad, 2, 2)]
    return [hlo.convert(g, dtype) for g in grads]


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
