"""Reductions: sums, products, means, extremes, norms, variances, any and all."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.dims import Dim
from oxide.frontends.torch.promotion import category, compute_dtype
from oxide.frontends.torch.registry import Node, lowering

Value = ir.Value


def axes_of(x: Value, dim: Any) -> list[int]:
    """The dimensions that `dim` names; all for None and for an empty list."""
    rank = hlo.rank(x)
    if dim is None or (isinstance(dim, list) and not dim):
        return list(range(rank))
    named = dim if isinstance(dim, list) else [dim]
    return [] if rank == 0 else hlo.normalize_axes(named, rank)


def over(x: Value, dim: Any, keepdim: bool, function: Callable[..., Value]) -> Value:
    """`function(x, axes, keepdims=...)` over the dimensions that `dim` names."""
    return function(x, axes_of(x, dim), keepdims=keepdim)


def wide_sum(x: Value, axes: Sequence[int], *, keepdims: bool = False) -> Value:
    """A sum of half-precision numbers is kept in float32 up to its end."""
    dtype = hlo.dtype(x)
    return hlo.convert(hlo.reduce_sum(hlo.convert(x, compute_dtype(dtype)), axes, keepdims=keepdims), dtype)


def wide_product(x: Value, axes: Sequence[int], *, keepdims: bool = False) -> Value:
    dtype = hlo.dtype(x)
    return hlo.convert(hlo.reduce_prod(hlo.convert(x, compute_dtype(dtype)), axes, keepdims=keepdims), dtype)


def wide_mean(x: Value, axes: Sequence[int], *, keepdims: bool = False) -> Value:
    """The sum over the count; the mean of no elements is NaN."""
    dtype = hlo.dtype(x)
    count = math.prod(hlo.shape(x)[axis] for axis in axes)
    total = hlo.reduce_sum(hlo.convert(x, compute_dtype(dtype)), axes, keepdims=keepdims)
    return hlo.convert(hlo.divide(total, count), dtype)


@lowering("aten.sum.default", "aten.sum.dim_IntList")
def sum(node: Node, self: Value, dim: Any = None, keepdim: bool = False, dtype: torch.dtype | None = None) -> Value:
    """In int64 for integers and bools when no dtype is given."""
    return over(node.cast(self, dtype or summing_dtype(self)), dim, keepdim, wide_sum)


@lowering("aten.prod.default", "aten.prod.dim_int")
def prod(
    node: Node, self: Value, dim: Any = None, keepdim: bool = False, dtype: torch.dtype | None = None
) -> Value:
    return over(node.cast(self, dtype or summing_dtype(self)), dim, keepdim, wide_product)


def summing_dtype(x: Value) -> np.dtype:
    """What sums and products without a given dtype are in: int64 for integers and bools."""
    return np.dtype(np.int64) if category(hlo.dtype(x)) < 2 else hlo.dtype(x)


@lowering("aten.mean.default", "aten.mean.dim")
def mean(
    node: Node, self: Value, dim: Any = None, keepdim: bool = False, dtype: torch.dtype | None = None
) -> Value:
    return over(node.cast(self, dtype), dim, keepdim, wide_mean)


@lowering("aten.amax.default")
def amax(node: Node, self: Value, dim: Any = (), keepdim: bool = False) -> Value:
    return over(self, dim, keepdim, hlo.reduce_max)


@lowering("aten.amin.default")
def amin(node: Node, self: Value, dim: Any = (), keepdim: bool = False) -> Value:
    return over(self, dim, keepdim, hlo.reduce_min)


@lowering("aten.max.default")
def max(node: Node, self: Value) -> Value:
    return hlo.reduce_max(self)


@lowering("aten.min.default")
def min(node: Node, self: Value) -> Value:
    return hlo.reduce_min(self)


def _extreme(x: Value, dim: int, keepdim: bool, positions: Callable[..., Value]) -> list[Value]:
    """The largest or smallest elements along a dimension and the first positions they have."""
    if hlo.rank(x) == 0:
        return [x, hlo.constant(0, np.int64)]
    axis = hlo.normalize_axis(dim, hlo.rank(x))
    index = hlo.expand_dims(positions(x, axis), [axis])
    values = hlo.take_along_axis(x, index, axis)
    return [values, index] if keepdim else [hlo.squeeze(values, [axis]), hlo.squeeze(index, [axis])]


@lowering("aten.max.dim")
def max_dim(node: Node, self: Value, dim: int, keepdim: bool = False) -> list[Value]:
    return _extreme(self, dim, keepdim, hlo.argmax)


@lowering("aten.min.dim")
def min_dim(node: Node, self: Value, dim: int, keepdim: bool = False) -> list[Value]:
    return _extreme(self, dim, keepdim, hlo.argmin)


def _position(x: Value, dim: int | None, keepdim: bool, positions: Callable[..., Value]) -> Value:
    rank = hlo.rank(x)
    if dim is None or rank == 0:
        found = positions(hlo.reshape(x, [hlo.size(x)]), 0)
        return hlo.reshape(found, [1] * rank) if keepdim else found
    axis = hlo.normalize_axis(dim, rank)
    found = positions(x, axis)
    return hlo.expand_dims(found, [axis]) if keepdim else found


@lowering("aten.argmax.default")
def argmax(node: Node, self: Value, dim: int | None = None, keepdim: bool = False) -> Value:
    return _position(self, dim, keepdim, hlo.argmax)


@lowering("aten.argmin.default")
def argmin(node: Node, self: Value, dim: int | None = None, keepdim: bool = False) -> Value:
    return _position(self, dim, keepdim, hlo.argmin)


def _truth(node: Node, x: Value, dim: Any, keepdim: bool, kind: str) -> Value:
    """any is a bool but for uint8, which stays."""
    found = hlo.reduce(node.cast(x, np.dtype(np.bool_)), kind, axes_of(x, dim), keepdims=keepdim)
    return hlo.convert(found, node.dtype)


@lowering("aten.any.default", "aten.any.dim", "aten.any.dims")
def any(node: Node, self: Value, dim: Any = None, keepdim: bool = False) -> Value:
    return _truth(node, self, dim, keepdim, "or")


@lowering("aten.all.default", "aten.all.dim", "aten.all.dims")
def all(node: Node, self: Value, dim: Any = None, keepdim: bool = False) -> Value:
    return _truth(node, self, dim, keepdim, "and")


def _spread(x: Value, dim: Any, correction: Any, keepdim: bool) -> tuple[Value, Value]:
    """(variance, mean) in the computing dtype: squared deviations over the count less `correction`."""
    x = hlo.convert(x, compute_dtype(hlo.dtype(x)))
    axes = axes_of(x, dim)
    count = math.prod(hlo.shape(x)[axis] for axis in axes)
    average = hlo.divide(hlo.reduce_sum(x, axes, keepdims=True), count)
    deviation = hlo.subtract(x, average)
    if hlo.dtype(x).kind == "c":
        squares = hlo.add(hlo.square(hlo.real(deviation)), hlo.square(hlo.imag(deviation)))
    else:
        squares = hlo.square(deviation)
    total = hlo.reduce_sum(squares, axes, keepdims=keepdim)
    variance = hlo.divide(total, _remaining(count, 1 if correction is None else correction, hlo.dtype(total)))
    return variance, average if keepdim else hlo.reshape(average, hlo.shape(variance))


def _remaining(count: Any, correction: float, dtype: np.dtype) -> Any:
    """count - correction, at least 0."""
    if isinstance(count, Dim):
        return hlo.maximum(hlo.subtract(hlo.constant(count, dtype), correction), 0)
    left = count - correction
    return left if left > 0 else 0


@lowering("aten.var.correction", "aten.var.default", "aten.var.dim")
def var(
    node: Node, self: Value, dim: Any = None, unbiased: bool = True, correction: Any = None, keepdim: bool = False
) -> Value:
    variance, _ = _spread(self, dim, _correction(unbiased, correction), keepdim)
    return hlo.convert(variance, node.dtype)


@lowering("aten.std.correction", "aten.std.default", "aten.std.dim")
def std(
    node: Node, self: Value, dim: Any = None, unbiased: bool = True, correction: Any = None, keepdim: bool = False
) -> Value:
    variance, _ = _spread(self, dim, _correction(unbiased, correction), keepdim)
    return hlo.convert(hlo.sqrt(variance), node.dtype)


@lowering("aten.var_mean.correction")
def var_mean(
    node: Node, self: Value, dim: Any = None, correction: Any = None, keepdim: bool = False
) -> list[Value]:
    variance, average = _spread(self, dim, correction, keepdim)
    return [hlo.convert(variance, node.dtype), hlo.convert(average, node.dtype_of(1))]


@lowering("aten.std_mean.correction")
def std_mean(
    node: Node, self: Value, dim: Any = None, correction: Any = None, keepdim: bool = False
) -> list[Value]:
    variance, average = _spread(self, dim, correction, keepdim)
    return [hlo.convert(hlo.sqrt(variance), node.dtype), hlo.convert(average, node.dtype_of(1))]


def _correction(unbiased: bool, correction: Any) -> Any:
    return correction if unbiased else 0


@lowering("aten.logsumexp.default")
def logsumexp(node: Node, self: Value, dim: Any, keepdim: bool = False) -> Value:
    """log sum exp, shifted by the largest element where that is finite."""
    x = hlo.convert(node.cast(self, node.dtype), compute_dtype(node.dtype))
    axes = axes_of(x, dim)
    top = hlo.reduce_max(x, axes, keepdims=True)
    top = hlo.select(hlo.is_finite(top), top, 0)
    total = hlo.reduce_sum(hlo.exp(hlo.subtract(x, top)), axes, keepdims=keepdim)
    return hlo.convert(hlo.add(hlo.log(total), hlo.reshape(top, hlo.shape(total))), node.dtype)
