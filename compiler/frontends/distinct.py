"""Equal rows of a table put into groups: what ONNX Unique and PyTorch's unique and its kin are made of."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import dtypes, hlo
from oxide.dialects.dims import Size


@dataclass(frozen=True)
class Groups:
    """n rows in an order in which equal ones are neighbours.

    Row `order[p]` is at position p and belongs to group `group[p]` (int64[n] both), of `count` (int64[]) groups.  A
    row that does not count is in group n.
    """

    group: ir.Value
    order: ir.Value
    count: ir.Value

    def first(self) -> ir.Value:
        """int64[n]: the first row of each group; n behind the last group."""
        return _scatter(self._full(hlo.size(self.group)), self.group, self.order, "min")

    def sizes(self) -> ir.Value:
        """int64[n]: how many rows are in each group; 0 behind the last."""
        return _scatter(self._full(0), self.group, self._full(1), "add")

    def of_each(self) -> ir.Value:
        """int64[n]: the group of each row."""
        return _scatter(self._full(0), self.order, self.group, "set")

    def by_occurrence(self) -> Groups:
        """The groups numbered as they first occur."""
        size = hlo.size(self.group)
        _, earlier = hlo.sort([self.first(), hlo.iota([size], 0, np.int64)], 0)
        number = _scatter(self._full(size), earlier, hlo.iota([size], 0, np.int64), "set")
        return Groups(hlo.take(number, self.group, 0), self.order, self.count)

    def _full(self, value: Size) -> ir.Value:
        return hlo.full([hlo.size(self.group)], value, np.int64)


def equal_rows(rows: ir.Value, *, nan_is_one: bool, kept: ir.Value | None = None) -> Groups:
    """Groups of the equal rows of [n, width], n > 0, in ascending order; of rows where `kept` (bool[n]) only.

    NaN equals NaN where `nan_is_one`.
    """
    size = hlo.shape(rows)[0]
    keys = [_key(column) for column in _columns(rows)]
    leading = [] if kept is None else [hlo.not_(kept)]
    ordered = hlo.sort([*leading, *keys, hlo.iota([size], 0, np.int64)], 0, keys=len(leading) + len(keys))
    counts = None if kept is None else hlo.not_(ordered[0])
    return _numbered(ordered[len(leading) : -1], ordered[-1], counts, nan_is_one)


def equal_neighbours(rows: ir.Value, *, nan_is_one: bool, kept: ir.Value | None = None) -> Groups:
    """Groups of the runs of equal rows of [n, width], n > 0; rows that are not `kept` come last."""
    return _numbered(_columns(rows), hlo.iota([hlo.shape(rows)[0]], 0, np.int64), kept, nan_is_one)


def _columns(rows: ir.Value) -> list[ir.Value]:
    return [hlo.squeeze(c, [1]) for c in hlo.split(rows, 1, [1] * hlo.shape(rows)[1])]


def _numbered(keys: list[ir.Value], order: ir.Value, kept: ir.Value | None, nan_is_one: bool) -> Groups:
    size = hlo.size(order)
    starts = hlo.full([size - 1], False, np.bool_)
    for key in keys:
        before, after = hlo.slice_axis(key, 0, 0, size - 1), hlo.slice_axis(key, 0, 1, size)
        total = nan_is_one and dtypes.is_float(hlo.dtype(key))
        starts = hlo.or_(starts, hlo.compare(before, after, "NE", total_order=total))
    starts = hlo.pad(starts, True, [1], [0])
    if kept is not None:
        starts = hlo.and_(starts, kept)
    numbers = hlo.convert(starts, np.int64)
    group = hlo.subtract(hlo.cumulative(numbers, "add", 0), 1)
    if kept is not None:
        group = hlo.select(kept, group, hlo.full_like(group, size))
    return Groups(group, order, hlo.reduce_sum(numbers))


def _key(x: ir.Value) -> ir.Value:
    """Equal numbers in one form, as `hlo.sort` orders them: there is one zero and one NaN."""
    if not dtypes.is_float(hlo.dtype(x)):
        return x
    return hlo.select(hlo.is_nan(x), math.nan, hlo.select(hlo.equal(x, 0), 0.0, x))


def _scatter(target: ir.Value, positions: ir.Value, updates: ir.Value, kind: str) -> ir.Value:
    return hlo.scatter_nd(target, hlo.expand_dims(positions, [1]), updates, kind)
