"""Activation functions, the softmax family and inference Dropout."""

from __future__ import annotations

import math
from collections.abc import Callable

from jaxlib.mlir import ir

from oxide.dialects import composites, hlo
from oxide.frontends.onnx.ops.elementwise import unary
from oxide.frontends.onnx.registry import Node, lowering, register

ConsumedInputs = list[int] | None


def _gelu(x: ir.Value, approximate: str) -> ir.Value:
    return composites.build("gelu", [x], approximate=approximate)[0]


def _silu(x: ir.Value) -> ir.Value:
    return composites.build("silu", [x])[0]


def _softplus(x: ir.Value) -> ir.Value:
    """log(1 + e^x), written so that large x does not overflow."""
    return hlo.add(hlo.maximum(x, 0), hlo.log1p(hlo.exp(hlo.negate(hlo.abs(x)))))


def _mish(x: ir.Value) -> ir.Value:
    return hlo.multiply(x, hlo.tanh(_softplus(x)))


def _softsign(x: ir.Value) -> ir.Value:
    return hlo.divide(x, hlo.add(hlo.abs(x), 1))


def _elu(x: ir.Value, alpha: float) -> ir.Value:
    """x above zero, alpha (e^x - 1) below; the exponential never sees a positive x."""
    return hlo.select(hlo.greater(x, 0), x, hlo.multiply(hlo.expm1(hlo.minimum(x, 0)), alpha))


def _hard_sigmoid(x: ir.Value, alpha: float, beta: float) -> ir.Value:
    return hlo.clamp(0, hlo.add(hlo.multiply(x, alpha), beta), 1)


def _leaky_relu(x: ir.Value, alpha: float) -> ir.Value:
    return hlo.select(hlo.greater_equal(x, 0), x, hlo.multiply(x, alpha))


def _selu(x: ir.Value, alpha: float, gamma: float) -> ir.Value:
    return hlo.multiply(_elu(x, alpha), gamma)


# operator, since-versions, builder
PLAIN: list[tuple[str, tuple[int, ...], Callable[[ir.Value], ir.Value]]] = [
    ("HardSwish", (14, 22), lambda x: hlo.multiply(x, _hard_sigmoid(x, 1 / 6, 0.5))),
    ("Mish", (18, 22), _mish),
    ("Relu", (1, 6, 13, 14), hlo.relu),
    ("Sigmoid", (1, 6, 13), hlo.logistic),
    ("Softplus", (1, 22), _softplus),
    ("Softsign", (1, 22), _softsign),
    ("Tanh", (1, 6, 13), hlo.tanh),
]
HAD_CONSUMED_INPUTS = ("Relu", "Sigmoid", "Tanh")


for _name, _versions, _build in PLAIN:
    register(_name, _versions, unary(_build, consumed_inputs=_name in HAD_CONSUMED_INPUTS))


# -------------------------------------------------------------------------------- with parameters


@lowering("Elu", 1, 6, 22)
def elu(node: Node, x: ir.Value, *, alpha: float = 1.0, consumed_inputs: ConsumedInputs = None) -> ir.Value:
    return _elu(x, alpha)


@lowering("Celu", 12, 28)
def celu(node: Node, x: ir.Value, *, alpha: float = 1.0) -> ir.Value:
    """max(0, x) + min(0, alpha (e^(x / alpha) - 1))."""
    bent = hlo.multiply(hlo.expm1(hlo.divide(hlo.minimum(x, 0), alpha)), alpha)
    return hlo.add(hlo.maximum(x, 0), bent)


@lowering("Selu", 1)
def selu_1(
    node: Node, x: ir.Value, *, alpha: float = 1.6732, gamma: float = 1.0507, consumed_inputs: ConsumedInputs = None
) -> ir.Value:
    return _selu(x, alpha, gamma)


@lowering("Selu", 6, 22)
def selu(
    node: Node, x: ir.Value, *, alpha: float = 1.6732632423543772, gamma: float = 1.0507009873554805
) -> ir.Value:
    return _selu(x, alpha, gamma)


@lowering("LeakyRelu", 1, 6, 16)
def leaky_relu(node: Node, x: ir.Value, *, alpha: float = 0.01, consumed_inputs: ConsumedInputs = None) -> ir.Value:
    return _leaky_relu(x, alpha)


@lowering("PRelu", 1, 6)
def prelu_1(node: Node, x: ir.Value, slope: ir.Value, *, consumed_inputs: ConsumedInputs = None) -> ir.Value:
    """Before opset 7 a slope of rank 1 belongs to the channels (dimension 1)."""
    if hlo.rank(slope) == 1 and hlo.rank(x) > 1 and hlo.size(slope) > 1:
        slope = hlo.broadcast_in_dim(slope, hlo.shape(x), [1])
    return prelu(node, x, slope)


@lowering("PRelu", 7, 9, 16)
def prelu(node: Node, x: ir.Value, slope: ir.Value) -> ir.Value:
    return hlo.select(hlo.less(x, 0), hlo.multiply(x, slope), x)


@lowering("ThresholdedRelu", 10, 22)
def thresholded_relu(node: Node, x: ir.Value, *, alpha: float = 1.0) -> ir.Value:
    return hlo.select(hlo.greater(x, alpha), x, 0)


@lowering("HardSigmoid", 1, 6, 22)
def hard_sigmoid(
    node: Node, x: ir.Value, *, alpha: float = 0.2, beta: float = 0.5, consumed_inputs: ConsumedInputs = None
) -> ir.Value:
    return _hard_sigmoid(x, alpha, beta)


@lowering("Shrink", 9)
def shrink(node: Node, x: ir.Value, *, bias: float = 0.0, lambd: float = 0.5) -> ir.Value:
    """x + bias below -lambd, x - bias above lambd, zero between."""
    inner = hlo.select(hlo.greater(x, lambd), hlo.subtract(x, bias), 0)
    return hlo.select(hlo.less(x, -lambd), hlo.add(x, bias), inner)


@lowering("Gelu", 20)
def gelu(node: Node, x: ir.Value, *, approximate: str = "none") -> ir.Value:
    return _gelu(x, approximate)


@lowering("Swish", 24)
def swish(node: Node, x: ir.Value, *, alpha: float = 1.0) -> ir.Value:
    """x sigmoid(alpha x)."""
    return _silu(x) if alpha == 1 else hlo.multiply(x, hlo.logistic(hlo.multiply(x, alpha)))


# --------------------------------------------------------------------------------------- softmax family


def flattened(name: str) -> Callable:
    """Before opset 13 everything from `axis` on counts as one dimension."""

    def lower(node: Node, x: ir.Value, *, axis: int = 1) -> ir.Value:
        rank = hlo.rank(x)
        axis = hlo.normalize_axis(axis, rank) if rank else 0
        if axis == rank - 1:
            return _along(name, x, axis)
        dims = hlo.shape(x)
        rows = hlo.reshape(x, [math.prod(dims[:axis]), math.prod(dims[axis:])])
        return hlo.reshape(_along(name, rows, 1), dims)

    return lower


def single_axis(name: str) -> Callable:
    def lower(node: Node, x: ir.Value, *, axis: int = -1) -> ir.Value:
        return _along(name, x, hlo.normalize_axis(axis, hlo.rank(x)))

    return lower


def _along(name: str, x: ir.Value, axis: int) -> ir.Value:
    if name == "hardmax":
        first = hlo.argmax(x, axis, index_dtype="int32")
        return hlo.convert(hlo.one_hot(first, hlo.shape(x)[axis], axis), hlo.dtype(x))
    return composites.build(name, [x], axis=axis)[0]


for _name, _kind in [("Softmax", "softmax"), ("LogSoftmax", "log_softmax"), ("Hardmax", "hardmax")]:
    register(_name, (1, 11), flattened(_kind))
    register(_name, (13,), single_axis(_kind))


# ---------------------------------------------------------------------------------------------- dropout


@lowering("Dropout", 1, 6)
def dropout_1(
    node: Node, x: ir.Value, *, ratio: float = 0.5, is_test: int = 0, consumed_inputs: ConsumedInputs = None
) -> list[ir.Value]:
    """The mask had x's dtype then."""
    if not is_test and ratio:
        raise node.error("Dropout in training mode draws random numbers; export with is_test=1 for inference")
    return [x, hlo.full_like(x, 1)]


@lowering("Dropout", 7)
def dropout_7(node: Node, x: ir.Value, *, ratio: float = 0.5) -> list[ir.Value]:
    """Opset 7 dropped the training mode."""
    return [x, hlo.full_like(x, 1)]


@lowering("Dropout", 10)
def dropout_10(node: Node, x: ir.Value, *, ratio: float = 0.5) -> list[ir.Value]:
    return [x, hlo.full(hlo.shape(x), True, "bool")]
