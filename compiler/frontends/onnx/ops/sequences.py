"""Sequences and optionals: Python lists and None while the model is imported, gone afterwards.

An operator whose only result is a sequence returns it in a tuple, since a list is several results.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxlib.mlir import ir
from onnx import TypeProto

from oxide.dialects import hlo
from oxide.frontends.onnx.graph import Graph
from oxide.frontends.onnx.registry import ABSENT, Node, lowering

Sequence = list[Any]


def _sequence(node: Node, value: Any, name: str) -> Sequence:
    if not isinstance(value, list):
        raise node.error(f"input {name} must be a sequence")
    return value


def _position(node: Node, position: ir.Value | None, length: int, default: int) -> int:
    """A known position; negative ones count from the end.  `length` is the first position out of range."""
    if position is None:
        return default
    known = node.number(position, "position")
    if not -length <= known < length:
        raise node.error(f"position {known} is out of range for {length} places in the sequence")
    return known + length if known < 0 else known


@lowering("Identity", 1, 13, 14, 16, 19, 21, 23, 24, 25)
def identity(node: Node, x: Any = None) -> tuple[Any]:
    """A value of any kind, also an absent optional."""
    return (ABSENT if x is None else x,)


# ---------------------------------------------------------------------------------------------- sequences


@lowering("SequenceConstruct", 11)
def sequence_construct(node: Node, *inputs: Any) -> tuple[Sequence]:
    return (list(inputs),)


@lowering("SequenceEmpty", 11)
def sequence_empty(node: Node, *, dtype: int | None = None) -> tuple[Sequence]:
    """An empty sequence; its element type is that of what is put in."""
    return ([],)


@lowering("SequenceAt", 11)
def sequence_at(node: Node, input_sequence: Sequence, position: ir.Value) -> Any:
    """A run-time position picks from tensors of one type only."""
    elements = _sequence(node, input_sequence, "input_sequence")
    alike = all(isinstance(v, ir.Value) and v.type == elements[0].type for v in elements)
    if elements and alike and node.static_or_none(position) is None:
        index = hlo.wrap_indices(hlo.reshape(position, []), len(elements))
        return hlo.element_at(hlo.stack(elements, 0), index)
    return (elements[_position(node, position, len(elements), 0)],)


@lowering("SequenceErase", 11)
def sequence_erase(node: Node, input_sequence: Sequence, position: ir.Value | None = None) -> tuple[Sequence]:
    elements = _sequence(node, input_sequence, "input_sequence")
    if not elements:
        raise node.error("the sequence is empty")
    erased = _position(node, position, len(elements), len(elements) - 1)
    return ([v for i, v in enumerate(elements) if i != erased],)


@lowering("SequenceInsert", 11)
def sequence_insert(
    node: Node, input_sequence: Sequence, tensor: Any, position: ir.Value | None = None
) -> tuple[Sequence]:
    """Before the element at `position`, which may be one past the last; at the end by default."""
    elements = _sequence(node, input_sequence, "input_sequence")
    if position is None:
        return ([*elements, tensor],)
    known = node.number(position, "position")
    if not -len(elements) <= known <= len(elements):
        raise node.error(f"position {known} is out of range for a sequence of {len(elements)}")
    place = known + len(elements) if known < 0 else known
    return ([*elements[:place], tensor, *elements[place:]],)


@lowering("SequenceLength", 11)
def sequence_length(node: Node, input_sequence: Sequence) -> ir.Value:
    return hlo.constant(len(_sequence(node, input_sequence, "input_sequence")), np.int64)


@lowering("SplitToSequence", 11, 24)
def split_to_sequence(
    node: Node, x: ir.Value, split: ir.Value | None = None, *, axis: int = 0, keepdims: int = 1
) -> tuple[Sequence]:
    """Pieces of the sizes in `split`, or of one size (the last may be smaller); of size 1 by default.

    Only the default pieces may lose their axis (`keepdims` 0).
    """
    axis = hlo.normalize_axis(axis, hlo.rank(x))
    length = hlo.shape(x)[axis]
    if split is None:
        pieces = hlo.split(x, axis, [1] * length)
        return (pieces if keepdims else [hlo.squeeze(v, [axis]) for v in pieces],)
    sizes = node.static(split, "split")
    if sizes.ndim == 0:
        piece = int(sizes)
        if piece <= 0:
            raise node.error(f"split is {piece}, expected a positive size")
        rest = length % piece
        return (hlo.split(x, axis, [piece] * (length // piece) + [rest] * (rest > 0)),)
    return (hlo.split(x, axis, sizes.tolist()),)


@lowering("ConcatFromSequence", 11)
def concat_from_sequence(node: Node, input_sequence: Sequence, *, axis: int, new_axis: int = 0) -> ir.Value:
    elements = _sequence(node, input_sequence, "input_sequence")
    if not elements:
        raise node.error("the sequence is empty, so the shape of its concatenation is not known")
    return hlo.stack(elements, axis) if new_axis else hlo.concatenate(elements, axis)


@lowering("SequenceMap", 17)
def sequence_map(node: Node, input_sequence: Sequence, *additional: Any, body: Graph) -> list[Sequence]:
    """The body once an element; other sequences advance together, tensors stay the same."""
    elements = _sequence(node, input_sequence, "input_sequence")
    for i, other in enumerate(additional):
        if isinstance(other, list) and len(other) != len(elements):
            raise node.error(f"sequence {i + 1} has {len(other)} elements, the first {len(elements)}")
    results: list[Sequence] = [[] for _ in body.outputs]
    for i, element in enumerate(elements):
        others = [other[i] if isinstance(other, list) else other for other in additional]
        for result, value in zip(results, node.lower_graph(body, [element, *others]), strict=True):
            result.append(value)
    return results


# ---------------------------------------------------------------------------------------------- optionals


@lowering("Optional", 15, 28)
def optional(node: Node, x: Any = None, *, type: TypeProto | None = None) -> tuple[Any]:
    """What is there, or an absent value, whose type nothing here needs."""
    if x is None and type is None:
        raise node.error("an absent optional needs the attribute type")
    return (ABSENT if x is None else x,)


@lowering("OptionalGetElement", 15, 18, 28)
def optional_get_element(node: Node, x: Any) -> tuple[Any]:
    return (x,)


@lowering("OptionalHasElement", 15, 18, 28)
def optional_has_element(node: Node, x: Any = None) -> ir.Value:
    return hlo.constant(x is not None, np.bool_)
