"""Control flow whose path is known at compile time, and tuples."""

from __future__ import annotations

from collections.abc import Sequence

from jaxlib.mlir import ir

from oxide.dialects.attributes import integer
from oxide.dialects.rewrite import Rewriter
from oxide.passes.canonicalize.matching import producer, raw_pattern, splat


def _known_branch(op: ir.Operation, rewriter: Rewriter) -> bool:
    """if(true, f, g) -> f, case(i, branches) -> branches[i] (the last one when i is out of range)"""
    selector = splat(op.operands[0])
    if selector is None:
        return False
    index = int(selector)
    if op.name == "stablehlo.if":
        index = 0 if selector else 1
    elif not 0 <= index < len(op.regions):
        index = len(op.regions) - 1
    return _inline(op, op.regions[index].blocks[0], rewriter)


def _single_branch(op: ir.Operation, rewriter: Rewriter) -> bool:
    """case(i, f) -> f"""
    if len(op.regions) != 1:
        return False
    return _inline(op, op.regions[0].blocks[0], rewriter)


def _inline(op: ir.Operation, block: ir.Block, rewriter: Rewriter) -> bool:
    *body, terminator = list(block.operations)
    values = list(terminator.operation.operands)
    if not _fits(op, values):
        return False
    for inner in body:
        inner.operation.move_before(op)
    rewriter.replace(op, values)
    return True


def _fits(op: ir.Operation, values: Sequence[ir.Value]) -> bool:
    """Regions may yield more refined shapes than the operation's results; those stay."""
    return [value.type for value in values] == [result.type for result in op.results]


def _tuple_element(op: ir.Operation, rewriter: Rewriter) -> bool:
    """get_tuple_element(tuple(x, y), i) -> x or y"""
    inner = producer(op.operands[0], "stablehlo.tuple")
    if inner is None:
        return False
    rewriter.replace(op, inner.operands[integer(op, "index")])
    return True


PATTERNS = [
    raw_pattern("known-branch", ["if", "case"], _known_branch),
    raw_pattern("single-branch", ["case"], _single_branch),
    raw_pattern("tuple-element", ["get_tuple_element"], _tuple_element),
]
