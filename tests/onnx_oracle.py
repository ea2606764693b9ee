"""One-node models checked against onnxruntime."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnxruntime
from onnx import ModelProto, helper
from onnx_builders import import_and_run, model, node, value


def one_node(
    op_type: str,
    inputs: Mapping[str, np.ndarray],
    outputs: Sequence[str] = ("y",),
    *,
    weights: Mapping[str, np.ndarray] | None = None,
    order: Sequence[str] | None = None,
    opset: int = 21,
    domain: str = "",
    **attributes: Any,
) -> ModelProto:
    """A model of one node.  `order` names the node's inputs ("" absent) where not inputs, then weights.

    Outputs have types of no shape: they are what the node makes them.
    """
    weights = dict(weights or {})
    names = list(order) if order is not None else [*inputs, *weights]
    declared = [value(k, v.shape, helper.np_dtype_to_tensor_dtype(v.dtype)) for k, v in inputs.items()]
    untyped = [helper.make_empty_tensor_value_info(name) for name in outputs if name]
    return model(
        [node(op_type, names, list(outputs), domain=domain, **attributes)],
        declared,
        untyped,
        opset=opset,
        opsets={domain: 1} if domain else None,
        weights=weights,
    )


def onnxruntime_results(proto: ModelProto, inputs: Sequence[np.ndarray]) -> list[Any]:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    # With more threads it quantises parts of a batch by themselves.
    options.intra_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
    names = [i.name for i in session.get_inputs()]
    return list(session.run(None, dict(zip(names, inputs, strict=True))))


def check(proto: ModelProto, *inputs: np.ndarray, rtol: float = 1e-4, atol: float = 1e-5) -> None:
    """Oxide on XLA's CPU client gives what onnxruntime gives: shapes, dtypes and values of every output."""
    expected = onnxruntime_results(proto, inputs)
    results = import_and_run(proto, *inputs)
    assert len(results) == len(expected)
    for result, wanted in zip(results, expected, strict=True):
        result = np.asarray(result)
        assert (result.shape, result.dtype) == (wanted.shape, wanted.dtype)
        np.testing.assert_allclose(result, wanted, rtol=rtol, atol=atol)
