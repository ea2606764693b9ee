"""Reductions and sorts.

A sum of floats depends on its order, so floats only take part where every order gives the same bits: maxima and
minima.
"""

from __future__ import annotations

import math

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.attributes import integers
from oxide.dialects.constants import dense
from oxide.dialects.fold.contraction import reducer
from oxide.dialects.rewrite import Rewriter
from oxide.passes.canonicalize.arithmetic import NEUTRAL
from oxide.passes.canonicalize.matching import (
    Declined,
    has_one_use,
    is_complex,
    is_discrete,
    is_static,
    number,
    pattern,
    raw_pattern,
    same_element,
    shape_of,
    static_producer,
)

_IDEMPOTENT = {"and", "maximum", "minimum", "or"}


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
    name = (reducer(op) or "").removeprefix("stablehlo.")
    initial = number(op.operands[1])
    return initial is not None and name in NEUTRAL and NEUTRAL[name](initial)


def _reduce_of_unit_dimensions(op: ir.Operation) -> ir.Value | Declined | None:
    """reduce(x) over dimensions of size 1 (or none) from a neutral value -> reshape(x)"""
    if len(op.results) != 1 or not is_static(op) or reducer(op) is None:
        return None
    shape = shape_of(op.operands[0])
    if any(shape[axis] != 1 for axis in integers(op, "dimensions")):
        return None
    if not _starts_neutral(op):
        return Declined("its initial value is not neutral (a sum of floats starts at -0)")
    return hlo.reshape(op.operands[0], shape_of(op.results[0]))


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


def _reduced(op: ir.Operation, x: ir.Value, dimensions: list[int]) -> ir.Value:
    """`op` on another operand and other dimensions."""
    copy = op.clone()
    copy.operands[0] = x
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
    """reduce_window(x) with windows of one element from a neutral value -> x"""
    if len(op.results) != 1 or op.operands[0].type != op.results[0].type or not is_static(op):
        return None
    steps = [name for name in ("window_strides", "base_dilations") if name in op.attributes]
    ones = all(step == 1 for name in ("window_dimensions", *steps) for step in integers(op, name))
    padded = "padding" in op.attributes and bool(np.any(np.asarray(op.attributes["padding"])))
    return op.operands[0] if ones and not padded and _starts_neutral(op) else None


def _sort_of_one(op: ir.Operation, rewriter: Rewriter) -> bool:
    """sort(x) along a dimension of size 1 -> x"""
    if not is_static(op) or shape_of(op.operands[0])[ir.IntegerAttr(op.attributes["dimension"]).value] > 1:
        return False
    rewriter.replace(op, list(op.operands))
    return True


PATTERNS = [
    pattern("reduce-of-unit-dimensions", "reduce", _reduce_of_unit_dimensions),
    pattern("reduce-of-nothing", "reduce", _reduce_of_nothing),
    pattern("reduce-of-reduce", "reduce", _reduce_of_reduce),
    pattern("reduce-of-broadcast", "reduce", _reduce_of_broadcast),
    pattern("reduce-of-transpose", "reduce", _reduce_of_transpose),
    pattern("pad-into-window", "reduce_window", _pad_into_window),
    pattern("window-of-one", "reduce_window", _window_of_one),
    raw_pattern("sort-of-one", "sort", _sort_of_one),
]
