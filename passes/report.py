"""What a run of a pipeline did, and MLIR's two tables of it: `--mlir-timing` and `--mlir-pass-statistics`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from oxide.dialects.diagnostics import Diagnostic
from oxide.passes.base import PassLog

_RULER = "===" + "-" * 73 + "==="


@dataclass
class StepReport:
    """One pass of the run: times in seconds, its log, and the diagnostics it emitted (native ones included)."""

    title: str
    seconds: float = 0.0
    verify_seconds: float = 0.0
    log: PassLog = field(default_factory=PassLog)
    diagnostics: list[Diagnostic] = field(default_factory=list)


@dataclass
class RunReport:
    """The passes that ran, in order, the failed one included."""

    steps: list[StepReport] = field(default_factory=list)

    def remarks(self) -> list[Diagnostic]:
        return [remark for step in self.steps for remark in step.log.remarks]

    def diagnostics(self) -> list[Diagnostic]:
        return [diagnostic for step in self.steps for diagnostic in step.diagnostics]

    def timings(self) -> list[tuple[str, float]]:
        """`(name, seconds)` rows in order of execution; `(V)` marks verification, as in MLIR."""
        rows = []
        for step in self.steps:
            rows.append((step.title, step.seconds))
            if step.verify_seconds:
                rows.append((f"(V) after {step.title}", step.verify_seconds))
        return rows


def timing_table(rows: Iterable[tuple[str, float]], total: float, merge: bool = False) -> str:
    """Wall time per row with its share of `total` seconds; the part no row covers is `Rest`.

    `merge` adds up rows of the same name and sorts by time (mlir-opt's `--mlir-timing-display=list`).
    """
    rows = list(rows)
    rows.append(("Rest", max(0.0, total - sum(seconds for _, seconds in rows))))
    if merge:
        sums: dict[str, float] = {}
        for name, seconds in rows:
            sums[name] = sums.get(name, 0.0) + seconds
        rows = sorted(sums.items(), key=lambda row: -row[1])
    lines = [*_title("Execution time report"), f"  Total Execution Time: {total:.4f} seconds", ""]
    lines.append("  ----Wall Time----  ----Name----")
    for name, seconds in [*rows, ("Total", total)]:
        share = 100 * seconds / total if total else 0.0
        lines.append(f"  {seconds:8.4f} ({share:5.1f}%)  {name}")
    return "\n".join(lines) + "\n"


def statistics_table(report: RunReport) -> str:
    """Per pass: its totals (S), and for each rule (R) that was tried how often, and how often it rewrote."""
    lines = _title("Pass statistics report")
    for step in report.steps:
        lines.append(step.title)
        lines += [f"  (S) {amount:>8} {what}" for what, amount in sorted(step.log.counts.items())]
        lines += _rule_lines(step.log)
    return "\n".join(lines) + "\n"


def _rule_lines(log: PassLog) -> list[str]:
    tried = {name: rule for name, rule in sorted(log.rules.items()) if rule.tries}
    width = max(map(len, tried), default=0)
    return [f"  (R) {name:<{width}}  {r.tries:>8} tries {r.hits:>8} hits" for name, r in tried.items()]


def _title(text: str) -> list[str]:
    return [_RULER, f"... {text} ...".center(len(_RULER)).rstrip(), _RULER]
