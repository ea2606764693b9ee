"""Operators outside of ATen: of libraries that define them by PyTorch's, and `_foreach_*` on lists of tensors."""

from __future__ import annotations

from typing import Any

import torch
from torch_oracle import check


@torch.library.custom_op("oxide_test::affine", mutates_args=())
def affine(x: torch.Tensor, factor: float) -> torch.Tensor:
    return x * factor + 1


@torch.library.custom_op("oxide_test::add_into", mutates_args=("x",))
def add_into(x: torch.Tensor, amount: float) -> torch.Tensor:
    x.add_(amount)
    return x * 2


affine.register_fake(lambda x, factor: torch.empty_like(x))
add_into.register_fake(lambda x, amount: torch.empty_like(x))
# `torch` with what it does not export.
PRIVATE: Any = torch
X = torch.linspace(-2, 3, 12).reshape(3, 4)


def test_an_operator_written_in_pytorch():
    check(lambda x: torch.ops.oxide_test.affine(x, 3.0), X)


def test_an_operator_that_changes_its_argument():
    def changed(x):
        y = x.clone()
        row = y[0]
        z = torch.ops.oxide_test.add_into(y, 3.0)
        return y, z, row

    check(changed, X)


def test_foreach():
    def update(x):
        a = [x.clone(), x[0] + 1]
        PRIVATE._foreach_mul_(a, 2.0)
        b = PRIVATE._foreach_add(a, a, alpha=2)
        PRIVATE._foreach_addcmul_(b, a, a, value=0.5)
        PRIVATE._foreach_addcdiv_(b, a, PRIVATE._foreach_maximum(a, 1.0), [0.5, 2.0])
        PRIVATE._foreach_lerp_(b, a, 0.3)
        PRIVATE._foreach_copy_(a, b)
        PRIVATE._foreach_div_(b, [1.0, 2.0])
        PRIVATE._foreach_sub_(b, 2.0)
        roots = PRIVATE._foreach_sqrt(PRIVATE._foreach_abs(a))
        powers = PRIVATE._foreach_pow(2.0, b), PRIVATE._foreach_pow(roots, 2), PRIVATE._foreach_pow(roots, roots)
        return a, b, roots, powers, PRIVATE._foreach_norm(b), PRIVATE._foreach_max(a), PRIVATE._foreach_neg(a)

    check(update, X, rtol=3e-5)


def test_foreach_zero_writes_into_its_tensors():
    def cleared(x):
        a = [x.clone(), x + 1]
        view = a[0].view(-1)
        PRIVATE._foreach_zero_(a)
        return a, view

    check(cleared, X)
