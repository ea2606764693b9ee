"""Attention and FlexAttention.

A node that is softmax(scale q k^T + mask) v becomes the composite oxide.attention, whatever its layout, cache and
masks; one with a score output or a softmax in another precision is written out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import composites, dtypes, hlo
from oxide.dialects.diagnostics import OxideError
from oxide.dialects.dims import Size, is_at_least, require_at_least, require_equal
from oxide.frontends.onnx.graph import Graph
from oxide.frontends.onnx.initializers import element_dtype
from oxide.frontends.onnx.ops.attention_masks import Band, all_of, merge_masks, shorter_than
from oxide.frontends.onnx.registry import Node, lowering

# Values of the attribute qk_matmul_output_mode.
SCORES, CAPPED, BIASED, PROBABILITIES = range(4)


# ----------------------------------------------------------------------------------------------- layouts


def default_scale(size: Size) -> float:
    """1 / sqrt(size of a head).  Raises OxideError for heads without elements."""
    try:
        return 1 / math.sqrt(size)
    except ZeroDivisionError:
        raise OxideError("the heads have no elements, so their scale is not defined") from None


def heads_first(node: Node, x: ir.Value, heads: Size | None) -> ir.Value:
    """[batch, length, heads * size] as [batch, heads, length, size]."""
    if hlo.rank(x) != 3:
        raise node.error(f"an input of shape {hlo.shape(x)} must have rank 3 [batch, length, heads * size]")
    batch, length, width = hlo.shape(x)
    message = f"a width of {width} does not divide into {heads or 'an unknown number of'} heads"
    if heads is None or heads < 1:
        raise node.error(message)
    require_equal(width % heads, 0, message)
    return hlo.transpose(hlo.reshape(x, [batch, length, heads, width // heads]), [0, 2, 1, 3])


def heads_last(x: ir.Value) -> ir.Value:
    """[batch, heads, length, size] as [batch, length, heads * size]."""
    batch, heads, length, size = hlo.shape(x)
    return hlo.reshape(hlo.transpose(x, [0, 2, 1, 3]), [batch, length, heads * size])


# ----------------------------------------------------------------------------------------------- building


def attend(
    node: Node,
    q: ir.Value,
    k: ir.Value,
    v: ir.Value,
    mask: ir.Value | None,
    scale: float,
    causal: bool,
    cap: float = 0.0,
) -> ir.Value:
    """oxide.attention; a query row that an additive mask leaves no key gives zeros, not NaN."""
    attributes = {"soft_cap": cap} if cap > 0 else {}
    (y,) = composites.build("attention", [q, k, v, mask], scale=float(scale), causal=causal, **attributes)
    if mask is None or hlo.dtype(mask) == np.bool_:
        return y
    known = node.static_or_none(mask)
    if known is not None and not np.isneginf(known.astype(np.float64)).all(axis=-1).any():
        return y
    seen = hlo.greater(hlo.reduce_max(mask, [hlo.rank(mask) - 1], keepdims=True), -math.inf)
    return hlo.select(seen, y, 0)


def scaled_scores(q: ir.Value, k: ir.Value, scale: float) -> ir.Value:
    """scale q k^T [batch, heads, queries, keys], at least in float32; heads share keys in consecutive groups."""
    batch, heads, length, size = hlo.shape(q)
    key_heads, keys = hlo.shape(k)[1:3]
    message = f"{heads} query heads are no multiple of {key_heads} key heads"
    require_at_least(key_heads, 1, message)
    require_equal(heads % key_heads, 0, message)
    grouped = hlo.reshape(q, [batch, key_heads, heads // key_heads * length, size])
    wide = np.promote_types(hlo.dtype(q), np.float32)
    scores = hlo.dot_general(grouped, k, contract=([3], [3]), batch=([0, 1], [0, 1]), result_dtype=wide)
    return hlo.multiply(hlo.reshape(scores, [batch, heads, length, keys]), scale)


def mix_values(weights: ir.Value, v: ir.Value) -> ir.Value:
    """weights v [batch, heads, queries, size]."""
    batch, heads, length, keys = hlo.shape(weights)
    key_heads, size = hlo.shape(v)[1], hlo.shape(v)[3]
    grouped = hlo.reshape(weights, [batch, key_heads, heads // key_heads * length, keys])
    mixed = hlo.dot_general(grouped, v, contract=([3], [2]), batch=([0, 1], [0, 1]))
    return hlo.reshape(mixed, [batch, heads, length, size])


def masked_softmax(x: ir.Value, masked: bool) -> ir.Value:
    """Softmax over the last dimension; with `masked` a row of nothing but -inf gives zeros."""
    if not masked:
        return composites.build("softmax", [x], axis=hlo.rank(x) - 1)[0]
    last = [hlo.rank(x) - 1]
    peak = hlo.reduce_max(x, last, keepdims=True)
    powers = hlo.exp(hlo.subtract(x, hlo.select(hlo.equal(peak, -math.inf), 0.0, peak)))
    total = hlo.reduce_sum(powers, last, keepdims=True)
    return hlo.divide(powers, hlo.select(hlo.equal(total, 0), 1.0, total))


def soft_cap(x: ir.Value, cap: float) -> ir.Value:
    """cap tanh(x / cap); no change for a cap of 0."""
    return hlo.multiply(hlo.tanh(hlo.divide(x, cap)), cap) if cap > 0 else x


def softmax_dtype(node: Node, softmax_precision: int | None, natural: np.dtype) -> np.dtype:
    if not softmax_precision:
        return natural
    dtype = element_dtype(softmax_precision, "softmax_precision")
    if not dtypes.is_float(dtype) or dtype.itemsize < 2:
        raise node.error(f"softmax_precision {softmax_precision} ({dtype}) is not a supported floating point type")
    return dtype


# ------------------------------------------------------------------------------------------------ Attention


@dataclass(frozen=True)
class _Options:
    is_causal: int
    kv_num_heads: int | None
    q_num_heads: int | None
    qk_matmul_output_mode: int
    scale: float | None
    softcap: float
    softmax_precision: int | None
    left_window_size: int = -1
    right_window_size: int = -1


@lowering("Attention", 23)
def attention_23(
    node: Node,
    q: ir.Value,
    k: ir.Value,
    v: ir.Value,
    attn_mask: ir.Value | None = None,
    past_key: ir.Value | None = None,
    past_value: ir.Value | None = None,
    *,
    is_causal: int = 0,
    kv_num_heads: int | None = None,
    q_num_heads: int | None = None,
    qk_matmul_output_mode: int = 0,
    scale: float | None = None,
    softcap: float = 0.0,
    softmax_precision: int | None = None,
) -> list[ir.Value | None]:
    options = _Options(
        is_causal, kv_num_heads, q_num_heads, qk_matmul_output_mode, scale, softcap, softmax_precision
    )
    return _attention(node, [q, k, v], attn_mask, (past_key, past_value), None, options)


@lowering("Attention", 24)
def attention_24(
    node: Node,
    q: ir.Value,
    k: ir.Value,
    v: ir.Value,
    attn_mask: ir.Value | None = None,
    past_key: ir.Value | None = None,
    past_value: ir.Value | None = None,
    nonpad_kv_seqlen: ir.Value | None = None,
    *,
    is_causal: int = 0,
    kv_num_heads: int | None = None,
    q_num_heads: int | None = None,
    qk_matmul_output_mode: int = 0,
    scale: float | None = None,
    softcap: float = 0.0,
    softmax_precision: int | None = None,
) -> list[ir.Value | None]:
    options = _Options(
        is_causal, kv_num_heads, q_num_heads, qk_matmul_output_mode, scale, softcap, softmax_precision
    )
    return _attention(node, [q, k, v], attn_mask, (past_key, past_value), nonpad_kv_seqlen, options)


@lowering("Attention", 25)
def attention_25(
    node: Node,
    q: ir.Value,
    k: ir.Value,
    v: ir.Value,
    attn_mask: ir.Value | None = None,
    past_key: ir.Value | None = None,
    past_value: ir.Value | None = None,
    nonpad_kv_seqlen: ir.Value | None = None,
    *,
    is_causal: int = 0,
    kv_num_heads: int | None = None,
    left_window_size: int = -1,
    q_num_heads: int | None = None,
    qk_matmul_output_mode: int = 0,
    right_window_size: int = -1,
    scale: float | None = None,
    softcap: float = 0.0,
    softmax_precision: int | None = None,
) -> list[ir.Value | None]:
    options = _Options(
        is_causal,
        kv_num_heads,
        q_num_heads,
        qk_matmul_output_mode,
        scale,
        softcap,
        softmax_precision,
        left_window_size,
        right_window_size,
    )
    return _attention(node, [q, k, v], attn_mask, (past_key, past_value), nonpad_kv_seqlen, options)


def _attention(
    node: Node,
    qkv: list[ir.Value],
    attn_mask: ir.Value | None,
    past: tuple[ir.Value | None, ir.Value | None],
    nonpad_kv_seqlen: ir.Value | None,
    options: _Options,
) -> list[ir.Value | None]:
    packed = hlo.rank(qkv[0]) == 3
    if packed:
        counts = (options.q_num_heads, options.kv_num_heads, options.kv_num_heads)
        qkv = [heads_first(node, x, count) for x, count in zip(qkv, counts, strict=True)]
    q, k, v = qkv
    if hlo.rank(q) != 4 or hlo.rank(k) != 4 or hlo.rank(v) != 4:
        raise node.error("Q, K and V must all have rank 3 or all rank 4")
    past_key, past_value = past
    if (past_key is None) != (past_value is None):
        raise node.error("past_key and past_value must be given together")
    if past_key is not None and nonpad_kv_seqlen is not None:
        raise node.error("nonpad_kv_seqlen cannot be combined with past_key")
    if past_key is not None and past_value is not None:
        k, v = hlo.concatenate([past_key, k], 2), hlo.concatenate([past_value, v], 2)

    band = _band(node, hlo.shape(q)[2], past_key, nonpad_kv_seqlen, options)
    keep, bias = _given_mask(node, attn_mask, q, hlo.shape(k)[2])
    if nonpad_kv_seqlen is not None:
        keep = all_of(keep, shorter_than(nonpad_kv_seqlen, hlo.shape(k)[2]))
    scale = default_scale(hlo.shape(q)[3]) if options.scale is None else options.scale
    scores = None
    if _is_plain(node, hlo.dtype(q), options):
        causal = band.is_causal()
        limits = None if causal else band.keep_mask(hlo.shape(q)[2], hlo.shape(k)[2])
        mask = merge_masks(all_of(keep, limits), bias)
        y = attend(node, q, k, hlo.convert(v, hlo.dtype(q)), mask, scale, causal, options.softcap)
    else:
        keep = all_of(keep, band.keep_mask(hlo.shape(q)[2], hlo.shape(k)[2]))
        y, scores = _written_out(node, q, k, v, keep, bias, scale, options)
    return [heads_last(y) if packed else y, k, v, scores][: node.output_count]


def _is_plain(node: Node, dtype: np.dtype, options: _Options) -> bool:
    """Whether oxide.attention says it all: its softmax is at least in float32, which also serves float16."""
    natural = np.promote_types(dtype, np.float32)
    precise = softmax_dtype(node, options.softmax_precision, natural).itemsize <= natural.itemsize
    return not node.wants(3) and precise


def _band(node: Node, queries: Size, past_key: ir.Value | None, nonpad: ir.Value | None, options: _Options) -> Band:
    left, right = options.left_window_size, options.right_window_size
    if left < -1 or right < -1:
        raise node.error(f"window sizes must be -1 or more, not {left} and {right}")
    offset: Size | ir.Value = 0
    if past_key is not None:
        offset = hlo.shape(past_key)[2]
    elif nonpad is not None:
        offset = hlo.subtract(nonpad, queries)
    right_bound = None if right < 0 else right
    return Band(None if left < 0 else left, 0 if options.is_causal else right_bound, offset)


def _given_mask(
    node: Node, mask: ir.Value | None, q: ir.Value, keys: Size
) -> tuple[ir.Value | None, ir.Value | None]:
    """attn_mask as a bool or as an additive mask; one for fewer keys leaves out the others (since opset 24)."""
    if mask is None:
        return None, None
    node.check_rank(mask, "attn_mask", least=1)
    is_bool = hlo.dtype(mask) == np.bool_
    if not is_bool:
        mask = hlo.convert(mask, hlo.dtype(q))
    missing = keys - hlo.shape(mask)[-1]
    if is_at_least(missing, 1) and not (node.version == 23 and hlo.shape(mask)[-1] == 1):
        ends = [0] * (hlo.rank(mask) - 1) + [missing]
        mask = hlo.pad(mask, False if is_bool else -math.inf, [0] * hlo.rank(mask), ends)
    return (mask, None) if is_bool else (None, mask)


def _written_out(
    node: Node,
    q: ir.Value,
    k: ir.Value,
    v: ir.Value,
    keep: ir.Value | None,
    bias: ir.Value | None,
    scale: float,
    options: _Options,
) -> tuple[ir.Value, ir.Value]:
    """The result, and what the output qk_matmul_output shows of the way to it."""
    mode = options.qk_matmul_output_mode
    if mode not in (SCORES, CAPPED, BIASED, PROBABILITIES):
        raise node.error(f"qk_matmul_output_mode is {mode}, expected 0, 1, 2 or 3")
    stages = [scaled_scores(q, k, scale)]
    stages.append(soft_cap(stages[SCORES], options.softcap))
    biased = stages[CAPPED]
    if bias is not None:
        biased = hlo.add(biased, hlo.convert(bias, hlo.dtype(biased)))
    if keep is not None:
        biased = hlo.select(hlo.broadcast_to(keep, hlo.shape(biased)), biased, -math.inf)
    stages.append(biased)
    precision = softmax_dtype(node, options.softmax_precision, hlo.dtype(biased))
    stages.append(masked_softmax(hlo.convert(biased, precision), keep is not None or bias is not None))
    target = hlo.dtype(q)
    y = mix_values(hlo.convert(stages[PROBABILITIES], target), hlo.convert(v, target))
    return y, hlo.convert(stages[mode], target)


# -------------------------------------------------------------------------------------------- FlexAttention


@lowering("FlexAttention", 1, domain="ai.onnx.preview")
def flex_attention(
    node: Node,
    q: ir.Value,
    k: ir.Value,
    v: ir.Value,
    *,
    prob_mod: Graph | None = None,
    scale: float | None = None,
    score_mod: Graph | None = None,
    softmax_precision: int | None = None,
) -> ir.Value:
    """Attention whose scores and probabilities pass through subgraphs, in the precision of the softmax."""
    if not hlo.rank(q) == hlo.rank(k) == hlo.rank(v) == 4:
        raise node.error("Q, K and V must have rank 4")
    factor = default_scale(hlo.shape(q)[3]) if scale is None else scale
    natural = np.promote_types(hlo.dtype(q), np.float32)
    precision = softmax_dtype(node, softmax_precision, natural)
    if score_mod is None and prob_mod is None and precision == hlo.dtype(q) == natural:
        return attend(node, q, k, v, None, factor, False)
    scores = _modified(node, score_mod, hlo.convert(scaled_scores(q, k, factor), precision))
    weights = _modified(node, prob_mod, masked_softmax(scores, False))
    return hlo.convert(mix_values(weights, hlo.convert(v, precision)), hlo.dtype(q))


def _modified(node: Node, graph: Graph | None, x: ir.Value) -> ir.Value:
    if graph is None:
        return x
    outputs = node.lower_graph(graph, [x])
    if len(outputs) != 1 or not isinstance(outputs[0], ir.Value) or outputs[0].type != x.type:
        raise node.error(f"the modifier {graph.name} must return one tensor of type {x.type}")
    return outputs[0]
