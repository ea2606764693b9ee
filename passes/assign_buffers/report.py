"""The buffer plan as a JSON report."""

from __future__ import annotations

import json
import sys

from jaxlib.mlir import ir

from oxide.dialects.diagnostics import OxideError, location_text
from oxide.passes.assign_buffers.plan import ALIGNMENT, Plan


def report(plan: Plan) -> dict[str, object]:
    """Totals in bytes, and every buffer with its place, its time and the operations that write it."""
    buffers = [
        {
            "offset": offset,
            "size": buffer.size,
            "start": buffer.start,
            "end": buffer.end,
            "values": [_value(value) for value in buffer.values if isinstance(value, ir.OpResult)],
        }
        for buffer, offset in zip(plan.buffers, plan.offsets, strict=True)
    ]
    return {
        "arena_bytes": plan.arena,
        "lower_bound_bytes": plan.lower_bound,
        "no_reuse_bytes": plan.no_reuse,
        "alignment": ALIGNMENT,
        "buffers": buffers,
    }


def _value(value: ir.OpResult) -> dict[str, object]:
    op = value.owner.operation
    return {
        "operation": op.name,
        "result": value.result_number,
        "type": str(value.type),
        "location": location_text(op.location),
    }


def write_report(plan: Plan, destination: str) -> None:
    """Write the report to a file, or to standard error for `-`."""
    text = json.dumps(report(plan), indent=2) + "\n"
    if destination == "-":
        sys.stderr.write(text)
        return
    try:
        with open(destination, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise OxideError(f"cannot write the buffer report: {error}") from error
