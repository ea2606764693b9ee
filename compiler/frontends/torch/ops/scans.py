"""Running sums, products, extremes and log-sum-exps along a dimension.

Most are the composites oxide.cumulative and oxide.cumlogsumexp.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxlib.mlir import ir

from oxide.dialects import composites, dtypes, hlo
from oxide.frontends.running import cumulative
from oxide.frontends.torch.ops.reductions import summing_dtype
from oxide.frontends.torch.promotion import compute_dtype
from oxide.frontends.torch.registry import Node, lowering

Value = ir.Value


@lowering("aten.cumsum.default")
def cumsum(node: Node, self: Value, dim: int, dtype: torch.dtype | None = None) -> Value:
    return _running(node.cast(self, dtype or summing_dtype(self)), "add", dim)


@lowering("aten.cumprod.default")
def cumprod(node: Node, self: Value, dim: int, dtype: torch.dtype | None = None) -> Value:
    return _running(node.cast(self, dtype or summing_dtype(self)), "multiply", dim)


@lowering("aten.logcumsumexp.default")
def logcumsumexp(node: Node, self: Value, dim: int) -> Value:
    if hlo.rank(self) == 0:
        return self
    if not dtypes.is_float(hlo.dtype(self)):
        return _running(self, "logaddexp", dim)
    return composites.build("cumlogsumexp", [self], axis=hlo.normalize_axis(dim, hlo.rank(self)))[0]


def _running(x: Value, kind: str, dim: int) -> Value:
    """Half-precision numbers are kept in float32 up to the end."""
    if hlo.rank(x) == 0:
        return x
    dtype = hlo.dtype(x)
    return hlo.convert(cumulative(hlo.convert(x, compute_dtype(dtype)), kind, dim), dtype)


@lowering("aten.cummax.default")
def cummax(node: Node, self: Value, dim: int) -> list[Value]:
    return _running_extreme(self, "max", dim)


@lowering("aten.cummin.default")
def cummin(node: Node, self: Value, dim: int) -> list[Value]:
    return _running_extreme(self, "min", dim)


def _running_extreme(x: Value, kind: str, dim: int) -> list[Value]:
    """(extremes so far, the last position of each); NaN is more extreme than all numbers.

    An element that is the extreme so far has its own position, which is larger than those before it: so
    the largest such position so far is wanted.
    """
    if hlo.rank(x) == 0:
        return [x, hlo.constant(0, np.int64)]
    axis = hlo.normalize_axis(dim, hlo.rank(x))
    extremes = cumulative(x, kind, axis)
    holds = hlo.equal(x, extremes)
    if dtypes.is_float(hlo.dtype(x)):
        holds = hlo.or_(holds, hlo.not_equal(x, x))
    own = hlo.select(holds, hlo.iota(hlo.shape(x), axis, np.int64), 0)
    return [extremes, cumulative(own, "max", axis)]
