"""Operators that pick or place elements by index: Gather*, Scatter*, OneHot, TopK, ArgMax, ReverseSequence."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import composites, dtypes, hlo
from oxide.dialects.dims import require_same
from oxide.frontends.onnx.registry import Node, lowering, register

# ----------------------------------------------------------------------------------------------- gather


@lowering("Gather", 1, 11, 13)
def gather(node: Node, x: ir.Value, indices: ir.Value, *, axis: int = 0) -> ir.Value:
    axis = hlo.normalize_axis(axis, hlo.rank(x))
    length = hlo.shape(x)[axis]
    known = node.static_or_none(indices)
    if known is not None:
        _check_range(node, known, length)
        if known.ndim == 0:  # one known position is a slice
            position = int(known) % length
            return hlo.squeeze(hlo.slice_axis(x, axis, position, position + 1), [axis])
    return hlo.take(x, hlo.wrap_indices(indices, length), axis)


@lowering("GatherElements", 11, 13)
def gather_elements(node: Node, x: ir.Value, indices: ir.Value, *, axis: int = 0) -> ir.Value:
    node.check_rank(indices, "indices", hlo.rank(x))
    axis = hlo.normalize_axis(axis, hlo.rank(x))
    return hlo.take_along_axis(x, hlo.wrap_indices(indices, hlo.shape(x)[axis]), axis)


@lowering("GatherND", 11, 12, 13)
def gather_nd(node: Node, x: ir.Value, indices: ir.Value, *, batch_dims: int = 0) -> ir.Value:
    node.check_rank(indices, "indices", least=1)
    lead = hlo.shape(x)[:batch_dims]
    if batch_dims < 0 or len(lead) < batch_dims or hlo.shape(indices)[:-1][:batch_dims] != lead:
        raise node.error(f"x {hlo.shape(x)} and indices {hlo.shape(indices)} do not share {batch_dims} dimensions")
    return hlo.gather_nd(x, _wrap_rows(node, x, indices, batch_dims), batch_dims)


def _wrap_rows(node: Node, x: ir.Value, indices: ir.Value, batch_dims: int) -> ir.Value:
    """Coordinate rows with negative entries counted from the end of their dimension."""
    depth = hlo.shape(indices)[-1]
    if depth > hlo.rank(x) - batch_dims:
        raise node.error(f"indices {hlo.shape(indices)} have more coordinates than x {hlo.shape(x)} dimensions")
    lengths = hlo.convert(hlo.sizes(hlo.shape(x)[batch_dims : batch_dims + depth]), hlo.dtype(indices))
    return hlo.select(hlo.less(indices, 0), hlo.add(indices, lengths), indices)


def _check_range(node: Node, indices: np.ndarray, length: int) -> None:
    if indices.size and not (-length <= indices.min() and indices.max() < length):
        raise node.error(f"an index is outside [-{length}, {length})")


# ---------------------------------------------------------------------------------------------- scatter

REDUCTIONS = {"none": "set", "add": "add", "mul": "multiply", "max": "max", "min": "min"}


@lowering("Scatter", 9, 11)
def scatter(node: Node, x: ir.Value, indices: ir.Value, updates: ir.Value, *, axis: int = 0) -> ir.Value:
    return _scatter_elements(node, x, indices, updates, axis, "set")


@lowering("ScatterElements", 11, 13, 16, 18)
def scatter_elements(
    node: Node, x: ir.Value, indices: ir.Value, updates: ir.Value, *, axis: int = 0, reduction: str = "none"
) -> ir.Value:
    return _scatter_elements(node, x, indices, updates, axis, _reduction(node, reduction))


@lowering("ScatterND", 11, 13, 16, 18)
def scatter_nd(
    node: Node, x: ir.Value, indices: ir.Value, updates: ir.Value, *, reduction: str = "none"
) -> ir.Value:
    node.check_rank(indices, "indices", least=1)
    rows = _wrap_rows(node, x, indices, 0)
    needed = (*hlo.shape(indices)[:-1], *hlo.shape(x)[hlo.shape(indices)[-1] :])
    message = f"updates have shape {hlo.shape(updates)}, the indices need {needed}"
    require_same(hlo.shape(updates), needed, message)
    return hlo.scatter_nd(x, rows, updates, _reduction(node, reduction))


def _scatter_elements(
    node: Node, x: ir.Value, indices: ir.Value, updates: ir.Value, axis: int, kind: str
) -> ir.Value:
    node.check_rank(indices, "indices", hlo.rank(x))
    message = f"updates {hlo.shape(updates)} and indices {hlo.shape(indices)} differ in shape"
    require_same(hlo.shape(updates), hlo.shape(indices), message)
    axis = hlo.normalize_axis(axis, hlo.rank(x))
    return hlo.scatter_along_axis(x, hlo.wrap_indices(indices, hlo.shape(x)[axis]), updates, axis, kind)


def _reduction(node: Node, name: str) -> str:
    if name not in REDUCTIONS:
        raise node.error(f"reduction is {name!r}, expected one of {', '.join(REDUCTIONS)}")
    return REDUCTIONS[name]


# -------------------------------------------------------------------------------------- order and extremes


@lowering("TopK", 1)
def top_k_1(node: Node, x: ir.Value, *, k: int, axis: int = -1) -> list[ir.Value]:
    return list(hlo.top_k(x, k, axis))


@lowering("TopK", 10, 11, 24)
def top_k(
    node: Node, x: ir.Value, k: ir.Value, *, axis: int = -1, largest: int = 1, sorted: int = 1
) -> list[ir.Value]:
    """With `sorted` 0 any order is allowed; the sorted one is given."""
    return list(hlo.top_k(x, node.number(k, "K"), axis, largest=bool(largest)))


def _arg_extreme(build: Callable[..., ir.Value]) -> Callable:
    def lower(node: Node, x: ir.Value, *, axis: int = 0, keepdims: int = 1, select_last_index: int = 0) -> ir.Value:
        index = build(x, axis, last=bool(select_last_index))
        return hlo.expand_dims(index, [hlo.normalize_axis(axis, hlo.rank(x))]) if keepdims else index

    return lower


register("ArgMax", (1, 11, 12, 13), _arg_extreme(hlo.argmax))
register("ArgMin", (1, 11, 12, 13), _arg_extreme(hlo.argmin))


# ------------------------------------------------------------------------------------------------ others


@lowering("OneHot", 9, 11, 28)
def one_hot(node: Node, indices: ir.Value, depth: ir.Value, values: ir.Value, *, axis: int = -1) -> ir.Value:
    """`values` is [off, on]; an index outside [-depth, depth) gives a row of off."""
    size = int(node.number(depth, "depth"))
    require_same(hlo.shape(values), [2], f"values must be [off, on], they have shape {hlo.shape(values)}")
    whole = hlo.wrap_indices(hlo.convert(indices, np.int64), size)
    known = node.static_or_none(values)
    if known is not None and known.tolist() == [0, 1]:
        at = hlo.normalize_axis(axis, hlo.rank(indices) + 1)
        kind = dtypes.spelling(hlo.dtype(values))
        return composites.build("one_hot", [whole], depth=size, axis=at, dtype=kind)[0]
    hot = hlo.one_hot(whole, size, axis)
    off, on = (hlo.reshape(v, []) for v in hlo.split(values, 0, [1, 1]))
    return hlo.select(hot, on, off)


@lowering("ReverseSequence", 10, 28)
def reverse_sequence(
    node: Node, x: ir.Value, lengths: ir.Value, *, batch_axis: int = 1, time_axis: int = 0
) -> ir.Value:
    """Reverse the first lengths[b] steps of every batch element b."""
    dims = hlo.shape(x)
    node.check_rank(x, "input", least=2)
    misfit = (
        f"sequence_lens of shape {hlo.shape(lengths)}, batch_axis {batch_axis} and time_axis {time_axis} do "
        f"not fit an input of shape {dims}: the axes are 0 and 1"
    )
    if sorted([batch_axis, time_axis]) != [0, 1]:
        raise node.error(misfit)
    require_same(hlo.shape(lengths), dims[batch_axis : batch_axis + 1], misfit)
    time = hlo.iota(dims, time_axis, np.int64)
    span = hlo.broadcast_in_dim(hlo.convert(lengths, np.int64), dims, [batch_axis])
    mirrored = hlo.subtract(hlo.subtract(span, 1), time)
    return hlo.take_along_axis(x, hlo.select(hlo.less(time, span), mirrored, time), time_axis)
