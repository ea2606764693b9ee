"""Optimizer steps of ai.onnx.preview.training.

Inputs are the learning rate R, the step count T, then one group of tensors after another: all parameters X, all
gradients G, then the states.  Outputs are the new parameters, then the new states, in the same grouping.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.frontends.onnx.registry import Node, lowering

TRAINING = "ai.onnx.preview.training"

# (x, g with regularisation, *states) -> (new x, *new states)
Update = Callable[..., Sequence[ir.Value]]


def _update_all(
    node: Node, tensors: Sequence[ir.Value], groups: int, norm_coefficient: float, update: Update
) -> list[ir.Value]:
    if not tensors or len(tensors) % groups:
        raise node.error(f"{len(tensors)} tensors do not divide into {groups} groups of equal length")
    count = len(tensors) // groups
    columns: list[Sequence[ir.Value]] = []
    for i in range(count):
        x, g, *states = tensors[i::count]
        columns.append(update(x, hlo.add(g, hlo.multiply(x, norm_coefficient)), *states))
    return [value for row in zip(*columns, strict=True) for value in row]


def _scalar(value: ir.Value, like: ir.Value) -> ir.Value:
    return hlo.convert(hlo.reshape(value, []), hlo.dtype(like))


@lowering("Adagrad", 1, domain=TRAINING)
def adagrad(
    node: Node,
    rate: ir.Value,
    step: ir.Value,
    *tensors: ir.Value,
    decay_factor: float = 0.0,
    epsilon: float = 1e-6,
    norm_coefficient: float = 0.0,
) -> list[ir.Value]:
    """H += G^2; X -= R / (1 + T decay) G / (sqrt(H) + epsilon)."""

    def update(x: ir.Value, g: ir.Value, h: ir.Value) -> list[ir.Value]:
        decayed = hlo.divide(_scalar(rate, x), hlo.add(hlo.multiply(_scalar(step, x), decay_factor), 1))
        squares = hlo.add(h, hlo.multiply(g, g))
        change = hlo.divide(hlo.multiply(g, decayed), hlo.add(hlo.sqrt(squares), epsilon))
        return [hlo.subtract(x, change), squares]

    return _update_all(node, tensors, 3, norm_coefficient, update)


@lowering("Adam", 1, domain=TRAINING)
def adam(
    node: Node,
    rate: ir.Value,
    step: ir.Value,
    *tensors: ir.Value,
    alpha: float = 0.9,
    beta: float = 0.999,
    epsilon: float = 1e-6,
    norm_coefficient: float = 0.0,
    norm_coefficient_post: float = 0.0,
) -> list[ir.Value]:
    """Kingma and Ba, 2015, with the bias corrected from step 1 on."""

    def update(x: ir.Value, g: ir.Value, v: ir.Value, h: ir.Value) -> list[ir.Value]:
        momentum = _blend(v, g, alpha)
        squares = _blend(h, hlo.multiply(g, g), beta)
        r, t = _scalar(rate, x), _scalar(step, x)
        unbiased = hlo.divide(hlo.sqrt(_one_minus_power(beta, t)), _one_minus_power(alpha, t))
        adjusted = hlo.select(hlo.greater(t, 0), hlo.multiply(r, unbiased), r)
        moved = hlo.subtract(x, hlo.multiply(hlo.divide(momentum, hlo.add(hlo.sqrt(squares), epsilon)), adjusted))
        return [hlo.multiply(moved, 1 - norm_coefficient_post), momentum, squares]

    return _update_all(node, tensors, 4, norm_coefficient, update)


def _blend(old: ir.Value, new: ir.Value, keep: float) -> ir.Value:
    return hlo.add(hlo.multiply(old, keep), hlo.multiply(new, 1 - keep))


def _one_minus_power(base: float, exponent: ir.Value) -> ir.Value:
    return hlo.subtract(1, hlo.power(base, exponent))


@lowering("Momentum", 1, domain=TRAINING)
def momentum(
    node: Node,
    rate: ir.Value,
    step: ir.Value,
    *tensors: ir.Value,
    alpha: float,
    beta: float,
    mode: str,
    norm_coefficient: float,
) -> list[ir.Value]:
    """V = alpha V + beta G (beta is 1 in step 0); X -= R V, or R (G + alpha V) for `nesterov`."""
    if mode not in ("standard", "nesterov"):
        raise node.error(f'mode is "{mode}", expected "standard" or "nesterov"')

    def update(x: ir.Value, g: ir.Value, v: ir.Value) -> list[ir.Value]:
        share = hlo.select(hlo.greater(_scalar(step, x), 0), hlo.constant(beta, hlo.dtype(x)), 1.0)
        velocity = hlo.add(hlo.multiply(v, alpha), hlo.multiply(g, share))
        direction = velocity if mode == "standard" else hlo.add(g, hlo.multiply(velocity, alpha))
        return [hlo.subtract(x, hlo.multiply(direction, _scalar(rate, x))), velocity]

    return _update_all(node, tensors, 3, norm_coefficient, update)
