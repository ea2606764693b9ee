"""Views that are not slices: diagonals, sliding windows, and any strides over a tensor's memory."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.dims import maximum, minimum
from oxide.frontends.torch.registry import Node, View, lowering, view
from oxide.frontends.torch.tensors import Tensor

Value = ir.Value


@view("aten.diagonal.default")
def diagonal(node: Node, self: Value, offset: int = 0, dim1: int = 0, dim2: int = 1) -> View:
    """Elements with index i in dim1 and i + offset in dim2, along a new last dimension."""
    rank = hlo.rank(self)
    first, second = hlo.normalize_axis(dim1, rank), hlo.normalize_axis(dim2, rank)
    if first == second:
        raise node.error(f"dim1 and dim2 are both {first}")
    order = [axis for axis in range(rank) if axis not in (first, second)] + [first, second]
    back = [order.index(axis) for axis in range(rank)]
    rows, columns = hlo.shape(self)[first], hlo.shape(self)[second]
    length = maximum(minimum(rows, columns - offset) if offset >= 0 else minimum(rows + offset, columns), 0)

    def forward(v: Value) -> Value:
        """Each step along the diagonal passes one row and one column of the flattened matrix."""
        moved = hlo.transpose(v, order)
        lead = hlo.shape(moved)[:-2]
        flat = hlo.reshape(moved, [*lead, rows * columns])
        if length == 0:
            return hlo.slice_axis(flat, rank - 2, 0, 0)
        start = offset if offset >= 0 else -offset * columns
        return hlo.slice_axis(flat, rank - 2, start, start + (length - 1) * (columns + 1) + 1, columns + 1)

    def inverse(base: Value, changed: Value) -> Value:
        moved = hlo.transpose(base, order)
        dims = hlo.shape(moved)
        along = rank - 2 if offset >= 0 else rank - 1  # where the position is the one on the diagonal
        padded = hlo.pad(changed, 0, [0] * (rank - 1), [0] * (rank - 2) + [dims[along] - length])
        spread = hlo.broadcast_in_dim(padded, dims, [*range(rank - 2), along])
        row, column = (hlo.iota(dims, axis, np.int64) for axis in (rank - 2, rank - 1))
        return hlo.transpose(hlo.select(hlo.equal(hlo.subtract(column, row), offset), spread, moved), back)

    return View(forward, inverse)


@lowering("aten.diag.default")
def diag(node: Node, self: Value, diagonal: int = 0) -> Value:
    """The diagonal of a matrix; the matrix with a vector as its diagonal."""
    name = "aten.diag_embed.default" if hlo.rank(self) == 1 else "aten.diagonal.default"
    return node.call(name, self, diagonal)


@lowering("aten.trace.default")
def trace(node: Node, self: Value) -> Value:
    """The sum of the diagonal, in int64 for integers."""
    return node.call("aten.sum.default", diagonal(node, self).forward(self))


@view("aten.unfold.default")
def unfold(node: Node, self: Value, dimension: int, size: int, step: int) -> View:
    """Windows of `size` every `step` elements along a dimension; what is in them is a new last dimension."""
    if hlo.rank(self) == 0:
        return View(lambda v: hlo.slice_axis(hlo.reshape(v, [1]), 0, 0, size))
    axis = hlo.normalize_axis(dimension, hlo.rank(self))
    dims = hlo.shape(self)
    count = (dims[axis] - size) // step + 1

    def forward(v: Value) -> Value:
        if step == size:
            whole = hlo.slice_axis(v, axis, 0, count * size)
            windows = hlo.reshape(whole, [*dims[:axis], count, size, *dims[axis + 1 :]])
        else:
            windows = hlo.take(v, _positions([count, size], [step, 1], 0), axis)
        return hlo.move_axis(windows, axis + 1, len(dims))

    return View(forward)


@lowering("aten.diagonal_scatter.default")
def diagonal_scatter(node: Node, self: Value, src: Value, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Value:
    """self with the diagonal replaced."""
    return diagonal(node, self, offset, dim1, dim2).write_back(self, node.cast(src, hlo.dtype(self)))


@dataclass(frozen=True)
class _Memory:
    """The memory under a tensor: that of `owner`, whose dimensions lie in it in `order`, first the slowest.

    The tensor begins at `start` and has `strides`.
    """

    owner: Tensor
    order: list[int]
    start: Any
    strides: Sequence[Any]

    def flat(self, owner: Value) -> Value:
        return hlo.reshape(hlo.transpose(owner, self.order), [hlo.size(owner)])

    def shaped(self, flat: Value, like: Value) -> Value:
        """The owner's value again."""
        dims = hlo.shape(like)
        back = [self.order.index(axis) for axis in range(len(dims))]
        return hlo.transpose(hlo.reshape(flat, [dims[axis] for axis in self.order]), back)


def _memory(node: Node, x: Value) -> _Memory:
    tensor, fake = node.arguments["self"], node.fake("self")
    if fake is None:  # no graph says otherwise
        fake = torch.empty(hlo.shape(x), device="meta")
    layout = fake
    if not _is_whole(fake):
        found = node.owner("self")
        if found is None or not _is_whole(found[1]):
            raise node.error("its memory is not that of one tensor of the program; clone the tensor before")
        tensor, layout = found
    order = sorted(range(layout.dim()), key=lambda axis: (-layout.stride(axis), axis))
    return _Memory(tensor, order, fake.storage_offset(), fake.stride())


def _is_whole(tensor: torch.Tensor) -> bool:
    """Whether a tensor's elements are its memory, each once: some order of its dimensions is contiguous."""
    expected = 1
    for axis in sorted(range(tensor.dim()), key=tensor.stride):
        if tensor.shape[axis] != 1 and tensor.stride(axis) != expected:
            return False
        expected = expected * tensor.shape[axis]
    whole = tensor.storage_offset() == 0
    return bool(whole and tensor.untyped_storage().nbytes() == expected * tensor.element_size())


@view("aten.as_strided.default")
def as_strided(
    node: Node, self: Value, size: Sequence[Any], stride: Sequence[Any], storage_offset: Any = None
) -> Tensor:
    """Any elements of the tensor's memory: those at offset + sum(index * stride)."""
    memory = _memory(node, self)
    offset = memory.start if storage_offset is None else storage_offset

    def forward(v: Value) -> Value:
        return _read(memory.flat(v), size, stride, offset)

    def inverse(base: Value, changed: Value) -> Value:
        return memory.shaped(_written(memory.flat(base), changed, size, stride, offset), base)

    return memory.owner.alias(View(forward, inverse))


@lowering("aten.as_strided_scatter.default")
def as_strided_scatter(
    node: Node, self: Value, src: Value, size: Sequence[Any], stride: Sequence[Any], storage_offset: Any = None
) -> Value:
    """The tensor as it would be were `src` written to elements of its memory."""
    memory = _memory(node, self)
    offset = memory.start if storage_offset is None else storage_offset
    flat = memory.flat(memory.owner.read())
    written = _written(flat, node.cast(src, hlo.dtype(self)), size, stride, offset)
    return _read(written, hlo.shape(self), memory.strides, memory.start)


def _read(flat: Value, size: Sequence[Any], stride: Sequence[Any], offset: Any) -> Value:
    if math.prod(size) == 0:
        return hlo.full(size, 0, hlo.dtype(flat))
    return hlo.take(flat, _positions(size, stride, offset), 0)


def _written(flat: Value, changed: Value, size: Sequence[Any], stride: Sequence[Any], offset: Any) -> Value:
    if math.prod(size) == 0:
        return flat
    places = hlo.expand_dims(_positions(size, stride, offset), [-1])
    return hlo.scatter_nd(flat, places, changed, "set")


def _positions(size: Sequence[Any], stride: Sequence[Any], offset: Any) -> Value:
    """int64[size]: offset + sum(index * stride)."""
    total = hlo.full(size, offset, np.int64)
    for axis, step in enumerate(stride):
        total = hlo.add(total, hlo.multiply(hlo.iota(size, axis, np.int64), step))
    return total
