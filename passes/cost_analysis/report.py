"""The costs of a module as a table or as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jaxlib.mlir import ir

from oxide.dialects.attributes import string
from oxide.dialects.diagnostics import location_text
from oxide.dialects.dims import Size
from oxide.passes.cost_analysis.counting import Cost, total

Costs = Sequence[tuple[ir.OpView, Cost]]


def report(costs: Costs) -> dict[str, Any]:
    """Totals, sums by name of operation, and every operation of the entry function that costs something.

    A count that depends on open sizes is the text of its expression; the intensity is null then.
    """
    summed = total(cost for _, cost in costs)
    return {
        **_counts(summed),
        "uncounted": dict(sorted(summed.uncounted.items())),
        "loops_of_unknown_trips": summed.unknown_trips,
        "by_operation": {
            name: {"count": count, **_counts(cost)} for name, (count, cost) in by_operation(costs).items()
        },
        "operations": [
            {"operation": displayed(op), "location": location_text(op.location), **_counts(cost)}
            for op, cost in costs
            if cost.bytes or cost.flops or cost.transcendentals
        ],
    }


def by_operation(costs: Costs) -> dict[str, tuple[int, Cost]]:
    """How many operations of a name the entry function has and what they cost together, sorted by name."""
    found: dict[str, tuple[int, Cost]] = {}
    for op, cost in costs:
        count, summed = found.get(displayed(op), (0, Cost()))
        summed.add(cost)
        found[displayed(op)] = (count + 1, summed)
    return dict(sorted(found.items()))


def displayed(op: ir.OpView) -> str:
    """A composite's own name, the operation's name otherwise."""
    name = op.operation.name
    return string(op.operation, "name") if name == "stablehlo.composite" else name


def _counts(cost: Cost) -> dict[str, Any]:
    return {
        "flops": plain(cost.flops),
        "transcendentals": plain(cost.transcendentals),
        "bytes": plain(cost.bytes),
        "intensity": cost.intensity,
    }


def plain(size: Size) -> int | str:
    """A number, or the text of an expression."""
    return size if isinstance(size, int) else str(size)


def table(costs: Costs) -> str:
    """Sums by name of operation, the total last, and what could not be counted."""
    summed = total(cost for _, cost in costs)
    rows = [("operation", "count", "FLOPs", "transcendentals", "bytes", "FLOP/byte")]
    rows += [_row(name, count, cost) for name, (count, cost) in by_operation(costs).items()]
    rows.append(_row("total", len(costs), summed))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(
            [f"{row[0]:<{widths[0]}}", *(f"{t:>{w}}" for t, w in zip(row[1:], widths[1:], strict=True))]
        ).rstrip()
        for row in rows
    ]
    if summed.uncounted:
        names = ", ".join(f"{name} ({count})" for name, count in sorted(summed.uncounted.items()))
        lines.append(f"FLOPs not counted, because of open sizes: {names}")
    if summed.unknown_trips:
        lines.append(f"loops counted as one round, as it is not known how often they run: {summed.unknown_trips}")
    return "\n".join(lines)


def _row(name: str, count: int, cost: Cost) -> tuple[str, ...]:
    intensity = "" if cost.intensity is None else f"{cost.intensity:.3g}"
    return (name, str(count), _text(cost.flops), _text(cost.transcendentals), _text(cost.bytes), intensity)


def _text(size: Size) -> str:
    return f"{size:,}" if isinstance(size, int) else str(size)
