"""Recurrent modules against eager PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch_oracle import check

# What torch.export and oneDNN say of recurrent modules.
pytestmark = [
    pytest.mark.filterwarnings("ignore:The tensor attributes .*_flat_weights:UserWarning"),
    pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN:UserWarning"),
]


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
@pytest.mark.parametrize(
    ("bidirectional", "batch_first", "layers", "bias"),
    [(False, False, 1, True), (True, True, 2, False), (True, False, 3, True)],
)
def test_modules(
    kind: Callable[..., nn.Module], bidirectional: bool, batch_first: bool, layers: int, bias: bool
) -> None:
    module = kind(5, 6, layers, bias=bias, bidirectional=bidirectional, batch_first=batch_first)
    check(module, torch.randn(3, 4, 5))


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU])
def test_given_states_and_no_batch(kind: Callable[..., nn.Module]) -> None:
    h, c = torch.randn(2, 4, 6), torch.randn(2, 4, 6)
    check(kind(5, 6, 2), torch.randn(7, 4, 5), (h, c) if kind is nn.LSTM else h)
    check(kind(5, 6, 2), torch.randn(7, 5))


def test_a_projection() -> None:
    check(nn.LSTM(5, 6, 2, proj_size=3, bidirectional=True), torch.randn(7, 4, 5))


def test_relu() -> None:
    check(nn.RNN(5, 6, nonlinearity="relu"), torch.randn(7, 4, 5))


@pytest.mark.parametrize("kind", [nn.LSTMCell, nn.GRUCell, nn.RNNCell])
def test_cells(kind: Callable[..., nn.Module]) -> None:
    check(kind(5, 6), torch.randn(4, 5))


def test_no_steps_and_one() -> None:
    check(nn.GRU(5, 6), torch.randn(1, 4, 5))


def test_halves() -> None:
    """PyTorch rounds the gates' sums elsewhere: up to 1 unit of bfloat16's 2^-8 at values below 1 each step."""
    check(nn.LSTM(5, 6).to(torch.bfloat16), torch.randn(3, 2, 5, dtype=torch.bfloat16), atol=3 * 2**-8)


@torch._dynamo.config.patch(allow_rnn=True)
def test_the_layers_of_cpus() -> None:
    """torch.compile hands over `mkldnn_rnn_layer`, and its gradient in training."""
    module = nn.LSTM(5, 6, bidirectional=True, batch_first=True)
    x, states = torch.randn(3, 4, 5), tuple(torch.randn(2, 2, 3, 6))
    torch._dynamo.reset()
    compiled = torch.compile(module, backend="oxide")
    with torch.no_grad():
        torch.testing.assert_close(compiled(x, states), module(x, states), rtol=1e-5, atol=1e-6)

    def gradients(function: Any) -> Any:
        outputs, (h, c) = function(x, states)
        return torch.autograd.grad((outputs.square() + h.mean() * c.mean()).sum(), list(module.parameters()))

    torch.testing.assert_close(gradients(compiled), gradients(module), rtol=1e-4, atol=1e-5)
