"""Errors of the importer: each is about a node, or about everything in the program that cannot be lowered."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from oxide.dialects.diagnostics import Diagnostic, OxideError

# How many nodes a line about an unsupported operator lists.
SHOWN_NODES = 4


class NodeError(OxideError):
    """An OxideError that already names the node it is about."""


def node_error(name: str, op: str, place: str, message: str) -> NodeError:
    """`name` is the module path with the node's own name; `place` is `file:line`, empty when unknown."""
    where = f" ({place})" if place else ""
    return NodeError(f'cannot import node "{name}"{where}', [Diagnostic("error", f"{op}: {message}", _at(name))])


def _at(name: str) -> str:
    return f'loc("{name}")'


@dataclass
class Unsupported:
    """One operator that cannot be lowered: why, and the nodes that use it with their places."""

    op: str
    reason: str
    nodes: list[tuple[str, str]] = field(default_factory=list)

    def diagnostic(self) -> Diagnostic:
        count = f"{len(self.nodes)} node{'s' if len(self.nodes) > 1 else ''}"
        shown = [f'"{name}" at {place}' if place else f'"{name}"' for name, place in self.nodes[:SHOWN_NODES]]
        more = f" and {len(self.nodes) - SHOWN_NODES} more" if len(self.nodes) > SHOWN_NODES else ""
        return Diagnostic(
            "error", f"{self.op}: {self.reason} ({count}: {', '.join(shown)}{more})", _at(self.nodes[0][0])
        )


def unsupported_error(unsupported: Iterable[Unsupported]) -> OxideError:
    """One error for all operators without a lowering, the most frequent first."""
    entries = sorted(unsupported, key=lambda entry: (-len(entry.nodes), entry.op))
    nodes = sum(len(entry.nodes) for entry in entries)
    plural = "operators are" if len(entries) > 1 else "operator is"
    return OxideError(
        f"{len(entries)} {plural} not supported ({nodes} node{'s' if nodes > 1 else ''}).  Register a lowering "
        "with oxide.frontends.torch.registry.lowering, or write the module without them",
        [entry.diagnostic() for entry in entries],
    )
