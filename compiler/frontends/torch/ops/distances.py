"""Distances between rows of matrices."""

from __future__ import annotations

import math

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.dims import Size
from oxide.frontends.torch.promotion import compute_dtype
from oxide.frontends.torch.registry import Node, lowering

Value = ir.Value


@lowering("aten._cdist_forward.default")
def cdist(node: Node, x1: Value, x2: Value, p: float, compute_mode: int | None) -> Value:
    """The p-norms of all differences between rows of [..., n, d] and [..., m, d], as [..., n, m].

    `compute_mode` allows Euclidean distances by way of a matrix product: 1 always, 2 never, 0 (and None) for more
    than 25 rows, as PyTorch decides it.
    """
    lead = hlo.broadcast_shapes(hlo.shape(x1)[:-2], hlo.shape(x2)[:-2])
    (n, d), m = hlo.shape(x1)[-2:], hlo.shape(x2)[-2]
    x1, x2 = hlo.broadcast_to(x1, [*lead, n, d]), hlo.broadcast_to(x2, [*lead, m, d])
    if p == 2 and _by_product(n, m, compute_mode):
        return _euclidean(x1, x2)
    return norms(hlo.subtract(hlo.expand_dims(x1, [-2]), hlo.expand_dims(x2, [-3])), p)


def _by_product(n: Size, m: Size, mode: int | None) -> bool:
    """Sizes that are not known may be large."""
    return mode == 1 or (not mode and (not hlo.is_static([n, m]) or n > 25 or m > 25))


@lowering("aten._euclidean_dist.default")
def euclidean_dist(node: Node, x1: Value, x2: Value) -> Value:
    return _euclidean(x1, x2)


def _euclidean(x1: Value, x2: Value) -> Value:
    """|a - b|^2 = |a|^2 - 2 a b + |b|^2, which rounding may bring below 0."""
    squares = [hlo.reduce_sum(hlo.square(x), [-1], keepdims=True) for x in (x1, x2)]
    products = hlo.multiply(hlo.matmul(x1, hlo.swap_axes(x2, -2, -1)), -2)
    total = hlo.add(hlo.add(squares[0], products), hlo.swap_axes(squares[1], -2, -1))
    return hlo.sqrt(hlo.maximum(total, 0))


@lowering("aten._pdist_forward.default")
def pdist(node: Node, self: Value, p: float = 2.0) -> Value:
    """The p-norms of the differences between rows i < j of [n, d], in the order of (i, j)."""
    n = hlo.shape(self)[0]
    every = norms(hlo.subtract(hlo.expand_dims(self, [1]), hlo.expand_dims(self, [0])), p)
    row, column = (hlo.iota([n, n], axis, np.int64) for axis in (0, 1))
    before = hlo.divide(hlo.multiply(row, hlo.subtract(2 * n - 1, row)), 2)
    place = hlo.subtract(hlo.add(before, hlo.subtract(column, row)), 1)
    # Scattering drops what lands nowhere.
    place = hlo.select(hlo.less(row, column), place, -1)
    target = hlo.full([n * (n - 1) // 2], 0, hlo.dtype(self))
    return hlo.scatter_nd(target, hlo.expand_dims(place, [-1]), every, "set")


def norms(x: Value, p: float) -> Value:
    """The p-norms along the last dimension: the number of elements other than 0 for p = 0."""
    dtype = hlo.dtype(x)
    size = hlo.abs(hlo.convert(x, compute_dtype(dtype)))
    if p == 0:
        result = hlo.reduce_sum(hlo.convert(hlo.not_equal(size, 0), hlo.dtype(size)), [-1])
    elif p == 1:
        result = hlo.reduce_sum(size, [-1])
    elif p == 2:
        result = hlo.sqrt(hlo.reduce_sum(hlo.square(size), [-1]))
    elif math.isinf(p):
        result = hlo.maximum(hlo.reduce_max(size, [-1]), 0)  # 0 of no elements
    else:
        result = hlo.power(hlo.reduce_sum(hlo.power(size, p), [-1]), 1 / p)
    return hlo.convert(result, dtype)
