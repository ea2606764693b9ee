"""Errors of the importer: about a node, and about everything in the program that cannot be lowered at once."""

from __future__ import annotations

import os
import traceback
from collections.abc import Sequence

import torch
from torch.fx.experimental.symbolic_shapes import GuardOnDataDependentSymNode

import oxide.frontends
from oxide.dialects.diagnostics import Diagnostic, OxideError

# Where PyTorch's code lies, and Oxide's.
_NOT_THE_USERS = tuple(os.path.dirname(package.__path__[0]) + os.sep for package in (torch.nn, oxide.frontends))

# How many nodes a line about one operator lists.
SHOWN_NODES = 4


class NodeError(OxideError):
    """An OxideError about one node.

    `name` is the module path with the node's own name, `op` the operator, `place` is `file:line` or empty.
    """

    def __init__(self, name: str, op: str, place: str, reason: str) -> None:
        self.name = name
        self.op = op
        self.place = place
        self.reason = reason
        where = f" ({place})" if place else ""
        super().__init__(
            f'cannot import node "{name}"{where}', [Diagnostic("error", f"{op}: {reason}", f'loc("{name}")')]
        )


class NodeErrors(OxideError):
    """One error for all nodes that cannot be lowered, by operator and reason, the most frequent first."""

    def __init__(self, failures: Sequence[NodeError]) -> None:
        self.failures = tuple(failures)
        if len(failures) == 1:
            super().__init__(failures[0].message, failures[0].diagnostics)
        else:
            super().__init__(*_summary(failures))


def export_failure(module: torch.nn.Module, error: Exception) -> OxideError:
    """What torch.export raised for a module, with the line of the user's code and the path of the module there."""
    what = f"torch.export cannot export {type(module).__name__}"
    path, place = _where(module, error)
    if not isinstance(error, GuardOnDataDependentSymNode):
        return OxideError(f"{what}: {type(error).__name__}: {error}", _note(path, place))
    reason = str(error).partition("\n")[0]
    way_out = (
        "a Python branch or loop that depends on the values of tensors is not part of a program: use torch.where "
        "or torch.cond, or say what holds with torch._check"
    )
    return OxideError(f"{what}: {reason}", [*_note(path, place), Diagnostic("note", way_out, "")])


def _note(path: str, place: str) -> list[Diagnostic]:
    return [Diagnostic("error", f"raised at {place}", f'loc("{path}")')] if place else []


def _where(module: torch.nn.Module, error: BaseException) -> tuple[str, str]:
    """The path of the innermost module and `file:line` of the innermost line outside of PyTorch and Oxide."""
    names = {id(part): name for name, part in module.named_modules()}
    path, place = "", ""
    for frame, line in traceback.walk_tb(error.__traceback__):
        path = names.get(id(frame.f_locals.get("self")), path)
        if not frame.f_code.co_filename.startswith(_NOT_THE_USERS):
            place = f"{frame.f_code.co_filename}:{line}"
    return path or type(module).__name__, place


def _summary(failures: Sequence[NodeError]) -> tuple[str, list[Diagnostic]]:
    groups: dict[tuple[str, str], list[NodeError]] = {}
    for failure in failures:
        groups.setdefault((failure.op, failure.reason), []).append(failure)
    ordered = sorted(groups.values(), key=lambda group: (-len(group), group[0].op))
    operators = len({failure.op for failure in failures})
    message = f"{len(failures)} nodes of {operators} operator{'s' if operators > 1 else ''} cannot be imported"
    return message, [_diagnostic(group) for group in ordered]


def _diagnostic(group: Sequence[NodeError]) -> Diagnostic:
    first = group[0]
    shown = [f'"{f.name}" at {f.place}' if f.place else f'"{f.name}"' for f in group[:SHOWN_NODES]]
    more = f" and {len(group) - SHOWN_NODES} more" if len(group) > SHOWN_NODES else ""
    count = f"{len(group)} node{'s' if len(group) > 1 else ''}"
    message = f"{first.op}: {first.reason} ({count}: {', '.join(shown)}{more})"
    return Diagnostic("error", message, f'loc("{first.name}")')
