"""Replacing operations that run a function by the function's body: what inline and decompose-composites share."""

from __future__ import annotations

from collections.abc import Callable

from jaxlib.mlir import ir

from oxide.dialects.diagnostics import Diagnostic, OxideError, location_text

# The symbol an operation runs, or None for operations to leave alone.
Callee = Callable[[ir.Operation], str | None]


def inline_bodies(module: ir.Module, callee: Callee) -> int:
    """Replace every operation `callee` names a function for by that function's body; answers how many.

    Callees are expanded before their callers, so each body is copied in its final form.  Operations keep their
    location inside the callee, as a call-site location.  Calls of declarations and of functions with several
    blocks stay.  Raises OxideError when functions call themselves through the operations in question.
    """
    symbols = ir.SymbolTable(module.operation)
    scratch = ir.Module.create(ir.Location.unknown(module.context))
    inlined = 0
    for function in _callees_first(module, symbols, callee):
        for site, name in _sites(function, callee):
            target = symbols[name].operation if name in symbols else None
            if target is not None and _single_block(target) is not None:
                _inline(site, target, scratch)
                inlined += 1
    return inlined


def _sites(function: ir.Operation, callee: Callee) -> list[tuple[ir.Operation, str]]:
    sites: list[tuple[ir.Operation, str]] = []

    def visit(op: ir.Operation) -> ir.WalkResult:
        name = callee(op)
        if name is not None:
            sites.append((op, name))
        return ir.WalkResult.ADVANCE

    function.walk(visit)
    return sites


def _callees_first(module: ir.Module, symbols: ir.SymbolTable, callee: Callee) -> list[ir.Operation]:
    """The module's functions, each after those it calls."""
    order: list[ir.Operation] = []
    state: dict[str, str] = {}
    functions = [view.operation for view in module.body.operations if view.operation.name == "func.func"]
    for start in functions:
        pending = [(start, False)]
        while pending:
            function, expanded = pending.pop()
            name = ir.StringAttr(function.attributes["sym_name"]).value
            if expanded:
                state[name] = "done"
                order.append(function)
                continue
            if name in state:
                continue
            state[name] = "open"
            pending.append((function, True))
            for site, target in _sites(function, callee):
                if state.get(target) == "open":
                    raise _recursion(site, name, target)
                if target in symbols and target not in state:
                    pending.append((symbols[target].operation, False))
    return order


def _recursion(site: ir.Operation, caller: str, target: str) -> OxideError:
    detail = Diagnostic("error", f"@{caller} calls @{target}, which leads back here", location_text(site.location))
    return OxideError(f"cannot inline @{target}: it is recursive", [detail])


def _single_block(function: ir.Operation) -> ir.Block | None:
    blocks = list(function.regions[0].blocks) if len(function.regions) == 1 else []
    return blocks[0] if len(blocks) == 1 else None


def _inline(site: ir.Operation, target: ir.Operation, scratch: ir.Module) -> None:
    # Moving a copy's operations, rather than copying them one by one, keeps regions and captures intact.
    copy = target.clone(ir.InsertionPoint(scratch.body))
    block = copy.regions[0].blocks[0]
    for argument, operand in zip(block.arguments, site.operands, strict=True):
        argument.replace_all_uses_with(operand)
    *body, terminator = (view.operation for view in block.operations)
    for op in body:
        _locate(op, site.location)
        op.move_before(site)
    for result, value in zip(site.results, terminator.operands, strict=True):
        result.replace_all_uses_with(value)
    site.erase()
    copy.erase()


def _locate(op: ir.Operation, call: ir.Location) -> None:
    """Give a copied operation and everything in it the location `own at call`."""

    def visit(inner: ir.Operation) -> ir.WalkResult:
        own = inner.location
        if own == ir.Location.unknown(own.context):
            inner.location = call
        elif own != call:
            inner.location = ir.Location.callsite(own, [call], context=own.context)
        return ir.WalkResult.ADVANCE

    op.walk(visit)
