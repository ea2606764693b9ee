"""Sampling at grids against eager PyTorch."""

from __future__ import annotations

import pytest
import torch
from torch.fx.experimental.proxy_tensor import make_fx
from torch_oracle import check

MODES = [
    (mode, padding, align)
    for mode in ("bilinear", "nearest")
    for padding in ("zeros", "border", "reflection")
    for align in (False, True)
]


def test_volumes() -> None:
    """Points inside, outside and far outside, in all modes."""
    torch.manual_seed(0)
    x, grid = torch.randn(2, 3, 4, 5, 1), torch.randn(2, 3, 2, 6, 3) * 2
    grid[0, 0, 0, 0] = 1e6

    def sample(x: torch.Tensor, grid: torch.Tensor) -> list[torch.Tensor]:
        return [
            torch.nn.functional.grid_sample(x, grid, mode=mode, padding_mode=padding, align_corners=align)
            for mode, padding, align in MODES
        ]

    check(sample, x, grid, rtol=1e-4, atol=1e-5)


# Images: cubic interpolation too; single rows and columns, whose only element is both ends.
IMAGE_MODES = [*MODES, *(("bicubic", padding, align) for _, padding, align in MODES[:6])]
SIZES = [(4, 5), (1, 3), (1, 1)]


@pytest.mark.parametrize("size", SIZES)
def test_images(size: tuple[int, int]) -> None:
    """Points inside, outside, at the edges and in between elements; what is not a number is at the border."""
    torch.manual_seed(0)
    x, inside = torch.randn(1, 2, *size), torch.randn(1, 4, 6, 2) * 1.5
    edges = torch.tensor([-1.0, 1.0, -1.001, 0.999, 0.0, -3.0, 0.5])
    grid = torch.stack(torch.meshgrid(edges, edges, indexing="ij"), -1)[None]
    lost = torch.tensor([[[[float("nan"), 0.3], [-0.2, float("nan")], [float("inf"), -0.1]]]])

    def sample(x: torch.Tensor, *grids: torch.Tensor) -> list[torch.Tensor]:
        return [
            torch.nn.functional.grid_sample(x, grid, mode=mode, padding_mode=padding, align_corners=align)
            for grid in grids
            for mode, padding, align in IMAGE_MODES
        ]

    def bounded(x: torch.Tensor, grid: torch.Tensor) -> list[torch.Tensor]:
        return [
            torch.nn.functional.grid_sample(x, grid, mode=mode, padding_mode=padding, align_corners=align)
            for mode, padding, align in MODES
            if padding != "zeros"
        ]

    check(sample, x, inside, grid, atol=1e-5)
    check(bounded, x, lost)


# Every way of padding and aligning with one interpolation, and one with the others.
GRADIENTS: list[tuple[tuple[int, ...], list[tuple[str, str, bool]]]] = [
    ((4, 5), [*MODES[:6], MODES[6], IMAGE_MODES[17]]),
    ((1, 1), MODES[3:6]),
    ((2, 4, 5), [MODES[1], MODES[4], MODES[9]]),
]


@pytest.mark.parametrize(("size", "modes"), GRADIENTS)
def test_gradients(size: tuple[int, ...], modes: list[tuple[str, str, bool]]) -> None:
    """By input and grid, for points inside, outside, at the edges and in between elements."""
    torch.manual_seed(0)
    rank = len(size)
    x, inside = torch.randn(2, 2, *size), torch.rand(2, 12, rank) * 3 - 1.5
    edges = torch.tensor([-1.0, 1.0, -1.001, 0.999, 0.0, -3.0])
    grid = torch.cat([inside, torch.cartesian_prod(edges, edges, *[edges] * (rank - 2)).expand(2, -1, -1)], 1)
    grid = grid.reshape(2, -1, *[1] * (rank - 1), rank)

    def gradients(x: torch.Tensor, grid: torch.Tensor) -> list[torch.Tensor]:
        x, grid = x.detach().requires_grad_(), grid.detach().requires_grad_()
        found: list[torch.Tensor] = []
        for mode, padding, align in modes:
            y = torch.nn.functional.grid_sample(x, grid, mode=mode, padding_mode=padding, align_corners=align)
            found += torch.autograd.grad((y * y.detach().cos()).sum(), [x, grid])
        return found

    check(make_fx(gradients)(x, grid), x, grid, rtol=1e-4, atol=1e-4)
