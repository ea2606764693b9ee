"""Iotas and broadcasts: the operations that repeat elements absorb what only moves or repeats them again."""

from __future__ import annotations

import math

import ml_dtypes
import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import dtypes, hlo
from oxide.dialects.attributes import integer, integers
from oxide.dialects.effects import ELEMENTWISE
from oxide.passes.canonicalize.matching import (
    again,
    has_one_use,
    is_static,
    number,
    pattern,
    producer,
    shape_of,
    splat,
    static_producer,
)
from oxide.passes.canonicalize.shapes import mapping_of_reshaped

_BROADCAST = "stablehlo.broadcast_in_dim"
# select and clamp take rank-0 operands as they are; a convert or compare changes the element type only.
_FUNCTIONS = sorted(name.removeprefix("stablehlo.") for name in ELEMENTWISE if name.startswith("stablehlo."))


def _iota(op: ir.Operation) -> tuple[ir.Operation, int] | None:
    """The iota an operation reads, with its dimension."""
    inner = static_producer(op.operands[0], "stablehlo.iota")
    return None if inner is None or not is_static(op) else (inner, integer(inner, "iota_dimension"))


def _counting(op: ir.Operation, axis: int) -> ir.Value:
    # The builder would evaluate a small one: an iota is smaller than its elements.
    return hlo.create("stablehlo.iota", [], [op.results[0].type], {"iota_dimension": hlo.i64(axis)}).results[0]


def _broadcast_of_iota(op: ir.Operation) -> ir.Value | None:
    """broadcast(iota) -> iota"""
    found = _iota(op)
    if found is None:
        return None
    inner, axis = found
    target = integers(op, "broadcast_dimensions")[axis]
    same = shape_of(inner.results[0])[axis] == shape_of(op.results[0])[target]
    return _counting(op, target) if same else None


def _transpose_of_iota(op: ir.Operation) -> ir.Value | None:
    """transpose(iota) -> iota"""
    found = _iota(op)
    return None if found is None else _counting(op, integers(op, "permutation").index(found[1]))


def _reshape_of_iota(op: ir.Operation) -> ir.Value | None:
    """reshape(iota) -> iota, where one dimension of the result still does all the counting"""
    found = _iota(op)
    if found is None:
        return None
    inner, axis = found
    source, target = shape_of(inner.results[0]), shape_of(op.results[0])
    period, count = math.prod(source[axis + 1 :]), source[axis]
    for place, size in enumerate(target):
        if size == count and math.prod(target[place + 1 :]) == period:
            return _counting(op, place)
    return None


def _slice_of_iota(op: ir.Operation) -> ir.Value | None:
    """iota[:n] -> iota, whatever is taken of the other dimensions"""
    found = _iota(op)
    if found is None:
        return None
    axis = found[1]
    from_start = integers(op, "start_indices")[axis] == 0 and integers(op, "strides")[axis] == 1
    return _counting(op, axis) if from_start else None


def _reverse_of_iota(op: ir.Operation) -> ir.Value | None:
    """reverse(iota) along dimensions it does not count -> iota"""
    found = _iota(op)
    return op.operands[0] if found is not None and found[1] not in integers(op, "dimensions") else None


def _convert_of_iota(op: ir.Operation) -> ir.Value | None:
    """convert(iota) -> iota, where both types hold all its numbers"""
    found = _iota(op)
    if found is None:
        return None
    inner, axis = found
    last = shape_of(inner.results[0])[axis] - 1
    if not all(_holds_count(hlo.dtype(value), last) for value in (inner.results[0], op.results[0])):
        return None
    return _counting(op, axis)


def counts_up(iota: ir.Operation) -> bool:
    """True for a static iota whose type holds all its numbers."""
    value = iota.results[0]
    return _holds_count(hlo.dtype(value), shape_of(value)[integer(iota, "iota_dimension")] - 1)


def _holds_count(dtype: np.dtype, last: int) -> bool:
    """True when 0, 1, ..., last are numbers of a type."""
    if dtype == np.bool_ or dtypes.is_complex(dtype):
        return False
    if dtypes.is_integer(dtype):
        return last <= int(ml_dtypes.iinfo(dtype).max)
    return last <= 2 ** (ml_dtypes.finfo(dtype).nmant + 1) and last <= float(ml_dtypes.finfo(dtype).max)


def _slice_of_broadcast(op: ir.Operation) -> ir.Value | None:
    """broadcast(x)[...] -> broadcast(x), where only dimensions are cut that the broadcast made"""
    inner = static_producer(op.operands[0], _BROADCAST)
    if inner is None or not is_static(op):
        return None
    mapping = integers(inner, "broadcast_dimensions")
    operand, source, target = (shape_of(v) for v in (inner.operands[0], op.operands[0], op.results[0]))
    own = [place for axis, place in enumerate(mapping) if operand[axis] != 1]
    if any(source[place] != target[place] for place in own) or 0 in target:
        return None
    # A slice of the same size starts at 0 with stride 1.
    return hlo.broadcast_in_dim(inner.operands[0], target, mapping)


def _reverse_of_broadcast(op: ir.Operation) -> ir.Value | None:
    """reverse(broadcast(x)) along dimensions the broadcast made -> broadcast(x)"""
    inner = static_producer(op.operands[0], _BROADCAST)
    if inner is None:
        return None
    shape = shape_of(inner.operands[0])
    own = {place for axis, place in enumerate(integers(inner, "broadcast_dimensions")) if shape[axis] != 1}
    return None if own & set(integers(op, "dimensions")) else op.operands[0]


def _concatenate_of_broadcasts(op: ir.Operation) -> ir.Value | None:
    """concatenate(broadcast(x), broadcast(x)) along a dimension the broadcasts made -> broadcast(x)"""
    inners = [static_producer(piece, _BROADCAST) for piece in op.operands]
    known = [inner for inner in inners if inner is not None]
    if len(known) < len(inners) or len(known) < 2 or not is_static(op):
        return None
    first, axis = known[0], integer(op, "dimension")
    mapping = integers(first, "broadcast_dimensions")
    same = all(
        inner.operands[0] == first.operands[0] and integers(inner, "broadcast_dimensions") == mapping
        for inner in known
    )
    stretched = axis not in mapping or shape_of(first.operands[0])[mapping.index(axis)] == 1
    return hlo.broadcast_in_dim(first.operands[0], shape_of(op.results[0]), mapping) if same and stretched else None


def _pad_of_repeated_element(op: ir.Operation) -> ir.Value | None:
    """pad(broadcast(v), v) -> broadcast(v), and pad of nothing by v -> broadcast(v)"""
    if not is_static(op):
        return None
    x, value = op.operands
    amounts = [*integers(op, "edge_padding_low"), *integers(op, "edge_padding_high")]
    inner = static_producer(x, _BROADCAST)
    repeated = inner is not None and inner.operands[0] == value
    element, padding = splat(x), splat(value)
    if element is not None and padding is not None:
        repeated = element.tobytes() == padding.tobytes()
    if not (repeated and min(amounts, default=0) >= 0) and 0 not in shape_of(x):
        return None
    return hlo.broadcast_in_dim(value, shape_of(op.results[0]), [])


def _will_change(broadcast: ir.Operation) -> bool:
    """True for a broadcast that is to take in its operand first, whichever of the rules is tried first."""
    reshape = static_producer(broadcast.operands[0], "stablehlo.reshape")
    if reshape is None:
        return producer(broadcast.operands[0], _BROADCAST) is not None
    return mapping_of_reshaped(broadcast, reshape) is not None


def _function_of_broadcasts(op: ir.Operation) -> ir.Value | None:
    """f(broadcast(x), broadcast(y), c) -> broadcast(f(x, y, c)), where the broadcasts are alike and die"""
    inners = [producer(value, _BROADCAST) for value in op.operands]
    known = [inner for inner in inners if inner is not None]
    if not known or not is_static(op):
        return None
    first = known[0]
    if _will_change(first):
        return None
    kind, mapping = shape_of(first.operands[0]), integers(first, "broadcast_dimensions")
    # What is computed before the repetition must be less than what is computed after it.
    if math.prod(kind) >= math.prod(shape_of(op.results[0])) or not any(
        has_one_use(inner.results[0]) for inner in known
    ):
        return None
    operands = []
    for value, inner in zip(op.operands, inners, strict=True):
        if inner is not None:
            if shape_of(inner.operands[0]) != kind or integers(inner, "broadcast_dimensions") != mapping:
                return None
            operands.append((inner.operands[0], None))
        elif not shape_of(value):
            operands.append((value, None))  # select and clamp take rank-0 operands at any shape
        else:
            element = number(value)
            if element is None:
                return None
            operands.append((None, element))
    small = [value if value is not None else hlo.full(kind, element, element.dtype) for value, element in operands]
    result = ir.RankedTensorType.get(kind, hlo.element_type(op.results[0]))
    return hlo.broadcast_in_dim(again(op, small, result), shape_of(op.results[0]), mapping)


PATTERNS = [
    pattern("broadcast-of-iota", "broadcast_in_dim", _broadcast_of_iota, reads=["iota"]),
    pattern("transpose-of-iota", "transpose", _transpose_of_iota, reads=["iota"]),
    pattern("reshape-of-iota", "reshape", _reshape_of_iota, reads=["iota"]),
    pattern("slice-of-iota", "slice", _slice_of_iota, reads=["iota"]),
    pattern("reverse-of-iota", "reverse", _reverse_of_iota, reads=["iota"]),
    pattern("convert-of-iota", "convert", _convert_of_iota, reads=["iota"]),
    pattern("slice-of-broadcast", "slice", _slice_of_broadcast, reads=["broadcast_in_dim"]),
    pattern("reverse-of-broadcast", "reverse", _reverse_of_broadcast, reads=["broadcast_in_dim"]),
    pattern("concatenate-of-broadcasts", "concatenate", _concatenate_of_broadcasts, reads=["broadcast_in_dim"]),
    pattern("pad-of-repeated-element", "pad", _pad_of_repeated_element),
    pattern("function-of-broadcasts", _FUNCTIONS, _function_of_broadcasts, reads=["broadcast_in_dim"]),
]
