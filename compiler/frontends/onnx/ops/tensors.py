"""Operators that shape, join and cut tensors: Reshape, Transpose, Concat, Split, Slice, Pad, Tile, ..."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.dims import Size, maximum, minimum, require_at_least, require_different, require_equal
from oxide.frontends.onnx.registry import Node, lowering

# Exporters write the largest (smallest) int32 or int64 for "to the end"; an open dimension is an int32.
_BEYOND = 2**31 - 1

# ------------------------------------------------------------------------------------------------ Reshape


@lowering("Reshape", 1)
def reshape_1(
    node: Node, x: ir.Value, *, shape: list[int] | None = None, consumed_inputs: list[int] | None = None
) -> ir.Value:
    return _reshape(node, x, shape or [], allow_zero=False)


@lowering("Reshape", 5, 13, 14, 19, 21, 23, 24, 25)
def reshape(node: Node, x: ir.Value, shape: ir.Value, *, allowzero: int = 0) -> ir.Value:
    return _reshape(node, x, node.numbers(shape, "shape"), allow_zero=bool(allowzero))


def _reshape(node: Node, x: ir.Value, target: Sequence[Size], *, allow_zero: bool) -> ir.Value:
    """0 copies a dimension (unless `allow_zero`), one -1 takes what is left."""
    dims = hlo.shape(x)
    if not allow_zero and any(d == 0 for d in target[len(dims) :]):
        raise node.error(f"shape {list(target)} copies a dimension that the input {dims} does not have")
    result = [dims[i] if d == 0 and not allow_zero else d for i, d in enumerate(target)]
    if result.count(-1) > 1 or any(d < -1 for d in result):
        raise node.error(f"shape {list(target)} has more than one -1 or a negative dimension")
    if -1 in result:
        rest = math.prod(d for d in result if d != -1)
        misfit = f"cannot reshape {dims} to {list(target)}"
        if rest == 0:
            raise node.error(misfit)
        require_equal(math.prod(dims) % rest, 0, misfit)
        result[result.index(-1)] = math.prod(dims) // rest
    return hlo.reshape(x, result)


@lowering("Flatten", 1, 9, 11, 13, 21, 23, 24, 25)
def flatten(node: Node, x: ir.Value, *, axis: int = 1) -> ir.Value:
    """Two dimensions: those before `axis` and those from it on."""
    dims = hlo.shape(x)
    if not -len(dims) <= axis <= len(dims):
        raise node.error(f"axis {axis} is out of range for rank {len(dims)}")
    axis = axis + len(dims) if axis < 0 else axis
    return hlo.reshape(x, [math.prod(dims[:axis]), math.prod(dims[axis:])])


@lowering("Squeeze", 1, 11)
def squeeze_1(node: Node, x: ir.Value, *, axes: list[int] | None = None) -> ir.Value:
    return _squeeze(x, axes)


@lowering("Squeeze", 13, 21, 23, 24, 25)
def squeeze(node: Node, x: ir.Value, axes: ir.Value | None = None) -> ir.Value:
    return _squeeze(x, None if axes is None else node.static(axes, "axes").reshape(-1).tolist())


def _squeeze(x: ir.Value, axes: Sequence[int] | None) -> ir.Value:
    """Without axes, every dimension of size 1 goes; one of unknown size is required to be another."""
    if axes is not None:
        return hlo.squeeze(x, axes)
    dims = hlo.shape(x)
    ones = [i for i, d in enumerate(dims) if d == 1]
    for i, d in enumerate(dims):
        if i not in ones:
            require_different(d, 1, f"dimension {i} of shape {dims} may be 1 or not")
    return hlo.squeeze(x, ones)


@lowering("Unsqueeze", 1, 11)
def unsqueeze_1(node: Node, x: ir.Value, *, axes: list[int]) -> ir.Value:
    return hlo.expand_dims(x, axes)


@lowering("Unsqueeze", 13, 21, 23, 24, 25)
def unsqueeze(node: Node, x: ir.Value, axes: ir.Value) -> ir.Value:
    return hlo.expand_dims(x, node.static(axes, "axes").reshape(-1).tolist())


@lowering("Transpose", 1, 13, 21, 23, 24, 25)
def transpose(node: Node, x: ir.Value, *, perm: list[int] | None = None) -> ir.Value:
    return hlo.transpose(x, range(hlo.rank(x) - 1, -1, -1) if perm is None else perm)


@lowering("Expand", 8, 13)
def expand(node: Node, x: ir.Value, shape: ir.Value) -> ir.Value:
    """numpy broadcasting between x and the shape, both ways."""
    target = tuple(node.numbers(shape, "shape"))
    return hlo.broadcast_to(x, hlo.broadcast_shapes(hlo.shape(x), target))


# ------------------------------------------------------------------------------------------- join and cut


@lowering("Concat", 1)
def concat_1(node: Node, *values: ir.Value, axis: int = 1) -> ir.Value:
    return hlo.concatenate(values, axis)


@lowering("Concat", 4, 11, 13)
def concat(node: Node, *values: ir.Value, axis: int) -> ir.Value:
    return hlo.concatenate(values, axis)


@lowering("Split", 1, 2, 11)
def split_1(
    node: Node,
    x: ir.Value,
    sizes: ir.Value | None = None,
    *,
    axis: int = 0,
    split: list[int] | None = None,
) -> list[ir.Value]:
    if sizes is not None:
        split = node.numbers(sizes, "split")
    return hlo.split(x, axis, split or _even(node, x, axis))


@lowering("Split", 13)
def split_13(node: Node, x: ir.Value, split: ir.Value | None = None, *, axis: int = 0) -> list[ir.Value]:
    return hlo.split(x, axis, _even(node, x, axis) if split is None else node.numbers(split, "split"))


@lowering("Split", 18)
def split_18(
    node: Node,
    x: ir.Value,
    split: ir.Value | None = None,
    *,
    axis: int = 0,
    num_outputs: int | None = None,
) -> list[ir.Value]:
    """Without sizes: `num_outputs` pieces of equal size, the last one smaller when they do not divide."""
    if split is not None:
        if num_outputs is not None:
            raise node.error("both input split and attribute num_outputs are given")
        return hlo.split(x, axis, node.numbers(split, "split"))
    if num_outputs is not None and num_outputs != node.output_count:
        raise node.error(f"num_outputs is {num_outputs} but the node has {node.output_count} outputs")
    length = hlo.shape(x)[hlo.normalize_axis(axis, hlo.rank(x))]
    piece = (length + node.output_count - 1) // node.output_count
    last = length - piece * (node.output_count - 1)
    require_at_least(last, 0, f"{length} elements do not split into {node.output_count} pieces of {piece}")
    return hlo.split(x, axis, [piece] * (node.output_count - 1) + [last])


def _even(node: Node, x: ir.Value, axis: int) -> list[Size]:
    length = hlo.shape(x)[hlo.normalize_axis(axis, hlo.rank(x))]
    message = f"{length} elements do not split into {node.output_count} equal pieces"
    require_equal(length % node.output_count, 0, message)
    return [length // node.output_count] * node.output_count


@lowering("Slice", 1)
def slice_1(
    node: Node, x: ir.Value, *, starts: list[int], ends: list[int], axes: list[int] | None = None
) -> ir.Value:
    return _slice(node, x, starts, ends, axes, None)


@lowering("Slice", 10, 11, 13)
def slice_(
    node: Node,
    x: ir.Value,
    starts: ir.Value,
    ends: ir.Value,
    axes: ir.Value | None = None,
    steps: ir.Value | None = None,
) -> ir.Value:
    known_axes = None if axes is None else node.numbers(axes, "axes")
    known_steps = None if steps is None else node.numbers(steps, "steps")
    starts_, ends_ = node.numbers(starts, "starts"), node.numbers(ends, "ends")
    return _slice(node, x, starts_, ends_, known_axes, known_steps)


def _slice(
    node: Node,
    x: ir.Value,
    starts: Sequence[Size],
    ends: Sequence[Size],
    axes: Sequence[int] | None,
    steps: Sequence[int] | None,
) -> ir.Value:
    """numpy's slicing with negative positions and steps; a negative step reverses first."""
    dims = hlo.shape(x)
    axes = hlo.normalize_axes(range(len(starts)) if axes is None else axes, len(dims))
    steps = [1] * len(starts) if steps is None else steps
    if not len(starts) == len(ends) == len(axes) == len(steps):
        raise node.error("starts, ends, axes and steps have different lengths")
    low: list[Size] = [0] * len(dims)
    high, stride = list(dims), [1] * len(dims)
    backwards = []
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        if step == 0:
            raise node.error(f"the step along axis {axis} is 0")
        length = dims[axis]
        if step > 0:
            begin, stop = (_position(p, length, 0, length) for p in (start, end))
        else:
            backwards.append(axis)
            begin, stop = (length - 1 - _position(p, length, -1, length - 1) for p in (start, end))
        low[axis], high[axis], stride[axis] = begin, maximum(begin, stop), abs(step)
    return hlo.slice(hlo.reverse(x, backwards), low, high, stride)


def _position(position: Size, length: Size, lowest: Size, highest: Size) -> Size:
    """A position in a slice as Python reads it: negative ones count from the end, and all are held in range."""
    if isinstance(position, int) and abs(position) >= _BEYOND:
        return highest if position > 0 else lowest
    if position < 0:
        position = position + length
    return minimum(maximum(position, lowest), highest)


# ------------------------------------------------------------------------------------------- pad and tile


@lowering("Pad", 1)
def pad_1(node: Node, x: ir.Value, *, paddings: list[int], mode: str = "constant", value: float = 0.0) -> ir.Value:
    return _pad(node, x, paddings, mode, value, None)


@lowering("Pad", 2)
def pad_2(node: Node, x: ir.Value, *, pads: list[int], mode: str = "constant", value: float = 0.0) -> ir.Value:
    return _pad(node, x, pads, mode, value, None)


@lowering("Pad", 11, 13, 18, 19, 21, 23, 24, 25)
def pad(
    node: Node,
    x: ir.Value,
    pads: ir.Value,
    constant_value: ir.Value | None = None,
    axes: ir.Value | None = None,
    *,
    mode: str = "constant",
) -> ir.Value:
    filler = 0 if constant_value is None else constant_value
    known_axes = None if axes is None else node.numbers(axes, "axes")
    return _pad(node, x, node.numbers(pads, "pads"), mode, filler, known_axes)


def _pad(
    node: Node,
    x: ir.Value,
    pads: Sequence[Size],
    mode: str,
    filler: hlo.Operand,
    axes: Sequence[int] | None,
) -> ir.Value:
    """Begins of all axes, then ends.  Negative amounts crop, before any mode repeats elements."""
    rank = hlo.rank(x)
    axes = hlo.normalize_axes(range(rank) if axes is None else axes, rank)
    if len(pads) != 2 * len(axes):
        raise node.error(f"{len(pads)} pads for {len(axes)} axes, expected twice as many pads")
    low: list[Size] = [0] * rank
    high: list[Size] = [0] * rank
    for i, axis in enumerate(axes):
        low[axis], high[axis] = pads[i], pads[i + len(axes)]
    if mode == "constant":
        return hlo.pad(x, filler, low, high)
    if mode not in ("reflect", "edge", "wrap"):
        raise node.error(f"mode is {mode!r}, expected constant, reflect, edge or wrap")
    cropped = hlo.pad(x, 0, [minimum(p, 0) for p in low], [minimum(p, 0) for p in high])
    for axis in range(rank):
        before, after = maximum(low[axis], 0), maximum(high[axis], 0)
        if not hlo.is_static([before, after, hlo.shape(x)[axis]]):
            cropped = _repeat_open(cropped, axis, before, after, mode)
        elif before or after:
            cropped = _repeat(node, cropped, axis, before, after, mode)
    return cropped


def _repeat_open(x: ir.Value, axis: int, before: Size, after: Size, mode: str) -> ir.Value:
    """Extend an axis by elements of x; where sizes are not known, by no more than x has."""
    if before == 0 and after == 0:
        return x
    length = hlo.shape(x)[axis]
    if mode == "wrap":
        ends = [hlo.slice_axis(x, axis, length - before, length), hlo.slice_axis(x, axis, 0, after)]
    elif mode == "reflect":
        ends = [hlo.slice_axis(x, axis, 1, before + 1), hlo.slice_axis(x, axis, length - 1 - after, length - 1)]
        ends = [hlo.reverse(end, [axis]) for end in ends]
    else:
        ends = [hlo.slice_axis(x, axis, 0, 1), hlo.slice_axis(x, axis, length - 1, length)]
        dims = hlo.shape(x)
        ends = [
            hlo.broadcast_to(end, [*dims[:axis], count, *dims[axis + 1 :]])
            for end, count in zip(ends, (before, after), strict=True)
        ]
    return hlo.concatenate([ends[0], x, ends[1]], axis)


# A repeating pad is slices of its operand up to this many; the elements it repeats are chosen at import.
MAX_SLICES = 16
MAX_REPEATED = 1 << 22


def _repeat(node: Node, x: ir.Value, axis: int, before: int, after: int, mode: str) -> ir.Value:
    """Extend one axis by elements of x, chosen as numpy's pad does, out of slices of x or, when many, by index."""
    length = hlo.shape(x)[axis]
    if length == 0:
        raise node.error(f"mode {mode} cannot extend the empty axis {axis}")
    if before + length + after > MAX_REPEATED:
        raise node.error(
            f"pads of {before} and {after} make {length} elements more than {MAX_REPEATED} in mode {mode}"
        )
    chosen = np.pad(np.arange(length), (before, after), mode=mode)  # pyright: ignore[reportCallIssue,reportArgumentType]
    runs = _runs(chosen.tolist())
    if len(runs) > MAX_SLICES:
        return hlo.take(x, node.constant(chosen.astype(np.int64)), axis)
    pieces = []
    for first, last, count in runs:
        piece = hlo.slice_axis(x, axis, min(first, last), max(first, last) + 1)
        if first == last:
            dims = list(hlo.shape(piece))
            dims[axis] = count
            piece = hlo.broadcast_to(piece, dims)
        pieces.append(hlo.reverse(piece, [axis]) if first > last else piece)
    return hlo.concatenate(pieces, axis)


def _runs(indices: Sequence[int]) -> list[tuple[int, int, int]]:
    """Cut indices into runs that rise by one, fall by one or stay: (first, last, count) each."""
    runs: list[tuple[int, int, int]] = []
    start = 0
    while start < len(indices):
        stop = start + 1
        step = indices[stop] - indices[start] if stop < len(indices) else 0
        while step in (-1, 0, 1) and stop < len(indices) and indices[stop] - indices[stop - 1] == step:
            stop += 1
        runs.append((indices[start], indices[stop - 1], stop - start))
        start = stop
    return runs


@lowering("Tile", 1)
def tile_1(node: Node, x: ir.Value, tiles: ir.Value, axis: ir.Value) -> ir.Value:
    """Repeats along one axis; both numbers have x's element type."""
    repeats = [1] * hlo.rank(x)
    repeats[hlo.normalize_axis(_whole(node, axis, "axis"), hlo.rank(x))] = _whole(node, tiles, "tiles")
    return hlo.tile(x, repeats)


def _whole(node: Node, value: ir.Value, what: str) -> int:
    number = float(node.number(value, what))
    if not number.is_integer():
        raise node.error(f"input {what!r} is {number}, expected a whole number")
    return int(number)


@lowering("Tile", 6, 13)
def tile(node: Node, x: ir.Value, repeats: ir.Value) -> ir.Value:
    counts = node.numbers(repeats, "repeats")
    if len(counts) != hlo.rank(x):
        raise node.error(f"{len(counts)} repeats for an input of shape {hlo.shape(x)}")
    return hlo.tile(x, counts)


@lowering("Trilu", 14)
def trilu(node: Node, x: ir.Value, k: ir.Value | None = None, *, upper: int = 1) -> ir.Value:
    """Zero below (upper) or above (lower) the k-th diagonal of the last two dimensions."""
    node.check_rank(x, "input", least=2)
    if k is not None and hlo.size(k) != 1:
        raise node.error(f"input 'k' must be one number, it has shape {hlo.shape(k)}")
    rows, columns = hlo.shape(x)[-2:]
    offset = hlo.subtract(hlo.iota([rows, columns], 1, "int64"), hlo.iota([rows, columns], 0, "int64"))
    diagonal: hlo.Operand = 0 if k is None else hlo.reshape(k, [])
    kept = (hlo.greater_equal if upper else hlo.less_equal)(offset, diagonal)
    return hlo.select(kept, x, hlo.full_like(x, 0))
