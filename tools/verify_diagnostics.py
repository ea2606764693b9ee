"""`--verify-diagnostics`: diagnostics are checked against comments in the input, with MLIR's semantics.

    // expected-error@+1 {{'stablehlo.add' op requires}}
    // expected-warning 2 {{deprecated}}
    // expected-error-re@above {{shape {{[0-9]+}}x3}}

A directive names a severity, where (`@+1`, `@-1`, `@12`, `@above`, `@below`, `@unknown`; its own line by
default), how often (once by default) and a part of the message.  In `-re` directives `{{...}}` inside holds a
regular expression.  A directive that nothing matches and a diagnostic that no directive matches both fail.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from oxide.dialects.diagnostics import Diagnostic

_DIRECTIVE = re.compile(
    r"expected-(?P<severity>error|note|remark|warning)(?P<regex>-re)?\s*"
    r"(?:@(?P<place>[+-]?\d+|above|below|unknown))?\s*(?P<count>\d+)?\s*\{\{"
)
_FILE_LOCATION = re.compile(r"(?P<file>.+):(?P<line>\d+):(?P<column>\d+)", re.DOTALL)
_NESTED_FILE_LOCATION = re.compile(r'"(?P<file>(?:[^"\\]|\\.)*)":(?P<line>\d+):(?P<column>\d+)')


@dataclass
class Expectation:
    """One directive: `line` is where it stands, `target` the line it speaks of (None: an unknown location)."""

    line: int
    column: int
    severity: str
    text: str
    pattern: re.Pattern[str]
    target: int | None
    count: int = 1

    def accepts(self, severity: str, line: int | None, message: str) -> bool:
        return (
            self.count > 0
            and self.severity == severity
            and self.target == line
            and self.pattern.search(message) is not None
        )


def verify_diagnostics(
    text: str, name: str, produced: Iterable[Diagnostic], only_expected: bool = False
) -> list[Diagnostic]:
    """What is wrong: directives without a diagnostic and, unless `only_expected`, diagnostics without a directive.

    `text` is the input, `name` its name in locations.
    """
    expectations, problems = parse_expectations(text, name)
    for diagnostic in _flattened(produced):
        line = line_of(diagnostic.location, name)
        match = next((e for e in expectations if e.accepts(diagnostic.severity, line, diagnostic.message)), None)
        if match:
            match.count -= 1
        elif not only_expected:
            problems.append(_unexpected(diagnostic, line, expectations))
    for missing in expectations:
        if missing.count:
            message = f'expected {missing.severity} "{missing.text}" was not produced'
            times = f" {missing.count} more times" if missing.count > 1 else ""
            problems.append(Diagnostic("error", message + times, f"{name}:{missing.line}:{missing.column}"))
    return problems


def parse_expectations(text: str, name: str) -> tuple[list[Expectation], list[Diagnostic]]:
    """The directives of an input, and complaints about those that make no sense."""
    expectations: list[Expectation] = []
    problems: list[Diagnostic] = []
    below: list[Expectation] = []  # wait for the next line without a directive
    last_plain_line: int | None = None
    for number, line in enumerate(text.split("\n"), start=1):
        found = False
        for match, body in _directives(line):
            found = True
            where = f"{name}:{number}:{match.start() + 1}"
            try:
                expectation = _expectation(match, body, number, last_plain_line)
            except (ValueError, re.error) as error:
                problems.append(Diagnostic("error", f"{match[0]}{body or ''}: {error}", where))
                continue
            if match["place"] == "below":
                below.append(expectation)
            expectations.append(expectation)
        if not found:
            last_plain_line = number
            for waiting in below:
                waiting.target = number
            below = []
    return expectations, problems


def line_of(location: str, name: str) -> int | None:
    """The line of a rendered location when it lies in the file `name`; -1 in another file, None when unknown."""
    match = _FILE_LOCATION.fullmatch(location) or _NESTED_FILE_LOCATION.search(location)
    if match is None:
        return None
    return int(match["line"]) if match["file"] == name else -1


def _directives(line: str) -> Iterator[tuple[re.Match[str], str | None]]:
    """Each directive of a line with the text between its braces, None when they do not close."""
    position = 0
    while match := _DIRECTIVE.search(line, position):
        end = _closing_braces(line, match.end(), nested=bool(match["regex"]))
        yield match, None if end is None else line[match.end() : end]
        position = len(line) if end is None else end + 2


def _closing_braces(line: str, start: int, nested: bool) -> int | None:
    """The index of the `}}` that closes an open `{{`; `nested` pairs are skipped, `}}}` closes at its end."""
    depth, index = 1, start
    while index < len(line) - 1:
        pair = line[index : index + 2]
        if nested and pair == "{{":
            depth, index = depth + 1, index + 2
        elif pair == "}}":
            while depth == 1 and line[index + 2 : index + 3] == "}":
                index += 1
            depth -= 1
            if depth == 0:
                return index
            index += 2
        else:
            index += 1
    return None


def _expectation(match: re.Match[str], body: str | None, number: int, last_plain_line: int | None) -> Expectation:
    if body is None:
        raise ValueError("'{{' is not closed on this line")
    count = int(match["count"] or 1)
    if not count:
        raise ValueError("a count of 0 expects nothing")
    target = _target(match["place"], number, last_plain_line)
    pattern = _pattern(body) if match["regex"] else re.compile(re.escape(body))
    return Expectation(number, match.start() + 1, match["severity"], body, pattern, target, count)


def _target(place: str | None, number: int, last_plain_line: int | None) -> int | None:
    if place is None or place == "below":
        return number
    if place == "unknown":
        return None
    if place == "above":
        if last_plain_line is None:
            raise ValueError("there is no line above")
        return last_plain_line
    return number + int(place) if place[0] in "+-" else int(place)


def _pattern(body: str) -> re.Pattern[str]:
    """A directive's text with regular expressions between inner double braces."""
    pieces = re.split(r"\{\{(.*?)\}\}", body)
    return re.compile("".join(f"(?:{p})" if i % 2 else re.escape(p) for i, p in enumerate(pieces)), re.DOTALL)


def _flattened(diagnostics: Iterable[Diagnostic]) -> Iterator[Diagnostic]:
    for diagnostic in diagnostics:
        yield diagnostic
        yield from _flattened(diagnostic.notes)


def _unexpected(diagnostic: Diagnostic, line: int | None, expectations: list[Expectation]) -> Diagnostic:
    message = f"unexpected {diagnostic.severity}: {diagnostic.message}"
    for near in expectations:
        if near.count and near.target == line and near.pattern.search(diagnostic.message):
            message = (
                f"'{diagnostic.severity}' emitted where a '{near.severity}' was expected: {diagnostic.message}"
            )
    return Diagnostic("error", message, diagnostic.location)
