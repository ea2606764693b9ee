"""RNN, GRU and LSTM: the inputs' projection as one contraction, then a loop over time.

Shapes: T steps, B batch, I input size, H hidden size, G gates (1, 3 or 4), D directions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.dims import require_same
from oxide.frontends.onnx.ops.recurrent_cells import (
    Activation,
    Cell,
    Product,
    Weights,
    activation_functions,
    dense,
    gru_cell,
    lstm_cell,
    product,
    rnn_cell,
)
from oxide.frontends.onnx.registry import Node, lowering

# ------------------------------------------------------------------------------------------------- loops


def _run(
    cell: Cell,
    x: ir.Value,
    initial: Sequence[ir.Value],
    lengths: ir.Value | None,
    *,
    reverse: bool,
    stacked: bool,
) -> tuple[ir.Value | None, list[ir.Value]]:
    """One direction over projected inputs [T, B, G*H]: hidden states [T, B, H] (when `stacked`), last state.

    Steps from a sequence's length on leave its state alone and give zeros.  Backwards that means that a
    sequence starts at its own end.
    """
    steps = hlo.shape(x)[0]

    def body(index: ir.Value, *state: ir.Value) -> hlo.Step:
        time = hlo.subtract(hlo.constant(steps - 1, np.int32), index) if reverse else index
        following = list(cell(hlo.element_at(x, time), state))
        shown = following[0]
        if lengths is not None:
            inside = hlo.expand_dims(hlo.less(time, lengths), [1])
            shown = hlo.select(inside, shown, 0)
            following = [hlo.select(inside, new, old) for new, old in zip(following, state, strict=True)]
        return hlo.Step(following, [hlo.Element(shown, 0, time)] if stacked else [])

    done = hlo.loop(steps, body, initial)
    return (done.stacked[0] if stacked else None), done.state


MakeCell = Callable[[Weights, Sequence[Activation]], Cell]


@dataclass(frozen=True)
class Kind:
    """What tells the three operators apart."""

    gates: int
    default: tuple[str, ...]
    states: int


# One direction's products with W and with R.
Products = tuple[Product, Product]

RNN = Kind(1, ("Tanh",), 1)
GRU = Kind(3, ("Sigmoid", "Tanh"), 1)
LSTM = Kind(4, ("Sigmoid", "Tanh", "Tanh"), 2)


def recurrent(
    node: Node,
    kind: Kind,
    make_cell: MakeCell,
    x: ir.Value,
    w: ir.Value,
    r: ir.Value,
    bias: ir.Value | None,
    lengths: ir.Value | None,
    initial: Sequence[ir.Value | None],
    peephole: ir.Value | None,
    *,
    activations: Sequence[str] | None,
    activation_alpha: Sequence[float] | None,
    activation_beta: Sequence[float] | None,
    clip: float | None,
    direction: str,
    hidden_size: int | None,
    layout: int,
    products: Sequence[Products] | None = None,
) -> tuple[ir.Value | None, ...]:
    """Y [T, D, B, H] and the last states [D, B, H] (layout 1: [B, T, D, H] and [B, D, H])."""
    directions = {"forward": [False], "reverse": [True], "bidirectional": [False, True]}.get(direction)
    if directions is None:
        raise node.error(f"direction is {direction!r}, expected forward, reverse or bidirectional")
    count = len(kind.default)
    names = list(activations or kind.default * len(directions))
    if kind is RNN and len(names) == 2 and len(directions) == 1:
        names = names[:1]  # the schema's default names two functions, also for one direction
    if len(names) != count * len(directions):
        raise node.error(f"{len(names)} activations for {len(directions)} directions of {count}")
    functions = activation_functions(node, names, activation_alpha, activation_beta, clip, count)
    if hlo.rank(x) != 3 or hlo.rank(r) != 3:
        raise node.error(f"X of shape {hlo.shape(x)} and R of shape {hlo.shape(r)} must have rank 3")
    hidden = hlo.shape(r)[2]
    if hidden_size not in (None, hidden):
        raise node.error(f"hidden_size is {hidden_size}, but R has shape {hlo.shape(r)}")
    if layout:
        x = hlo.swap_axes(x, 0, 1)
        initial = [None if v is None else hlo.swap_axes(v, 0, 1) for v in initial]
    _, batch, inputs = hlo.shape(x)
    rows = kind.gates * hidden
    state = (len(directions), batch, hidden)
    for name, operand, expected in [
        ("W", w, (len(directions), rows, inputs)),
        ("R", r, (len(directions), rows, hidden)),
        ("B", bias, (len(directions), 2 * rows)),
        ("sequence_lens", lengths, (batch,)),
        *((name, v, state) for name, v in zip(("initial_h", "initial_c"), initial, strict=False)),
        ("P", peephole, (len(directions), 3 * hidden)),
    ]:
        if operand is not None:
            found = hlo.shape(operand)
            require_same(found, expected, f"{name} has shape {found}, expected {expected}")
    zeros = hlo.full([batch, hidden], 0, hlo.dtype(x))
    sequences, states = [], []
    for d, reverse in enumerate(directions):
        w_product, r_product = products[d] if products else (product, product)
        biases = [None, None] if bias is None else hlo.split(_direction(bias, d), 0, [rows, rows])
        weights = Weights(
            _direction(w, d),
            _direction(r, d),
            biases[0],
            biases[1],
            None if peephole is None else _direction(peephole, d),
            r_product,
        )
        sequence, last = _run(
            make_cell(weights, functions[d * count : (d + 1) * count]),
            dense(x, weights.w, weights.w_bias, w_product),
            [zeros if v is None else _direction(v, d) for v in initial],
            None if lengths is None else hlo.convert(lengths, np.int32),
            reverse=reverse,
            stacked=node.wants(0),
        )
        sequences.append(sequence)
        states.append(last)
    y = hlo.stack(sequences, 1) if node.wants(0) else None
    finals = [hlo.stack([s[i] for s in states], 0) for i in range(kind.states)]
    if layout:
        y = None if y is None else hlo.transpose(y, [2, 0, 1, 3])
        finals = [hlo.swap_axes(v, 0, 1) for v in finals]
    return (y, *finals)


def _direction(x: ir.Value, d: int) -> ir.Value:
    return hlo.squeeze(hlo.slice_axis(x, 0, d, d + 1), [0])


# --------------------------------------------------------------------------------------------- operators


@lowering("RNN", 1, 7, 14, 22)
def rnn(
    node: Node,
    x: ir.Value,
    w: ir.Value,
    r: ir.Value,
    b: ir.Value | None = None,
    sequence_lens: ir.Value | None = None,
    initial_h: ir.Value | None = None,
    *,
    activation_alpha: list[float] | None = None,
    activation_beta: list[float] | None = None,
    activations: list[str] | None = None,
    clip: float | None = None,
    direction: str = "forward",
    hidden_size: int | None = None,
    layout: int = 0,
    output_sequence: int = 0,
) -> tuple[ir.Value | None, ...]:
    """`output_sequence` (version 1) only says that Y is wanted, which the node's outputs say as well."""
    return recurrent(
        node,
        RNN,
        rnn_cell,
        x,
        w,
        r,
        b,
        sequence_lens,
        [initial_h],
        None,
        activations=activations,
        activation_alpha=activation_alpha,
        activation_beta=activation_beta,
        clip=clip,
        direction=direction,
        hidden_size=hidden_size,
        layout=layout,
    )


@lowering("GRU", 1, 3, 7, 14, 22)
def gru(
    node: Node,
    x: ir.Value,
    w: ir.Value,
    r: ir.Value,
    b: ir.Value | None = None,
    sequence_lens: ir.Value | None = None,
    initial_h: ir.Value | None = None,
    *,
    activation_alpha: list[float] | None = None,
    activation_beta: list[float] | None = None,
    activations: list[str] | None = None,
    clip: float | None = None,
    direction: str = "forward",
    hidden_size: int | None = None,
    layout: int = 0,
    linear_before_reset: int = 0,
    output_sequence: int = 0,
) -> tuple[ir.Value | None, ...]:
    def make_cell(weights: Weights, functions: Sequence[Activation]) -> Cell:
        return gru_cell(weights, functions, linear_before_reset=bool(linear_before_reset))

    return recurrent(
        node,
        GRU,
        make_cell,
        x,
        w,
        r,
        b,
        sequence_lens,
        [initial_h],
        None,
        activations=activations,
        activation_alpha=activation_alpha,
        activation_beta=activation_beta,
        clip=clip,
        direction=direction,
        hidden_size=hidden_size,
        layout=layout,
    )


@lowering("LSTM", 1, 7, 14, 22)
def lstm(
    node: Node,
    x: ir.Value,
    w: ir.Value,
    r: ir.Value,
    b: ir.Value | None = None,
    sequence_lens: ir.Value | None = None,
    initial_h: ir.Value | None = None,
    initial_c: ir.Value | None = None,
    p: ir.Value | None = None,
    *,
    activation_alpha: list[float] | None = None,
    activation_beta: list[float] | None = None,
    activations: list[str] | None = None,
    clip: float | None = None,
    direction: str = "forward",
    hidden_size: int | None = None,
    input_forget: int = 0,
    layout: int = 0,
    output_sequence: int = 0,
) -> tuple[ir.Value | None, ...]:
    def make_cell(weights: Weights, functions: Sequence[Activation]) -> Cell:
        return lstm_cell(weights, functions, input_forget=bool(input_forget))

    return recurrent(
        node,
        LSTM,
        make_cell,
        x,
        w,
        r,
        b,
        sequence_lens,
        [initial_h, initial_c],
        p,
        activations=activations,
        activation_alpha=activation_alpha,
        activation_beta=activation_beta,
        clip=clip,
        direction=direction,
        hidden_size=hidden_size,
        layout=layout,
    )
