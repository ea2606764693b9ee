"""Joining, repeating, padding and flipping tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.frontends.torch.registry import Node, lowering

Value = ir.Value


@lowering("aten.cat.default", "aten.concat.default")
def cat(node: Node, tensors: Sequence[Value], dim: int = 0) -> Value:
    """Joined along a dimension in their common dtype; tensors of shape [0] are left out, as PyTorch does."""
    parts = [t for t in tensors if hlo.rank(t) != 1 or hlo.shape(t)[0] != 0] or list(tensors)[:1]
    parts = [node.cast(part, node.dtype) for part in parts]
    return hlo.concatenate(parts, hlo.normalize_axis(dim, hlo.rank(parts[0])))


@lowering("aten.stack.default")
def stack(node: Node, tensors: Sequence[Value], dim: int = 0) -> Value:
    parts = [node.cast(t, node.dtype) for t in tensors]
    return hlo.stack(parts, hlo.normalize_axis(dim, hlo.rank(parts[0]) + 1))


@lowering("aten.repeat.default")
def repeat(node: Node, self: Value, repeats: Sequence[Any]) -> Value:
    lead = len(repeats) - hlo.rank(self)
    return hlo.tile(hlo.reshape(self, [1] * lead + list(hlo.shape(self))), repeats)


@lowering("aten.flip.default")
def flip(node: Node, self: Value, dims: Sequence[int]) -> Value:
    return hlo.reverse(self, hlo.normalize_axes(dims, hlo.rank(self))) if hlo.rank(self) else self


@lowering("aten.constant_pad_nd.default")
def constant_pad_nd(node: Node, self: Value, pad: Sequence[Any], value: Any = 0) -> Value:
    """`pad` has low and high amounts from the last dimension on; negative ones crop."""
    lead = hlo.rank(self) - len(pad) // 2
    low = [0] * lead + list(reversed(pad[::2]))
    high = [0] * lead + list(reversed(pad[1::2]))
    return hlo.pad(self, value, low, high)


@lowering("aten.pad.default")
def pad(node: Node, self: Value, pad: Sequence[Any], mode: str = "constant", value: float | None = None) -> Value:
    if mode != "constant":
        spatial = len(pad) // 2
        names = {"reflect": "reflection", "replicate": "replication"}
        if mode in names:
            return node.call(f"aten.{names[mode]}_pad{spatial}d.default", self, list(pad))
        if mode == "circular":
            return node.call("aten._pad_circular.default", self, list(pad))
        raise node.error(f"mode is {mode!r}, expected constant, reflect, replicate or circular")
    return constant_pad_nd(node, self, pad, 0 if value is None else value)


@lowering("aten.tril.default")
def tril(node: Node, self: Value, diagonal: Any = 0) -> Value:
    """Elements [i, j] of the last two dimensions with j - i <= diagonal; 0 elsewhere."""
    return hlo.select(_below(self, diagonal), self, 0)


@lowering("aten.triu.default")
def triu(node: Node, self: Value, diagonal: Any = 0) -> Value:
    return hlo.select(_below(self, diagonal - 1), 0, self)


def _below(x: Value, diagonal: Any) -> Value:
    dims = hlo.shape(x)[-2:]
    rows, columns = hlo.iota(dims, 0, "int64"), hlo.iota(dims, 1, "int64")
    return hlo.broadcast_to(hlo.less_equal(hlo.subtract(columns, rows), diagonal), hlo.shape(x))


@lowering("aten.channel_shuffle.default", "aten.native_channel_shuffle.default")
def channel_shuffle(node: Node, self: Value, groups: Any) -> Value:
    """Channels (dimension 1) in `groups` rows, read by columns."""
    batch, channels, *rest = hlo.shape(self)
    order = [0, 2, 1, *range(3, hlo.rank(self) + 1)]
    rows = hlo.reshape(self, [batch, groups, channels // groups, *rest])
    return hlo.reshape(hlo.transpose(rows, order), hlo.shape(self))


@lowering("aten.roll.default")
def roll(node: Node, self: Value, shifts: Sequence[Any], dims: Sequence[int] = ()) -> Value:
    """Elements moved along dimensions, in at one end what leaves at the other; flattened without dimensions."""
    if not dims:
        flat = hlo.reshape(self, [hlo.size(self)])
        return hlo.reshape(roll(node, flat, shifts, [0]), hlo.shape(self))
    x = self
    for shift, dim in zip(shifts, dims, strict=True):
        axis = hlo.normalize_axis(dim, hlo.rank(x))
        length = hlo.shape(x)[axis]
        cut = (length - shift) % length if length else 0
        x = hlo.concatenate([hlo.slice_axis(x, axis, cut, length), hlo.slice_axis(x, axis, 0, cut)], axis)
    return x
