"""Writing at indices and by masks against eager PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch_oracle import check

INDEX = torch.tensor([[0, 2, 1, 2], [1, 1, 0, 3]])
FLOATS = torch.randn(5, 6, generator=torch.Generator().manual_seed(0))
INTEGERS = (FLOATS * 7).int()


@pytest.mark.filterwarnings("ignore:index_reduce")
@pytest.mark.parametrize("include_self", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.int32, torch.bfloat16])
def test_reductions(dtype: torch.dtype, include_self: bool) -> None:
    def function(x: torch.Tensor, index: torch.Tensor) -> Any:
        names = ["prod", "mean", "amax", "amin"]
        along = [x.scatter_reduce(0, index, x.flip(1), name, include_self=include_self) for name in ["sum", *names]]
        rows = [x.index_reduce(-1, index[0], x[:, :4], name, include_self=include_self) for name in names]
        return along + rows

    x = (INTEGERS if dtype == torch.int32 else FLOATS).to(dtype)
    check(function, x, INDEX, rtol=1e-2 if dtype == torch.bfloat16 else 1e-5)


def test_nan_wins_a_maximum() -> None:
    x = torch.tensor([1.0, float("nan"), 3.0, float("inf")])
    check(lambda x: x.new_zeros(2).scatter_reduce(0, torch.tensor([0, 0, 1, 1]), x, "amax"), x)


WRITES: dict[str, Callable[[torch.Tensor, torch.Tensor], Any]] = {
    "index_add": lambda x, i: x.index_add(1, i[0], x[:, :4], alpha=2),
    "index_add to a number": lambda x, i: x[0, 0].index_add(0, i[0, :1], x[0, 1]),
    "index_copy": lambda x, i: x.index_copy(0, i[0, :3], x[:3] * 2),
    "index_fill": lambda x, i: (x.index_fill(-1, i[0], 4), x.index_fill(0, i[1], x[1, 1])),
    "index_fill by nothing": lambda x, i: x.index_fill(0, i[0, :0], 3),
    "put": lambda x, i: x.put(i - 20, x[:2, :4]),
    "put, added": lambda x, i: x.put(i, x[:2, :4], accumulate=True),
    "take": lambda x, i: x.take(i - 9),
    "scatter of a number": lambda x, i: (x.scatter(1, i, 2), x.scatter(1, i, 2, reduce="multiply")),
    "scatter to a number": lambda x, i: x[0, 0].scatter(0, i[0, 0], x[1, 1]),
    "scatter of nothing": lambda x, i: x.scatter(0, i[:0], x),
    "masked_scatter": lambda x, i: x.masked_scatter(x > 0, x.flip(0)),
    "masked_scatter by rows": lambda x, i: x.masked_scatter(x[0] > 0, x.flip(0)),
    "masked_scatter_backward": lambda x, i: torch.ops.aten.masked_scatter_backward(x, x > 0, [3, 10]),
    "nonzero_static": lambda x, i: (
        torch.nonzero_static(x > 0.3, size=4),
        torch.nonzero_static(x > 0.3, size=40, fill_value=7),
        torch.nonzero_static(x[0, 0], size=2),
    ),
    "repeat_interleave": lambda x, i: (
        x.repeat_interleave(2, 1),
        x.repeat_interleave(torch.tensor([1, 0, 2, 3, 1]), 0, output_size=7),
        torch.repeat_interleave(i[0], output_size=5),
    ),
}


@pytest.mark.parametrize("function", WRITES.values(), ids=list(WRITES))
def test_writes(function: Callable[..., Any]) -> None:
    check(function, FLOATS, INDEX)


def assigned(x: torch.Tensor, key: Any, value: Any) -> torch.Tensor:
    y = x.clone()
    y[key] = value
    return y


MASKS: dict[str, Callable[[torch.Tensor], Any]] = {
    "a number": lambda x: assigned(x, x > 0, 3),
    "rows": lambda x: assigned(x, x[:, 0] > 0, x[0]),
    "columns": lambda x: assigned(x, (slice(None), x[0] > 0), x[:, :1]),
    "added": lambda x: x.index_put([x > 0], x[0, :1], accumulate=True),
    "values in order": lambda x: assigned(x, torch.arange(5) % 2 == 0, x[:3] * 2),
    "values in order, columns": lambda x: assigned(x, (slice(None), torch.arange(6) > 2), x[:, :3] * 2),
    "values in order, elements": lambda x: x.index_put([(x > 9) | (x.abs().argsort() < 2)], x[:5, :2].flatten()),
}


@pytest.mark.parametrize("function", MASKS.values(), ids=list(MASKS))
def test_writing_by_masks(function: Callable[..., Any]) -> None:
    check(function, FLOATS)
