"""Editing operations that hold regions: taking results, arguments and yielded values away."""

from __future__ import annotations

from collections.abc import Sequence

from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.effects import PURE
from oxide.dialects.rewrite import Rewriter


def blocks_of(op: ir.Operation) -> list[ir.Block]:
    """The blocks of an operation's regions; StableHLO's regions have one each."""
    return [region.blocks[0] for region in op.regions]


def terminator(block: ir.Block) -> ir.Operation:
    return block.operations[len(block.operations) - 1].operation


def is_used(value: ir.Value) -> bool:
    return next(iter(value.uses), None) is not None


def is_plainly_pure(op: ir.Operation) -> bool:
    """True for an operation without regions that does nothing but yield its results."""
    return op.name in PURE and len(op.regions) == 0


def yield_only(block: ir.Block, kept: Sequence[int], rewriter: Rewriter) -> None:
    """Let a block yield fewer values, and erase what it computed for the others."""
    returned = terminator(block)
    with ir.InsertionPoint(returned), returned.location:
        hlo.create(returned.name, [returned.operands[place] for place in kept], [])
    rewriter.erase(returned)
    # What is left unused may read an argument that the caller takes away.
    for view in reversed(list(block.operations)[:-1]):
        inner = view.operation
        if is_plainly_pure(inner) and not any(map(is_used, inner.results)):
            rewriter.erase(inner)


def without_arguments(block: ir.Block, places: Sequence[int]) -> None:
    for place in sorted(places, reverse=True):
        block.erase_argument(place)


def take_over(op: ir.Operation, operands: Sequence[ir.Value], kept: Sequence[int], rewriter: Rewriter) -> None:
    """Replace `op` by the same operation with the results `kept` on `operands`, with the blocks it has."""
    attributes = {name: op.attributes[name] for name in op.attributes}
    types = [op.results[place].type for place in kept]
    blocks = blocks_of(op)
    smaller = hlo.create(op.name, operands, types, attributes, regions=len(blocks))
    for region, block in zip(smaller.regions, blocks, strict=True):
        block.append_to(region)
    for place, result in zip(kept, smaller.results, strict=True):
        op.results[place].replace_all_uses_with(result)
    rewriter.erase(op)
