"""Attention as people write it in PyTorch and in JAX, and what oxide.attention says of each."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import torch
import torch.nn.functional as F

BATCH, HEADS, LENGTH, SPAN, SIZE = 2, 4, 5, 7, 8
LOWEST = torch.finfo(torch.float32).min


@dataclass(frozen=True)
class Form:
    """A function of tensors of these shapes; `kinds` has the dtype of those that are not float32.

    `mask` is the dtype of the composite's mask, `key_heads` how many heads its keys have.
    """

    function: Callable
    shapes: tuple[tuple[int, ...], ...]
    mask: str | None = None
    causal: bool = False
    key_heads: int = HEADS
    soft_cap: float = 0.0
    kinds: tuple[str, ...] = ()

    def types(self) -> list[tuple[tuple[int, ...], str]]:
        kinds = [*self.kinds, *["float32"] * (len(self.shapes) - len(self.kinds))]
        return list(zip(self.shapes, kinds, strict=True))


Q, K = (BATCH, HEADS, LENGTH, SIZE), (BATCH, HEADS, SPAN, SIZE)
SHARED = (BATCH, 2, SPAN, SIZE)
MASK, PADDING = (BATCH, 1, LENGTH, SPAN), (BATCH, LENGTH)
BOOL = ("float32", "float32", "float32", "bool")
SELF, CROSS = (Q, Q, Q), (Q, K, K)
# The same with heads before sizes, as JAX's libraries have it.
QL, KL, SHARED_L = (BATCH, LENGTH, HEADS, SIZE), (BATCH, SPAN, HEADS, SIZE), (BATCH, SPAN, 2, SIZE)

# --------------------------------------------------------------------------------------------------- PyTorch


def scores(q: torch.Tensor, k: torch.Tensor) -> torch.Tensor:
    return q @ k.transpose(-1, -2) / math.sqrt(SIZE)


def attend(change: Callable = lambda s, *_: s) -> Callable:
    """softmax(change(scores, further inputs)) v."""
    return lambda q, k, v, *masks: torch.softmax(change(scores(q, k), *masks), -1) @ v


def triangle(s: torch.Tensor) -> torch.Tensor:
    return torch.tril(torch.ones(s.shape[-2:], dtype=torch.bool))


def positions(s: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.arange(s.shape[-2])[:, None], torch.arange(s.shape[-1])[None]


def near(s: torch.Tensor) -> torch.Tensor:
    rows, columns = positions(s)
    return (columns <= rows) & (rows - columns < 3)


def alibi(s: torch.Tensor) -> torch.Tensor:
    rows, columns = positions(s)
    return s + 2.0 ** -torch.arange(1, HEADS + 1).float()[:, None, None] * (columns - rows)


def alibi_causal(s: torch.Tensor) -> torch.Tensor:
    return torch.where(triangle(s), alibi(s), LOWEST)


def extended(padding: torch.Tensor, least: float) -> torch.Tensor:
    """A mask of kept positions as older models add it."""
    return (1.0 - padding[:, None, None, :].float()) * least


def causal_and_padding(s: torch.Tensor, padding: torch.Tensor) -> torch.Tensor:
    return s.masked_fill(~(triangle(s) & padding[:, None, None]), -math.inf)


def later_rows(s: torch.Tensor) -> torch.Tensor:
    """Queries that stand at the end of the keys, as after a cache."""
    length, span = s.shape[-2:]
    buffer = torch.tril(torch.ones(16, 16, dtype=torch.bool))
    return torch.where(buffer[span - length : span, :span], s, LOWEST)


def repeated(x: torch.Tensor) -> torch.Tensor:
    batch, heads, span, size = x.shape
    return x[:, :, None].expand(batch, heads, 2, span, size).reshape(batch, 2 * heads, span, size)


def five_dimensional(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    q = q.reshape(BATCH, 2, 2, LENGTH, SIZE)
    weights = torch.softmax(torch.einsum("bkgqd,bksd->bkgqs", q, k) * 0.3, -1)
    return torch.einsum("bkgqs,bksd->bkgqd", weights, v).reshape(Q)


def merged(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    q, k, v = (x.reshape(-1, *x.shape[2:]) for x in (q, k, v))
    return torch.bmm(torch.softmax(torch.bmm(q * 0.3, k.transpose(1, 2)), -1), v)


def merged_with_mask(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    q, k, v = (x.reshape(-1, *x.shape[2:]) for x in (q, k, v))
    masked = torch.bmm(q, k.transpose(1, 2)).view(BATCH, HEADS, LENGTH, SPAN) + mask
    return torch.bmm(torch.softmax(masked.view(-1, LENGTH, SPAN), -1), v)


def windows(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, bias: torch.Tensor, mask: torch.Tensor):
    """Swin's: windows are in the batch, and each has its mask."""
    s = (q @ k.transpose(-1, -2) + bias[None]).view(1, BATCH, HEADS, LENGTH, SPAN) + mask[:, None][None]
    return torch.softmax(s.view(BATCH, HEADS, LENGTH, SPAN), -1) @ v


def half_in_float32(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    return F.softmax(scores(q, k), dim=-1, dtype=torch.float32).to(q.dtype) @ v


def half_from_float32(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    return torch.softmax(scores(q.float(), k.float()), -1).to(q.dtype) @ v


BROAD, SHORT = ("bfloat16",) * 3, ("float16",) * 3
TORCH: dict[str, Form] = {
    "plain": Form(attend(), CROSS),
    "scaled query and key": Form(
        lambda q, k, v: torch.softmax((q * 0.5) @ (k * 0.7).transpose(-1, -2), -1) @ v, CROSS
    ),
    "dropout in evaluation": Form(
        lambda q, k, v: F.dropout(torch.softmax(scores(q, k), -1), 0.1, False) @ v, CROSS
    ),
    "merged heads": Form(merged, CROSS),
    "merged heads with a mask": Form(merged_with_mask, (*CROSS, MASK), "float32"),
    "lengths first": Form(
        lambda *x: attend()(*(y.transpose(1, 2) for y in x)).transpose(1, 2).reshape(BATCH, LENGTH, -1),
        (QL, KL, KL),
    ),
    "einsum": Form(
        lambda q, k, v: torch.einsum(
            "bhls,bshd->blhd", torch.softmax(torch.einsum("blhd,bshd->bhls", q, k), -1), v
        ),
        (QL, KL, KL),
    ),
    "repeated heads": Form(lambda q, k, v: attend()(q, repeated(k), repeated(v)), (Q, SHARED, SHARED), key_heads=2),
    "interleaved heads": Form(
        lambda q, k, v: attend()(q, k.repeat_interleave(2, 1), v.repeat_interleave(2, 1)),
        (Q, SHARED, SHARED),
        key_heads=2,
    ),
    "tiled heads": Form(
        lambda q, k, v: attend()(q, k.repeat(1, 2, 1, 1), v.repeat(1, 2, 1, 1)), (Q, SHARED, SHARED), key_heads=2
    ),
    "grouped queries": Form(five_dimensional, (Q, SHARED, SHARED), key_heads=2),
    "one key head": Form(lambda q, k, v: attend()(q, k[:, :1], v[:, :1]), CROSS, key_heads=1),
    "tril": Form(attend(lambda s: torch.where(triangle(s), s, LOWEST)), SELF, causal=True),
    "tril of -inf": Form(attend(lambda s: s.masked_fill(~triangle(s), -math.inf)), SELF, causal=True),
    "added triu": Form(
        attend(lambda s: s + torch.triu(torch.full(s.shape[-2:], -math.inf), 1)), SELF, causal=True
    ),
    "added triu of the lowest": Form(
        attend(lambda s: s + torch.triu(torch.full(s.shape[-2:], LOWEST), 1)), SELF, causal=True
    ),
    "later rows": Form(attend(later_rows), CROSS, "bool"),
    "sliding window": Form(attend(lambda s: s.masked_fill(~near(s), -math.inf)), SELF, "bool"),
    "alibi": Form(attend(alibi), CROSS, "float32"),
    "alibi, causal": Form(attend(alibi_causal), SELF, "float32", causal=True),
    "bool mask": Form(attend(lambda s, m: torch.where(m, s, LOWEST)), (*CROSS, MASK), "bool", kinds=BOOL),
    "bool mask of -inf": Form(
        attend(lambda s, m: s.masked_fill(~m, -math.inf)), (*CROSS, MASK), "bool", kinds=BOOL
    ),
    "float mask": Form(attend(lambda s, m: s + m), (*CROSS, MASK), "float32"),
    "subtracted mask": Form(attend(lambda s, m: s - 1e4 * (1 - m)), (*CROSS, MASK), "float32"),
    "padding": Form(attend(lambda s, p: s + extended(p, LOWEST)), (*SELF, PADDING), "float32", kinds=BOOL),
    "mild padding": Form(attend(lambda s, p: s + extended(p, -10000.0)), (*SELF, PADDING), "float32", kinds=BOOL),
    "causal and padding": Form(attend(causal_and_padding), (*SELF, PADDING), "bool", causal=True, kinds=BOOL),
    "relative positions": Form(
        lambda q, k, v, r: attend(lambda s: s + torch.einsum("bhld,lsd->bhls", q, r))(q, k, v),
        (*CROSS, (LENGTH, SPAN, SIZE)),
        "float32",
    ),
    "windows": Form(windows, (*CROSS, (HEADS, LENGTH, SPAN), (BATCH, LENGTH, SPAN)), "float32"),
    "soft cap": Form(attend(lambda s: torch.tanh(s / 2.0) * 2.0), CROSS, soft_cap=2.0),
    "soft cap and mask": Form(
        attend(lambda s, m: torch.tanh(s / 2.0) * 2.0 + m), (*CROSS, MASK), "float32", soft_cap=2.0
    ),
    "bfloat16": Form(attend(), CROSS, kinds=BROAD),
    "bfloat16 with softmax in float32": Form(half_in_float32, CROSS, kinds=BROAD),
    "bfloat16 with scores in float32": Form(half_from_float32, CROSS, kinds=BROAD),
    "float16 with scores in float32": Form(half_from_float32, CROSS, kinds=SHORT),
    "sdpa": Form(F.scaled_dot_product_attention, CROSS),
    "sdpa, float mask": Form(F.scaled_dot_product_attention, (*CROSS, MASK), "float32"),
    "sdpa, causal": Form(
        lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True), SELF, causal=True
    ),
}  # fmt: skip

# ------------------------------------------------------------------------------------------------------- JAX

dot_product_attention = jax.nn.dot_product_attention


def einsums(change: Callable = lambda s, *_: s) -> Callable:
    """Flax's, with the scale on the query."""

    def function(q: jax.Array, k: jax.Array, v: jax.Array, *masks: jax.Array) -> jax.Array:
        q = q / jnp.sqrt(q.shape[-1]).astype(q.dtype)
        weights = jax.nn.softmax(change(jnp.einsum("...qhd,...khd->...hqk", q, k), *masks)).astype(q.dtype)
        return jnp.einsum("...hqk,...khd->...qhd", weights, v)

    return function


def groups(q: jax.Array, k: jax.Array, v: jax.Array) -> jax.Array:
    """Gemma's, with a soft cap."""
    q = q.reshape(BATCH, LENGTH, 2, 2, SIZE) * SIZE**-0.5
    s = jnp.einsum("btkgh,bskh->btkgs", q, k).reshape(BATCH, LENGTH, HEADS, SPAN)
    weights = jax.nn.softmax(jnp.tanh(s / 2.0) * 2.0, axis=-1).reshape(BATCH, LENGTH, 2, 2, SPAN)
    return jnp.einsum("btkgs,bskh->btkgh", weights, v).reshape(QL)


def single(q: jax.Array, k: jax.Array, v: jax.Array) -> jax.Array:
    return jax.nn.softmax(q @ k.T * 0.3, axis=-1) @ v


def one_token(q: jax.Array, k: jax.Array, v: jax.Array, keys: jax.Array, values: jax.Array, at: jax.Array):
    """A decoding step whose cache has a fixed size."""
    keys, values = (jax.lax.dynamic_update_slice(c, x, (0, 0, at, 0)) for c, x in ((keys, k), (values, v)))
    s = jnp.where(jnp.arange(SPAN) <= at, jnp.einsum("bhld,bhsd->bhls", q, keys), -jnp.inf)
    return jnp.einsum("bhls,bhsd->bhld", jax.nn.softmax(s), values)


def columns_of_weights(q: jax.Array, k: jax.Array, v: jax.Array) -> jax.Array:
    """The softmax is along the second of four dimensions, over which the product sums."""
    weights = jax.nn.softmax(jnp.einsum("blhd,bshd->bslh", q, k), axis=1)
    return jnp.einsum("bslh,bshd->blhd", weights, v)


ONE = (BATCH, HEADS, 1, SIZE)
JAX: dict[str, Form] = {
    "dot_product_attention": Form(dot_product_attention, (QL, KL, KL)),
    "of shared heads": Form(dot_product_attention, (QL, SHARED_L, SHARED_L), key_heads=2),
    "causal": Form(lambda *x: dot_product_attention(*x, is_causal=True), (QL, QL, QL), causal=True),
    "causal, of shared heads, in bfloat16": Form(
        lambda *x: dot_product_attention(*x, is_causal=True),
        (QL, SHARED_L, SHARED_L),
        causal=True,
        key_heads=2,
        kinds=BROAD,
    ),
    "mask": Form(
        lambda q, k, v, m: dot_product_attention(q, k, v, mask=m), (QL, KL, KL, MASK), "bool", kinds=BOOL
    ),
    "bias": Form(
        lambda q, k, v, b: dot_product_attention(q, k, v, b), (QL, KL, KL, (1, HEADS, LENGTH, SPAN)), "float32"
    ),
    "window": Form(
        lambda *x: dot_product_attention(*x, is_causal=True, local_window_size=(2, 0)), (QL, QL, QL), "bool"
    ),
    "lengths of keys": Form(
        lambda q, k, v, n: dot_product_attention(q, k, v, key_value_seq_lengths=n),
        (QL, KL, KL, (BATCH,)),
        "bool",
        kinds=("float32", "float32", "float32", "int32"),
    ),
    "einsum": Form(einsums(), (QL, KL, KL)),
    "einsum without a batch": Form(einsums(), (QL[1:], KL[1:], KL[1:]), key_heads=1),
    "einsum in bfloat16": Form(einsums(), (QL, KL, KL), kinds=BROAD),
    "einsum and mask": Form(
        einsums(lambda s, m: jnp.where(m, s, jnp.finfo(s.dtype).min)), (QL, KL, KL, MASK), "bool", kinds=BOOL
    ),
    "einsum and tril": Form(
        einsums(lambda s: jnp.where(jnp.tril(jnp.ones((LENGTH, LENGTH), bool)), s, -jnp.inf)),
        (QL, QL, QL),
        causal=True,
    ),
    "grouped einsum": Form(groups, (QL, SHARED_L, SHARED_L), key_heads=2, soft_cap=2.0),
    "vmap": Form(jax.vmap(jax.vmap(single)), CROSS),
    "vmap of inner heads": Form(jax.vmap(jax.vmap(single, 1, 1)), (QL, KL, KL)),
    "matrices": Form(single, (Q[2:], K[2:], K[2:]), key_heads=1),
    "softmax of columns": Form(columns_of_weights, (QL, KL, KL)),
    "one token": Form(
        one_token, (ONE, ONE, ONE, K, K, ()), "bool", kinds=("float32",) * 5 + ("int32",)
    ),
}  # fmt: skip
