"""Operators on sizes that depend on data, against eager PyTorch over masks that pick none, some and all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch_oracle import agrees

MASKS = [[1, 0, 1, 0, 1], [0, 0, 0, 0, 0], [1, 1, 1, 1, 1], [0, 0, 0, 1, 0]]
CASES: dict[str, Callable[..., Any]] = {}
# Cases that PyTorch itself does not run on nothing.
NOT_EMPTY: set[str] = set()


def case(function: Callable[..., Any]) -> Callable[..., Any]:
    CASES[function.__name__] = function
    return function


def case_of_some(function: Callable[..., Any]) -> Callable[..., Any]:
    NOT_EMPTY.add(function.__name__)
    return case(function)


@pytest.fixture(scope="module")
def examples() -> list[tuple[torch.Tensor, torch.Tensor]]:
    generator = torch.Generator().manual_seed(0)
    return [(torch.randn(5, 4, generator=generator), torch.tensor(mask, dtype=torch.bool)) for mask in MASKS]


@case
def coordinates(x, mask):
    return mask.nonzero(), x.gt(0).nonzero(), torch.argwhere(x > 0), torch.where(x > 0), mask.nonzero(as_tuple=True)


@case
def selection(x, mask):
    return (
        torch.masked_select(x, mask[:, None]),
        x[mask],
        x[x > 0],
        x[mask, 1],
        x[:, torch.tensor([True, False] * 2)],
    )


@case
def distinct(x, mask):
    whole = x.int()
    return (
        torch.unique(whole, return_inverse=True, return_counts=True),
        torch.unique(whole, dim=0, return_counts=True),
        torch.unique_consecutive(mask, return_inverse=True, return_counts=True),
        torch.unique_consecutive(whole > 0, dim=1),
    )


@case
def distinct_of_some(x, mask):
    some = x[mask].int()
    return torch.unique(some, return_counts=True), torch.unique(some, return_inverse=True)[1]


@case_of_some
def distinct_rows_of_some(x, mask):
    return torch.unique_consecutive(x[mask].int(), return_inverse=True, dim=0), torch.unique(x[mask].int(), dim=0)


@case
def writing_by_masks(x, mask):
    rows, column, some, positive = x.clone(), x.clone(), x.clone(), x.clone()
    rows[mask] = torch.ones(4)
    column[mask, 1] = 2.0
    some[mask] = x[mask] * 3 + 1
    positive[x > 0] += torch.arange(20.0)[: (x > 0).sum().item()]
    return rows, column, some, positive, x.masked_scatter(mask[:, None], torch.arange(20.0))


@case
def exactly_so_many(x, mask):
    return torch.nonzero_static(mask, size=3), x[torch.nonzero_static(mask, size=2, fill_value=0)[:, 0]]


@case
def repetition(x, mask):
    counts = mask.long()
    return (
        torch.repeat_interleave(x, counts, dim=0),
        torch.repeat_interleave(counts),
        torch.repeat_interleave(x[mask], 2, dim=0),
        x[mask].repeat(2, 1),
        torch.repeat_interleave(x[mask], mask.nonzero()[:, 0].clamp(max=1), dim=0),
    )


@case
def joining(x, mask):
    y = x[mask]
    return torch.cat([y, x, y * 2, x[~mask]]), torch.stack([y, y]), torch.cat([y, y], 1), torch.cat([y.int(), y])


@case
def reshaping(x, mask):
    y = x[mask]
    return (
        y.reshape(-1),
        y.view(y.shape[0], 2, 2),
        y.T.reshape(-1),
        y[:, None].squeeze(1),
        y.T.contiguous().view(-1),
    )


@case
def sizes_as_numbers(x, mask):
    y = x[mask]
    return y.shape[0] * 2, y.numel(), y * y.shape[0], y.sum() / max(y.shape[0], 1)


@case
def slicing(x, mask):
    y = torch.cat([x[mask], x[:1]])
    return y[0], y[-1], y[1:], y[:-1], y[::2], y[:, 1:], y[:2].sum(), y[:2], y.narrow(0, 0, 1), y[1:].sum(0)


@case
def turning(x, mask):
    y = x[mask]
    return y.flip(0), y.flip(1), F.pad(y, (1, 0, 1, 2), value=7.0), y.tril(), y.expand(2, -1, -1)


@case_of_some
def rolling(x, mask):
    y = x[mask]
    torch._check(y.shape[0] > 0)
    return y.roll(1, 0), y.roll((2, 1), (0, 1)), y.roll(-1, 0)


@case
def in_place_up_to_a_count(x, mask):
    z = torch.zeros(5, 4)
    z[: mask.sum().item()] = x[mask] * 2
    y = x[mask]
    y[y > 0] = 0
    y[y[:, 0] < 0] = 1.0
    return z, y, y[y[:, 1] < 0]


@case
def pieces(x, mask):
    k = mask.sum().item()
    first, second = torch.split(x, [k, 5 - k])
    return first, second * 2, x[mask].chunk(2, 1), x[mask].unbind(1)


@case
def in_place(x, mask):
    y = torch.cat([x[mask], x])
    y[1:].mul_(2)
    y[-1] = 0
    y[::2].add_(1)
    y[:, 0] = 5
    z = x[mask]
    z.relu_().add_(1)
    return y, z


@case
def totals(x, mask):
    y = x[mask]
    return y.sum(), y.sum(0), y.sum(1), y.prod(0), (y > 0).any(), (y > 0).all(0), y.norm(), y.count_nonzero(0)


@case
def averages(x, mask):
    y = x[mask]
    return y.mean(), y.mean(0), y.mean(1), y.var(0), y.std(), y.var(1, correction=0), y.var(0, correction=0)


@case
def spreads(x, mask):
    return torch.var_mean(x[mask], 0), torch.std_mean(x[mask], 1), x[mask].norm(p=1)


@case
def lines(x, mask):
    y, borders = x[mask], torch.tensor([-1.0, 0.0, 1.0])
    return (
        y.median(1),
        y.mode(1).values,
        F.glu(y, 1),
        torch.bucketize(y, borders),
        torch.isin(y.int(), torch.tensor([0])),
    )


@case
def extremes(x, mask):
    y = torch.cat([x[mask], x[:1] - 1])
    return y.max(0), y.min(0), y.argmax(), y.T.argmax(), y.argmin(0), y.amax(1), y.max(), torch.cat([y - 9]).max()


@case
def order(x, mask):
    y = x[mask]
    return (
        y.sort(0),
        y.argsort(0, descending=True),
        y.cumsum(0),
        y.sort(1).values,
        (y > 0).int().sort(dim=0, stable=True),
    )


@case_of_some
def best(x, mask):
    return x[mask].topk(1, dim=0), x[mask].neg().sub(100).topk(1, dim=0, largest=False)


@case
def layers(x, mask):
    y = x[mask]
    normal = F.layer_norm(y, [4])
    return (
        normal,
        F.linear(y, torch.ones(3, 4), torch.ones(3)),
        F.gelu(y),
        F.normalize(y, dim=1),
        F.dropout(y, 0.5, False),
    )


@case
def images(x, mask):
    kernel = torch.arange(9.0).reshape(1, 1, 3, 3)
    y = F.conv2d(x.reshape(5, 1, 2, 2)[mask], kernel, padding=1)
    return y, F.max_pool2d(y, 2), F.interpolate(y, scale_factor=2)


@case
def casts_and_classes(x, mask):
    y = x[mask]
    return (
        y.to(torch.float64),
        y.half().float(),
        F.one_hot(mask.nonzero()[:, 0], 5),
        torch.zeros_like(y),
        y.new_ones(3),
    )


@case
def softmaxes(x, mask):
    y = x[mask]
    return torch.softmax(y, 0), torch.log_softmax(y, 0), torch.softmax(y, 1), torch.softmax(y @ y.T, -1) @ y


@case
def products(x, mask):
    y = x[mask]
    return y.T @ y, torch.mv(y, x[0]), torch.addmm(torch.ones(3), y, torch.ones(4, 3)), y @ x.T, (y @ y.T).sum()


@case
def einsums(x, mask):
    y = x[mask]
    return torch.einsum("nd,ne->de", y, y), torch.einsum("nd,d->n", y, x[0])


@case_of_some
def attention(x, mask):
    y = x[mask]
    torch._check(y.shape[0] > 0)
    y = y[None, None]
    causal = F.scaled_dot_product_attention(y, y, y, is_causal=True)
    return F.scaled_dot_product_attention(y, y, y), causal, F.scaled_dot_product_attention(x[None, None], y, y)


@case
def reading_at_indices(x, mask):
    i = mask.nonzero()[:, 0]
    return (
        x[i],
        x.index_select(0, i),
        F.embedding(i, x),
        x[i, i.clamp(max=3)],
        x.gather(0, i[:, None].expand(-1, 4)),
    )


@case
def writing_at_indices(x, mask):
    i = mask.nonzero()[:, 0]
    zeros, zero = torch.zeros(5, 4), torch.zeros(5)
    return (
        zeros.index_add(0, i, x[i]),
        zero.scatter(0, i, 1.0),
        x.index_copy(0, i, x[i] * 2),
        zero.index_put((i,), x[i, 0], accumulate=True),
        zero.scatter_add(0, i, x[i, 0]),
        zero.scatter_reduce(0, i, x[i, 0], "amax", include_self=False),
        x.index_fill(0, i, 7.0),
    )


@case
def writing_as_much_as_there_is(x, mask):
    """Sources whose size is the number of indices, which only their values show."""
    parts = torch.split(x, torch.stack([mask.sum(), (~mask).sum()]).tolist())
    whole = torch.cat([part * number for number, part in enumerate(parts)])
    rows, columns = torch.arange(5), torch.arange(20).reshape(5, 4) % 5
    return (
        x.index_add(0, rows, whole),
        x.index_copy(0, rows, whole),
        torch.zeros(5, 4).scatter_add(0, columns, whole),
    )


@case
def expert_of_some(x, mask):
    (tokens,) = torch.where(mask)
    hidden = torch.relu(x[tokens] @ torch.ones(4, 8)) @ torch.ones(8, 4)
    return torch.zeros_like(x).index_add_(0, tokens, hidden)


@case
def counted_sizes(x, mask):
    k = mask.sum().item()
    return torch.ones(k), torch.arange(k), x[:k], torch.full((k, 2), 3.0), x * k, k + 1, torch.arange(k, k + 3)


@case
def bounded_sizes(x, mask):
    k = (x[0, 0] * 0 + mask.sum()).to(torch.int64).item()
    torch._check(k >= 0)
    torch._check(k <= 5)
    return torch.zeros(k), x[5 - k :], x.narrow(0, 0, k), x[: k // 2].sum(0)


@case
def size_that_many_ways_lead_to(x, mask):
    k = mask.sum()
    for _ in range(40):
        k = torch.maximum(k, k.clone())
    return torch.arange(k.item())


@case
def of_two_counts(x, mask):
    y, z = x[mask], x[~mask]
    return torch.cat([y, z]), (y @ z.T).sum(), y.sum() * z.sum()


@pytest.mark.parametrize("name", CASES)
def test_operators_agree_with_eager_pytorch(name: str, examples: list[tuple[torch.Tensor, torch.Tensor]]) -> None:
    agrees(CASES[name], [e for e in examples if name not in NOT_EMPTY or e[1].any()])
