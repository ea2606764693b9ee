"""Slice, concatenate and pad: identities and compositions."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.attributes import integer, integers, tensor
from oxide.dialects.constants import constant_value, defining_constant
from oxide.dialects.hlo.core import FOLD_ELEMENTS
from oxide.dialects.rewrite import Rewriter
from oxide.passes.canonicalize.matching import (
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
    """pad(x, v)[within x] -> x[...], [outside x] -> broadcast(v), [of x and some padding] -> pad(x, v) by less"""
    inner = static_producer(op.operands[0], "stablehlo.pad")
    if inner is None or not is_static(op) or 0 in shape_of(inner.operands[0]):
        return None
    x, value = inner.operands
    steps = [gap + 1 for gap in integers(inner, "interior_padding")]
    low, high = integers(inner, "edge_padding_low"), integers(inner, "edge_padding_high")
    starts, limits, strides = _bounds(op)
    # Where elements of x may stand, counted from the first one.
    first = [start - before for start, before in zip(starts, low, strict=True)]
    last = [a + (n - 1) * step + 1 for a, n, step in zip(first, shape_of(op.results[0]), strides, strict=True)]
    ends = [(size - 1) * step for size, step in zip(shape_of(x), steps, strict=True)]
    if any(b <= 0 or a > end for a, b, end in zip(first, last, ends, strict=True)):
        return hlo.broadcast_in_dim(value, shape_of(op.results[0]), [])
    if all(
        a >= 0 and b <= end + 1 and a % step == stride % step == 0
        for a, b, end, stride, step in zip(first, last, ends, strides, steps, strict=True)
    ):
        return hlo.slice(
            x,
            [a // step for a, step in zip(first, steps, strict=True)],
            [-(-b // step) for b, step in zip(last, steps, strict=True)],
            [stride // step for stride, step in zip(strides, steps, strict=True)],
        )
    cut = [size - limit for size, limit in zip(shape_of(op.operands[0]), limits, strict=True)]
    low = [-a for a in first]
    high = [after - less for after, less in zip(high, cut, strict=True)]
    if min(low + high, default=0) < 0 or any(stride != 1 for stride in strides):
        return None
    return hlo.pad(x, value, low, high, integers(inner, "interior_padding"))


def _slice_of_reverse(op: ir.Operation) -> ir.Value | None:
    """reverse(x)[...] -> reverse(x[...]), where the reverse has no other use"""
    inner = static_producer(op.operands[0], "stablehlo.reverse")
    if inner is None or not is_static(op) or not has_one_use(op.operands[0]) or 0 in shape_of(op.results[0]):
        return None
    starts, limits, strides = _bounds(op)
    dimensions = integers(inner, "dimensions")
    for axis in dimensions:
        size = shape_of(op.operands[0])[axis]
        # The last element taken comes first.
        final = starts[axis] + (shape_of(op.results[0])[axis] - 1) * strides[axis]
        starts[axis], limits[axis] = size - 1 - final, size - starts[axis]
    return hlo.reverse(hlo.slice(inner.operands[0], starts, limits, strides), dimensions)


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


PATTERNS = [
    pattern("identity-slice", "slice", _identity_slice),
    pattern("slice-of-slice", "slice", _slice_of_slice, reads=["slice"]),
    raw_pattern("slice-of-concatenate", "concatenate", _slices_of_concatenate),
    pattern("slice-of-concatenate-part", "slice", _slice_of_concatenate_part, reads=["concatenate"]),
    pattern("slice-of-pad", "slice", _slice_of_pad, reads=["pad"]),
    pattern("slice-of-reverse", "slice", _slice_of_reverse, reads=["reverse"]),
    pattern("single-concatenate", "concatenate", _single_concatenate),
    pattern("concatenate-without-empty", "concatenate", _concatenate_without_empty),
    pattern("concatenate-of-slices", "concatenate", _concatenate_of_slices, reads=["slice"]),
    pattern("concatenate-of-concatenate", "concatenate", _concatenate_of_concatenate, reads=["concatenate"]),
    pattern("concatenate-of-constants", "concatenate", _concatenate_of_constants, reads=["constant"]),
    pattern("identity-pad", "pad", _identity_pad),
    pattern("pad-of-pad", "pad", _pad_of_pad, reads=["pad"]),
    pattern("pad-that-slices", "pad", _pad_that_slices),
]
