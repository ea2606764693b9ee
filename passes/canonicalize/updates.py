"""dynamic_slice and dynamic_update_slice: static forms, and windows that are written and read."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.attributes import integers
from oxide.dialects.constants import constant_value
from oxide.passes.canonicalize.matching import (
    again,
    is_static,
    pattern,
    producer,
    shape_of,
    splat,
    static_producer,
)


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


def _update_by_own_slice(op: ir.Operation) -> ir.Value | None:
    """dynamic_update_slice(x, dynamic_slice(x, i), i) -> x, and so for x[a:b] written back to a"""
    if not is_static(op):
        return None
    x, update, *starts = op.operands
    inner = static_producer(update, "stablehlo.dynamic_slice")
    if inner is not None:
        return x if list(inner.operands) == [x, *starts] else None
    inner = static_producer(update, "stablehlo.slice")
    if inner is None or inner.operands[0] != x or any(step != 1 for step in integers(inner, "strides")):
        return None
    return x if _known_starts(starts, shape_of(x), shape_of(update)) == integers(inner, "start_indices") else None


def _update_of_repeated_element(op: ir.Operation) -> ir.Value | None:
    """dynamic_update_slice(broadcast(v), y) at constant starts -> pad(y, v)"""
    if not is_static(op):
        return None
    x, update, *starts = op.operands
    value, element = _repeated(x), splat(x)
    begins = _known_starts(starts, shape_of(x), shape_of(update))
    if begins is None or (value is None and element is None):
        return None
    high = [n - size - a for n, size, a in zip(shape_of(x), shape_of(update), begins, strict=True)]
    return hlo.pad(update, hlo.constant(np.asarray(element)) if value is None else value, begins, high)


def _repeated(value: ir.Value) -> ir.Value | None:
    """The rank-0 value a broadcast repeats."""
    inner = static_producer(value, "stablehlo.broadcast_in_dim")
    return inner.operands[0] if inner is not None and not shape_of(inner.operands[0]) else None


def _slice_of_known_update(op: ir.Operation) -> ir.Value | None:
    """dynamic_update_slice(x, y)[within y] -> y[...], [outside y] -> x[...], for constant starts"""
    inner = static_producer(op.operands[0], "stablehlo.dynamic_update_slice")
    if inner is None or not is_static(op) or 0 in shape_of(op.results[0]):
        return None
    x, update, *begins = inner.operands
    sizes = shape_of(update)
    known = _known_starts(begins, shape_of(x), sizes)
    if known is None:
        return None
    starts, limits, strides = (integers(op, name) for name in ("start_indices", "limit_indices", "strides"))
    first = [start - begin for start, begin in zip(starts, known, strict=True)]
    last = [limit - begin for limit, begin in zip(limits, known, strict=True)]
    if any(b <= 0 or a >= size for a, b, size in zip(first, last, sizes, strict=True)):
        return hlo.slice(x, starts, limits, strides)
    within = all(a >= 0 and b <= size for a, b, size in zip(first, last, sizes, strict=True))
    return hlo.slice(update, first, last, strides) if within else None


def _dynamic_slice_of_broadcast(op: ir.Operation) -> ir.Value | None:
    """dynamic_slice(broadcast(x)) -> broadcast(x), where only dimensions are cut that the broadcast made"""
    inner = static_producer(op.operands[0], "stablehlo.broadcast_in_dim")
    if inner is None or not is_static(op):
        return None
    x, mapping, sizes = inner.operands[0], integers(inner, "broadcast_dimensions"), shape_of(op.results[0])
    if any(size not in (1, sizes[place]) for size, place in zip(shape_of(x), mapping, strict=True)) or 0 in sizes:
        return None
    return hlo.broadcast_in_dim(x, sizes, mapping)


PATTERNS = [
    pattern("static-dynamic-slice", "dynamic_slice", _dynamic_slice),
    pattern("full-update", "dynamic_update_slice", _full_update),
    pattern("update-of-update", "dynamic_update_slice", _update_of_update, reads=["dynamic_update_slice"]),
    pattern("update-by-own-slice", "dynamic_update_slice", _update_by_own_slice, reads=["dynamic_slice", "slice"]),
    pattern(
        "update-of-repeated-element",
        "dynamic_update_slice",
        _update_of_repeated_element,
        reads=["constant", "broadcast_in_dim"],
    ),
    pattern("slice-of-update", "dynamic_slice", _slice_of_update, reads=["dynamic_update_slice"]),
    pattern("slice-of-known-update", "slice", _slice_of_known_update, reads=["dynamic_update_slice"]),
    pattern("dynamic-slice-of-broadcast", "dynamic_slice", _dynamic_slice_of_broadcast, reads=["broadcast_in_dim"]),
]
