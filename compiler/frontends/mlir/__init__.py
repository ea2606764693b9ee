"""MLIR front end: text, bytecode and StableHLO portable artefacts become a module."""

from __future__ import annotations

from jaxlib.mlir import ir

from oxide.dialects.context import BYTECODE_MAGIC, parse_module, reject_unregistered
from oxide.dialects.diagnostics import OxideError
from oxide.dialects.resources import SECTION, resolve_resources
from oxide.passes.manager import verify_module
from oxide.sandbox import check_module_bytes
from oxide.signature import ENTRY, read_signature


def read_module(data: bytes, name: str, *, allow_unregistered: bool = False) -> ir.Module:
    """Parse and verify a stranger's bytes; `name` is what diagnostics call them.  Constants get their elements.

    Raises OxideError on damaged or hostile input, operations of unknown dialects, and `oxide.*` composites that
    break their schema.
    """
    check_module_bytes(data, name)
    module = parse_module(data, name=name)
    resolve_resources(module, None if data.startswith(BYTECODE_MAGIC) else data.partition(SECTION)[2], name)
    if not allow_unregistered:
        reject_unregistered(module)
    wrong = verify_module(module)
    if wrong:
        raise OxideError(f"{name}: not a valid module", wrong)
    return module


def import_module(data: bytes, name: str) -> ir.Module:
    """Parse a module that is to be a model: the sole public function becomes `@main` if none has that name.

    Raises OxideError as `read_module` does, and when the signature is not one a model can have.
    """
    module = read_module(data, name)
    with module.context:
        _name_entry(module)
    try:
        read_signature(module)
    except OxideError as error:
        raise OxideError(f"{name}: {error.message}", error.diagnostics) from error
    return module


def _name_entry(module: ir.Module) -> None:
    symbols = ir.SymbolTable(module.operation)
    if ENTRY in symbols:
        return
    public = [
        op.operation
        for op in module.body.operations
        if op.operation.name == "func.func" and "sym_visibility" not in op.operation.attributes
    ]
    if len(public) == 1:
        old = ir.StringAttr(public[0].attributes["sym_name"]).value
        ir.SymbolTable.replace_all_symbol_uses(old, ENTRY, module.operation)
        ir.SymbolTable.set_symbol_name(public[0], ENTRY)
