"""LSTM, GRU and RNN over whole sequences, kept whole by torch.export.

Shapes: T steps, B batch, I input size, H hidden size, P projected size (H without a projection), D directions.  The
input's products with its weights are one matrix product for all steps; a `stablehlo.while` runs the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.frontends.torch.registry import Node, lowering

Value = ir.Value
# One step: the input's part of the gates [B, G*H] and the state -> the next state, its first element the output.
Step = Callable[[Value, Sequence[Value]], list[Value]]


@dataclass(frozen=True)
class Weights:
    """One direction of one layer: [G*H, I], [G*H, P], biases [G*H] or None, projection [P, H] or None."""

    input: Value
    hidden: Value
    input_bias: Value | None = None
    hidden_bias: Value | None = None
    projection: Value | None = None

    def projected(self, x: Value) -> Value:
        return _linear(x, self.input, self.input_bias)

    def recurrent(self, h: Value) -> Value:
        return _linear(h, self.hidden, self.hidden_bias)


def _linear(x: Value, weight: Value, bias: Value | None = None) -> Value:
    y = hlo.dot_general(x, weight, contract=([hlo.rank(x) - 1], [1]))
    return y if bias is None else hlo.add(y, bias)


def _gates(x: Value, count: int) -> list[Value]:
    return hlo.split(x, -1, [hlo.shape(x)[-1] // count] * count)


def lstm_step(weights: Weights) -> Step:
    """Gates i, f, g, o: c' = f c + i g, h' = o tanh c'."""

    def step(x: Value, state: Sequence[Value]) -> list[Value]:
        h, c = state
        i, f, g, o = _gates(hlo.add(x, weights.recurrent(h)), 4)
        c = hlo.add(hlo.multiply(hlo.logistic(f), c), hlo.multiply(hlo.logistic(i), hlo.tanh(g)))
        h = hlo.multiply(hlo.logistic(o), hlo.tanh(c))
        return [h if weights.projection is None else _linear(h, weights.projection), c]

    return step


def gru_step(weights: Weights) -> Step:
    """Gates r, z, n: n = tanh(x_n + r h_n), h' = n + z (h - n)."""

    def step(x: Value, state: Sequence[Value]) -> list[Value]:
        (h,) = state
        x_r, x_z, x_n = _gates(x, 3)
        h_r, h_z, h_n = _gates(weights.recurrent(h), 3)
        r, z = hlo.logistic(hlo.add(x_r, h_r)), hlo.logistic(hlo.add(x_z, h_z))
        n = hlo.tanh(hlo.add(x_n, hlo.multiply(r, h_n)))
        return [hlo.add(n, hlo.multiply(z, hlo.subtract(h, n)))]

    return step


def rnn_step(activation: Callable[[Value], Value]) -> Callable[[Weights], Step]:
    def of(weights: Weights) -> Step:
        return lambda x, state: [activation(hlo.add(x, weights.recurrent(state[0])))]

    return of


def _run(step: Step, x: Value, initial: Sequence[Value], *, reverse: bool) -> tuple[Value, list[Value]]:
    """Outputs [T, B, P] in the order of time, and the last state, for projected inputs x [T, B, G*H]."""
    steps = hlo.shape(x)[0]

    def body(index: Value, *state: Value) -> hlo.Step:
        time = hlo.subtract(steps - 1, index) if reverse else index
        following = step(hlo.element_at(x, time), state)
        return hlo.Step(following, [hlo.Element(following[0], 0, time)])

    done = hlo.loop(steps, body, initial, index_dtype=np.int32)
    return done.stacked[0], done.state


def _layers(
    node: Node,
    make_step: Callable[[Weights], Step],
    input: Value,
    states: Sequence[Value],
    params: Sequence[Value],
    *,
    biased: bool,
    layers: int,
    dropout: float,
    train: bool,
    bidirectional: bool,
    batch_first: bool,
) -> list[Value]:
    """The output [T, B, D*P] (batch first: [B, T, D*P]) and for each state [layers*D, B, size] its last value."""
    x = hlo.swap_axes(input, 0, 1) if batch_first else input
    directions = 2 if bidirectional else 1
    each = len(params) // (layers * directions)
    last: list[list[Value]] = []
    for layer in range(layers):
        if layer and dropout and train:
            x = node.call("aten.dropout.default", x, dropout, True)
        outputs = []
        for direction in range(directions):
            number = layer * directions + direction
            weights = _weights(params[number * each : (number + 1) * each], biased)
            initial = [hlo.squeeze(hlo.slice_axis(s, 0, number, number + 1), [0]) for s in states]
            output, state = _run(make_step(weights), weights.projected(x), initial, reverse=direction == 1)
            outputs.append(output)
            last.append(state)
        x = hlo.concatenate(outputs, -1)
    stacked = [hlo.stack([state[index] for state in last], 0) for index in range(len(states))]
    return [hlo.swap_axes(x, 0, 1) if batch_first else x, *stacked]


def _weights(params: Sequence[Value], biased: bool) -> Weights:
    """Both matrices, both biases if there are any, then the projection if there is one."""
    input_bias, hidden_bias = params[2:4] if biased else (None, None)
    rest = params[4:] if biased else params[2:]
    return Weights(params[0], params[1], input_bias, hidden_bias, rest[0] if rest else None)


@lowering("aten.lstm.input")
def lstm(
    node: Node,
    input: Value,
    hx: Sequence[Value],
    params: Sequence[Value],
    has_biases: bool,
    num_layers: int,
    dropout: float,
    train: bool,
    bidirectional: bool,
    batch_first: bool,
) -> list[Value]:
    """The output and the last h and c (Hochreiter and Schmidhuber, 1997; projections: Sak et al., 2014)."""
    return _layers(
        *(node, lstm_step, input, hx, params),
        biased=has_biases,
        layers=num_layers,
        dropout=dropout,
        train=train,
        bidirectional=bidirectional,
        batch_first=batch_first,
    )


_ONE_STATE: dict[str, Callable[[Weights], Step]] = {
    "aten.gru.input": gru_step,
    "aten.rnn_tanh.input": rnn_step(hlo.tanh),
    "aten.rnn_relu.input": rnn_step(hlo.relu),
}


def _register(name: str, make_step: Callable[[Weights], Step]) -> None:
    @lowering(name)
    def one_state(
        node: Node,
        input: Value,
        hx: Value,
        params: Sequence[Value],
        has_biases: bool,
        num_layers: int,
        dropout: float,
        train: bool,
        bidirectional: bool,
        batch_first: bool,
    ) -> list[Value]:
        """The output and the last h."""
        return _layers(
            *(node, make_step, input, [hx], params),
            biased=has_biases,
            layers=num_layers,
            dropout=dropout,
            train=train,
            bidirectional=bidirectional,
            batch_first=batch_first,
        )


for _name, _make_step in _ONE_STATE.items():
    _register(_name, _make_step)


@lowering("aten.mkldnn_rnn_layer.default")
def mkldnn_rnn_layer(
    node: Node,
    input: Value,
    weight0: Value,
    weight1: Value,
    weight2: Value,
    weight3: Value,
    hx_: Value,
    cx_: Value,
    reverse: bool,
    batch_sizes: Sequence[int],
    mode: int,
    hidden_size: int,
    num_layers: int,
    has_biases: bool,
    bidirectional: bool,
    batch_first: bool,
    train: bool,
) -> list[Value]:
    """One direction of one LSTM layer as PyTorch runs it on CPUs: output, last h and c, a workspace.

    Hidden size and weights' order are those of `aten.lstm`; the states are [B, H].  The input is [T, B, I] whatever
    `batch_first` says, which PyTorch's kernel does not read.
    """
    require_one_layer(node, mode, batch_sizes, bidirectional, num_layers)
    weights = Weights(weight0, weight1, *((weight2, weight3) if has_biases else ()))
    states = [hlo.reshape(s, [hlo.shape(input)[1], hidden_size]) for s in (hx_, cx_)]
    output, (h, c) = _run(lstm_step(weights), weights.projected(input), states, reverse=reverse)
    shapes = [node.shape_of(index) for index in range(4)]
    return [output, hlo.reshape(h, shapes[1]), hlo.reshape(c, shapes[2]), hlo.full(shapes[3], 0, node.dtype_of(3))]


def require_one_layer(
    node: Node, mode: int, batch_sizes: Sequence[int], bidirectional: bool, num_layers: int
) -> None:
    """Raise OxideError for what PyTorch does not call these kernels for: its number for LSTMs is 2."""
    if mode != 2 or batch_sizes or bidirectional or num_layers != 1:
        raise node.error(
            "only one direction of one LSTM layer over whole sequences is supported; use torch.nn.LSTM"
        )
