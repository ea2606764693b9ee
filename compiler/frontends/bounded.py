"""Values whose size along one axis is only known at run time, and how they leave the model."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxlib.mlir import ir

from oxide.bounded import BOUNDED, Bound, to_attribute
from oxide.dialects import hlo
from oxide.dialects.dims import Size, maximum


@dataclass(frozen=True)
class Bounded:
    """A buffer of the largest size and an i64 scalar: how many elements along `axis` count."""

    buffer: ir.Value
    axis: int
    count: ir.Value


def buffer_of(value: ir.Value | Bounded) -> tuple[ir.Value, int | None]:
    """The tensor behind a value, and the axis whose size depends on data."""
    return (value.buffer, value.axis) if isinstance(value, Bounded) else (value, None)


def is_bounded(values: Sequence[Any]) -> bool:
    return any(isinstance(value, Bounded) for value in values)


def flatten(outputs: Sequence[Any], names: Sequence[str]) -> tuple[list[ir.Value], list[str], dict[int, Bound]]:
    """Outputs as plain values: the buffers in place, each count once at the end, named after its first buffer."""
    counts: dict[ir.Value, int] = {}
    values = [v.buffer if isinstance(v, Bounded) else v for v in outputs]
    all_names = list(names)
    bounds: dict[int, Bound] = {}
    for number, value in enumerate(outputs):
        if isinstance(value, Bounded):
            if value.count not in counts:
                counts[value.count] = len(values)
                values.append(value.count)
                all_names.append(_unique(f"{names[number]}.count", all_names))
            bounds[number] = Bound(value.axis, counts[value.count])
    return values, all_names, bounds


def _unique(name: str, taken: Sequence[str]) -> str:
    while name in taken:
        name += "_"
    return name


def result_attributes(names: Sequence[str], bounds: Mapping[int, Bound]) -> ir.ArrayAttr:
    """The attributes of @main's results: `oxide.name`, and `oxide.bounded` where the size depends on data."""
    items: list[ir.Attribute] = []
    for number, name in enumerate(names):
        attributes: dict[str, ir.Attribute] = {"oxide.name": ir.StringAttr.get(name)}
        if number in bounds:
            attributes[BOUNDED] = to_attribute(bounds[number])
        items.append(ir.DictAttr.get(attributes))
    return ir.ArrayAttr.get(items)


# ------------------------------------------------------------------------------------------------ buffers


def valid(dims: Sequence[Size], axis: int, count: ir.Value) -> ir.Value:
    """bool in a buffer's shape: which elements count."""
    return hlo.less(hlo.iota(dims, axis, np.int64), count)


def compaction(mask: ir.Value) -> tuple[ir.Value, ir.Value]:
    """The positions of a bool vector, those of true ones first in order, and how many these are (int64)."""
    size = hlo.size(mask)
    _, order = hlo.sort([hlo.not_(mask), hlo.iota([size], 0, np.int32)], 0)
    return order, hlo.reduce_sum(hlo.convert(mask, np.int64))


def picked(mask: ir.Value) -> tuple[list[ir.Value], ir.Value]:
    """int64 for each dimension: where elements lie that are not zero, in order; and how many these are."""
    # A mask as it is, so that its count is seen to be the one of another operator by the same mask.
    is_set = mask if hlo.dtype(mask) == np.bool_ else hlo.not_equal(mask, hlo.full_like(mask, 0))
    order, count = compaction(hlo.reshape(is_set, [hlo.size(mask)]))
    rest, dims = hlo.convert(order, np.int64), hlo.shape(mask)
    strides = [maximum(math.prod(dims[axis + 1 :]), 1) for axis in range(len(dims))]
    columns = [
        hlo.remainder(hlo.divide(rest, stride), maximum(size, 1))
        for stride, size in zip(strides, dims, strict=True)
    ]
    return columns, count


def fit(buffer: ir.Value, axis: int, room: Size) -> ir.Value:
    """A buffer cut, or filled up with zeros, to a size along an axis."""
    have = hlo.shape(buffer)[axis]
    if have == room:
        return buffer
    if have > room:
        return hlo.slice_axis(buffer, axis, 0, room)
    amounts = [room - have if i == axis else 0 for i in range(hlo.rank(buffer))]
    return hlo.pad(buffer, 0, [0] * hlo.rank(buffer), amounts)


def joined(parts: Sequence[tuple[ir.Value, ir.Value | Size]], axis: int) -> ir.Value:
    """Buffers, each with how much of it counts along the axis, joined so that what counts is in front.

    Each is written behind what counts of those before it, over their padding.
    """
    whole = hlo.concatenate([buffer for buffer, _ in parts], axis)
    end: Any = hlo.constant(0, np.int64)
    nothing = hlo.constant(0, np.int64)
    for buffer, count in parts:
        whole = hlo.dynamic_update_slice(
            whole, buffer, [end if i == axis else nothing for i in range(hlo.rank(buffer))]
        )
        end = hlo.add(end, count)
    return whole
