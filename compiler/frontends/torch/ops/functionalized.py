"""What functional forms of a program make of operators that change their arguments, and of views."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import torch
from torch._ops import OpOverload

from oxide.frontends.torch.registry import Node, definition, higher_order

Tensor = torch.Tensor


@higher_order("auto_functionalized")
def auto_functionalized(node: Node, operator: OpOverload, **arguments: Any) -> Any:
    """The operator on copies of what it changes: its results, then the copies."""
    return _on_copies(node, "auto_functionalized_dense", operator, arguments)


@higher_order("auto_functionalized_v2")
def auto_functionalized_of_bases(node: Node, operator: OpOverload, **arguments: Any) -> Any:
    """The same where changed arguments may be views: copies are of their bases, `_all_bases`."""
    return _on_copies(node, "auto_functionalized_v2_dense", operator, arguments)


def _on_copies(node: Node, definition: str, operator: OpOverload, arguments: dict[str, Any]) -> Any:
    """By PyTorch's own definition of the form."""
    functionalize = import_module("torch._higher_order_ops.auto_functionalize")

    def run(*values: Any) -> Any:
        named = dict(zip(arguments, values, strict=True))
        return getattr(functionalize, definition)(operator, **named)

    return node.trace(run, list(arguments.values()))


# PyTorch decomposes the copies of all other views.


@definition("aten.select_copy.int")
def select_copy(self: Tensor, dim: int, index: int) -> Tensor:
    return torch.ops.aten.select.int(self, dim, index).clone()


@definition("aten.slice_copy.Tensor")
def slice_copy(
    self: Tensor, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1
) -> Tensor:
    return torch.ops.aten.slice.Tensor(self, dim, start, end, step).clone()


@definition("aten.split_copy.Tensor")
def split_copy(self: Tensor, split_size: int, dim: int = 0) -> list[Tensor]:
    return [part.clone() for part in self.split(split_size, dim)]
