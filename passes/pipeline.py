"""The pipeline grammar, read and printed: `parse(str(p)) == p`.

    pipeline ::= "builtin.module" "(" items ")" | items
    items    ::= (item ("," item)*)?
    item     ::= name ("{" options "}")? | "func.func" "(" items ")"

It is MLIR's grammar with two additions: a name may be one of Oxide's own passes, whose options are typed (see
`options`), or a named pipeline, which is replaced by its passes.  MLIR's own parser cannot name passes written
in Python.  A native pass' options are kept as they stand; MLIR reads them when the pipeline is prepared.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches

from oxide.dialects.diagnostics import OxideError
from oxide.passes.base import Pass
from oxide.passes.catalog import REGISTRY
from oxide.passes.native import NATIVE_PASSES
from oxide.passes.options import end_of_braces, parse_options, print_options
from oxide.passes.pipelines import PIPELINES

MODULE, FUNCTION = "builtin.module", "func.func"
_PUNCTUATION = frozenset("(){},")


@dataclass(frozen=True)
class NativePass:
    """A pass of MLIR's or StableHLO's, with its options as text."""

    name: str
    options: str = ""

    def __str__(self) -> str:
        return self.name + (f"{{{self.options}}}" if self.options else "")


@dataclass(frozen=True)
class OnFunctions:
    """`func.func(...)`: native passes that run on each function."""

    items: tuple[NativePass, ...]

    def __str__(self) -> str:
        return f"{FUNCTION}({','.join(map(str, self.items))})"


Item = Pass | NativePass | OnFunctions


@dataclass(frozen=True)
class Step:
    """One pass as it is run: a Python pass, or a native one with the operation it runs on."""

    item: Pass | NativePass
    anchor: str = MODULE

    @property
    def name(self) -> str:
        return self.item.name

    @property
    def title(self) -> str:
        """How reports call the pass, as MLIR does: `PrintOpStats (print-op-stats)`."""
        if isinstance(self.item, Pass):
            return f"{type(self.item).__name__} ({self.name})"
        return f"{''.join(word.capitalize() for word in self.name.split('-'))} ({self.name})"

    def __str__(self) -> str:
        text = print_item(self.item)
        return text if self.anchor == MODULE else f"{self.anchor}({text})"


@dataclass(frozen=True)
class Pipeline:
    """Passes in the order they run on a module."""

    items: tuple[Item, ...] = ()

    def __str__(self) -> str:
        return f"{MODULE}({','.join(map(print_item, self.items))})"

    def steps(self) -> Iterator[Step]:
        """The passes one by one; a native function pass named at module level runs on each function."""
        for item in self.items:
            if isinstance(item, OnFunctions):
                yield from (Step(native, FUNCTION) for native in item.items)
            elif isinstance(item, NativePass) and NATIVE_PASSES[item.name].anchor == FUNCTION:
                yield Step(item, FUNCTION)
            else:
                yield Step(item)


def print_item(item: Item) -> str:
    if not isinstance(item, Pass):
        return str(item)
    options = print_options(item)
    return item.name + (f"{{{options}}}" if options else "")


def parse_pipeline(text: str) -> Pipeline:
    """Read a pipeline.  Raises OxideError for syntax, unknown passes, pipelines or options, and wrong types."""
    parser = _Parser(text)
    if parser.take_anchor(MODULE):
        items = parser.items(inside=MODULE)
        parser.expect(")", "expected ',' or ')'")
    else:
        items = parser.items(inside=MODULE)
    parser.expect_end()
    return Pipeline(items)


def make_items(name: str, options: str = "") -> tuple[Item, ...]:
    """The pass or the passes that a name stands for.  Raises OxideError when there is none."""
    if name in REGISTRY:
        return (parse_options(REGISTRY[name], name, options),)
    if name in NATIVE_PASSES:
        return (NativePass(name, _balanced(name, options.strip())),)
    if name in PIPELINES:
        if options:
            raise OxideError(f"pipeline {name} takes no options")
        return parse_pipeline(PIPELINES[name].text).items
    raise OxideError(unknown_pass(name))


def unknown_pass(name: str) -> str:
    """What to tell someone who named a pass that does not exist."""
    known = [*REGISTRY, *PIPELINES, *NATIVE_PASSES]
    close = get_close_matches(name, known, n=3)
    if close:
        return f"unknown pass {name}; did you mean {' or '.join(close)}?"
    return f"unknown pass {name}; Oxide's own are {', '.join(sorted(REGISTRY))} (--list-passes shows all)"


def _balanced(name: str, options: str) -> str:
    braced = f"{{{options}}}"
    try:
        if end_of_braces(braced, 0) == len(braced):
            return options
    except ValueError as error:
        raise OxideError(f"options of pass {name}: {error}: {options}") from error
    raise OxideError(f"options of pass {name}: '}}' closes nothing: {options}")


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0

    def items(self, inside: str) -> tuple[Item, ...]:
        found: list[Item] = []
        if self.peek() in ("", ")"):
            return ()
        while True:
            found.extend(self.item(inside))
            if self.peek() != ",":
                return tuple(found)
            self.expect(",")

    def item(self, inside: str) -> tuple[Item, ...]:
        start = self.position
        name = self.word()
        if self.peek() == "(":
            return (self.nested(name, inside, start),)
        items = make_items(name, self.options())
        if inside == FUNCTION:
            self.check_function_passes(name, items, start)
        return items

    def nested(self, anchor: str, inside: str, start: int) -> OnFunctions:
        if (anchor, inside) != (FUNCTION, MODULE):
            raise self.error(f"{anchor} cannot be nested in {inside}; {FUNCTION} in {MODULE} can", start)
        self.expect("(")
        items = self.items(inside=FUNCTION)
        self.expect(")", "expected ',' or ')'")
        return OnFunctions(tuple(item for item in items if isinstance(item, NativePass)))

    def check_function_passes(self, name: str, items: tuple[Item, ...], start: int) -> None:
        for item in items:
            if not isinstance(item, NativePass) or NATIVE_PASSES[item.name].anchor == MODULE:
                raise self.error(f"{name} runs on the whole module; name it outside {FUNCTION}(...)", start)

    def options(self) -> str:
        if self.peek() != "{":
            return ""
        start = self.position
        try:
            self.position = end_of_braces(self.text, start)
        except ValueError as error:
            raise self.error(str(error), start) from error
        return self.text[start + 1 : self.position - 1].strip()

    def take_anchor(self, anchor: str) -> bool:
        self.peek()
        rest = self.text[self.position :]
        if not rest.startswith(anchor) or not rest[len(anchor) :].lstrip().startswith("("):
            return False
        self.position += len(anchor)
        self.expect("(")
        return True

    def word(self) -> str:
        self.peek()
        start = self.position
        while self.position < len(self.text):
            character = self.text[self.position]
            if character in _PUNCTUATION or character.isspace():
                break
            self.position += 1
        if start == self.position:
            raise self.error("expected the name of a pass")
        return self.text[start : self.position]

    def peek(self) -> str:
        """The next character that is not blank, or an empty string at the end."""
        while self.position < len(self.text) and self.text[self.position].isspace():
            self.position += 1
        return self.text[self.position : self.position + 1]

    def expect(self, character: str, complaint: str = "") -> None:
        if self.peek() != character:
            raise self.error(complaint or f"expected '{character}'")
        self.position += 1

    def expect_end(self) -> None:
        if self.peek():
            raise self.error("expected ',' or the end of the pipeline")

    def error(self, message: str, position: int | None = None) -> OxideError:
        column = self.position if position is None else position
        return OxideError(f"pipeline, column {column + 1}: {message}: {self.text!r}")
