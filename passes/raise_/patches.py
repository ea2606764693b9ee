"""Which elements of one tensor another is made of, however they were moved."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxlib.mlir import ir
from jaxlib.mlir.dialects import stablehlo

from oxide.dialects import hlo
from oxide.dialects.attributes import integer, integers
from oxide.dialects.fold.movement import RULES
from oxide.passes.canonicalize.matching import is_static, number, shape_of
from oxide.passes.raise_.known import known_array

# A larger tensor is not looked through: its positions would take longer to compute than they are worth.
MOST_ELEMENTS = 1 << 23
_MOST_OPERATIONS = 4096

# The operands that an operation moves; the others are constants that say where to.
_FIRST = ("broadcast_in_dim", "gather", "pad", "reshape", "reverse", "slice", "transpose")
_MOVED: dict[str, Callable[[ir.Operation], Sequence[ir.Value]]] = {
    **{f"stablehlo.{name}": lambda op: [op.operands[0]] for name in _FIRST},
    "stablehlo.concatenate": lambda op: list(op.operands),
    "stablehlo.convolution": lambda op: [op.operands[0]],
}


@dataclass(frozen=True)
class Patches:
    """A tensor of the elements of `source`: their positions in it, counted from 1, and 0 where the tensor is 0."""

    source: ir.Value
    positions: np.ndarray


def patches(value: ir.Value) -> Iterator[Patches]:
    """A value as elements of what it is moved from, then of what lies between the two; nothing where it is made
    of several tensors or where no element is moved but by reshapes and transposes."""
    inside = _moves(value)
    if inside is None or not 0 < hlo.size(value) <= MOST_ELEMENTS:
        return
    members = set(inside)
    leaves = {v for op in inside for v in _MOVED[op.name](op) if not _is_inside(v, members) and number(v) != 0}
    if len(leaves) != 1:
        return
    (source,) = leaves
    while source != value and hlo.size(source) <= MOST_ELEMENTS:
        positions = _positions(value, source, inside)
        if positions is None:
            return
        yield Patches(source, positions)
        users = [op for op in inside if source in list(op.operands)]
        if len(users) != 1:
            return
        source = users[0].results[0]


def _moves(value: ir.Value) -> list[ir.Operation] | None:
    """The operations that move elements to `value`, operands first; None where none of them takes a window."""
    found: dict[ir.Operation, None] = {}
    pending = [(value, False)]
    while pending:
        current, done = pending.pop()
        if isinstance(current.owner, ir.Block) or number(current) == 0 or current.owner.operation in found:
            continue
        op = current.owner.operation
        if op.name not in _MOVED or not _is_known_move(op):
            continue
        if done:
            found[op] = None
        elif len(found) < _MOST_OPERATIONS:
            pending += [(current, True), *((v, False) for v in _MOVED[op.name](op))]
    repeating = any(op.name.split(".")[1] in ("concatenate", "convolution", "gather") for op in found)
    return list(found) if repeating else None


def _is_known_move(op: ir.Operation) -> bool:
    match op.name.split(".")[1]:
        case "pad":
            known = number(op.operands[1]) == 0
        case "gather":
            known = known_array(op.operands[1]) is not None
        case "convolution":
            known = _taps(op) is not None
        case _:
            known = True
    return known and is_static(op)


def _is_inside(value: ir.Value, members: set[ir.Operation]) -> bool:
    return not isinstance(value.owner, ir.Block) and value.owner.operation in members


def _positions(value: ir.Value, source: ir.Value, inside: Sequence[ir.Operation]) -> np.ndarray | None:
    count = hlo.size(source)
    known = {source: np.arange(1, count + 1, dtype=np.int32).reshape(shape_of(source))}

    def of(operand: ir.Value) -> np.ndarray | None:
        if number(operand) == 0 and operand not in known:
            return np.broadcast_to(np.int32(0), shape_of(operand))
        return known.get(operand)

    for op in inside:
        result = op.results[0]
        moved = [of(v) for v in _MOVED[op.name](op)]
        arrays = [array for array in moved if array is not None]
        if result == source or len(arrays) < len(moved) or hlo.size(result) > 2 * MOST_ELEMENTS:
            continue
        if op.name == "stablehlo.convolution":
            known[result] = _selected(op, arrays[0])
            continue
        if op.name == "stablehlo.pad":
            arrays.append(np.asarray(0, np.int32))
        elif op.name == "stablehlo.gather" and (indices := known_array(op.operands[1])) is not None:
            arrays.append(indices)
        known[result] = np.asarray(RULES[op.name](op, arrays))
    return known.get(value)


def _taps(op: ir.Operation) -> np.ndarray | None:
    """For each feature of a convolution the one position of its kernel that is 1, where all others are 0.

    So JAX makes patches, as products by 1 and 0.
    """
    kernel = known_array(op.operands[1])
    if kernel is None or integer(op, "batch_group_count") != 1:
        return None
    if "lhs_dilation" in op.attributes and set(integers(op, "lhs_dilation")) != {1}:
        return None
    if "window_reversal" in op.attributes and any(ir.DenseBoolArrayAttr(op.attributes["window_reversal"])):
        return None
    numbers = stablehlo.ConvDimensionNumbers(op.attributes["dimension_numbers"])
    order = [numbers.kernel_output_feature_dimension, numbers.kernel_input_feature_dimension]
    flat = kernel.transpose([*order, *numbers.kernel_spatial_dimensions]).reshape(kernel.shape[order[0]], -1)
    exact = ((flat == 0) | (flat == 1)).all() and (flat == 1).sum(1).tolist() == [1] * len(flat)
    return flat.argmax(1) if exact else None


def _selected(op: ir.Operation, array: np.ndarray) -> np.ndarray:
    """What such a convolution takes of an array."""
    numbers = stablehlo.ConvDimensionNumbers(op.attributes["dimension_numbers"])
    spatial = list(numbers.kernel_spatial_dimensions)
    shape = shape_of(op.operands[1])
    inner, window = shape[numbers.kernel_input_feature_dimension], [shape[a] for a in spatial]
    ones = [1] * len(window)
    strides = integers(op, "window_strides") if "window_strides" in op.attributes else ones
    dilation = integers(op, "rhs_dilation") if "rhs_dilation" in op.attributes else ones
    padding = [(0, 0)] * len(window)
    if "padding" in op.attributes:
        padding = np.asarray(ir.DenseIntElementsAttr(op.attributes["padding"])).tolist()
    order = [numbers.input_batch_dimension, numbers.input_feature_dimension, *numbers.input_spatial_dimensions]
    x = array.transpose(order)
    for axis, (low, high) in enumerate(padding, 2):
        x = np.pad(x, [(max(low, 0), max(high, 0)) if a == axis else (0, 0) for a in range(x.ndim)])
        x = x[(slice(None),) * axis + (slice(max(-low, 0), x.shape[axis] - max(-high, 0)),)]
    out = [shape_of(op.results[0])[a] for a in numbers.output_spatial_dimensions]
    taps = _taps(op)
    assert taps is not None
    each = len(taps) // integer(op, "feature_group_count")
    features = []
    for feature, tap in enumerate(taps):
        channel, *steps = np.unravel_index(tap, [inner, *window])
        index = [
            slice(k * d, k * d + (n - 1) * s + 1, s)
            for k, d, s, n in zip(map(int, steps), dilation, strides, out, strict=True)
        ]
        features.append(x[(slice(None), feature // each * inner + int(channel), *index)])
    result = np.stack(features, 1)
    back = [numbers.output_batch_dimension, numbers.output_feature_dimension, *numbers.output_spatial_dimensions]
    return result.transpose(np.argsort(back))
