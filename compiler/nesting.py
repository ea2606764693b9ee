"""Inputs and outputs that are sequences or optionals, as the tensors `@main` takes and gives.

A model may take or give lists of tensors and absent values (ONNX sequences and optionals).  Their lengths and what
is absent are fixed at import, so `@main` has one argument or result for each tensor in them, called `x.0`,
`x.1`, ...  Where anything is nested, `@main` carries

    oxide.nested_inputs = [true, [true, true], false]

true being a tensor, a list a sequence, false an absent optional; `oxide.nested_outputs` likewise, before counts
of bounded results.  `Nesting` goes back and forth between the two forms.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

from jaxlib.mlir import ir

from oxide.dialects.diagnostics import OxideError
from oxide.signature import entry_function

INPUTS = "oxide.nested_inputs"
OUTPUTS = "oxide.nested_outputs"

# True for a tensor, False for an absent value, a list for a sequence.
Structure = bool | list["Structure"]


def structure_of(value: Any) -> Structure:
    """The structure of a value: anything but a list, a tuple or None is a tensor."""
    if isinstance(value, list | tuple):
        return [structure_of(element) for element in value]
    return value is not None


def leaves(value: Any) -> list[Any]:
    """The tensors in a value, depth first."""
    if isinstance(value, list | tuple):
        return [leaf for element in value for leaf in leaves(element)]
    return [] if value is None else [value]


def nest(tensors: Sequence[Any], structures: Sequence[Structure]) -> list[Any]:
    """Values of the given structures from all their tensors in order."""
    remaining = iter(tensors)
    return [_nest(remaining, structure) for structure in structures]


def _nest(tensors: Iterator[Any], structure: Structure) -> Any:
    if isinstance(structure, list):
        return [_nest(tensors, part) for part in structure]
    return next(tensors) if structure else None


@dataclass(frozen=True)
class Nesting:
    """The structures of a model's inputs and outputs; None where all are tensors."""

    inputs: Sequence[Structure] | None
    outputs: Sequence[Structure] | None

    def pack(self, values: Sequence[Any]) -> list[Any]:
        """The tensors in the inputs.  Raises OxideError when their structure is not the one imported for."""
        if self.inputs is None:
            return list(values)
        given = structure_of(list(values))
        if given != list(self.inputs):
            raise OxideError(f"the inputs are nested as {given}, the model was imported for {list(self.inputs)}")
        return leaves(list(values))

    def unpack(self, results: Sequence[Any]) -> list[Any]:
        """The outputs from trimmed results."""
        return list(results) if self.outputs is None else nest(results, self.outputs)


def set_nesting(function: ir.Operation, inputs: Sequence[Structure], outputs: Sequence[Structure]) -> None:
    """Mark `@main` where anything is nested."""
    for name, structures in ((INPUTS, inputs), (OUTPUTS, outputs)):
        if any(structure is not True for structure in structures):
            function.attributes[name] = _to_attribute(list(structures))


def read_nesting(module: ir.Module) -> Nesting:
    function = entry_function(module)
    with module.context:
        found = [
            cast(list, _from_attribute(function.attributes[name])) if name in function.attributes else None
            for name in (INPUTS, OUTPUTS)
        ]
    return Nesting(*found)


def _to_attribute(structure: Structure) -> ir.Attribute:
    if isinstance(structure, list):
        return ir.ArrayAttr.get([_to_attribute(part) for part in structure])
    return ir.BoolAttr.get(structure)


def _from_attribute(attribute: ir.Attribute) -> Structure:
    if isinstance(attribute, ir.ArrayAttr):
        return [_from_attribute(part) for part in attribute]
    return ir.BoolAttr(attribute).value
