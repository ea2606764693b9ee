"""Attention with heads that are shared or broadcast, and the forms that GPUs run, against eager PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch.fx.experimental.proxy_tensor import make_fx
from torch_oracle import check

from oxide.frontends.torch.lower import Argument, lower_graph_module

aten = torch.ops.aten
Shape = tuple[int, ...]


def normal(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(len(shape)))


# name -> (shapes of query, key and value, whether heads are shared in groups)
HEADS: dict[str, tuple[Shape, Shape, Shape, bool]] = {
    "one query head": ((2, 1, 6, 8), (2, 4, 5, 8), (2, 4, 5, 3), False),
    "one key head": ((2, 4, 6, 8), (2, 1, 5, 8), (2, 4, 5, 3), False),
    "one value head": ((2, 4, 6, 8), (2, 4, 5, 8), (2, 1, 5, 3), False),
    "one head of keys and values": ((2, 4, 6, 8), (1, 1, 5, 8), (2, 1, 5, 3), False),
    "five dimensions": ((2, 3, 4, 6, 8), (1, 3, 1, 5, 8), (2, 1, 4, 5, 3), False),
    "groups": ((2, 8, 6, 8), (2, 2, 5, 8), (2, 2, 5, 3), True),
    "groups of different sizes": ((2, 8, 6, 8), (2, 2, 5, 8), (2, 4, 5, 3), True),
}


@pytest.mark.parametrize("name", HEADS)
def test_heads(name: str) -> None:
    *shapes, grouped = HEADS[name]
    tensors = [normal(*shape) for shape in shapes]
    check(lambda *x: F.scaled_dot_product_attention(*x, enable_gqa=grouped), *tensors)


Q, K, V, BIAS = normal(2, 4, 6, 8), normal(2, 4, 7, 8), 2 * normal(2, 4, 7, 8), normal(2, 4, 6, 7)
GRAD = normal(2, 4, 6, 8) - 1
LENGTHS = {"max_q": 6, "max_k": 7}


def reference(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, bias: Any, causal: bool) -> tuple[Any, Any]:
    """The attention of plain operators and the log of the sums of exponentials of the scores."""
    scores = q @ k.mT * 0.4
    if bias is not None:
        scores = scores + bias
    if causal:
        scores = scores.masked_fill(torch.ones(scores.shape[-2:]).triu(1) > 0, -torch.inf)
    return scores.softmax(-1) @ v, scores.logsumexp(-1)


def imported(function: Callable[..., Any], *tensors: torch.Tensor) -> Any:
    graph = make_fx(function, tracing_mode="fake")(*tensors)
    inputs = [Argument(f"x{index}", "input", tensor) for index, tensor in enumerate(tensors)]
    return lower_graph_module(graph, inputs).compile()(*(tensor.numpy() for tensor in tensors))


# name -> (the form, what follows query, key and value, whether it takes a bias), for the results asked of it
FORMS: dict[str, tuple[Callable[..., Any], bool]] = {
    "flash": (lambda q, k, v, b, c: aten._scaled_dot_product_flash_attention(q, k, v, 0.0, c, scale=0.4), False),
    "efficient": (
        lambda q, k, v, b, c: aten._scaled_dot_product_efficient_attention(q, k, v, b, True, 0.0, c, scale=0.4),
        True,
    ),
    "cudnn": (
        lambda q, k, v, b, c: aten._scaled_dot_product_cudnn_attention(q, k, v, b, True, 0.0, c, scale=0.4),
        True,
    ),
    "overrideable": (
        lambda q, k, v, b, c: aten._scaled_dot_product_fused_attention_overrideable(q, k, v, b, 0.0, c, scale=0.4),
        True,
    ),
}


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("form", FORMS)
def test_forms_of_gpus(form: str, causal: bool) -> None:
    function, biased = FORMS[form]
    tensors = (Q, K, V, BIAS) if biased and not causal else (Q, K, V)
    found = imported(lambda q, k, v, *b: function(q, k, v, b[0] if b else None, causal)[:2], *tensors)
    output, sums = reference(Q, K, V, BIAS if len(tensors) == 4 else None, causal)
    np.testing.assert_allclose(np.asarray(found[0]), output.numpy(), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(np.asarray(found[1]).reshape(2, 4, -1)[..., :6], sums.numpy(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("form", FORMS)
def test_their_gradients(form: str) -> None:
    """Those that the form's own backward operator gives for the results of its forward operator."""

    def backward(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, grad: torch.Tensor) -> Any:
        results = FORMS[form][0](q, k, v, None, True)
        out, sums, rest = results[0], results[1], [torch.empty(0) if x is None else x for x in results[2:]]
        if form == "flash":
            return aten._scaled_dot_product_flash_attention_backward(
                *(grad, q, k, v, out, sums, *rest[:4], 0.0, True, *rest[4:6]), scale=0.4
            )
        if form == "efficient":
            empty = torch.empty(0)
            return aten._scaled_dot_product_efficient_attention_backward(
                *(grad, q, k, v, empty, out, sums, *rest, 0.0, [True, True, True, False], True), scale=0.4
            )[:3]
        if form == "cudnn":
            return aten._scaled_dot_product_cudnn_attention_backward(
                *(grad, q, k, v, out, sums, *rest[4:6], torch.empty(0), *rest[:4], 0.0, True), scale=0.4
            )
        return aten._scaled_dot_product_fused_attention_overrideable_backward(
            *(grad, q, k, v, torch.empty(0), [True, True, True, False], out, sums, *rest[:4], 0.0, True),
            *rest[4:6],
            scale=0.4,
        )[:3]

    leaves = [x.clone().requires_grad_() for x in (Q, K, V)]
    output, _ = reference(leaves[0], leaves[1], leaves[2], None, True)
    wanted = torch.autograd.grad((output * GRAD).sum(), leaves)
    for found, expected in zip(imported(backward, Q, K, V, GRAD), wanted, strict=True):
        np.testing.assert_allclose(np.asarray(found), expected.numpy(), rtol=1e-4, atol=1e-5)
