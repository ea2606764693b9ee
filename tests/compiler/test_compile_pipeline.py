"""What `Model.compile` does to a module before XLA sees it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import oxide
from oxide.dialects.diagnostics import OxideError

# The weight comes transposed, as PyTorch's linear layers have it.
SOURCE = b"""
func.func @main(%x: tensor<2x3xf32> {oxide.name = "x"}, %w: tensor<4x3xf32> {oxide.name = "w", oxide.param = "w"})
    -> tensor<2x4xf32> {
  %exp = stablehlo.exponential %w : tensor<4x3xf32>
  %t = stablehlo.transpose %exp, dims = [1, 0] : (tensor<4x3xf32>) -> tensor<3x4xf32>
  %y = stablehlo.dot_general %x, %t, contracting_dims = [1] x [0]
    : (tensor<2x3xf32>, tensor<3x4xf32>) -> tensor<2x4xf32>
  return %y : tensor<2x4xf32>
}"""
RNG = np.random.default_rng(0)
X, W = RNG.standard_normal((2, 3)).astype(np.float32), RNG.standard_normal((4, 3)).astype(np.float32)


@pytest.fixture
def model() -> oxide.Model:
    loaded = oxide.load(SOURCE)
    loaded.parameters = {"w": W}
    return loaded


@pytest.mark.parametrize(("pipeline", "exponentials"), [(None, 0), ("", 1), ("default", 1), ("hoist-params", 0)])
def test_passes_run_on_a_copy(model: oxide.Model, pipeline: str | None, exponentials: int) -> None:
    before = str(model.module)
    executable = model.compile(pipeline=pipeline, cache=False)
    assert executable.hlo().count(" exponential(") == exponentials
    np.testing.assert_allclose(executable(X), X @ np.exp(W).T, rtol=1e-5)
    assert str(model.module) == before
    assert [spec.name for spec in model.parameter_specs] == ["w"]


def test_a_pass_that_does_not_exist(model: oxide.Model) -> None:
    with pytest.raises(OxideError, match="no-such-pass"):
        model.compile(pipeline="no-such-pass")


def test_open_sizes_go_through_the_passes_once_they_are_known() -> None:
    """A convolution of channels-first images turns, and its weight is prepared once for all sizes of the batch."""
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Conv2d(16, 16, 3), torch.nn.ReLU(), torch.nn.Conv2d(16, 16, 3)).eval()
    x = torch.randn(2, 16, 12, 12)
    model = oxide.import_torch(net, (x,), dynamic_shapes=({0: torch.export.Dim("batch")},))
    executable = model.compile(cache=False)
    for size in (1, 5, 1):
        x = torch.randn(size, 16, 12, 12)
        np.testing.assert_allclose(executable(x), net(x).detach(), atol=1e-5)
        assert "dim_labels=b01f_01io->b01f" in executable.hlo()
    one, five = executable._specialized.values()
    assert one.prepared
    assert one.prepared is five.prepared
