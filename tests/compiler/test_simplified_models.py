"""Simplified models compute what the originals do: compiled, saved and as JAX source."""

from __future__ import annotations

from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
import torch
from jax_source_oracle import load, nested
from models.twelve import TWELVE
from torch import nn

import oxide
from oxide.oracles import onnxruntime_oracle
from oxide.verification import verify

SIMPLIFIED = "default,fold-batch-norm,simplify{layout=auto convolutions=auto reassociate},default,hoist-params"


class Images(nn.Module):
    """Convolutions with and without windows, strides and groups, a pool, and attention over what they give."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1),
            nn.BatchNorm2d(8),
            nn.GELU(),
            nn.Conv2d(8, 8, 3, padding=1, groups=8),
            nn.Conv2d(8, 16, 1, stride=2),
            nn.MaxPool2d(2),
        )
        self.branches = nn.ModuleList(nn.Conv2d(16, width, 1) for width in (4, 12))
        self.q, self.k, self.v = (nn.Linear(16, 16) for _ in range(3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.features(x)
        x = torch.cat([branch(x) for branch in self.branches], 1)
        rows = x.flatten(2).transpose(1, 2)
        scores = (self.q(rows) * 0.25) @ self.k(rows).transpose(1, 2)
        return torch.softmax(scores, -1) @ self.v(rows)


def imported() -> tuple[oxide.Model, np.ndarray, np.ndarray]:
    """A model of torch.export, an input and what eager PyTorch gives for it."""
    torch.manual_seed(0)
    module, x = Images().eval(), torch.randn(1, 3, 16, 16)
    model = oxide.import_torch(module, (x,)).run_passes(SIMPLIFIED)
    return model, x.numpy(), module(x).detach().numpy()


def test_executable_artefact_and_source(tmp_path: Path) -> None:
    model, x, expected = imported()
    preparation = model.signature.preparation
    assert preparation is not None
    names = {spec.name for spec in preparation.results}
    assert {"branches.1.weight_concatenated", "q.weight_concatenated", "q.bias_concatenated"} <= names
    np.testing.assert_allclose(model.compile(pipeline="", cache=False)(x), expected, atol=1e-5)

    model.save(tmp_path / "model.mlirbc")
    loaded = oxide.load(tmp_path / "model.mlirbc")
    np.testing.assert_allclose(loaded.compile(pipeline="", cache=False)(x), expected, atol=1e-5)

    namespace = load(model.to_jax_source())
    params = nested(
        {spec.name: jnp.asarray(np.asarray(model.parameters[spec.name])) for spec in model.parameter_specs}
    )
    np.testing.assert_allclose(namespace["forward"](namespace["prepare"](params), x), expected, atol=1e-5)


@pytest.mark.parametrize("name", ["light_inception_v1", "t5_small_encoder"])
def test_models_agree_with_onnxruntime(name: str) -> None:
    path = TWELVE[name].path()
    model = oxide.load(path).run_passes(SIMPLIFIED)
    assert verify(model, onnxruntime_oracle(path), TWELVE[name].inputs()).passed
