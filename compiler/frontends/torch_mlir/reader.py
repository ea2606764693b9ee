"""Modules in the `torch` dialect become generic MLIR, which the bindings of Oxide's own process read.

jaxlib's MLIR does not know the dialect, whose operations have syntax of their own.  The torch-mlir package does: a
child process parses and verifies the module with it and prints it in MLIR's generic form.  Bindings cannot see
the properties of operations they do not know, so these are printed again as discardable attributes `oxide.<name>`.
The bytes of `dense_resource` constants, which no bindings show, are taken from the end of the text.
"""

from __future__ import annotations

import re
import sys
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from jaxlib.mlir import ir

from oxide.dialects.context import BYTECODE_MAGIC, parse_module
from oxide.dialects.diagnostics import Diagnostic, OxideError
from oxide.dialects.resources import SECTION, blobs
from oxide.sandbox import check_brackets, check_regions, child_main, run_in_child

# Prefix of the attributes that repeat the properties of an operation.
PROPERTY = "oxide."

_TYPE = b"!torch."
_STRINGS_COMMENTS = re.compile(rb'"[^"\\\n]*(?:\\.[^"\\\n]*)*"|//[^\n]*')


@dataclass(frozen=True)
class TorchModule:
    """A module of `torch` operations in generic form, and the bytes of its `dense_resource` constants by key."""

    module: ir.Module
    resources: dict[str, bytes]


def is_torch_dialect(data: bytes) -> bool:
    """Whether MLIR text or bytecode has types of the `torch` dialect."""
    if _TYPE not in data:
        return False
    return data.startswith(BYTECODE_MAGIC) or _TYPE in _STRINGS_COMMENTS.sub(b"", data)


def read_torch_module(data: bytes, name: str) -> TorchModule:
    """Parse a stranger's module; `name` is what diagnostics call it.

    Raises OxideError on input that is damaged or hostile, and when the torch-mlir package is missing.
    """
    if find_spec("torch_mlir") is None:
        raise OxideError(
            f"{name}: reading the torch dialect needs the torch-mlir package: pip install 'oxide-mlir[torch-mlir]'"
        )
    is_text = not data.startswith(BYTECODE_MAGIC)
    # Text has its resources after the code, in digits, which take long to read and to print.
    code, _, resources = data.partition(SECTION) if is_text else (data, b"", b"")
    generic, _, printed = run_in_child("oxide.frontends.torch_mlir.reader", code, name).partition(SECTION)
    return TorchModule(parse_module(generic, name=name), blobs(resources if is_text else printed, name))


# ---------------------------------------------------------------------------------------- in the child process


def _to_generic(data: bytes, name: str) -> bytes:
    """The module in generic form with locations and resources.  Runs in the child."""
    their_ir: Any = import_module("torch_mlir.ir")
    torch_dialect: Any = import_module("torch_mlir.dialects.torch")
    check_brackets(data, name)
    context = their_ir.Context()
    torch_dialect.register_dialect(context)
    source = data if data.startswith(BYTECODE_MAGIC) else data.decode(errors="replace")
    try:
        module = _parse(their_ir, source, context, name)
    except their_ir.MLIRError as error:
        notes = [Diagnostic("error", info.message, str(info.location)) for info in error.error_diagnostics]
        raise OxideError(f"{name}: not a valid module of the torch dialect", notes) from error
    check_regions(module, name)
    module.walk(lambda op: _repeat_properties(their_ir, op))
    return module.get_asm(print_generic_op_form=True, enable_debug_info=True).encode()


def _parse(their_ir: Any, source: str | bytes, context: Any, name: str) -> Any:
    """The module as an operation, `name` being the file in its locations."""
    if isinstance(source, str):
        try:
            return their_ir.Operation.parse(source, source_name=name, context=context).operation
        except their_ir.MLIRError as error:
            if "must contain a single top-level operation" not in str(error):
                raise
    return their_ir.Module.parse(source, context).operation


def _repeat_properties(their_ir: Any, op: Any) -> Any:
    if op.name.startswith("torch"):
        for name in list(op.attributes):
            with suppress(
                TypeError
            ):  # complex elements have no Python class; they are read from the printed property
                op.attributes[PROPERTY + name] = op.attributes[name]
    return their_ir.WalkResult.ADVANCE


if __name__ == "__main__":
    sys.exit(child_main(sys.argv[1:], _to_generic))
