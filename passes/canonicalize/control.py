"""Branches: paths that are known or alike, what a branch knows of its predicate, and tuples."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.attributes import integer
from oxide.dialects.rewrite import Rewriter
from oxide.passes.canonicalize.matching import attributes_of, producer, raw_pattern, splat
from oxide.passes.canonicalize.regions import blocks_of, is_plainly_pure
from oxide.passes.cse import KEPT_APART, region_structure, structure


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


def _equal_branches(op: ir.Operation, rewriter: Rewriter) -> bool:
    """if and case of branches that all do the same -> one of them"""
    first, *others = blocks_of(op)
    # Most branches differ in length or in their first operation.
    if any(len(block.operations) != len(first.operations) for block in others) or not others:
        return False
    if len({block.operations[0].operation.name for block in (first, *others)}) > 1:
        return False
    if len({region_structure(region, {}) for region in op.regions}) > 1:
        return False
    return _inline(op, first, rewriter)


def _case_of_bool(op: ir.Operation, rewriter: Rewriter) -> bool:
    """case(convert(p), f, g) -> if(p, g, f)"""
    inner = producer(op.operands[0], "stablehlo.convert")
    if inner is None or len(op.regions) != 2 or hlo.dtype(inner.operands[0]) != np.bool_:
        return False
    _branched(op, inner.operands[0], blocks_of(op)[::-1], rewriter)
    return True


def _if_not(op: ir.Operation, rewriter: Rewriter) -> bool:
    """if(not(p), f, g) -> if(p, g, f)"""
    inner = producer(op.operands[0], "stablehlo.not")
    if inner is None:
        return False
    _branched(op, inner.operands[0], blocks_of(op)[::-1], rewriter)
    return True


def _branched(op: ir.Operation, predicate: ir.Value, blocks: Sequence[ir.Block], rewriter: Rewriter) -> None:
    """Let an if with these blocks take the place of an operation with branches."""
    types = [result.type for result in op.results]
    branch = hlo.create("stablehlo.if", [predicate], types, attributes_of(op), regions=2)
    for region, block in zip(branch.regions, blocks, strict=True):
        block.append_to(region)
    rewriter.replace(op, list(branch.results))


def _known_inside(op: ir.Operation, rewriter: Rewriter) -> bool:
    """if(p, f(p), g(p)) -> if(p, f(true), g(false))"""
    predicate, blocks = op.operands[0], blocks_of(op)
    found = False
    for use in list(predicate.uses):
        user = use.owner.operation
        place = _branch_of(user, op)
        if place is None:
            continue
        with ir.InsertionPoint.at_block_begin(blocks[place]):
            user.operands[use.operand_number] = hlo.constant(np.array(place == 0))
        found = True
    return found


def _branch_of(op: ir.Operation, branching: ir.Operation) -> int | None:
    """Which branch of an operation another stands in, at any depth; None for none."""
    while op.name not in ("func.func", "builtin.module"):
        block = op.block
        op = block.owner.operation
        if op == branching:
            return list(branching.regions).index(block.region)
    return None


def _common_code(op: ir.Operation, rewriter: Rewriter) -> bool:
    """if and case of branches that compute the same from outside values -> it is computed before"""
    first, *others = [_independent(block) for block in blocks_of(op)]
    found = False
    for key, inner in first.items():
        if not others or any(key not in branch for branch in others):
            continue
        inner.move_before(op)
        for branch in others:
            rewriter.replace(branch[key], list(inner.results))
        found = True
    return found


def _independent(block: ir.Block) -> dict[Hashable, ir.Operation]:
    """The operations of a block that read nothing the block defines, by what they compute."""
    found = {}
    for view in block.operations:
        inner = view.operation
        local = any(not isinstance(x.owner, ir.Block) and x.owner.operation.block == block for x in inner.operands)
        if is_plainly_pure(inner) and inner.results and not local and inner.name not in KEPT_APART:
            found[structure(inner, {})] = inner
    return found


PATTERNS = [
    raw_pattern("known-branch", ["if", "case"], _known_branch, reads=["constant"]),
    raw_pattern("single-branch", ["case"], _single_branch),
    raw_pattern("equal-branches", ["if", "case"], _equal_branches),
    raw_pattern("case-of-bool", "case", _case_of_bool, reads=["convert"]),
    raw_pattern("if-not", "if", _if_not, reads=["not"]),
    raw_pattern("predicate-in-branch", "if", _known_inside),
    raw_pattern("common-branch-code", ["if", "case"], _common_code),
    raw_pattern("tuple-element", ["get_tuple_element"], _tuple_element, reads=["tuple"]),
]
