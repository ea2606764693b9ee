"""Operators whose results have sizes that depend on data: nonzero, masks, unique, bincount, repeat_interleave.

Such a result is `Bounded`: a buffer of the largest size and how much of it counts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.dims import minimum
from oxide.frontends.bounded import Bounded, compaction, picked
from oxide.frontends.distinct import Groups, equal_neighbours, equal_rows
from oxide.frontends.ranges import upper_bound
from oxide.frontends.torch.registry import Node, lowering
from oxide.frontends.torch.sizes import sizes

Value = ir.Value


@lowering("aten.nonzero.default", "aten.argwhere.default")
def nonzero(node: Node, self: Value) -> Bounded:
    """int64[n, rank]: the coordinates of the elements that are not zero."""
    columns, count = picked(self)
    rows = hlo.stack(columns, 1) if columns else hlo.full([1, 0], 0, np.int64)
    return Bounded(rows, 0, count)


@lowering("aten.nonzero_numpy.default", "aten.where.default")
def nonzero_numpy(node: Node, self: Value | None = None, condition: Value | None = None) -> list[Bounded]:
    """The coordinates one dimension at a time; of a 0-d tensor as of one of length 1."""
    x = condition if self is None else self
    assert x is not None
    columns, count = picked(x if hlo.rank(x) else hlo.reshape(x, [1]))
    return [Bounded(column, 0, count) for column in columns]


@lowering("aten.masked_select.default")
def masked_select(node: Node, self: Value, mask: Value) -> Bounded:
    dims = hlo.broadcast_shapes(hlo.shape(self), hlo.shape(mask))
    x, where = hlo.broadcast_to(self, dims), hlo.broadcast_to(mask, dims)
    order, count = compaction(hlo.reshape(where, [hlo.size(where)]))
    flat = hlo.reshape(x, [hlo.size(x)])
    return Bounded(hlo.take(flat, order, 0) if hlo.size(x) else flat, 0, count)


# ----------------------------------------------------------------------------------------------------- unique


@lowering("aten._unique2.default", "aten._unique.default")
def unique2(
    node: Node,
    self: Value,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
    kept: Value | None = None,
) -> list[Any]:
    """Distinct elements in ascending order, also where PyTorch lets the order open; every NaN is distinct.

    `kept` (bool[n]) says which elements count, all without it; so below.
    """
    flat = hlo.reshape(self, [hlo.size(self), 1])
    groups = equal_rows(flat, nan_is_one=False, kept=kept) if hlo.size(self) else None
    return _distinct(node, hlo.reshape(self, [hlo.size(self)]), 0, groups, hlo.shape(self))


@lowering("aten.unique_dim.default")
def unique_dim(
    node: Node,
    self: Value,
    dim: int,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
    kept: Value | None = None,
) -> list[Any]:
    """Distinct slices along a dimension."""
    axis = hlo.normalize_axis(dim, hlo.rank(self))
    rows = _slices(self, axis)
    groups = equal_rows(rows, nan_is_one=False, kept=kept) if hlo.shape(rows)[0] else None
    return _distinct(node, self, axis, groups, [hlo.shape(self)[axis]])


@lowering("aten.unique_consecutive.default", "aten.unique_dim_consecutive.default")
def unique_consecutive(
    node: Node,
    self: Value,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
    kept: Value | None = None,
) -> list[Any]:
    """One element (or slice) of each run of equal ones."""
    x = hlo.reshape(self, [hlo.size(self)]) if dim is None else self
    axis = hlo.normalize_axis(0 if dim is None else dim, hlo.rank(x))
    rows = _slices(x, axis)
    groups = equal_neighbours(rows, nan_is_one=False, kept=kept) if hlo.shape(rows)[0] else None
    return _distinct(node, x, axis, groups, hlo.shape(self) if dim is None else [hlo.shape(self)[axis]])


def _slices(x: Value, axis: int) -> Value:
    """[n, elements of a slice]."""
    dims = hlo.shape(x)
    width = math.prod(d for i, d in enumerate(dims) if i != axis)
    return hlo.reshape(hlo.move_axis(x, axis, 0), [dims[axis], width])


def _distinct(node: Node, x: Value, axis: int, groups: Groups | None, inverse_dims: Sequence[Any]) -> list[Any]:
    """(values, inverse, counts), those that are not asked for empty as PyTorch has them; None: there is no row."""
    count = hlo.constant(0, np.int64) if groups is None else groups.count
    empty = hlo.full([0], 0, np.int64)
    if groups is None:
        found: list[Any] = [Bounded(x, axis, count), hlo.reshape(empty, inverse_dims), Bounded(empty, 0, count)]
    else:
        size = hlo.shape(x)[axis]
        values = hlo.take(x, hlo.minimum(groups.first(), size - 1), axis)
        inverse = hlo.reshape(groups.of_each(), inverse_dims)
        found = [Bounded(values, axis, count), inverse, Bounded(groups.sizes(), 0, count)]
    pairs = list(zip(found[1:], node.meta[1:], strict=False))
    return [found[0], *(empty if sizes(meta.shape) == [0] else part for part, meta in pairs)]


# ------------------------------------------------------------------------------------- counts and repetition


@lowering("aten.bincount.default")
def bincount(
    node: Node, self: Value, weights: Value | None = None, minlength: Any = 0, kept: Value | None = None
) -> Bounded:
    """How often each number up to the largest occurs, or the sum of its weights; at least `minlength` of them."""
    numbers = hlo.convert(self, np.int64)
    if kept is not None:
        numbers = hlo.select(kept, numbers, -1)
    least = hlo.constant(minlength, np.int64)
    length = hlo.maximum(hlo.add(hlo.reduce_max(numbers), 1), least) if hlo.size(self) else least
    room = _room(node, length, "give the model a bound of its length, torch._check(y.shape[0] <= limit)")
    places = hlo.select(hlo.less(numbers, 0), room, numbers)
    ones = hlo.full_like(numbers, 1) if weights is None else node.cast(weights, node.dtype)
    counts = hlo.scatter_nd(hlo.full([room], 0, node.dtype), hlo.expand_dims(places, [1]), ones, "add")
    return Bounded(counts, 0, length)


@lowering("aten.repeat_interleave.Tensor")
def repeat_interleave(node: Node, repeats: Value, output_size: Any = None) -> Bounded | Value:
    """Position i repeats[i] times, in order, in the dtype of the repeats."""
    found = _repeated(node, repeats, output_size)
    if isinstance(found, Bounded):
        return Bounded(hlo.convert(found.buffer, node.dtype), 0, found.count)
    return hlo.convert(found, node.dtype)


@lowering("aten.repeat_interleave.self_Tensor")
def repeat_interleave_tensor(
    node: Node, self: Value, repeats: Value, dim: int | None = None, output_size: Any = None
) -> Bounded | Value:
    """Entries along a dimension, each as often as `repeats` says; elements where there is none."""
    x = hlo.reshape(self, [hlo.size(self)]) if dim is None else self
    axis = hlo.normalize_axis(0 if dim is None else dim, hlo.rank(x))
    found = _repeated(node, hlo.broadcast_to(repeats, [hlo.shape(x)[axis]]), output_size, axis)
    if isinstance(found, Bounded):
        return Bounded(hlo.take(x, found.buffer, axis), axis, found.count)
    return hlo.take(x, found, axis)


def _repeated(node: Node, repeats: Value, output_size: Any, axis: int = 0) -> Bounded | Value:
    ends = hlo.cumulative(hlo.convert(repeats, np.int64), "add", 0)
    if output_size is not None:
        return _runs(ends, output_size)
    total = hlo.reduce_sum(hlo.convert(repeats, np.int64))
    way_out = "give output_size, or a bound in the model, torch._check(y.shape[0] <= limit)"
    return Bounded(_runs(ends, _room(node, total, way_out, axis)), axis, total)


def _runs(ends: Value, length: Any) -> Value:
    """int64[length]: number i up to ends[i].  Each end of a run is a step of the numbers that follow it."""
    none = hlo.full([length], 0, np.int64)
    steps = hlo.scatter_nd(none, hlo.expand_dims(ends, [1]), hlo.full_like(ends, 1), "add")
    return hlo.cumulative(steps, "add", 0)


def _room(node: Node, length: Value, way_out: str, axis: int = 0) -> Any:
    """The most that a computed length can be, as its computation or the program tells."""
    known = [bound for bound in (upper_bound(length), node.limit(axis)) if bound is not None]
    if not known:
        raise node.error(f"the length of the result has no upper bound, which XLA needs: {way_out}")
    return minimum(*known) if len(known) > 1 else known[0]
