"""Reductions, windowed reductions, arg-reductions and scans."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import ml_dtypes
import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import dtypes
from oxide.dialects.dims import Size, require_at_least
from oxide.dialects.hlo.core import (
    constant,
    create,
    dtype,
    element_type,
    i64_array,
    i64_pairs,
    is_static,
    make_type,
    normalize_axes,
    normalize_axis,
    rank,
    shape,
    try_fold,
    window_count,
)
from oxide.dialects.hlo.elementwise import (
    add,
    and_,
    compare,
    divide,
    equal,
    exp,
    log1p,
    maximum,
    minimum,
    multiply,
    not_equal,
    or_,
    real,
    select,
    subtract,
    xor,
)
from oxide.dialects.hlo.shape_ops import iota, pad, reshape

Combine = Callable[[ir.Value, ir.Value], ir.Value]


def lowest(dtype: np.dtype) -> np.generic:
    """The identity of max: -inf, the smallest integer, or False (formats without infinity: their minimum)."""
    if dtype == np.bool_:
        return np.bool_(False)
    if dtypes.is_integer(dtype):
        return np.array(ml_dtypes.iinfo(dtype).min).astype(dtype)[()]
    infinity = np.array(-np.inf).astype(dtype)
    return infinity[()] if np.isinf(infinity) else lowest_finite(dtype)


def highest(dtype: np.dtype) -> np.generic:
    """The identity of min: +inf, the largest integer, or True (formats without infinity: their maximum)."""
    if dtype == np.bool_:
        return np.bool_(True)
    if dtypes.is_integer(dtype):
        return np.array(ml_dtypes.iinfo(dtype).max).astype(dtype)[()]
    infinity = np.array(np.inf).astype(dtype)
    return infinity[()] if np.isinf(infinity) else np.array(ml_dtypes.finfo(dtype).max).astype(dtype)[()]


def lowest_finite(dtype: np.dtype) -> np.generic:
    """The most negative finite number of a dtype."""
    limits = ml_dtypes.iinfo(dtype) if dtypes.is_integer(dtype) else ml_dtypes.finfo(dtype)
    return np.array(limits.min).astype(dtype)[()]


def log_add_exp(a: ir.Value, b: ir.Value) -> ir.Value:
    """log(exp(a) + exp(b)); of complex numbers with the imaginary part that the larger one leads to."""
    if dtypes.is_complex(dtype(a)):
        swap = compare(real(a), real(b), "LT")
        a, b = select(swap, b, a), select(swap, a, b)
    else:
        a, b = maximum(a, b), minimum(a, b)
    # Equal infinities have no difference.
    return add(a, select(equal(a, b), math.log(2), log1p(exp(subtract(b, a)))))


# kind -> (combining function, its identity for a dtype)
KINDS: dict[str, tuple[Combine, Callable[[np.dtype], object]]] = {
    "add": (add, lambda d: 0),
    "multiply": (multiply, lambda d: 1),
    "max": (maximum, lowest),
    "min": (minimum, highest),
    "and": (and_, lambda d: -1 if d != np.bool_ else True),
    "or": (or_, lambda d: 0),
    "xor": (xor, lambda d: 0),
    "logaddexp": (log_add_exp, lowest),
}


def reduce(x: ir.Value, kind: str, axes: Sequence[int] | None = None, *, keepdims: bool = False) -> ir.Value:
    """Reduce with `kind` (add, multiply, max, min, and, or, xor) over axes, all of them by default.

    The result keeps x's dtype; a reduction over no element is the identity.
    """
    dims = shape(x)
    axes = list(range(len(dims))) if axes is None else sorted(normalize_axes(axes, len(dims)))
    combine, identity = KINDS[kind]
    if not axes:
        return x
    init = constant(identity(dtype(x)), dtype(x))  # pyright: ignore[reportArgumentType]
    target = make_type([d for i, d in enumerate(dims) if i not in axes], element_type(x))
    op = create("stablehlo.reduce", [x, init], [target], {"dimensions": i64_array(axes)}, regions=1)
    _scalar_body(op, combine, [element_type(x)])
    result = try_fold(op) or op.results[0]
    return reshape(result, [1 if i in axes else d for i, d in enumerate(dims)]) if keepdims else result


def reduce_sum(x: ir.Value, axes: Sequence[int] | None = None, *, keepdims: bool = False) -> ir.Value:
    return reduce(x, "add", axes, keepdims=keepdims)


def reduce_max(x: ir.Value, axes: Sequence[int] | None = None, *, keepdims: bool = False) -> ir.Value:
    return reduce(x, "max", axes, keepdims=keepdims)


def reduce_min(x: ir.Value, axes: Sequence[int] | None = None, *, keepdims: bool = False) -> ir.Value:
    return reduce(x, "min", axes, keepdims=keepdims)


def reduce_prod(x: ir.Value, axes: Sequence[int] | None = None, *, keepdims: bool = False) -> ir.Value:
    return reduce(x, "multiply", axes, keepdims=keepdims)


def reduce_mean(x: ir.Value, axes: Sequence[int] | None = None, *, keepdims: bool = False) -> ir.Value:
    """Sum over axes divided by the number of elements summed."""
    dims = shape(x)
    axes = list(range(len(dims))) if axes is None else normalize_axes(axes, len(dims))
    return divide(reduce_sum(x, axes, keepdims=keepdims), math.prod(dims[a] for a in axes))


def argmax(x: ir.Value, axis: int, *, index_dtype: str = "int64", last: bool = False) -> ir.Value:
    """Index of the largest element along an axis, the first (or last) of equal ones; NaN counts as largest."""
    return _arg_reduce(x, axis, index_dtype, "GT", last)


def argmin(x: ir.Value, axis: int, *, index_dtype: str = "int64", last: bool = False) -> ir.Value:
    """Index of the smallest element along an axis, the first (or last) of equal ones; NaN counts as smallest."""
    return _arg_reduce(x, axis, index_dtype, "LT", last)


def _arg_reduce(x: ir.Value, axis: int, index_dtype: str, direction: str, last: bool) -> ir.Value:
    axis = normalize_axis(axis, rank(x))
    dims = shape(x)
    require_at_least(dims[axis], 1, f"argmax or argmin over an empty axis {axis} of shape {dims}")
    indices = iota(dims, axis, index_dtype)
    worst = (lowest if direction == "GT" else highest)(dtype(x))
    inits = [constant(worst, dtype(x)), constant(0, index_dtype)]
    rest = [d for i, d in enumerate(dims) if i != axis]
    elements = [element_type(x), element_type(indices)]
    types = [make_type(rest, e) for e in elements]
    op = create("stablehlo.reduce", [x, indices, *inits], types, {"dimensions": i64_array([axis])}, regions=1)

    def body(a: ir.Value, ai: ir.Value, b: ir.Value, bi: ir.Value) -> list[ir.Value]:
        return _better_pair(a, ai, b, bi, direction, "GT" if last else "LT")

    with_block(op.regions[0], [make_type([], e) for e in elements * 2], body)
    return op.results[1]


def _better_pair(a: ir.Value, ai: ir.Value, b: ir.Value, bi: ir.Value, direction: str, tie: str) -> list[ir.Value]:
    """Of two (value, index) pairs the one whose value wins, by index among equals; NaN wins over all."""
    better = compare(a, b, direction)
    if dtypes.is_float(dtype(a)):
        better = or_(better, not_equal(a, a))
    keep = or_(better, and_(equal(a, b), compare(ai, bi, tie)))
    return [select(keep, a, b), select(keep, ai, bi)]


def reduce_window(
    x: ir.Value,
    kind: str,
    window: Sequence[int],
    *,
    strides: Sequence[int] | None = None,
    padding: Sequence[tuple[Size, Size]] | None = None,
    base_dilation: Sequence[int] | None = None,
    window_dilation: Sequence[int] | None = None,
) -> ir.Value:
    """Reduce `kind` over sliding windows; every list has one entry per dimension of x.

    Padding counts as the identity of the reduction.
    """
    combine, identity = KINDS[kind]
    init = constant(identity(dtype(x)), dtype(x))  # pyright: ignore[reportArgumentType]
    geometry = (window, strides, padding, base_dilation, window_dilation)
    op = _window_op([x], [init], *geometry)
    _scalar_body(op, combine, [element_type(x)])
    return op.results[0]


def max_window_with_index(
    x: ir.Value,
    indices: ir.Value,
    window: Sequence[int],
    *,
    strides: Sequence[int],
    padding: Sequence[tuple[Size, Size]],
    window_dilation: Sequence[int],
) -> list[ir.Value]:
    """The maximum of every window and its entry of `indices`, the smallest of equal maxima, the largest of NaNs.

    So do loops that let each element that is larger, or not a number, take the place of the one before.
    """
    inits = [constant(lowest(dtype(x)), dtype(x)), constant(highest(dtype(indices)), dtype(indices))]
    op = _window_op([x, indices], inits, window, strides, padding, None, window_dilation)
    elements = [element_type(x), element_type(indices)]

    def body(a: ir.Value, ai: ir.Value, b: ir.Value, bi: ir.Value) -> list[ir.Value]:
        value, index = _better_pair(a, ai, b, bi, "GT", "LT")
        if not dtypes.is_float(dtype(a)):
            return [value, index]
        nothing = and_(not_equal(a, a), not_equal(b, b))
        return [value, select(nothing, maximum(ai, bi), index)]

    with_block(op.regions[0], [make_type([], e) for e in elements * 2], body)
    return list(op.results)


def _window_op(
    values: Sequence[ir.Value],
    inits: Sequence[ir.Value],
    window: Sequence[int],
    strides: Sequence[int] | None,
    padding: Sequence[tuple[Size, Size]] | None,
    base_dilation: Sequence[int] | None,
    window_dilation: Sequence[int] | None,
) -> ir.Operation:
    """A `stablehlo.reduce_window` whose body is still empty."""
    ones = [1] * len(window)
    steps, base, spread = (list(v or ones) for v in (strides, base_dilation, window_dilation))
    pairs = list(padding or [(0, 0)] * len(window))
    if not all(is_static(pair) for pair in pairs):  # the operation's own padding is an attribute
        gaps = [b - 1 for b in base]
        low, high = zip(*pairs, strict=True)
        values = [pad(v, i, low, high, gaps) for v, i in zip(values, inits, strict=True)]
        base, pairs = ones, [(0, 0)] * len(window)
    dims: list[Size] = []
    for d, w, s, pair, b, g in zip(shape(values[0]), window, steps, pairs, base, spread, strict=True):
        dims.append(window_count(d, w, stride=s, padding=pair, base_dilation=b, window_dilation=g))
    attributes = {
        "window_dimensions": i64_array(window),
        "window_strides": i64_array(steps),
        "base_dilations": i64_array(base),
        "window_dilations": i64_array(spread),
        "padding": i64_pairs(pairs),
    }
    types = [make_type(dims, element_type(v)) for v in values]
    return create("stablehlo.reduce_window", [*values, *inits], types, attributes, regions=1)


def reduce_variance(x: ir.Value, axes: Sequence[int], *, keepdims: bool = False) -> ir.Value:
    """Population variance, mean of squared deviations from the mean."""
    centred = subtract(x, reduce_mean(x, axes, keepdims=True))
    return reduce_mean(multiply(centred, centred), axes, keepdims=keepdims)


def with_block(
    region: ir.Region, types: Sequence[ir.Type], body: Callable[..., Sequence[ir.Value]]
) -> Sequence[ir.Type]:
    """Fill a region with one block whose `stablehlo.return` gives what `body(*arguments)` returns."""
    location = ir.Location.current
    block = region.blocks.append(*types, arg_locs=[location] * len(types))
    with ir.InsertionPoint(block):
        results = list(body(*block.arguments))
        create("stablehlo.return", results, [])
    return [r.type for r in results]


def _scalar_body(op: ir.Operation, combine: Combine, elements: Sequence[ir.Type]) -> None:
    scalars = [make_type([], e) for e in elements]
    with_block(op.regions[0], scalars * 2, lambda a, b: [combine(a, b)])
