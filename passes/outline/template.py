"""What equal parts of a block have in common, and in what they differ."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from jaxlib.mlir import ir

from oxide.passes.cse import structure
from oxide.passes.outline.repeats import Repeat
from oxide.passes.outline.sequence import Sequences, constant, reads, token

Part = Sequence[ir.Operation]


class Place(NamedTuple):
    """The `number`th value that the operation at `slot` of a part reads."""

    slot: int
    number: int


class Output(NamedTuple):
    """The `number`th result of the operation at `slot` of a part."""

    slot: int
    number: int


@dataclass(frozen=True)
class Template:
    """Parts that compute the same function of `parameters`; each of those lists the places that read it.

    What else the parts read is their own, free operations, or constants that are the same in all.
    `outputs` are what is read outside of at least one part.
    """

    parts: Sequence[Part]
    parameters: Sequence[Sequence[Place]]
    outputs: Sequence[Output]

    def arguments(self, part: Part) -> list[ir.Value]:
        """The values of the parameters for a part, as it is now."""
        return [_leaf(part, places[0]) for places in self.parameters]


def group_by_wiring(sequence: Sequences, repeat: Repeat) -> list[list[int]]:
    """The starts of a repeat, those together whose operations read one another in the same way."""
    groups: dict[Hashable, list[int]] = {}
    for start in repeat.starts:
        groups.setdefault(_wiring(sequence.operations[start : start + repeat.length]), []).append(start)
    return list(groups.values())


def make_template(
    sequence: Sequences, starts: Sequence[int], length: int, weights: Collection[ir.Value]
) -> Template:
    """The template of parts with the same wiring; parameters that are `weights` come last."""
    parts = [sequence.operations[start : start + length] for start in starts]
    outputs = [
        Output(slot, number)
        for slot in range(length)
        for number in range(len(parts[0][slot].results))
        if any(
            not start <= reader < start + length
            for start, part in zip(starts, parts, strict=True)
            for reader in sequence.readers.get(part[slot].results[number], ())
        )
    ]
    parameters = _parameters(parts)
    parameters.sort(key=lambda places: _leaf(parts[0], places[0]) in weights)
    return Template(parts, parameters, outputs)


def _wiring(part: Part) -> Hashable:
    """For every value that is read: the free operations in between, and which result of the part, if any, it is."""
    inside: dict[ir.Value, Output] = {}
    rows: list[Hashable] = []
    for slot, op in enumerate(part):
        rows.append(
            tuple(
                (tuple(token(free) for free in chain), None if leaf is None else inside.get(leaf, "outside"))
                for chain, leaf in reads(op)
            )
        )
        inside.update((result, Output(slot, number)) for number, result in enumerate(op.results))
    return tuple(rows)


def _parameters(parts: Sequence[Part]) -> list[list[Place]]:
    """Places that read the same value as each other in every part share a parameter."""
    inside = {result for op in parts[0] for result in op.results}
    found: dict[tuple[ir.Value, ...], list[Place]] = {}
    for slot, alike_ops in enumerate(zip(*parts, strict=True)):
        for number, alike in enumerate(zip(*map(reads, alike_ops), strict=True)):
            leaves = tuple(leaf for _, leaf in alike if leaf is not None)
            if leaves and leaves[0] not in inside and not _are_one_constant(leaves):
                found.setdefault(leaves, []).append(Place(slot, number))
    return list(found.values())


def _are_one_constant(values: Sequence[ir.Value]) -> bool:
    distinct = dict.fromkeys(values)
    found = [op for value in distinct if (op := constant(value)) is not None]
    return len(found) == len(distinct) and len({structure(op, {}) for op in found}) == 1


def _leaf(part: Part, place: Place) -> ir.Value:
    leaf = reads(part[place.slot])[place.number].leaf
    assert leaf is not None, "a parameter is a value"
    return leaf
