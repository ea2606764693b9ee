"""Reductions and sorts.

A sum of floats depends on its order, so floats only take part where every order gives the same bits: maxima and
minima.
"""

from __future__ import annotations

import math

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.attributes import integer, integers, keyword
from oxide.dialects.constants import dense
from oxide.dialects.fold.contraction import reducer
from oxide.dialects.rewrite import Rewriter
from oxide.passes.canonicalize.arithmetic import NEUTRAL
from oxide.passes.canonicalize.iotas import counts_up
from oxide.passes.canonicalize.matching import (
    built,
    has_one_use,
    is_complex,
    is_discrete,
    is_static,
    number,
    pattern,
    producer,
    raw_pattern,
    same_element,
    shape_of,
    static_producer,
)
from oxide.passes.canonicalize.regions import blocks_of, terminator

_IDEMPOTENT = {"and", "maximum", "minimum", "or"}
_COMMUTATIVE = _IDEMPOTENT | {"add", "multiply", "xor"}


def _reduction(op: ir.Operation) -> str | None:
    """The short name of the operation a reduction of one operand applies, when its order does not matter."""
    if len(op.results) != 1 or len(op.operands) != 2:
        return None
    name = (reducer(op) or "").removeprefix("stablehlo.")
    x = op.operands[0]
    exact = not is_complex(x) if name in _IDEMPOTENT else name in {"add", "multiply", "xor"} and is_discrete(x)
    return name if exact else None


def _starts_neutral(op: ir.Operation) -> bool:
    """True when the initial value of a reduction changes no element."""
    return _is_neutral((reducer(op) or "").removeprefix("stablehlo."), op.operands[1])


def _is_neutral(name: str, value: ir.Value) -> bool:
    element = number(value)
    return element is not None and name in NEUTRAL and NEUTRAL[name](element)


def _reduce_of_unit_dimensions(op: ir.Operation) -> ir.Value | None:
    """reduce(x) over dimensions of size 1 (or none) from a neutral value -> reshape(x), from another v ->
    f(reshape(x), v)"""
    if len(op.results) != 1 or not is_static(op):
        return None
    shape, name = shape_of(op.operands[0]), (reducer(op) or "").removeprefix("stablehlo.")
    if any(shape[axis] != 1 for axis in integers(op, "dimensions")) or name not in _COMMUTATIVE:
        return None
    x = hlo.reshape(op.operands[0], shape_of(op.results[0]))
    if _starts_neutral(op):
        return x
    return built(name, op.results[0], x, hlo.broadcast_in_dim(op.operands[1], shape_of(x), []))


def _reduce_of_nothing(op: ir.Operation) -> ir.Value | None:
    """reduce(x) over no element -> the initial value"""
    if len(op.results) != 1 or not is_static(op) or math.prod(shape_of(op.operands[0])):
        return None
    return hlo.broadcast_in_dim(op.operands[1], shape_of(op.results[0]), [])


def _reduce_of_reduce(op: ir.Operation) -> ir.Value | None:
    """reduce(reduce(x, a), b) -> reduce(x, a and b), for maxima, minima and integers"""
    inner = static_producer(op.operands[0], "stablehlo.reduce")
    if inner is None or _reduction(op) is None or _reduction(inner) != _reduction(op) or not is_static(op):
        return None
    if not has_one_use(op.operands[0]) or not _starts_neutral(inner):
        return None
    first = integers(inner, "dimensions")
    kept = [axis for axis in range(len(shape_of(inner.operands[0]))) if axis not in first]
    return _reduced(op, inner.operands[0], sorted([*first, *(kept[axis] for axis in integers(op, "dimensions"))]))


def _reduce_of_broadcast(op: ir.Operation) -> ir.Value | None:
    """reduce(broadcast(x)) -> reduce(x) over the dimensions x has, for maxima and minima; n * reduce(x) for sums of
    integers"""
    inner = static_producer(op.operands[0], "stablehlo.broadcast_in_dim")
    if inner is None or not is_static(op):
        return None
    mapping, dimensions = integers(inner, "broadcast_dimensions"), integers(op, "dimensions")
    made = [axis for axis in dimensions if axis not in mapping]
    shape = shape_of(op.operands[0])
    if not made or 0 in shape or mapping != sorted(mapping):
        return None
    # Of integers, since _reduction answers add for nothing else; bools would not count.
    sums = _reduction(op) == "add" and hlo.dtype(op.results[0]) != np.bool_ and _starts_neutral(op)
    if not sums and _reduction(op) not in _IDEMPOTENT:
        return None
    # The broadcast without the dimensions that would be reduced again.
    kept = [axis for axis in range(len(shape)) if axis not in made]
    places = [kept.index(axis) for axis in mapping]
    smaller = hlo.broadcast_in_dim(inner.operands[0], [shape[axis] for axis in kept], places)
    result = _reduced(op, smaller, [kept.index(axis) for axis in dimensions if axis not in made])
    count = math.prod(shape[axis] for axis in made)
    return hlo.multiply(result, hlo.full_like(result, count)) if sums else result


def _reduce_of_transpose(op: ir.Operation) -> ir.Value | None:
    """reduce(transpose(x)) -> reduce(x), for maxima, minima and integers, where the rest keeps its order"""
    inner = static_producer(op.operands[0], "stablehlo.transpose")
    if inner is None or _reduction(op) is None or not is_static(op):
        return None
    permutation, dimensions = integers(inner, "permutation"), integers(op, "dimensions")
    rest = [permutation[axis] for axis in range(len(permutation)) if axis not in dimensions]
    if rest != sorted(rest):
        return None
    return _reduced(op, inner.operands[0], sorted(permutation[axis] for axis in dimensions))


def _reduce_of_reshape(op: ir.Operation) -> ir.Value | None:
    """reduce(reshape(x)) -> reduce(x), where what is reduced and what stays are whole dimensions of x"""
    inner = static_producer(op.operands[0], "stablehlo.reshape")
    if inner is None or len(op.results) != 1 or not is_static(op) or 0 in shape_of(op.operands[0]):
        return None
    source, target = shape_of(inner.operands[0]), shape_of(op.operands[0])
    reduced = set(integers(op, "dimensions"))
    dimensions: list[int] = []
    for before, after in _common_groups(source, target):
        gone = {axis in reduced for axis in after if target[axis] != 1}
        if len(gone) > 1:
            return None
        if gone == {True}:
            dimensions.extend(before)
    rest = [size for axis, size in enumerate(source) if axis not in dimensions and size != 1]
    if rest != [size for size in shape_of(op.results[0]) if size != 1]:
        return None
    return hlo.reshape(_reduced(op, inner.operands[0], dimensions), shape_of(op.results[0]))


def _reduce_of_padded(op: ir.Operation) -> ir.Value | None:
    """reduce(pad(x, v)) -> reduce(x) over all padded dimensions of a neutral v, for maxima, minima and integers"""
    inner = static_producer(op.operands[0], "stablehlo.pad")
    name = _reduction(op)
    if inner is None or name is None or not is_static(op) or not _is_neutral(name, inner.operands[1]):
        return None
    amounts = zip(integers(inner, "edge_padding_low"), integers(inner, "edge_padding_high"), strict=True)
    dimensions, shape = integers(op, "dimensions"), shape_of(op.operands[0])
    for axis, (low, high) in enumerate(amounts):
        cuts = min(low, high) < 0
        if cuts or (axis not in dimensions and shape[axis] != shape_of(inner.operands[0])[axis]):
            return None
    return _reduced(op, inner.operands[0], dimensions)


def _common_groups(source: list[int], target: list[int]) -> list[tuple[list[int], list[int]]]:
    """The shortest runs of dimensions of two shapes of the same elements that hold as many elements each."""
    groups = []
    i = j = 0
    while i < len(source) or j < len(target):
        before, after = [], []
        left = right = 1
        while left != right or not (before or after):
            if j == len(target) or (i < len(source) and left <= right):
                before.append(i)
                left *= source[i]
                i += 1
            else:
                after.append(j)
                right *= target[j]
                j += 1
        groups.append((before, after))
    return groups


def _reduced(op: ir.Operation, x: ir.Value, dimensions: list[int]) -> ir.Value:
    """`op` on another operand and other dimensions."""
    rest = [size for axis, size in enumerate(shape_of(x)) if axis not in dimensions]
    copy = op.clone()
    copy.operands[0] = x
    copy.results[0].set_type(ir.RankedTensorType.get(rest, hlo.element_type(op.results[0])))
    copy.attributes["dimensions"] = ir.DenseI64ArrayAttr.get(dimensions)
    return copy.results[0]


def _pad_into_window(op: ir.Operation) -> ir.Value | None:
    """reduce_window(pad(x, v), v) -> reduce_window(x, v) with more padding"""
    pad = static_producer(op.operands[0], "stablehlo.pad")
    if pad is None or len(op.results) != 1 or not is_static(op) or not has_one_use(op.operands[0]):
        return None
    low, high = integers(pad, "edge_padding_low"), integers(pad, "edge_padding_high")
    if any(integers(pad, "interior_padding")) or min([*low, *high], default=0) < 0:
        return None
    # Padding is counted after dilation.
    if "base_dilations" in op.attributes and any(step != 1 for step in integers(op, "base_dilations")):
        return None
    if not same_element(pad.operands[1], op.operands[1]):
        return None
    added = np.array([low, high], np.int64).T.reshape(len(low), 2)
    padding = added + (np.asarray(op.attributes["padding"]) if "padding" in op.attributes else 0)
    copy = op.clone()
    copy.operands[0] = pad.operands[0]
    copy.attributes["padding"] = dense(padding)
    return copy.results[0]


def _window_of_one(op: ir.Operation) -> ir.Value | None:
    """reduce_window(x) with windows of one element from a neutral value -> x[::strides]"""
    if len(op.results) != 1 or not is_static(op) or any(size != 1 for size in integers(op, "window_dimensions")):
        return None
    dilated = "base_dilations" in op.attributes and any(step != 1 for step in integers(op, "base_dilations"))
    padded = "padding" in op.attributes and bool(np.any(np.asarray(op.attributes["padding"])))
    if dilated or padded or not _starts_neutral(op):
        return None
    shape = shape_of(op.operands[0])
    strides = integers(op, "window_strides") if "window_strides" in op.attributes else [1] * len(shape)
    return hlo.slice(op.operands[0], [0] * len(shape), shape, strides)


def _sort_of_one(op: ir.Operation, rewriter: Rewriter) -> bool:
    """sort(x) along a dimension of size 1 -> x"""
    if not is_static(op) or shape_of(op.operands[0])[integer(op, "dimension")] > 1:
        return False
    rewriter.replace(op, list(op.operands))
    return True


def _sort_of_iota(op: ir.Operation, rewriter: Rewriter) -> bool:
    """sort by an operand that counts along the dimension, in ascending order -> its operands"""
    (block,) = blocks_of(op)
    order = producer(terminator(block).operands[0], "stablehlo.compare")
    if order is None or keyword(order, "comparison_direction") not in ("LT", "LE"):
        return False
    arguments = list(block.arguments)
    for place, operand in enumerate(op.operands):
        iota = producer(operand, "stablehlo.iota")
        compares = list(order.operands) == arguments[2 * place : 2 * place + 2]
        if iota is None or not compares or integer(iota, "iota_dimension") != integer(op, "dimension"):
            continue
        # Beyond the limits of its type an iota starts again.
        if not is_static(iota) or not counts_up(iota):
            continue
        rewriter.replace(op, list(op.operands))
        return True
    return False


PATTERNS = [
    pattern("reduce-of-unit-dimensions", "reduce", _reduce_of_unit_dimensions),
    pattern("reduce-of-nothing", "reduce", _reduce_of_nothing),
    pattern("reduce-of-reduce", "reduce", _reduce_of_reduce, reads=["reduce"]),
    pattern("reduce-of-broadcast", "reduce", _reduce_of_broadcast, reads=["broadcast_in_dim"]),
    pattern("reduce-of-transpose", "reduce", _reduce_of_transpose, reads=["transpose"]),
    pattern("reduce-of-reshape", "reduce", _reduce_of_reshape, reads=["reshape"]),
    pattern("reduce-of-padded", "reduce", _reduce_of_padded, reads=["pad"]),
    pattern("pad-into-window", "reduce_window", _pad_into_window, reads=["pad"]),
    pattern("window-of-one", "reduce_window", _window_of_one, reads=["constant"]),
    raw_pattern("sort-of-one", "sort", _sort_of_one),
    raw_pattern("sort-of-iota", "sort", _sort_of_iota, reads=["iota"]),
]
