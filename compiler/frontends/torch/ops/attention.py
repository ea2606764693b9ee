"""Scaled dot-product attention."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from jaxlib.mlir import ir

from oxide.dialects import composites, hlo
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

    A row whose bool mask keeps nothing gives zeros.  With `enable_gqa` query heads share key heads in groups.
    """
    if dropout_p:
        raise node.error("attention with dropout draws random numbers, which is not supported; call .eval() first")
    if is_causal and attn_mask is not None:
        raise node.error("attn_mask and is_causal cannot both be given")
    factor = 1 / math.sqrt(hlo.shape(query)[-1]) if scale is None else scale
    heads = hlo.shape(key)[-3] if hlo.rank(key) > 3 else None
    if not enable_gqa and heads is not None and heads != hlo.shape(query)[-3]:
        raise node.error("query and key have different head counts, which needs enable_gqa=True")
    lead = hlo.broadcast_shapes(hlo.shape(query)[:-3], hlo.shape(key)[:-3], hlo.shape(value)[:-3])
    q, k, v = (_four_dimensional(x, lead) for x in (query, key, value))
    mask = attn_mask if attn_mask is None else _mask(attn_mask, query, key, lead)
    result = composites.build("attention", [q, k, v, mask], scale=float(factor), causal=is_causal)[0]
    target = [*hlo.shape(query)[:-1], hlo.shape(value)[-1]]
    if hlo.rank(query) > 3:
        target = [*lead, *target[len(hlo.shape(query)) - 3 :]]
    return hlo.reshape(result, target)


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
