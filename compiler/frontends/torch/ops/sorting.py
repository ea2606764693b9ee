"""Sorting and what is read off sorted elements: top k, k-th, median, mode.

NaN is the largest number and zeros of either sign are equal, for PyTorch as for `hlo.sort`.  Equal elements
keep their order, also where PyTorch does not promise it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import dtypes, hlo
from oxide.frontends.torch.registry import Node, lowering

Value = ir.Value


def sorted_along(x: Value, dim: int, *, descending: bool = False) -> list[Value]:
    """(elements in order, the positions they had); of a 0-d tensor itself and 0."""
    if hlo.rank(x) == 0:
        return [x, hlo.constant(0, np.int64)]
    axis = hlo.normalize_axis(dim, hlo.rank(x))
    return hlo.sort([x, hlo.iota(hlo.shape(x), axis, np.int64)], axis, descending=descending)


@lowering("aten.sort.default", "aten.sort.stable")
def sort(
    node: Node, self: Value, dim: int = -1, descending: bool = False, stable: bool | None = None
) -> list[Value]:
    return sorted_along(self, dim, descending=descending)


@lowering("aten.argsort.default", "aten.argsort.stable")
def argsort(node: Node, self: Value, dim: int = -1, descending: bool = False, stable: bool | None = None) -> Value:
    return sorted_along(self, dim, descending=descending)[1]


@lowering("aten.msort.default")
def msort(node: Node, self: Value) -> Value:
    return sorted_along(self, 0)[0]


@lowering("aten.topk.default")
def topk(node: Node, self: Value, k: Any, dim: int = -1, largest: bool = True, sorted: bool = True) -> list[Value]:
    """The k largest (or smallest) in order, which `sorted=False` leaves open."""
    if hlo.rank(self) == 0:  # where k may be 0 or 1 and changes nothing
        return sorted_along(self, dim)
    return list(hlo.top_k(self, k, dim, largest=largest))


@lowering("aten.kthvalue.default")
def kthvalue(node: Node, self: Value, k: Any, dim: int = -1, keepdim: bool = False) -> list[Value]:
    """The k-th smallest element, counted from 1."""
    return [_at(part, k - 1, dim, keepdim) for part in sorted_along(self, dim)]


def _at(x: Value, position: Any, dim: int, keepdim: bool) -> Value:
    """The elements at a position along a dimension, which stays when `keepdim`."""
    if hlo.rank(x) == 0:
        return x
    axis = hlo.normalize_axis(dim, hlo.rank(x))
    kept = hlo.slice_axis(x, axis, position, position + 1)
    return kept if keepdim else hlo.squeeze(kept, [axis])


@lowering("aten.median.dim")
def median_dim(node: Node, self: Value, dim: int, keepdim: bool = False) -> list[Value]:
    """The lower of the two middle elements where their number is even; NaN where there is one."""
    return _middle(self, dim, keepdim, skip_nan=False)


@lowering("aten.nanmedian.dim")
def nanmedian_dim(node: Node, self: Value, dim: int, keepdim: bool = False) -> list[Value]:
    """The median of what is not NaN, NaN where there is nothing else."""
    return _middle(self, dim, keepdim, skip_nan=True)


@lowering("aten.median.default")
def median(node: Node, self: Value) -> Value:
    return _median(self, skip_nan=False)


@lowering("aten.nanmedian.default")
def nanmedian(node: Node, self: Value) -> Value:
    return _median(self, skip_nan=True)


def _median(x: Value, skip_nan: bool) -> Value:
    """Of all elements; of none NaN, or the smallest integer, which is what the cast of NaN gives."""
    if hlo.size(x) == 0:
        dtype = hlo.dtype(x)
        return hlo.full([], float("nan") if dtypes.is_float(dtype) else np.iinfo(dtype).min, dtype)
    return _middle(hlo.reshape(x, [hlo.size(x)]), 0, False, skip_nan)[0]


def _middle(x: Value, dim: int, keepdim: bool, skip_nan: bool) -> list[Value]:
    """(median, its position): sorted elements end with the NaNs, so counting the others tells where to look."""
    if hlo.rank(x) == 0:
        return sorted_along(x, dim)
    axis = hlo.normalize_axis(dim, hlo.rank(x))
    ordered = sorted_along(x, axis)
    length = hlo.shape(x)[axis]
    middle: Any = (length - 1) // 2
    if not dtypes.is_float(hlo.dtype(x)):
        return [_at(part, middle, axis, keepdim) for part in ordered]
    numbers = hlo.reduce_sum(hlo.convert(hlo.equal(x, x), np.int64), [axis], keepdims=True)
    if skip_nan:
        place = hlo.divide(hlo.subtract(hlo.maximum(numbers, 1), 1), 2)
    else:
        place = hlo.select(hlo.equal(numbers, length), middle, numbers)
    found = [hlo.take_along_axis(part, place, axis) for part in ordered]
    return found if keepdim else [hlo.squeeze(part, [axis]) for part in found]


@lowering("aten.mode.default")
def mode(node: Node, self: Value, dim: int = -1, keepdim: bool = False) -> list[Value]:
    """The most frequent element, the smallest of several, with its last position.  A NaN equals nothing."""
    if hlo.rank(self) == 0:
        return sorted_along(self, dim)
    axis = hlo.normalize_axis(dim, hlo.rank(self))
    values, positions = sorted_along(self, axis)
    dims = hlo.shape(self)
    length = dims[axis]
    count = hlo.iota(dims, axis, np.int64)
    changes = hlo.not_equal(hlo.slice_axis(values, axis, 1, length), hlo.slice_axis(values, axis, 0, length - 1))
    before = [int(i == axis) for i in range(len(dims))]
    starts = hlo.pad(changes, True, before, [0] * len(dims))
    run = hlo.subtract(count, hlo.cumulative(hlo.select(starts, count, 0), "max", axis))
    end = hlo.expand_dims(hlo.argmax(run, axis), [axis])
    found = [hlo.take_along_axis(part, end, axis) for part in (values, positions)]
    return found if keepdim else [hlo.squeeze(part, [axis]) for part in found]
