"""Distances between rows, and reductions of segments, against eager PyTorch."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch_oracle import check

NORMS = [0.0, 0.5, 1.0, 2.0, 3.0, float("inf")]


def normal(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def test_cdist() -> None:
    def distances(x: torch.Tensor, y: torch.Tensor) -> list[torch.Tensor]:
        return [torch.cdist(x, y, p) for p in NORMS]

    check(distances, normal(4, 3), normal(5, 3))
    check(distances, normal(2, 1, 4, 3), normal(3, 2, 3))
    check(distances, normal(2, 0), normal(3, 0))
    check(distances, normal(0, 2), normal(3, 2))


@pytest.mark.parametrize(
    "mode", ["use_mm_for_euclid_dist_if_necessary", "use_mm_for_euclid_dist", "donot_use_mm_for_euclid_dist"]
)
def test_euclidean_distances_by_a_product(mode: str) -> None:
    check(lambda x, y: torch.cdist(x, y, compute_mode=mode), normal(30, 8), normal(3, 5, 8) + 1)


def test_pdist() -> None:
    x = normal(6, 3).index_fill(0, torch.tensor([4]), 0.25)
    check(lambda x: [F.pdist(x, p) for p in NORMS], x)
    check(F.pdist, normal(1, 3))


def test_distances_of_pairs() -> None:
    def distances(x: torch.Tensor, y: torch.Tensor) -> list[torch.Tensor]:
        pairs = [F.pairwise_distance(x, y, p, keepdim=True) for p in NORMS if p]
        return [*pairs, F.cosine_similarity(x, y), F.cosine_similarity(x[:, None], y, dim=2, eps=0.5)]

    check(distances, normal(5, 3), normal(5, 3) * 2 + 1)


@pytest.mark.parametrize("initial", [None, 2.0])
@pytest.mark.parametrize("by", ["lengths", "offsets"])
def test_segments(by: str, initial: float | None) -> None:
    """Of which one is empty."""
    bounds = torch.tensor([2, 0, 3, 1])
    if by == "offsets":
        bounds = F.pad(bounds.cumsum(0), (1, 0))

    def reductions(x: torch.Tensor, bounds: torch.Tensor) -> list[Any]:
        given: dict[str, Any] = {by: bounds, "initial": initial, "unsafe": True}
        return [torch.segment_reduce(x, kind, **given) for kind in ("sum", "mean", "max", "min", "prod")]

    check(reductions, normal(6, 2), bounds)
    check(reductions, normal(6), bounds)


def test_segments_of_rows() -> None:
    """Each row is cut in its own way; NaN spreads within its segment."""

    def reductions(x: torch.Tensor, lengths: torch.Tensor) -> list[Any]:
        return [torch.segment_reduce(x, kind, lengths=lengths, axis=1) for kind in ("sum", "mean", "max", "prod")]

    x = normal(2, 5, 3)
    x[0, 3, 1] = float("nan")
    check(reductions, x, torch.tensor([[3, 0, 2], [1, 4, 0]]))
