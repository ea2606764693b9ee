"""Reductions and norms over all kinds of dimensions and dtypes against eager PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch_oracle import check

NAN, INF = float("nan"), float("inf")
Reduction = Callable[[torch.Tensor], Any]


def each(functions: dict[str, Reduction]) -> Callable[[torch.Tensor], dict[str, Any]]:
    return lambda x: {name: function(x) for name, function in functions.items()}


def numbers(dtype: torch.dtype) -> torch.Tensor:
    """Small ones, whose sums and products every dtype holds, and no two equal in a row or column."""
    generator = torch.Generator().manual_seed(0)
    if dtype == torch.bool:
        return torch.randint(0, 2, (3, 4, 2), generator=generator).bool()
    if dtype.is_complex:
        return torch.randn((3, 4, 2), dtype=dtype, generator=generator)
    return torch.randperm(24, generator=generator).reshape(3, 4, 2).to(dtype)


ANY: dict[str, Reduction] = {
    "sum": torch.sum,
    "sum over dims": lambda x: x.sum([0, -1], keepdim=True),
    "sum in float64": lambda x: x.sum(1, dtype=torch.float64) if not x.is_complex() else x.sum(1),
    "prod": lambda x: x.prod(1),
    "any": torch.any,
    "any over a dim": lambda x: x.any(1, keepdim=True),
    "all": torch.all,
    "all over dims": lambda x: torch.all(x, dim=(0, 2)),
    "count_nonzero": torch.count_nonzero,
    "count_nonzero over a dim": lambda x: torch.count_nonzero(x, dim=1),
    "sum to size": lambda x: x.sum_to_size(1, 4, 1),
}
ORDERED: dict[str, Reduction] = {
    "max": torch.max,
    "min": torch.min,
    "max over a dim": lambda x: x.max(1),
    "min over a dim, kept": lambda x: x.min(-1, keepdim=True),
    "amax": lambda x: x.amax((0, 1)),
    "amin": torch.amin,
    "aminmax": torch.aminmax,
    "aminmax over a dim": lambda x: torch.aminmax(x, dim=1, keepdim=True),
    "argmax": torch.argmax,
    "argmin over a dim": lambda x: x.argmin(1, keepdim=True),
    "argmax, kept": lambda x: x.argmax(dim=None, keepdim=True),
}
FLOATING: dict[str, Reduction] = {
    "mean": torch.mean,
    "mean over dims": lambda x: x.mean((0, 2), keepdim=True),
    "var": torch.var,
    "var over a dim": lambda x: x.var(1, correction=0),
    "std": lambda x: x.std((0, 1), correction=2, keepdim=True),
    "std without bias": lambda x: x.std(0, unbiased=True),
    "var_mean": lambda x: torch.var_mean(x, 1),
    "std_mean": torch.std_mean,
    "norm": torch.norm,
    "norm over dims": lambda x: x.norm(p=2, dim=(0, 1)),
    "frobenius": lambda x: torch.linalg.matrix_norm(x),
    "vector_norm": lambda x: torch.linalg.vector_norm(x, 3, dim=1, keepdim=True),
    "vector_norm 0": lambda x: torch.linalg.vector_norm(x, 0),
    "vector_norm inf": lambda x: torch.linalg.vector_norm(x, INF, dim=-1),
    "vector_norm -inf": lambda x: torch.linalg.vector_norm(x, -INF, dim=(0, 1)),
    "renorm": lambda x: torch.renorm(x, 2, 1, 1.5),
    "normalize": lambda x: torch.nn.functional.normalize(x, dim=1),
}
REAL: dict[str, Reduction] = {
    "nansum": lambda x: torch.nansum(x, 1),
    "nanmean": lambda x: torch.nanmean(x, 0),
    "logsumexp": lambda x: torch.logsumexp(x, (0, 1)),
    "softmax": lambda x: torch.softmax(x, 1),
    "log_softmax": lambda x: torch.log_softmax(x, -1),
    "dist": lambda x: torch.dist(x, x.flip(0), 3),
}


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.int32])
def test_whole_numbers(dtype: torch.dtype) -> None:
    """Sums and products are in int64; PyTorch has no argmax of bools."""
    functions = {n: f for n, f in (ANY | ORDERED).items() if dtype != torch.bool or not n.startswith("arg")}
    check(each(functions), numbers(dtype))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_floats(dtype: torch.dtype) -> None:
    """bfloat16 results are rounded once or twice: up to two units of 2^-8.

    PyTorch's log_softmax of bfloat16 is off by more: log_softmax([2.5, 0.625])[0] is -0.1427, PyTorch has -0.1455.
    """
    functions = ANY | ORDERED | FLOATING | REAL
    if dtype == torch.bfloat16:
        del functions["log_softmax"]
    check(each(functions), numbers(dtype) / 8, rtol=2**-7 if dtype == torch.bfloat16 else 1e-5)


def test_complex_numbers() -> None:
    check(each(ANY | FLOATING), numbers(torch.complex64))


def test_no_dimensions() -> None:
    flat: dict[str, Reduction] = {
        "sum": lambda x: x.sum(0),
        "mean": lambda x: x.mean(-1, keepdim=True),
        "max": lambda x: x.max(0),
        "argmax": lambda x: x.argmax(-1),
        "amin": lambda x: x.amin(0),
        "any": lambda x: x.any(0),
        "prod": lambda x: x.prod(0),
        "logsumexp": lambda x: x.logsumexp(0),
        "norm": lambda x: x.norm(),
        "var": lambda x: x.var(correction=0),
        "aminmax": lambda x: torch.aminmax(x, dim=0),
    }
    check(each(flat), torch.tensor(3.0))


@pytest.mark.filterwarnings("ignore:var....degrees of freedom:UserWarning")
def test_no_elements() -> None:
    """The sum of nothing is 0, its product 1, its mean NaN, and along what has no rows nothing is left."""
    empty: dict[str, Reduction] = {
        "sum": torch.sum,
        "sum over a dim": lambda x: x.sum(1),
        "prod": torch.prod,
        "mean": lambda x: x.mean(1),
        "var": lambda x: x.var(1),
        "any": torch.any,
        "all": lambda x: x.all(1),
        "logsumexp": lambda x: x.logsumexp(1),
        "max over what there is": lambda x: x.max(0),
        "argmin over what there is": lambda x: x.argmin(0),
        "amax over what there is": lambda x: x.amax(0),
        "norm": lambda x: torch.linalg.vector_norm(x, 2, dim=1),
    }
    check(each(empty), torch.zeros(2, 0))


def test_nans_and_infinities() -> None:
    """NaN is the largest and the smallest number; the first of several has the position."""
    x = torch.tensor(
        [[1.0, NAN, 3.0, NAN], [INF, 1.0, INF, -INF], [-INF, -INF, -INF, -INF], [0.0, -0.0, 0.0, -0.0]]
    )
    names = ["max over a dim", "argmax", "argmin over a dim", "aminmax over a dim"]
    rows: dict[str, Reduction] = {
        "max": lambda v: v.max(1),
        "min": lambda v: v.min(1),
        "amax": lambda v: v.amax(1),
        "logsumexp": lambda v: v.logsumexp(1),
        "nansum": lambda v: v[:1].nansum(1),
        "nanmean": lambda v: v.nanmean(1),
        "any": lambda v: v.any(1),
    }
    check(each(rows | {name: ORDERED[name] for name in names}), x)


def test_sums_of_halves_are_kept_in_float32() -> None:
    """In bfloat16 a sum of ones would stop at 256, and a mean of squares would overflow float16."""
    check(lambda x: [x.sum(), x.mean(), x.sum(0, keepdim=True)], torch.ones(3000, dtype=torch.bfloat16))
    check(lambda x: [x.mean(), x.std()], 300 * torch.ones(64, dtype=torch.float16))
