"""Softmax and the activation functions."""

from __future__ import annotations

from typing import Any

import torch
from jaxlib.mlir import ir

from oxide.dialects import composites, hlo
from oxide.frontends.torch.ops.elementwise import wide
from oxide.frontends.torch.registry import Kind, Node, elementwise, lowering

Value = ir.Value


def _softmax(node: Node, name: str, x: Value, dim: int, dtype: Any) -> Value:
    x = node.cast(x, dtype)
    if hlo.rank(x) == 0:
        return hlo.reshape(_softmax(node, name, hlo.reshape(x, [1]), 0, None), [])
    return composites.build(name, [x], axis=hlo.normalize_axis(dim, hlo.rank(x)))[0]


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
    return composites.build("gelu", [self], approximate=approximate)[0]


elementwise("aten.silu.default", lambda x: composites.build("silu", [x])[0], Kind.DEFAULT, ["self"])
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


def _log_sigmoid(x: Value) -> Value:
    """min(x, 0) - log(1 + exp(-|x|))."""
    return hlo.subtract(hlo.minimum(x, 0), hlo.log1p(hlo.exp(hlo.negate(hlo.abs(x)))))


elementwise("aten.log_sigmoid.default", wide(_log_sigmoid), Kind.DEFAULT, ["self"])


def _mish(x: Value) -> Value:
    """x * tanh(softplus(x))."""
    soft = hlo.add(hlo.maximum(x, 0), hlo.log1p(hlo.exp(hlo.negate(hlo.abs(x)))))
    return hlo.multiply(x, hlo.tanh(soft))


elementwise("aten.mish.default", wide(_mish), Kind.DEFAULT, ["self"])


@lowering("aten.glu.default")
def glu(node: Node, self: Value, dim: int = -1) -> Value:
    length = hlo.shape(self)[dim]
    a, b = hlo.split(self, dim, [length // 2, length // 2])
    return hlo.multiply(a, hlo.logistic(b))


def _silu_backward(grad: Value, x: Value) -> Value:
    """The derivative of x s(x) is s + x s (1 - s)."""
    gate = hlo.logistic(x)
    slope = hlo.multiply(gate, hlo.add(hlo.multiply(x, hlo.subtract(1, gate)), 1))
    return hlo.multiply(grad, slope)


def _mish_backward(grad: Value, x: Value) -> Value:
    """The derivative of x t(x) with t = tanh(softplus(x)) is t + x s(x) (1 - t^2)."""
    t = hlo.tanh(hlo.negate(_log_sigmoid(hlo.negate(x))))
    slope = hlo.multiply(hlo.logistic(x), hlo.subtract(1, hlo.square(t)))
    return hlo.multiply(grad, hlo.add(t, hlo.multiply(x, slope)))


# PyTorch's own decompositions of these two call themselves.
elementwise("aten.silu_backward.default", wide(_silu_backward), Kind.DEFAULT, ["grad_output", "self"])
elementwise("aten.mish_backward.default", wide(_mish_backward), Kind.DEFAULT, ["grad_output", "self"])
