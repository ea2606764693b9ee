"""What part an operation can play in a fusion."""

from __future__ import annotations

from enum import Enum

from jaxlib.mlir import ir

_INDEXING = "broadcast_in_dim reshape transpose slice reverse iota concatenate pad gather dynamic_slice"
# Operations that only say which element of an operand an element of the result is.
INDEXING = frozenset(f"stablehlo.{name}" for name in _INDEXING.split())
# Those of them that read a part of their first operand, as large as the result.
PARTS = frozenset({"stablehlo.slice", "stablehlo.dynamic_slice", "stablehlo.gather"})
# Operations that move nothing themselves: their regions and callees are counted where they stand.
CONTROL_FLOW = frozenset({"stablehlo.while", "stablehlo.if", "stablehlo.case"})
FREE = CONTROL_FLOW | {"stablehlo.constant", "stablehlo.reshape", "stablehlo.return", "func.return", "func.call"}
UPDATE = "stablehlo.dynamic_update_slice"
CONTRACTIONS = frozenset({"stablehlo.dot_general", "stablehlo.convolution"})
# FLOPs a transcendental function is taken to cost.
TRANSCENDENTAL_WORK = 20


class Role(Enum):
    OPAQUE = "stays outside"
    ELEMENTWISE = "one result element from the same elements of the operands"
    INDEXING = "moves or repeats elements"
    REDUCTION = "what an input fusion is about"
    CONTRACTION = "what an output fusion is about"
    UPDATE = "writes a part of its first operand, in place"
    CONSTANT = "copied into every fusion that uses it"


def is_self_contained(op: ir.Operation) -> bool:
    """True when the regions use nothing but what they define, arguments of the function included."""
    block = op.regions[0].blocks[0]
    known: set[ir.Value] = set(block.arguments)
    for view in block.operations:
        if len(view.operation.regions) or any(value not in known for value in view.operation.operands):
            return False
        known.update(view.operation.results)
    return True
