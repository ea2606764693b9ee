"""Python identifiers for the names of inputs, operations and functions.

A name becomes an identifier by a readable but lossy rule; a `Namespace` then numbers what would collide, so
two different names never share one identifier and nothing shadows what the generated file uses.
"""

from __future__ import annotations

import builtins
import keyword
import re
import unicodedata
from typing import cast

from jaxlib.mlir import ir

# What the generated file itself uses at module level.
RESERVED = frozenset(
    {*dir(builtins), *keyword.kwlist, *keyword.softkwlist}
    | {"jax", "jnp", "lax", "np", "params", "path", "Path", "load_file", "load_params", "deserialize"}
    | {"prepare", "forward"}
    | {"INPUT_NAMES", "OUTPUT_NAMES", "PARAMETERS_FILE", "PARAMETER_DTYPES", "UPDATES", "CHECKS"}
)
# Variables for operations whose source has no name.
KIND_NAMES = {
    "stablehlo.dot_general": "y",
    "stablehlo.convolution": "features",
    "stablehlo.reduce": "total",
    "stablehlo.reduce_window": "pooled",
    "stablehlo.compare": "mask",
    "stablehlo.gather": "rows",
    "stablehlo.concatenate": "joined",
    "stablehlo.iota": "positions",
    "stablehlo.sort": "ordered",
    "stablehlo.pad": "padded",
    "stablehlo.exponential": "powers",
    "stablehlo.while": "state",
    "stablehlo.scatter": "updated",
}
_LONGEST = 40
_OTHER = re.compile(r"[^A-Za-z0-9]+")
_OPERATOR = re.compile(r"[A-Z][A-Za-z]*(_\d+)?$")


def identifier(text: str) -> str:
    """A lower-case identifier that reads like `text`; empty when nothing readable is left."""
    plain = text
    if not text.isascii():
        # Python itself compares identifiers after NFKC, so look-alikes must fold here; accents fall off.
        decomposed = unicodedata.normalize("NFKD", text)
        plain = "".join(c for c in decomposed if not unicodedata.combining(c))
    word = _OTHER.sub("_", plain).strip("_")[:_LONGEST].rstrip("_")
    if not word:
        return ""
    if word[0].isdigit():
        word = f"x{word}"
    return word if word.isupper() and len(word) == 1 else word.lower()


class Namespace:
    """The identifiers taken in one function; those of `outer`, what is visible around it, are never reused."""

    def __init__(self, outer: Namespace | frozenset[str] = RESERVED) -> None:
        self._outer = outer
        self._taken: set[str] = set()
        self._next: dict[str, int] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._taken or name in self._outer

    def fresh(self, wanted: str, fallback: str = "x") -> str:
        """`wanted` if it is free, else `wanted_2`, `wanted_3`, ..."""
        base = wanted or fallback
        chosen = base
        if chosen in self:
            number = self._next.get(base, 2)
            while (chosen := f"{base}_{number}") in self:
                number += 1
            self._next[base] = number + 1
        self._taken.add(chosen)
        return chosen

    def inner(self) -> Namespace:
        """The namespace of a nested function: it must not shadow what is visible around it."""
        return Namespace(self)


def source_name(location: ir.Location) -> str:
    """The name of the source node in a location (`conv1` of `loc("conv1")`), empty when it has none."""
    if isinstance(location, ir.NameLoc):
        return location.name_str
    if isinstance(location, ir.FusedLoc):
        parts = cast(list[ir.Location], location.locations)
        return next(filter(None, map(source_name, parts)), "")
    if isinstance(location, ir.CallSiteLoc):
        return source_name(location.callee)
    return ""


def path_below(source: str, path: str) -> str:
    """`attention/add` for `layers.0.attention/add` in a function for `layers.0`; what is elsewhere as it is."""
    rest = source.removeprefix(path)
    return rest[1:] if path and rest != source and rest[:1] in ("/", ".") else source


def type_comment(types: str, source: str, target: str) -> str:
    """What stands behind an assignment: the type, and the source node where the variable does not say it."""
    known = not source or "(" in source or variable_name(source) == target
    return types if known else f"{types} {printable(source)}"


def variable_name(source: str) -> str:
    """A variable for a source node: `/layer1/conv1/Conv` reads `layer1_conv1`.  Empty when it would not read well.

    JAX's own locations (`jit(f)/while/body/add`) name operations, not things, so they give no variable.
    """
    if not source or "(" in source or len(source) > 2 * _LONGEST:
        return ""
    parts = [p for p in source.split("/") if p]
    if len(parts) > 1 and _OPERATOR.match(parts[-1]):
        parts.pop()
    if len(parts) == 1:
        # PyTorch's exporter begins every name like this.
        parts[0] = parts[0].removeprefix("node_")
    word = identifier("_".join(parts))
    return word if len(word) < _LONGEST else ""


def printable(text: str) -> str:
    """Text that is safe in a comment: one line, no control or invisible characters, not too long."""
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text[:80])
    return shown if len(text) <= 80 else f"{shown}..."
