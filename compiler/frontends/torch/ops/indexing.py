"""Reading and writing at indices: embedding, index_select, gather, index, index_put, scatter."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import hlo
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


def indexed_axes(node: Node, x: Value, indices: Sequence[Value | None]) -> tuple[list[int], list[Value]]:
    """The dimensions with an index and their indices, broadcast together and not negative."""
    axes = [axis for axis, index in enumerate(indices) if index is not None]
    values: list[Value] = []
    for axis in axes:
        index = indices[axis]
        assert index is not None
        if hlo.dtype(index) in (np.dtype(np.bool_), np.dtype(np.uint8)):
            raise node.error(
                "an index by a mask gives a shape that depends on its values; use torch.where or masked_fill"
            )
        values.append(hlo.wrap_indices(hlo.convert(index, np.int64), hlo.shape(x)[axis]))
    return axes, hlo.broadcast_operands(*values)


def coordinates(values: Sequence[Value]) -> Value:
    """Indices for several dimensions as rows of coordinates."""
    return hlo.concatenate([hlo.expand_dims(v, [-1]) for v in values], -1)


@lowering("aten.index.Tensor")
def index(node: Node, self: Value, indices: Sequence[Value | None]) -> Value:
    """numpy's advanced indexing: the indices' dimensions replace the indexed ones, in front unless adjacent."""
    axes, values = indexed_axes(node, self, indices)
    if not axes:
        return self
    order = [*axes, *(axis for axis in range(hlo.rank(self)) if axis not in axes)]
    found = hlo.gather_nd(hlo.transpose(self, order), coordinates(values))
    span = hlo.rank(values[0])
    if axes != list(range(axes[0], axes[-1] + 1)):
        return found
    # The rest of the dimensions follow those of the indices; the ones before the first index go in front.
    rest = list(range(span, hlo.rank(found)))
    return hlo.transpose(found, [*rest[: axes[0]], *range(span), *rest[axes[0] :]])


@lowering("aten.index_put.default", "aten._unsafe_index_put.default")
def index_put(
    node: Node, self: Value, indices: Sequence[Value | None], values: Value, accumulate: bool = False
) -> Value:
    """self with `values` written (or added) where `index` would read."""
    if len(indices) == 1 and indices[0] is not None and hlo.dtype(indices[0]) == np.bool_ and hlo.size(values) == 1:
        return _masked_put(self, indices[0], values, accumulate)
    axes, positions = indexed_axes(node, self, indices)
    order = [*axes, *(axis for axis in range(hlo.rank(self)) if axis not in axes)]
    turned = hlo.transpose(self, order)
    span = hlo.rank(positions[0])
    lead = hlo.shape(positions[0])
    tail = hlo.shape(turned)[len(axes) :]
    updates = values
    if axes == list(range(axes[0], axes[-1] + 1)):
        before = tail[: axes[0]]
        updates = hlo.broadcast_to(updates, [*before, *lead, *tail[axes[0] :]])
        first = axes[0]
        updates = hlo.transpose(
            updates, [*range(first, first + span), *range(first), *range(first + span, hlo.rank(updates))]
        )
    updates = hlo.broadcast_to(updates, [*lead, *tail])
    written = hlo.scatter_nd(turned, coordinates(positions), updates, "add" if accumulate else "set")
    return hlo.transpose(written, [order.index(axis) for axis in range(len(order))])


def _masked_put(x: Value, mask: Value, value: Value, accumulate: bool) -> Value:
    dims = hlo.shape(x)
    spread = hlo.broadcast_in_dim(mask, dims, range(hlo.rank(mask)))
    value = hlo.broadcast_to(hlo.reshape(value, []), dims)
    return hlo.select(spread, hlo.add(x, value) if accumulate else value, x)


@lowering("aten.scatter.src", "aten.scatter.value", "aten.scatter.reduce", "aten.scatter.value_reduce")
def scatter(
    node: Node,
    self: Value,
    dim: int,
    index: Value,
    src: Value | None = None,
    value: Any = None,
    reduce: str = "set",
) -> Value:
    """self[index[i, j], j] = src[i, j] (dim 0); `src` may be longer than the index."""
    kinds = {"set": "set", "add": "add", "multiply": "multiply"}
    if reduce not in kinds:
        raise node.error(f"reduce is {reduce!r}, expected 'add' or 'multiply'")
    return scattered(self, dim, index, value if src is None else src, kinds[reduce])


@lowering("aten.scatter_add.default")
def scatter_add(node: Node, self: Value, dim: int, index: Value, src: Value) -> Value:
    return scattered(self, dim, index, src, "add")


def scattered(x: Value, dim: int, index: Value, src: Any, kind: str) -> Value:
    if hlo.rank(x) == 0:
        one = scattered(
            hlo.reshape(x, [1]),
            0,
            hlo.reshape(index, [1]),
            hlo.reshape(src, [1]) if isinstance(src, ir.Value) else src,
            kind,
        )
        return hlo.reshape(one, [])
    dims = hlo.shape(index)
    if math.prod(dims) == 0:
        return x
    if isinstance(src, ir.Value):
        updates = hlo.slice(src, [0] * len(dims), dims)
    else:
        updates = hlo.full(dims, src, hlo.dtype(x))
    return hlo.scatter_along_axis(x, index, updates, hlo.normalize_axis(dim, hlo.rank(x)), kind)
