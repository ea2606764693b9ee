"""Operators that PyTorch's kernels do in one go, by what they are made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F

from oxide.frontends.torch.registry import definition

Tensor = torch.Tensor


@definition("aten._add_relu.Tensor", "aten._add_relu.Scalar")
def add_relu(self: Tensor, other: Any, alpha: Any = 1) -> Tensor:
    return torch.relu(torch.add(self, other, alpha=alpha))


@definition("aten._is_all_true.default")
def is_all_true(self: Tensor) -> Tensor:
    return self.all()


@definition("aten._is_any_true.default")
def is_any_true(self: Tensor) -> Tensor:
    return self.any()


@definition("aten._aminmax.default")
def aminmax(self: Tensor) -> tuple[Tensor, Tensor]:
    return torch.aminmax(self)


@definition("aten._aminmax.dim")
def aminmax_of(self: Tensor, dim: int, keepdim: bool = False) -> tuple[Tensor, Tensor]:
    return torch.aminmax(self, dim=dim, keepdim=keepdim)


@definition("aten._masked_scale.default")
def masked_scale(self: Tensor, mask: Tensor, scale: float) -> Tensor:
    return self * mask.to(self.dtype) * scale


@definition("aten.conv_tbc.default")
def conv_tbc(self: Tensor, weight: Tensor, bias: Tensor, pad: int = 0) -> Tensor:
    """A convolution over time of [time, batch, channels], with weights [kernel, channels, results]."""
    return F.conv1d(self.permute(1, 2, 0), weight.permute(2, 1, 0), bias, padding=pad).permute(2, 0, 1)


@definition("aten.linalg__powsum.default")
def powsum(
    self: Tensor,
    ord: float = 2,
    dim: Sequence[int] | None = None,
    keepdim: bool = False,
    *,
    dtype: torch.dtype | None = None,
) -> Tensor:
    """The p-norm without its root."""
    axes = list(range(self.dim())) if dim is None else list(dim)
    return (self.to(dtype or self.dtype).abs() ** ord).sum(axes, keepdim=keepdim)


@definition("aten.embedding_renorm.default")
def embedding_renorm(self: Tensor, indices: Tensor, max_norm: float, norm_type: float) -> Tensor:
    """The rows that `indices` names, scaled down to `max_norm` where their norm is larger."""
    norms = torch.linalg.vector_norm(self, norm_type, dim=1, keepdim=True)
    named = torch.zeros(len(self), dtype=torch.bool, device=self.device)
    named = named.index_fill(0, indices.reshape(-1), True).unsqueeze(1)
    return torch.where(named & (norms > max_norm), self * (max_norm / (norms + 1e-7)), self)


@definition("aten.mm.dtype")
def mm(self: Tensor, mat2: Tensor, out_dtype: torch.dtype) -> Tensor:
    return torch.mm(self.to(out_dtype), mat2.to(out_dtype))


@definition("aten.bmm.dtype")
def bmm(self: Tensor, mat2: Tensor, out_dtype: torch.dtype) -> Tensor:
    return torch.bmm(self.to(out_dtype), mat2.to(out_dtype))


@definition("aten._cholesky_solve_helper.default")
def cholesky_solve(self: Tensor, A: Tensor, upper: bool) -> Tensor:
    return torch.cholesky_solve(self, A, upper)


@definition("aten._thnn_fused_lstm_cell.default")
def lstm_cell(
    input_gates: Tensor,
    hidden_gates: Tensor,
    cx: Tensor,
    input_bias: Tensor | None = None,
    hidden_bias: Tensor | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """h, c and the gates, which the gradient reads."""
    gates = input_gates + hidden_gates
    for bias in (input_bias, hidden_bias):
        gates = gates if bias is None else gates + bias
    i, f, g, o = gates.chunk(4, 1)
    i, f, g, o = i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()
    c = f * cx + i * g
    return o * c.tanh(), c, torch.cat([i, f, g, o], 1)


# ---------------------------------------------------------------------------------------------- attention

# What `mask_type` says of a mask.
_OF_POSITIONS, _OF_KEYS = 0, 1


@definition("aten._masked_softmax.default")
def masked_softmax(self: Tensor, mask: Tensor, dim: int | None = None, mask_type: int | None = None) -> Tensor:
    """Over scores [batch, heads, length, span] (or of the mask's own shape) with zeros where the mask is true."""
    if mask_type == _OF_KEYS:
        mask = mask[:, None, None, :]
    axis = -1 if dim is None else dim
    return torch.where(mask, 0, torch.softmax(torch.where(mask, -torch.inf, self), axis))


@definition("aten._transform_bias_rescale_qkv.default")
def transform_bias_rescale_qkv(qkv: Tensor, qkv_bias: Tensor, num_heads: int) -> tuple[Tensor, Tensor, Tensor]:
    """[batch, length, 3 * width] and its bias as q, k and v [batch, heads, length, size]; q over sqrt(size)."""
    q, k, v = (_by_head(x, num_heads) for x in (qkv + qkv_bias).chunk(3, -1))
    return q * q.shape[-1] ** -0.5, k, v


def _by_head(x: Tensor, heads: int) -> Tensor:
    return x.unflatten(-1, (heads, -1)).transpose(1, 2)


@definition("aten._native_multi_head_attention.default")
def native_multi_head_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    embed_dim: int,
    num_head: int,
    qkv_weight: Tensor,
    qkv_bias: Tensor,
    proj_weight: Tensor,
    proj_bias: Tensor,
    mask: Tensor | None = None,
    need_weights: bool = True,
    average_attn_weights: bool = True,
    mask_type: int | None = None,
) -> tuple[Tensor, Tensor | None]:
    """Multi-head attention and its weights, the mean over heads or each; what the mask is true for is dropped."""
    rows = zip((query, key, value), qkv_weight.chunk(3), qkv_bias.chunk(3), strict=True)
    q, k, v = (_by_head(F.linear(x, weight, bias), num_head) for x, weight, bias in rows)
    scores = (q * q.shape[-1] ** -0.5) @ k.mT
    weights = torch.softmax(scores, -1) if mask is None else masked_softmax(scores, mask, -1, mask_type)
    attended = (weights @ v).transpose(1, 2).flatten(2)
    shown = (weights.mean(1) if average_attn_weights else weights) if need_weights else None
    return F.linear(attended, proj_weight, proj_bias), shown


@definition("aten._transformer_encoder_layer_fwd.default")
def transformer_encoder_layer(
    src: Tensor,
    embed_dim: int,
    num_heads: int,
    qkv_weight: Tensor,
    qkv_bias: Tensor,
    proj_weight: Tensor,
    proj_bias: Tensor,
    use_gelu: bool,
    norm_first: bool,
    eps: float,
    norm_weight_1: Tensor,
    norm_bias_1: Tensor,
    norm_weight_2: Tensor,
    norm_bias_2: Tensor,
    ffn_weight_1: Tensor,
    ffn_bias_1: Tensor,
    ffn_weight_2: Tensor,
    ffn_bias_2: Tensor,
    mask: Tensor | None = None,
    mask_type: int | None = None,
) -> Tensor:
    """torch.nn.TransformerEncoderLayer without dropout."""

    def first_norm(x: Tensor) -> Tensor:
        return F.layer_norm(x, [embed_dim], norm_weight_1, norm_bias_1, eps)

    def second_norm(x: Tensor) -> Tensor:
        return F.layer_norm(x, [embed_dim], norm_weight_2, norm_bias_2, eps)

    def attention(x: Tensor) -> Tensor:
        weights = (qkv_weight, qkv_bias, proj_weight, proj_bias)
        return native_multi_head_attention(
            *(x, x, x, embed_dim, num_heads), *weights, mask, need_weights=False, mask_type=mask_type
        )[0]

    def feed_forward(x: Tensor) -> Tensor:
        inner = F.linear(x, ffn_weight_1, ffn_bias_1)
        return F.linear(F.gelu(inner) if use_gelu else F.relu(inner), ffn_weight_2, ffn_bias_2)

    if norm_first:
        x = src + attention(first_norm(src))
        return x + feed_forward(second_norm(x))
    x = first_norm(src + attention(src))
    return second_norm(x + feed_forward(x))
