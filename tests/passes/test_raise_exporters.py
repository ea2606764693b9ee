"""Raising what the exporters make of PyTorch's functions: torch.export after run_decompositions, both to ONNX."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from benchmarks.raising import SUBJECTS, found
from raise_oracle import check
from torch_exporters import ROUTES, decomposed


class Weighted(torch.nn.Module):
    """A function of an input and of weights, which exporters keep apart."""

    def __init__(self, function: Callable, *weights: torch.Tensor) -> None:
        super().__init__()
        self.function, self.weights = function, torch.nn.ParameterList(weights)

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        return self.function(*inputs, *self.weights)


def angles(length: int, size: int) -> tuple[torch.Tensor, torch.Tensor]:
    each = torch.outer(torch.arange(length).float(), 100.0 ** -torch.arange(0, 1, 2 / size))
    return each.cos(), each.sin()


def rotate_half(x: torch.Tensor) -> torch.Tensor:
    """As Hugging Face's models do."""
    cos, sin = (torch.cat([table, table], -1) for table in angles(x.shape[-2], x.shape[-1]))
    first, second = x.chunk(2, -1)
    return x * cos + torch.cat([-second, first], -1) * sin


def rotate_pairs(x: torch.Tensor) -> torch.Tensor:
    cos, sin = angles(x.shape[-2], x.shape[-1])
    first, second = x[..., ::2], x[..., 1::2]
    return torch.stack([first * cos - second * sin, first * sin + second * cos], -1).flatten(-2)


IMAGE, CHANNEL = torch.rand(2, 4, 3, 3), torch.rand(4)
CASES: dict[str, tuple[list[str], Callable, tuple[torch.Tensor, ...], tuple[torch.Tensor, ...]]] = {
    "group norm": (["group_norm"], lambda x, w: F.group_norm(x, 2, w, w), (IMAGE,), (CHANNEL,)),
    "instance norm": (["group_norm"], lambda x, w: F.instance_norm(x, weight=w, bias=w), (IMAGE,), (CHANNEL,)),
    "rotate half": (["rotary"], rotate_half, (torch.rand(2, 4, 5, 8),), ()),
    "rotate pairs": (["rotary"], rotate_pairs, (torch.rand(2, 4, 5, 8),), ()),
    "one-hot": (["one_hot"], lambda x: F.one_hot(x, 5).float(), (torch.tensor([[0, 1, 4], [2, 2, 3]]),), ()),
    "running sum": (["cumulative"], lambda x: x.cumsum(1), (IMAGE,), ()),
}


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("case", CASES)
def test_exported(case: str, route: str) -> None:
    names, function, inputs, weights = CASES[case]
    check(ROUTES[route](Weighted(function, *weights), inputs), names)


def test_instance_norm_without_weights() -> None:
    check(decomposed(Weighted(F.instance_norm), (IMAGE,)), ["group_norm"])


@pytest.mark.parametrize("route", ROUTES)
def test_every_layer_of_a_model_is_found(route: str) -> None:
    subject = SUBJECTS["llama block"]
    assert found(subject, route) == subject.layers
