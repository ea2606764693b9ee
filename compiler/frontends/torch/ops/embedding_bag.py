"""Sums, means and maxima of bags of embeddings, and their gradients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.frontends.torch.promotion import compute_dtype
from oxide.frontends.torch.registry import Node, lowering

Value = ir.Value

_SUM, _MEAN, _MAX = range(3)


@dataclass(frozen=True)
class _Bags:
    """`bag` int64[n]: the bag of each index; `counts` bool[n]: whether it is not padding."""

    bag: Value
    counted: Value
    total: Any

    def add(self, rows: Value) -> Value:
        """The sums [bags, ...] of rows [n, ...] that count."""
        kept = hlo.broadcast_in_dim(self.counted, hlo.shape(rows), [0])
        zeros = hlo.full([self.total, *hlo.shape(rows)[1:]], 0, hlo.dtype(rows))
        return hlo.scatter_nd(zeros, hlo.expand_dims(self.bag, [1]), hlo.select(kept, rows, 0), "add")

    @property
    def sizes(self) -> Value:
        """int64[bags]"""
        return self.add(hlo.full([hlo.shape(self.bag)[0]], 1, np.int64))


def _bags(indices: Value, offsets: Value, total: Any, padding: int) -> _Bags:
    """Each offset begins a bag; one behind all indices begins an empty one."""
    count = hlo.shape(indices)[0]
    starts = hlo.expand_dims(hlo.convert(offsets, np.int64), [1])
    ones = hlo.full(hlo.shape(offsets), 1, np.int64)
    steps = hlo.scatter_nd(hlo.full([count], 0, np.int64), starts, ones, "add")
    bag = hlo.subtract(hlo.cumulative(steps, "add", 0), 1)
    counted = hlo.full([count], True, np.bool_) if padding < 0 else hlo.not_equal(indices, padding)
    return _Bags(bag, counted, total)


@lowering("aten._embedding_bag.default", "aten._embedding_bag_forward_only.default")
def embedding_bag(
    node: Node,
    weight: Value,
    indices: Value,
    offsets: Value,
    scale_grad_by_freq: bool = False,
    mode: int = 0,
    sparse: bool = False,
    per_sample_weights: Value | None = None,
    include_last_offset: bool = False,
    padding_idx: int = -1,
) -> list[Value | None]:
    """[bags, their numbers for each index, their sizes, the positions of maxima]; an empty bag gives zeros.

    What the backward pass computes again is only there in the shape that PyTorch gives it.
    """
    total = node.shape[0]
    bags = _bags(indices, offsets, total, padding_idx)
    dtype = hlo.dtype(weight)
    wide = compute_dtype(dtype)
    rows = hlo.convert(hlo.take(weight, indices, 0), wide)
    if per_sample_weights is not None:
        factors = hlo.convert(per_sample_weights, wide)
        rows = hlo.multiply(rows, hlo.broadcast_in_dim(factors, hlo.shape(rows), [0]))
    best: Value | None = None
    if mode == _MAX:
        result, best = _maxima(bags, rows, indices)
    else:
        result = bags.add(rows)
        if mode == _MEAN:
            result = hlo.divide(result, _column(hlo.maximum(bags.sizes, 1), result))
    sizes = None if mode == _SUM else bags.sizes  # PyTorch leaves them 0
    extras: Sequence[Value | None] = (bags.bag, sizes, sizes if best is None else best)
    return [hlo.convert(result, dtype), *(_extra(node, i, value) for i, value in enumerate(extras, 1))]


def _extra(node: Node, index: int, value: Value | None) -> Value | None:
    """A result that only the backward pass reads, in its own dtype; zeros where PyTorch's has another shape."""
    if not node.wants(index):
        return None
    if value is None or hlo.shape(value) != node.shape_of(index):
        return hlo.full(node.shape_of(index), 0, node.dtype_of(index))
    return hlo.convert(value, node.dtype_of(index))


def _column(sizes: Value, like: Value) -> Value:
    return hlo.broadcast_in_dim(hlo.convert(sizes, hlo.dtype(like)), hlo.shape(like), [0])


def _maxima(bags: _Bags, rows: Value, indices: Value) -> tuple[Value, Value]:
    """(maxima, the index of the first row that has each), both [bags, size]; of empty bags 0."""
    dims = hlo.shape(rows)
    places = hlo.expand_dims(bags.bag, [1])
    target = [bags.total, dims[1]]
    kept = hlo.broadcast_in_dim(bags.counted, dims, [0])
    low = hlo.lowest(hlo.dtype(rows))
    top = hlo.scatter_nd(hlo.full(target, low, hlo.dtype(rows)), places, hlo.select(kept, rows, low), "max")
    equal = hlo.and_(kept, hlo.equal(rows, hlo.take(top, bags.bag, 0)))
    none = dims[0]
    order = hlo.select(equal, hlo.iota(dims, 0, np.int64), none)
    first = hlo.scatter_nd(hlo.full(target, none, np.int64), places, order, "min")
    empty = hlo.equal(first, none)
    chosen = hlo.convert(hlo.take(indices, first, 0), np.int64)  # one that is out of range is not used
    return hlo.select(empty, 0, top), hlo.select(empty, 0, chosen)


@lowering("aten._embedding_bag_backward.default")
def embedding_bag_backward(
    node: Node,
    grad: Value,
    indices: Value,
    offsets: Value,
    offset2bag: Value,
    bag_size: Value,
    maximum_indices: Value,
    num_weights: Any,
    scale_grad_by_freq: bool,
    mode: int,
    sparse: bool,
    per_sample_weights: Value | None,
    padding_idx: int = -1,
) -> Value:
    """The gradient by the weight [num_weights, size], as a dense tensor."""
    if sparse:
        raise node.error("a sparse gradient is not supported; make the embedding with sparse=False")
    dtype = hlo.dtype(grad)
    wide = hlo.convert(grad, compute_dtype(dtype))
    total, size = hlo.shape(grad)
    zeros = hlo.full([num_weights, size], 0, hlo.dtype(wide))
    if mode == _MAX:
        chosen = hlo.convert(maximum_indices, np.int64)
        empty = hlo.broadcast_in_dim(hlo.equal(bag_size, 0), [total, size], [0])
        columns = hlo.iota([total, size], 1, np.int64)
        places = hlo.stack([hlo.select(empty, num_weights, chosen), columns], 2)
        return hlo.convert(hlo.scatter_nd(zeros, places, wide, "add"), dtype)
    bags = _bags(indices, offsets, total, padding_idx)
    if mode == _MEAN:
        wide = hlo.divide(wide, _column(hlo.maximum(bags.sizes, 1), wide))
    rows = hlo.take(wide, bags.bag, 0)
    if per_sample_weights is not None:
        rows = hlo.multiply(rows, _column(per_sample_weights, rows))
    places = hlo.expand_dims(indices, [1])
    if scale_grad_by_freq:
        ones = hlo.full(hlo.shape(indices), 1, np.int64)
        uses = hlo.scatter_nd(hlo.full([num_weights], 0, np.int64), places, ones, "add")
        rows = hlo.divide(rows, _column(hlo.take(uses, indices, 0), rows))
    rows = hlo.select(hlo.broadcast_in_dim(bags.counted, hlo.shape(rows), [0]), rows, 0)
    return hlo.convert(hlo.scatter_nd(zeros, places, rows, "add"), dtype)
