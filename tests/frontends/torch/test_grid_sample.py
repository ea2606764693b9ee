"""Sampling at grids against eager PyTorch."""

from __future__ import annotations

import pytest
import torch
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
