"""Typed pass options: what a dataclass field accepts, read from text and printed back.

The text between a pass' braces is `key=value` pairs separated by blanks.  A value is a bare word, a string in
double quotes (JSON's escapes) or in single quotes (none), a balanced `{...}`, or for tuples a comma-separated
list of those.  A boolean may stand alone: `{verbose}` means `{verbose=true}`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from difflib import get_close_matches
from functools import cache
from typing import Any, Literal, get_args, get_origin, get_type_hints

from oxide.dialects.diagnostics import OxideError

_INTEGER = re.compile(r"[+-]?[0-9]+")
_BARE_WORD = re.compile(r"[A-Za-z0-9_./:+@%*-]+")
_BOOLEANS = {"true": True, "false": False, "1": True, "0": False}
_SCALARS = (bool, int, float, str)


@dataclass(frozen=True)
class OptionSpec:
    """One option as users see it: kebab-case name, Python type, default and help line."""

    name: str
    field: str
    type: Any
    default: Any
    help: str

    @property
    def type_text(self) -> str:
        """`int`, `list of str`, `a | b`."""
        if get_origin(self.type) is tuple:
            return f"list of {get_args(self.type)[0].__name__}"
        if get_origin(self.type) is Literal:
            return " | ".join(get_args(self.type))
        return self.type.__name__

    @property
    def default_text(self) -> str:
        return print_value(self.type, self.default)


@cache
def option_specs(cls: type) -> tuple[OptionSpec, ...]:
    """The options of a pass class, in field order.  ValueError when a field's type cannot be an option."""
    hints = get_type_hints(cls)
    specs = []
    for item in fields(cls):
        hint = hints[item.name]
        if not _is_option_type(hint):
            raise ValueError(f"option {item.name} of {cls.__name__}: {hint} cannot be written as a pass option")
        name = item.name.strip("_").replace("_", "-")
        specs.append(OptionSpec(name, item.name, hint, item.default, item.metadata.get("help", "")))
    return tuple(specs)


def parse_options(cls: type, pass_name: str, text: str) -> Any:
    """An instance of the pass class with the options of `text`, the part between the braces."""
    specs = {spec.name: spec for spec in option_specs(cls)}
    values: dict[str, Any] = {}
    for name, raw in _pairs(text, pass_name):
        spec = specs.get(name)
        if spec is None:
            raise OxideError(f"pass {pass_name} has no option {name}{_hint(name, specs)}")
        value = _parse_raw(spec, raw, pass_name)
        if spec.field not in values:
            values[spec.field] = value
        elif isinstance(value, tuple):  # as in MLIR, `list=1 list=2` is `list=1,2`
            values[spec.field] += value
        else:
            raise OxideError(f"option {name} of pass {pass_name} is given twice")
    return cls(**values)


def print_options(instance: Any) -> str:
    """The options that differ from their defaults, as `parse_options` reads them; empty when none does."""
    texts = []
    for spec in option_specs(type(instance)):
        value = getattr(instance, spec.field)
        if value != spec.default:
            texts.append(f"{spec.name}={print_value(spec.type, value)}")
    return " ".join(texts)


def print_value(kind: Any, value: Any) -> str:
    if get_origin(kind) is tuple:
        return ",".join(print_value(get_args(kind)[0], item) for item in value)
    if kind is bool:
        return "true" if value else "false"
    if kind in (int, float):
        return repr(value)
    return value if _BARE_WORD.fullmatch(value) else json.dumps(value)


def end_of_quoted(text: str, start: int) -> int:
    """The index after the string that opens at `start`; ValueError when it does not close."""
    quote, index = text[start], start + 1
    while index < len(text):
        if text[index] == "\\" and quote == '"':
            index += 1
        elif text[index] == quote:
            return index + 1
        index += 1
    raise ValueError("a quoted string is not closed")


def end_of_braces(text: str, start: int) -> int:
    """The index after the `}` that closes the `{` at `start`; ValueError when there is none."""
    depth, index = 0, start
    while index < len(text):
        if text[index] in "\"'":
            index = end_of_quoted(text, index)
            continue
        depth += {"{": 1, "}": -1}.get(text[index], 0)
        index += 1
        if depth == 0:
            return index
    raise ValueError("'{' is not closed")


def _is_option_type(hint: Any) -> bool:
    if get_origin(hint) is tuple:
        arguments = get_args(hint)
        return len(arguments) == 2 and arguments[1] is Ellipsis and arguments[0] in _SCALARS
    if get_origin(hint) is Literal:
        return all(isinstance(choice, str) for choice in get_args(hint))
    return hint in _SCALARS


def _pairs(text: str, pass_name: str) -> Iterator[tuple[str, str | None]]:
    """`(key, raw value)`; the value is None for a key that stands alone."""
    try:
        for word in _split(text, lambda character: character.isspace()):
            name, equals, raw = word.partition("=")
            if name:
                yield name, raw if equals else None
            elif equals:
                raise ValueError(f"'{word}' has no option name")
    except ValueError as error:
        raise OxideError(f"options of pass {pass_name}: {error}: {text}") from error


def _split(text: str, is_separator: Any) -> list[str]:
    """Split at separators that stand outside quotes and braces; pieces may be empty."""
    pieces, start, index = [], 0, 0
    while index < len(text):
        character = text[index]
        if character in "\"'":
            index = end_of_quoted(text, index)
        elif character == "{":
            index = end_of_braces(text, index)
        elif character == "}":
            raise ValueError("'}' closes nothing")
        else:
            index += 1
            if is_separator(character):
                pieces.append(text[start : index - 1])
                start = index
    return [*pieces, text[start:]]


def _parse_raw(spec: OptionSpec, raw: str | None, pass_name: str) -> Any:
    if raw is None:
        if spec.type is bool:
            return True
        raise OxideError(f"option {spec.name} of pass {pass_name} needs a value: {spec.name}=<{spec.type_text}>")
    try:
        return _parse_value(spec.type, raw)
    except ValueError as error:
        raise OxideError(f"option {spec.name} of pass {pass_name} takes {spec.type_text}, not {raw!r}") from error


def _parse_value(kind: Any, raw: str) -> Any:
    if get_origin(kind) is tuple:
        pieces = _split(raw, lambda character: character == ",") if raw else []
        return tuple(_parse_value(get_args(kind)[0], piece) for piece in pieces)
    if get_origin(kind) is Literal:
        value = _unquote(raw)
        if value not in get_args(kind):
            raise ValueError(value)
        return value
    if kind is bool:
        if raw.lower() not in _BOOLEANS:
            raise ValueError(raw)
        return _BOOLEANS[raw.lower()]
    if kind is int:
        if not _INTEGER.fullmatch(raw):
            raise ValueError(raw)
        return int(raw)
    return float(raw) if kind is float else _unquote(raw)


def _unquote(raw: str) -> str:
    if raw.startswith('"'):
        return json.loads(raw)  # JSONDecodeError is a ValueError
    if raw.startswith("'"):
        if len(raw) < 2 or end_of_quoted(raw, 0) != len(raw):
            raise ValueError(raw)
        return raw[1:-1]
    return raw


def _hint(name: str, specs: Mapping[str, OptionSpec]) -> str:
    if not specs:
        return "; it takes none"
    close = get_close_matches(name, specs, n=1)
    meant = f"; did you mean {close[0]}?" if close else ""
    return f"{meant} (options: {', '.join(specs)})" if meant else f"; its options are {', '.join(specs)}"
