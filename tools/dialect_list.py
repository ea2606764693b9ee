"""The dialects that an input may use."""

from __future__ import annotations

from jaxlib.mlir import ir

from oxide.dialects.context import make_context


def dialect_names() -> list[str]:
    """Names of all dialects of Oxide's context.

    The bindings cannot list them, but MLIR does when it meets an operation of a dialect it does not know:
    `Available dialects: arith, func (*), ...; for more info ...`.
    """
    context = make_context()
    context.allow_unregistered_dialects = False
    try:
        ir.Module.parse("unknown.operation", context)
    except ir.MLIRError as error:
        notes = [note.message for info in error.error_diagnostics for note in info.notes]
        listed = "".join(notes).removeprefix("Available dialects: ").split("(* corresponding")[0].split(";")[0]
        return [name.split()[0] for name in listed.split(",")]
    raise AssertionError("MLIR accepted an operation of an unknown dialect")
