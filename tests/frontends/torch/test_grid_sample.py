"""Sampling at grids against eager PyTorch."""

from __future__ import annotations

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
