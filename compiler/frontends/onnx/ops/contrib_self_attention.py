"""com.microsoft Attention: projections, heads and cache of BERT- and GPT-like models in one operator."""

from __future__ import annotations

from collections.abc import Sequence

from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.dims import Size
from oxide.frontends.onnx.ops.attention import attend, default_scale, heads_first, heads_last
from oxide.frontends.onnx.ops.attention_masks import Band, all_of, merge_masks, shorter_than
from oxide.frontends.onnx.ops.contrib import MICROSOFT
from oxide.frontends.onnx.registry import Node, lowering


@lowering("Attention", 1, domain=MICROSOFT)
def attention(
    node: Node,
    x: ir.Value,
    weights: ir.Value,
    bias: ir.Value | None = None,
    mask_index: ir.Value | None = None,
    past: ir.Value | None = None,
    attention_bias: ir.Value | None = None,
    past_sequence_length: ir.Value | None = None,
    *,
    do_rotary: int = 0,
    mask_filter_value: float = -10000.0,
    num_heads: int,
    past_present_share_buffer: int = 0,
    qkv_hidden_sizes: list[int] | None = None,
    rotary_embedding_dim: int = 0,
    scale: float = 0.0,
    unidirectional: int = 0,
) -> list[ir.Value]:
    """Self-attention of x [batch, length, width], projected by weights [width, q + k + v].

    `past` and the second result are keys and values, [2, batch, heads, length, size].
    """
    if past_present_share_buffer or past_sequence_length is not None or do_rotary or rotary_embedding_dim:
        raise node.error("a cache that past and present share, and rotary embeddings, are not supported")
    node.check_rank(x, "input", 3)
    node.check_rank(weights, "weights", 2)
    projected = hlo.matmul(x, weights)
    if bias is not None:
        projected = hlo.add(projected, bias)
    return self_attention(
        node,
        projected,
        mask_index,
        past,
        attention_bias,
        heads=num_heads,
        sizes=qkv_hidden_sizes,
        mask_filter_value=mask_filter_value,
        scale=scale,
        causal=bool(unidirectional),
    )


def self_attention(
    node: Node,
    projected: ir.Value,
    mask_index: ir.Value | None,
    past: ir.Value | None,
    attention_bias: ir.Value | None,
    *,
    heads: int,
    sizes: Sequence[Size] | None,
    mask_filter_value: float,
    scale: float,
    causal: bool,
) -> list[ir.Value]:
    """Attention of queries, keys and values that lie side by side in [batch, length, q + k + v]."""
    width = hlo.shape(projected)[2]
    parts = [width // 3] * 3 if sizes is None else sizes
    if len(parts) != 3 or sum(parts) != width:
        raise node.error(f"a projection to {width} does not divide into q, k and v of {list(parts)}")
    q, k, v = (heads_first(node, part, heads) for part in hlo.split(projected, 2, parts))
    offset = 0
    if past is not None:
        node.check_rank(past, "past", 5)
        offset = hlo.shape(past)[3]
        old_k, old_v = (hlo.squeeze(part, [0]) for part in hlo.split(past, 0, [1, 1]))
        k, v = hlo.concatenate([old_k, k], 2), hlo.concatenate([old_v, v], 2)
    length, keys = hlo.shape(q)[2], hlo.shape(k)[2]
    band = Band(None, 0 if causal else None, offset)
    mask = attention_bias
    if mask_index is not None:
        # A hidden key is only far away: where all are hidden, the scores still decide.
        visible = _visible(node, mask_index, hlo.shape(q)[0], length, keys)
        filtered = hlo.select(visible, hlo.full(hlo.shape(visible), 0, hlo.dtype(q)), mask_filter_value)
        mask = filtered if mask is None else hlo.add(mask, filtered)
    factor = scale or default_scale(hlo.shape(q)[3])
    is_plain = band.is_causal() and mask is None
    keep = None if is_plain else band.keep_mask(length, keys)
    y = attend(node, q, k, v, merge_masks(keep, mask), factor, is_plain)
    if not node.wants(1):
        return [heads_last(y)]
    return [heads_last(y), hlo.stack([k, v], 0)]


def _visible(node: Node, mask: ir.Value, batch: Size, length: Size, keys: Size) -> ir.Value:
    """bool, to be broadcast to [batch, heads, length, keys], from any of the layouts that mask_index may have."""
    dims = hlo.shape(mask)
    if dims == (batch,):
        return shorter_than(mask, keys)
    if dims == (2 * batch,):  # the ends, then the starts
        ends, starts = hlo.split(mask, 0, [batch, batch])
        both = all_of(shorter_than(ends, keys), hlo.not_(shorter_than(starts, keys)))
        assert both is not None
        return both
    shown = hlo.greater(mask, 0)
    if dims == (batch, keys):
        return hlo.reshape(shown, [batch, 1, 1, keys])
    if dims == (batch, length, keys):
        return hlo.expand_dims(shown, [1])
    if len(dims) == 4 and dims[0] == batch and dims[1] == 1 and dims[2] == dims[3] and dims[3] >= keys:
        # A square over all positions the model knows; the queries are the last ones of the keys.
        rows = hlo.slice_axis(shown, 2, keys - length, keys)
        return hlo.slice_axis(rows, 3, 0, keys)
    raise node.error(f"a mask_index of shape {dims} is not supported for {batch} x {length} queries, {keys} keys")
