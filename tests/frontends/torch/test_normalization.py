"""Normalisations with statistics as results, their gradients, and unusual epsilons against eager PyTorch."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch_oracle import check

aten = torch.ops.aten


def normal(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)))


def test_a_negative_epsilon() -> None:
    """Which PyTorch takes: variances below it give NaN."""

    def norms(x: torch.Tensor, w: torch.Tensor) -> list[torch.Tensor]:
        return [F.rms_norm(x, [5], w, -0.5), F.rms_norm(x, [3, 5], eps=-0.1), F.layer_norm(x, [5], w, eps=-0.5)]

    check(norms, normal(2, 3, 5), normal(5))


def test_gradients_of_layer_and_group_norm() -> None:
    """Differences of terms up to 7, whose rounding is 1e-6."""

    def gradients(x: torch.Tensor, g: torch.Tensor, w: torch.Tensor, b: torch.Tensor) -> list[torch.Tensor]:
        _, mean, rstd = aten.native_layer_norm(x, [4], w, b, 1e-5)
        layer = aten.native_layer_norm_backward(g, x, [4], mean, rstd, w, b, [True, True, True])
        _, mean, rstd = aten.native_group_norm(x, w, b, 2, 4, 4, 2, 1e-5)
        group = aten.native_group_norm_backward(g, x, mean, rstd, w, 2, 4, 4, 2, [True, True, True])
        return [*layer, *group]

    check(gradients, normal(2, 4, 4), normal(2, 4, 4).flip(0), normal(4), normal(4), atol=1e-5)


def test_gradients_of_batch_norm() -> None:
    def gradients(x: torch.Tensor, g: torch.Tensor, w: torch.Tensor, b: torch.Tensor) -> list[torch.Tensor]:
        _, mean, rstd = aten.native_batch_norm(x, w, b, None, None, True, 0.1, 1e-5)
        mask = [True, True, True]
        return list(aten.native_batch_norm_backward(g, x, w, None, None, mean, rstd, True, 1e-5, mask))

    check(gradients, normal(3, 4, 2), normal(3, 4, 2).flip(0), normal(4), normal(4))


def test_softmax_of_rows_that_a_mask_hides_whole() -> None:
    """A quotient near the end of the range must not be rounded in one place and contracted in another."""

    def softmax(x: torch.Tensor) -> list[torch.Tensor]:
        return [torch.softmax(x / 2.83, -1), torch.log_softmax(x / 2.83, -1)]

    x = normal(4, 6)
    x[1:3] += torch.finfo(torch.float32).min
    check(softmax, x)
