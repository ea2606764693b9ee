"""Counted loops that carry a state and stack what each iteration gives, as `stablehlo.while`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects.diagnostics import OxideError
from oxide.dialects.dims import Dim, Size
from oxide.dialects.hlo.core import DType, constant, constant_value, create, dtype, full, make_type, rank, shape
from oxide.dialects.hlo.elementwise import add, and_, less
from oxide.dialects.hlo.indexing import dynamic_slice, dynamic_update_slice
from oxide.dialects.hlo.reductions import with_block
from oxide.dialects.hlo.regions import Detached
from oxide.dialects.hlo.shape_ops import expand_dims, reshape, squeeze


@dataclass(frozen=True)
class Element:
    """One iteration's part of a stacked result: where along the new dimension `axis` it lands.

    `position` None is the iteration's own number.
    """

    value: ir.Value
    axis: int = 0
    position: ir.Value | None = None


@dataclass(frozen=True)
class Step:
    """What one iteration gives: the next state, elements of stacked results, and whether to go on (a bool
    scalar; None: yes)."""

    state: Sequence[ir.Value]
    elements: Sequence[Element] = ()
    proceed: ir.Value | None = None


class Loop(NamedTuple):
    """What a loop leaves: the last state, the stacked results, and how many iterations ran (`index_dtype`)."""

    state: list[ir.Value]
    stacked: list[ir.Value]
    iterations: ir.Value


def loop(
    count: Size | ir.Value | None,
    body: Callable[..., Step],
    initial: Sequence[ir.Value],
    *,
    proceed: ir.Value | None = None,
    index_dtype: DType = np.int32,
) -> Loop:
    """Run `body(i, *state)` for i = 0, 1, ... while i < count.

    `count` is known, a scalar of `index_dtype`, or None for no limit.  `proceed` says whether to start at all.
    Stacked results need a known count; what iterations that did not run would have given is 0.
    Raises OxideError when the state's types change or a stacked result has no known length.
    """
    types = [make_type([], index_dtype), *(v.type for v in initial)]
    steps: list[Step] = []

    def build(index: ir.Value, *state: ir.Value) -> Sequence[ir.Value]:
        steps.append(body(index, *state))
        return steps[0].state

    block = Detached(types, build)
    try:
        (step,) = steps
        _check_state(types[1:], block.results)
        buffers = [_buffer(element, count) for element in step.elements]
        if isinstance(count, int) and count == 0:
            return Loop(list(initial), buffers, constant(0, index_dtype))
        guarded = proceed is not None or not _is_true(step.proceed)
        if count is None and not guarded:
            raise OxideError("the loop never ends: it has neither a number of iterations nor a condition")
        return _emit(block, step, count, initial, buffers, proceed if guarded else None, guarded, index_dtype)
    finally:
        block.discard()


def _emit(
    block: Detached,
    step: Step,
    count: Size | ir.Value | None,
    initial: Sequence[ir.Value],
    buffers: Sequence[ir.Value],
    proceed: ir.Value | None,
    guarded: bool,
    index_dtype: DType,
) -> Loop:
    """The while operation; its state is index, state, buffers and, when guarded, the flag to go on."""
    carried = [constant(0, index_dtype), *initial, *buffers]
    if guarded:
        carried.append(constant(True, np.bool_) if proceed is None else reshape(proceed, []))
    types = [v.type for v in carried]
    op = create("stablehlo.while", carried, types, regions=2)

    def condition(index: ir.Value, *rest: ir.Value) -> Sequence[ir.Value]:
        if count is None:
            return [rest[-1]]
        limit = count if isinstance(count, ir.Value) else constant(count, index_dtype)
        within = less(index, limit)
        return [and_(within, rest[-1]) if guarded else within]

    with_block(op.regions[0], types, condition)
    arguments = [block.add_argument(t) for t in types[1 + len(initial) :]]
    with block.at_end():
        index = block.block.arguments[0]
        written = [_write(b, e, index) for b, e in zip(arguments, step.elements, strict=False)]
        returned = [add(index, 1), *step.state, *written]
        if guarded:
            returned.append(constant(True, np.bool_) if step.proceed is None else reshape(step.proceed, []))
        create("stablehlo.return", returned, [])
    block.move_to(op.regions[1])
    iterations, *results = op.results
    return Loop(results[: len(initial)], results[len(initial) : len(initial) + len(buffers)], iterations)


def element_at(x: ir.Value, position: ir.Value, axis: int = 0) -> ir.Value:
    """x at a run-time position along an axis, which is removed; positions are clamped into range."""
    sizes = [1 if i == axis else d for i, d in enumerate(shape(x))]
    starts: list[ir.Value | Size] = [0] * rank(x)
    starts[axis] = position
    return squeeze(dynamic_slice(x, starts, sizes), [axis])


def _write(buffer: ir.Value, element: Element, index: ir.Value) -> ir.Value:
    starts: list[ir.Value | Size] = [0] * rank(buffer)
    starts[element.axis] = index if element.position is None else element.position
    return dynamic_update_slice(buffer, expand_dims(element.value, [element.axis]), starts)


def _buffer(element: Element, count: Size | ir.Value | None) -> ir.Value:
    if not isinstance(count, int | Dim):
        raise OxideError("the number of iterations must be known for results that stack one element each")
    dims = list(shape(element.value))
    dims.insert(element.axis, count)
    return full(dims, 0, dtype(element.value))


def _check_state(before: Sequence[ir.Type], after: Sequence[ir.Value]) -> None:
    returned = [v.type for v in after]
    if returned != list(before):
        raise OxideError(
            f"the loop body changes its state from {[str(t) for t in before]} to {[str(t) for t in returned]}"
        )


def _is_true(value: ir.Value | None) -> bool:
    known = None if value is None else constant_value(value)
    return value is None or (known is not None and bool(known.all()))
