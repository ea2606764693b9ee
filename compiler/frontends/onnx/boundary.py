"""Sequences and optionals among a model's inputs and outputs: the tensors in them, by name and type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from jaxlib.mlir import ir
from onnx import TypeProto

from oxide.dialects.diagnostics import OxideError
from oxide.frontends.bounded import Bounded
from oxide.frontends.onnx.diagnostics import quoted
from oxide.nesting import Structure

# The shape of a tensor, one for each element of a sequence, or None for an absent optional.
Shape = Sequence[Any] | None


@dataclass
class Inputs:
    """The tensors in the model's inputs with their types and given shapes, and how the inputs are made of them."""

    types: dict[str, TypeProto] = field(default_factory=dict)
    shapes: dict[str, Sequence[int]] = field(default_factory=dict)
    structures: list[Structure] = field(default_factory=list)


def expand_inputs(types: Mapping[str, TypeProto], shapes: Mapping[str, Shape]) -> Inputs:
    """One tensor for each that a sequence or optional holds, which `shapes` says.

    `shapes` of names that are no inputs are kept, to be refused with the other wrong ones.
    """
    inputs = Inputs(shapes={name: shape or () for name, shape in shapes.items() if name not in types})
    for name, proto in types.items():
        inputs.structures.append(_expand(name, proto, name in shapes, shapes.get(name), inputs, set(types)))
    return inputs


def _expand(name: str, proto: TypeProto, given: bool, shape: Shape, inputs: Inputs, taken: set[str]) -> Structure:
    kind = proto.WhichOneof("value")
    if kind == "optional_type":
        if given and shape is None:
            return False
        return _expand(name, proto.optional_type.elem_type, given, shape, inputs, taken)
    if kind == "sequence_type":
        if shape is None:
            raise OxideError(
                f"input {quoted(name)} is a sequence; give the shape of each of its elements with "
                f"shapes={{{name!r}: [shape, ...]}}"
            )
        element = _without_shape(proto.sequence_type.elem_type)
        parts: list[Structure] = []
        for number, part in enumerate(shape):
            label = _unique(f"{name}.{number}", taken)
            parts.append(_expand(label, element, True, part, inputs, taken))
        return parts
    if given and shape is None:
        raise OxideError(f"input {quoted(name)} is no optional and cannot be absent")
    inputs.types[name] = proto
    if shape is not None:
        inputs.shapes[name] = shape
    return True


def _unique(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_"
    taken.add(name)
    return name


def _without_shape(proto: TypeProto) -> TypeProto:
    """Elements of a sequence may differ in shape, whatever its type says."""
    copy = TypeProto()
    copy.CopyFrom(proto)
    if copy.WhichOneof("value") == "tensor_type":
        copy.tensor_type.ClearField("shape")
    return copy


@dataclass(frozen=True)
class Leaf:
    """A tensor of an output: its name, value and declared type."""

    name: str
    value: ir.Value | Bounded
    type: TypeProto


def output_leaves(name: str, value: Any, proto: TypeProto, taken: set[str]) -> list[Leaf]:
    """The tensors in an output, under names that are not `taken`.

    Raises OxideError where its kind is not the declared one.
    """
    kind = proto.WhichOneof("value")
    if kind == "sequence_type" and proto.sequence_type.elem_type.WhichOneof("value") == "map_type":
        kind, proto = None, TypeProto()  # ZipMap's maps, which are the tensor of their values here
    if kind == "optional_type":
        return [] if value is None else output_leaves(name, value, proto.optional_type.elem_type, taken)
    if isinstance(value, list) and kind in ("sequence_type", None):
        element = _without_shape(proto.sequence_type.elem_type)
        leaves: list[Leaf] = []
        for number, part in enumerate(value):
            leaves += output_leaves(_unique(f"{name}.{number}", taken), part, element, taken)
        return leaves
    if isinstance(value, list) or value is None or kind == "sequence_type":
        found = "a sequence" if isinstance(value, list) else "absent" if value is None else "a tensor"
        declared = {"sequence_type": "a sequence", "tensor_type": "a tensor"}.get(
            kind or "", "another kind of value"
        )
        raise OxideError(f"it is {found}, the model declares {declared}")
    return [Leaf(name, value, proto)]
