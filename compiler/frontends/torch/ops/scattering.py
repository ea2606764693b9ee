"""Writing along one dimension at indices, and reducing what comes to the same place."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import dtypes, hlo
from oxide.frontends.torch.promotion import compute_dtype
from oxide.frontends.torch.registry import Node, lowering

Value = ir.Value
# Writes updates into a tensor: (tensor, updates, kind of hlo.scatter).
Write = Callable[[Value, Value, str], Value]

REDUCTIONS = {"sum": "add", "mean": "add", "prod": "multiply", "amax": "max", "amin": "min"}
IDENTITIES: dict[str, Callable[[np.dtype], Any]] = {
    "add": lambda dtype: 0,
    "multiply": lambda dtype: 1,
    "max": hlo.lowest,
    "min": hlo.highest,
}


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
    if reduce not in ("set", "add", "multiply"):
        raise node.error(f"reduce is {reduce!r}, expected 'add' or 'multiply'")
    return _along(self, dim, index, value if src is None else src, lambda write, x, u: write(x, u, reduce))


@lowering("aten.scatter_add.default")
def scatter_add(node: Node, self: Value, dim: int, index: Value, src: Value) -> Value:
    return _along(self, dim, index, src, lambda write, x, updates: write(x, updates, "add"))


@lowering("aten.scatter_reduce.two")
def scatter_reduce(
    node: Node, self: Value, dim: int, index: Value, src: Value, reduce: str, include_self: bool = True
) -> Value:
    """`scatter` with a reduction of what comes to one place, with or without what was there before."""
    return _along(
        self, dim, index, src, lambda write, x, updates: _reduced(node, write, x, updates, reduce, include_self)
    )


def _along(x: Value, dim: int, index: Value, src: Any, apply: Callable[[Write, Value, Value], Value]) -> Value:
    """`apply(write, x, updates)` where `write` puts the updates where the index says; 0-d tensors have length 1."""
    dims = hlo.shape(x)
    if math.prod(hlo.shape(index)) == 0:
        return x
    if not dims:
        x = hlo.reshape(x, [1])
    places = index if hlo.rank(index) else hlo.reshape(index, [1])
    target = hlo.shape(places)
    if not isinstance(src, ir.Value):
        updates = hlo.full(target, src, hlo.dtype(x))
    else:
        src = src if hlo.rank(src) else hlo.reshape(src, [1])
        updates = hlo.slice(src, [0] * len(target), target)
    axis = hlo.normalize_axis(dim, hlo.rank(x))

    def write(x: Value, updates: Value, kind: str) -> Value:
        return hlo.scatter_along_axis(x, places, updates, axis, kind)

    return hlo.reshape(apply(write, x, updates), dims)


def _reduced(node: Node, write: Write, x: Value, updates: Value, reduce: str, include_self: bool) -> Value:
    """x with the updates reduced into it.  A mean of integers is rounded down."""
    if reduce not in REDUCTIONS:
        raise node.error(f"reduce is {reduce!r}, expected one of {', '.join(REDUCTIONS)}")
    dtype = hlo.dtype(x)
    kind = REDUCTIONS[reduce]
    wide = compute_dtype(dtype) if dtypes.is_float(dtype) else dtype
    start, given = hlo.convert(x, wide), hlo.convert(updates, wide)
    dims = hlo.shape(x)
    if not include_self:
        reached = hlo.full(hlo.shape(updates), True, np.bool_)
        touched = write(hlo.full(dims, False, np.bool_), reached, "set")
        start = hlo.select(touched, hlo.full(dims, IDENTITIES[kind](wide), wide), start)
    total = write(start, given, kind)
    if reduce == "mean":
        ones = hlo.full(hlo.shape(updates), 1, np.int64)
        count = write(hlo.full(dims, int(include_self), np.int64), ones, "add")
        count = hlo.convert(hlo.maximum(count, 1), wide)
        total = hlo.divide(total, count) if dtypes.is_float(wide) else _floor_divide(total, count)
    return hlo.convert(total, dtype)


def _floor_divide(x: Value, count: Value) -> Value:
    """x / count rounded down, for integers and a positive count."""
    quotient = hlo.divide(x, count)
    below = hlo.less(hlo.multiply(quotient, count), x)
    above = hlo.greater(hlo.multiply(quotient, count), x)
    return hlo.select(hlo.and_(above, hlo.not_(below)), hlo.subtract(quotient, 1), quotient)


@lowering("aten.index_add.default")
def index_add(node: Node, self: Value, dim: int, index: Value, source: Value, alpha: Any = 1) -> Value:
    """self with alpha * source[i] added to entry index[i] along a dimension."""
    scaled = source if isinstance(alpha, int | float) and alpha == 1 else hlo.multiply(source, alpha)
    return _rows(self, dim, index, scaled, lambda write, x, updates: write(x, updates, "add"))


@lowering("aten.index_copy.default")
def index_copy(node: Node, self: Value, dim: int, index: Value, source: Value) -> Value:
    return _rows(self, dim, index, source, lambda write, x, updates: write(x, updates, "set"))


@lowering("aten.index_fill.int_Scalar", "aten.index_fill.int_Tensor")
def index_fill(node: Node, self: Value, dim: int, index: Value, value: Any) -> Value:
    filled = node.cast(value, hlo.dtype(self)) if isinstance(value, ir.Value) else value
    return _rows(self, dim, index, filled, lambda write, x, updates: write(x, updates, "set"))


@lowering("aten.index_reduce.default")
def index_reduce(
    node: Node, self: Value, dim: int, index: Value, source: Value, reduce: str, include_self: bool = True
) -> Value:
    """Entries source[i] reduced into entry index[i] along a dimension."""
    return _rows(
        self, dim, index, source, lambda write, x, updates: _reduced(node, write, x, updates, reduce, include_self)
    )


def _rows(x: Value, dim: int, index: Value, source: Any, apply: Callable[[Write, Value, Value], Value]) -> Value:
    """`apply(write, x, updates)` where `write` puts whole entries along `dim` where the index says."""
    dims = hlo.shape(x)
    if hlo.size(index) == 0:
        return x
    if not dims:
        x = hlo.reshape(x, [1])
    axis = hlo.normalize_axis(dim, hlo.rank(x))
    count = hlo.size(index)
    places = hlo.wrap_indices(hlo.reshape(index, [count]), hlo.shape(x)[axis])
    target = [count if i == axis else d for i, d in enumerate(hlo.shape(x))]
    if not isinstance(source, ir.Value):
        updates = hlo.full(target, source, hlo.dtype(x))
    elif hlo.rank(source) == 0:
        updates = hlo.broadcast_to(source, target)
    else:
        updates = source

    def write(x: Value, updates: Value, kind: str) -> Value:
        window = [i for i in range(hlo.rank(x)) if i != axis]
        return hlo.scatter(
            x,
            hlo.reshape(places, [count, 1]),
            updates,
            kind=kind,
            update_window_dims=window,
            inserted=[axis],
            scattered=[axis],
            index_vector_dim=1,
        )

    return hlo.reshape(apply(write, x, updates), dims)


@lowering("aten.put.default")
def put(node: Node, self: Value, index: Value, source: Value, accumulate: bool = False) -> Value:
    """Elements of the flattened tensor replaced, or added to."""
    total, count = hlo.size(self), hlo.size(index)
    places = hlo.wrap_indices(hlo.reshape(index, [count, 1]), total)
    flat = hlo.reshape(self, [total])
    kind = "add" if accumulate else "set"
    return hlo.reshape(hlo.scatter_nd(flat, places, hlo.reshape(source, [count]), kind), hlo.shape(self))
