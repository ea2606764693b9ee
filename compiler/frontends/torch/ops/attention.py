"""Scaled dot-product attention."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import composites, hlo
from oxide.frontends.torch.ops import random
from oxide.frontends.torch.registry import Node, lowering

Value = ir.Value


@lowering("aten.scaled_dot_product_attention.default")
def scaled_dot_product_attention(
    node: Node,
    query: Value,
    key: Value,
    value: Value,
    attn_mask: Value | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Value:
    """softmax(scale * q k^T + mask) v over [..., heads, length, size].

    A row whose bool mask keeps nothing gives zeros.  Heads broadcast like the other leading dimensions; with
    `enable_gqa`, query heads share key heads and value heads in groups.
    """
    if is_causal and attn_mask is not None:
        raise node.error("attn_mask and is_causal cannot both be given")
    factor = 1 / math.sqrt(hlo.shape(query)[-1]) if scale is None else scale
    if min(map(hlo.rank, (query, key, value))) > 3:
        query, key, value = _matching_heads(node, query, key, value, enable_gqa)
    lead = hlo.broadcast_shapes(hlo.shape(query)[:-3], hlo.shape(key)[:-3], hlo.shape(value)[:-3])
    q, k, v = (_four_dimensional(x, lead) for x in (query, key, value))
    mask = attn_mask if attn_mask is None else _mask(attn_mask, query, key, lead)
    if dropout_p:
        result = _with_dropout(node, q, k, v, mask, float(factor), is_causal, dropout_p)
        return hlo.reshape(result, node.shape)
    result = composites.build("attention", [q, k, v, mask], scale=float(factor), causal=is_causal)[0]
    target = [*hlo.shape(query)[:-1], hlo.shape(value)[-1]]
    if hlo.rank(query) > 3:
        target = [*lead, *target[len(hlo.shape(query)) - 3 :]]
    return hlo.reshape(result, target)


def _matching_heads(node: Node, query: Value, key: Value, value: Value, grouped: bool) -> list[Value]:
    """The operands with as many value heads as key heads, of which query heads have one each or share them."""
    q, k, v = (hlo.shape(x)[-3] for x in (query, key, value))
    if k == v and (grouped or k in (1, q)):
        return [query, key, value]
    if grouped:
        key = node.call("aten.repeat_interleave.self_int", key, q // k, -3)
        return [query, key, node.call("aten.repeat_interleave.self_int", value, q // v, -3)]
    heads = hlo.broadcast_shapes((q,), (k,), (v,))
    return [hlo.broadcast_to(x, [*hlo.shape(x)[:-3], *heads, *hlo.shape(x)[-2:]]) for x in (query, key, value)]


def _four_dimensional(x: Value, lead: Sequence[Any]) -> Value:
    """[batch, heads, length, size], leading dimensions broadcast and flattened to one."""
    if hlo.rank(x) < 3:
        return hlo.reshape(x, [1, 1, *hlo.shape(x)])
    tail = hlo.shape(x)[-3:]
    return hlo.reshape(hlo.broadcast_to(x, [*lead, *tail]), [math.prod(lead), *tail])


def _mask(mask: Value, query: Value, key: Value, lead: Sequence[Any]) -> Value:
    """A mask that broadcasts to the scores [batch, heads, length, span]."""
    if hlo.rank(mask) <= 4 and len(lead) <= 1:
        return mask
    heads, length, span = hlo.shape(query)[-3], hlo.shape(query)[-2], hlo.shape(key)[-2]
    full = hlo.broadcast_to(mask, [*lead, heads, length, span])
    return hlo.reshape(full, [math.prod(lead), heads, length, span])


def _with_dropout(
    node: Node, q: Value, k: Value, v: Value, mask: Value | None, scale: float, causal: bool, p: float
) -> Value:
    """Attention whose weights are dropped with probability p, written out."""
    groups = hlo.shape(q)[1] // hlo.shape(k)[1]
    if groups != 1:
        k, v = (node.call("aten.repeat_interleave.self_int", x, groups, 1) for x in (k, v))
    scores = hlo.multiply(hlo.matmul(q, hlo.swap_axes(k, -1, -2)), scale)
    lowest = -math.inf
    if causal:
        rows, columns = (hlo.iota(hlo.shape(scores)[-2:], axis, np.int64) for axis in (0, 1))
        scores = hlo.select(hlo.greater_equal(rows, columns), scores, lowest)
    if mask is not None:
        kept = hlo.dtype(mask) == np.bool_
        scores = hlo.select(mask, scores, lowest) if kept else hlo.add(scores, node.cast(mask, hlo.dtype(scores)))
    top = hlo.maximum(hlo.reduce_max(scores, [-1], keepdims=True), hlo.lowest_finite(hlo.dtype(scores)))
    powers = hlo.exp(hlo.subtract(scores, top))
    total = hlo.reduce_sum(powers, [-1], keepdims=True)
    weights = hlo.select(hlo.greater(total, 0), hlo.divide(powers, total), 0)
    kept = random.kept_mask(node, hlo.shape(weights), p)
    return hlo.matmul(random.scaled_where(weights, kept, p), v)
