"""Operators that tell, change, join and cut shapes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import reduce
from typing import Any

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.dims import Size
from oxide.frontends.bounded import Bounded, joined
from oxide.frontends.onnx.bounded_rules.call import Call, buffer_of, only, rule, same_size, size
from oxide.frontends.ranges import elements, upper_bound

# A bound of a slice, or a size: known, or an i64 scalar.
Number = int | ir.Value


def extent(x: Bounded) -> ir.Value:
    """The count in a form that shows its upper bound to those who compute with it."""
    return hlo.minimum(x.count, size(x))


def vector(sizes: Sequence[Any]) -> ir.Value:
    """int64 [n] of numbers and scalars."""
    if all(not isinstance(s, ir.Value) for s in sizes):
        return hlo.constant(np.array(sizes, np.int64))
    return hlo.stack([s if isinstance(s, ir.Value) else hlo.constant(s, np.int64) for s in sizes], 0)


@rule("Shape")
def shape(call: Call) -> list[Any]:
    x = only(call, 0)
    dims = [extent(x) if axis == x.axis else d for axis, d in enumerate(hlo.shape(x.buffer))]
    return [vector(dims[call.attributes.get("start", 0) : call.attributes.get("end")])]


@rule("Size")
def total(call: Call) -> list[Any]:
    x = only(call, 0)
    rest = math.prod(d for axis, d in enumerate(hlo.shape(x.buffer)) if axis != x.axis)
    return [hlo.multiply(extent(x), rest)]


# ----------------------------------------------------------------------------------------------- same elements


@rule("Transpose")
def transpose(call: Call) -> list[Any]:
    x = only(call, 0)
    order = call.attributes.get("perm") or range(hlo.rank(x.buffer) - 1, -1, -1)
    return [Bounded(call.on_buffers()[0], list(order).index(x.axis), x.count)]


@rule("Unsqueeze")
def unsqueeze(call: Call) -> list[Any]:
    x = only(call, 0)
    axes = call.attributes.get("axes") or call.known(1, "axes")
    rank = hlo.rank(x.buffer) + len(axes)
    kept = [axis for axis in range(rank) if axis not in hlo.normalize_axes(axes, rank)]
    return [Bounded(hlo.expand_dims(x.buffer, axes), kept[x.axis], x.count)]


@rule("Squeeze")
def squeeze(call: Call) -> list[Any]:
    """Squeezing the axis itself says that there is just one; without axes nothing says which are of size 1."""
    x = only(call, 0)
    listed = call.attributes.get("axes") or (call.known(1, "axes") if call.operand(1) is not None else [])
    if not listed:
        call.refuse("Squeeze needs its axes")
    axes = hlo.normalize_axes(listed, hlo.rank(x.buffer))
    if x.axis in axes:
        return [hlo.squeeze(hlo.slice_axis(x.buffer, x.axis, 0, 1), axes)]
    return [Bounded(hlo.squeeze(x.buffer, axes), x.axis - sum(axis < x.axis for axis in axes), x.count)]


@rule("Flatten")
def flatten(call: Call) -> list[Any]:
    x = only(call, 0)
    dims = hlo.shape(x.buffer)
    axis = call.attributes.get("axis", 1)
    axis = axis + len(dims) if axis < 0 else axis
    if x.axis < axis:
        return [_reshaped(call, x, [-1, math.prod(dims[axis:])])]
    return [_reshaped(call, x, [math.prod(dims[:axis]), -1])]


@rule("Reshape")
def reshape(call: Call) -> list[Any]:
    """A dimension that depends on data is what is left by the others."""
    x = call.operands[0]
    if "shape" in call.attributes:
        target: list[Any] = list(call.attributes["shape"])
    else:
        shape = call.operand(1)
        known = call.node.static_or_none(shape)
        target = elements(shape) if known is None else known.reshape(-1).tolist()
    target = _with_copies(call, target)
    left = [place for place, d in enumerate(target) if isinstance(d, ir.Value) or d == -1]
    if len(left) > 1:
        call.refuse(f"{len(left)} dimensions of the target shape are unknown")
    target = [-1 if place in left else d for place, d in enumerate(target)]
    if not isinstance(x, Bounded):
        return call.run(x, hlo.constant(np.array(target, np.int64)))
    return [_reshaped(call, x, target)]


def _with_copies(call: Call, target: Sequence[Any]) -> list[Any]:
    """The target with 0 replaced by the input's dimension, the count where that depends on data."""
    if call.attributes.get("allowzero"):
        return list(target)
    x = call.operands[0]
    dims = hlo.shape(buffer_of(x))
    own = [x.count if isinstance(x, Bounded) and x.axis == axis else d for axis, d in enumerate(dims)]
    return [own[place] if not isinstance(d, ir.Value) and d == 0 else d for place, d in enumerate(target)]


def _reshaped(call: Call, x: Bounded, target: Sequence[Size]) -> Any:
    """x in a shape with at most one -1, which is where the axis goes.

    Where as much lies before the axis as before the -1, the elements that count stay in front.  Else they are
    brought there one by one: element k of those that count lies at k + (k // run) * gap of the buffer.
    """
    dims = hlo.shape(x.buffer)
    before, after = math.prod(dims[: x.axis]), math.prod(dims[x.axis + 1 :])
    if -1 not in target:  # the model knows how many there are
        wanted = math.prod(target)
        if before != 1 or wanted > hlo.size(x.buffer):
            call.refuse(f"a reshape of {dims} to {list(target)} is not supported")
        flat = hlo.reshape(x.buffer, [hlo.size(x.buffer)])
        return hlo.reshape(hlo.slice_axis(flat, 0, 0, wanted), target)
    place = list(target).index(-1)
    rest = math.prod(d for d in target if d != -1)
    if not rest or not hlo.size(x.buffer):
        call.refuse(f"a reshape of {dims} to {list(target)} is not supported")
    count = x.count
    if before * after != rest:
        count = hlo.divide(hlo.multiply(count, before * after), rest)
    most = -(-hlo.size(x.buffer) // rest)
    lead, trail = math.prod(target[:place]), math.prod(target[place + 1 :])
    shape = [most if d == -1 else d for d in target]
    flat = hlo.reshape(x.buffer, [hlo.size(x.buffer)])
    if lead == before and lead * most * trail == hlo.size(x.buffer):
        return Bounded(hlo.reshape(x.buffer, shape), place, count)
    if before == 1 and lead == 1:
        room = lead * most * trail - hlo.size(x.buffer)
        return Bounded(hlo.reshape(hlo.pad(flat, 0, [0], [room]), shape), place, count)
    # Element (p, q, t) of the result is number (p * count + q) * trail + t of those that count.
    cells = [hlo.iota([lead, most, trail], axis, np.int64) for axis in range(3)]
    number = hlo.add(hlo.multiply(hlo.add(hlo.multiply(cells[0], count), cells[1]), trail), cells[2])
    run = hlo.maximum(hlo.multiply(x.count, after), 1)
    gap = hlo.subtract(size(x) * after, hlo.multiply(x.count, after))
    source = hlo.add(number, hlo.multiply(hlo.divide(number, run), gap))
    return Bounded(hlo.reshape(hlo.take(flat, source, 0), shape), place, count)


# ------------------------------------------------------------------------------------------------ sizes given


@rule("Expand")
def expand(call: Call) -> list[Any]:
    """A dimension of 1 may be repeated as often as data says; one that depends on data stays as it is."""
    x = call.operands[0]
    known = call.node.static_or_none(call.operands[1])
    target: list[Any] = elements(call.operands[1]) if known is None else known.reshape(-1).tolist()
    dims = hlo.shape(buffer_of(x))
    rank = max(len(dims), len(target))
    target = [1] * (rank - len(target)) + target
    own = [1] * (rank - len(dims)) + list(dims)
    place = x.axis + rank - len(dims) if isinstance(x, Bounded) else None
    if place is not None and not isinstance(target[place], ir.Value) and target[place] != 1:
        call.refuse(f"dimension {place} would get size {target[place]}")
    grown = [i for i, d in enumerate(target) if isinstance(d, ir.Value) and i != place and own[i] == 1]
    if len(grown) + (place is not None) > 1:
        call.refuse("two dimensions would have sizes that depend on data")
    most = {i: upper_bound(target[i]) or 0 for i in grown}
    sizes = [most.get(i, 1) if isinstance(d, ir.Value) else d for i, d in enumerate(target)]
    result = hlo.broadcast_to(buffer_of(x), hlo.broadcast_shapes(dims, tuple(sizes)))
    if place is not None:
        return [Bounded(result, place, x.count)]
    return [Bounded(result, i, target[i]) for i in grown] or [result]


@rule("ConstantOfShape")
def constant_of_shape(call: Call) -> list[Any]:
    sizes = elements(call.operands[0])
    open_axes = [axis for axis, d in enumerate(sizes) if isinstance(d, ir.Value)]
    if len(open_axes) > 1:
        call.refuse("two dimensions would have sizes that depend on data")
    most = [(upper_bound(d) or 0) if isinstance(d, ir.Value) else d for d in sizes]
    (result,) = call.run(hlo.constant(np.array(most, np.int64)))
    return [Bounded(result, axis, _count(sizes[axis])) for axis in open_axes] or [result]


def _count(value: Number) -> ir.Value:
    return value if isinstance(value, ir.Value) else hlo.constant(value, np.int64)


@rule("Range")
def range_(call: Call) -> list[Any]:
    start, limit, delta = call.operands
    first, step = (call.known(i, name)[0] for i, name in ((0, "start"), (2, "delta")))
    if step <= 0 or first != int(first):
        call.refuse("Range with a limit that depends on data needs an integer start and a positive delta")
    most = upper_bound(limit) or 0
    (result,) = call.run(start, hlo.constant(most, hlo.dtype(limit)), delta)
    (end,) = elements(limit)
    if first == 0 and step == 1:
        return [Bounded(result, 0, _count(end))]
    count = hlo.divide(hlo.add(hlo.subtract(_count(end), int(first)), int(step) - 1), int(step))
    return [Bounded(result, 0, hlo.clamp(0, count, hlo.shape(result)[0]))]


# ---------------------------------------------------------------------------------------------- join and cut


@rule("Concat")
def concat(call: Call) -> list[Any]:
    """Along the axis each part is written behind what counts of those before it, over their padding."""
    parts = call.operands
    bounded = [value for value in parts if isinstance(value, Bounded)]
    axis = call.axis(1, hlo.rank(bounded[0].buffer))
    if all(value.axis != axis for value in bounded):
        if len(bounded) < len(parts) or not all(same_size(value, bounded[0]) for value in bounded):
            call.refuse("the inputs have different sizes")
        return [Bounded(call.on_buffers()[0], bounded[0].axis, bounded[0].count)]
    if any(value.axis != axis for value in bounded):
        call.refuse("two dimensions have sizes that depend on data")
    lengths = [p.count if isinstance(p, Bounded) else hlo.shape(p)[axis] for p in parts]
    whole = joined([(buffer_of(p), length) for p, length in zip(parts, lengths, strict=True)], axis)
    end = reduce(hlo.add, lengths, hlo.constant(0, np.int64))
    return [Bounded(whole, axis, end)]


@rule("Split")
def split(call: Call) -> list[Any]:
    x = only(call, 0)
    if call.axis(0, hlo.rank(x.buffer)) == x.axis:
        call.refuse("a split along that axis is not supported; Slice is")
    return [Bounded(r, x.axis, x.count) for r in call.on_buffers()]


@rule("Pad")
def pad(call: Call) -> list[Any]:
    x = only(call, 0)
    rank = hlo.rank(x.buffer)
    pads = call.attributes.get("pads") or call.attributes.get("paddings") or call.known(1, "pads")
    axes = call.known(3, "axes") if call.operand(3) is not None else range(rank)
    places = hlo.normalize_axes(axes, rank)
    if any(pads[i] or pads[i + len(places)] for i, axis in enumerate(places) if axis == x.axis):
        call.refuse("padding along that axis is not supported; Concat is")
    return [Bounded(call.on_buffers()[0], x.axis, x.count)]


@rule("Tile")
def tile(call: Call) -> list[Any]:
    x = only(call, 0)
    if call.node.version < 6 or call.known(1, "repeats")[x.axis] != 1:
        call.refuse("repeating that axis is not supported")
    return [Bounded(call.on_buffers()[0], x.axis, x.count)]


@rule("Slice")
def slice_(call: Call) -> list[Any]:
    """Known bounds cut the other axes; along the axis, or with bounds that depend on data, rows are picked."""
    x = call.operands[0]
    rank = hlo.rank(buffer_of(x))
    if call.node.version < 10:
        starts, ends = (list(call.attributes[name]) for name in ("starts", "ends"))
        axes, steps = call.attributes.get("axes") or list(range(len(starts))), [1] * len(starts)
    else:
        starts, ends = (elements(call.operands[i]) for i in (1, 2))
        axes = call.known(3, "axes") if call.operand(3) is not None else list(range(len(starts)))
        steps = call.known(4, "steps") if call.operand(4) is not None else [1] * len(starts)
    own = x.axis if isinstance(x, Bounded) else None
    result, found = buffer_of(x), x if isinstance(x, Bounded) else None
    for start, end, axis, step in zip(starts, ends, hlo.normalize_axes(axes, rank), steps, strict=True):
        if step == 0:
            raise call.node.error(f"the step along axis {axis} is 0")
        if axis != own and not isinstance(start, ir.Value) and not isinstance(end, ir.Value):
            begin, stop, stride = slice(start, end, step).indices(hlo.shape(result)[axis])
            picked = hlo.constant(np.arange(begin, stop, stride, dtype=np.int64))
            result = (
                hlo.slice_axis(result, axis, begin, max(begin, stop), stride)
                if step > 0
                else hlo.take(result, picked, axis)
            )
            continue
        if found is not None and axis != found.axis:
            call.refuse("two dimensions would have sizes that depend on data")
        length = found.count if found is not None else hlo.constant(hlo.shape(result)[axis], np.int64)
        result, count = _cut(result, axis, length, start, end, step)
        found = Bounded(result, axis, count)
    return [Bounded(result, found.axis, found.count) if found is not None else result]


def _cut(
    buffer: ir.Value, axis: int, length: ir.Value, start: Number, end: Number, step: int
) -> tuple[ir.Value, ir.Value]:
    """Rows start, start + step, ... before `end` of the first `length`, with numpy's rules for the bounds."""
    most = hlo.shape(buffer)[axis]
    low, high = (0, length) if step > 0 else (-1, hlo.subtract(length, 1))

    def position(bound: Number) -> ir.Value:
        if not isinstance(bound, ir.Value):
            bound = hlo.constant(max(min(bound, 2**62), -(2**62)), np.int64)  # ONNX writes the largest for "all"
        return hlo.clamp(low, hlo.select(hlo.less(bound, 0), hlo.add(bound, length), bound), high)

    first, last = position(start), position(end)
    span = hlo.subtract(last, first) if step > 0 else hlo.subtract(first, last)
    count = hlo.maximum(hlo.divide(hlo.add(span, abs(step) - 1), abs(step)), 0)
    room = -(-most // abs(step))
    if isinstance(end, ir.Value):
        room = min(room, upper_bound(end) or room) if start == 0 and step > 0 else room
    elif not isinstance(start, ir.Value) and start >= 0 and end >= 0 and step > 0:
        room = len(range(start, min(end, most), step))
    if not isinstance(start, ir.Value) and start >= 0 and step == 1:
        return hlo.slice_axis(buffer, axis, min(start, most), min(start + room, most)), count
    rows = hlo.add(hlo.multiply(hlo.iota([room], 0, np.int64), step), first)
    return hlo.take(buffer, hlo.clamp(0, rows, max(most - 1, 0)), axis), count
