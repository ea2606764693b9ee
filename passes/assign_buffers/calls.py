"""The functions that @main runs: each is planned once, and has its arena inside of its callers'."""

from __future__ import annotations

from collections.abc import Iterator

from jaxlib.mlir import ir

from oxide.dialects.attributes import string
from oxide.dialects.diagnostics import Diagnostic, OxideError, location_text
from oxide.passes.assign_buffers.aliasing import REGION_OPS
from oxide.passes.assign_buffers.program import callee


def planned_functions(module: ir.Module) -> list[ir.Operation]:
    """@main last, each function after those that it calls.

    Raises OxideError when there is no @main, or a function has several blocks, no body, or calls itself.
    """
    symbols = ir.SymbolTable(module.operation)
    if "main" not in symbols or symbols["main"].operation.name != "func.func":
        raise OxideError("the module has no @main")
    # A function is None while those it calls are visited.
    found: dict[str, ir.Operation | None] = {}
    pending: list[tuple[ir.Operation, Iterator[tuple[ir.Operation, str]]]] = []

    def enter(function: ir.Operation) -> None:
        found[string(function, "sym_name")] = None
        pending.append((function, _calls(_only_block(function))))

    enter(symbols["main"].operation)
    while pending:
        function, calls = pending[-1]
        call, wanted = next(calls, (function, None))
        if wanted is None:
            pending.pop()
            name = string(function, "sym_name")
            del found[name]
            found[name] = function
            continue
        if wanted not in found:
            enter(symbols[wanted].operation)
        elif found[wanted] is None:
            raise _unplannable(call, f"@{wanted} calls itself, so the memory it needs is unknown")
    return [function for function in found.values() if function is not None]


def _calls(block: ir.Block) -> Iterator[tuple[ir.Operation, str]]:
    """The operations of a block and of its loops and branches that call functions, with the names of these."""
    for view in block.operations:
        op = view.operation
        name = callee(op)
        if name is not None:
            yield op, name
        elif op.name in REGION_OPS:
            for region in op.regions:
                yield from _calls(region.blocks[0])


def _only_block(function: ir.Operation) -> ir.Block:
    blocks = list(function.regions[0].blocks)
    name = string(function, "sym_name")
    if not blocks:
        raise _unplannable(function, f"@{name} has no body, so the memory it needs is unknown")
    if len(blocks) != 1:
        raise _unplannable(function, f"@{name} has {len(blocks)} blocks, one is supported")
    return blocks[0]


def _unplannable(op: ir.Operation, why: str) -> OxideError:
    return OxideError("buffers cannot be assigned", [Diagnostic("error", why, location_text(op.location))])
