"""The gradient of one direction of an LSTM layer, as PyTorch's CPU training calls it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.frontends.torch.ops.recurrent import Weights, require_one_layer
from oxide.frontends.torch.registry import Node, lowering

Value = ir.Value


@lowering("aten.mkldnn_rnn_layer_backward.default")
def mkldnn_rnn_layer_backward(
    node: Node,
    input: Value,
    weight1: Value,
    weight2: Value,
    weight3: Value,
    weight4: Value,
    hx_: Value,
    cx_tmp: Value,
    output: Value,
    hy_: Value,
    cy_: Value,
    grad_output: Value | None,
    grad_hy: Value | None,
    grad_cy: Value | None,
    reverse: bool,
    mode: int,
    hidden_size: int,
    num_layers: int,
    has_biases: bool,
    train: bool,
    bidirectional: bool,
    batch_sizes: Sequence[int],
    batch_first: bool,
    workspace: Value,
) -> list[Value]:
    """Gradients by input [T, B, I], both matrices, both biases, h and c; as `mkldnn_rnn_layer` has them.

    The gates of all steps are computed again from the outputs, and the cells from the gates.
    """
    require_one_layer(node, mode, batch_sizes, bidirectional, num_layers)
    x, h = (hlo.reverse(v, [0]) if reverse else v for v in (input, output))
    weights = Weights(weight1, weight2, *((weight3, weight4) if has_biases else ()))
    first = [hlo.reshape(s, hlo.shape(h)[1:]) for s in (hx_, cx_tmp)]
    before = _before(first[0], h)
    gates = hlo.split(hlo.add(weights.projected(x), weights.recurrent(before)), -1, [hidden_size] * 4)
    i, f, o = (hlo.logistic(gates[k]) for k in (0, 1, 3))
    g = hlo.tanh(gates[2])
    c = _cells(f, hlo.multiply(i, g), first[1])
    t = hlo.tanh(c)
    # How h depends on the sum that the output gate is of, how c on those of the others, and h on c: at each step.
    by_h = _times(t, o, hlo.subtract(1, o))
    by_c = hlo.concatenate(
        [
            _times(g, i, hlo.subtract(1, i)),
            _times(_before(first[1], c), f, hlo.subtract(1, f)),
            _times(i, hlo.subtract(1, hlo.multiply(g, g))),
        ],
        -1,
    )
    through = _times(o, hlo.subtract(1, hlo.multiply(t, t)))
    zeros = hlo.full_like(first[0], 0)
    last = [zeros if v is None else hlo.reshape(v, hlo.shape(zeros)) for v in (grad_hy, grad_cy)]
    given = None if grad_output is None else hlo.reverse(grad_output, [0]) if reverse else grad_output
    steps = hlo.shape(x)[0]

    def body(index: Value, dh: Value, dc: Value) -> hlo.Step:
        time = hlo.subtract(steps - 1, index)
        at = [hlo.element_at(v, time) for v in (by_h, by_c, through, f)]
        dh = dh if given is None else hlo.add(dh, hlo.element_at(given, time))
        dc = hlo.add(dc, hlo.multiply(dh, at[2]))
        gate = hlo.concatenate([hlo.multiply(hlo.concatenate([dc] * 3, -1), at[1]), hlo.multiply(dh, at[0])], -1)
        following = [hlo.dot_general(gate, weights.hidden, contract=([1], [0])), hlo.multiply(dc, at[3])]
        return hlo.Step(following, [hlo.Element(gate, 0, time)])

    done = hlo.loop(steps, body, last, index_dtype=np.int32)
    (by_gates,) = done.stacked
    dx = hlo.dot_general(by_gates, weights.input, contract=([2], [0]))
    matrices = [hlo.dot_general(by_gates, v, contract=([0, 1], [0, 1])) for v in (x, before)]
    bias = hlo.reduce_sum(by_gates, [0, 1])
    results = [hlo.reverse(dx, [0]) if reverse else dx, *matrices, bias, bias, *done.state]
    return [hlo.reshape(v, node.shape_of(index)) for index, v in enumerate(results)]


def _before(first: Value, states: Value) -> Value:
    """The state that each step starts from, of the one at the start and those after each step."""
    return hlo.slice_axis(hlo.concatenate([hlo.expand_dims(first, [0]), states], 0), 0, 0, hlo.shape(states)[0])


def _cells(forget: Value, added: Value, first: Value) -> Value:
    """[T, B, H]: c' = f c + what is added, step by step."""

    def body(index: Value, c: Value) -> hlo.Step:
        c = hlo.add(hlo.multiply(hlo.element_at(forget, index), c), hlo.element_at(added, index))
        return hlo.Step([c], [hlo.Element(c)])

    return hlo.loop(hlo.shape(forget)[0], body, [first], index_dtype=np.int32).stacked[0]


def _times(*factors: Value) -> Value:
    product = factors[0]
    for factor in factors[1:]:
        product = hlo.multiply(product, factor)
    return product
