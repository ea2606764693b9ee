"""Activation functions and single steps of RNN, GRU and LSTM.

Shapes: B batch, I input size, H hidden size, G gates (1, 3 or 4).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.dims import Size
from oxide.frontends.onnx.registry import Node

# ------------------------------------------------------------------------------------------- activations

Activation = Callable[[ir.Value], ir.Value]
Default = float | None

# lower-case name: defaults of alpha and beta (None: not taken), function of x, alpha, beta
ACTIVATIONS: dict[str, tuple[Default, Default, Callable[[ir.Value, float, float], ir.Value]]] = {
    "relu": (None, None, lambda x, a, b: hlo.relu(x)),
    "tanh": (None, None, lambda x, a, b: hlo.tanh(x)),
    "sigmoid": (None, None, lambda x, a, b: hlo.logistic(x)),
    "softsign": (None, None, lambda x, a, b: hlo.divide(x, hlo.add(hlo.abs(x), 1))),
    "softplus": (
        None,
        None,
        lambda x, a, b: hlo.add(hlo.maximum(x, 0), hlo.log1p(hlo.exp(hlo.negate(hlo.abs(x))))),
    ),
    "leakyrelu": (0.01, None, lambda x, a, b: hlo.select(hlo.less(x, 0), hlo.multiply(x, a), x)),
    "thresholdedrelu": (1.0, None, lambda x, a, b: hlo.select(hlo.greater(x, a), x, 0)),
    "elu": (
        1.0,
        None,
        lambda x, a, b: hlo.select(hlo.less(x, 0), hlo.multiply(hlo.expm1(hlo.minimum(x, 0)), a), x),
    ),
    "affine": (1.0, 0.0, lambda x, a, b: hlo.add(hlo.multiply(x, a), b)),
    "scaledtanh": (1.0, 1.0, lambda x, a, b: hlo.multiply(hlo.tanh(hlo.multiply(x, b)), a)),
    "hardsigmoid": (0.2, 0.5, lambda x, a, b: hlo.clamp(0, hlo.add(hlo.multiply(x, a), b), 1)),
}


def activation_functions(
    node: Node,
    names: Sequence[str],
    alphas: Sequence[float] | None,
    betas: Sequence[float] | None,
    clip: float | None,
    per_direction: int,
) -> list[Activation]:
    """The activation functions in order; alphas and betas go to those that take one, clip bounds their input."""
    alpha_left, beta_left = list(alphas or []), list(betas or [])
    functions: list[Activation] = []
    for name in names:
        entry = ACTIVATIONS.get(name.lower())
        if entry is None:
            raise node.error(f"activation {name!r} is none of {', '.join(ACTIVATIONS)}")
        alpha, beta, function = entry
        if alpha is not None and alpha_left:
            alpha = alpha_left.pop(0)
        if beta is not None and beta_left:
            beta = beta_left.pop(0)
        # The third function of an LSTM takes the cell, not a gate; runtimes do not clip it.
        limit = None if len(functions) % per_direction == 2 else clip
        functions.append(_clipped(function, alpha or 0.0, beta or 0.0, limit))
    return functions


def _clipped(
    function: Callable[[ir.Value, float, float], ir.Value], alpha: float, beta: float, clip: float | None
) -> Activation:
    if clip is None:
        return lambda x: function(x, alpha, beta)
    return lambda x: function(hlo.clamp(-clip, x, clip), alpha, beta)


# ------------------------------------------------------------------------------------------------- cells

# One step of one direction: projected input [B, G*H] and state -> next state, its first element being h [B, H].
Cell = Callable[[ir.Value, Sequence[ir.Value]], Sequence[ir.Value]]


# x [..., K] and w [G*H, K] -> x w^T.
Product = Callable[[ir.Value, ir.Value], ir.Value]


def product(x: ir.Value, w: ir.Value) -> ir.Value:
    return hlo.dot_general(x, w, contract=([hlo.rank(x) - 1], [1]))


@dataclass(frozen=True)
class Weights:
    """One direction: w [G*H, I], r [G*H, H], both biases [G*H] or None, LSTM's peepholes [3*H] or None.

    `r_product` multiplies by r where that is more than a dot product (quantised weights).
    """

    w: ir.Value
    r: ir.Value
    w_bias: ir.Value | None
    r_bias: ir.Value | None
    peephole: ir.Value | None
    r_product: Product = product

    @property
    def hidden(self) -> Size:
        return hlo.shape(self.r)[1]


def dense(x: ir.Value, w: ir.Value, bias: ir.Value | None, multiply: Product = product) -> ir.Value:
    """x w^T + bias over the last dimension."""
    y = multiply(x, w)
    return y if bias is None else hlo.add(y, bias)


def _gates(x: ir.Value, hidden: Size) -> list[ir.Value]:
    return hlo.split(x, hlo.rank(x) - 1, [hidden] * (hlo.shape(x)[-1] // hidden))


def rnn_cell(weights: Weights, functions: Sequence[Activation]) -> Cell:
    """h' = f(x + h R^T + Rb)."""
    (f,) = functions

    def step(x: ir.Value, state: Sequence[ir.Value]) -> Sequence[ir.Value]:
        return [f(hlo.add(x, dense(state[0], weights.r, weights.r_bias)))]

    return step


def gru_cell(weights: Weights, functions: Sequence[Activation], *, linear_before_reset: bool) -> Cell:
    """Gates z, r, h; h' = (1 - z) g(...) + z h."""
    f, g = functions
    hidden = weights.hidden

    def step(x: ir.Value, state: Sequence[ir.Value]) -> Sequence[ir.Value]:
        (h,) = state
        xz, xr, xh = _gates(x, hidden)
        if linear_before_reset:
            hz, hr, hh = _gates(dense(h, weights.r, weights.r_bias), hidden)
            z, r = f(hlo.add(xz, hz)), f(hlo.add(xr, hr))
            candidate = hlo.multiply(r, hh)
        else:
            bias = weights.r_bias
            hz, hr = _gates(
                dense(h, _rows(weights.r, 0, 2 * hidden), None if bias is None else _rows(bias, 0, 2 * hidden)),
                hidden,
            )
            z, r = f(hlo.add(xz, hz)), f(hlo.add(xr, hr))
            last = (2 * hidden, 3 * hidden)
            candidate = dense(
                hlo.multiply(r, h), _rows(weights.r, *last), None if bias is None else _rows(bias, *last)
            )
        proposed = g(hlo.add(xh, candidate))
        return [hlo.add(hlo.multiply(hlo.subtract(1, z), proposed), hlo.multiply(z, h))]

    return step


def lstm_cell(weights: Weights, functions: Sequence[Activation], *, input_forget: bool) -> Cell:
    """Gates i, o, f, c; the state is h and c.  Peepholes p multiply the cell and reach i, o, f."""
    f, g, h_function = functions
    hidden = weights.hidden
    peepholes = None if weights.peephole is None else _gates(weights.peephole, hidden)

    def seen(gate: ir.Value, cell: ir.Value, number: int) -> ir.Value:
        return gate if peepholes is None else hlo.add(gate, hlo.multiply(cell, peepholes[number]))

    def step(x: ir.Value, state: Sequence[ir.Value]) -> Sequence[ir.Value]:
        h, c = state
        i, o, forget, cell = _gates(hlo.add(x, dense(h, weights.r, weights.r_bias, weights.r_product)), hidden)
        i = f(seen(i, c, 0))
        forget = hlo.subtract(1, i) if input_forget else f(seen(forget, c, 2))
        c = hlo.add(hlo.multiply(forget, c), hlo.multiply(i, g(cell)))
        return [hlo.multiply(f(seen(o, c, 1)), h_function(c)), c]

    return step


def _rows(x: ir.Value, start: Size, stop: Size) -> ir.Value:
    return hlo.slice_axis(x, 0, start, stop)
