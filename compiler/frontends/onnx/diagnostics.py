"""Errors of the importer: each is about a node, or about everything in the model that cannot be lowered."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from oxide.dialects.diagnostics import Diagnostic, OxideError

# How many node names a line about an unsupported operator lists.
SHOWN_NAMES = 4


class NodeError(OxideError):
    """An OxideError that already names the node it is about."""


@dataclass
class UnknownValueError(NodeError):
    """A lowering must know a value that depends on these inputs of the model."""

    inputs: tuple[str, ...] = ()


def quoted(name: str | bytes) -> str:
    """A name from a model for a message: on one line, in double quotes, with control characters escaped.

    protobuf hands out text that is not UTF-8 as bytes.
    """
    if isinstance(name, bytes):
        name = name.decode(errors="backslashreplace")
    escaped = "".join(c if c.isprintable() and c not in '"\\' else ascii(c)[1:-1] for c in name)
    return f'"{escaped.replace(chr(34), chr(92) + chr(34))}"'


def node_location(name: str) -> str:
    return f"loc({quoted(name)})"


def node_error(name: str, op: str, message: str) -> NodeError:
    """`op` is the operator with its version: `Gemm-13`."""
    detail = Diagnostic("error", f"{op}: {message}", node_location(name))
    return NodeError(f"cannot import node {quoted(name)}", [detail])


def listed(names: Iterable[str], limit: int = SHOWN_NAMES) -> str:
    """`"a", "b" and 3 more`."""
    names = list(names)
    text = ", ".join(quoted(name) for name in names[:limit])
    return text if len(names) <= limit else f"{text} and {len(names) - limit} more"


@dataclass
class Unsupported:
    """One operator that cannot be lowered: why, and the nodes that use it."""

    operator: str
    reason: str
    nodes: list[str] = field(default_factory=list)

    def diagnostic(self) -> Diagnostic:
        count = f"{len(self.nodes)} node{'s' if len(self.nodes) > 1 else ''}"
        message = f"{self.operator}: {self.reason} ({count}: {listed(self.nodes)})"
        return Diagnostic("error", message, node_location(self.nodes[0]))


def unsupported_error(unsupported: Iterable[Unsupported]) -> OxideError:
    """One error for all operators without a lowering, the most frequent first."""
    entries = sorted(unsupported, key=lambda entry: (-len(entry.nodes), entry.operator))
    nodes = sum(len(entry.nodes) for entry in entries)
    plural = "operators are" if len(entries) > 1 else "operator is"
    return OxideError(
        f"{len(entries)} {plural} not supported ({nodes} node{'s' if nodes > 1 else ''}); `oxide ops` lists those "
        "that are.  Give a JAX function that does the same, with lowerings={'my.domain.Operator': function}, "
        "install a package that provides one (docs/guide.md), or convert the model to an opset that is "
        "supported (onnx.version_converter)",
        [entry.diagnostic() for entry in entries],
    )
