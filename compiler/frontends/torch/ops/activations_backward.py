"""Gradients of softmax and of the activation functions, as training graphs have them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.frontends.torch.ops.activations import log_sigmoid
from oxide.frontends.torch.ops.elementwise import wide
from oxide.frontends.torch.promotion import compute_dtype
from oxide.frontends.torch.registry import Kind, Node, elementwise, lowering

Value = ir.Value


def _where(condition: Value, value: Value) -> Value:
    """The value where the condition holds, else 0."""
    return hlo.select(condition, value, hlo.full_like(value, 0))


def _tanh(grad: Value, y: Value) -> Value:
    return hlo.multiply(grad, hlo.subtract(1, hlo.square(y)))


def _sigmoid(grad: Value, y: Value) -> Value:
    return hlo.multiply(grad, hlo.multiply(hlo.subtract(1, y), y))


def _silu(grad: Value, x: Value) -> Value:
    """The derivative of x s(x) is s + x s (1 - s)."""
    gate = hlo.logistic(x)
    slope = hlo.multiply(gate, hlo.add(hlo.multiply(x, hlo.subtract(1, gate)), 1))
    return hlo.multiply(grad, slope)


def _mish(grad: Value, x: Value) -> Value:
    """The derivative of x t(x) with t = tanh(softplus(x)) is t + x s(x) (1 - t^2)."""
    t = hlo.tanh(hlo.negate(log_sigmoid(hlo.negate(x))))
    slope = hlo.multiply(hlo.logistic(x), hlo.subtract(1, hlo.square(t)))
    return hlo.multiply(grad, hlo.add(t, hlo.multiply(x, slope)))


def _hard_sigmoid(grad: Value, x: Value) -> Value:
    inside = hlo.and_(hlo.greater(x, -3), hlo.less(x, 3))
    return _where(inside, hlo.multiply(grad, 1 / 6))


def _hard_swish(grad: Value, x: Value) -> Value:
    sloped = hlo.multiply(grad, hlo.add(hlo.divide(x, 3), 0.5))
    return hlo.select(hlo.less_equal(x, -3), hlo.full_like(x, 0), hlo.select(hlo.less(x, 3), sloped, grad))


# Operators of the gradient and one other tensor: the argument, or the result where the derivative is one of it.
BINARY: dict[str, tuple[str, Callable[[Value, Value], Value]]] = {
    "hardsigmoid_backward": ("self", _hard_sigmoid),
    "hardswish_backward": ("self", _hard_swish),
    "mish_backward": ("self", _mish),
    "sigmoid_backward": ("output", _sigmoid),
    "silu_backward": ("self", _silu),
    "tanh_backward": ("output", _tanh),
}

for _name, (_other, _function) in BINARY.items():
    elementwise(f"aten.{_name}.default", wide(_function), Kind.DEFAULT, ["grad_output", _other])


@lowering("aten.gelu_backward.default")
def gelu_backward(node: Node, grad_output: Value, self: Value, approximate: str = "none") -> Value:
    slope = {"none": _gelu_slope, "tanh": _tanh_gelu_slope}
    if approximate not in slope:
        raise node.error(f"approximate is {approximate!r}, expected 'none' or 'tanh'")
    return wide(lambda g, x: hlo.multiply(g, slope[approximate](x)))(grad_output, self)


def _gelu_slope(x: Value) -> Value:
    """Of x Phi(x): Phi + x phi, the normal distribution's cdf and density."""
    cdf = hlo.multiply(hlo.add(hlo.erf(hlo.multiply(x, math.sqrt(0.5))), 1), 0.5)
    density = hlo.multiply(hlo.exp(hlo.multiply(hlo.square(x), -0.5)), 1 / math.sqrt(2 * math.pi))
    return hlo.add(cdf, hlo.multiply(x, density))


def _tanh_gelu_slope(x: Value) -> Value:
    """Of x (1 + t) / 2, t = tanh(u), u = sqrt(2/pi) (x + 0.044715 x^3)."""
    scale, cubic = math.sqrt(2 / math.pi), 0.044715
    square = hlo.square(x)
    t = hlo.tanh(hlo.multiply(hlo.multiply(x, hlo.add(hlo.multiply(square, cubic), 1)), scale))
    inner = hlo.multiply(hlo.add(hlo.multiply(square, 3 * cubic), 1), scale)
    steep = hlo.multiply(hlo.multiply(x, hlo.subtract(1, hlo.square(t))), inner)
    return hlo.multiply(hlo.add(hlo.add(t, 1), steep), 0.5)


@lowering("aten.hardtanh_backward.default")
def hardtanh_backward(node: Node, grad_output: Value, self: Value, min_val: Any, max_val: Any) -> Value:
    inside = hlo.and_(hlo.greater(self, min_val), hlo.less(self, max_val))
    return _where(inside, grad_output)


@lowering("aten.threshold_backward.default")
def threshold_backward(node: Node, grad_output: Value, self: Value, threshold: Any) -> Value:
    """Also relu's: the gradient passes where self > threshold, and where self is NaN."""
    return hlo.select(hlo.less_equal(self, threshold), hlo.full_like(grad_output, 0), grad_output)


@lowering("aten.native_dropout_backward.default")
def native_dropout_backward(node: Node, grad_output: Value, mask: Value, scale: float) -> Value:
    def formula(grad: Value) -> Value:
        return hlo.multiply(hlo.multiply(grad, hlo.convert(mask, hlo.dtype(grad))), scale)

    return wide(formula)(grad_output)


@lowering("aten.elu_backward.default")
def elu_backward(
    node: Node,
    grad_output: Value,
    alpha: Any,
    scale: Any,
    input_scale: Any,
    is_result: bool,
    self_or_result: Value,
) -> Value:
    """Below 0 the slope is input_scale * (result + alpha * scale), whose result is known or computed."""

    def formula(grad: Value, x: Value) -> Value:
        if is_result:
            low = hlo.multiply(hlo.add(x, alpha * scale), input_scale)
        else:
            low = hlo.multiply(hlo.exp(hlo.multiply(x, input_scale)), input_scale * alpha * scale)
        return hlo.multiply(grad, hlo.select(hlo.less_equal(x, 0), low, scale))

    return wide(formula)(grad_output, self_or_result)


@lowering("aten.leaky_relu_backward.default")
def leaky_relu_backward(
    node: Node, grad_output: Value, self: Value, negative_slope: Any, self_is_result: bool
) -> Value:
    """A result has the sign of its argument, so either will do."""
    low = wide(lambda grad: hlo.multiply(grad, negative_slope))(grad_output)
    return hlo.select(hlo.greater(self, 0), grad_output, low)


@lowering("aten.softplus_backward.default")
def softplus_backward(node: Node, grad_output: Value, self: Value, beta: Any, threshold: Any) -> Value:
    def formula(grad: Value, x: Value) -> Value:
        scaled = hlo.multiply(x, beta)
        return hlo.select(hlo.greater(scaled, threshold), grad, hlo.multiply(grad, hlo.logistic(scaled)))

    return wide(formula)(grad_output, self)


@lowering("aten.hardshrink_backward.default")
def hardshrink_backward(node: Node, grad_out: Value, self: Value, lambd: Any) -> Value:
    return _shrunk(grad_out, self, lambd)


@lowering("aten.softshrink_backward.default")
def softshrink_backward(node: Node, grad_output: Value, self: Value, lambd: Any) -> Value:
    return _shrunk(grad_output, self, lambd)


def _shrunk(grad: Value, x: Value, bound: Any) -> Value:
    inside = hlo.and_(hlo.greater_equal(x, -bound), hlo.less_equal(x, bound))
    return hlo.select(inside, hlo.full_like(grad, 0), grad)


@lowering("aten.log_sigmoid_backward.default")
def log_sigmoid_backward(node: Node, grad_output: Value, self: Value, buffer: Value) -> Value:
    """grad * sigmoid(-self); the buffer holds an intermediate value on some devices, and nothing on others."""
    return wide(lambda grad, x: hlo.multiply(grad, hlo.logistic(hlo.negate(x))))(grad_output, self)


@lowering("aten.rrelu_with_noise_backward.default")
def rrelu_with_noise_backward(
    node: Node,
    grad_output: Value,
    self: Value,
    noise: Value,
    lower: Any,
    upper: Any,
    training: bool,
    self_is_result: bool,
) -> Value:
    """In training the noise is the slope; else it is the mean of the bounds below 0."""
    slope = (lower + upper) / 2
    if training and upper - lower > 1e-6:
        return hlo.multiply(noise, grad_output)
    return leaky_relu_backward(node, grad_output, self, slope, self_is_result)


@lowering("aten._prelu_kernel_backward.default")
def prelu_kernel_backward(node: Node, grad_output: Value, self: Value, weight: Value) -> list[Value]:
    """Of the argument, and of the weight at every element before they are summed."""
    positive = hlo.greater(self, 0)
    of_self = hlo.select(positive, grad_output, hlo.multiply(weight, grad_output))
    of_weight = hlo.select(positive, hlo.full_like(grad_output, 0), hlo.multiply(self, grad_output))
    return [of_self, of_weight]


@lowering("aten.glu_backward.default")
def glu_backward(node: Node, grad_output: Value, self: Value, dim: int) -> Value:
    """Of a * s(b): grad * s, and grad * a * s (1 - s)."""
    axis = hlo.normalize_axis(dim, hlo.rank(self))
    half = hlo.shape(self)[axis] // 2

    def formula(grad: Value, x: Value) -> Value:
        a, b = hlo.split(x, axis, [half, half])
        gate = hlo.logistic(b)
        of_a = hlo.multiply(grad, gate)
        return hlo.concatenate([of_a, hlo.multiply(hlo.multiply(of_a, hlo.subtract(1, gate)), a)], axis)

    return wide(formula)(grad_output, self)


@lowering("aten._softmax_backward_data.default")
def softmax_backward(node: Node, grad_output: Value, output: Value, dim: int, input_dtype: torch.dtype) -> Value:
    """y * (grad - sum(grad * y))."""

    def formula(grad: Value, y: Value) -> Value:
        product = hlo.multiply(grad, y)
        return hlo.subtract(product, hlo.multiply(y, _sum(product, dim)))

    return _of_softmax(node, formula, grad_output, output, input_dtype)


@lowering("aten._log_softmax_backward_data.default")
def log_softmax_backward(
    node: Node, grad_output: Value, output: Value, dim: int, input_dtype: torch.dtype
) -> Value:
    """grad - softmax * sum(grad)."""

    def formula(grad: Value, y: Value) -> Value:
        return hlo.subtract(grad, hlo.multiply(hlo.exp(y), _sum(grad, dim)))

    return _of_softmax(node, formula, grad_output, output, input_dtype)


def _of_softmax(
    node: Node, formula: Callable[[Value, Value], Value], grad: Value, y: Value, dtype: torch.dtype
) -> Value:
    work = compute_dtype(hlo.dtype(grad))
    return node.cast(formula(hlo.convert(grad, work), hlo.convert(y, work)), dtype)


def _sum(x: Value, dim: int) -> Value:
    """A scalar's only dimension has one element."""
    return hlo.reduce_sum(x, [dim], keepdims=True) if hlo.rank(x) else x
