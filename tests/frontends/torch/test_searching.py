"""Positions in sorted numbers, membership and histograms against eager PyTorch."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch_oracle import check

NAN, INF = float("nan"), float("inf")
SEQUENCE = torch.tensor([-2.0, 0.0, 0.0, 1.5, 4.0, INF])
VALUES = torch.tensor([[-3.0, -2.0, -0.0, 0.1, 4.0], [5.0, INF, -INF, NAN, 1.5]])


@pytest.mark.parametrize("side", ["left", "right"])
def test_searchsorted(side: str) -> None:
    def found(sequence: torch.Tensor, values: torch.Tensor) -> list[torch.Tensor]:
        rows = torch.stack([sequence, sequence * 2])
        return [
            torch.searchsorted(sequence, values, side=side),
            torch.searchsorted(rows, values, side=side, out_int32=True),
            torch.searchsorted(sequence, 0.0, side=side),
            torch.searchsorted(rows.flip(1), values, side=side, sorter=torch.arange(5, -1, -1).repeat(2, 1)),
            torch.bucketize(values, sequence, right=side == "right"),
            torch.bucketize(4.0, sequence, right=side == "right", out_int32=True),
            torch.bucketize(values, sequence[:1], right=side == "right"),
            torch.bucketize(values, sequence[:0], right=side == "right"),
        ]

    check(found, SEQUENCE, VALUES)


def test_searchsorted_where_nans_are_last() -> None:
    check(torch.searchsorted, torch.tensor([1.0, 2.0, NAN, NAN]), torch.tensor([0.0, 3.0, NAN]))


@pytest.mark.parametrize("length", range(1, 10))
def test_every_position(length: int) -> None:
    sequence = torch.arange(length)
    check(lambda s, v: torch.searchsorted(s, v, right=True), sequence, torch.arange(-1, length + 1))


def test_types_of_values() -> None:
    """A number and a tensor without dimensions take part in the promotion."""
    check(lambda s: torch.searchsorted(s, 1.5), torch.tensor([1, 2, 3]))
    check(torch.searchsorted, torch.tensor([1, 2, 3]), torch.tensor(2.5))
    check(
        torch.searchsorted, torch.tensor([1, 2, 3], dtype=torch.bfloat16), torch.tensor([2.0], dtype=torch.bfloat16)
    )


def test_isin() -> None:
    def found(x: torch.Tensor, tests: torch.Tensor) -> list[torch.Tensor]:
        return [
            torch.isin(x, tests),
            torch.isin(x, tests, invert=True, assume_unique=True),
            torch.isin(x, tests[:1]),
            torch.isin(x, tests[:0]),
            torch.isin(x, 1.5),
            torch.isin(4.0, tests),
        ]

    check(found, VALUES, torch.tensor([4.0, NAN, 0.0, -3.0, 4.0]))
    check(found, VALUES[:, :0], torch.tensor([[4.0, NAN], [INF, 2.0]]))
    check(torch.isin, torch.tensor([[1, 2], [3, 4]]), torch.tensor([1.0, 2.5, 3.0]))


X = torch.tensor([0.5, 1.0, 1.0, 1.75, 2.5, 4.0, 3.99, -1.0])
BINS: list[dict[str, Any]] = [
    {},
    {"min": -1, "max": 4},
    {"bins": 4, "min": 1, "max": 3},
    {"bins": 1, "min": -9.5, "max": -2},
]


@pytest.mark.parametrize("options", BINS)
def test_histc(options: dict[str, Any]) -> None:
    check(lambda x: torch.histc(x, **options), X)


def test_histc_of_equal_no_and_missing_numbers() -> None:
    check(lambda x: torch.histc(x, 4), torch.full((3, 2), 3.0))
    check(lambda x: torch.histc(x, 4), torch.zeros(0))
    check(lambda x: torch.histc(x, 4, 0, 3), torch.tensor([NAN, INF, 1.0, -INF, 3.0]))


@pytest.mark.parametrize("density", [False, True])
def test_histogram(density: bool) -> None:
    def histograms(x: torch.Tensor, edges: torch.Tensor, weight: torch.Tensor) -> list[Any]:
        return [
            torch.histogram(x, 7, density=density),
            torch.histogram(x, 5, range=(0.0, 2.0), density=density),
            torch.histogram(x, 5, weight=weight, density=density),
            torch.histogram(x, edges, weight=weight, density=density),
            torch.histogram(x[:2] * 0, 3, density=density),
        ]

    check(histograms, X, torch.tensor([0.0, 1.0, 1.5, 4.0]), torch.arange(8.0))


def test_histogramdd() -> None:
    def histograms(x: torch.Tensor, weight: torch.Tensor) -> list[Any]:
        edges = [torch.tensor([0.0, 0.5, 1.0]), torch.tensor([0.1, 0.3, 0.4, 1.0])]
        return [
            torch.histogramdd(x, [3, 4], weight=weight),
            torch.histogramdd(x, [3, 4], range=[0.0, 1.0, 0.2, 0.9], density=True),
            torch.histogramdd(x, edges, density=True),
        ]

    generator = torch.Generator().manual_seed(0)
    check(histograms, torch.rand(20, 2, generator=generator), torch.rand(20, generator=generator))
