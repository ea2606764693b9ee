"""Real architectures end to end: every one imports, compiles and gives onnxruntime's numbers."""

import numpy as np
import onnx
import pytest
from models.verify_all import verify_model
from models.zoo import ZOO, image_like, light_as_shipped

import oxide
from oxide.verification import verify_layers


@pytest.mark.parametrize("name", ZOO)
def test_model_agrees_with_onnxruntime(name):
    row = verify_model(ZOO[name])
    assert row.passed, row
    assert row.sum_oxide == pytest.approx(row.sum_onnxruntime, rel=1e-4, abs=1e-3)


def logits(name: str) -> onnx.ModelProto:
    """A light model as shipped, up to its softmax.

    Its weights are constants, so all classes get one logit of about 1e10, where half a unit in the last place
    is 512: XLA, which contracts the mean's multiply and the softmax's subtract into one rounding, may then
    exponentiate +-512.  The logits themselves are also the stricter test.
    """
    model = onnx.load(light_as_shipped(name))
    last = model.graph.node[-1]
    if last.op_type == "Softmax":
        model.graph.output[0].name = last.input[0]
        model.graph.output[0].type.tensor_type.ClearField("shape")
        del model.graph.node[-1]
    return model


# The others have the same operators and take long for what they add.
@pytest.mark.parametrize("name", ["inception_v1", "resnet50", "shufflenet", "squeezenet"])
def test_light_model_as_shipped_agrees_with_onnxruntime_layer_by_layer(name):
    """All layers but the last: constant weights make logits up to 1e10, whose neighbours in float32 lie hundreds
    apart, so their softmax is noise.  XLA even gives NaN where it contracts the product that makes a logit into
    the subtraction of the maximum.
    """
    path = light_as_shipped(name)
    model = oxide.load(path)
    (image,), (probabilities,) = model.inputs, model.outputs
    inputs = {image.name: image_like(np.random.default_rng(0), (1, 3, 224, 224))}
    comparisons = verify_layers(path, inputs).comparisons
    assert len(comparisons) > 50
    assert comparisons[-1].name == probabilities.name
    assert not [comparison for comparison in comparisons[:-1] if not comparison.passed]
