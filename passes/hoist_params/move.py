"""Moving operations from `@main` to `@prepare`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from jaxlib.mlir import ir

from oxide.passes import functions
from oxide.passes.base import PassLog
from oxide.passes.hoist_params.names import name_values
from oxide.passes.hoist_params.plan import Group, copied
from oxide.passes.weight_values import WeightValues


def move(
    module: ir.Module, main: ir.Operation, program: WeightValues, groups: Sequence[Group], log: PassLog
) -> None:
    """Let `@prepare` compute the values of the groups, and `@main` take them as weights.

    A `@prepare` that is there is extended: what `@main` takes from it is at hand inside.
    """
    prepare = functions.prepare_function(module, main) or functions.add_prepare_function(module, main)
    weights = functions.weights(main)
    operations = copied(program, [position for group in groups for position in group.operations])
    values = [value for group in groups for value in group.values]
    named = name_values(program, values, weights, {*weights, *functions.weights(prepare)})

    inner = _at_hand(prepare, weights)
    missing = _weights_read(program, operations, weights, inner)
    inner.update(zip(missing.values(), functions.add_weights(prepare, missing.items()), strict=True))
    copy_operations([program.operations[position] for position in operations], inner, functions.terminator(prepare))

    for (name, value), argument in zip(named.items(), functions.add_weights(main, named.items()), strict=True):
        value.replace_all_uses_with(argument)
        log.remark_at(value.location, f"hoist-params: @prepare computes {name}: {value.type}")
    log.count("operations moved", erase_unused([program.operations[position] for position in operations]))
    log.count("values prepared", len(values))

    returned = functions.results(prepare) | {name: inner[value] for name, value in named.items()}
    unused = {name for name, argument in functions.weights(main).items() if functions.is_unused(argument)}
    freed = unused & functions.weights(prepare).keys()
    functions.drop_weights(main, freed | (unused & returned.keys()))
    functions.give_back(prepare, {name: value for name, value in returned.items() if name not in unused})
    log.count("weights only @prepare takes", len(freed))


def _at_hand(prepare: ir.Operation, weights: Mapping[str, ir.Value]) -> dict[ir.Value, ir.Value]:
    """The values inside `@prepare` of those weights of `@main` that it takes or computes."""
    inside = functions.weights(prepare) | functions.results(prepare)
    return {value: inside[name] for name, value in weights.items() if name in inside}


def _weights_read(
    program: WeightValues,
    operations: Sequence[int],
    weights: Mapping[str, ir.Value],
    inner: Mapping[ir.Value, ir.Value],
) -> dict[str, ir.Value]:
    """The weights of `@main` that the operations read and `@prepare` has not, in the order of `@main`."""
    read = {value for position in operations for value in program.reads[position]}
    return {name: value for name, value in weights.items() if value in read and value not in inner}


def copy_operations(
    operations: Sequence[ir.Operation], inner: dict[ir.Value, ir.Value], before: ir.Operation
) -> list[ir.Operation]:
    """Copy operations before another one; they read what `inner` has for their operands, and are added to it."""
    copies: list[ir.Operation] = []

    def redirect(op: ir.Operation) -> ir.WalkResult:
        for number, value in enumerate(op.operands):
            if value in inner:
                op.operands[number] = inner[value]
        return ir.WalkResult.ADVANCE

    with ir.InsertionPoint(before):
        for op in operations:
            copies.append(op.clone().operation)
            copies[-1].walk(redirect)
            inner.update(zip(op.results, copies[-1].results, strict=True))
    return copies


def erase_unused(operations: Sequence[ir.Operation]) -> int:
    """Erase those operations, given in order, that nothing uses any more; answers how many."""
    erased = 0
    for op in reversed(operations):
        if all(map(functions.is_unused, op.results)):
            op.erase()
            erased += 1
    return erased
