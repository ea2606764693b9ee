"""Gradient against torch's autograd."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from onnx import helper

from oxide import OxideError, import_onnx

rng = np.random.default_rng(3)


@pytest.fixture(autouse=True)
def fresh_numbers():
    """Every test draws the same numbers, whichever ran before it on this worker."""
    global rng
    rng = np.random.default_rng(3)


def gradient_model(nodes, inputs, y, xs):
    gradient = helper.make_node(
        "Gradient", xs, [f"d{x}" for x in xs], domain="ai.onnx.preview.training", xs=xs, y=y, name="gradient"
    )
    graph = helper.make_graph(
        [*nodes, gradient],
        "g",
        [helper.make_tensor_value_info(name, 1, a.shape) for name, a in inputs.items()],
        [helper.make_tensor_value_info(f"d{x}", 1, None) for x in xs],
    )
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.preview.training", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def check(nodes, inputs, y, xs, compute):
    have = import_onnx(gradient_model(nodes, inputs, y, xs)).compile(cache=False).run(inputs)
    tensors = {name: torch.tensor(a, requires_grad=True) for name, a in inputs.items()}
    want = torch.autograd.grad(compute(**tensors).sum(), [tensors[x] for x in xs])
    for x, expected in zip(xs, want, strict=True):
        np.testing.assert_allclose(have[f"d{x}"], expected.numpy(), rtol=1e-4, atol=1e-5)


UNARY = {
    "Abs": torch.abs,
    "Cos": torch.cos,
    "Exp": torch.exp,
    "Log": torch.log,
    "Reciprocal": torch.reciprocal,
    "Relu": torch.relu,
    "Sigmoid": torch.sigmoid,
    "Sin": torch.sin,
    "Sqrt": torch.sqrt,
    "Tanh": torch.tanh,
}


@pytest.mark.parametrize("op", UNARY)
def test_unary(op):
    x = rng.uniform(0.2, 2, (3, 4)).astype(np.float32)
    check([helper.make_node(op, ["x"], ["y"])], {"x": x}, "y", ["x"], lambda x: UNARY[op](x))


BINARY = {
    "Add": torch.add,
    "Sub": torch.subtract,
    "Mul": torch.multiply,
    "Div": torch.divide,
    "Pow": torch.pow,
    "Max": torch.maximum,
    "Min": torch.minimum,
}


@pytest.mark.parametrize("op", BINARY)
def test_binary_with_broadcast(op):
    inputs = {"a": rng.uniform(0.5, 2, (2, 3, 4)), "b": rng.uniform(0.5, 2, (3, 1))}
    inputs = {name: a.astype(np.float32) for name, a in inputs.items()}
    check([helper.make_node(op, ["a", "b"], ["y"])], inputs, "y", ["a", "b"], lambda a, b: BINARY[op](a, b))


@pytest.mark.parametrize(
    ("a", "b"), [((3, 4), (4, 5)), ((2, 3, 4), (4, 5)), ((2, 1, 3, 4), (3, 4, 5)), ((4,), (4, 5))]
)
def test_matmul(a, b):
    inputs = {"a": rng.standard_normal(a).astype(np.float32), "b": rng.standard_normal(b).astype(np.float32)}
    nodes = [helper.make_node("MatMul", ["a", "b"], ["m"]), helper.make_node("Tanh", ["m"], ["y"])]
    check(nodes, inputs, "y", ["a", "b"], lambda a, b: torch.tanh(a @ b))


def test_a_value_used_twice_and_moved():
    x = rng.standard_normal((3, 4)).astype(np.float32)
    nodes = [
        helper.make_node("Transpose", ["x"], ["t"], perm=[1, 0]),
        helper.make_node("MatMul", ["x", "t"], ["m"]),
        helper.make_node("ReduceSum", ["m"], ["y"], keepdims=0),
    ]
    check(nodes, {"x": x}, "y", ["x"], lambda x: x @ x.T)


def test_operation_without_a_rule_is_refused():
    x = np.ones((1, 1, 4, 4), np.float32)
    nodes = [helper.make_node("MaxPool", ["x"], ["y"], kernel_shape=[2, 2])]
    with pytest.raises(OxideError, match=r"(?s)gradient.*no derivative"):
        import_onnx(gradient_model(nodes, {"x": x}, "y", ["x"]))
