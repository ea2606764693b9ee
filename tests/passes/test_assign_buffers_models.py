"""The twelve models, small, run inside one arena at the planned offsets and give PyTorch's numbers."""

from collections.abc import Callable
from typing import cast

import numpy as np
import pytest
import torch
from jaxlib.mlir import ir
from models import architectures, sequence_architectures
from operations_by_xla import Evaluator
from torch import nn

import oxide
from oxide.passes.assign_buffers import AssignBuffers
from oxide.passes.assign_buffers.executor import execute
from oxide.passes.base import PassLog
from oxide.passes.manager import run_pipeline


class DenseBlock(nn.Module):
    """Layers that read the concatenation of all before them, as in DenseNet."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Sequential(nn.BatchNorm2d(8 + 16 * i), nn.ReLU(), nn.Conv2d(8 + 16 * i, 16, 3, padding=1))
            for i in range(4)
        )
        self.transition = nn.Sequential(nn.Conv2d(72, 8, 1), nn.AvgPool2d(2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for layer in self.layers:
            x = torch.cat([x, layer(x)], dim=1)
        return self.transition(x)


class InceptionBlock(nn.Module):
    """Branches of several widths side by side, as in Inception."""

    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Conv2d(8, 16, 1)
        self.three = nn.Sequential(nn.Conv2d(8, 12, 1), nn.ReLU(), nn.Conv2d(12, 16, 3, padding=1))
        self.five = nn.Sequential(nn.Conv2d(8, 4, 1), nn.ReLU(), nn.Conv2d(4, 8, 5, padding=2))
        self.pool = nn.Sequential(nn.MaxPool2d(3, 1, padding=1), nn.Conv2d(8, 8, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(torch.cat([self.one(x), self.three(x), self.five(x), self.pool(x)], dim=1))


def residual_blocks() -> nn.Module:
    return nn.Sequential(architectures.ResidualBlock(8, 8, 1), architectures.ResidualBlock(8, 16, 2))


def inverted_residuals() -> nn.Module:
    block = sequence_architectures.InvertedResidual
    return nn.Sequential(block(8, 8, 1, 6), block(8, 12, 2, 6))


def ids(length: int, copies: int = 1) -> tuple[torch.Tensor, ...]:
    return tuple(torch.randint(0, 2, (1, length)) for _ in range(copies))


Inputs = Callable[[], tuple[torch.Tensor, ...]]
MODELS: dict[str, tuple[Callable[[], nn.Module], Inputs]] = {
    "resnet": (residual_blocks, lambda: (torch.randn(1, 8, 16, 16),)),
    "mobilenet_v2": (inverted_residuals, lambda: (torch.randn(1, 8, 16, 16),)),
    "densenet": (DenseBlock, lambda: (torch.randn(1, 8, 8, 8),)),
    "inception": (InceptionBlock, lambda: (torch.randn(1, 8, 8, 8),)),
    "vision_transformer": (lambda: architectures.DeitSmall(48, 2, 3), lambda: (torch.randn(1, 3, 224, 224),)),
    "bert": (lambda: sequence_architectures.BertBase(32, 2, 4), lambda: ids(16, 3)),
    "gpt2_prefill": (lambda: sequence_architectures.Gpt2Small(32, 2, 4), lambda: ids(16)),
    "gpt2_decode": (
        lambda: sequence_architectures.Gpt2Small(32, 2, 4),
        lambda: (*ids(1), *(torch.randn(1, 4, 16, 8) for _ in range(4))),
    ),
    "t5_encoder": (lambda: sequence_architectures.T5SmallEncoder(32, 2, 4), lambda: ids(16, 2)),
    "lstm": (sequence_architectures.Lstm, lambda: (torch.randn(1, 8, 64),)),
    "unet_block": (
        lambda: sequence_architectures.UnetBlock(16),
        lambda: (torch.randn(1, 16, 8, 8), torch.tensor([3])),
    ),
    "mlp": (architectures.Mlp, lambda: (torch.randn(1, 64),)),
}


# torch.export says so of LSTM, whose flat weights are the parameters again.
@pytest.mark.filterwarnings("ignore:The tensor attributes .*_flat_weights:UserWarning")
@pytest.mark.parametrize("name", MODELS)
def test_a_model_computes_the_same_in_one_arena(name: str) -> None:
    check_in_arena(name, "lower,fuse")


def test_layers_that_are_calls_and_composites_have_their_arenas_inside() -> None:
    module = check_in_arena("bert", "default,outline")
    text = str(module)
    assert all(part in text for part in ("call @", "stablehlo.composite", "oxide.scratch"))


def check_in_arena(name: str, pipeline: str) -> ir.Module:
    """Run a model as its plan says, and compare; answers the module."""
    build, inputs = MODELS[name]
    network = architectures.seeded(cast(type[nn.Module], build))
    given = inputs()
    with torch.no_grad():
        wanted = network(*given)
        model = oxide.import_torch(torch.export.export(network, given))
    module = run_pipeline(model.module, pipeline)
    log = PassLog()
    AssignBuffers().run(module, log)
    # The bound that is asked of full-size models, which buffers.py among the benchmarks measures.
    assert log.counts["arena bytes"] <= 1.05 * log.counts["lower bound bytes"]
    weights = [np.asarray(model.parameters[spec.name]) for spec in model.signature.parameters]
    found = execute(module, [*(value.numpy() for value in given), *weights], Evaluator())
    expected = [wanted] if isinstance(wanted, torch.Tensor) else list(wanted)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs.numpy(), rtol=1e-4, atol=1e-4)
    return module
