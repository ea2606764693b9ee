"""Higher-order operators: branches and loops over subgraphs, and wrappers that do not change what one computes.

What subgraphs take from outside (weights, other tensors) comes as operands; StableHLO's regions see outer values
directly, so only what a loop carries becomes its state.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import numpy as np
import torch
from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.dims import require_equal
from oxide.frontends.torch.effects import States
from oxide.frontends.torch.numbers import Condition, value_of
from oxide.frontends.torch.registry import Node, higher_order
from oxide.frontends.torch.tensors import read

Graph = torch.fx.GraphModule


@higher_order("wrap_with_set_grad_enabled")
def wrap_with_set_grad_enabled(node: Node, enabled: bool, graph: torch.fx.GraphModule, *operands: Any) -> Any:
    """Whether gradients are recorded is not a matter of values."""
    return node.inline(graph, operands)


@higher_order("wrap_with_autocast")
def wrap_with_autocast(
    node: Node,
    device_type: str,
    dtype: torch.dtype | None,
    enabled: bool,
    cache_enabled: bool | None,
    graph: torch.fx.GraphModule,
    *operands: Any,
) -> Any:
    """The subgraph is what runs under autocast: where that is on, it is traced again to have autocast's casts."""
    if not enabled:
        return node.inline(graph, operands)

    def region(*arguments: Any) -> Any:
        with torch.autocast(device_type, dtype=dtype, cache_enabled=cache_enabled):
            return graph(*arguments)

    return node.trace(region, operands)


@higher_order("tag_activation_checkpoint")
def tag_activation_checkpoint(node: Node, graph: torch.fx.GraphModule, *operands: Any, **options: Any) -> Any:
    """What is computed twice in training is computed once here."""
    return node.inline(graph, operands)


@higher_order("invoke_subgraph")
def invoke_subgraph(node: Node, graph: Graph, identifier: str | None, *operands: Any) -> Any:
    """A region compiled once and called several times; each call is lowered in its place."""
    return node.inline(graph, operands)


@higher_order("wrap")
@higher_order("strict_mode")
def wrap_graph(node: Node, graph: Graph, *operands: Any) -> Any:
    operands = tuple(operands[0]) if len(operands) == 1 and isinstance(operands[0], list) else operands
    return node.inline(graph, operands)


@higher_order("hints_wrapper")
def hints_wrapper(node: Node, graph: Graph, operands: Sequence[Any], kwargs: Any, hints: Any) -> Any:
    """Hints are for another compiler's scheduler."""
    if kwargs:
        raise node.error("keyword arguments of hints_wrapper are not supported; pass them by position")
    return node.inline(graph, operands)


# ------------------------------------------------------------------------------------ branches and loops


@higher_order("cond")
def cond(node: Node, predicate: Any, on_true: Graph, on_false: Graph, operands: Sequence[Any] = ()) -> list[Any]:
    """Only the branch taken is lowered when the condition is known."""
    if isinstance(predicate, Condition):
        predicate = predicate.value()
    predicate = value_of(predicate)
    known = hlo.constant_value(predicate)
    if known is not None:
        on_true = on_false = on_true if known.all() else on_false
    inside = [read(operand) for operand in operands]
    states = node.effects.of(on_true, on_false)

    def branch(graph: Graph) -> list[ir.Value]:
        return _body(node, graph, inside, states)

    if on_true is on_false:
        return _carried(node, states, branch(on_true))
    return _carried(node, states, hlo.if_(predicate, lambda: branch(on_true), lambda: branch(on_false)))


@higher_order("while_loop")
def while_loop(
    node: Node, condition: Graph, body: Graph, carried: Sequence[Any], additional: Sequence[Any] = ()
) -> list[ir.Value]:
    """Carried Python numbers become tensors of rank 0."""
    fixed, count = [read(value) for value in additional], len(carried)
    states = node.effects.of(body)

    def proceed(*state: ir.Value) -> ir.Value:
        return hlo.reshape(_body(node, condition, [*state[:count], *fixed])[0], [])

    def step(*state: ir.Value) -> list[ir.Value]:
        return _body(node, body, [*state[:count], *fixed], _renewed(states, state[count:]))

    initial = [value_of(value) for value in [*carried, *(value for _, value in states)]]
    return _carried(node, states, hlo.while_(proceed, step, initial))


@higher_order("scan")
def scan(
    node: Node, combine: Graph, initial: Sequence[Any], xs: Sequence[Any], additional: Sequence[Any] = ()
) -> list[ir.Value]:
    """The last carry, then what the iterations over the leading dimension of `xs` gave, stacked."""
    fixed, state = [read(v) for v in additional], [value_of(v) for v in initial]
    return _loop(node, combine, state, [read(x) for x in xs], fixed)


@higher_order("map_impl")
def map_(node: Node, body: Graph, xs: Sequence[Any], additional: Sequence[Any] = ()) -> list[ir.Value]:
    return _loop(node, body, [], [read(x) for x in xs], [read(v) for v in additional])


@higher_order("associative_scan")
def associative_scan(
    node: Node, combine: Graph, xs: Sequence[Any], additional: Sequence[Any] = ()
) -> list[ir.Value]:
    """Prefixes along the leading dimension, one after the other: what `combine` does to a slice is only known to be
    associative, not to work on many at once."""
    fixed, values = [read(v) for v in additional], [read(x) for x in xs]
    length, count = hlo.shape(values[0])[0], len(values)
    first = [hlo.slice_axis(x, 0, 0, 1) for x in values]
    rest = [hlo.slice_axis(x, 0, 1, length) for x in values]
    states = node.effects.of(combine)

    def step(index: ir.Value, *state: ir.Value) -> hlo.Step:
        parts = [hlo.element_at(x, index) for x in rest]
        combined = _body(node, combine, [*state[:count], *parts, *fixed], _renewed(states, state[count:]))
        return hlo.Step(combined, [hlo.Element(v) for v in combined[:count]])

    initial = [*(hlo.squeeze(x, [0]) for x in first), *(value for _, value in states)]
    done = hlo.loop(length - 1, step, initial)
    _carried(node, states, done.state)
    return [hlo.concatenate([a, b], 0) for a, b in zip(first, done.stacked, strict=True)]


@higher_order("flex_attention")
def flex_attention(node: Node, *operands: Any) -> Any:
    """Attention with a score function and a mask function of positions, by PyTorch's own definition of it.

    Results: the output, log2 of the sums of exponentials, and the largest scores in the same unit.
    """
    math_attention = import_module("torch._higher_order_ops.flex_attention").math_attention
    return node.trace(math_attention, operands)


def _body(node: Node, graph: Graph, arguments: Sequence[Any], states: States = ()) -> list[ir.Value]:
    """A subgraph at the insertion point, then the states it carries; numbers become tensors of rank 0."""
    return [value_of(value) for value in node.lower_graph(graph, [read(a) for a in arguments], states)]


def _renewed(states: States, values: Sequence[ir.Value]) -> States:
    return [(name, value) for (name, _), value in zip(states, values, strict=True)]


def _carried(node: Node, states: States, results: Sequence[ir.Value]) -> list[ir.Value]:
    """The results without the states at their end, which the program takes over."""
    count = len(results) - len(states)
    node.effects.write(states, results[count:])
    return list(results[:count])


def _loop(
    node: Node, body: Graph, initial: Sequence[ir.Value], xs: Sequence[ir.Value], fixed: Sequence[Any]
) -> list[ir.Value]:
    lengths, count = [hlo.shape(x)[0] for x in xs], len(initial)
    for length in lengths[1:]:
        require_equal(length, lengths[0], f"the loop is over tensors of different lengths {lengths}")
    states = node.effects.of(body)

    def step(index: ir.Value, *state: ir.Value) -> hlo.Step:
        parts = [hlo.element_at(x, index) for x in xs]
        results = _body(node, body, [*state[:count], *parts, *fixed], _renewed(states, state[count:]))
        last = len(results) - len(states)
        return hlo.Step([*results[:count], *results[last:]], [hlo.Element(v) for v in results[count:last]])

    done = hlo.loop(lengths[0], step, [*initial, *(value for _, value in states)], index_dtype=np.int32)
    return [*_carried(node, states, done.state), *done.stacked]
