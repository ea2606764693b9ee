"""Orders of a program's operations, of which some need less memory than others.

Finding the best order is NP-complete, so there are several ways, each of which is best on some programs: the
order as given, a depth-first one, two greedy ones, and a beam search.  They count what operations allocate and
free; `liveness` then counts what each of the orders really needs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from oxide.passes.assign_buffers.graph import Graph, Order
from oxide.passes.assign_buffers.heuristics import depth_first, greedy, greedy_from_the_end
from oxide.passes.assign_buffers.program import Body, Program
from oxide.passes.assign_buffers.search import beam


def schedules(program: Program) -> Iterator[Body]:
    """@main's body with its operations, and those of its loops and branches, in several orders; the given first."""
    yield program.body
    seen = {_positions(program.body)}
    for heuristic in (depth_first, greedy, greedy_from_the_end, beam):
        body = _ordered(program.body, program, heuristic)
        if _positions(body) not in seen:
            seen.add(_positions(body))
            yield body


def _ordered(body: Body, program: Program, heuristic: Callable[[Graph], Order]) -> Body:
    order = heuristic(Graph(body, program))
    # Constants need no memory; in front they are easiest to read.
    order.sort(key=lambda position: body.steps[position].op.name != "stablehlo.constant")
    steps = (body.steps[position] for position in order)
    return replace(
        body,
        steps=tuple(
            replace(step, bodies=tuple(_ordered(inner, program, heuristic) for inner in step.bodies))
            for step in steps
        ),
    )


def _positions(body: Body) -> tuple[object, ...]:
    return tuple((step.index, *(_positions(inner) for inner in step.bodies)) for step in body.steps)
