"""Gather and scatter in the forms front ends need, and dynamic slices."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxlib.mlir import ir
from jaxlib.mlir.dialects import stablehlo

from oxide.dialects import dtypes
from oxide.dialects.diagnostics import OxideError
from oxide.dialects.dims import Size
from oxide.dialects.hlo.core import (
    constant,
    create,
    dtype,
    element_type,
    emit,
    full,
    i64_array,
    is_static,
    make_type,
    normalize_axis,
    rank,
    shape,
    sizes,
)
from oxide.dialects.hlo.elementwise import add, equal, less, select
from oxide.dialects.hlo.reductions import KINDS, with_block
from oxide.dialects.hlo.shape_ops import broadcast_to, concatenate, expand_dims, iota, reshape


def wrap_indices(indices: ir.Value, length: Size) -> ir.Value:
    """Python's negative indices made non-negative: `i + length` where `i < 0`."""
    if np.issubdtype(dtype(indices), np.unsignedinteger):
        return indices
    return select(less(indices, 0), add(indices, length), indices)


def gather(
    x: ir.Value,
    indices: ir.Value,
    *,
    offset_dims: Sequence[int],
    collapsed: Sequence[int],
    start_index_map: Sequence[int],
    slice_sizes: Sequence[Size],
    index_vector_dim: int,
    operand_batch: Sequence[int] = (),
    indices_batch: Sequence[int] = (),
) -> ir.Value:
    """`stablehlo.gather`; start indices are clamped so that every slice lies inside x."""
    _check_integers(indices)
    numbers = stablehlo.GatherDimensionNumbers.get(
        list(offset_dims),
        list(collapsed),
        list(operand_batch),
        list(indices_batch),
        list(start_index_map),
        index_vector_dim,
    )
    if any(is_static([size, d]) and size > d for size, d in zip(slice_sizes, shape(x), strict=True)):
        raise OxideError(f"slices of {tuple(slice_sizes)} cannot be gathered from shape {shape(x)}")
    dropped = {*collapsed, *operand_batch}
    window = iter([s for i, s in enumerate(slice_sizes) if i not in dropped])
    batch = iter([d for i, d in enumerate(shape(indices)) if i != index_vector_dim])
    total = rank(indices) - (index_vector_dim < rank(indices)) + len(offset_dims)
    dims = [next(window) if i in offset_dims else next(batch) for i in range(total)]
    target = make_type(dims, element_type(x))
    attributes = {"dimension_numbers": numbers, "indices_are_sorted": ir.BoolAttr.get(False)}
    if not is_static(slice_sizes):
        return emit("stablehlo.dynamic_gather", [x, indices, sizes(slice_sizes)], target, attributes)
    attributes["slice_sizes"] = i64_array(slice_sizes)
    return emit("stablehlo.gather", [x, indices], target, attributes)


def take(x: ir.Value, indices: ir.Value, axis: int) -> ir.Value:
    """numpy's `take`: the result is x with `axis` replaced by the dimensions of `indices`.

    Indices must be in [0, length); others are clamped (use `wrap_indices` for negative ones).
    """
    axis = normalize_axis(axis, rank(x))
    window = list(shape(x))
    window[axis] = 1
    span = rank(indices)
    offset = [i if i < axis else i + span - 1 for i in range(rank(x)) if i != axis]
    return gather(
        x,
        indices,
        offset_dims=offset,
        collapsed=[axis],
        start_index_map=[axis],
        slice_sizes=window,
        index_vector_dim=span,
    )


def take_along_axis(x: ir.Value, indices: ir.Value, axis: int) -> ir.Value:
    """numpy's `take_along_axis`; the other dimensions of `indices` may be shorter than x's (torch's gather)."""
    axis = normalize_axis(axis, rank(x))
    if is_static(shape(indices)) and 0 in shape(indices):  # x may have no element that a slice could be
        return full(shape(indices), 0, dtype(x))
    return gather(
        x,
        coordinates_along(indices, axis),
        offset_dims=[],
        collapsed=list(range(rank(x))),
        start_index_map=list(range(rank(x))),
        slice_sizes=[1] * rank(x),
        index_vector_dim=rank(x),
    )


def gather_nd(x: ir.Value, indices: ir.Value, batch_dims: int = 0) -> ir.Value:
    """Rows of the last dimension of `indices` are coordinates into x after `batch_dims` shared dimensions."""
    depth = _depth(indices)
    covered = range(batch_dims, batch_dims + depth)
    if batch_dims + depth > rank(x):
        raise OxideError(f"gather_nd: {depth} coordinates and {batch_dims} batch dims exceed rank {rank(x)}")
    window = [1 if i < batch_dims + depth else d for i, d in enumerate(shape(x))]
    lead = rank(indices) - 1
    return gather(
        x,
        indices,
        offset_dims=range(lead, lead + rank(x) - batch_dims - depth),
        collapsed=list(covered),
        start_index_map=list(covered),
        slice_sizes=window,
        index_vector_dim=lead,
        operand_batch=range(batch_dims),
        indices_batch=range(batch_dims),
    )


def _check_integers(indices: ir.Value) -> None:
    if not dtypes.is_integer(dtype(indices)):
        raise OxideError(f"indices must be integers, not {dtype(indices)}")


def coordinates_along(indices: ir.Value, axis: int) -> ir.Value:
    """Full coordinates `[..., rank]` of elements whose position along `axis` is given, elsewhere their own."""
    dims = shape(indices)
    columns = [indices if i == axis else iota(dims, i, dtype(indices)) for i in range(len(dims))]
    return concatenate([expand_dims(c, [-1]) for c in columns], -1)


def scatter(
    x: ir.Value,
    indices: ir.Value,
    updates: ir.Value,
    *,
    kind: str,
    update_window_dims: Sequence[int],
    inserted: Sequence[int],
    scattered: Sequence[int],
    index_vector_dim: int,
    operand_batch: Sequence[int] = (),
    indices_batch: Sequence[int] = (),
    unique: bool = False,
) -> ir.Value:
    """`stablehlo.scatter`: `kind` is `set` or a reduction (add, multiply, max, min, and, or).

    Updates whose window lies outside x are dropped.
    """
    _check_integers(indices)
    numbers = stablehlo.ScatterDimensionNumbers.get(
        list(update_window_dims),
        list(inserted),
        list(operand_batch),
        list(indices_batch),
        list(scattered),
        index_vector_dim,
    )
    attributes = {
        "scatter_dimension_numbers": numbers,
        "indices_are_sorted": ir.BoolAttr.get(False),
        "unique_indices": ir.BoolAttr.get(unique),
    }
    op = create("stablehlo.scatter", [x, indices, updates], [x.type], attributes, regions=1)
    scalar = make_type([], element_type(x))
    with_block(
        op.regions[0], [scalar, scalar], lambda old, new: [new if kind == "set" else KINDS[kind][0](old, new)]
    )
    return op.results[0]


def scatter_along_axis(x: ir.Value, indices: ir.Value, updates: ir.Value, axis: int, kind: str) -> ir.Value:
    """torch's `scatter`: element updates[i, j] lands at x[indices[i, j], j] (axis 0)."""
    axis = normalize_axis(axis, rank(x))
    return scatter(
        x,
        coordinates_along(indices, axis),
        updates,
        kind=kind,
        update_window_dims=[],
        inserted=list(range(rank(x))),
        scattered=list(range(rank(x))),
        index_vector_dim=rank(x),
    )


def scatter_nd(x: ir.Value, indices: ir.Value, updates: ir.Value, kind: str) -> ir.Value:
    """Rows of the last dimension of `indices` are coordinates of the slices of x that `updates` change."""
    depth = _depth(indices)
    lead = rank(indices) - 1
    return scatter(
        x,
        indices,
        updates,
        kind=kind,
        update_window_dims=range(lead, rank(updates)),
        inserted=range(depth),
        scattered=range(depth),
        index_vector_dim=lead,
    )


def dynamic_slice(x: ir.Value, starts: Sequence[ir.Value | Size], lengths: Sequence[Size]) -> ir.Value:
    """A slice of known lengths at run-time starts, which are clamped into range."""
    scalars = _scalars(starts)
    if not is_static(lengths):
        # StableHLO's own form of this takes limits, from which no length can be read off.
        return gather(
            x,
            concatenate([reshape(s, [1]) for s in scalars], 0),
            offset_dims=range(rank(x)),
            collapsed=[],
            start_index_map=range(rank(x)),
            slice_sizes=lengths,
            index_vector_dim=0,
        )
    target = make_type(lengths, element_type(x))
    return emit("stablehlo.dynamic_slice", [x, *scalars], target, {"slice_sizes": i64_array(lengths)})


def dynamic_update_slice(x: ir.Value, update: ir.Value, starts: Sequence[ir.Value | Size]) -> ir.Value:
    """x with `update` written at run-time starts, which are clamped into range."""
    return emit("stablehlo.dynamic_update_slice", [x, update, *_scalars(starts)], x.type)


def _depth(indices: ir.Value) -> int:
    """How many coordinates a row of `indices` has."""
    return int(shape(indices)[-1])


def _scalars(starts: Sequence[ir.Value | Size]) -> list[ir.Value]:
    like = next((s for s in starts if isinstance(s, ir.Value)), None)
    kind = np.dtype(np.int64) if like is None else dtype(like)
    return [reshape(s, []) if isinstance(s, ir.Value) else constant(s, kind) for s in starts]


def one_hot(indices: ir.Value, depth: Size, axis: int) -> ir.Value:
    """bool, with a new dimension of size `depth` at `axis` that is true where its position equals the index."""
    axis = normalize_axis(axis, rank(indices) + 1)
    spread = expand_dims(indices, [axis])
    dims = [depth if i == axis else d for i, d in enumerate(shape(spread))]
    return equal(broadcast_to(spread, dims), iota(dims, axis, dtype(indices)))
