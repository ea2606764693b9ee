"""If, Loop and Scan: `stablehlo.if` and `stablehlo.while`, or no control flow where everything is known.

A subgraph sees the values around it, and so does a region, so nothing is captured explicitly.  Sequences and
optionals exist at import only; a Loop that carries one is unrolled.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.diagnostics import OxideError
from oxide.frontends.bounded import Bounded
from oxide.frontends.onnx.diagnostics import UnknownValueError
from oxide.frontends.onnx.graph import Graph
from oxide.frontends.onnx.registry import ABSENT, Node, lowering
from oxide.frontends.ranges import upper_bound
from oxide.nesting import leaves, nest, structure_of

# A loop is not unrolled into more nodes than this.
UNROLL_NODES = 100_000


def _results(values: Sequence[Any]) -> list[Any]:
    """Values of a subgraph, where None is an absent optional, as a lowering returns them."""
    return [ABSENT if value is None else value for value in values]


# ---------------------------------------------------------------------------------------------------- If


@lowering("If", 1, 11, 13, 16, 19, 21, 23, 24, 25)
def if_(node: Node, cond: ir.Value, *, then_branch: Graph, else_branch: Graph) -> list[Any]:
    """Only the branch taken is lowered when the condition is known."""
    if hlo.size(cond) != 1:
        raise node.error(f"cond must have one element, not shape {hlo.shape(cond)}")
    known = node.static_or_none(cond)
    if known is not None:
        return _results(node.lower_graph(then_branch if known.all() else else_branch, []))
    structures: list[Any] = []

    def lower(branch: Graph) -> list[ir.Value]:
        outputs = node.lower_graph(branch, [])
        structures.append(structure_of(outputs))
        if structures[-1] != structures[0]:
            raise node.unknown(
                "cond depends on a model input, so both branches must give the same kinds of values: tensors, "
                "sequences of one length, or present optionals",
                cond,
            )
        tensors = leaves(outputs)
        if not all(isinstance(v, ir.Value) for v in tensors):
            raise node.error("a branch gives a tensor whose size depends on data")
        return tensors

    results = hlo.if_(cond, lambda: lower(then_branch), lambda: lower(else_branch))
    return _results(nest(results, structures[0]))


# -------------------------------------------------------------------------------------------------- Loop


@lowering("Loop", 1, 11, 13, 16, 19, 21, 23, 24, 25)
def loop(
    node: Node, trip_count: ir.Value | None = None, cond: ir.Value | None = None, *carried: Any, body: Graph
) -> list[Any]:
    """A while loop, or its unrolling where only that gives every value a static type.

    Scan outputs need a number of iterations that is known at import.
    """
    if len(body.inputs) != 2 + len(carried) or len(body.outputs) < 1 + len(carried):
        raise node.error(
            f"it carries {len(carried)} values, but its body has {len(body.inputs)} inputs and "
            f"{len(body.outputs)} outputs"
        )
    start = node.static_or_none(cond)
    count: int | ir.Value | None = None
    if start is not None and not start.all():
        count = 0
    elif trip_count is not None:
        known = node.static_or_none(trip_count)
        limit = hlo.reshape(hlo.convert(trip_count, np.int64), [])
        count = limit if known is None else max(int(known.reshape(())), 0)
    entered = None if cond is None or start is not None else hlo.reshape(cond, [])
    if not all(isinstance(v, ir.Value) for v in carried):
        return _unrolled(node, body, count, entered, carried)
    try:
        return _as_while(node, body, count, entered, carried)
    except OxideError as error:
        # Perhaps the body needs the iteration's number, or changes the shape of what it carries.
        if not isinstance(count, int) or count * len(body.nodes) > UNROLL_NODES or entered is not None:
            if isinstance(error, UnknownValueError):  # known in each iteration, if it is known how many there are
                error.inputs += node.inputs_behind(*_unknown(count, entered))
            raise
    return _unrolled(node, body, count, entered, carried)


def _as_while(
    node: Node, body: Graph, count: int | ir.Value | None, entered: ir.Value | None, carried: Sequence[ir.Value]
) -> list[Any]:
    """Where a condition can end it early, scan outputs are as long as the trip count allows, and bounded.

    With scan outputs, a trip count that depends on data is such a condition, below the most that it can be.
    """
    limit: ir.Value | None = None
    if isinstance(count, ir.Value) and len(body.outputs) > 1 + len(carried):
        most = upper_bound(count)
        if most is not None:
            limit, count = count, most
            any_ = hlo.greater(limit, 0)
            entered = any_ if entered is None else hlo.and_(entered, any_)
    conditions = [] if entered is None else [entered]

    def step(index: ir.Value, *state: ir.Value) -> hlo.Step:
        proceed, following, outputs = _iteration(node, body, index, state)
        if not all(isinstance(v, ir.Value) for v in (*following, *outputs)):
            raise node.error("a loop that carries sequences or optionals must run a known number of times")
        if outputs and not isinstance(count, int):
            raise node.unknown(
                "its scan outputs have one element an iteration, and how many there can be depends on a model "
                "input; make the trip count a constant, or an initializer",
                *_unknown(count),
            )
        if limit is not None:
            proceed = hlo.and_(proceed, hlo.less(hlo.add(index, 1), limit))
        if not _is_true(node, proceed):
            conditions.append(proceed)
        return hlo.Step(following, [hlo.Element(v) for v in outputs], None if _is_true(node, proceed) else proceed)

    done = hlo.loop(count, step, carried, proceed=entered, index_dtype=np.int64)
    stacked: list[Any] = list(done.stacked)
    if conditions:
        stacked = [Bounded(v, 0, done.iterations) for v in stacked]
    return [*done.state, *stacked]


def _unrolled(
    node: Node, body: Graph, count: int | ir.Value | None, entered: ir.Value | None, carried: Sequence[Any]
) -> list[Any]:
    if _unknown(count, entered):
        raise node.unknown(
            "a loop that carries sequences, optionals or tensors of changing shape must run a known number of "
            "times",
            *_unknown(count, entered),
        )
    assert not isinstance(count, ir.Value)
    state = list(carried)
    rows: list[list[ir.Value]] = [[] for _ in body.outputs[1 + len(carried) :]]
    index = 0
    while count is None or index < count:
        if index * len(body.nodes) > UNROLL_NODES:
            raise node.error(f"unrolling it takes more than {UNROLL_NODES} nodes")
        proceed, state, outputs = _iteration(node, body, hlo.constant(index, np.int64), state)
        for row, value in zip(rows, outputs, strict=True):
            if not isinstance(value, ir.Value):
                raise node.error("a scan output of its body must be a tensor of fixed size")
            row.append(value)
        known = node.static_or_none(proceed)
        if known is None:
            raise node.error("it must be unrolled, but whether it goes on depends on a model input")
        if not known.all():
            break
        index += 1
    if rows and not rows[0]:
        raise node.error("it runs no iteration, so the shapes of its scan outputs are not known")
    return _results([*state, *(hlo.stack(row, 0) for row in rows)])


def _unknown(*values: int | ir.Value | None) -> list[ir.Value]:
    return [value for value in values if isinstance(value, ir.Value)]


def _iteration(
    node: Node, body: Graph, index: ir.Value, state: Sequence[Any]
) -> tuple[ir.Value, list[Any], list[Any]]:
    """Whether to go on, the next state, and the scan outputs' elements.

    The body's condition input is the constant true: otherwise it would not run.
    """
    proceed, *values = node.lower_graph(body, [index, hlo.constant(True, np.bool_), *state])
    if not isinstance(proceed, ir.Value) or hlo.dtype(proceed) != np.bool_ or hlo.size(proceed) != 1:
        raise node.error("the first output of its body, whether to go on, must be a tensor of one bool")
    if hlo.rank(proceed):
        proceed = hlo.reshape(proceed, [])
    return proceed, values[: len(state)], values[len(state) :]


def _is_true(node: Node, value: ir.Value) -> bool:
    known = node.static_or_none(value)
    return known is not None and bool(known.all())


# -------------------------------------------------------------------------------------------------- Scan


@lowering("Scan", 9, 11, 16, 19, 21, 23, 24, 25)
def scan(
    node: Node,
    *values: ir.Value,
    body: Graph,
    num_scan_inputs: int,
    scan_input_axes: list[int] | None = None,
    scan_input_directions: list[int] | None = None,
    scan_output_axes: list[int] | None = None,
    scan_output_directions: list[int] | None = None,
) -> list[ir.Value]:
    """A while loop over slices of the scan inputs; directions are 0 forward, 1 backward."""
    initial, inputs = _state_and_inputs(node, body, values, num_scan_inputs)
    outputs = len(body.outputs) - len(initial)
    axes = _per_value(node, "scan_input_axes", scan_input_axes, len(inputs))
    axes = [hlo.normalize_axis(a, hlo.rank(x)) for a, x in zip(axes, inputs, strict=True)]
    backward = _per_value(node, "scan_input_directions", scan_input_directions, len(inputs))
    output_axes = _per_value(node, "scan_output_axes", scan_output_axes, outputs)
    output_backward = _per_value(node, "scan_output_directions", scan_output_directions, outputs)
    lengths = {hlo.shape(x)[a] for x, a in zip(inputs, axes, strict=True)}
    if len(lengths) != 1:
        raise node.error(f"the scan inputs have different lengths {sorted(lengths)}")
    (length,) = lengths

    def step(index: ir.Value, *state: ir.Value) -> hlo.Step:
        last = hlo.subtract(hlo.constant(length - 1, np.int32), index)
        parts = [hlo.element_at(x, last if b else index, a) for x, a, b in zip(inputs, axes, backward, strict=True)]
        results = node.lower_graph(body, [*state, *parts])
        elements = [
            hlo.Element(v, hlo.normalize_axis(a, hlo.rank(v) + 1), last if b else None)
            for v, a, b in zip(results[len(state) :], output_axes, output_backward, strict=True)
        ]
        return hlo.Step(results[: len(state)], elements)

    done = hlo.loop(length, step, initial)
    return [*done.state, *done.stacked]


@lowering("Scan", 8)
def scan_8(
    node: Node,
    sequence_lens: ir.Value | None = None,
    *values: ir.Value,
    body: Graph,
    num_scan_inputs: int,
    directions: list[int] | None = None,
) -> list[ir.Value]:
    """A loop over the batch (axis 0) around a loop over time (axis 1); steps past a sequence's length do nothing.

    Backward inputs start at their sequence's own end.
    """
    initial, inputs = _state_and_inputs(node, body, values, num_scan_inputs)
    backward = _per_value(node, "directions", directions, len(inputs))
    sizes = {hlo.shape(x)[:2] for x in inputs}
    if len(sizes) != 1 or any(hlo.shape(x)[:1] != next(iter(sizes))[:1] for x in initial):
        raise node.error("the scan inputs and states must agree in batch size and length")
    ((batch, length),) = sizes

    def sequence(b: ir.Value) -> hlo.Step:
        rows = [hlo.element_at(x, b) for x in inputs]
        own = hlo.constant(length, np.int32)
        if sequence_lens is not None:
            own = hlo.element_at(hlo.convert(sequence_lens, np.int32), b)

        def step(time: ir.Value, *state: ir.Value) -> hlo.Step:
            last = hlo.subtract(hlo.subtract(own, 1), time)
            parts = [hlo.element_at(x, last if d else time) for x, d in zip(rows, backward, strict=True)]
            results = node.lower_graph(body, [*state, *parts])
            following, elements = results[: len(state)], results[len(state) :]
            if sequence_lens is not None:
                inside = hlo.less(time, own)
                following = [hlo.select(inside, new, old) for new, old in zip(following, state, strict=True)]
                elements = [hlo.select(inside, v, 0) for v in elements]
            return hlo.Step(following, [hlo.Element(v) for v in elements])

        done = hlo.loop(length, step, [hlo.element_at(v, b) for v in initial])
        return hlo.Step([], [hlo.Element(v) for v in (*done.state, *done.stacked)])

    return hlo.loop(batch, sequence, []).stacked


def _state_and_inputs(
    node: Node, body: Graph, values: Sequence[ir.Value], num_scan_inputs: int
) -> tuple[Sequence[ir.Value], Sequence[ir.Value]]:
    states = len(values) - num_scan_inputs
    if num_scan_inputs < 1 or states < 0 or len(body.inputs) != len(values) or len(body.outputs) < states:
        raise node.error(
            f"{len(values)} inputs of which {num_scan_inputs} are scanned do not fit a body with "
            f"{len(body.inputs)} inputs and {len(body.outputs)} outputs"
        )
    return values[:states], values[states:]


def _per_value(node: Node, name: str, given: list[int] | None, count: int) -> list[int]:
    if given is not None and len(given) != count:
        raise node.error(f"{name} has {len(given)} elements for {count} values")
    return [0] * count if given is None else given
