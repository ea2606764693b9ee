"""com.microsoft MultiHeadAttention and GroupQueryAttention."""

from __future__ import annotations

import math

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import composites, hlo
from oxide.dialects.dims import Size
from oxide.frontends.onnx.ops.attention import (
    attend,
    default_scale,
    heads_first,
    heads_last,
    masked_softmax,
    mix_values,
    scaled_scores,
    soft_cap,
)
from oxide.frontends.onnx.ops.attention_masks import Band, all_of, merge_masks, shorter_than
from oxide.frontends.onnx.ops.contrib import MICROSOFT, needed
from oxide.frontends.onnx.ops.decoding import rotate, tensor_scatter
from oxide.frontends.onnx.registry import Node, lowering


@lowering("MultiHeadAttention", 1, domain=MICROSOFT)
def multi_head_attention(
    node: Node,
    query: ir.Value,
    key: ir.Value | None = None,
    value: ir.Value | None = None,
    bias: ir.Value | None = None,
    key_padding_mask: ir.Value | None = None,
    attention_bias: ir.Value | None = None,
    past_key: ir.Value | None = None,
    past_value: ir.Value | None = None,
    past_sequence_length: ir.Value | None = None,
    cache_indirection: ir.Value | None = None,
    *,
    mask_filter_value: float = -10000.0,
    num_heads: int,
    scale: float = 0.0,
    unidirectional: int = 0,
) -> list[ir.Value]:
    """Query is [batch, length, width] with key and value like it (or with heads first), or all are packed."""
    if past_sequence_length is not None or cache_indirection is not None or node.wants(3):
        raise node.error("past_sequence_length, cache_indirection and the output qk are not supported")
    q, k, v = _projections(node, query, key, value, bias, num_heads)
    offset = 0
    if past_key is not None and past_value is not None:
        offset = hlo.shape(past_key)[2]
        k, v = hlo.concatenate([past_key, k], 2), hlo.concatenate([past_value, v], 2)
    factor = scale or default_scale(hlo.shape(q)[3])
    mask = attention_bias
    if key_padding_mask is not None:
        visible = _visible_keys(node, key_padding_mask, hlo.shape(q)[0], hlo.shape(k)[2])
        # A hidden key is only far away: where all are hidden, the scores still decide.
        filtered = hlo.select(visible, hlo.full(hlo.shape(visible), 0, hlo.dtype(q)), mask_filter_value)
        mask = filtered if mask is None else hlo.add(mask, filtered)
    band = Band(None, 0 if unidirectional else None, offset)
    if band.is_causal() or mask is None:
        keep = None if band.is_causal() else band.keep_mask(hlo.shape(q)[2], hlo.shape(k)[2])
        y = attend(node, q, k, v, merge_masks(keep, mask), factor, band.is_causal())
    else:
        mask = merge_masks(band.keep_mask(hlo.shape(q)[2], hlo.shape(k)[2]), mask)
        y = composites.build("attention", [q, k, v, mask], scale=float(factor), causal=False)[0]
    return [heads_last(y), k, v][: max(node.output_count, 1)]


def _projections(
    node: Node, query: ir.Value, key: ir.Value | None, value: ir.Value | None, bias: ir.Value | None, heads: int
) -> list[ir.Value]:
    """q, k and v as [batch, heads, length, size], with their bias."""
    if key is None and hlo.rank(query) == 5:  # [batch, length, heads, 3, size]
        parts = [hlo.squeeze(p, [3]) for p in hlo.split(query, 3, [1, 1, 1])]
    elif key is not None and value is None and hlo.rank(key) == 5:  # [batch, length, heads, 2, size]
        parts = [query, *(hlo.squeeze(p, [3]) for p in hlo.split(key, 3, [1, 1]))]
    elif key is not None and value is not None:
        parts = [query, key, value]
    else:
        raise node.error("query, key and value have none of the supported layouts")
    # Unpacked ones are [batch, length, heads, size]; a key of rank 4 beside a query of rank 3 has heads first.
    ready = key is not None and hlo.rank(key) == 4
    projected: list[ir.Value] = []
    start = 0
    for number, part in enumerate(parts):
        if hlo.rank(part) == 4 and not (ready and number):
            batch, length, count, size = hlo.shape(part)
            part = hlo.reshape(part, [batch, length, count * size])
        if hlo.rank(part) == 3:
            width = hlo.shape(part)[2]
            if bias is not None:
                part = hlo.add(part, hlo.slice_axis(bias, 0, start, start + width))
            start += width
            part = heads_first(node, part, heads)
        projected.append(part)
    return projected


def _visible_keys(node: Node, mask: ir.Value, batch: Size, keys: Size) -> ir.Value:
    """bool [batch, 1, 1 or queries, keys] from lengths [batch], or a mask of the keys."""
    dims = hlo.shape(mask)
    if dims == (batch,):
        return shorter_than(mask, keys)
    if dims == (3 * batch + 2,):  # lengths, then where queries and keys would start if they were packed
        return shorter_than(hlo.slice_axis(mask, 0, 0, batch), keys)
    if len(dims) == 2 and dims[1] == keys:
        return hlo.reshape(hlo.not_equal(mask, 0), [dims[0], 1, 1, keys])
    if len(dims) == 3 and dims[2] == keys:
        return hlo.reshape(hlo.not_equal(mask, 0), [dims[0], 1, dims[1], keys])
    raise node.error(f"a key_padding_mask of shape {dims} is not supported")


@lowering("GroupQueryAttention", 1, domain=MICROSOFT)
def group_query_attention(
    node: Node,
    query: ir.Value,
    key: ir.Value | None = None,
    value: ir.Value | None = None,
    past_key: ir.Value | None = None,
    past_value: ir.Value | None = None,
    seqlens_k: ir.Value | None = None,
    total_sequence_length: ir.Value | None = None,
    cos_cache: ir.Value | None = None,
    sin_cache: ir.Value | None = None,
    position_ids: ir.Value | None = None,
    attention_bias: ir.Value | None = None,
    head_sink: ir.Value | None = None,
    k_scale: ir.Value | None = None,
    v_scale: ir.Value | None = None,
    q_norm_weight: ir.Value | None = None,
    k_norm_weight: ir.Value | None = None,
    *,
    causal: int = 1,
    do_rotary: int = 0,
    k_quant_type: str = "NONE",
    kv_cache_bit_width: int = 0,
    kv_num_heads: int,
    local_window_size: int = -1,
    num_heads: int,
    qk_norm_epsilon: float = 1e-6,
    qk_output: int = 0,
    rotary_interleaved: int = 0,
    scale: float = 0.0,
    sliding_window_cache: int = 0,
    smooth_softmax: int = -1,
    softcap: float = 0.0,
    v_quant_type: str = "NONE",
) -> list[ir.Value]:
    """Causal attention that appends to a cache; sample b then holds seqlens_k[b] + 1 keys.

    The cache's size is the larger of the past one's and `total_sequence_length`, so that must be known.
    """
    quantized = (k_quant_type, v_quant_type) != ("NONE", "NONE") or kv_cache_bit_width
    if k_scale is not None or v_scale is not None or quantized or qk_output or sliding_window_cache:
        raise node.error("quantised and sliding caches, and qk_output, are not supported")
    q, k, v = _grouped(node, query, key, value, num_heads, kv_num_heads)
    if q_norm_weight is not None and k_norm_weight is not None:
        q, k = (_head_norm(x, w, qk_norm_epsilon) for x, w in ((q, q_norm_weight), (k, k_norm_weight)))
    elif q_norm_weight is not None or k_norm_weight is not None:
        raise node.error("q_norm_weight and k_norm_weight come together")
    batch, _, length, size = hlo.shape(q)
    wanted = needed(node, total_sequence_length, "total_sequence_length")
    total = node.number(wanted, "total_sequence_length")
    lengths = hlo.convert(hlo.reshape(needed(node, seqlens_k, "seqlens_k"), [batch]), np.int64)
    first = hlo.full([batch], 0, np.int64)
    before = first if total == length else hlo.add(hlo.subtract(lengths, length), 1)
    if do_rotary:
        if cos_cache is None or sin_cache is None:
            raise node.error("do_rotary needs the inputs cos_cache and sin_cache")
        steps = hlo.iota([batch, length], 1, np.int64)
        positions = hlo.add(steps, hlo.reshape(before, [batch, 1])) if position_ids is None else position_ids
        cos, sin = (hlo.take(cache, positions, 0) for cache in (cos_cache, sin_cache))
        width = 2 * hlo.shape(cos_cache)[1]
        q, k = (rotate(node, x, cos, sin, bool(rotary_interleaved), width) for x in (q, k))
    k, v = (_appended(node, past, new, before, total) for past, new in ((past_key, k), (past_value, v)))
    keys = hlo.shape(k)[2]
    window = local_window_size - 1 if local_window_size > 0 else None
    band = Band(window, 0 if causal else None, before)
    valid = shorter_than(hlo.add(lengths, 1), keys) if total != length or not causal else None
    keep = all_of(valid, band.keep_mask(length, keys) if causal else None)
    factor = scale or default_scale(size)
    sink = hlo.full([num_heads], 0, np.float32) if head_sink is None and smooth_softmax > 0 else head_sink
    if sink is None:
        y = attend(node, q, k, v, merge_masks(keep, attention_bias), factor, False, softcap)
    else:
        scores = soft_cap(scaled_scores(q, k, factor), softcap)
        if attention_bias is not None:
            scores = hlo.add(scores, hlo.convert(attention_bias, hlo.dtype(scores)))
        if keep is not None:
            scores = hlo.select(hlo.broadcast_to(keep, hlo.shape(scores)), scores, -math.inf)
        y = mix_values(hlo.convert(_softmax_beside(scores, sink), hlo.dtype(q)), v)
    return [heads_last(y), k, v][: max(node.output_count, 1)]


def _softmax_beside(scores: ir.Value, sink: ir.Value) -> ir.Value:
    """Softmax of [batch, heads, queries, keys] in which a score of each head's own, [heads], takes its share."""
    batch, heads, length, keys = hlo.shape(scores)
    column = hlo.broadcast_in_dim(hlo.convert(sink, hlo.dtype(scores)), [batch, heads, length, 1], [1])
    return hlo.slice_axis(masked_softmax(hlo.concatenate([scores, column], 3), False), 3, 0, keys)


def _head_norm(x: ir.Value, weight: ir.Value, epsilon: float) -> ir.Value:
    return composites.build("rms_norm", [x, weight], axes=(3,), epsilon=epsilon)[0]


def _grouped(
    node: Node, query: ir.Value, key: ir.Value | None, value: ir.Value | None, heads: int, kv_heads: int
) -> list[ir.Value]:
    """q, k and v as [batch, heads, length, size]; without key and value they are packed in the query."""
    if key is None or value is None:
        size = hlo.shape(query)[2] // (heads + 2 * kv_heads)
        query, key, value = hlo.split(query, 2, [heads * size, kv_heads * size, kv_heads * size])
    return [heads_first(node, x, n) for x, n in ((query, heads), (key, kv_heads), (value, kv_heads))]


def _appended(node: Node, past: ir.Value | None, new: ir.Value, before: ir.Value, total: int) -> ir.Value:
    """The cache of at least `total` places with the new keys written behind `before[b]` old ones."""
    if past is None or hlo.shape(past)[2] == 0:
        return hlo.pad(new, 0, [0] * 4, [0, 0, max(total - hlo.shape(new)[2], 0), 0])
    room = max(total - hlo.shape(past)[2], 0)
    return tensor_scatter(node, hlo.pad(past, 0, [0] * 4, [0, 0, room, 0]), new, before, axis=2)


@lowering("RotaryEmbedding", 1, domain=MICROSOFT)
def rotary_embedding(
    node: Node,
    x: ir.Value,
    position_ids: ir.Value,
    cos_cache: ir.Value,
    sin_cache: ir.Value,
    *,
    interleaved: int = 0,
    is_packed_batching: int = 0,
    num_heads: int = 0,
    rotary_embedding_dim: int = 0,
    scale: float = 1.0,
) -> ir.Value:
    """x is [batch, length, width] or heads first; positions are [batch, length] or one start for all."""
    if is_packed_batching or scale != 1:
        raise node.error("packed batches and a scale are not supported")
    packed = hlo.rank(x) == 3
    width = rotary_embedding_dim or 2 * hlo.shape(cos_cache)[1]
    if packed:
        heads = num_heads if rotary_embedding_dim else hlo.shape(x)[2] // width
        x = heads_first(node, x, heads)
    batch, _, length, _ = hlo.shape(x)
    if hlo.size(position_ids) == 1:
        steps = hlo.iota([batch, length], 1, hlo.dtype(position_ids))
        position_ids = hlo.add(steps, hlo.reshape(position_ids, [1, 1]))
    cos, sin = (hlo.take(cache, position_ids, 0) for cache in (cos_cache, sin_cache))
    turned = rotate(node, x, cos, sin, bool(interleaved), width)
    return heads_last(turned) if packed else turned
