"""What `oxide` prints: aligned tables and numbers with units."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from oxide.benchmarking import Timing
from oxide.comparison import Comparison
from oxide.dialects.dims import Size
from oxide.frontends.onnx.support import OperatorSupport
from oxide.inspection import Inspection
from oxide.signature import TensorSpec
from oxide.verification import LayerReport


def table(rows: Iterable[Sequence[str]], *, numbers: int = 0, indent: str = "") -> str:
    """Align columns; the last `numbers` columns to the right."""
    rows = [list(row) for row in rows]
    if not rows:
        return ""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    first_number = len(widths) - numbers

    def line(row: Sequence[str]) -> str:
        cells = [
            cell.rjust(width) if i >= first_number else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        return (indent + "  ".join(cells)).rstrip()

    return "\n".join(map(line, rows))


def scaled(value: float, unit: str, step: int = 1000) -> str:
    """`8.22 GFLOP`, `102 MB`."""
    prefixes = ["", "k", "M", "G", "T", "P"]
    while abs(value) >= step and len(prefixes) > 1:
        value /= step
        prefixes.pop(0)
    return f"{value:.3g} {prefixes[0]}{unit}"


def inspection_text(report: Inspection) -> str:
    lines = [f"{report.name}", "inputs", *_specs(report.inputs), "outputs", *_specs(report.outputs)]
    weights = f"{len(report.parameters)} parameters, {report.parameter_count:,} values"
    lines.append(f"{weights}, {scaled(report.parameter_bytes, 'B')}")
    work = f"{_count(report.flops, 'FLOP')}, {_count(report.transcendentals, 'transcendental')}"
    lines.append(f"{work}, {_count(report.bytes, 'B')} read and written before fusion")
    lines.append("operations")
    lines.append(table(((name, str(count)) for name, count in report.operations.items()), numbers=1, indent="  "))
    if report.uncounted:
        names = ", ".join(f"{name} ({count})" for name, count in report.uncounted.items())
        lines.append(f"FLOPs not counted, because of open sizes: {names}")
    return "\n".join(lines)


def _count(count: Size, unit: str) -> str:
    return scaled(count, unit) if isinstance(count, int) else f"{count} {unit}"


def _specs(specs: Iterable[TensorSpec]) -> list[str]:
    return [f"  {spec}" for spec in specs]


def comparison_text(comparisons: Iterable[Comparison]) -> str:
    head = ("output", "", "max abs", "max rel", "tolerance", "cosine")
    return table([head, *map(_comparison_row, comparisons)], numbers=4)


def _comparison_row(result: Comparison) -> tuple[str, ...]:
    verdict = "ok" if result.passed else "DIFFERS"
    if result.problem:
        return result.name, f"{verdict}: {result.problem}", "", "", "", ""
    numbers = (f"{number:.2e}" for number in (result.max_absolute, result.max_relative, result.tolerance))
    return result.name, verdict, *numbers, f"{result.cosine:.9f}"


def layers_text(report: LayerReport) -> str:
    count = len(report.comparisons)
    if report.first_divergence is None:
        worst = max(report.comparisons, key=lambda c: c.max_relative, default=None)
        where = f"; the largest relative error is {worst.max_relative:.2e} at {worst.name!r}" if worst else ""
        return f"all {count} values agree with {report.oracle}{where}"
    lines = [f"first divergence from {report.oracle}: node {report.node_name!r} ({report.op_type})"]
    lines.append(comparison_text([report.first_divergence]))
    if report.inputs:
        lines += ["what the node reads:", comparison_text(report.inputs)]
    return "\n".join(lines)


def timing_text(timings: Sequence[Timing]) -> str:
    """Milliseconds, and each median over the first's."""
    rows = [("", "median ms", "p10", "p90", "calls", "ratio")]
    for timing in timings:
        numbers = (f"{seconds * 1e3:.3f}" for seconds in (timing.median, timing.p10, timing.p90))
        rows.append((timing.name, *numbers, str(timing.calls), f"{timing.median / timings[0].median:.2f}"))
    return table(rows, numbers=5)


def array_text(name: str, array: np.ndarray) -> tuple[str, ...]:
    """Name, type, and smallest, largest and mean value."""
    label = f"{array.dtype}[{','.join(map(str, array.shape))}]"
    if not array.size:
        return name, label, "empty"
    if array.dtype.kind == "c":
        return name, label, f"mean {np.mean(array):.6g}"
    wide = array.astype(np.float64)
    return name, label, f"min {wide.min():.6g}  max {wide.max():.6g}  mean {wide.mean():.6g}"


def operators_text(operators: Sequence[OperatorSupport]) -> str:
    rows = [(op.name, op.how or "not supported", " ".join(map(str, op.versions))) for op in operators]
    return table(rows)
