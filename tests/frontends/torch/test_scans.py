"""Running reductions against eager PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch_oracle import check

NAN, INF = float("nan"), float("inf")

SCANS: dict[str, Callable[[torch.Tensor, int], Any]] = {
    "cumsum": torch.cumsum,
    "cumprod": torch.cumprod,
    "cummax": torch.cummax,
    "cummin": torch.cummin,
    "logcumsumexp": torch.logcumsumexp,
}


def each(names: list[str], dim: int) -> Callable[[torch.Tensor], dict[str, Any]]:
    return lambda x: {name: SCANS[name](x, dim) for name in names}


@pytest.mark.parametrize("shape", [(3, 40), (5, 1, 3), ()])
def test_dimensions(shape: tuple[int, ...]) -> None:
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    for dim in {0, -1}:
        check(each(list(SCANS), dim), x)


def test_no_elements() -> None:
    check(each(list(SCANS), 0), torch.zeros(0, 2))
    check(each(list(SCANS), 1), torch.zeros(0, 2))


@pytest.mark.parametrize("dtype", [torch.int32, torch.uint8, torch.bool])
def test_whole_numbers(dtype: torch.dtype) -> None:
    """Sums and products are in int64; of equal extremes the last has its position."""
    x = torch.tensor([[3, 1, 3, 0, 5, 5], [0, 2, 2, 0, 1, 9]]).to(dtype)
    check(each(["cumsum", "cumprod", "cummax", "cummin"], 1), x)
    check(lambda v: [torch.cumsum(v, 0, dtype=torch.float64), torch.cumprod(v, 0, dtype=torch.bfloat16)], x)


def test_infinities_and_nans() -> None:
    x = torch.tensor(
        [[1.0, 2.0, 2.0, NAN, 3.0, NAN], [-INF, -INF, 0.0, -1.0, INF, INF], [INF, -INF, -0.0, 0.0, 1.0, 1.0]]
    )
    check(each(["cummax", "cummin", "logcumsumexp"], 1), x)


def test_sums_of_halves_are_rounded_once() -> None:
    """In bfloat16 a sum of ones would stop at 256.  PyTorch keeps float32 for sums, and so do we for log-sums."""
    check(lambda x: torch.cumsum(x, 0), torch.ones(600, dtype=torch.bfloat16))
    x = torch.zeros(600, dtype=torch.float16)
    check(lambda x: torch.logcumsumexp(x, 0), x, rtol=2**-10)


def test_logs_of_sums_far_apart() -> None:
    """Where exp would overflow or vanish, in both directions along the dimension."""
    check(lambda x: torch.logcumsumexp(x, 0), torch.tensor([-300.0, 0.0, 200.0, 200.0, -500.0]))
    check(lambda x: torch.logcumsumexp(x, 0), torch.tensor([-1000.0] * 40))
    x = torch.randn(9, dtype=torch.complex64, generator=torch.Generator().manual_seed(0))
    check(lambda x: torch.logcumsumexp(x, 0), x)


def test_a_long_dimension() -> None:
    """More elements than one window of XLA's has."""
    x = torch.rand(2, 5000, generator=torch.Generator().manual_seed(0))
    check(each(["cumsum", "cummax", "logcumsumexp"], 1), x)


def test_in_place() -> None:
    def function(x: torch.Tensor) -> torch.Tensor:
        x.cumsum_(1)
        return x.cumprod_(0)

    check(function, torch.rand(3, 4, generator=torch.Generator().manual_seed(0)))
