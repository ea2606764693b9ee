"""The one error type that users see, and how native MLIR diagnostics become part of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from jaxlib.mlir import ir


@dataclass(frozen=True)
class Diagnostic:
    """One message about one place.

    `severity` is `error`, `warning`, `remark` or `note`; `location` is MLIR's rendering of a location
    (`loc("conv1")`, `"f.mlir":3:5`), empty when unknown.
    """

    severity: str
    message: str
    location: str = ""
    notes: tuple[Diagnostic, ...] = ()

    def __str__(self) -> str:
        head = f"{self.location}: " if self.location else ""
        lines = [f"{head}{self.severity}: {self.message}"]
        lines += [str(note) for note in self.notes]
        return "\n".join(lines)


@dataclass
class OxideError(Exception):
    """Something about the user's input or request cannot be done; the message says what and what to do.

    `diagnostics` carries located details, one per offending operation where there are several.
    """

    message: str
    diagnostics: list[Diagnostic] = field(default_factory=list)

    def __str__(self) -> str:
        return "\n".join([self.message, *map(str, self.diagnostics)])


def location_text(location: ir.Location) -> str:
    """`loc("conv1")` for a named location, `file:line:column` for a file location, empty when unknown."""
    text = str(location)
    if text == "loc(unknown)":
        return ""
    try:
        file = ir.FileLineColLoc(location)
    except ValueError:
        return text
    return f"{file.filename}:{file.start_line}:{file.start_col}"


def from_native(info: ir.DiagnosticInfo | ir.Diagnostic) -> Diagnostic:
    return Diagnostic(
        severity=info.severity.name.lower(),
        message=info.message,
        location=location_text(info.location),
        notes=tuple(from_native(note) for note in info.notes),
    )


@contextmanager
def captured(context: ir.Context) -> Iterator[list[Diagnostic]]:
    """Collect the diagnostics the context emits inside the block instead of printing them."""
    seen: list[Diagnostic] = []

    def handler(diagnostic: ir.Diagnostic) -> bool:
        seen.append(from_native(diagnostic))
        return True

    attached = context.attach_diagnostic_handler(handler)
    try:
        yield seen
    finally:
        attached.detach()
