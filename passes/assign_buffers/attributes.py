"""The plan as attributes on the IR.

`oxide.slice = array<i64: offset, size, ...>` on an operation: a pair for every result that lives in the arena,
in order; results that occupy no memory, or memory of the caller, have the pair -1, 0.  On the module:
`oxide.arena_size` in bytes.
"""

from __future__ import annotations

from typing import NamedTuple

from jaxlib.mlir import ir

from oxide.dialects.attributes import integers
from oxide.passes.assign_buffers.plan import Plan

SLICE = "oxide.slice"
ARENA_SIZE = "oxide.arena_size"


class Slice(NamedTuple):
    """Bytes [offset, offset + size) of the arena."""

    offset: int
    size: int

    def overlaps(self, other: Slice) -> bool:
        first, last = max(self.offset, other.offset), min(self.offset + self.size, other.offset + other.size)
        return first < last


def annotate(module: ir.Module, plan: Plan) -> None:
    """Write a plan onto the operations that define its values, and the arena's size onto the module."""
    clear(module)
    slices: dict[ir.Operation, dict[int, Slice]] = {}
    for buffer, offset in zip(plan.buffers, plan.offsets, strict=True):
        for value in buffer.values:
            if isinstance(value, ir.OpResult):  # loop arguments live where the loop's results do
                slices.setdefault(value.owner.operation, {})[value.result_number] = Slice(offset, buffer.size)
    with module.context:
        for op, known in slices.items():
            pairs = [known.get(number, Slice(-1, 0)) for number in range(len(op.results))]
            op.attributes[SLICE] = ir.DenseI64ArrayAttr.get([number for pair in pairs for number in pair])
        i64 = ir.IntegerType.get_signless(64)
        module.operation.attributes[ARENA_SIZE] = ir.IntegerAttr.get(i64, plan.arena)


def clear(module: ir.Module) -> None:
    """Remove an earlier plan."""

    def visit(op: ir.Operation) -> ir.WalkResult:
        for name in (SLICE, ARENA_SIZE):
            if name in op.attributes:
                del op.attributes[name]
        return ir.WalkResult.ADVANCE

    module.operation.walk(visit)


def slices_of(op: ir.Operation) -> list[Slice | None]:
    """The slice of every result, None for results outside the arena."""
    if SLICE not in op.attributes:
        return [None] * len(op.results)
    numbers = integers(op, SLICE)
    pairs = [Slice(*numbers[i : i + 2]) for i in range(0, len(numbers), 2)]
    return [pair if pair.offset >= 0 else None for pair in pairs]


def arena_size(module: ir.Module) -> int | None:
    """The arena's size in bytes, None for a module without a plan."""
    attributes = module.operation.attributes
    return ir.IntegerAttr(attributes[ARENA_SIZE]).value if ARENA_SIZE in attributes else None
