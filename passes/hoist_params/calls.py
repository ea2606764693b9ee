"""Work on weights inside of called functions comes before their calls, where it can be hoisted."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.attributes import string, symbol
from oxide.dialects.effects import CALLEE_ATTRIBUTE, Effects
from oxide.passes import functions
from oxide.passes.cse import structure
from oxide.passes.hoist_params.move import copy_operations, erase_unused
from oxide.passes.hoist_params.names import name_values
from oxide.passes.hoist_params.plan import Group, copied, groups
from oxide.passes.weight_values import WeightValues, find_known, find_weight_values


@dataclass(frozen=True)
class _Callee:
    """A private function that only `@main` calls, and its calls."""

    function: ir.Operation
    calls: Sequence[ir.Operation]


def lift_from_calls(module: ir.Module, main: ir.Operation, effects: Effects, room: int) -> None:
    """Give functions the values that they compute of weights and constants alone, as arguments, where that takes no
    more than `room` bytes in all.  Calls with the same weights share one value."""
    known = find_weight_values(main, effects, inside=True).known
    for callee in _callees(module, main):
        block = functions.body(callee.function)
        columns = zip(block.arguments, *(call.operands for call in callee.calls), strict=True)
        weights = [argument for argument, *values in columns if all(known.get(value, False) for value in values)]
        program = find_known(block, weights, effects, inside=True)
        chosen: list[Group] = []
        for group in groups(program, weights):
            growth = group.growth * _different(callee, program, group)
            if growth <= room:
                room -= max(growth, 0)
                chosen.append(group)
        if chosen:
            _lift(callee, program, chosen, weights)


def _different(callee: _Callee, program: WeightValues, group: Group) -> int:
    """How many calls there are with different values for what a group of operations reads."""
    read = {value for position in copied(program, group.operations) for value in program.reads[position]}
    places = [i for i, argument in enumerate(functions.body(callee.function).arguments) if argument in read]
    return len({tuple(call.operands[i] for i in places) for call in callee.calls})


def _callees(module: ir.Module, main: ir.Operation) -> list[_Callee]:
    calls: dict[str, list[ir.Operation]] = {}
    others = set[str]()

    def visit(op: ir.Operation) -> ir.WalkResult:
        if op.name == "func.call":
            calls.setdefault(symbol(op, "callee"), []).append(op)
        elif op.name in CALLEE_ATTRIBUTE:
            others.add(symbol(op, CALLEE_ATTRIBUTE[op.name]))
        return ir.WalkResult.ADVANCE

    main.walk(visit)
    own, calls = calls, {}
    module.operation.walk(visit)
    found: list[_Callee] = []
    for view in module.body.operations:
        op = view.operation
        name = string(op, "sym_name") if op.name == "func.func" else ""
        is_own = name in own and len(own[name]) == len(calls[name]) and name not in others
        is_private = "sym_visibility" in op.attributes and string(op, "sym_visibility") == "private"
        if is_own and is_private and len(op.regions[0].blocks) == 1:
            found.append(_Callee(op, own[name]))
    return found


def _lift(callee: _Callee, program: WeightValues, chosen: Sequence[Group], weights: Sequence[ir.Value]) -> None:
    """Compute values before each call, and let the function take them instead of weights that it then has no use
    for."""
    block = functions.body(callee.function)
    positions = sorted(position for group in chosen for position in group.operations)
    named = name_values(program, [value for group in chosen for value in group.values], _names(weights), set())
    needed = [program.operations[position] for position in copied(program, positions)]
    taken: list[list[ir.Value]] = []
    computed: dict[Hashable, ir.Operation] = {}
    for call in callee.calls:
        inner: dict[ir.Value, ir.Value] = dict(zip(block.arguments, call.operands, strict=True))
        for op in needed:
            (copy,) = copy_operations([op], inner, call)
            earlier = computed.setdefault((copy.block, structure(copy, {})), copy)
            if earlier != copy:
                inner.update(zip(op.results, earlier.results, strict=True))
                copy.erase()
        taken.append([inner[value] for value in named.values()])
    for name, value in named.items():
        value.replace_all_uses_with(block.add_argument(value.type, ir.Location.name(name)))
    erase_unused([program.operations[position] for position in sorted(positions)])

    dropped = [
        i for i, argument in enumerate(block.arguments) if argument in weights and functions.is_unused(argument)
    ]
    labels = functions.labels(callee.function, "arg_attrs") + [ir.DictAttr.get({})] * len(named)
    for i in reversed(dropped):
        block.erase_argument(i)
        del labels[i]
    functions.sign(callee.function, labels, functions.labels(callee.function, "res_attrs"))
    for call, made in zip(callee.calls, taken, strict=True):
        kept = [operand for i, operand in enumerate(call.operands) if i not in dropped]
        with call.location, ir.InsertionPoint(call):
            types = [result.type for result in call.results]
            attributes = {name: call.attributes[name] for name in call.attributes}
            again = hlo.create("func.call", [*kept, *made], types, attributes)
        for old, new in zip(call.results, again.results, strict=True):
            old.replace_all_uses_with(new)
        call.erase()


def _names(weights: Sequence[ir.Value]) -> dict[str, ir.Value]:
    """What a function calls its weights; numbers tell apart those of one name."""
    found: dict[str, ir.Value] = {}
    for weight in weights:
        location = weight.location
        name = location.name_str if isinstance(location, ir.NameLoc) else "weight"
        found[name if name not in found else f"{name}_{len(found)}"] = weight
    return found
