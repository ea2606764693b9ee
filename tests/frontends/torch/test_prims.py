"""Prims of shapes, reductions, transforms and factories against PyTorch's own kernels of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch_oracle import check

prims = torch.ops.prims
X = torch.linspace(-2, 3, 24).reshape(2, 3, 4)
WHOLE = torch.arange(-5, 7, dtype=torch.int32).reshape(3, 4)
C = torch.complex(X, X.flip(0))
NEW = {"dtype": torch.float32, "device": torch.device("cpu"), "requires_grad": False}

CASES: dict[str, tuple[Callable[..., Any], torch.Tensor]] = {
    "sum": (lambda x: prims.sum(x, [0, 2]), X),
    "prod": (lambda x: prims.prod(x, [1]), X),
    "amax, amin": (lambda x: (prims.amax(x, [1]), prims.amin(x, [0, 2])), X),
    "var": (lambda x: (prims.var(x, [1], 1), prims.var(x, [0, 2], 0)), X),
    "broadcast_in_dim": (lambda x: prims.broadcast_in_dim(x, [5, 3, 2, 4], [1, 3]), WHOLE),
    "cat": (lambda x: prims.cat([x, x + 1], 1), X),
    "collapse": (lambda x: (prims.collapse(x, 0, 1), prims.collapse_view(x, 1, 2)), X),
    "split_dim": (lambda x: prims.split_dim(x, 2, 2), X),
    "squeeze": (lambda x: prims.squeeze(x[:1], [0]), X),
    "reshape": (lambda x: prims.reshape(x, [4, 6]), X),
    "rev": (lambda x: prims.rev(x, [0, 2]), X),
    "copy_strided": (lambda x: prims.copy_strided(x, [1, 3]), WHOLE),
    "full": (lambda x: x + prims.full([3, 4], 2.5, **NEW), WHOLE),
    "full_like": (lambda x: prims.full_like(x, 7, **NEW), WHOLE),
    "fft_c2c": (
        lambda x: (prims.fft_c2c(x, dim=[1, 2], forward=True), prims.fft_c2c(x, dim=[0], forward=False)),
        C,
    ),
    "fft_r2c": (lambda x: (prims.fft_r2c(x, dim=[2], onesided=True), prims.fft_r2c(x, dim=[2], onesided=False)), X),
    "fft_c2r": (lambda x: prims.fft_c2r(x, dim=[2], last_dim_size=6), C),
    "svd": (lambda x: prims.svd(x, full_matrices=False)[1], X),
    "resize": (lambda x: (x.clone().resize_(2, 5), x.clone().resize_as_(torch.ones(4, 6))), X),
    "resize, then write": (lambda x: (y := x.clone(), z := y.resize_(2, 3), z.add_(1))[1:], X),
}


@pytest.mark.parametrize("name", CASES)
def test_equals_eager(name: str) -> None:
    function, x = CASES[name]
    check(function, x, rtol=1e-5, atol=1e-5)
