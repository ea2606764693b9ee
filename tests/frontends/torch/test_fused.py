"""Operators that PyTorch's kernels do in one go, and their gradients, against those kernels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.fx.experimental.proxy_tensor import make_fx
from torch.utils import _pytree as pytree
from torch_oracle import check, compare

from oxide.frontends.torch.lower import Argument, lower_graph_module

aten = torch.ops.aten
Call = Callable[..., Any]


def normal(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(len(shape)))


X, Y = normal(4, 6), normal(5, 6)
LABELS = torch.tensor([[1, 2, -1, 0, 0, 0], [5, -1, 0, 0, 0, 0], [-1, 0, 0, 0, 0, 0], [0, 1, 2, 3, 4, 5]])
WIDTH, HEADS = 8, 2
ATTENTION = (WIDTH, HEADS, normal(24, WIDTH), normal(24), normal(WIDTH, WIDTH), normal(WIDTH))
KEYS = torch.tensor([[False, False, True], [False, True, False]])
TOKENS = normal(2, 3, WIDTH)
FEED = (*(normal(WIDTH) for _ in range(4)), normal(16, WIDTH), normal(16), normal(WIDTH, 16), normal(WIDTH))
BAG = torch.tensor([1, 2, 3, 1, 0, 2]), torch.tensor([0, 2, 5]), torch.tensor([0, 0, 1, 1, 1, 2])

CASES: dict[str, tuple[Call, tuple[Any, ...]]] = {
    "add_relu": (lambda x: aten._add_relu(x, x + 1, alpha=-2), (X,)),
    "all and any": (lambda x: (aten._is_all_true(x > 0), aten._is_any_true(x > 0)), (X,)),
    "conv_tbc": (lambda *a: torch.conv_tbc(*a, pad=1), (normal(5, 2, 3), normal(3, 3, 4), normal(4))),
    "embedding_renorm": (lambda w, i: aten.embedding_renorm(w, i, 2.0, 2.0), (X, torch.tensor([[1, 3], [1, 2]]))),
    "copies of views": (
        lambda x: (aten.select_copy(x, 1, -1), aten.slice_copy(x, 1, 1, 5, 2), *aten.split_copy(x, 3)),
        (X,),
    ),
    "masked_softmax": (lambda x, m: aten._masked_softmax(x, m, -1, 1), (normal(2, 4, 3, 3), KEYS)),
    "masked_softmax_of_positions": (
        lambda x: aten._masked_softmax(x, torch.ones(3, 3).triu(1) > 0, 3, 0),
        (normal(2, 4, 3, 3),),
    ),
    "masked_softmax_backward": (
        lambda g, y, m: aten._masked_softmax_backward(g, y, m, 1),
        (normal(2, 3), normal(2, 3).softmax(1), KEYS),
    ),
    "transform_bias_rescale_qkv": (
        lambda x, b: aten._transform_bias_rescale_qkv(x, b, HEADS),
        (normal(2, 3, 24), normal(24)),
    ),
    "attention": (lambda x: aten._native_multi_head_attention(x, x, x, *ATTENTION), (TOKENS,)),
    "attention_of_each_head": (
        lambda x, m: aten._native_multi_head_attention(
            *(x, x, x), *ATTENTION, m, average_attn_weights=False, mask_type=1
        ),
        (TOKENS, KEYS),
    ),
    "encoder_layer": (
        lambda x: aten._transformer_encoder_layer_fwd(x, *ATTENTION, False, False, 1e-5, *FEED),
        (TOKENS,),
    ),
    "encoder_layer_norm_first": (
        lambda x, m: aten._transformer_encoder_layer_fwd(x, *ATTENTION, True, True, 1e-5, *FEED, m, 1),
        (TOKENS, KEYS),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_equals_eager(name: str) -> None:
    function, arguments = CASES[name]
    check(function, *arguments, rtol=1e-5, atol=1e-5)


G, W = normal(2, 3, 5), normal(5, 8)
# What no kernel of the CPU computes: (function, its tensors, the same by other operators).
WITHOUT_KERNEL: dict[str, tuple[Call, tuple[torch.Tensor, ...], Call]] = {
    "masked_scale": (
        lambda x, m: aten._masked_scale(x, m, 2.5),
        (X, X > 0),
        lambda x, m: 2.5 * torch.where(m, x, 0),
    ),
    "lstm_cell": (
        lambda x, y, c, b: aten._thnn_fused_lstm_cell(x, y, c, b, b)[:2],
        (normal(3, 8), normal(3, 8) + 1, normal(3, 2), normal(8)),
        lambda x, y, c, b: torch.lstm_cell(x + y, [0 * c, c], torch.eye(8), torch.zeros(8, 2), b, b),
    ),
    "linear_backward": (
        lambda x, g, w: aten.linear_backward(x, g, w, [True, True, True]),
        (TOKENS, G, W),
        lambda x, g, w: (g @ w, torch.einsum("abi,abj->ij", g, x), g.sum((0, 1))),
    ),
    "embedding_bag_by_frequency": (  # the CPU's kernel divides by the counts of other rows
        lambda g, i, bag: aten._embedding_bag_dense_backward(g, i, bag, bag, bag, 6, True, 0, None),
        (X, BAG[0], BAG[2]),
        lambda g, i, bag: aten.embedding_dense_backward(g[bag], i, 6, -1, True),
    ),
}


@pytest.mark.parametrize("name", WITHOUT_KERNEL)
def test_equals_other_operators(name: str) -> None:
    function, tensors, other = WITHOUT_KERNEL[name]
    graph = make_fx(function, tracing_mode="fake")(*tensors)
    inputs = [Argument(f"x{index}", "input", tensor) for index, tensor in enumerate(tensors)]
    found = lower_graph_module(graph, inputs).compile()(*(tensor.numpy() for tensor in tensors))
    for result, wanted in zip(pytree.tree_leaves(found), pytree.tree_leaves(other(*tensors)), strict=True):
        compare(np.asarray(result), wanted, 1e-5, 1e-5)


@pytest.mark.filterwarnings("ignore:enable_nested_tensor")
@pytest.mark.parametrize("norm_first", [False, True])
def test_a_transformer_encoder_without_gradients(norm_first: bool) -> None:
    """Which torch.export leaves as its fused form."""
    layer = nn.TransformerEncoderLayer(WIDTH, HEADS, 16, batch_first=True, norm_first=norm_first).eval()
    with torch.no_grad():
        check(layer, TOKENS, rtol=1e-5, atol=1e-5)


def gradient(function: Call) -> Call:
    """The gradients of a weighted sum of the function's results by its tensors."""

    def run(*tensors: torch.Tensor) -> Any:
        leaves = [x.detach().requires_grad_(x.is_floating_point()) for x in tensors]
        result = function(*leaves)
        direction = torch.arange(1.0, result.numel() + 1).reshape(result.shape)
        return torch.autograd.grad((result * direction).sum(), [x for x in leaves if x.requires_grad])

    return run


GRADIENTS: dict[str, tuple[Call, tuple[torch.Tensor, ...]]] = {
    **{
        f"cdist {p}": (lambda x, y, p=p: torch.cdist(x, y, p), (X, Y))
        for p in (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, torch.inf)
    },
    "cdist of equal rows": (lambda x: torch.cdist(x, x.detach()), (X,)),
    **{f"pdist {p}": (lambda x, p=p: F.pdist(x, p), (X,)) for p in (1.0, 2.0, 3.0, torch.inf)},
    **{
        f"multi_margin {p} {reduction}": (
            lambda x, p=p, reduction=reduction: F.multi_margin_loss(
                x, torch.tensor([0, 5, 2, 2]), p=p, margin=0.7, weight=torch.arange(6.0), reduction=reduction
            ),
            (X,),
        )
        for p in (1, 2)
        for reduction in ("none", "mean", "sum")
    },
    "multi_margin of one row": (lambda x: F.multi_margin_loss(x, torch.tensor(2)), (X[0],)),
    **{
        f"multilabel_margin {reduction}": (
            lambda x, reduction=reduction: F.multilabel_margin_loss(x, LABELS, reduction=reduction),
            (X,),
        )
        for reduction in ("none", "mean", "sum")
    },
    "weight_norm": (lambda v, g: torch.ops.aten._weight_norm(v, g, 0), (X, normal(4, 1))),
    **{
        f"embedding_bag {mode}": (
            lambda w, mode=mode: F.embedding_bag(BAG[0], w, BAG[1], mode=mode, padding_idx=1),
            (X,),
        )
        for mode in ("sum", "mean", "max")
    },
    "embedding_bag weighted": (
        lambda w, s: F.embedding_bag(BAG[0], w, BAG[1], mode="sum", per_sample_weights=s, padding_idx=0),
        (X, normal(6)),
    ),
    "logcumsumexp": (lambda x: torch.logcumsumexp(x, 1), (X,)),
}


@pytest.mark.parametrize("name", GRADIENTS)
def test_gradients_equal_eager(name: str) -> None:
    function, tensors = GRADIENTS[name]
    run = gradient(function)
    expected = run(*tensors)
    traced = make_fx(run)(*tensors)
    check(traced, *tensors, rtol=1e-4, atol=1e-5)
    assert len(expected) == len(run(*tensors))
