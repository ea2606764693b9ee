"""The zoo is worth testing with: the same bytes on every run, and outputs that depend on the input."""

import numpy as np
import onnx
import onnxruntime
import pytest
from models.zoo import LIGHT, ZOO, light, light_as_shipped


@pytest.mark.parametrize("name", ["light_shufflenet", "mlp", "text_classifier"])
def test_build_is_deterministic(name):
    model = ZOO[name]
    assert model.build().SerializeToString() == model.path().read_bytes()


@pytest.mark.parametrize("name", ["light_shufflenet", "light_squeezenet", "small_cnn", "text_classifier"])
def test_outputs_depend_on_the_input(name):
    model = ZOO[name]
    session = onnxruntime.InferenceSession(model.path(), providers=["CPUExecutionProvider"])
    first, second = (np.asarray(session.run(None, model.inputs(seed))[0]) for seed in (0, 1))
    assert np.isfinite(first).all()
    assert np.abs(first - second).max() > 0.05 * np.abs(first).max()


def test_every_light_model_of_onnx_is_covered():
    folder = light_as_shipped(LIGHT[0]).parent
    assert sorted(LIGHT) == sorted(path.stem.removeprefix("light_") for path in folder.glob("light_*.onnx"))


def test_no_constant_weight_is_left():
    graph = light("squeezenet").graph
    assert "ConstantOfShape" not in {node.op_type for node in graph.node}
    onnx.checker.check_model(light("squeezenet"))
