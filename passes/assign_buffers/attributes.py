"""The plan as attributes on the IR.

`oxide.slice = array<i64: offset, size, ...>` on an operation: a pair for every result that lives in the arena,
in order; results that occupy no memory, or memory of the caller, have the pair -1, 0.  On an argument of @main
whose memory is donated: the pair where the caller puts it.  On the module: `oxide.arena_size` in bytes.
"""

from __future__ import annotations

from typing import NamedTuple

from jaxlib.mlir import ir

from oxide.dialects.attributes import integers
from oxide.passes.assign_buffers.plan import Plan
from oxide.passes.assign_buffers.program import Body, dictionaries

SLICE = "oxide.slice"
ARENA_SIZE = "oxide.arena_size"


class Slice(NamedTuple):
    """Bytes [offset, offset + size) of the arena."""

    offset: int
    size: int

    def overlaps(self, other: Slice) -> bool:
        first, last = max(self.offset, other.offset), min(self.offset + self.size, other.offset + other.size)
        return first < last


def annotate(module: ir.Module, function: ir.Operation, plan: Plan) -> None:
    """Bring the operations into the plan's order, and write where their results lie."""
    clear(module)
    reorder(plan.body, function.regions[0].blocks[0])
    slices: dict[ir.Operation, dict[int, Slice]] = {}
    arguments: dict[int, Slice] = {}
    for buffer, start in zip(plan.buffers, plan.offsets, strict=True):
        for number, offset in buffer.values.items():
            value, size = plan.program.values[number], plan.program.sizes[number]
            assert size is not None
            place = Slice(start + offset, size)
            if isinstance(value, ir.OpResult):  # loop arguments live where the loop's results do
                slices.setdefault(value.owner.operation, {})[value.result_number] = place
            elif number in plan.program.donated:
                arguments[ir.BlockArgument(value).arg_number] = place
    with module.context:
        for op, known in slices.items():
            pairs = [known.get(number, Slice(-1, 0)) for number in range(len(op.results))]
            op.attributes[SLICE] = ir.DenseI64ArrayAttr.get([number for pair in pairs for number in pair])
        _set_argument_slices(function, arguments)
        i64 = ir.IntegerType.get_signless(64)
        module.operation.attributes[ARENA_SIZE] = ir.IntegerAttr.get(i64, plan.arena)


def reorder(body: Body, block: ir.Block) -> None:
    """Bring a block's operations, and those of their regions, into the order of `body`."""
    *given, terminator = (view.operation for view in block.operations)
    if [step.op for step in body.steps] != given:
        for step in body.steps:
            step.op.move_before(terminator)
    for step in body.steps:
        for inner, region in zip(step.bodies, step.op.regions, strict=False):
            reorder(inner, region.blocks[0])


def clear(module: ir.Module) -> None:
    """Remove an earlier plan."""

    def visit(op: ir.Operation) -> ir.WalkResult:
        for name in (SLICE, ARENA_SIZE):
            if name in op.attributes:
                del op.attributes[name]
        if op.name == "func.func" and any(place is not None for place in argument_slices(op)):
            _set_argument_slices(op, {})
        return ir.WalkResult.ADVANCE

    with module.context:
        module.operation.walk(visit)


def slices_of(op: ir.Operation) -> list[Slice | None]:
    """The slice of every result, None for results outside the arena."""
    if SLICE not in op.attributes:
        return [None] * len(op.results)
    numbers = integers(op, SLICE)
    pairs = [Slice(*numbers[i : i + 2]) for i in range(0, len(numbers), 2)]
    return [pair if pair.offset >= 0 else None for pair in pairs]


def place_of(value: ir.Value) -> Slice | None:
    """Where a result of an operation or an argument of a function lies, None outside the arena."""
    if isinstance(value, ir.OpResult):
        return slices_of(value.owner.operation)[value.result_number]
    argument = ir.BlockArgument(value)
    return argument_slices(argument.owner.owner.operation)[argument.arg_number]


def argument_slices(function: ir.Operation) -> list[Slice | None]:
    """The slice of every argument, None for those that stay the caller's."""
    return [
        Slice(*ir.DenseI64ArrayAttr(attributes[SLICE])) if SLICE in attributes else None
        for attributes in dictionaries(function, "arg_attrs")
    ]


def _set_argument_slices(function: ir.Operation, slices: dict[int, Slice]) -> None:
    kept = [
        {entry.name: entry.attr for entry in attributes if entry.name != SLICE}
        for attributes in dictionaries(function, "arg_attrs")
    ]
    for number, place in slices.items():
        kept[number][SLICE] = ir.DenseI64ArrayAttr.get(list(place))
    if slices or "arg_attrs" in function.attributes:
        function.attributes["arg_attrs"] = ir.ArrayAttr.get([ir.DictAttr.get(item) for item in kept])


def arena_size(module: ir.Module) -> int | None:
    """The arena's size in bytes, None for a module without a plan."""
    attributes = module.operation.attributes
    return ir.IntegerAttr(attributes[ARENA_SIZE]).value if ARENA_SIZE in attributes else None
