"""Move a group of operations into a private function and leave an `oxide.fusion` composite in its place."""

from __future__ import annotations

from collections.abc import Sequence

from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.passes.fuse.graph import Node
from oxide.passes.fuse.plan import Group


def outline(group: Group, nodes: Sequence[Node], symbols: ir.SymbolTable, body: ir.Block) -> ir.Operation:
    """The composite that replaces the group; its decomposition is added at the end of `body`, the module's."""
    members = [nodes[position].op for position in group.members]
    root = members[-1]
    copied = [nodes[position].op for position in group.constants]
    defined = {result for op in [*members, *copied] for result in op.results}
    inputs = list(dict.fromkeys(value for op in members for value in op.operands if value not in defined))
    inside = set(group.members)
    outputs = [
        result
        for position, op in zip(group.members, members, strict=True)
        if not inside.issuperset(nodes[position].users)
        for result in op.results
    ]
    with root.location:
        function = _function(group.kind, root, inputs, outputs, body)
        symbols.insert(function)
        composite = _composite(group.kind, root, inputs, outputs, function)
    for output, result in zip(outputs, composite.results, strict=True):
        output.replace_all_uses_except(result, members)
    _move(members, copied, inputs, outputs, function)
    return composite


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
    kind: str, root: ir.Operation, inputs: Sequence[ir.Value], outputs: Sequence[ir.Value], function: ir.Operation
) -> ir.Operation:
    symbol = ir.FlatSymbolRefAttr.get(ir.StringAttr(function.attributes["sym_name"]).value)
    attributes = {
        "name": ir.StringAttr.get("oxide.fusion"),
        "composite_attributes": ir.DictAttr.get({"kind": ir.StringAttr.get(kind)}),
        "decomposition": symbol,
    }
    with ir.InsertionPoint(root):
        return hlo.create("stablehlo.composite", inputs, [value.type for value in outputs], attributes)


def _move(
    members: Sequence[ir.Operation],
    copied: Sequence[ir.Operation],
    inputs: Sequence[ir.Value],
    outputs: Sequence[ir.Value],
    function: ir.Operation,
) -> None:
    """Fill the function: copies of the constants, then the operations themselves reading its arguments."""
    block = function.regions[0].blocks[0]
    inner = dict(zip(inputs, block.arguments, strict=True))
    with ir.InsertionPoint(block):
        for constant in copied:
            inner[constant.results[0]] = constant.clone().results[0]
        with function.location:
            terminator = hlo.create("func.return", list(outputs), [])
    for op in members:
        op.move_before(terminator)
        for number, value in enumerate(op.operands):
            if value in inner:
                op.operands[number] = inner[value]
    for constant in copied:
        if next(iter(constant.results[0].uses), None) is None:
            constant.erase()
