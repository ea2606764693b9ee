"""Equal constants of a block are one operation."""

from __future__ import annotations

from collections.abc import Hashable, Iterator

from jaxlib.mlir import ir

# Regions that run in place: what encloses them may be used inside.  The regions of reductions, sorts and scatters
# stand for functions of scalars and keep their own constants.
_RUN_IN_PLACE = frozenset({"stablehlo.case", "stablehlo.if", "stablehlo.while"})

Table = dict[Hashable, ir.Operation]


def merge_constants(module: ir.Module) -> int:
    """Let equal constants share the first of them; answers how many operations that removed.

    A constant inside a branch or a loop also merges with an equal one before the branch or loop.
    """
    removed = 0
    # Every open block with the operations still to visit, and the tables of it and the blocks around it.
    open_blocks: list[tuple[Iterator[ir.OpView], tuple[Table, ...]]] = [(iter(list(module.body)), ({},))]
    while open_blocks:
        operations, tables = open_blocks[-1]
        view = next(operations, None)
        if view is None:
            open_blocks.pop()
            continue
        op = view.operation
        if op.name == "stablehlo.constant":
            removed += _merge(op, tables)
            continue
        for region in op.regions:
            for block in region.blocks:
                outer = tables if op.name in _RUN_IN_PLACE else ()
                open_blocks.append((iter(list(block.operations)), (*outer, {})))
    return removed


def _merge(op: ir.Operation, tables: tuple[Table, ...]) -> bool:
    key = _key(op)
    earlier = next((table[key] for table in tables if key in table), None)
    if earlier is None:
        tables[-1][key] = op
        return False
    op.results[0].replace_all_uses_with(earlier.results[0])
    op.erase()
    return True


def _key(op: ir.Operation) -> Hashable:
    """Everything a constant is: its value and whatever attributes came with it."""
    try:
        attributes = tuple((name, op.attributes[name]) for name in op.attributes)
    except TypeError:
        # The bindings have no class for the attribute of a complex constant; its text says as much.
        return str(op)
    return (*attributes, op.results[0].type)
