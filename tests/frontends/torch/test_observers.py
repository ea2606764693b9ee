"""Quantisation-aware training against PyTorch: fake quantisation by observed ranges, and by learnt parameters."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torch.ao.quantization import (
    FusedMovingAvgObsFakeQuantize,
    MovingAverageMinMaxObserver,
    MovingAveragePerChannelMinMaxObserver,
    disable_fake_quant,
    disable_observer,
)
from torch_oracle import check

# Ranges on both sides of 0, on one, of nothing, and too small for a scale.
X = torch.linspace(-4, 5, 24).reshape(4, 6) * torch.tensor([1.0, -1.0, 0.3, 2.0, 0.01, 1.5])
INPUTS = {
    "sides": X,
    "above": X.abs() + 1,
    "below": -X.abs(),
    "zeros": X * 0,
    "small": X * 1e-4,
    "off": X,
    "raw": X,
}
SYMMETRIC = {"dtype": torch.qint8, "quant_min": -128, "quant_max": 127}

OBSERVERS: dict[str, dict[str, Any]] = {
    "tensor": {
        "observer": MovingAverageMinMaxObserver,
        "dtype": torch.quint8,
        "quant_min": 0,
        "quant_max": 255,
        "averaging_constant": 0.1,
    },
    "tensor, symmetric": {
        "observer": MovingAverageMinMaxObserver,
        "qscheme": torch.per_tensor_symmetric,
        **SYMMETRIC,
    },
    "channels": {
        "observer": MovingAveragePerChannelMinMaxObserver,
        "qscheme": torch.per_channel_symmetric,
        "ch_axis": 0,
        **SYMMETRIC,
    },
}


class Layer(nn.Module):
    """Observers, each of which has seen one tensor and sees another; one is switched off, one does not quantise."""

    def __init__(self, options: dict[str, Any]) -> None:
        super().__init__()
        self.each = nn.ModuleDict({name: FusedMovingAvgObsFakeQuantize(**options) for name in INPUTS})
        self(*(x * 0.9 for x in INPUTS.values()))
        self.each["off"].apply(disable_observer)
        self.each["raw"].apply(disable_fake_quant)

    def forward(self, *inputs: torch.Tensor) -> list[torch.Tensor]:
        return [observe(x) for observe, x in zip(self.each.values(), inputs, strict=True)]


@pytest.mark.parametrize("name", OBSERVERS)
def test_observers(name: str) -> None:
    check(Layer(OBSERVERS[name]), *INPUTS.values())


def test_learnt_parameters() -> None:
    def quantised(x, scale, zero, scales, zeros):
        whole = torch.ops.aten._fake_quantize_learnable_per_tensor_affine(x, scale, zero, 0, 255, 1.0)
        return whole, torch.ops.aten._fake_quantize_learnable_per_channel_affine(
            x, scales, zeros, 0, -128, 127, 1.0
        )

    each = torch.tensor([0.1, 0.03, 0.2, 0.011]), torch.tensor([0.0, 3.4, -2.5, 1.5])
    check(quantised, X, torch.tensor([0.04]), torch.tensor([3.6]), *each)
