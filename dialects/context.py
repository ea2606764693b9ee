"""The one factory of MLIR contexts and the one reader of trusted IR text and bytecode."""

from __future__ import annotations

from jaxlib.mlir import ir
from jaxlib.mlir._mlir_libs import _jax_mlir_ext  # pyright: ignore[reportAttributeAccessIssue]
from jaxlib.mlir.dialects import chlo, stablehlo

from oxide.dialects.diagnostics import OxideError, captured, from_native

# MLIR bytecode (and StableHLO portable artefacts, which are bytecode) start with these four bytes.
BYTECODE_MAGIC = b"ML\xefR"


def make_context() -> ir.Context:
    """A context that knows every dialect jaxlib ships, StableHLO and CHLO, and their native passes.

    Unregistered dialects are allowed because discardable `oxide.*` attributes belong to no C++ dialect;
    `reject_unregistered` refuses unregistered *operations*.
    """
    registry = ir.DialectRegistry()
    _jax_mlir_ext.register_dialects(registry)
    context = ir.Context()
    context.append_dialect_registry(registry)
    context.load_all_available_dialects()
    stablehlo.register_dialect(context)
    chlo.register_dialect(context)
    stablehlo.register_stablehlo_passes()
    context.allow_unregistered_dialects = True
    return context


def parse_module(source: str | bytes, context: ir.Context | None = None, name: str = "<input>") -> ir.Module:
    """Parse and verify MLIR text, MLIR bytecode or a StableHLO portable artefact.

    The bytes must be trusted: corrupted bytecode can kill the process (`oxide.sandbox` checks strangers').
    Raises OxideError with the parser's diagnostics.
    """
    context = context or make_context()
    is_bytecode = isinstance(source, bytes) and source.startswith(BYTECODE_MAGIC)
    with context, captured(context) as seen:
        try:
            if is_bytecode and _is_portable(source):
                return stablehlo.deserialize_portable_artifact(context, source)
            return ir.Module.parse(source, context)
        except ir.MLIRError as error:
            details = seen + [from_native(info) for info in error.error_diagnostics]
            raise OxideError(f"{name}: not a valid MLIR module", details) from error
        except ValueError as error:
            raise OxideError(f"{name}: not a valid MLIR module: {error}", seen) from error


def reject_unregistered(module: ir.Module) -> None:
    """Raise OxideError when an operation belongs to no registered dialect."""
    context = module.context
    unknown: list[str] = []

    def visit(op: ir.Operation) -> ir.WalkResult:
        if not context.is_registered_operation(op.name):
            unknown.append(op.name)
        return ir.WalkResult.ADVANCE

    module.operation.walk(visit)
    if unknown:
        names = ", ".join(sorted(set(unknown)))
        raise OxideError(f"unregistered operation: {names}; allow it with --allow-unregistered-dialect")


def _is_portable(data: bytes) -> bool:
    # The producer string of a portable artefact is "StableHLO_v<version>"; plain bytecode says "MLIR<version>".
    return data[4:64].find(b"StableHLO_v") >= 0
