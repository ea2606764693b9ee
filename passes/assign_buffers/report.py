"""The buffer plan as text and as JSON."""

from __future__ import annotations

from jaxlib.mlir import ir

from oxide.dialects.diagnostics import location_text
from oxide.passes.assign_buffers.liveness import ALIGNMENT, Buffer
from oxide.passes.assign_buffers.plan import Plan

# Values of a buffer that are named in text.
_SHOWN = 2


def report(plan: Plan) -> dict[str, object]:
    """Totals in bytes, and every buffer with its place, its time and the values that lie in it.

    Offsets from `arena_bytes` on are in memory outside of the arena.  A buffer with `scratch` is what an operation
    works in: the arena of the function it calls, or values of a loop that trade places.
    """
    peak = plan.peak_time
    return {
        "arena_bytes": plan.arena,
        "lower_bound_bytes": plan.lower_bound,
        "outside_bytes": plan.outside,
        "no_reuse_bytes": plan.no_reuse,
        "alignment": ALIGNMENT,
        "peak_time": peak,
        "buffers": [
            {
                "offset": offset,
                "size": buffer.size,
                "start": buffer.start,
                "end": buffer.end,
                "at_peak": buffer.start <= peak <= buffer.end,
                "outside": buffer.separate,
                **({} if buffer.scratch is None else {"scratch": _operation(buffer.scratch)}),
                "values": [
                    {**_value(plan.program.values[number]), "offset": offset + place}
                    for number, place in buffer.values.items()
                ],
            }
            for buffer, offset in zip(plan.buffers, plan.offsets, strict=True)
        ],
    }


def _operation(op: ir.Operation) -> dict[str, object]:
    return {"operation": op.name, "location": location_text(op.location)}


def _value(value: ir.Value) -> dict[str, object]:
    kind = {"type": str(value.type)}
    if isinstance(value, ir.OpResult):
        return {**_operation(value.owner.operation), "result": value.result_number, **kind}
    argument = ir.BlockArgument(value)
    return {**_operation(argument.owner.owner.operation), "argument": argument.arg_number, **kind}


def text(plan: Plan) -> str:
    """Totals, and the buffers that are alive when most is needed, the largest first."""
    lines = [f"{name:<14}{size:>16,} bytes" for name, size in totals(plan)]
    alive = alive_at_peak(plan)
    lines.append(f"alive at the peak, time {plan.peak_time}: {len(alive)} of {len(plan.buffers)} buffers")
    lines.append(f"{'offset':>14}{'size':>14}{'from':>8}{'to':>8}  values")
    for offset, buffer in alive:
        lines.append(f"{offset:>14,}{buffer.size:>14,}{buffer.start:>8}{buffer.end:>8}  {described(plan, buffer)}")
    return "\n".join(lines) + "\n"


def totals(plan: Plan) -> list[tuple[str, int]]:
    """Bytes with what they are."""
    return [
        ("arena", plan.arena),
        ("lower bound", plan.lower_bound),
        ("outside", plan.outside),
        ("without reuse", plan.no_reuse),
    ]


def alive_at_peak(plan: Plan) -> list[tuple[int, Buffer]]:
    """The buffers needed at the time of the peak with their offsets, by size."""
    peak = plan.peak_time
    found = [
        (offset, buffer)
        for offset, buffer in zip(plan.offsets, plan.buffers, strict=True)
        if buffer.start <= peak <= buffer.end
    ]
    return sorted(found, key=lambda item: (-item[1].size, item[0]))


def described(plan: Plan, buffer: Buffer) -> str:
    """The first values of a buffer: operation, type and location; or the operation that works in it."""
    if buffer.scratch is not None:
        return f"scratch memory of {buffer.scratch.name} at {location_text(buffer.scratch.location)}"
    shown = [_value(plan.program.values[number]) for number in list(buffer.values)[:_SHOWN]]
    texts = [f"{value['operation']} {value['type']} at {value['location']}" for value in shown]
    more = len(buffer.values) - len(shown)
    return "; ".join(texts) + (f"; and {more} more" if more else "")
