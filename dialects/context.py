"""The one factory of MLIR contexts and the one reader of trusted IR text and bytecode."""

from __future__ import annotations

from functools import cache

from jaxlib.mlir import ir, passmanager
from jaxlib.mlir._mlir_libs import _jax_mlir_ext, _mlir  # pyright: ignore[reportAttributeAccessIssue]
from jaxlib.mlir.dialects import chlo, sdy, stablehlo

from oxide.dialects.diagnostics import Diagnostic, OxideError, captured, from_native, location_text

# MLIR bytecode (and StableHLO portable artefacts, which are bytecode) start with these four bytes.
BYTECODE_MAGIC = b"ML\xefR"


def make_context() -> ir.Context:
    """A context that knows every dialect jaxlib ships, StableHLO and CHLO, and native passes.

    What models are made of is loaded; the parser and native passes load other dialects when they meet one,
    which keeps a context ten times cheaper than loading all.  Unregistered dialects are allowed because
    discardable `oxide.*` attributes belong to no C++ dialect; `reject_unregistered` refuses unregistered
    *operations*.  Contexts are single-threaded: a module is a function or a few, and starting threads to verify
    it costs more than they save.
    """
    context = ir.Context()
    context.enable_multithreading(False)
    context.append_dialect_registry(_registry())
    stablehlo.register_dialect(context)
    chlo.register_dialect(context)
    context.get_dialect_descriptor("func")
    _load_quantised_types(context)
    context.allow_unregistered_dialects = True
    return context


def _load_quantised_types(context: ir.Context) -> None:
    """Make `!quant.uniform` a type: jaxlib registers no `quant` dialect, but this pass brings it along."""
    with context, ir.Location.unknown():
        native = passmanager.PassManager.parse("builtin.module(vhlo-legalize-to-stablehlo)")
        native.run(ir.Module.create().operation)


@cache
def _registry() -> ir.DialectRegistry:
    """The dialects jaxlib ships.  Native passes are global to the process and registered along with them."""
    stablehlo.register_stablehlo_passes()
    _mlir.globals.append_dialect_search_prefix("oxide.dialects")  # where the bindings find oxide.py
    registry = ir.DialectRegistry()
    _jax_mlir_ext.register_dialects(registry)
    return registry


def parse_module(source: str | bytes, context: ir.Context | None = None, name: str = "<input>") -> ir.Module:
    """Parse and verify MLIR text, MLIR bytecode or a StableHLO portable artefact.

    The bytes must be trusted: corrupted bytecode can kill the process (`oxide.sandbox` checks strangers').
    Raises OxideError with the parser's diagnostics.
    """
    context = context or make_context()
    sdy.register_dialect(context)  # JAX's modules may carry shardings
    with context, captured(context) as seen:
        try:
            if isinstance(source, bytes) and source.startswith(BYTECODE_MAGIC):
                if _is_portable(source):
                    return stablehlo.deserialize_portable_artifact(context, source)
                return ir.Module.parse(source, context)
            return _parse_text(source if isinstance(source, str) else source.decode(), context, name)
        except ir.MLIRError as error:
            details = seen + [from_native(info) for info in error.error_diagnostics]
            raise OxideError(f"{name}: not a valid MLIR module", details) from error
        except ValueError as error:
            raise OxideError(f"{name}: not a valid MLIR module: {error}", seen) from error


def _parse_text(text: str, context: ir.Context, name: str) -> ir.Module:
    """Parse a module, or operations to be wrapped in one, with `name` as the file in every location.

    `ir.Module.parse` calls every file `-`; `ir.Operation.parse` takes a name and exactly one operation.
    """
    try:
        top = ir.Operation.parse(text, source_name=name, context=context).operation
    except ir.MLIRError as error:
        if "must contain a single top-level operation" not in str(error):
            raise
        module = ir.Module.parse(text, context)
        _rename_file(module, "-", name)
        return module
    if top.name != "builtin.module":
        module = ir.Module.create(top.location)
        module.body.append(top)
        return module
    module = ir.Module.create(top.location)
    for attribute in top.attributes:
        module.operation.attributes[attribute] = top.attributes[attribute]
    for op in list(top.regions[0].blocks[0].operations):
        op.operation.detach_from_parent()
        module.body.append(op)
    return module


def _rename_file(module: ir.Module, old: str, new: str) -> None:
    def visit(op: ir.Operation) -> ir.WalkResult:
        location = op.location
        if isinstance(location, ir.FileLineColLoc) and location.filename == old:
            op.location = ir.Location.file(new, location.start_line, location.start_col, module.context)
        return ir.WalkResult.ADVANCE

    module.operation.walk(visit)


def reject_unregistered(module: ir.Module) -> None:
    """Raise OxideError when an operation belongs to no registered dialect."""
    context = module.context
    unknown: list[Diagnostic] = []

    def visit(op: ir.Operation) -> ir.WalkResult:
        if not context.is_registered_operation(op.name):
            unknown.append(Diagnostic("error", f"unregistered operation {op.name}", location_text(op.location)))
        return ir.WalkResult.ADVANCE

    module.operation.walk(visit)
    if unknown:
        raise OxideError("unregistered operations; --allow-unregistered-dialect accepts them", unknown)


def _is_portable(data: bytes) -> bool:
    # The producer string of a portable artefact is "StableHLO_v<version>"; plain bytecode says "MLIR<version>".
    return data[4:64].find(b"StableHLO_v") >= 0
