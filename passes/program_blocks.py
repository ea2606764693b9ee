"""The blocks of a program that passes may put calls into."""

from __future__ import annotations

from jaxlib.mlir import ir

from oxide.dialects.attributes import string, symbol

# What has regions that may hold calls.
WITH_CALLS = frozenset({"stablehlo.while", "stablehlo.if", "stablehlo.case"})


def function_bodies(module: ir.Module) -> list[ir.Block]:
    """The bodies of all functions but decompositions, which back ends know by the composite's name."""
    decompositions = set[str]()

    def visit(op: ir.Operation) -> ir.WalkResult:
        if op.name == "stablehlo.composite":
            decompositions.add(symbol(op, "decomposition"))
        return ir.WalkResult.ADVANCE

    module.operation.walk(visit)
    return [
        block
        for view in module.body.operations
        if (op := view.operation).name == "func.func" and string(op, "sym_name") not in decompositions
        for block in op.regions[0].blocks
    ]


def with_inner_blocks(blocks: list[ir.Block]) -> list[ir.Block]:
    """These blocks and those inside of their loops and branches, each before what is in it."""
    found, pending = list[ir.Block](), blocks[::-1]
    while pending:
        block = pending.pop()
        found.append(block)
        for view in block.operations:
            if view.operation.name in WITH_CALLS:
                pending += [inner for region in view.operation.regions for inner in region.blocks]
    return found
