"""Edits of control flow: a branch or one round of a loop in place of the operation, fewer loop values."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from jaxlib.mlir import ir

from oxide.reduction.edits import Edit, body_of, operations, rebuild, terminator_of

_LOOP = "stablehlo.while"
_CONDITION, _BODY = 0, 1
_BRANCHES = frozenset({"stablehlo.if", "stablehlo.case"})


def take_branch(number: int) -> Callable[[ir.Module], list[Edit]]:
    """`if` and `case` become what is in their branch `number`."""

    def edits(module: ir.Module) -> list[Edit]:
        conditionals = [op for op in operations(module) if op.name in _BRANCHES and len(op.regions) > number]
        return [partial(_splice, op, number) for op in conditionals]

    return edits


def run_loops_once(module: ir.Module) -> list[Edit]:
    """`while` becomes one round of its body."""
    return [partial(_splice, op, _BODY) for op in operations(module) if op.name == _LOOP]


def drop_loop_values(module: ir.Module) -> list[Edit]:
    """Values a `while` carries; what reads one reads its initial value instead."""
    found: list[Edit] = []
    for op in operations(module):
        if op.name == _LOOP:
            # Dropping a value makes a new operation, which the next edit of the same loop goes on with.
            loop = [op]
            found += [partial(_drop_loop_value, loop, index) for index in reversed(range(len(op.operands)))]
    return found


def _splice(op: ir.Operation, region: int) -> None:
    block = body_of(op, region)
    for argument, operand in zip(block.arguments, op.operands if len(block.arguments) else (), strict=True):
        argument.replace_all_uses_with(operand)
    *body, end = (view.operation for view in block.operations)
    for inner in body:
        inner.move_before(op)
    for result, value in zip(op.results, end.operands, strict=True):
        result.replace_all_uses_with(value)
    op.erase()


def _drop_loop_value(loop: list[ir.Operation], index: int) -> None:
    op = loop[0]
    initial = op.operands[index]
    kept = [n for n in range(len(op.operands)) if n != index]
    end = terminator_of(body_of(op, _BODY))
    rebuild(end, [end.operands[n] for n in kept], [])
    op.results[index].replace_all_uses_with(initial)
    for region in (_CONDITION, _BODY):
        block = body_of(op, region)
        block.arguments[index].replace_all_uses_with(initial)
        block.erase_argument(index)
    loop[0] = rebuild(op, [op.operands[n] for n in kept], kept)
