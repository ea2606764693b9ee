"""What fusing brought, as a table or as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from oxide.passes.fuse.traffic import Traffic

KINDS = ("loop", "input", "output")


@dataclass
class Report:
    """Kernels and bytes of all blocks before and after, operations copied into fusions, and how often each reason
    kept a pair apart.  Blocks of loops count once; values of open size have no bytes."""

    before: Traffic = field(default_factory=Traffic)
    after: Traffic = field(default_factory=Traffic)
    copied: int = 0
    declined: Counter[str] = field(default_factory=Counter)

    def as_json(self) -> dict[str, Any]:
        return {
            "before": _side(self.before),
            "after": _side(self.after),
            "copied_operations": self.copied,
            "declined": dict(self.declined.most_common()),
        }

    def as_text(self) -> str:
        counts = [self.before.kernels, self.after.kernels, self.before.bytes, self.after.bytes]
        rows = [["kind", "kernels before", "after", "bytes before", "after"]]
        rows += [[kind, *(f"{count[kind]:,}" for count in counts)] for kind in (*KINDS, "other")]
        rows.append(["total", *(f"{count.total():,}" for count in counts)])
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [
            "  ".join([f"{row[0]:<{widths[0]}}", *(f"{t:>{w}}" for t, w in zip(row[1:], widths[1:], strict=True))])
            for row in rows
        ]
        lines.append(f"operations copied into fusions: {self.copied}")
        lines += [f"declined {count} times: {reason}" for reason, count in self.declined.most_common()]
        return "\n".join(lines)


def _side(traffic: Traffic) -> Mapping[str, Any]:
    return {
        "kernels": traffic.kernels.total(),
        "bytes": traffic.bytes.total(),
        "by_kind": {k: {"kernels": traffic.kernels[k], "bytes": traffic.bytes[k]} for k in (*KINDS, "other")},
    }
