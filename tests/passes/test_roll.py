"""Unrolled recurrent networks become loops over the steps of their sequence."""

from __future__ import annotations

import jax
import numpy as np
import pytest
import torch
from jax_source_oracle import load, nested
from torch import nn

import oxide

STEPS = 4


class Unrolled(nn.Module):
    """A cell over x, step by step along its axis 0 or 1; gives all outputs and the state."""

    def __init__(self, cell: nn.Module, axis: int, backwards: bool, joined: bool) -> None:
        super().__init__()
        self.cell, self.axis, self.backwards, self.joined = cell, axis, backwards, joined

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        zeros = x.new_zeros(x.shape[1 - self.axis], 8)
        state = [zeros, zeros] if isinstance(self.cell, nn.LSTMCell) else [zeros]
        outputs: list[torch.Tensor] = []
        steps = range(x.shape[self.axis])
        for step in reversed(steps) if self.backwards else steps:
            made = self.cell(x.select(self.axis, step), tuple(state) if len(state) > 1 else state[0])
            state = list(made) if isinstance(made, tuple) else [made]
            outputs.append(state[0])
        if self.backwards:
            outputs.reverse()
        return (torch.cat(outputs, 1) if self.joined else torch.stack(outputs, self.axis), *state)


class StateFirst(nn.Module):
    """A cell that reads the step's input after most of its work on the state."""

    def __init__(self) -> None:
        super().__init__()
        self.u, self.w = nn.Linear(8, 8), nn.Linear(4, 8)

    def forward(self, x: torch.Tensor, h: torch.Tensor) -> torch.Tensor:
        a = torch.tanh(self.u(h))
        return torch.sigmoid(a * a + torch.sin(a)) * torch.tanh(self.w(x)) + a


# The cell, the axis of the steps, whether they go backwards, whether outputs are joined along their own axis,
# and what the source says of the loop.
CASES = {
    "LSTM": (nn.LSTMCell(4, 8), 1, False, False, "x.transpose(1, 0, 2))"),
    "LSTM, steps first, backwards": (nn.LSTMCell(4, 8), 0, True, False, "x, reverse=True)"),
    "input in the middle": (StateFirst(), 0, False, False, ", x)"),
    "GRU": (nn.GRUCell(4, 8), 0, False, False, ", x)"),
    "GRU, joined outputs": (nn.GRUCell(4, 8), 0, False, True, ", x)"),
    "GRU, joined outputs, backwards": (nn.GRUCell(4, 8), 1, True, True, "x.transpose(1, 0, 2), reverse=True)"),
}


@pytest.mark.parametrize("name", CASES)
def test_an_unrolled_network_is_one_scan(name: str) -> None:
    cell, axis, backwards, joined, words = CASES[name]
    torch.manual_seed(0)
    network = Unrolled(cell, axis, backwards, joined).eval()
    x = torch.randn(3, STEPS, 4) if axis else torch.randn(STEPS, 3, 4)
    model = oxide.import_torch(network, (x,)).run_passes("default")
    model.run_passes("outline{min-ops=6},roll,default")
    text, expected = str(model.module), [value.detach().numpy() for value in network(x)]
    assert text.count("stablehlo.while") == 1
    assert "stablehlo.concatenate" not in text
    for value, wanted in zip(model.compile(cache=False)(x.numpy()), expected, strict=True):
        np.testing.assert_allclose(value, wanted, rtol=1e-5, atol=1e-6)

    source = model.to_jax_source()
    assert words in " ".join(source.text.split()).replace("( ", "(").replace(" )", ")")


def test_gradients_through_the_scan_are_those_of_the_steps() -> None:
    torch.manual_seed(0)
    x = torch.randn(STEPS, 3, 4)
    model = oxide.import_torch(Unrolled(nn.GRUCell(4, 8), 0, True, False).eval(), (x,)).run_passes("default")
    steps = load(model.to_jax_source())["forward"]
    scan = load(model.run_passes("outline{min-ops=6},roll,default").to_jax_source())["forward"]
    weights = {key: np.asarray(value) for key, value in model.parameters.items()}
    wanted = jax.grad(lambda w: sum((y**2).sum() for y in steps(nested(w), x.numpy())))(weights)
    got = jax.grad(lambda w: sum((y**2).sum() for y in scan(nested(w), x.numpy())))(weights)
    for key, gradient in wanted.items():
        assert float(abs(gradient).max()) > 1e-2
        np.testing.assert_allclose(got[key], gradient, rtol=1e-4, atol=1e-5, err_msg=key)


def test_open_batch() -> None:
    """The state of the loop has the batch that the model is called with."""
    torch.manual_seed(0)
    layers = nn.Sequential(*(nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4), nn.Tanh()) for _ in range(4))).eval()
    shapes = ({0: torch.export.Dim("batch")},)
    model = oxide.import_torch(layers, (torch.randn(2, 4),), dynamic_shapes=shapes).run_passes("default")
    model.run_passes("outline{min-ops=4},roll,hoist-params")
    source, executable = load(model.to_jax_source()), model.compile(cache=False)
    params = source["prepare"](nested(dict(model.parameters)))
    for batch in (1, 3):
        x = torch.randn(batch, 4)
        expected = layers(x).detach().numpy()
        np.testing.assert_allclose(executable(x.numpy()), expected, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(source["forward"](params, x.numpy()), expected, rtol=1e-5, atol=1e-6)
