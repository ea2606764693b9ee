"""The bytes of `dense_resource` attributes, which no bindings show: they are read from where MLIR text ends.

{-# dialect_resources: { builtin: { key: "0x040000000100000002000000" } } #-}
"""

from __future__ import annotations

import math
import re
from binascii import unhexlify

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import dtypes
from oxide.dialects.constants import dense, holds_elements
from oxide.dialects.diagnostics import Diagnostic, OxideError, location_text

# What comes between the code of MLIR text and its resources.
SECTION = b"\n{-#"
_BYTES = re.compile(rb'"0x([0-9A-Fa-f]*)"')
# Keys are looked for before the bytes: a pattern of both would be tried at every digit.
_NAME = re.compile(rb'("(?:[^"\\\n]|\\.)*"|[\w.$-]+):\s*$')
_LONGEST_KEY = 4096
# A blob starts with its alignment, 32 bits.
_ALIGNMENT_DIGITS = 8
_KEY = re.compile(r"dense_resource<(.+)> ?: ?tensor<")


def blobs(section: bytes, name: str) -> dict[str, bytes]:
    """The resources of MLIR text by key; `section` is what follows SECTION, `name` the file for errors."""
    found = {}
    for match in _BYTES.finditer(section):
        key = _NAME.search(section[max(0, match.start() - _LONGEST_KEY) : match.start()])
        try:
            data = unhexlify(match.group(1)[_ALIGNMENT_DIGITS:])
        except ValueError as error:
            raise OxideError(f"{name}: the bytes of a resource are damaged: {error}") from error
        if key is not None:
            found[key.group(1).decode().strip('"')] = data
    return found


def resource_key(text: str) -> str | None:
    """The key of the `dense_resource` in the text of an operation."""
    match = _KEY.search(text)
    return None if match is None else match.group(1).strip('"')


def resolve_resources(module: ir.Module, section: bytes | None, name: str) -> None:
    """Let every `stablehlo.constant` hold its elements itself, as passes and back ends expect.

    `section` are the resources of the text the module came from, None for a module that came from bytecode.
    Raises OxideError for a resource that is missing or of another size than its type.
    """
    constants: list[ir.Operation] = []

    def visit(op: ir.Operation) -> ir.WalkResult:
        if op.name == "stablehlo.constant" and not holds_elements(op, "value"):
            constants.append(op)
        return ir.WalkResult.ADVANCE

    module.operation.walk(visit)
    if not constants:
        return
    if section is None:
        section = str(module.operation.get_asm()).encode().partition(SECTION)[2]
    known = blobs(section, name)
    with module.context:
        for constant in constants:
            constant.attributes["value"] = _elements(constant, known)


def _elements(constant: ir.Operation, known: dict[str, bytes]) -> ir.Attribute:
    kind = ir.RankedTensorType(constant.results[0].type)
    dtype, key = dtypes.to_numpy(kind.element_type), resource_key(str(constant))
    data = known.get(key or "")
    if data is not None and len(data) == math.prod(kind.shape) * dtype.itemsize:
        return dense(np.frombuffer(data, dtype).reshape(kind.shape))
    found = "is not in the module" if data is None else f"has {len(data)} bytes, not those of {kind}"
    where = Diagnostic("error", f"dense_resource<{key}> {found}", location_text(constant.location))
    raise OxideError(f"the resource {key} {found}", [where])
