"""Diagonals, windows and strided views against eager PyTorch, read and written through."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch_oracle import check


def matrix(*shape: int) -> torch.Tensor:
    count = torch.Size(shape).numel()
    return torch.arange(count, dtype=torch.float32).reshape(shape)


DIAGONALS = [((4, 6), 0, 0, 1), ((4, 6), 3, 0, 1), ((4, 6), -2, 1, 0), ((2, 3, 4, 5), 1, -1, 1), ((3, 4), 5, 0, 1)]


@pytest.mark.parametrize(("shape", "offset", "dim1", "dim2"), DIAGONALS)
def test_diagonal(shape: tuple[int, ...], offset: int, dim1: int, dim2: int) -> None:
    def function(x: torch.Tensor) -> Any:
        kept = x.diagonal(offset, dim1, dim2).clone()
        written = torch.diagonal_scatter(x, kept.double() * 3, offset, dim1, dim2)
        changed = x.clone()
        changed.diagonal(offset, dim1, dim2).mul_(2).add_(1)
        return kept, written, changed

    check(function, matrix(*shape))


def test_trace_and_diag() -> None:
    check(lambda x: (x.trace(), x.int().trace(), x.diag(-1), x[0].diag(2)), matrix(3, 4))


@pytest.mark.parametrize(
    ("shape", "dim", "size", "step"),
    [((7,), 0, 3, 2), ((3, 8, 2), 1, 4, 4), ((3, 9, 2), -2, 4, 3), ((), 0, 1, 1), ((4,), 0, 0, 2)],
)
def test_unfold(shape: tuple[int, ...], dim: int, size: int, step: int) -> None:
    check(lambda x: x.unfold(dim, size, step), matrix(*shape))


def test_writing_to_windows() -> None:
    def function(x: torch.Tensor) -> torch.Tensor:
        y = x.clone()
        y.unfold(0, 2, 3).add_(10)
        return y

    check(function, matrix(9))


def test_gradient_of_windows() -> None:
    check(lambda g: torch.ops.aten.unfold_backward(g, [2, 9], 1, 4, 2), torch.randn(2, 3, 4))


def strided(x: torch.Tensor, *arguments: Any) -> torch.Tensor:
    return torch.as_strided(x, *arguments)


STRIDED: dict[str, tuple[Callable[[torch.Tensor], Any], torch.Tensor]] = {
    "overlapping": (lambda x: strided(x, (3, 4), (2, 1), 1), matrix(4, 6)),
    "no offset": (lambda x: strided(x, (2, 2), (3, 5)), matrix(4, 6)),
    "of a slice, in its storage": (lambda x: strided(x[1:, 2:], (2, 3), (6, 1)), matrix(4, 6)),
    "of a transposed tensor": (lambda x: strided(x.t(), (2, 3), (6, 1), 2), matrix(4, 6)),
    "beyond a slice": (lambda x: strided(x[1, :2], (8,), (1,), 0), matrix(4, 6)),
    "of an input that lies transposed": (lambda x: strided(x, (5,), (3,), 1), matrix(4, 6).t()),
    "of channels last": (
        lambda x: strided(x, (10,), (2,), 0),
        matrix(2, 3, 4, 5).contiguous(memory_format=torch.channels_last),
    ),
    "0-d": (lambda x: strided(x, (2, 3), (0, 0)), torch.tensor(3)),
    "empty": (lambda x: strided(x, (0, 3), (1, 1)), matrix(4, 6)),
    "copy": (lambda x: torch.as_strided_copy(x[1:], (2, 2), (1, 2)), matrix(4, 6)),
    "scatter": (lambda x: torch.as_strided_scatter(x, x[:2, :2] * 2, (2, 2), (1, 7), 3), matrix(4, 6)),
    "scatter to a transposed tensor": (
        lambda x: torch.as_strided_scatter(x.t(), x[:2, :2] * 2, (2, 2), (1, 7), 3),
        matrix(4, 6),
    ),
}


@pytest.mark.parametrize(("function", "x"), STRIDED.values(), ids=list(STRIDED))
def test_as_strided(function: Callable[[torch.Tensor], Any], x: torch.Tensor) -> None:
    check(function, x)


def test_writing_through_as_strided_is_seen_by_all_views() -> None:
    def function(x: torch.Tensor) -> Any:
        y = x * 2
        row = y[2]
        view = y[1:].t().as_strided((3, 2), (6, 5), 2)
        view.copy_(torch.arange(6.0).reshape(3, 2) - 50)
        y[0].zero_()
        return y, row, view

    check(function, matrix(4, 6))
