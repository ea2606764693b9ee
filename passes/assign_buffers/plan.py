"""The best plan that several orders of the operations, ways to share memory and packings give."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from oxide.passes.assign_buffers.liveness import Buffer, Sharing, buffers_of
from oxide.passes.assign_buffers.packing import Intervals, aligned, pack
from oxide.passes.assign_buffers.program import Body, Program

SHARING = [Sharing(slices, pieces) for slices in (True, False) for pieces in (True, False)]
# Packings that are tried: of the layouts whose bounds are lowest.
_PACKED = 3


@dataclass(frozen=True)
class Plan:
    """The order of the operations and where every buffer lies.  Sizes in bytes, rounded up to the alignment.

    `loads` are the bytes needed at each time; `lower_bound` the most of them, which no packing of these buffers
    can go below; `no_reuse` what separate buffers would take.
    """

    program: Program
    body: Body
    buffers: list[Buffer]
    offsets: list[int]
    arena: int
    loads: list[int]
    no_reuse: int

    @property
    def lower_bound(self) -> int:
        return max(self.loads, default=0)

    @property
    def peak_time(self) -> int:
        """When most is needed, the first time if there are several."""
        return self.loads.index(self.lower_bound) if self.loads else 0


def best_plan(program: Program, schedules: Iterable[Body]) -> Plan:
    """The plan with the smallest arena; of equal ones that of the first order."""
    layouts = [(body, buffers_of(program, body, sharing)) for body in schedules for sharing in SHARING]
    bounds = [Intervals(buffers).bound for _, buffers in layouts]
    chosen = sorted(range(len(layouts)), key=lambda index: (bounds[index], index))[:_PACKED]
    plans: list[Plan] = []
    for index in chosen:
        if not plans or bounds[index] < min(plan.arena for plan in plans):
            plans.append(_packed(program, *layouts[index]))
    return min(plans, key=lambda plan: plan.arena)


def _packed(program: Program, body: Body, buffers: list[Buffer]) -> Plan:
    intervals = Intervals(buffers)
    packing = pack(intervals)
    return Plan(
        program=program,
        body=body,
        buffers=buffers,
        offsets=packing.offsets.tolist(),
        arena=packing.arena,
        loads=intervals.loads().tolist(),
        no_reuse=sum(aligned(size or 0) for size in program.sizes),
    )
