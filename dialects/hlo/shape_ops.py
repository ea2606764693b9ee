"""Operations that move or repeat elements: reshape, transpose, broadcast, slice, concatenate, pad, iota."""

from __future__ import annotations

import math
from collections.abc import Sequence

from jaxlib.mlir import ir

from oxide.dialects.diagnostics import OxideError
from oxide.dialects.dims import Size, maximum, require_at_least, require_equal
from oxide.dialects.hlo.core import (
    DType,
    Operand,
    as_value,
    constant,
    dtype,
    element_type,
    emit,
    i64,
    i64_array,
    is_static,
    make_type,
    normalize_axes,
    normalize_axis,
    rank,
    shape,
    sizes,
)


def reshape(x: ir.Value, dims: Sequence[Size]) -> ir.Value:
    """Same elements in row-major order.  Raises OxideError when the element counts differ."""
    target = make_type(dims, element_type(x))
    if target == x.type:
        return x
    require_equal(math.prod(dims), math.prod(shape(x)), f"cannot reshape {shape(x)} to {tuple(dims)}")
    if target.has_static_shape:
        return emit("stablehlo.reshape", [x], target)
    return emit("stablehlo.dynamic_reshape", [x, sizes(dims)], target)


def transpose(x: ir.Value, permutation: Sequence[int]) -> ir.Value:
    """Result dimension i is operand dimension permutation[i]."""
    order = normalize_axes(permutation, rank(x))
    if len(order) != rank(x):
        raise OxideError(f"permutation {list(permutation)} does not fit rank {rank(x)}")
    if order == list(range(rank(x))):
        return x
    dims = shape(x)
    target = make_type([dims[i] for i in order], element_type(x))
    return emit("stablehlo.transpose", [x], target, {"permutation": i64_array(order)})


def swap_axes(x: ir.Value, a: int, b: int) -> ir.Value:
    order = list(range(rank(x)))
    a, b = normalize_axis(a, rank(x)), normalize_axis(b, rank(x))
    order[a], order[b] = order[b], order[a]
    return transpose(x, order)


def move_axis(x: ir.Value, source: int, destination: int) -> ir.Value:
    order = list(range(rank(x)))
    order.insert(normalize_axis(destination, rank(x)), order.pop(normalize_axis(source, rank(x))))
    return transpose(x, order)


def expand_dims(x: ir.Value, axes: Sequence[int]) -> ir.Value:
    """Insert dimensions of size 1; axes count in the result."""
    total = rank(x) + len(axes)
    inserted = set(normalize_axes(axes, total))
    rest = iter(shape(x))
    return reshape(x, [1 if i in inserted else next(rest) for i in range(total)])


def squeeze(x: ir.Value, axes: Sequence[int]) -> ir.Value:
    """Remove dimensions, which must have size 1."""
    removed = set(normalize_axes(axes, rank(x)))
    dims = shape(x)
    for axis in removed:
        require_equal(dims[axis], 1, f"cannot squeeze axes {sorted(removed)} of shape {dims}: not of size 1")
    return reshape(x, [d for i, d in enumerate(dims) if i not in removed])


def broadcast_to(x: ir.Value, dims: Sequence[Size]) -> ir.Value:
    """numpy's broadcast_to: trailing dimensions align, size 1 repeats."""
    offset = len(dims) - rank(x)
    if offset < 0:
        raise OxideError(f"cannot broadcast {shape(x)} to {tuple(dims)}")
    return broadcast_in_dim(x, dims, range(offset, len(dims)))


def broadcast_in_dim(x: ir.Value, dims: Sequence[Size], mapping: Sequence[int]) -> ir.Value:
    """Operand dimension i becomes result dimension mapping[i]; size 1 repeats."""
    source = shape(x)
    mapping = list(mapping)
    if tuple(dims) == source and mapping == list(range(len(source))):
        return x
    for d, m in zip(source, mapping, strict=True):
        if d != 1:
            require_equal(d, dims[m], f"cannot broadcast {source} to {tuple(dims)} along {mapping}")
    target = make_type(dims, element_type(x))
    attributes = {"broadcast_dimensions": i64_array(mapping)}
    if target.has_static_shape:
        return emit("stablehlo.broadcast_in_dim", [x], target, attributes)
    return emit("stablehlo.dynamic_broadcast_in_dim", [x, sizes(dims)], target, attributes)


def slice(
    x: ir.Value, starts: Sequence[Size], limits: Sequence[Size], strides: Sequence[int] | None = None
) -> ir.Value:
    """`x[starts:limits:strides]` with 0 <= start <= limit <= size and positive strides, in every dimension."""
    steps = list(strides or [1] * rank(x))
    dims = shape(x)
    if list(limits) == list(dims) and all(s == 0 for s in starts) and all(s == 1 for s in steps):
        return x
    for start, limit, step, dim in zip(starts, limits, steps, dims, strict=True):
        message = f"slice [{start}:{limit}:{step}] is out of range for a dimension of size {dim}"
        if step <= 0:
            raise OxideError(message)
        for low, high in ((0, start), (start, limit), (limit, dim)):
            require_at_least(high, low, message)
    target = [(e - b + s - 1) // s for b, e, s in zip(starts, limits, steps, strict=True)]
    result = make_type(target, element_type(x))
    if not is_static([*starts, *limits, *dims]):
        return emit("stablehlo.real_dynamic_slice", [x, sizes(starts), sizes(limits), sizes(steps)], result)
    attributes = {
        "start_indices": i64_array(starts),
        "limit_indices": i64_array(limits),
        "strides": i64_array(steps),
    }
    return emit("stablehlo.slice", [x], result, attributes)


def slice_axis(x: ir.Value, axis: int, start: Size, limit: Size, stride: int = 1) -> ir.Value:
    """`x[..., start:limit:stride, ...]` along one axis."""
    dims = shape(x)
    axis = normalize_axis(axis, len(dims))
    starts: list[Size] = [0] * len(dims)
    limits, strides = list(dims), [1] * len(dims)
    starts[axis], limits[axis], strides[axis] = start, limit, stride
    return slice(x, starts, limits, strides)


def split(x: ir.Value, axis: int, lengths: Sequence[Size]) -> list[ir.Value]:
    """Consecutive pieces along an axis; their lengths must add up to its size."""
    whole = shape(x)[normalize_axis(axis, rank(x))]
    require_equal(sum(lengths), whole, f"split sizes {list(lengths)} do not add up to {whole}")
    pieces: list[ir.Value] = []
    start: Size = 0
    for piece in lengths:
        pieces.append(slice_axis(x, axis, start, start + piece))
        start += piece
    return pieces


def concatenate(values: Sequence[ir.Value], axis: int) -> ir.Value:
    """Join along an axis; all other dimensions and the dtype must agree."""
    if len(values) == 1:
        return values[0]
    axis = normalize_axis(axis, rank(values[0]))
    shapes = [shape(v) for v in values]
    dims = list(shapes[0])
    message = f"cannot concatenate shapes {', '.join(map(str, shapes))} along axis {axis}"
    for other in shapes[1:]:
        if len(other) != len(dims):
            raise OxideError(message)
        for i, (a, b) in enumerate(zip(other, dims, strict=True)):
            if i != axis:
                require_equal(a, b, message)
                dims[i] = b if isinstance(b, int) else a  # what is known of one is known of all
    dims[axis] = sum(s[axis] for s in shapes)
    target = make_type(dims, element_type(values[0]))
    return emit("stablehlo.concatenate", list(values), target, {"dimension": i64(axis)})


def stack(values: Sequence[ir.Value], axis: int) -> ir.Value:
    return concatenate([expand_dims(v, [axis]) for v in values], axis)


def pad(
    x: ir.Value,
    value: Operand,
    low: Sequence[Size],
    high: Sequence[Size],
    interior: Sequence[int] | None = None,
) -> ir.Value:
    """Pad with a scalar; negative amounts crop; `interior` puts elements between neighbours."""
    inner = list(interior or [0] * rank(x))
    if all(amount == 0 for amount in (*low, *high, *inner)):
        return x
    gaps = [maximum(d - 1, 0) * mid if mid else 0 for d, mid in zip(shape(x), inner, strict=True)]
    dims = [lo + d + gap + hi for lo, d, gap, hi in zip(low, shape(x), gaps, high, strict=True)]
    message = f"padding by {list(low)} and {list(high)} crops more than there is of {shape(x)}"
    for dim in dims:
        require_at_least(dim, 0, message)
    filler = reshape(value if isinstance(value, ir.Value) else constant(value, dtype(x)), [])
    target = make_type(dims, element_type(x))
    if not is_static([*low, *high]):
        return emit("stablehlo.dynamic_pad", [x, filler, sizes(low), sizes(high), sizes(inner)], target)
    attributes = {
        "edge_padding_low": i64_array(low),
        "edge_padding_high": i64_array(high),
        "interior_padding": i64_array(inner),
    }
    return emit("stablehlo.pad", [x, filler], target, attributes)


def reverse(x: ir.Value, axes: Sequence[int]) -> ir.Value:
    dims = normalize_axes(axes, rank(x))
    return emit("stablehlo.reverse", [x], x.type, {"dimensions": i64_array(dims)}) if dims else x


def iota(dims: Sequence[Size], axis: int, dtype: DType) -> ir.Value:
    """Counts 0, 1, 2, ... along an axis, which may be negative."""
    target = make_type(dims, dtype)
    attributes = {"iota_dimension": i64(normalize_axis(axis, len(dims)))}
    if target.has_static_shape:
        return emit("stablehlo.iota", [], target, attributes)
    return emit("stablehlo.dynamic_iota", [sizes(dims)], target, attributes)


def tile(x: ir.Value, repeats: Sequence[Size]) -> ir.Value:
    """numpy's tile with one repeat per dimension."""
    dims = shape(x)
    interleaved = [n for r, d in zip(repeats, dims, strict=True) for n in (r, d)]
    wide = broadcast_in_dim(x, interleaved, range(1, 2 * len(dims), 2))
    return reshape(wide, [r * d for r, d in zip(repeats, dims, strict=True)])


def like(x: ir.Value, operand: Operand) -> ir.Value:
    """An operand broadcast to the shape of x."""
    return broadcast_to(as_value(operand, x), shape(x))
