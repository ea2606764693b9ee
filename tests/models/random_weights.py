"""Give the onnx package's light models real weights.

onnx ships its classic architectures without weights: every parameter is a ConstantOfShape of 0.02, so that all
channels carry the same number and a transposed or permuted weight goes unnoticed.  `randomized` replaces
each by an initializer drawn for its role, and scales the last layer so that the logits spread: a softmax
that has saturated hides mistakes as well.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper

Draw = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]

LOGIT_SPREAD = 1.0


def centred_normal(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Keeps the variance of activations through a ReLU, as He et al. 2015 do; shape is (out, in, ...).

    The weights of one output sum to zero: the positive mean that ReLU gives every activation would
    otherwise outgrow the signal layer by layer, until the output hardly depends on the input.  What is
    left is the variance of relu(z) for standard normal z, which is (pi - 1) / 2 pi.
    """
    weight = rng.standard_normal((shape[0], int(np.prod(shape[1:]))), dtype=np.float32)
    weight -= weight.mean(axis=1, keepdims=True)
    weight *= np.float32(np.sqrt(2 * np.pi / (np.pi - 1) / weight.shape[1]))
    return weight.reshape(shape)


def small(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return rng.standard_normal(shape, dtype=np.float32) * np.float32(0.1)


def around_one(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return rng.uniform(0.5, 1.5, shape).astype(np.float32)


def below_one(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """For residual networks, in which larger scales amplify rounding errors from block to block."""
    return rng.uniform(0.3, 0.9, shape).astype(np.float32)


# (consumer, its input) -> how a parameter read there is drawn
ROLES: dict[tuple[str, int], Draw] = {
    ("Conv", 1): centred_normal,
    ("Conv", 2): small,
    ("Gemm", 1): centred_normal,
    ("Gemm", 2): small,
    ("BatchNormalization", 1): around_one,
    ("BatchNormalization", 2): small,
    ("BatchNormalization", 3): small,
    ("BatchNormalization", 4): around_one,
    ("Mul", 1): around_one,
    ("Add", 1): small,
}


def image_like(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Normal values (N, C, H, W) with coarse structure: white noise alone averages out in a deep network."""
    *outer, height, width = shape
    patch = 8
    coarse = rng.standard_normal((*outer, -(-height // patch), -(-width // patch)), dtype=np.float32)
    spread = coarse.repeat(patch, axis=-2).repeat(patch, axis=-1)[..., :height, :width]
    return spread + np.float32(0.3) * rng.standard_normal(shape, dtype=np.float32)


def randomized(model: onnx.ModelProto, seed: int = 0) -> onnx.ModelProto:
    """A copy of a light model whose ConstantOfShape weights are initializers with seeded random values."""
    result = onnx.ModelProto()
    result.CopyFrom(model)
    result.ir_version = 8  # from version 4 on, an initializer need not be an input
    graph = result.graph
    rng = np.random.default_rng(seed)
    shapes = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
    made = [node for node in graph.node if node.op_type == "ConstantOfShape" and node.input[0] in shapes]
    draws = {node.output[0]: role_of(graph, node.output[0]) for node in made}
    for node in made:
        name, shape = node.output[0], tuple(int(size) for size in shapes[node.input[0]])
        graph.node.remove(node)
        graph.initializer.append(numpy_helper.from_array(draws[name](rng, shape), name))
    tidy_initializers(graph)
    spread_logits(result)
    return result


def role_of(graph: onnx.GraphProto, name: str) -> Draw:
    """How the parameter `name` is drawn: by its first reader, looking through reshapes."""
    for node in graph.node:
        for position, operand in enumerate(node.input):
            if operand == name:
                if node.op_type in ("Unsqueeze", "Reshape"):
                    return role_of(graph, node.output[0])
                if (node.op_type, position) == ("BatchNormalization", 1) and is_residual(graph):
                    return below_one
                return ROLES[node.op_type, position]
    raise ValueError(f"nothing reads {name}")


def is_residual(graph: onnx.GraphProto) -> bool:
    return any(node.op_type == "Sum" for node in graph.node)


def tidy_initializers(graph: onnx.GraphProto) -> None:
    """Drop initializers that nothing reads; the others are weights only, not inputs with a default."""
    used = {name for node in graph.node for name in node.input}
    names = {tensor.name for tensor in graph.initializer}
    for tensor in [t for t in graph.initializer if t.name not in used]:
        graph.initializer.remove(tensor)
    for value in [v for v in graph.input if v.name in names]:
        graph.input.remove(value)


def spread_logits(model: onnx.ModelProto) -> None:
    """Scale the last Conv or Gemm so that what it computes for a normal input has deviation LOGIT_SPREAD."""
    graph = model.graph
    last = [node for node in graph.node if node.op_type in ("Conv", "Gemm")][-1]
    probe = helper.make_tensor_value_info(last.output[0], onnx.TensorProto.FLOAT, None)
    graph.output.append(probe)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    graph.output.pop()
    (image,) = session.get_inputs()
    feed = {image.name: image_like(np.random.default_rng(0), tuple(image.shape))}
    logits = np.asarray(session.run([last.output[0]], feed)[0])
    factor = np.float32(LOGIT_SPREAD / logits.std())
    for tensor in graph.initializer:
        if tensor.name in last.input[1:]:
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) * factor, tensor.name))
