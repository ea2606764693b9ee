"""The source text of the functions in `helpers.py`, and which of them need which."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True)
class Helper:
    """One function: its text, and the other helpers it calls."""

    text: str
    needs: tuple[str, ...]


@cache
def helpers() -> dict[str, Helper]:
    """Every function of `helpers.py` by name, in the file's order."""
    source = Path(__file__).with_name("helpers.py").read_text(encoding="utf-8")
    lines = source.splitlines()
    functions = [n for n in ast.parse(source).body if isinstance(n, ast.FunctionDef)]
    names = {f.name for f in functions}
    found: dict[str, Helper] = {}
    for function in functions:
        used = {n.id for n in ast.walk(function) if isinstance(n, ast.Name)} & names - {function.name}
        text = "\n".join(lines[function.lineno - 1 : function.end_lineno])
        found[function.name] = Helper(text, tuple(sorted(used)))
    return found


def texts(wanted: Iterable[str]) -> list[str]:
    """The text of these helpers and of those they call, in the file's order."""
    library = helpers()
    needed: set[str] = set()
    pending = list(wanted)
    while pending:
        name = pending.pop()
        if name not in needed:
            needed.add(name)
            pending += library[name].needs
    return [helper.text for name, helper in library.items() if name in needed]


def variant(name: str, called: str) -> str:
    """The text of one helper under another name."""
    return helpers()[name].text.replace(f"def {name}(", f"def {called}(", 1)
