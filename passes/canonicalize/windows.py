"""Slice, concatenate, pad, gather and their dynamic forms: identities, compositions and static forms."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate

import numpy as np
from jaxlib.mlir import ir
from jaxlib.mlir.dialects import stablehlo

from oxide.dialects import hlo
from oxide.dialects.attributes import integer, integers, tensor
from oxide.dialects.constants import constant_value, defining_constant
from oxide.dialects.fold import fold
from oxide.dialects.hlo.core import FOLD_ELEMENTS
from oxide.dialects.rewrite import Rewriter
from oxide.passes.canonicalize.matching import (
    again,
    has_one_use,
    is_static,
    pattern,
    producer,
    raw_pattern,
    same_element,
    shape_of,
    static_producer,
)


def _bounds(op: ir.Operation) -> tuple[list[int], list[int], list[int]]:
    return integers(op, "start_indices"), integers(op, "limit_indices"), integers(op, "strides")


def _identity_slice(op: ir.Operation) -> ir.Value | None:
    """x[:] -> x"""
    x = op.operands[0]
    # Only the whole of a static dimension has its size.
    return x if x.type == op.results[0].type and tensor(x).has_static_shape else None


def _slice_of_slice(op: ir.Operation) -> ir.Value | None:
    """x[a:b:s][c:d:t] -> x[a+c*s : a+d*s : s*t]"""
    inner = static_producer(op.operands[0], "stablehlo.slice")
    if inner is None or not is_static(op):
        return None
    starts, limits, strides = [], [], []
    for (start, _, step), (low, high, stride) in zip(
        zip(*_bounds(inner), strict=True), zip(*_bounds(op), strict=True), strict=True
    ):
        starts.append(start + low * step)
        strides.append(step * stride)
        # One past the last element taken, so that the limit never passes the inner slice's.
        count = -(-(high - low) // stride)
        limits.append(start + low * step + (count - 1) * step * stride + 1 if count else start + low * step)
    return hlo.slice(inner.operands[0], starts, limits, strides)


def _slices_of_concatenate(op: ir.Operation, rewriter: Rewriter) -> bool:
    """concatenate(x, y, z)[within y] -> y[...]"""
    users = [use.owner.operation for use in op.results[0].uses]
    slices = [user for user in users if user.name == "stablehlo.slice" and is_static(user)]
    if not slices or not is_static(op):
        return False
    axis = integer(op, "dimension")
    # All slices at once, each found by bisection: a loop over the pieces for every slice would be quadratic.
    pieces = list(op.operands)
    lengths = [shape_of(piece)[axis] for piece in pieces]
    ends = list(accumulate(lengths))
    rewritten = False
    for user in slices:
        starts, limits, strides = _bounds(user)
        place = bisect_right(ends, starts[axis])
        if place == len(ends) or limits[axis] > ends[place]:
            continue
        before = ends[place] - lengths[place]
        starts[axis] -= before
        limits[axis] -= before
        with ir.InsertionPoint(user), user.location:
            rewriter.replace(user, hlo.slice(pieces[place], starts, limits, strides))
        rewritten = True
    return rewritten


def _slice_of_concatenate_part(op: ir.Operation) -> ir.Value | None:
    """concatenate(x, y, z)[within x and y] -> concatenate(x, y)[...], where the concatenate has no other use"""
    inner = producer(op.operands[0], "stablehlo.concatenate")
    if inner is None or not has_one_use(op.operands[0]) or not is_static(op) or not is_static(inner):
        return None
    axis = integer(inner, "dimension")
    starts, limits, strides = _bounds(op)
    kept, offset, dropped = [], 0, 0
    for piece in inner.operands:
        length = shape_of(piece)[axis]
        if offset < limits[axis] and starts[axis] < offset + length:
            kept.append(piece)
        elif not kept:
            dropped += length
        offset += length
    if len(kept) < 2 or len(kept) == len(inner.operands):
        return None
    starts[axis] -= dropped
    limits[axis] -= dropped
    return hlo.slice(hlo.concatenate(kept, axis), starts, limits, strides)


def _slice_of_pad(op: ir.Operation) -> ir.Value | None:
    """pad(x)[within x] -> x[...]"""
    inner = static_producer(op.operands[0], "stablehlo.pad")
    if inner is None or not is_static(op) or any(integers(inner, "interior_padding")):
        return None
    starts, limits, strides = _bounds(op)
    low, shape = integers(inner, "edge_padding_low"), shape_of(inner.operands[0])
    starts = [start - before for start, before in zip(starts, low, strict=True)]
    limits = [limit - before for limit, before in zip(limits, low, strict=True)]
    inside = all(a >= 0 and b <= size for a, b, size in zip(starts, limits, shape, strict=True))
    return hlo.slice(inner.operands[0], starts, limits, strides) if inside else None


def _pad_that_slices(op: ir.Operation) -> ir.Value | None:
    """pad(x) by negative amounts alone -> slice(x)"""
    low, high = integers(op, "edge_padding_low"), integers(op, "edge_padding_high")
    if not is_static(op) or any(integers(op, "interior_padding")) or max([*low, *high], default=0) > 0:
        return None
    shape = shape_of(op.operands[0])
    limits = [size + after for size, after in zip(shape, high, strict=True)]
    if any(limit + before < 0 for limit, before in zip(limits, low, strict=True)):
        return None
    return hlo.slice(op.operands[0], [-before for before in low], limits)


def _single_concatenate(op: ir.Operation) -> ir.Value | None:
    """concatenate(x) -> x"""
    return op.operands[0] if len(op.operands) == 1 else None


def _concatenate_without_empty(op: ir.Operation) -> ir.Value | None:
    """concatenate(x, empty, y) -> concatenate(x, y)"""
    if not is_static(op):
        return None
    axis = integer(op, "dimension")
    pieces = [piece for piece in op.operands if shape_of(piece)[axis]]
    if len(pieces) == len(op.operands) or not pieces:
        return None
    return hlo.concatenate(pieces, axis)


def _concatenate_of_slices(op: ir.Operation) -> ir.Value | None:
    """concatenate(x[a:b], x[b:c], y) -> concatenate(x[a:c], y)"""
    if not is_static(op):
        return None
    axis = integer(op, "dimension")
    pieces: list[ir.Value] = []
    for piece in op.operands:
        joined = _joined(pieces[-1], piece, axis) if pieces else None
        if joined is None:
            pieces.append(piece)
        else:
            pieces[-1] = joined
    return hlo.concatenate(pieces, axis) if len(pieces) < len(op.operands) else None


def _joined(left: ir.Value, right: ir.Value, axis: int) -> ir.Value | None:
    """One slice for two that follow each other along an axis, or None."""
    first, second = static_producer(left, "stablehlo.slice"), static_producer(right, "stablehlo.slice")
    if first is None or second is None or first.operands[0] != second.operands[0]:
        return None
    starts, limits, strides = _bounds(first)
    starts2, limits2, strides2 = _bounds(second)
    if strides != strides2 or strides[axis] != 1 or limits[axis] != starts2[axis]:
        return None
    limits[axis], starts2[axis] = limits2[axis], starts[axis]
    if starts != starts2 or limits != limits2:
        return None
    return hlo.slice(first.operands[0], starts, limits, strides)


def _concatenate_of_concatenate(op: ir.Operation) -> ir.Value | None:
    """concatenate(concatenate(x, y), z) -> concatenate(x, y, z), where the inner one has no other use"""
    if not is_static(op):
        return None
    axis = integer(op, "dimension")
    # Only the last of a chain takes in the others, all at once: each in turn would take quadratic time.
    if has_one_use(op.results[0]) and _is_joined(next(iter(op.results[0].uses)).owner, axis):
        return None
    pieces: list[ir.Value] = []
    pending = list(reversed(op.operands))
    while pending:
        piece = pending.pop()
        inner = static_producer(piece, "stablehlo.concatenate")
        if inner is not None and _is_joined(inner, axis) and has_one_use(piece):
            pending.extend(reversed(inner.operands))
        else:
            pieces.append(piece)
    return hlo.concatenate(pieces, axis) if len(pieces) > len(op.operands) else None


def _is_joined(op: ir.Operation | ir.OpView, axis: int) -> bool:
    """True for a static concatenate along the axis."""
    operation = op.operation
    same = operation.name == "stablehlo.concatenate" and integer(operation, "dimension") == axis
    return same and is_static(operation)


def _concatenate_of_constants(op: ir.Operation) -> ir.Value | None:
    """concatenate(c, d, x) -> concatenate(e, x) of small constants c and d that stand side by side"""
    if not is_static(op) or all(defining_constant(piece) is not None for piece in op.operands):
        return None
    axis = integer(op, "dimension")
    pieces: list[ir.Value] = []
    for piece in op.operands:
        joined = _constants_joined(pieces[-1], piece, axis) if pieces else None
        if joined is None:
            pieces.append(piece)
        else:
            pieces[-1] = joined
    return hlo.concatenate(pieces, axis) if len(pieces) < len(op.operands) else None


def _constants_joined(left: ir.Value, right: ir.Value, axis: int) -> ir.Value | None:
    arrays = [constant_value(left), constant_value(right)]
    known = [array for array in arrays if array is not None]
    if len(known) < 2 or sum(array.size for array in known) > FOLD_ELEMENTS:
        return None
    return hlo.constant(np.concatenate(known, axis))


def _identity_pad(op: ir.Operation) -> ir.Value | None:
    """pad(x) by nothing -> x"""
    amounts = [
        *integers(op, "edge_padding_low"),
        *integers(op, "edge_padding_high"),
        *integers(op, "interior_padding"),
    ]
    return None if any(amounts) else op.operands[0]


def _pad_of_pad(op: ir.Operation) -> ir.Value | None:
    """pad(pad(x, v), v) -> pad(x, v) when both only add at the edges"""
    inner = static_producer(op.operands[0], "stablehlo.pad")
    if inner is None or not is_static(op):
        return None
    if not same_element(inner.operands[1], op.operands[1]):
        return None
    low, high = integers(op, "edge_padding_low"), integers(op, "edge_padding_high")
    low2, high2 = integers(inner, "edge_padding_low"), integers(inner, "edge_padding_high")
    interiors = [*integers(op, "interior_padding"), *integers(inner, "interior_padding")]
    if any(interiors) or min([*low, *high, *low2, *high2], default=0) < 0:
        return None
    low = [a + b for a, b in zip(low, low2, strict=True)]
    high = [a + b for a, b in zip(high, high2, strict=True)]
    return hlo.pad(inner.operands[0], op.operands[1], low, high)


def _known_starts(operands: Sequence[ir.Value], shape: list[int], sizes: list[int]) -> list[int] | None:
    """Constant window starts, clamped as StableHLO says, or None when one is not constant."""
    arrays = [constant_value(start) for start in operands]
    known = [array for array in arrays if array is not None]
    if len(known) < len(arrays):
        return None
    return [min(max(int(a), 0), n - size) for a, n, size in zip(known, shape, sizes, strict=True)]


def _dynamic_slice(op: ir.Operation) -> ir.Value | None:
    """dynamic_slice(x) at constant starts (or of all of x) -> slice(x)"""
    if not is_static(op):
        return None
    x, *starts = op.operands
    shape, sizes = shape_of(x), integers(op, "slice_sizes")
    if shape == sizes:
        return x
    begins = _known_starts(starts, shape, sizes)
    if begins is None:
        return None
    return hlo.slice(x, begins, [begin + size for begin, size in zip(begins, sizes, strict=True)])


def _full_update(op: ir.Operation) -> ir.Value | None:
    """dynamic_update_slice(x, y) of x's whole shape -> y; of nothing -> x"""
    if not is_static(op):
        return None
    x, update = op.operands[0], op.operands[1]
    if update.type == x.type:
        return update
    return x if 0 in shape_of(update) else None


def _update_of_update(op: ir.Operation) -> ir.Value | None:
    """update(update(x, y, i), z, i) -> update(x, z, i) of equal windows"""
    inner = producer(op.operands[0], op.name)
    if inner is None or list(inner.operands)[2:] != list(op.operands)[2:]:
        return None
    if inner.operands[1].type != op.operands[1].type or not is_static(op):
        return None
    return again(op, [inner.operands[0], *list(op.operands)[1:]])


def _slice_of_update(op: ir.Operation) -> ir.Value | None:
    """dynamic_slice(dynamic_update_slice(x, y, i), i) of y's size -> y"""
    inner = static_producer(op.operands[0], "stablehlo.dynamic_update_slice")
    if inner is None or list(inner.operands)[2:] != list(op.operands)[1:]:
        return None
    return inner.operands[1]


def _indices(value: ir.Value) -> np.ndarray | None:
    """The elements of a constant or a small iota."""
    iota = static_producer(value, "stablehlo.iota")
    if iota is None:
        return constant_value(value)
    counted = fold(iota, []) if math.prod(shape_of(value)) <= FOLD_ELEMENTS else None
    return None if counted is None else counted[0]


def _single_gather(op: ir.Operation) -> ir.Value | None:
    """gather of one window at a constant index -> reshape(slice(x))"""
    starts = _indices(op.operands[1])
    if starts is None or not is_static(op):
        return None
    x = op.operands[0]
    numbers = stablehlo.GatherDimensionNumbers(op.attributes["dimension_numbers"])
    shape, sizes = shape_of(x), integers(op, "slice_sizes")
    indexed = list(numbers.start_index_map)
    if starts.size != len(indexed) or numbers.operand_batching_dims or 0 in shape_of(op.results[0]):
        return None
    begins = [0] * len(shape)
    for axis, start in zip(indexed, starts.reshape(-1), strict=True):
        begins[axis] = min(max(int(start), 0), shape[axis] - sizes[axis])
    window = hlo.slice(x, begins, [begin + size for begin, size in zip(begins, sizes, strict=True)])
    # Window dimensions keep their order and every other one has size 1, so a reshape places them.
    return hlo.reshape(window, shape_of(op.results[0]))


def _consecutive_take(op: ir.Operation) -> ir.Value | None:
    """gather of whole rows at constant, evenly spaced, ascending indices -> slice(x)"""
    starts = _indices(op.operands[1])
    if starts is None or starts.size < 2 or not is_static(op) or math.prod(shape_of(op.results[0])) == 0:
        return None
    x = op.operands[0]
    numbers = stablehlo.GatherDimensionNumbers(op.attributes["dimension_numbers"])
    shape, sizes, indexed = shape_of(x), integers(op, "slice_sizes"), list(numbers.start_index_map)
    if len(indexed) != 1 or list(numbers.collapsed_slice_dims) != indexed or numbers.operand_batching_dims:
        return None
    axis = indexed[0]
    whole = [1 if dimension == axis else size for dimension, size in enumerate(shape)]
    offsets = [dimension for dimension in range(len(shape)) if dimension != axis]
    # The batch of indices must stand where the gathered dimension stood.
    if sizes != whole or list(numbers.offset_dims) != offsets or len(shape_of(op.results[0])) != len(shape):
        return None
    indices = starts.reshape(-1).astype(np.int64)
    step = int(indices[1] - indices[0])
    if step < 1 or np.any(np.diff(indices) != step) or indices[0] < 0 or indices[-1] >= shape[axis]:
        return None
    return hlo.slice_axis(x, axis, int(indices[0]), int(indices[-1]) + 1, step)


PATTERNS = [
    pattern("identity-slice", "slice", _identity_slice),
    pattern("slice-of-slice", "slice", _slice_of_slice),
    raw_pattern("slice-of-concatenate", "concatenate", _slices_of_concatenate),
    pattern("slice-of-concatenate-part", "slice", _slice_of_concatenate_part),
    pattern("slice-of-pad", "slice", _slice_of_pad),
    pattern("single-concatenate", "concatenate", _single_concatenate),
    pattern("concatenate-without-empty", "concatenate", _concatenate_without_empty),
    pattern("concatenate-of-slices", "concatenate", _concatenate_of_slices),
    pattern("concatenate-of-concatenate", "concatenate", _concatenate_of_concatenate),
    pattern("concatenate-of-constants", "concatenate", _concatenate_of_constants),
    pattern("identity-pad", "pad", _identity_pad),
    pattern("pad-of-pad", "pad", _pad_of_pad),
    pattern("pad-that-slices", "pad", _pad_that_slices),
    pattern("static-dynamic-slice", "dynamic_slice", _dynamic_slice),
    pattern("full-update", "dynamic_update_slice", _full_update),
    pattern("update-of-update", "dynamic_update_slice", _update_of_update),
    pattern("slice-of-update", "dynamic_slice", _slice_of_update),
    pattern("single-gather", "gather", _single_gather),
    pattern("consecutive-take", "gather", _consecutive_take),
]
