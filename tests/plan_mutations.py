"""Changes to buffer plans, most of which make them wrong: what the checker of plans is tried with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects.attributes import integers
from oxide.passes.assign_buffers.attributes import ARENA_SIZE, SCRATCH, SLICE, arena_size
from oxide.passes.functions import labels

ALIGNMENT = 64
KINDS = ("shift", "move", "swap", "shrink", "arena", "scratch", "result")


def main_of(module: ir.Module) -> ir.Operation:
    return ir.SymbolTable(module.operation)["main"].operation


def operations(module: ir.Module) -> list[ir.Operation]:
    found: list[ir.Operation] = []

    def visit(op: ir.Operation) -> ir.WalkResult:
        found.append(op)
        return ir.WalkResult.ADVANCE

    module.operation.walk(visit, ir.WalkOrder.PRE_ORDER)
    return found


def placed(module: ir.Module) -> list[ir.Operation]:
    """The operations with results in an arena, those of loops, branches and called functions too."""
    return [op for op in operations(module) if SLICE in op.attributes]


def set_numbers(op: ir.Operation, name: str, numbers: Sequence[int]) -> None:
    with op.context:
        op.attributes[name] = ir.DenseI64ArrayAttr.get(list(numbers))


def set_arena(module: ir.Module, size: int) -> None:
    with module.context:
        i64 = ir.IntegerType.get_signless(64)
        main_of(module).attributes[ARENA_SIZE] = ir.IntegerAttr.get(i64, size)


def mutate(module: ir.Module, rng: np.random.Generator) -> None:
    """Shift a value, put it where another lies, swap two, take a value or an arena some bytes, change where an
    operation works or where the memory of a result is said to be."""
    ops = placed(module)
    kind = str(rng.choice(KINDS))
    working = [op for op in operations(module) if SCRATCH in op.attributes]
    returned = [number for number, each in enumerate(labels(main_of(module), "res_attrs")) if SLICE in each]
    if kind == "arena":
        set_arena(module, (arena_size(main_of(module)) or 0) - int(rng.choice([1, ALIGNMENT])))
    elif kind == "scratch" and working:
        op = _one_of(working, rng)
        _, size = integers(op, SCRATCH)
        set_numbers(op, SCRATCH, [_some_offset(ops, rng), size - int(rng.choice([0, 0, 1, ALIGNMENT]))])
    elif kind == "result" and returned:
        _move_result(main_of(module), int(rng.choice(returned)), _some_offset(ops, rng))
    else:
        _change_slice(ops, kind, rng)


def _change_slice(ops: Sequence[ir.Operation], kind: str, rng: np.random.Generator) -> None:
    op = _one_of(ops, rng)
    numbers = integers(op, SLICE)
    result = 2 * int(rng.integers(len(numbers) // 2))
    if kind == "shift":
        numbers[result] += int(rng.choice([-8, -3, -1, 1, 2, 8])) * int(rng.choice([4, ALIGNMENT]))
    elif kind == "shrink":
        numbers[result + 1] -= int(rng.choice([1, 4, ALIGNMENT]))
    else:
        other = _one_of(ops, rng)
        theirs = integers(other, SLICE)
        place = 2 * int(rng.integers(len(theirs) // 2))
        numbers[result], mine = theirs[place], numbers[result]
        if kind == "swap" and other != op:
            theirs[place] = mine
            set_numbers(other, SLICE, theirs)
    set_numbers(op, SLICE, numbers)


def _some_offset(ops: Sequence[ir.Operation], rng: np.random.Generator) -> int:
    return int(rng.choice([place for op in ops for place in integers(op, SLICE)[::2] if place >= 0]))


def _move_result(function: ir.Operation, number: int, offset: int) -> None:
    with function.context:
        given = [{entry.name: entry.attr for entry in each} for each in labels(function, "res_attrs")]
        _, size = ir.DenseI64ArrayAttr(given[number][SLICE])
        given[number][SLICE] = ir.DenseI64ArrayAttr.get([offset, size])
        function.attributes["res_attrs"] = ir.ArrayAttr.get([ir.DictAttr.get(each) for each in given])


def _one_of(ops: Sequence[ir.Operation], rng: np.random.Generator) -> ir.Operation:
    return ops[int(rng.integers(len(ops)))]
