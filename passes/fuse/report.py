"""What fusing brought, as a table or as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from oxide.passes.fuse.devices import DEVICES
from oxide.passes.fuse.traffic import Traffic

KINDS = ("loop", "input", "output")


@dataclass
class Report:
    """Kernels and bytes of all blocks before and after, operations copied into fusions, and how often each reason
    kept a pair apart; what launches and memory cost on a device at least.  Blocks of loops count once; values of
    open size have no bytes."""

    device: str
    before: Traffic = field(default_factory=Traffic)
    after: Traffic = field(default_factory=Traffic)
    copied: int = 0
    declined: Counter[str] = field(default_factory=Counter)

    def as_json(self) -> dict[str, Any]:
        return {
            "device": self.device,
            "before": self._side(self.before),
            "after": self._side(self.after),
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
        before, after = (1e6 * self._seconds(side) for side in (self.before, self.after))
        lines += [
            f"launches and memory take at least {before:.1f} us before, {after:.1f} us after ({self.device})",
            f"operations copied into fusions: {self.copied}",
        ]
        lines += [f"declined {count} times: {reason}" for reason, count in self.declined.most_common()]
        return "\n".join(lines)

    def _side(self, side: Traffic) -> Mapping[str, Any]:
        return {
            "kernels": side.kernels.total(),
            "bytes": side.bytes.total(),
            "least_seconds": self._seconds(side),
            "by_kind": {k: {"kernels": side.kernels[k], "bytes": side.bytes[k]} for k in (*KINDS, "other")},
        }

    def _seconds(self, side: Traffic) -> float:
        return DEVICES[self.device].kernels(side.kernels.total(), side.bytes.total())
