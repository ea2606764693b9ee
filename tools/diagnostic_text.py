"""Diagnostics as people read them on a terminal: `file:line:column: error: ...` with the source line."""

from __future__ import annotations

import re

from oxide.dialects.diagnostics import Diagnostic, OxideError

_LOCATION = re.compile(r"(?P<file>.+):(?P<line>\d+):(?P<column>\d+)", re.DOTALL)
_LONGEST_LINE = 200


def render_error(error: OxideError, tool: str, source: str = "", name: str = "") -> str:
    """The message under the tool's name, then each located diagnostic."""
    return "\n".join([f"{tool}: error: {error.message}", *(render(d, source, name) for d in error.diagnostics)])


def render(diagnostic: Diagnostic, source: str = "", name: str = "") -> str:
    """One diagnostic with its notes.  Where it lies in `source`, called `name`, that line and a caret follow."""
    head = f"{diagnostic.location}: " if diagnostic.location else ""
    lines = [f"{head}{diagnostic.severity}: {diagnostic.message}", *_excerpt(diagnostic.location, source, name)]
    lines += [render(note, source, name) for note in diagnostic.notes]
    return "\n".join(lines)


def _excerpt(location: str, source: str, name: str) -> list[str]:
    match = _LOCATION.fullmatch(location)
    if not source or match is None or match["file"] != name:
        return []
    lines = source.split("\n")
    line, column = int(match["line"]), int(match["column"])
    if not 1 <= line <= len(lines) or not 1 <= column <= len(lines[line - 1]) + 1:
        return []
    if len(lines[line - 1]) > _LONGEST_LINE:
        return []
    text = lines[line - 1].replace("\t", " ")
    return [text, " " * (column - 1) + "^"]
