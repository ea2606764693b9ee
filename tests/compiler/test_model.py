"""Model: passes change it or leave it alone, and every API name is where it should be."""

import numpy as np
import pytest

import oxide
from oxide.dialects.diagnostics import OxideError

SOURCE = b"""
func.func @main(%x: tensor<2x3xf32> {oxide.name = "x"}, %w: tensor<3xf32> {oxide.param = "w"}) -> tensor<3x2xf32> {
  %0 = stablehlo.transpose %x, dims = [1, 0] : (tensor<2x3xf32>) -> tensor<3x2xf32>
  %1 = stablehlo.transpose %0, dims = [1, 0] : (tensor<3x2xf32>) -> tensor<2x3xf32>
  %2 = stablehlo.transpose %1, dims = [1, 0] : (tensor<2x3xf32>) -> tensor<3x2xf32>
  return %2 : tensor<3x2xf32>
}"""


def test_passes_change_the_model() -> None:
    model = oxide.load(SOURCE)
    assert model.run_passes("canonicalize") is model
    assert str(model.module).count("stablehlo.transpose") == 1


@pytest.mark.parametrize(
    "pipeline", ["no-such-pass", "canonicalize,", "canonicalize,stablehlo-refine-arguments{types=i32}"]
)
def test_a_refused_pipeline_leaves_the_model_as_it_was(pipeline: str) -> None:
    model = oxide.load(SOURCE)
    before = str(model.module)
    with pytest.raises(OxideError):
        model.run_passes(pipeline)
    assert str(model.module) == before


def test_specifications() -> None:
    model = oxide.load(SOURCE)
    assert [str(spec) for spec in (*model.inputs, *model.parameter_specs, *model.outputs)] == [
        "x: 2x3xf32",
        "w: 3xf32",
        "result0: 3x2xf32",
    ]
    with pytest.raises(OxideError, match="weight w: 3xf32 has no value"):
        model.check()
    model.parameters = {"w": np.zeros(3, np.float32), "unused": np.zeros(1)}
    assert model.check() == model.signature


def test_public_names() -> None:
    for name in oxide.__all__:
        assert getattr(oxide, name)
