"""The best plan that several orders of the operations, ways to share memory and packings give."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from oxide.passes.assign_buffers.liveness import Buffer, Sharing, buffers_of
from oxide.passes.assign_buffers.packing import Intervals, aligned, pack
from oxide.passes.assign_buffers.program import Body, Program

# Layouts that are packed: those whose bounds are lowest.
_PACKED = 3
# Concatenations that are tried one by one: the largest.
_TRIED = 64

# The operations of a function in an order, and what may share.
Layout = tuple[Body, Sharing]


@dataclass(frozen=True)
class Plan:
    """The order of the operations and where every buffer lies.  Sizes in bytes, rounded up to the alignment.

    `lower_bound` are the bytes that no packing of these buffers can go below; `loads` what is needed of the arena
    at each time, at least, if buffers could be divided; `no_reuse` what separate buffers would take; `outside` what
    lies outside of the arena, in the memory of results and donated arguments.
    """

    program: Program
    body: Body
    buffers: list[Buffer]
    offsets: list[int]
    arena: int
    lower_bound: int
    loads: list[int]
    no_reuse: int
    outside: int

    @property
    def extent(self) -> int:
        """The end of the last buffer, outside of the arena too."""
        ends = (start + aligned(buffer.size) for start, buffer in zip(self.offsets, self.buffers, strict=True))
        return max(ends, default=0)

    @property
    def peak_time(self) -> int:
        """When most is needed, the first time if there are several."""
        return self.loads.index(max(self.loads)) if self.loads else 0


def best_plan(program: Program, schedules: Iterable[Body]) -> Plan:
    """The plan with the smallest arena; of equal ones that of the first order."""
    concatenations = _concatenations(program.body)
    sharings = [Sharing(slices, frozenset(pieces)) for slices in (True, False) for pieces in (concatenations, ())]
    layouts = list(dict.fromkeys((body, sharing) for body in schedules for sharing in sharings))
    bounds = {layout: _bound(program, layout) for layout in layouts}
    best = min(layouts, key=bounds.__getitem__)
    if concatenations and not best[1].pieces:
        refined = _with_pieces(program, best, bounds[best], concatenations)
        layouts.insert(0, refined)
        bounds[refined] = _bound(program, refined)
    plan: Plan | None = None
    for layout in sorted(layouts, key=bounds.__getitem__)[:_PACKED]:
        if plan is None or bounds[layout] < plan.arena:
            found = _packed(program, layout)
            plan = found if plan is None or found.arena < plan.arena else plan
    assert plan is not None
    return plan


def _concatenations(body: Body) -> dict[int, int]:
    """Those of a body and of the loops and branches in it that could compute operands in place: bytes by index."""
    found = {step.index: step.pieces[-1] for step in body.steps if len(step.pieces) > 1}
    for step in body.steps:
        for inner in step.bodies:
            found.update(_concatenations(inner))
    return found


def _with_pieces(program: Program, layout: Layout, bound: int, concatenations: dict[int, int]) -> Layout:
    """The layout with as many concatenations in place as do not raise its bound."""
    body, sharing = layout
    for index in sorted(concatenations, key=lambda index: -concatenations[index])[:_TRIED]:
        more = Sharing(sharing.slices, sharing.pieces | {index})
        found = _bound(program, (body, more))
        if found <= bound:
            sharing, bound = more, found
    return body, sharing


def _bound(program: Program, layout: Layout) -> int:
    return Intervals(buffers_of(program, *layout)).bound


def _scratch(buffers: Iterable[Buffer]) -> int:
    return sum(aligned(buffer.size) for buffer in buffers if buffer.scratch is not None)


def _packed(program: Program, layout: Layout) -> Plan:
    buffers = buffers_of(program, *layout)
    intervals = Intervals(buffers)
    packing = pack(intervals)
    return Plan(
        program=program,
        body=layout[0],
        buffers=buffers,
        offsets=packing.offsets.tolist(),
        arena=packing.arena,
        lower_bound=intervals.least,
        loads=intervals.loads().tolist(),
        no_reuse=sum(aligned(size or 0) for size in program.sizes) + _scratch(buffers),
        outside=int(intervals.sizes[~intervals.inside].sum()),
    )
