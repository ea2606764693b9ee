"""The plan as attributes on the IR.

`oxide.arena_size` of a function: the bytes of its arena.  `oxide.slice = array<i64: offset, size, ...>` of an
operation: a pair for every result, in order; results that occupy no memory, or memory of the caller, have the pair
-1, 0.  Offsets below the arena's size lie in the arena.  Those beyond it lie in memory of their own, which
`oxide.slice` of the function's arguments and results names: a donated argument, and a result that the caller
gets without copying it out of the arena.  `oxide.scratch` of a call: the pair where the called function has its
arena; of the terminator of a loop's body: the pair that values which trade places go through.
"""

from __future__ import annotations

from collections.abc import Mapping

from jaxlib.mlir import ir

from oxide.dialects.attributes import integer, integers
from oxide.passes.assign_buffers.copies import Slice
from oxide.passes.assign_buffers.plan import Plan
from oxide.passes.assign_buffers.program import Body
from oxide.passes.functions import Side, labels

SLICE = "oxide.slice"
ARENA_SIZE = "oxide.arena_size"
SCRATCH = "oxide.scratch"


def annotate(plan: Plan) -> None:
    """Bring the function's operations into the plan's order, and write where their results lie."""
    function, program = plan.program.function, plan.program
    clear(function)
    reorder(plan.body, function.regions[0].blocks[0])
    slices: dict[ir.Operation, dict[int, Slice]] = {}
    places: dict[int, Slice] = {}
    for buffer, start in zip(plan.buffers, plan.offsets, strict=True):
        if buffer.scratch is not None:
            buffer.scratch.attributes[SCRATCH] = ir.DenseI64ArrayAttr.get([start, buffer.size])
        for number, offset in buffer.values.items():
            value, size = program.values[number], program.sizes[number]
            assert size is not None
            places[number] = Slice(start + offset, size)
            if isinstance(value, ir.OpResult):  # loop arguments live where the loop's results do
                slices.setdefault(value.owner.operation, {})[value.result_number] = places[number]
    for op, known in slices.items():
        pairs = [known.get(number, Slice(-1, 0)) for number in range(len(op.results))]
        op.attributes[SLICE] = ir.DenseI64ArrayAttr.get([number for pair in pairs for number in pair])
    donated = {argument: places[argument] for argument in program.donated}
    _set_slices(function, "arg_attrs", {program.body.arguments.index(a): place for a, place in donated.items()})
    first = {value: number for number, value in reversed(list(enumerate(program.body.returned)))}
    results = {first[value]: places[value] for value in first if value in program.results and value in places}
    _set_slices(function, "res_attrs", results)
    i64 = ir.IntegerType.get_signless(64)
    function.attributes[ARENA_SIZE] = ir.IntegerAttr.get(i64, plan.arena)


def reorder(body: Body, block: ir.Block) -> None:
    """Bring a block's operations, and those of their regions, into the order of `body`."""
    *given, terminator = (view.operation for view in block.operations)
    if [step.op for step in body.steps] != given:
        for step in body.steps:
            step.op.move_before(terminator)
    for step in body.steps:
        for inner, region in zip(step.bodies, step.op.regions, strict=False):
            reorder(inner, region.blocks[0])


def clear(function: ir.Operation) -> None:
    """Remove an earlier plan."""

    def visit(op: ir.Operation) -> ir.WalkResult:
        for name in (SLICE, ARENA_SIZE, SCRATCH):
            if name in op.attributes:
                del op.attributes[name]
        return ir.WalkResult.ADVANCE

    function.walk(visit)
    _set_slices(function, "arg_attrs", {})
    _set_slices(function, "res_attrs", {})


def slices_of(op: ir.Operation) -> list[Slice | None]:
    """The slice of every result, None for results outside the arena."""
    if SLICE not in op.attributes:
        return [None] * len(op.results)
    numbers = integers(op, SLICE)
    pairs = [Slice(*numbers[i : i + 2]) for i in range(0, len(numbers), 2)]
    return [pair if pair.offset >= 0 else None for pair in pairs]


def place_of(value: ir.Value) -> Slice | None:
    """Where a result of an operation or an argument of a function or of a loop's body lies, None for memory of the
    caller and for none."""
    if isinstance(value, ir.OpResult):
        return slices_of(value.owner.operation)[value.result_number]
    argument = ir.BlockArgument(value)
    owner = argument.owner.owner.operation
    slices = argument_slices(owner) if owner.name == "func.func" else slices_of(owner)
    return slices[argument.arg_number]


def argument_slices(function: ir.Operation) -> list[Slice | None]:
    """The slice of every argument, None for those that stay the caller's."""
    return _function_slices(function, "arg_attrs")


def result_slices(function: ir.Operation) -> list[Slice | None]:
    """The memory of every result outside of the arena, None for those that have none."""
    return _function_slices(function, "res_attrs")


def scratch_of(op: ir.Operation) -> Slice | None:
    """Where a call or the end of a loop's body has memory to work in."""
    return Slice(*integers(op, SCRATCH)) if SCRATCH in op.attributes else None


def arena_size(function: ir.Operation) -> int | None:
    """The arena's size in bytes, None for a function without a plan."""
    return integer(function, ARENA_SIZE) if ARENA_SIZE in function.attributes else None


def _function_slices(function: ir.Operation, side: Side) -> list[Slice | None]:
    return [
        Slice(*ir.DenseI64ArrayAttr(attributes[SLICE])) if SLICE in attributes else None
        for attributes in labels(function, side)
    ]


def _set_slices(function: ir.Operation, side: Side, slices: Mapping[int, Slice]) -> None:
    """Give arguments (`arg_attrs`) or results (`res_attrs`) these slices, and others none."""
    if not slices and all(place is None for place in _function_slices(function, side)):
        return
    kept = [
        {entry.name: entry.attr for entry in attributes if entry.name != SLICE}
        for attributes in labels(function, side)
    ]
    for number, place in slices.items():
        kept[number][SLICE] = ir.DenseI64ArrayAttr.get(list(place))
    function.attributes[side] = ir.ArrayAttr.get([ir.DictAttr.get(item) for item in kept])
