"""Random operators: fixed numbers where ONNX gives a seed and a shape, a refusal elsewhere."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import helper

from oxide import OxideError, import_onnx


def model(op, inputs=(), **attributes):
    graph = helper.make_graph(
        [
            helper.make_node(op, list(inputs), ["noise"], name="draw", **attributes),
            helper.make_node("Neg", ["noise"], ["y"]),
        ],
        "g",
        [helper.make_tensor_value_info(name, 1, [3]) for name in inputs],
        [helper.make_tensor_value_info("y", 1, None)],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)])


def test_seeded_numbers_are_those_of_the_reference_implementation():
    state = np.random.RandomState(5)
    have = import_onnx(model("RandomNormal", shape=[2, 3], seed=5.0, scale=2.0, mean=1.0)).compile(cache=False)()
    np.testing.assert_allclose(have, -(state.randn(2, 3) * 2 + 1), rtol=1e-6)
    state = np.random.RandomState(5)
    have = import_onnx(model("RandomUniform", shape=[4], seed=5.0, low=2.0, high=3.0)).compile(cache=False)()
    np.testing.assert_allclose(have, -(state.rand(4) + 2), rtol=1e-6)


@pytest.mark.parametrize(
    ("op", "inputs", "attributes"),
    [
        ("RandomNormal", [], {"shape": [2]}),
        ("RandomUniform", [], {"shape": [2]}),
        ("RandomNormalLike", ["x"], {"seed": 1.0}),
        ("RandomUniformLike", ["x"], {}),
        ("Bernoulli", ["x"], {"seed": 1.0}),
    ],
)
def test_others_are_refused_by_name(op, inputs, attributes):
    with pytest.raises(OxideError, match=r'(?s)"draw".*noise an input'):
        import_onnx(model(op, inputs, **attributes))


def test_training_dropout_without_a_seed_is_refused():
    constants = [("ratio", 1, 0.5), ("training", 9, True)]
    nodes = [
        helper.make_node("Constant", [], [name], value=helper.make_tensor(name, kind, [], [value]))
        for name, kind, value in constants
    ]
    nodes.append(helper.make_node("Dropout", ["x", "ratio", "training"], ["y"], name="drop"))
    values = [helper.make_tensor_value_info(name, 1, [4]) for name in ("x", "y")]
    graph = helper.make_graph(nodes, "g", values[:1], values[1:])
    with pytest.raises(OxideError, match=r'(?s)"drop".*every run'):
        import_onnx(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)]))
