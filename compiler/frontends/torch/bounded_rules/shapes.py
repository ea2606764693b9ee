"""Operators that tell, change, join and cut shapes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from oxide.dialects import hlo
from oxide.dialects.dims import Size, depends_on_data
from oxide.frontends.bounded import fit, joined
from oxide.frontends.torch.bounded_rules.call import Call, Value, rule
from oxide.frontends.torch.data_sizes import DataSizes
from oxide.frontends.torch.registry import View, bijection


@rule("sym_size.int")
def sym_size(call: Call) -> Any:
    return call.shapes["self"][call.arguments["dim"]]


@rule("sym_numel.default")
def sym_numel(call: Call) -> Any:
    return math.prod(call.shapes["self"])


@rule("arange.default", "arange.start", "arange.start_step")
def arange(call: Call) -> Any:
    start, step = call.get("start", 0), call.get("step", 1)
    places = hlo.iota([call.data.room(call.result_shape()[0])], 0, np.int64)
    return call.node.cast(hlo.add(hlo.multiply(places, step), start), call.node.dtype)


# ----------------------------------------------------------------------------------------------- same elements


def reshaped(data: DataSizes, x: Value, source: Sequence[Size], target: Sequence[Size]) -> Value:
    """The buffer of a tensor of one true shape as that of another.

    Where one dimension of each is open, with as many elements before it, what counts stays in front of it.  Else
    each element is fetched: its place among those that count, by the true sizes, tells where it lies in the buffer.
    """
    rooms = [data.room(size) for size in target]
    opened = [[axis for axis, size in enumerate(shape) if depends_on_data(size)] for shape in (source, target)]
    if [len(axes) for axes in opened] == [1, 1]:
        (a,), (b,) = opened
        before = math.prod(source[:a])
        if before == math.prod(target[:b]):
            rows = hlo.reshape(x, [before, math.prod(hlo.shape(x)[a:])])
            return hlo.reshape(fit(rows, 1, math.prod(rooms[b:])), rooms)
    number = hlo.full(rooms, 0, np.int64)
    for axis in range(len(target)):
        stride = data.value(math.prod(target[axis + 1 :]))
        number = hlo.add(number, hlo.multiply(hlo.iota(rooms, axis, np.int64), stride))
    place = hlo.full(rooms, 0, np.int64)
    for axis, size in enumerate(source):
        stride = hlo.maximum(data.value(math.prod(source[axis + 1 :])), 1)
        along = hlo.remainder(hlo.divide(number, stride), hlo.maximum(data.value(size), 1))
        place = hlo.add(place, hlo.multiply(along, math.prod(hlo.shape(x)[axis + 1 :])))
    total = hlo.size(x)
    if total == 0:
        return hlo.full(rooms, 0, hlo.dtype(x))
    return hlo.take(hlo.reshape(x, [total]), place, 0)


@rule(
    *("view.default", "_unsafe_view.default", "reshape.default", "_reshape_alias.default", "view_as.default"),
    *("reshape_as.default", "flatten.using_ints", "unflatten.int", "squeeze.default", "squeeze.dim"),
    "squeeze.dims",
)
def reshape(call: Call) -> View:
    source, target, data = call.shapes["self"], call.result_shape(), call.data
    return bijection(lambda v: reshaped(data, v, source, target), lambda v: reshaped(data, v, target, source))


# --------------------------------------------------------------------------------------------------- cut


def _window(axis: int, rooms: Sequence[Size], start: Value, step: int, count: Value) -> View:
    """Entries start, start + step, ... along an axis: `count` of them, in a buffer with these rooms."""
    places = hlo.add(hlo.multiply(hlo.iota([rooms[axis]], 0, np.int64), step), start)

    def forward(x: Value) -> Value:
        return hlo.take(x, hlo.clamp(0, places, hlo.subtract(hlo.constant(hlo.shape(x)[axis], np.int64), 1)), axis)

    def inverse(base: Value, changed: Value) -> Value:
        inside = hlo.less(hlo.iota([rooms[axis]], 0, np.int64), count)
        targets = hlo.select(inside, places, hlo.shape(base)[axis])
        return hlo.scatter_along_axis(
            base, hlo.broadcast_in_dim(targets, hlo.shape(changed), [axis]), changed, axis, "set"
        )

    return View(forward, inverse)


def _bound(call: Call, bound: Any, length: Value) -> Value:
    """A slice's start or end inside [0, length], by Python's rules."""
    value = call.data.value(bound)
    return hlo.clamp(0, hlo.select(hlo.less(value, 0), hlo.add(value, length), value), length)


@rule("slice.Tensor")
def slice_(call: Call) -> Any:
    axis = call.axis("self", call.arguments["dim"])
    start, end, step = (call.get(name) for name in ("start", "end", "step"))
    if axis not in call.open_axes("self") and not any(map(depends_on_data, (start, end))):
        return call.run()
    length = call.count("self", axis)
    first = _bound(call, 0 if start is None else start, length)
    last = length if end is None else _bound(call, end, length)
    span = hlo.maximum(hlo.subtract(last, first), 0)
    return _cut(call, axis, first, step, hlo.divide(hlo.add(span, step - 1), step))


@rule("narrow.default")
def narrow(call: Call) -> Any:
    axis = call.axis("self", call.arguments["dim"])
    start, length = call.arguments["start"], call.arguments["length"]
    if axis not in call.open_axes("self") and not any(map(depends_on_data, (start, length))):
        return call.run()
    return _cut(call, axis, _bound(call, start, call.count("self", axis)), 1, call.data.value(length))


def _cut(call: Call, axis: int, start: Value, step: int, count: Value, index: int = 0) -> View:
    shape = list(call.result_shape(index))
    if call.data.is_new(shape[axis]):
        call.data.define(shape[axis], count, -(-hlo.shape(call.arguments["self"])[axis] // step))
    return _window(axis, [call.data.room(size) for size in shape], start, step, count)


@rule("select.int")
def select(call: Call) -> Any:
    axis = call.axis("self", call.arguments["dim"])
    index = call.arguments["index"]
    fixed = not depends_on_data(index)
    if fixed and (axis not in call.open_axes("self") or index >= 0):
        return call.run()
    place = call.data.value(index)
    place = hlo.select(hlo.less(place, 0), hlo.add(place, call.count("self", axis)), place)
    dims = list(hlo.shape(call.arguments["self"]))
    one, rest = [*dims[:axis], 1, *dims[axis + 1 :]], [*dims[:axis], *dims[axis + 1 :]]
    row = _window(axis, one, place, 1, hlo.constant(1, np.int64))
    return View(
        lambda v: hlo.reshape(row.forward(v), rest),
        lambda base, changed: row.write_back(base, hlo.reshape(changed, one)),
    )


@rule("split_with_sizes.default", "split.sizes")
def split(call: Call) -> Any:
    """Pieces one after the other; the program asserts that they are all."""
    axis = call.axis("self", call.arguments["dim"])
    lengths = call.get("split_sizes", call.get("split_size"))
    if axis not in call.open_axes("self") and not any(map(depends_on_data, lengths)):
        return call.run()
    views, start = [], hlo.constant(0, np.int64)
    for index, length in enumerate(lengths):
        count = call.data.value(length)
        views.append(_cut(call, axis, start, 1, count, index))
        start = hlo.add(start, count)
    return views


@rule("split.Tensor", "chunk.default", "unbind.int")
def even_pieces(call: Call) -> Any:
    if call.axis("self", call.arguments["dim"]) in call.open_axes("self"):
        call.refuse("how many pieces there are is not known")
    return call.run()


# ------------------------------------------------------------------------------------- join, repeat, move


@rule("cat.default", "concat.default")
def cat(call: Call) -> Any:
    tensors = zip(call.arguments["tensors"], call.shapes["tensors"], strict=True)
    parts = [(buffer, shape) for buffer, shape in tensors if tuple(shape) != (0,)]
    axis = hlo.normalize_axis(call.arguments["dim"], len(parts[0][1]))
    if not any(depends_on_data(shape[axis]) for _, shape in parts):
        return call.run()
    buffers = [call.node.cast(buffer, call.node.dtype) for buffer, _ in parts]
    counts = [call.data.value(shape[axis]) for _, shape in parts]
    whole = joined(list(zip(buffers, counts, strict=True)), axis)
    return fit(whole, axis, call.data.room(call.result_shape()[axis]))


@rule("repeat.default")
def repeat(call: Call) -> Any:
    """What counts is joined to itself along a dimension that is open."""
    x, repeats = call.arguments["self"], list(call.arguments["repeats"])
    lead = len(repeats) - hlo.rank(x)
    x = hlo.reshape(x, [*[1] * lead, *hlo.shape(x)])
    for axis in call.open_axes("self"):
        times = repeats[axis + lead]
        if depends_on_data(times):
            call.refuse("both the size and how often it is repeated depend on data")
        x = joined([(x, call.count("self", axis))] * times, axis + lead) if times > 1 else x
        repeats[axis + lead] = min(times, 1)
    return hlo.tile(x, call.data.rooms(repeats))


def _moved(call: Call, axis: int, x: Value, places: Value) -> Value:
    length = hlo.shape(x)[axis]
    return hlo.take(x, hlo.clamp(0, places, hlo.maximum(hlo.constant(length, np.int64), 1)), axis) if length else x


@rule("flip.default")
def flip(call: Call) -> Any:
    axes = hlo.normalize_axes(call.arguments["dims"], len(call.shapes["self"]))
    x = call.arguments["self"]
    for axis in set(axes) & set(call.open_axes("self")):
        last = hlo.subtract(call.count("self", axis), 1)
        x = _moved(call, axis, x, hlo.subtract(last, hlo.iota([hlo.shape(x)[axis]], 0, np.int64)))
    return call.run(self=x, dims=[axis for axis in axes if axis not in call.open_axes("self")])


@rule("roll.default")
def roll(call: Call) -> Any:
    axes = hlo.normalize_axes(call.arguments["dims"], len(call.shapes["self"]))
    if not axes:
        call.refuse("a roll without dimensions is not supported")
    x, rest = call.arguments["self"], []
    for shift, axis in zip(call.arguments["shifts"], axes, strict=True):
        if axis not in call.open_axes("self"):
            rest.append((shift, axis))
            continue
        count = hlo.maximum(call.count("self", axis), 1)
        back = hlo.subtract(hlo.iota([hlo.shape(x)[axis]], 0, np.int64), call.data.value(shift))
        rounds = hlo.remainder(hlo.add(hlo.remainder(back, count), count), count)
        x = _moved(call, axis, x, rounds)
    return call.run(self=x, shifts=[s for s, _ in rest], dims=[a for _, a in rest]) if rest else x


@rule("constant_pad_nd.default", "pad.default")
def pad(call: Call) -> Any:
    """What does not count is padding already."""
    amounts = call.arguments["pad"]
    padded = [len(call.shapes["self"]) - 1 - i // 2 for i, amount in enumerate(amounts) if amount != 0]
    if call.get("mode", "constant") != "constant" and set(padded) & set(call.open_axes("self")):
        call.refuse(f"padding of mode {call.arguments['mode']} is not supported")
    return call.run(self=call.filled("self", call.get("value") or 0))
