"""Real architectures end to end: every one imports, compiles and gives onnxruntime's numbers."""

import numpy as np
import pytest
from models.verify_all import verify_model
from models.zoo import LIGHT, ZOO, image_like, light_as_shipped

import oxide
from oxide.comparison import compare_all
from oxide.oracles import onnxruntime_oracle


@pytest.mark.parametrize("name", ZOO)
def test_model_agrees_with_onnxruntime(name):
    row = verify_model(ZOO[name])
    assert row.passed, row
    assert row.sum_oxide == pytest.approx(row.sum_onnxruntime, rel=1e-4, abs=1e-3)


# VGG-19 and the like take long for what they add: their graphs have the operators of the others.
@pytest.mark.parametrize("name", [name for name in LIGHT if name not in ("vgg19", "zfnet512", "bvlc_alexnet")])
def test_light_model_as_shipped_agrees_with_onnxruntime(name):
    path = light_as_shipped(name)
    model = oxide.load(path)
    (image,) = model.inputs
    inputs = {image.name: image_like(np.random.default_rng(0), (1, 3, 224, 224))}
    ours = {key: np.asarray(value) for key, value in model.compile().run(inputs).items()}
    comparisons = compare_all(ours, onnxruntime_oracle(path).run(inputs))
    assert all(comparison.passed for comparison in comparisons), comparisons
