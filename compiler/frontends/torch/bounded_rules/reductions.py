"""Reductions, extremes and sorting: elements that do not count are made neutral where they are reduced."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from oxide.dialects import dtypes, hlo
from oxide.frontends.torch.bounded_rules.call import Call, Value, rule
from oxide.frontends.torch.bounded_rules.shapes import reshaped
from oxide.frontends.torch.promotion import compute_dtype

Filler = Callable[[np.dtype], Any]


def _greatest(dtype: np.dtype) -> Any:
    """What is sorted last: NaN, also behind others since equal elements keep their order."""
    return math.nan if dtypes.is_float(dtype) else hlo.highest(dtype)


# By the first part of the operator's name.
NEUTRAL: dict[str, Filler] = {
    **dict.fromkeys(("sum", "nansum", "any", "count_nonzero"), lambda dtype: 0),
    **dict.fromkeys(("prod", "all"), lambda dtype: 1),
    **dict.fromkeys(("amax", "max", "argmax", "logsumexp"), hlo.lowest),
    **dict.fromkeys(("amin", "min", "argmin"), hlo.highest),
}


def _axes(call: Call) -> list[int]:
    """The dimensions that are reduced; all where none is named."""
    dim, rank = call.get("dim"), len(call.shapes["self"])
    named = dim if isinstance(dim, list) else [] if dim is None else [dim]
    return hlo.normalize_axes(named, rank) if named else list(range(rank))


def _filled(call: Call, filler: Filler, axes: list[int]) -> Value:
    return call.filled("self", filler(hlo.dtype(call.arguments["self"])), axes)


@rule(
    *("sum.default", "sum.dim_IntList", "nansum.default", "prod.default", "prod.dim_int", "amax.default"),
    *("amin.default", "max.default", "max.dim", "min.default", "min.dim", "logsumexp.default", "any.default"),
    *("any.dim", "any.dims", "all.default", "all.dim", "all.dims", "count_nonzero.default"),
    "count_nonzero.dim_IntList",
)
def reduction(call: Call) -> Any:
    return call.run(self=_filled(call, NEUTRAL[call.node.op.split(".")[1]], _axes(call)))


@rule("argmax.default", "argmin.default")
def arg_extreme(call: Call) -> Any:
    """Without a dimension the position is that in the flattened tensor, of its true size."""
    filler = NEUTRAL[call.node.op.split(".")[1]]
    x = _filled(call, filler, _axes(call))
    if call.get("dim") is not None or call.open_axes("self") == [0]:
        return call.run(self=x)
    shape = call.shapes["self"]
    total = math.prod(shape)
    flat = reshaped(call.data, x, shape, [total])
    inside = hlo.less(hlo.iota(hlo.shape(flat), 0, np.int64), call.data.value(total))
    return call.run(self=hlo.select(inside, flat, filler(hlo.dtype(x))))


def _count(call: Call, axes: list[int]) -> Value:
    return call.data.value(math.prod(call.shapes["self"][axis] for axis in axes))


def _mean(call: Call, x: Value, axes: list[int]) -> Value:
    """The mean of what counts, with the reduced dimensions kept."""
    mask = call.valid("self", axes)
    total = hlo.reduce_sum(x if mask is None else hlo.select(mask, x, 0), axes, keepdims=True)
    return hlo.divide(total, hlo.convert(_count(call, axes), hlo.dtype(total)))


def _wide(call: Call) -> Value:
    x = call.node.cast(call.arguments["self"], call.get("dtype"))
    return hlo.convert(x, compute_dtype(hlo.dtype(x)))


def _squeezed(call: Call, x: Value, axes: list[int]) -> Value:
    return x if call.get("keepdim") else hlo.squeeze(x, axes)


@rule("mean.default", "mean.dim")
def mean(call: Call) -> Any:
    axes = _axes(call)
    return hlo.convert(_squeezed(call, _mean(call, _wide(call), axes), axes), call.node.dtype)


@rule("var.correction", "var.default", "var.dim", "std.correction", "std.default", "std.dim")
def spread(call: Call) -> Any:
    """Squared deviations over the count less the correction, which is 1 unless told."""
    x, axes = _wide(call), _axes(call)
    if hlo.dtype(x).kind == "c":
        call.refuse("the variance of complex numbers is not supported")
    squares = hlo.square(hlo.subtract(x, _mean(call, x, axes)))
    mask = call.valid("self", axes)
    total = hlo.reduce_sum(squares if mask is None else hlo.select(mask, squares, 0), axes, keepdims=True)
    correction = call.get("correction")
    correction = int(call.get("unbiased", True)) if correction is None else correction
    left = hlo.maximum(hlo.subtract(hlo.convert(_count(call, axes), hlo.dtype(x)), correction), 0)
    variance = _squeezed(call, hlo.divide(total, left), axes)
    found = hlo.sqrt(variance) if call.node.op.startswith("aten.std") else variance
    return hlo.convert(found, call.node.dtype)


@rule("sort.default", "sort.stable", "argsort.default", "argsort.stable", "topk.default", "msort.default")
def sort(call: Call) -> Any:
    """What does not count comes last."""
    axis = call.axis("self", 0 if call.node.op == "aten.msort.default" else call.arguments["dim"])
    last_is_least = call.get("descending") or call.get("largest")
    return call.run(self=_filled(call, hlo.lowest if last_is_least else _greatest, [axis]))
