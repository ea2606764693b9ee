"""Small ONNX models for tests: built in a line, run in a line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from conformance.xla import Program
from onnx import FunctionProto, GraphProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper

from oxide import Model, import_onnx

OPSET = 21
FLOAT = TensorProto.FLOAT
node = helper.make_node
# Of operators that ONNX does not have.
DOMAIN = "my.domain"


def value(name: str, shape: Sequence[int | str | None] | None = (2, 3), dtype: int = FLOAT) -> Any:
    return helper.make_tensor_value_info(name, dtype, shape)


def graph(
    nodes: Sequence[NodeProto],
    inputs: Sequence[Any] = ("x",),
    outputs: Sequence[Any] = ("y",),
    weights: dict[str, np.ndarray] | None = None,
) -> GraphProto:
    """Inputs and outputs are value infos, or names of float tensors of shape (2, 3)."""
    return helper.make_graph(
        list(nodes),
        "tested",
        [value(v) if isinstance(v, str) else v for v in inputs],
        [value(v) if isinstance(v, str) else v for v in outputs],
        [numpy_helper.from_array(array, name) for name, array in (weights or {}).items()],
    )


def model(
    nodes: Sequence[NodeProto],
    *args: Any,
    opset: int = OPSET,
    opsets: dict[str, int] | None = None,
    functions: Sequence[FunctionProto] = (),
    ir_version: int = 10,
    **kwargs: Any,
) -> ModelProto:
    imports = [helper.make_opsetid(d, v) for d, v in {"": opset, **(opsets or {})}.items()]
    return helper.make_model(
        graph(nodes, *args, **kwargs), opset_imports=imports, functions=functions, ir_version=ir_version
    )


def relu_model() -> ModelProto:
    return model([node("Relu", ["x"], ["y"], name="act")])


def run(imported: Model, *inputs: np.ndarray) -> list[np.ndarray]:
    """Run an imported model with its weights on XLA's CPU client."""
    return Program(imported.module)([*inputs, *imported.parameters.values()])


def import_and_run(proto: ModelProto | bytes, *inputs: np.ndarray, **options: Any) -> list[np.ndarray]:
    return run(import_onnx(proto, **options), *inputs)


def sample(shape: Sequence[int] = (2, 3), seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def call(op: str, inputs=("x",), outputs=("y",), **attributes: Any):
    """A node of DOMAIN."""
    return node(op, list(inputs), list(outputs), name="call", domain=DOMAIN, **attributes)


def one_call(op: str, inputs=("x",), outputs=("y",), *, weights=None, version: int = 1, **attributes: Any):
    """A model of one node of DOMAIN."""
    names = [name for name in inputs if name and name not in (weights or {})]
    empty = [helper.make_empty_tensor_value_info(name) for name in outputs if name]
    return model([call(op, inputs, outputs, **attributes)], names, empty, weights=weights, opsets={DOMAIN: version})
