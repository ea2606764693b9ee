"""Positions along a dimension: one-hot encodings and running reductions."""

from __future__ import annotations

import numpy as np
from jaxlib.mlir import ir
from jaxlib.mlir.dialects import stablehlo

from oxide.dialects import dtypes, hlo
from oxide.dialects.attributes import integer, integers, keyword
from oxide.dialects.constants import constant_value
from oxide.dialects.fold.contraction import reducer
from oxide.dialects.hlo.reductions import KINDS
from oxide.passes.canonicalize.matching import Declined, number, producer, shape_of
from oxide.passes.raise_.known import known_array
from oxide.passes.raise_.matching import Raised, rule
from oxide.passes.raise_.views import View

_KIND = {f"stablehlo.{name}": name for name in ("add", "multiply")}
_KIND |= {"stablehlo.maximum": "max", "stablehlo.minimum": "min"}

# The identity matrices that are looked at.
_ROWS = 4096


def _one_hot(op: ir.Operation) -> Raised | None:
    """convert(indices == iota along a new dimension) -> one_hot(indices)"""
    compared = producer(op.operands[0], "stablehlo.compare")
    if compared is None or keyword(compared, "comparison_direction") != "EQ":
        return None
    if not dtypes.is_integer(hlo.dtype(compared.operands[0])):
        return None
    for indices, positions in (compared.operands, reversed(list(compared.operands))):
        view, axis = View.whole(indices).source(), _counted(positions)
        depth = 0 if axis is None else shape_of(positions)[axis]
        others = tuple(a for a in range(hlo.rank(positions)) if a != axis)
        # A depth of 1 has no dimension that is surely the new one.
        if (
            axis is None
            or depth < 2
            or view.lies_along() != tuple(a for a in others if shape_of(positions)[a] != 1)
        ):
            continue
        attributes = {"depth": depth, "axis": axis, "dtype": dtypes.spelling(hlo.dtype(op.results[0]))}
        shape = [shape_of(positions)[a] for a in others]
        return Raised("one_hot", [view.value], attributes, lambda v=view.value, s=shape: [hlo.reshape(v, s)])
    return None


def _counted(value: ir.Value) -> int | None:
    """The dimension along which a value counts 0, 1, 2, ..."""
    view = View.whole(value).source()
    counter = producer(view.value, "stablehlo.iota")
    if counter is not None:
        return view.along[integer(counter, "iota_dimension")]
    array = constant_value(view.value)
    if array is None or not array.size:
        return None
    for axis, size in enumerate(array.shape):
        steps = np.arange(size).astype(array.dtype).reshape([-1 if a == axis else 1 for a in range(array.ndim)])
        if size > 1 and (array == steps).all():
            return view.along[axis]
    return None


def _row_of_identity(op: ir.Operation) -> Raised | None:
    """gather(identity matrix, indices) -> one_hot(clamp(indices))"""
    table, indices = op.operands
    numbers = stablehlo.GatherDimensionNumbers(op.attributes["dimension_numbers"])
    size = shape_of(table)[0] if hlo.rank(table) else 0
    rows = [list(numbers.collapsed_slice_dims), list(numbers.start_index_map)] == [[0], [0]]
    if shape_of(table) != [size, size] or integers(op, "slice_sizes") != [1, size] or not rows or size > _ROWS:
        return None
    identity = known_array(table)
    if identity is None or not (identity == np.eye(size)).all():
        return None
    (axis,) = numbers.offset_dims
    shape = [d for a, d in enumerate(shape_of(indices)) if a != numbers.index_vector_dim]
    attributes = {"depth": size, "axis": axis, "dtype": dtypes.spelling(hlo.dtype(op.results[0]))}

    def operands() -> list[ir.Value]:
        return [hlo.clamp(0, hlo.reshape(indices, shape), size - 1)]

    return Raised("one_hot", [indices], attributes, operands)


def _cumulative(op: ir.Operation) -> Raised | Declined | None:
    """reduce_window that reaches from each element to the first or the last one -> cumulative(x)"""
    logical = hlo.dtype(op.operands[0]) == np.bool_
    kind = None if logical or len(op.operands) != 2 else _KIND.get(reducer(op) or "")
    x, initial = op.operands[0], number(op.operands[1])
    shape, rank = shape_of(x), hlo.rank(x)
    window = integers(op, "window_dimensions")
    wide = [axis for axis, size in enumerate(window) if size != 1]
    if kind is None or initial is None or len(wide) != 1 or window[wide[0]] != shape[wide[0]]:
        return None
    (axis,) = wide
    ones = ("window_strides", "base_dilations", "window_dilations")
    if any(name in op.attributes and set(integers(op, name)) != {1} for name in ones):
        return None
    padding = [[0, 0]] * rank if "padding" not in op.attributes else _padding(op)
    size = shape[axis]
    # Without its own element the window of each reaches to the one before, and the first is padding alone.
    reach = {(size - 1, 0): (False, False), (0, size - 1): (True, False)}
    reach |= {(size, -1): (False, True), (-1, size): (True, True)}
    if any(sides != [0, 0] for a, sides in enumerate(padding) if a != axis) or tuple(padding[axis]) not in reach:
        return None
    reverse, exclusive = reach[padding[axis][0], padding[axis][1]]
    neutral = np.asarray(KINDS[kind][1](initial.dtype), initial.dtype)
    if neutral.tobytes() != initial.tobytes():
        return Declined(f"the sum, product or extremum starts at {initial}, that of oxide.cumulative at {neutral}")
    before, after = ([amount * (a == axis) for a in range(rank)] for amount in (1, -1))

    def operands() -> list[ir.Value]:
        sides = (after, before) if reverse else (before, after)
        return [hlo.pad(x, op.operands[1], *sides) if exclusive else x]

    return Raised("cumulative", [x], {"kind": kind, "axis": axis, "reverse": reverse}, operands)


def _padding(op: ir.Operation) -> list[list[int]]:
    return np.asarray(ir.DenseIntElementsAttr(op.attributes["padding"])).tolist()


PATTERNS = [
    rule("raise-row-of-identity", ["stablehlo.gather"], _row_of_identity),
    rule("raise-one-hot", ["stablehlo.convert"], _one_hot),
    rule("raise-cumulative", ["stablehlo.reduce_window"], _cumulative),
]
