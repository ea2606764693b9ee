"""Operations of several results lose those that nothing uses, and those that are known."""

from __future__ import annotations

from jaxlib.mlir import ir

from oxide.dialects.rewrite import Rewriter
from oxide.passes.canonicalize.constants import are_equal_constants
from oxide.passes.canonicalize.matching import built, producer, raw_pattern
from oxide.passes.canonicalize.regions import (
    blocks_of,
    is_used,
    take_over,
    terminator,
    without_arguments,
    yield_only,
)


def _known_result(op: ir.Operation, rewriter: Rewriter) -> bool:
    """if and case whose branches all yield one value from outside, or equal constants -> that value"""
    yields = [list(terminator(block).operands) for block in blocks_of(op)]
    changed = False
    for place, result in enumerate(op.results):
        value = yields[0][place]
        constant = producer(value, "stablehlo.constant")
        if value.type != result.type or not is_used(result):
            continue
        if all(branch[place] == value for branch in yields) and _is_outside(value, op):
            result.replace_all_uses_with(value)
            changed = True
        elif constant is not None and are_equal_constants([branch[place] for branch in yields]):
            result.replace_all_uses_with(constant.clone().results[0])
            changed = True
    return changed


def _result_as_select(op: ir.Operation, rewriter: Rewriter) -> bool:
    """if(p, x, y) -> select(p, x, y) of results that are outside values or constants in both branches"""
    left, right = (list(terminator(block).operands) for block in blocks_of(op))
    changed = False
    for x, y, result in zip(left, right, op.results, strict=True):
        kinds = {x.type, y.type, result.type}
        if len(kinds) > 1 or not is_used(result) or not isinstance(x.type, ir.RankedTensorType):
            continue
        constants = [producer(value, "stablehlo.constant") for value in (x, y)]
        pairs = list(zip((x, y), constants, strict=True))
        if all(constant is not None or _is_outside(value, op) for value, constant in pairs):
            arms = [value if constant is None else constant.clone().results[0] for value, constant in pairs]
            result.replace_all_uses_with(built("select", result, op.operands[0], *arms))
            changed = True
    return changed


def _is_outside(value: ir.Value, op: ir.Operation) -> bool:
    """True when a value that branches of `op` use is defined before it."""
    owner = value.owner
    block = owner if isinstance(owner, ir.Block) else owner.operation.block
    return block not in blocks_of(op)


def _unused_branch_results(op: ir.Operation, rewriter: Rewriter) -> bool:
    """if and case -> the same without the results that nothing uses"""
    kept = [place for place, result in enumerate(op.results) if is_used(result)]
    if not kept or len(kept) == len(op.results):
        return False
    for block in blocks_of(op):
        yield_only(block, kept, rewriter)
    take_over(op, list(op.operands), kept, rewriter)
    return True


def _unused_reductions(op: ir.Operation, rewriter: Rewriter) -> bool:
    """reduce and reduce_window of several operands -> the same without what no used result depends on"""
    count = len(op.results)
    (block,) = blocks_of(op)
    needed = _depends(block, {place for place in range(count) if is_used(op.results[place])}, count)
    if not needed or len(needed) == count:
        return False
    kept = sorted(needed)
    yield_only(block, kept, rewriter)
    # Two arguments and two operands each: what is accumulated, then what is taken in; values, then initial values.
    without_arguments(block, [place for place in range(2 * count) if place % count not in needed])
    take_over(op, [op.operands[place] for place in range(2 * count) if place % count in needed], kept, rewriter)
    return True


def _unused_sort_operands(op: ir.Operation, rewriter: Rewriter) -> bool:
    """sort of several operands -> the same without those that are neither compared nor used"""
    (block,) = blocks_of(op)
    arguments = list(block.arguments)
    kept = [
        place
        for place, result in enumerate(op.results)
        if is_used(result) or any(is_used(argument) for argument in arguments[2 * place : 2 * place + 2])
    ]
    if not kept or len(kept) == len(op.results):
        return False
    without_arguments(block, [place for place in range(len(arguments)) if place // 2 not in kept])
    take_over(op, [op.operands[place] for place in kept], kept, rewriter)
    return True


def _depends(block: ir.Block, places: set[int], count: int) -> set[int]:
    """Which of a reduction's operands its results at `places` depend on, those places included."""
    returned = list(terminator(block).operands)
    position: dict[ir.Value, int] = {argument: number % count for number, argument in enumerate(block.arguments)}
    found = set(places)
    pending = [returned[place] for place in places]
    seen: set[ir.Value] = set()
    while pending:
        value = pending.pop()
        if value in seen:
            continue
        seen.add(value)
        if value in position:
            if position[value] not in found:
                found.add(position[value])
                pending.append(returned[position[value]])
        elif not isinstance(value.owner, ir.Block):
            pending.extend(value.owner.operation.operands)
    return found


PATTERNS = [
    raw_pattern("known-branch-result", ["if", "case"], _known_result),
    raw_pattern("branch-result-as-select", "if", _result_as_select),
    raw_pattern("unused-branch-results", ["if", "case"], _unused_branch_results),
    raw_pattern("unused-reductions", ["reduce", "reduce_window"], _unused_reductions),
    raw_pattern("unused-sort-operands", "sort", _unused_sort_operands),
]
