"""Sorting, selection and order statistics against eager PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch_oracle import check

DTYPES = [torch.float32, torch.bfloat16, torch.float16, torch.float64, torch.int64, torch.uint8, torch.bool]
NAN, INF = float("nan"), float("inf")
# Ties, zeros of both signs, infinities; PyTorch leaves open where ties end up, but for sort(stable=True).
TIES = torch.tensor([[3.0, -0.0, 3.0, -INF, 0.0, 7.0], [1.0, 1.0, INF, 1.0, -2.0, -2.0]])
NANS = torch.tensor([[3.0, NAN, 2.0, NAN, 0.0], [NAN, NAN, NAN, NAN, NAN], [1.0, 2.0, -INF, INF, 0.0]])


def distinct(*shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """Numbers without ties, in random order along every dimension."""
    generator = torch.Generator().manual_seed(0)
    return torch.randperm(torch.Size(shape).numel(), generator=generator).reshape(shape).to(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("descending", [False, True])
def test_stable_sort(dtype: torch.dtype, descending: bool) -> None:
    x = (distinct(3, 6) % 5).to(dtype)

    def both(v: torch.Tensor) -> list[Any]:
        across = torch.argsort(v, dim=-1, descending=descending, stable=True)
        return [torch.sort(v, dim=0, descending=descending, stable=True), across]

    check(both, x)


SORTS: dict[str, Callable[[torch.Tensor], Any]] = {
    "sort": lambda x: torch.sort(x, stable=True),
    "sort down": lambda x: torch.sort(x, stable=True, descending=True),
    "argsort": lambda x: torch.argsort(x, dim=0, stable=True),
    "msort": torch.msort,
    "kthvalue": lambda x: x.kthvalue(2, -1).values,
    "kthvalue, the last, kept": lambda x: x.kthvalue(x.shape[0], 0, keepdim=True).values,
    "topk": lambda x: x.topk(3).values,
    "topk of the smallest": lambda x: x.topk(1, dim=0, largest=False).values,
    "median": lambda x: x.median(),
    "median of rows": lambda x: x.median(1).values,
    "median of columns, kept": lambda x: x.median(0, keepdim=True).values,
    "nanmedian": lambda x: x.nanmedian(),
    "nanmedian of rows": lambda x: x.nanmedian(-1).values,
    "nanmedian of columns, kept": lambda x: x.nanmedian(0, keepdim=True).values,
    "mode": lambda x: x.mode().values,
}


@pytest.mark.parametrize("x", [TIES, NANS], ids=["ties", "nans"])
def test_ties_infinities_and_nans(x: torch.Tensor) -> None:
    check(lambda v: {name: function(v) for name, function in SORTS.items()}, x)


INDICES: dict[str, Callable[[torch.Tensor], Any]] = {
    "sort": torch.sort,
    "argsort": torch.argsort,
    "topk": lambda x: torch.topk(x, 4, dim=1),
    "topk, smallest": lambda x: torch.topk(x, 2, dim=0, largest=False),
    "topk, all": lambda x: torch.topk(x, 7),
    "topk, none": lambda x: torch.topk(x, 0),
    "kthvalue": lambda x: torch.kthvalue(x, 3, dim=0, keepdim=True),
    "median": lambda x: torch.median(x, -1),
    "nanmedian": lambda x: torch.nanmedian(x, 0, keepdim=True),
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.int32])
def test_indices_of_elements_without_ties(dtype: torch.dtype) -> None:
    check(lambda v: {name: function(v) for name, function in INDICES.items()}, distinct(7, 7, dtype=dtype).T)


SCALARS: dict[str, Callable[[torch.Tensor], Any]] = {
    "sort": torch.sort,
    "argsort": torch.argsort,
    "kthvalue": lambda x: torch.kthvalue(x, 1),
    "topk": lambda x: torch.topk(x, 1),
    "median": lambda x: torch.median(x, 0),
    "nanmedian": lambda x: torch.nanmedian(x, 0, keepdim=True),
    "mode": torch.mode,
}


def test_no_dimensions() -> None:
    check(lambda v: {name: function(v) for name, function in SCALARS.items()}, torch.tensor(3.0))


def test_no_elements() -> None:
    check(lambda x: [torch.sort(x, 1), torch.median(x), torch.nanmedian(x)], torch.zeros(2, 0))
    check(torch.median, torch.zeros(0, dtype=torch.int32))
    check(lambda x: [torch.median(x, 1), torch.mode(x), torch.topk(x, 2)], torch.zeros(0, 3))


def test_mode() -> None:
    """Position too: the last of the most frequent element."""
    check(lambda x: torch.mode(x), torch.tensor([[2.0, 1.0, 2.0, 1.0, 3.0], [5.0, 5.0, 5.0, 0.0, -1.0]]))
    check(lambda x: torch.mode(x, 0, keepdim=True), torch.tensor([[4, 1], [4, 2], [0, 2]]))


@pytest.mark.parametrize("interpolation", ["linear", "lower", "higher", "midpoint", "nearest"])
def test_quantiles(interpolation: str) -> None:
    q = torch.tensor([0.0, 0.15, 0.5, 0.77, 1.0])

    def quantiles(x: torch.Tensor, y: torch.Tensor, q: torch.Tensor) -> list[torch.Tensor]:
        rows = torch.quantile(x, q, dim=1, interpolation=interpolation)
        numbers = torch.nanquantile(y, q, dim=-1, keepdim=True, interpolation=interpolation)
        return [rows, numbers, torch.quantile(y, 0.3, interpolation=interpolation)]

    check(quantiles, distinct(4, 7) / 3, NANS, q)


def test_in_place_and_out() -> None:
    def function(x: torch.Tensor) -> list[torch.Tensor]:
        values, indices = torch.empty(2, 3), torch.empty(2, 3, dtype=torch.int64)
        torch.topk(x, 3, out=(values, indices))
        x.copy_(torch.sort(x, 1).values)
        return [values, indices, x]

    check(function, distinct(2, 5))


def test_a_router() -> None:
    """The top experts of each token, with their weights in a dense table, as mixtures of experts route."""

    def route(logits: torch.Tensor) -> torch.Tensor:
        weights, experts = torch.topk(logits.softmax(-1), 2, sorted=False)
        return torch.zeros_like(logits).scatter(-1, experts, weights / weights.sum(-1, keepdim=True))

    check(route, torch.randn(5, 8, generator=torch.Generator().manual_seed(0)))


def test_sampling_from_the_nucleus() -> None:
    """Top p: sort, running sum, mask, back to the order of the vocabulary."""

    def nucleus(logits: torch.Tensor) -> torch.Tensor:
        ordered, positions = torch.sort(logits, descending=True)
        remove = ordered.softmax(-1).cumsum(-1) > 0.9
        remove[..., 1:] = remove[..., :-1].clone()
        remove[..., 0] = False
        return logits.masked_fill(remove.scatter(-1, positions, remove), -INF)

    check(nucleus, 3 * torch.randn(4, 50, generator=torch.Generator().manual_seed(0)))
