"""Reading and writing at indices and by masks: embedding, index_select, gather, take, index, index_put."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.dims import maximum
from oxide.frontends.bounded import Bounded, fit, picked
from oxide.frontends.torch.registry import Node, lowering

Value = ir.Value


@lowering("aten.embedding.default")
def embedding(
    node: Node,
    weight: Value,
    indices: Value,
    padding_idx: int = -1,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Value:
    """Rows of the weight; the last three arguments concern its gradient alone."""
    return hlo.take(weight, indices, 0)


@lowering("aten.index_select.default")
def index_select(node: Node, self: Value, dim: int, index: Value) -> Value:
    """Entries along a dimension, for which a 0-d tensor counts as one of length 1."""
    if hlo.rank(self) == 0:
        return self
    axis = hlo.normalize_axis(dim, hlo.rank(self))
    flat = hlo.reshape(index, [1]) if hlo.rank(index) == 0 else index
    return hlo.take(self, hlo.wrap_indices(flat, hlo.shape(self)[axis]), axis)


@lowering("aten.gather.default")
def gather(node: Node, self: Value, dim: int, index: Value, sparse_grad: bool = False) -> Value:
    if hlo.rank(self) == 0 or hlo.rank(index) == 0:
        flat = hlo.reshape(self, [1] if hlo.rank(self) == 0 else hlo.shape(self))
        return hlo.reshape(hlo.take(flat, hlo.reshape(index, [1]), 0), hlo.shape(index))
    return hlo.take_along_axis(self, index, hlo.normalize_axis(dim, hlo.rank(self)))


def indexed_axes(x: Value, indices: Sequence[Value | None]) -> tuple[list[int], list[Value]]:
    """The dimensions with an index and their indices, broadcast together and not negative."""
    axes = [axis for axis, index in enumerate(indices) if index is not None]
    values: list[Value] = []
    for axis in axes:
        index = indices[axis]
        assert index is not None
        values.append(hlo.wrap_indices(hlo.convert(index, np.int64), hlo.shape(x)[axis]))
    return axes, hlo.broadcast_operands(*values)


def coordinates(values: Sequence[Value]) -> Value:
    """Indices for several dimensions as rows of coordinates."""
    return hlo.concatenate([hlo.expand_dims(v, [-1]) for v in values], -1)


@lowering("aten.index.Tensor")
def index(node: Node, self: Value, indices: Sequence[Value | None]) -> Value | Bounded:
    """numpy's advanced indexing: the indices' dimensions replace the indexed ones, in front unless adjacent.

    A mask is the positions of what it picks, as many as there turn out to be.
    """
    indices, count = _masks_as_positions(indices)
    axes, values = indexed_axes(self, indices)
    if count is not None:
        adjacent = axes == list(range(axes[0], axes[-1] + 1))
        place = (axes[0] if adjacent else 0) + hlo.rank(values[0]) - 1
        return Bounded(_indexed(self, axes, values), place, count)
    return _indexed(self, axes, values) if axes else self


def _masks_as_positions(indices: Sequence[Value | None]) -> tuple[list[Value | None], Value | None]:
    """Indices with each mask replaced by the positions it picks, and how many these are; None without a mask."""
    found: list[Value | None] = []
    count = None
    others = [index for index in indices if index is not None and not is_mask(index) and hlo.rank(index)]
    lengths = [length for length in (hlo.shape(index)[-1] for index in others) if length != 1]
    for index in indices:
        if index is None or not is_mask(index):
            found.append(index)
            continue
        columns, count = picked(index)
        found += [fit(column, 0, lengths[0]) if lengths else column for column in columns]
    return found, count


def _indexed(x: Value, axes: Sequence[int], values: Sequence[Value]) -> Value:
    order = [*axes, *(axis for axis in range(hlo.rank(x)) if axis not in axes)]
    turned = hlo.transpose(x, order)
    if 0 in hlo.shape(turned)[: len(axes)]:  # of nothing nothing is picked
        found = hlo.full([*hlo.shape(values[0]), *hlo.shape(turned)[len(axes) :]], 0, hlo.dtype(x))
    else:
        found = hlo.gather_nd(turned, coordinates(values))
    span = hlo.rank(values[0])
    if axes != list(range(axes[0], axes[-1] + 1)):
        return found
    # The rest of the dimensions follow those of the indices; the ones before the first index go in front.
    rest = list(range(span, hlo.rank(found)))
    return hlo.transpose(found, [*rest[: axes[0]], *range(span), *rest[axes[0] :]])


@lowering(
    "aten.index_put.default",
    "aten.index_put.hacked_twin",
    "aten._unsafe_index_put.default",
    "aten._index_put_impl.default",
)
def index_put(
    node: Node,
    self: Value,
    indices: Sequence[Value | None],
    values: Value,
    accumulate: bool = False,
    unsafe: bool = False,
) -> Value:
    """self with `values` written (or added) where `index` would read."""
    values = hlo.convert(values, hlo.dtype(self))  # decompositions leave others
    given = [(axis, index) for axis, index in enumerate(indices) if index is not None]
    if len(given) == 1 and is_mask(given[0][1]):
        chosen = _masked_put(self, given[0][1], given[0][0], values, accumulate)
        if chosen is not None:
            return chosen
    indices, spread = _without_masks(node, self, indices)
    axes, positions = indexed_axes(self, indices)
    if not axes:
        return hlo.add(self, values) if accumulate else hlo.broadcast_to(values, hlo.shape(self))
    order = [*axes, *(axis for axis in range(hlo.rank(self)) if axis not in axes)]
    turned = hlo.transpose(self, order)
    span = hlo.rank(positions[0])
    lead = hlo.shape(positions[0])
    tail = hlo.shape(turned)[len(axes) :]
    first = axes[0] if axes == list(range(axes[0], axes[-1] + 1)) else 0
    target = [*tail[:first], *lead, *tail[first:]]
    updates = hlo.broadcast_to(_padded(values, target) if spread else values, target)
    back = [*range(first, first + span), *range(first), *range(first + span, len(target))]
    updates = hlo.transpose(updates, back)
    written = hlo.scatter_nd(turned, coordinates(positions), updates, "add" if accumulate else "set")
    return hlo.transpose(written, [order.index(axis) for axis in range(len(order))])


def is_mask(index: Value) -> bool:
    return hlo.dtype(index) in (np.dtype(np.bool_), np.dtype(np.uint8))


def _masked_put(x: Value, mask: Value, axis: int, values: Value, accumulate: bool) -> Value | None:
    """A choice by the mask, for values that are the same for all of the places it picks; None for others."""
    dims = hlo.shape(x)
    covered = hlo.rank(mask)
    after = len(dims) - axis - covered
    given = hlo.shape(values)
    if len(given) > after:
        if given[len(given) - after - 1] != 1:
            return None
        before = given[: len(given) - after - 1]
        values = hlo.reshape(values, [*before, *[1] * covered, *given[len(given) - after :]])
    mask = hlo.not_equal(mask, 0) if hlo.dtype(mask) != np.bool_ else mask
    spread = hlo.broadcast_in_dim(mask, dims, range(axis, axis + covered))
    new = hlo.broadcast_to(values, dims)
    return hlo.select(spread, hlo.add(x, new) if accumulate else new, x)


def _without_masks(node: Node, x: Value, indices: Sequence[Value | None]) -> tuple[list[Value | None], bool]:
    """Masks as the positions of what they pick, for writing; and whether there was one.

    As many positions as the mask has elements, those that are too many out of range, where nothing is written.
    """
    found: list[Value | None] = []
    spread = False
    for index in indices:
        if index is None or not is_mask(index):
            found.append(index)
            continue
        if any(other is not None and other is not index for other in indices):
            raise node.error("a mask among other indices; write to the positions of mask.nonzero() instead")
        spread = True
        rows = positions_of(index, hlo.size(index), hlo.shape(x)[len(found)])
        found += [hlo.reshape(column, [hlo.size(index)]) for column in hlo.split(rows, 1, [1] * hlo.rank(index))]
    return found, spread


def _padded(values: Value, target: Sequence[Any]) -> Value:
    """Values for the elements that a mask picks, with zeros for those it does not."""
    dims = hlo.shape(values)
    goal = target[len(target) - len(dims) :]
    missing = [want - have if have != 1 else 0 for have, want in zip(dims, goal, strict=True)]
    return hlo.pad(values, 0, [0] * len(dims), missing)


def positions_of(mask: Value, size: Any, fill: Any) -> Value:
    """int64[size, rank]: coordinates of the elements that are not zero, in order; then rows of `fill`."""
    dims = hlo.shape(mask)
    count: Any = hlo.size(mask)
    flat = hlo.reshape(mask, [count])
    picked = flat if hlo.dtype(mask) == np.bool_ else hlo.not_equal(flat, 0)
    numbers = hlo.subtract(hlo.cumulative(hlo.convert(picked, np.int64), "add", 0), 1)
    places = hlo.select(picked, numbers, hlo.full([count], size, np.int64))
    left = hlo.full([size], count, np.int64)
    taken = hlo.scatter_nd(left, hlo.reshape(places, [count, 1]), hlo.iota([count], 0, np.int64), "set")
    columns, below = [], count
    for length in dims:
        below = below // length if length else 0
        columns.append(hlo.remainder(hlo.divide(taken, maximum(below, 1)), maximum(length, 1)))
    if not columns:
        return hlo.full([size, 0], 0, np.int64)
    coordinate = hlo.stack(columns, 1)
    known = hlo.broadcast_in_dim(hlo.less(taken, count), hlo.shape(coordinate), [0])
    return hlo.select(known, coordinate, hlo.full_like(coordinate, fill))


@lowering("aten.nonzero_static.default")
def nonzero_static(node: Node, self: Value, size: Any, fill_value: int = -1) -> Value:
    """The coordinates of the first `size` elements that are not zero, then rows of the fill value."""
    return positions_of(self, size, fill_value)


@lowering("aten.take.default")
def take(node: Node, self: Value, index: Value) -> Value:
    """Elements of the flattened tensor."""
    count = hlo.size(self)
    return hlo.take(hlo.reshape(self, [count]), hlo.wrap_indices(index, count), 0)


@lowering("aten.masked_scatter.default")
def masked_scatter(node: Node, self: Value, mask: Value, source: Value) -> Value:
    """The elements that the mask picks are the source's first ones, in order."""
    dims = hlo.broadcast_shapes(hlo.shape(self), hlo.shape(mask))
    x, picked = hlo.broadcast_to(self, dims), hlo.broadcast_to(mask, dims)
    count = hlo.size(x)
    if count == 0 or hlo.size(source) == 0:
        return x
    flat = hlo.convert(hlo.reshape(picked, [count]), np.int64)
    order = hlo.subtract(hlo.cumulative(flat, "add", 0), 1)
    found = hlo.take(hlo.reshape(source, [hlo.size(source)]), order, 0)
    return hlo.select(picked, hlo.reshape(found, dims), x)


@lowering("aten.masked_scatter_backward.default")
def masked_scatter_backward(node: Node, grad_output: Value, mask: Value, sizes: Sequence[Any]) -> Value:
    """What comes to each element of the source; those the mask did not reach get nothing."""
    total, count = math.prod(sizes), hlo.size(grad_output)
    picked = hlo.reshape(hlo.broadcast_to(mask, hlo.shape(grad_output)), [count])
    order = hlo.subtract(hlo.cumulative(hlo.convert(picked, np.int64), "add", 0), 1)
    places = hlo.select(picked, order, total)
    zeros = hlo.full([total], 0, hlo.dtype(grad_output))
    grads = hlo.reshape(grad_output, [count])
    return hlo.reshape(hlo.scatter_nd(zeros, hlo.reshape(places, [count, 1]), grads, "set"), sizes)
