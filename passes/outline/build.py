"""A function of a template, and calls of it in place of the parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.passes.outline.names import argument_locations, function_name, part_location
from oxide.passes.outline.sequence import constant, reads
from oxide.passes.outline.template import Output, Part, Place, Template
from oxide.passes.weight_values import values_read


def outline(template: Template, module: ir.Module, weights: Mapping[ir.Value, str]) -> str:
    """Add the function to the module and call it; answers its symbol."""
    function = _function(template, module, weights)
    name = ir.StringAttr(function.attributes["sym_name"]).value
    _fill(template, function.regions[0].blocks[0])
    for part in template.parts:
        _call(template, part, name)
    return name


def _function(template: Template, module: ir.Module, weights: Mapping[ir.Value, str]) -> ir.Operation:
    """An empty private function, at the location of the first part."""
    first = template.parts[0]
    types = [value.type for value in template.arguments(first)]
    results = [first[slot].results[number].type for slot, number in template.outputs]
    with ir.InsertionPoint(module.body), part_location(first):
        function = hlo.create(
            "func.func",
            [],
            [],
            {
                "sym_name": ir.StringAttr.get(function_name(template, weights)),
                "sym_visibility": ir.StringAttr.get("private"),
                "function_type": ir.TypeAttr.get(ir.FunctionType.get(types, results)),
            },
            regions=1,
        )
    ir.SymbolTable(module.operation).insert(function)
    function.regions[0].blocks.append(*types, arg_locs=argument_locations(template, weights))
    return function


def _fill(template: Template, block: ir.Block) -> None:
    """Copy the first part into the function."""
    arguments: dict[Place, ir.Value] = {
        place: argument
        for places, argument in zip(template.parameters, block.arguments, strict=True)
        for place in places
    }
    own: dict[ir.Value, ir.Value] = {}
    free: dict[tuple[ir.Operation, ir.Value | None], ir.Value] = {}

    def copied(op: ir.Operation, operand: ir.Value | None) -> ir.Value:
        """The result of a free operation of the operand; one copy for all that read it."""
        if (op, operand) not in free:
            copy = op.clone()
            if operand is not None:
                copy.operands[0] = operand
            free[op, operand] = copy.results[0]
        return free[op, operand]

    with ir.InsertionPoint(block):
        for slot, op in enumerate(template.parts[0]):
            taken: list[ir.Value] = []
            for number, (chain, leaf) in enumerate(reads(op)):
                value = arguments.get(Place(slot, number))
                if value is None and leaf is not None:
                    fixed = constant(leaf)
                    value = own[leaf] if fixed is None else copied(fixed, None)
                for step in chain:
                    value = copied(step, value)
                assert value is not None, "an operation reads a value"
                taken.append(value)
            copy = op.clone()
            _redirect(copy, values_read(op), taken)
            own.update(zip(op.results, copy.results, strict=True))
        with template.parts[0][-1].location:
            hlo.create("func.return", [own[_result(template.parts[0], output)] for output in template.outputs], [])


def _redirect(copy: ir.Operation, old: Sequence[ir.Value], new: Sequence[ir.Value]) -> None:
    """Let a copy read new values.  Without regions `old` are its operands, one by one, and else distinct values."""
    if len(copy.regions) == 0:
        for number, value in enumerate(new):
            copy.operands[number] = value
        return
    inner = dict(zip(old, new, strict=True))

    def visit(op: ir.Operation) -> ir.WalkResult:
        for number, value in enumerate(op.operands):
            if value in inner:
                op.operands[number] = inner[value]
        return ir.WalkResult.ADVANCE

    copy.walk(visit)


def _call(template: Template, part: Part, name: str) -> None:
    """Replace a part by a call where its first operation stands: all it reads but constants is there by then."""
    outputs = [_result(part, output) for output in template.outputs]
    with ir.InsertionPoint(part[0]), part_location(part):
        arguments = [op.clone().results[0] if (op := constant(v)) else v for v in template.arguments(part)]
        results = hlo.call(name, arguments, [value.type for value in outputs])
    for old, new in zip(outputs, results, strict=True):
        old.replace_all_uses_with(new)
    for op in reversed(part):
        _erase(op)


def _erase(op: ir.Operation) -> None:
    """Erase an operation after what still reads it: free operations that nothing reads any more."""
    for result in op.results:
        for reader in {use.owner.operation for use in result.uses}:
            _erase(reader)
    op.erase()


def _result(part: Part, output: Output) -> ir.Value:
    return part[output.slot].results[output.number]
