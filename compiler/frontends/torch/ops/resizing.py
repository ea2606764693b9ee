"""Tensors that take another size in their own memory."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.dims import Size
from oxide.frontends.torch.registry import Node, View, lowering, view

Value = ir.Value


@view("aten.resize_.default")
def resize_(
    node: Node, self: Value, size: Sequence[Size], memory_format: torch.memory_format | None = None
) -> View:
    """The first elements in memory under another shape."""
    _require_kept(node, self, size, memory_format)
    return View(lambda base: _first(base, size))


@view("aten.resize_as_.default")
def resize_as_(
    node: Node, self: Value, the_template: Value, memory_format: torch.memory_format | None = None
) -> View:
    return resize_(node, self, hlo.shape(the_template), memory_format)


@lowering("aten.resize.default")
def resize(
    node: Node, self: Value, size: Sequence[Size], memory_format: torch.memory_format | None = None
) -> Value:
    _require_kept(node, self, size, memory_format)
    return _first(self, size)


def _first(x: Value, size: Sequence[Size]) -> Value:
    return hlo.reshape(hlo.slice_axis(hlo.reshape(x, [hlo.size(x)]), 0, 0, math.prod(size)), size)


def _require_kept(node: Node, x: Value, size: Sequence[Size], memory_format: torch.memory_format | None) -> None:
    """Raises OxideError where more elements are asked for than there are, or their order is that of memory."""
    fake = node.fake("self")
    if memory_format not in (None, torch.contiguous_format, torch.preserve_format) or (
        fake is not None and not fake.is_contiguous()
    ):
        raise node.error("only tensors in row-major order can be resized; call contiguous() first, or use reshape")
    count = math.prod(size)
    if not hlo.is_static([count, hlo.size(x)]) or count > hlo.size(x):
        raise node.error(
            f"resizing {hlo.shape(x)} to {tuple(size)} would show memory that was never written; use reshape, or "
            "torch.cat with the values that follow"
        )
