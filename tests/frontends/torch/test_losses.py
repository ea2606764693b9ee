"""Losses with every reduction, weights and targets of every form against eager PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch_oracle import check

REDUCTIONS = ["none", "mean", "sum"]


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


def reduced(loss: Callable[..., Any], **options: Any) -> Callable[..., Any]:
    """The loss with every reduction."""
    return lambda *tensors: [loss(*tensors, **options, reduction=reduction) for reduction in REDUCTIONS]


def positive(*shape: int) -> torch.Tensor:
    return torch.rand(shape) * 0.8 + 0.1


# name -> (loss, its tensors)
REGRESSIONS: dict[str, tuple[Callable[..., Any], Callable[[], tuple[torch.Tensor, ...]]]] = {
    "l1": (F.l1_loss, lambda: (torch.randn(4, 3), torch.randn(4, 3))),
    "mse": (F.mse_loss, lambda: (torch.randn(4, 3), torch.randn(4, 3))),
    "huber": (partial(F.huber_loss, delta=0.7), lambda: (torch.randn(4, 3), torch.randn(4, 3))),
    "smooth l1": (partial(F.smooth_l1_loss, beta=0.3), lambda: (torch.randn(4, 3), torch.randn(4, 3))),
    "smooth l1, beta 0": (partial(F.smooth_l1_loss, beta=0.0), lambda: (torch.randn(4), torch.randn(4))),
    "bce": (F.binary_cross_entropy, lambda: (positive(4, 3), positive(4, 3))),
    "bce at 0 and 1": (
        F.binary_cross_entropy,
        lambda: (torch.tensor([0.0, 1.0, 1.0]), torch.tensor([0.0, 0.0, 1.0])),
    ),
    "weighted bce": (
        lambda x, t, w, reduction: F.binary_cross_entropy(x, t, w, reduction=reduction),
        lambda: (positive(4, 3), positive(4, 3), torch.rand(3)),
    ),
    "bce with logits": (
        lambda x, t, w, p, reduction: F.binary_cross_entropy_with_logits(
            x, t, w, pos_weight=p, reduction=reduction
        ),
        lambda: (60 * torch.randn(4, 3), positive(4, 3), torch.rand(4, 1), torch.rand(3)),
    ),
    "kl div": (F.kl_div, lambda: (torch.randn(4, 3), torch.tensor([[0.0, 0.2, 0.8]]).repeat(4, 1))),
    "kl div of logs": (partial(F.kl_div, log_target=True), lambda: (torch.randn(4, 3), torch.randn(4, 3))),
    "poisson": (
        partial(F.poisson_nll_loss, full=True),
        lambda: (torch.randn(4, 3), torch.arange(12.0).reshape(4, 3)),
    ),
    "poisson of rates": (partial(F.poisson_nll_loss, log_input=False), lambda: (positive(4), positive(4))),
    "soft margin": (F.soft_margin_loss, lambda: (torch.randn(4, 3), torch.randn(4, 3).sign())),
    "hinge": (partial(F.hinge_embedding_loss, margin=0.5), lambda: (torch.randn(4, 3), torch.randn(4, 3).sign())),
    "margin ranking": (
        partial(F.margin_ranking_loss, margin=0.2),
        lambda: (torch.randn(5), torch.randn(5), torch.randn(5).sign()),
    ),
    "cosine": (
        partial(F.cosine_embedding_loss, margin=0.1),
        lambda: (torch.randn(4, 3), torch.randn(4, 3), torch.tensor([1.0, -1.0, 1.0, -1.0])),
    ),
    "triplet": (
        partial(F.triplet_margin_loss, p=1.5, swap=True),
        lambda: (torch.randn(4, 3), torch.randn(4, 3), torch.randn(4, 3)),
    ),
    "multilabel soft margin": (F.multilabel_soft_margin_loss, lambda: (torch.randn(4, 3), positive(4, 3).round())),
}


@pytest.mark.filterwarnings("ignore:reduction. 'mean' divides:UserWarning")
@pytest.mark.parametrize("name", REGRESSIONS)
def test_regressions(name: str) -> None:
    loss, tensors = REGRESSIONS[name]
    check(reduced(loss), *tensors())


def test_batch_mean() -> None:
    check(lambda x, t: F.kl_div(x, t, reduction="batchmean"), torch.randn(4, 3), torch.rand(4, 3))


TARGETS = {
    "rows": (lambda: torch.randn(5, 3), lambda: torch.tensor([2, 0, 1, 1, 2])),
    "ignored rows": (lambda: torch.randn(5, 3), lambda: torch.tensor([2, -100, 1, -100, 0])),
    "nothing but ignored rows": (lambda: torch.randn(2, 3), lambda: torch.tensor([-100, -100])),
    "one": (lambda: torch.randn(3), lambda: torch.tensor(1)),
    "pixels": (lambda: torch.randn(2, 3, 4, 2), lambda: torch.randint(0, 3, (2, 4, 2))),
    "voxels": (lambda: torch.randn(2, 3, 2, 2, 2), lambda: torch.randint(0, 3, (2, 2, 2, 2))),
    "no rows": (lambda: torch.randn(0, 3), lambda: torch.zeros(0, dtype=torch.int64)),
}


@pytest.mark.parametrize("name", TARGETS)
def test_cross_entropy(name: str) -> None:
    """Plain, weighted, smoothed, both, and with another class ignored; and nll_loss of the same."""
    logits, target = (make() for make in TARGETS[name])

    def losses(x: torch.Tensor, t: torch.Tensor, w: torch.Tensor) -> list[Any]:
        options: list[dict[str, Any]] = [
            {},
            {"weight": w, "label_smoothing": 0.2},
            {"weight": w, "ignore_index": 1},
        ]
        logs = x.log_softmax(min(1, x.ndim - 1))
        likelihoods = [reduced(F.nll_loss, **o)(logs, t.clamp(0)) for o in options if "label_smoothing" not in o]
        safe = [reduced(F.cross_entropy, **o)(x, t.clamp(0) if "ignore_index" in o else t) for o in options]
        return [safe, likelihoods]

    check(losses, logits, target, torch.rand(3) + 0.1)


def test_cross_entropy_of_probabilities() -> None:
    def losses(x: torch.Tensor, t: torch.Tensor, w: torch.Tensor) -> list[Any]:
        return [reduced(F.cross_entropy)(x, t), reduced(F.cross_entropy, weight=w, label_smoothing=0.3)(x, t)]

    check(losses, torch.randn(4, 3), torch.rand(4, 3).softmax(1), torch.rand(3))
    check(losses, torch.randn(2, 3, 4), torch.rand(2, 3, 4).softmax(1), torch.rand(3))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_other_floats(dtype: torch.dtype) -> None:
    tolerance = 2**-7 if dtype == torch.bfloat16 else 1e-6
    check(F.cross_entropy, torch.randn(6, 5, dtype=dtype), torch.randint(0, 5, (6,)), rtol=tolerance)
    check(F.mse_loss, torch.randn(6, dtype=dtype), torch.randn(6, dtype=dtype), rtol=tolerance)


def test_margins_of_classes() -> None:
    """The distance of the right class from the others."""

    def losses(x: torch.Tensor, t: torch.Tensor, w: torch.Tensor, labels: torch.Tensor) -> list[Any]:
        return [
            reduced(F.multi_margin_loss)(x, t),
            reduced(F.multi_margin_loss, p=2, margin=0.5, weight=w)(x, t),
            reduced(F.multilabel_margin_loss)(x, labels),
            F.multilabel_margin_loss(x[0], labels[0]),
        ]

    labels = torch.tensor([[2, 0, -1], [1, -1, 0], [-1, 0, 1], [0, 1, 2]])
    check(losses, torch.randn(4, 3), torch.tensor([2, 0, 1, 1]), torch.rand(3), labels)


def test_a_loss_of_linear_layers() -> None:
    """`linear_cross_entropy` with and without chunks."""

    def losses(x: torch.Tensor, w: torch.Tensor, t: torch.Tensor, b: torch.Tensor, c: torch.Tensor) -> list[Any]:
        chunks = torch.nn.LinearCrossEntropyOptions(batch_chunk_size=2, allow_retain_graph=True)
        return [
            reduced(F.linear_cross_entropy)(x, w, t),
            reduced(F.linear_cross_entropy, linear_bias=b, weight=c, options=chunks)(x, w, t),
        ]

    x, w, t = torch.randn(5, 4), torch.randn(3, 4), torch.tensor([2, 0, -100, 1, 1])
    check(losses, x, w, t, torch.randn(3), torch.rand(3))
