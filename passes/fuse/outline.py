"""Move the operations of groups into private functions and leave `oxide.fusion` composites in their place."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.passes.fuse.graph import Node
from oxide.passes.fuse.order import Group
from oxide.passes.fuse.plan import Plan
from oxide.passes.fuse.roles import Role


def outline(
    plan: Plan, nodes: Sequence[Node], symbols: ir.SymbolTable, body: ir.Block
) -> Iterator[tuple[Group, ir.Operation]]:
    """Each group with the composite that replaces it; decompositions go to the end of `body`, the module's."""
    # Copies are made while everything still reads the values it was planned with.
    copies = [_copies(group, nodes) for group in plan.groups]
    for group, copied in zip(plan.groups, copies, strict=True):
        replaced = {nodes[position].op.results[0]: copy.results[0] for position, copy in copied.items()}
        for op in (*copied.values(), *(nodes[position].op for position in group.members)):
            _reread(op, replaced)
    for position in sorted(plan.unused, reverse=True):
        nodes[position].op.erase()
    for group, copied in zip(plan.groups, copies, strict=True):
        yield group, _outlined(group, nodes, copied, plan.exported, symbols, body)
    for position in sorted({position for group in plan.groups for position in group.copies} - plan.unused):
        constant = nodes[position].op
        if nodes[position].role is Role.CONSTANT and next(iter(constant.results[0].uses), None) is None:
            constant.erase()


def _copies(group: Group, nodes: Sequence[Node]) -> dict[int, ir.Operation]:
    """The group's own copies of operations, each beside the original."""
    made: dict[int, ir.Operation] = {}
    for position in group.copies:
        with ir.InsertionPoint(nodes[position].op):
            made[position] = nodes[position].op.clone().operation
    return made


def _reread(op: ir.Operation, replaced: dict[ir.Value, ir.Value]) -> None:
    for number, value in enumerate(op.operands):
        if value in replaced:
            op.operands[number] = replaced[value]


def _outlined(
    group: Group,
    nodes: Sequence[Node],
    copied: Mapping[int, ir.Operation],
    exported: Collection[int],
    symbols: ir.SymbolTable,
    body: ir.Block,
) -> ir.Operation:
    everything = {**copied, **{position: nodes[position].op for position in group.members}}
    inside = [everything[position] for position in sorted(everything)]
    defined = {result for op in inside for result in op.results}
    inputs = list(dict.fromkeys(value for op in inside for value in op.operands if value not in defined))
    members = [nodes[position].op for position in group.members if position in exported]
    outputs = [result for op in members for result in op.results if _is_read_outside(result, op, inside)]
    root, place = inside[-1], nodes[group.place].op
    with place.location:
        function = _function(group.kind, root, inputs, outputs, body)
        symbols.insert(function)
        composite = _composite(group.kind, place, inputs, outputs, function)
    for output, result in zip(outputs, composite.results, strict=True):
        output.replace_all_uses_except(result, inside)
    _move(inside, inputs, outputs, function)
    return composite


def _is_read_outside(result: ir.Value, op: ir.Operation, inside: Collection[ir.Operation]) -> bool:
    """Of an operation that is read outside, whether this result is."""
    return len(op.results) == 1 or any(use.owner.operation not in inside for use in result.uses)


def _function(
    kind: str, root: ir.Operation, inputs: Sequence[ir.Value], outputs: Sequence[ir.Value], body: ir.Block
) -> ir.Operation:
    """An empty private function from the inputs' types to the outputs'."""
    types = [value.type for value in inputs]
    signature = ir.FunctionType.get(types, [value.type for value in outputs])
    with ir.InsertionPoint(body):
        function = hlo.create(
            "func.func",
            [],
            [],
            {
                "sym_name": ir.StringAttr.get(f"oxide.fusion.{kind}_{root.name.removeprefix('stablehlo.')}"),
                "sym_visibility": ir.StringAttr.get("private"),
                "function_type": ir.TypeAttr.get(signature),
            },
            regions=1,
        )
    function.regions[0].blocks.append(*types, arg_locs=[root.location] * len(types))
    return function


def _composite(
    kind: str, place: ir.Operation, inputs: Sequence[ir.Value], outputs: Sequence[ir.Value], function: ir.Operation
) -> ir.Operation:
    symbol = ir.FlatSymbolRefAttr.get(ir.StringAttr(function.attributes["sym_name"]).value)
    attributes = {
        "name": ir.StringAttr.get("oxide.fusion"),
        "composite_attributes": ir.DictAttr.get({"kind": ir.StringAttr.get(kind)}),
        "decomposition": symbol,
    }
    with ir.InsertionPoint(place):
        return hlo.create("stablehlo.composite", inputs, [value.type for value in outputs], attributes)


def _move(
    inside: Sequence[ir.Operation],
    inputs: Sequence[ir.Value],
    outputs: Sequence[ir.Value],
    function: ir.Operation,
) -> None:
    """Fill the function with the operations, which read its arguments from now on."""
    block = function.regions[0].blocks[0]
    inner = dict(zip(inputs, block.arguments, strict=True))
    with ir.InsertionPoint(block), function.location:
        terminator = hlo.create("func.return", list(outputs), [])
    for op in inside:
        op.move_before(terminator)
        _reread(op, inner)
