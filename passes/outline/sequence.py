"""Blocks as a sequence of tokens: equal tokens compute the same function of their operands."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects.effects import Effects
from oxide.passes.cse import structure
from oxide.passes.outline.order import Order
from oxide.passes.program_blocks import WITH_CALLS
from oxide.passes.weight_values import values_read

# They cost nothing, so they are no members of the sequence but belong to whoever reads them.
FREE = frozenset(f"stablehlo.{name}" for name in ("broadcast", "broadcast_in_dim", "constant", "iota", "reshape"))


class Read(NamedTuple):
    """A value an operation reads: through which free operations, the innermost first, and what those start from.

    `leaf` is None where they start from nothing, as with `iota`.
    """

    chain: tuple[ir.Operation, ...]
    leaf: ir.Value | None


@dataclass
class Sequences:
    """The operations of blocks, one block after the other, but for the free ones.

    `tokens` has a number for each, `readers` the places of what reads a value in the block that defines it:
    directly, through free operations or inside of a region.  Tokens of what must not be outlined, terminators
    among them, are negative and occur once.  `inside` has the places of the operations in the regions of one,
    `around` the place of the one in whose region another is.
    """

    operations: list[ir.Operation] = field(default_factory=list)
    tokens: list[int] = field(default_factory=list)
    readers: dict[ir.Value, list[int]] = field(default_factory=dict)
    inside: dict[int, list[range]] = field(default_factory=dict)
    around: dict[int, int] = field(default_factory=dict)

    def overlapping(self, places: range) -> list[int]:
        """These places, those of what is inside of the operations there, and those of what is around them."""
        found: list[int] = []
        pending = [places]
        while pending:
            for place in pending.pop():
                found.append(place)
                pending += self.inside.get(place, ())
        outer = self.around.get(places.start)
        while outer is not None:
            found.append(outer)
            outer = self.around.get(outer)
        return found


def read_blocks(blocks: Sequence[ir.Block], effects: Effects, order: Order) -> Sequences:
    """The sequence of these blocks and of those inside of their loops and branches, each in this order."""
    found, numbers = Sequences(), dict[Hashable, int]()
    pending: list[tuple[ir.Block, int | None]] = [(block, None) for block in reversed(blocks)]
    while pending:
        block, around = pending.pop()
        first, local = len(found.operations), set[ir.Value](block.arguments)
        for op in order(block):
            local.update(op.results)
            if op.name in FREE:
                continue
            place = len(found.operations)
            may_move = len(op.results) > 0 and effects.is_pure(op)
            found.operations.append(op)
            found.tokens.append(numbers.setdefault(token(op), len(numbers)) if may_move else -1 - place)
            for _, leaf in reads(op):
                if leaf is not None and leaf in local:
                    found.readers.setdefault(leaf, []).append(place)
            if op.name in WITH_CALLS:
                pending += [(inner, place) for region in reversed(list(op.regions)) for inner in region.blocks]
        if around is not None:
            places = range(first, len(found.operations))
            found.inside.setdefault(around, []).append(places)
            found.around.update(dict.fromkeys(places, around))
    return found


def crossing(sequence: Sequences) -> np.ndarray:
    """How many of the sequence's results are live before each of its operations."""
    changes = np.zeros(len(sequence.operations) + 1, np.int64)
    for position, op in enumerate(sequence.operations):
        for result in op.results:
            if result in sequence.readers:
                changes[position + 1] += 1
                changes[max(sequence.readers[result]) + 1] -= 1
    return np.cumsum(changes)


def token(op: ir.Operation) -> Hashable:
    """What an operation computes of its operands, by their types; equal whatever the operands are."""
    values = values_read(op)
    local = {value: number for number, value in enumerate(dict.fromkeys(values))}
    return structure(op, local), tuple(value.type for value in values)


def read(value: ir.Value) -> Read:
    """How a value comes about by free operations; constants are leaves."""
    chain: list[ir.Operation] = []
    while isinstance(value, ir.OpResult):
        owner = value.owner.operation
        if owner.name not in FREE or owner.name == "stablehlo.constant":
            break
        chain.append(owner)
        if len(owner.operands) == 0:
            return Read(tuple(reversed(chain)), None)
        value = owner.operands[0]
    return Read(tuple(reversed(chain)), value)


def constant(value: ir.Value) -> ir.Operation | None:
    """The operation of a constant, None for any other value."""
    owner = value.owner.operation if isinstance(value, ir.OpResult) else None
    return owner if owner is not None and owner.name == "stablehlo.constant" else None


def reads(op: ir.Operation) -> Sequence[Read]:
    return [read(value) for value in values_read(op)]
