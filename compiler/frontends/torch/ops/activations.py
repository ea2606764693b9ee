"""Softmax and the activation functions."""

from __future__ import annotations

from typing import Any

import torch
from jaxlib.mlir import ir

from oxide.dialects import composites, dtypes, hlo
from oxide.frontends.torch.ops.elementwise import wide
from oxide.frontends.torch.registry import Kind, Node, elementwise, lowering

Value = ir.Value


def _softmax(node: Node, name: str, x: Value, dim: int, dtype: Any) -> Value:
    x = node.cast(x, dtype)
    if hlo.rank(x) == 0:
        return hlo.reshape(_softmax(node, name, hlo.reshape(x, [1]), 0, None), [])
    axis = hlo.normalize_axis(dim, hlo.rank(x))
    return wide(lambda v: composites.build(name, [v], axis=axis)[0])(x)


@lowering("aten.softmax.int")
def softmax(node: Node, self: Value, dim: int, dtype: torch.dtype | None = None) -> Value:
    return _softmax(node, "softmax", self, dim, dtype)


@lowering("aten.log_softmax.int")
def log_softmax(node: Node, self: Value, dim: int, dtype: torch.dtype | None = None) -> Value:
    return _softmax(node, "log_softmax", self, dim, dtype)


@lowering("aten._softmax.default")
def safe_softmax(node: Node, self: Value, dim: int, half_to_float: bool) -> Value:
    return _softmax(node, "softmax", self, dim, torch.float32 if half_to_float else None)


@lowering("aten._log_softmax.default")
def safe_log_softmax(node: Node, self: Value, dim: int, half_to_float: bool) -> Value:
    return _softmax(node, "log_softmax", self, dim, torch.float32 if half_to_float else None)


@lowering("aten.gelu.default")
def gelu(node: Node, self: Value, approximate: str = "none") -> Value:
    return wide(lambda x: composites.build("gelu", [x], approximate=approximate)[0])(self)


def _silu(x: Value) -> Value:
    """x * sigmoid(x); the composite is of real numbers."""
    if dtypes.is_complex(hlo.dtype(x)):
        return hlo.multiply(x, hlo.logistic(x))
    return wide(lambda v: composites.build("silu", [v])[0])(x)


elementwise("aten.silu.default", _silu, Kind.DEFAULT, ["self"])
elementwise("aten.relu6.default", lambda x: hlo.clamp(0, x, 6), Kind.DEFAULT, ["self"])


def _hard_sigmoid(x: Value) -> Value:
    return hlo.divide(hlo.clamp(0, hlo.add(x, 3), 6), 6)


elementwise("aten.hardsigmoid.default", wide(_hard_sigmoid), Kind.DEFAULT, ["self"])
elementwise("aten.hardswish.default", wide(lambda x: hlo.multiply(x, _hard_sigmoid(x))), Kind.DEFAULT, ["self"])


@lowering("aten.hardtanh.default")
def hardtanh(node: Node, self: Value, min_val: Any = -1, max_val: Any = 1) -> Value:
    return hlo.clamp(min_val, self, max_val)


@lowering("aten.leaky_relu.default")
def leaky_relu(node: Node, self: Value, negative_slope: Any = 0.01) -> Value:
    return hlo.select(hlo.greater(self, 0), self, wide(lambda x: hlo.multiply(x, negative_slope))(self))


@lowering("aten.elu.default")
def elu(node: Node, self: Value, alpha: Any = 1, scale: Any = 1, input_scale: Any = 1) -> Value:
    """scale * x where x > 0, else scale * alpha * (exp(input_scale * x) - 1)."""

    def formula(x: Value) -> Value:
        low = hlo.multiply(hlo.expm1(hlo.multiply(x, input_scale)), alpha * scale)
        return hlo.select(hlo.greater(x, 0), hlo.multiply(x, scale), low)

    return wide(formula)(self)


@lowering("aten.prelu.default")
def prelu(node: Node, self: Value, weight: Value) -> Value:
    """weight * x where x <= 0; the weight is one number, or one for each of dimension 1."""
    if hlo.size(weight) == 1:
        slope = hlo.broadcast_to(hlo.reshape(weight, []), hlo.shape(self))
    else:
        slope = hlo.broadcast_in_dim(weight, hlo.shape(self), [min(1, hlo.rank(self) - 1)])
    return hlo.select(hlo.greater(self, 0), self, hlo.multiply(self, slope))


@lowering("aten.softplus.default")
def softplus(node: Node, self: Value, beta: Any = 1, threshold: Any = 20) -> Value:
    """log(1 + exp(beta * x)) / beta, and x itself where beta * x is over the threshold."""

    def formula(x: Value) -> Value:
        scaled = hlo.multiply(x, beta)
        return hlo.select(hlo.greater(scaled, threshold), x, hlo.divide(hlo.log1p(hlo.exp(scaled)), beta))

    return wide(formula)(self)


def log_sigmoid(x: Value) -> Value:
    """min(x, 0) - log(1 + exp(-|x|))."""
    return hlo.subtract(hlo.minimum(x, 0), hlo.log1p(hlo.exp(hlo.negate(hlo.abs(x)))))


elementwise("aten.log_sigmoid.default", wide(log_sigmoid), Kind.DEFAULT, ["self"])


def _mish(x: Value) -> Value:
    """x * tanh(softplus(x))."""
    soft = hlo.add(hlo.maximum(x, 0), hlo.log1p(hlo.exp(hlo.negate(hlo.abs(x)))))
    return hlo.multiply(x, hlo.tanh(soft))


elementwise("aten.mish.default", wide(_mish), Kind.DEFAULT, ["self"])


@lowering("aten.log_sigmoid_forward.default")
def log_sigmoid_forward(node: Node, self: Value) -> list[Value]:
    """The second result is what PyTorch's kernel keeps for the gradient: exp(-|x|) on the CPU."""
    output = wide(log_sigmoid)(self)
    if node.shape_of(1) != hlo.shape(self):  # nothing on a GPU
        return [output, hlo.full(node.shape_of(1), 0, hlo.dtype(self))]
    return [output, hlo.exp(hlo.negate(hlo.abs(self)))]


@lowering("aten._prelu_kernel.default")
def prelu_kernel(node: Node, self: Value, weight: Value) -> Value:
    """prelu of a weight that broadcasts."""
    return hlo.select(hlo.greater(self, 0), self, hlo.multiply(self, weight))


@lowering("aten.celu.default")
def celu(node: Node, self: Value, alpha: Any = 1.0) -> Value:
    """elu whose slope is continuous: alpha * (exp(x / alpha) - 1) below 0."""
    if alpha == 0:
        raise node.error("alpha is 0, which celu divides by")
    return elu(node, self, alpha, 1, 1 / alpha)


# Klambauer et al. (2017), Self-Normalizing Neural Networks, appendix A.2.
_SELU_ALPHA, _SELU_SCALE = 1.6732632423543772, 1.0507009873554805


@lowering("aten.selu.default")
def selu(node: Node, self: Value) -> Value:
    return elu(node, self, _SELU_ALPHA, _SELU_SCALE)


@lowering("aten.hardshrink.default")
def hardshrink(node: Node, self: Value, lambd: Any = 0.5) -> Value:
    inside = hlo.and_(hlo.greater_equal(self, -lambd), hlo.less_equal(self, lambd))
    return hlo.select(inside, hlo.full_like(self, 0), self)


@lowering("aten.softshrink.default")
def softshrink(node: Node, self: Value, lambd: Any = 0.5) -> Value:
    """x less lambd towards 0; NaN stays."""

    def formula(x: Value) -> Value:
        high = hlo.select(hlo.greater(x, lambd), hlo.subtract(x, lambd), hlo.multiply(x, 0))
        return hlo.select(hlo.less(x, -lambd), hlo.add(x, lambd), high)

    return wide(formula)(self)


@lowering("aten.threshold.default")
def threshold(node: Node, self: Value, threshold: Any, value: Any) -> Value:
    """x above the threshold (and NaN), else the value."""
    return hlo.select(hlo.less_equal(self, threshold), hlo.full_like(self, value), self)


@lowering("aten.glu.default")
def glu(node: Node, self: Value, dim: int = -1) -> Value:
    length = hlo.shape(self)[dim]
    a, b = hlo.split(self, dim, [length // 2, length // 2])
    return hlo.multiply(a, hlo.logistic(b))
