"""While loops: how often they run, where that is known, and the state they need."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects.constants import constant_value
from oxide.dialects.fold import RULES, fold
from oxide.dialects.rewrite import Rewriter
from oxide.passes.canonicalize.constants import key_of
from oxide.passes.canonicalize.matching import producer, raw_pattern
from oxide.passes.canonicalize.regions import (
    blocks_of,
    is_plainly_pure,
    is_used,
    take_over,
    terminator,
    without_arguments,
    yield_only,
)
from oxide.passes.cse import KEPT_APART, structure

# A condition that takes more operations, or larger arrays, to evaluate is not looked through.
_EVALUATED_OPERATIONS = 64
_EVALUATED_ELEMENTS = 64

Known = dict[ir.Value, np.ndarray]


def _parts(op: ir.Operation) -> tuple[ir.Block, ir.Block]:
    """The blocks of the condition and the body."""
    condition, body = blocks_of(op)
    return condition, body


def _evaluated(values: Sequence[ir.Value], known: Known) -> list[np.ndarray | None]:
    """What values are when `known` block arguments are; None for what is not known or takes too long."""
    budget = _EVALUATED_OPERATIONS

    def visit(value: ir.Value) -> np.ndarray | None:
        nonlocal budget
        if value in known:
            return known[value]
        owner = value.owner
        budget -= 1
        if isinstance(owner, ir.Block) or budget < 0:
            return None
        op = owner.operation
        array = constant_value(value)
        if array is None and op.name in RULES and len(op.regions) == 0:
            operands = [visit(operand) for operand in op.operands]
            present = [operand for operand in operands if operand is not None]
            folded = fold(op, present) if len(present) == len(operands) else None
            array = None if folded is None else folded[0]
        if array is None or array.size > _EVALUATED_ELEMENTS:
            return None
        known[value] = array
        return array

    return [visit(value) for value in values]


def _initially(op: ir.Operation, block: ir.Block) -> Known:
    """The block's arguments that are constants on the first round."""
    pairs = zip(block.arguments, op.operands, strict=True)
    arrays = ((argument, constant_value(value)) for argument, value in pairs)
    return {argument: array for argument, array in arrays if array is not None}


def _never_entered(op: ir.Operation, rewriter: Rewriter) -> bool:
    """while whose condition is false at first -> the initial values"""
    condition, _ = _parts(op)
    (entered,) = _evaluated(terminator(condition).operands, _initially(op, condition))
    values = list(op.operands)
    if entered is None or bool(entered) or not _fits(op, values):
        return False
    rewriter.replace(op, values)
    return True


def _single_trip(op: ir.Operation, rewriter: Rewriter) -> bool:
    """while whose condition is true at first and false after one round -> its body"""
    condition, body = _parts(op)
    answer = terminator(condition).operands
    (entered,) = _evaluated(answer, _initially(op, condition))
    if entered is None or not bool(entered):
        return False
    returned = list(terminator(body).operands)
    after = _evaluated(returned, _initially(op, body))
    again: Known = {
        argument: array for argument, array in zip(condition.arguments, after, strict=True) if array is not None
    }
    (continues,) = _evaluated(answer, again)
    if continues is None or bool(continues) or not _fits(op, returned):
        return False
    if not all(is_plainly_pure(inner.operation) for inner in condition.operations):
        return False
    for argument, value in zip(body.arguments, op.operands, strict=True):
        argument.replace_all_uses_with(value)
    values = list(terminator(body).operands)
    for inner in list(body.operations)[:-1]:
        inner.operation.move_before(op)
    rewriter.replace(op, values)
    return True


def _fits(op: ir.Operation, values: Sequence[ir.Value]) -> bool:
    """Regions may yield more refined shapes than the operation's results; those stay."""
    return [value.type for value in values] == [result.type for result in op.results]


def _invariant_state(op: ir.Operation, rewriter: Rewriter) -> bool:
    """while state that every round passes on as it was -> its initial value"""
    condition, body = _parts(op)
    returned = list(terminator(body).operands)
    invariant = [
        place
        for place, (argument, value, initial) in enumerate(zip(body.arguments, returned, op.operands, strict=True))
        if value in (argument, initial) and initial.type == argument.type == op.results[place].type
    ]
    # A loop of no state would be left with nothing to answer.
    if not invariant or len(invariant) == len(op.operands):
        return False
    for place in invariant:
        for value in (condition.arguments[place], body.arguments[place], op.results[place]):
            value.replace_all_uses_with(op.operands[place])
    _without_state(op, set(invariant), rewriter)
    return True


def _unused_state(op: ir.Operation, rewriter: Rewriter) -> bool:
    """while state that nothing but its own next value depends on -> nothing"""
    condition, body = _parts(op)
    places = range(len(op.operands))
    used = {place for place in places if is_used(op.results[place])}
    used |= {place for place in places if is_used(condition.arguments[place])}
    if len(used) == len(op.operands):
        return False
    position: dict[ir.Value, int] = {argument: place for place, argument in enumerate(body.arguments)}
    returned = list(terminator(body).operands)
    # What an operation with effects or a region reads is used; so is what leads to a used result.
    seen: set[ir.Value] = set()
    pending = [
        value
        for inner in list(body.operations)[:-1]
        if not is_plainly_pure(inner.operation)
        for value in _read(inner.operation)
    ]
    pending += [returned[place] for place in used]
    while pending:
        value = pending.pop()
        if value in seen:
            continue
        seen.add(value)
        if value in position:
            if position[value] not in used:
                used.add(position[value])
                pending.append(returned[position[value]])
        elif not isinstance(value.owner, ir.Block) and value.owner.operation.block == body:
            pending.extend(value.owner.operation.operands)
    unused = set(places) - used
    if not unused or not used:
        return False
    _without_state(op, unused, rewriter)
    return True


def _equal_state(op: ir.Operation, rewriter: Rewriter) -> bool:
    """while state that starts and goes on as another does -> that other"""
    _, body = _parts(op)
    classes = _numbered(
        [(_initial(value), argument.type) for value, argument in zip(op.operands, body.arguments, strict=True)]
    )
    # Values that start alike are taken to stay so, until their next values tell them apart.
    while len(set(classes)) < len(classes):
        refined = _numbered(list(zip(classes, _next_values(body, classes), strict=True)))
        if len(set(refined)) == len(set(classes)):
            break
        classes = refined
    twins = {place: classes.index(number) for place, number in enumerate(classes) if classes.index(number) != place}
    for place, first in twins.items():
        for values in (*(block.arguments for block in _parts(op)), op.results):
            values[place].replace_all_uses_with(values[first])
    if twins:
        _without_state(op, set(twins), rewriter)
    return bool(twins)


def _initial(value: ir.Value) -> Hashable:
    """What tells an initial value from others: the constant it is, or else itself."""
    constant = producer(value, "stablehlo.constant")
    return value if constant is None else key_of(constant)


def _numbered(keys: Sequence[Hashable]) -> list[int]:
    """The same number for equal keys."""
    numbers: dict[Hashable, int] = {}
    return [numbers.setdefault(key, len(numbers)) for key in keys]


def _next_values(body: ir.Block, classes: Sequence[int]) -> list[Hashable]:
    """What a loop's body answers, where arguments of one class are one value: equal for equal values."""
    numbers: dict[ir.Value, int] = dict(zip(body.arguments, classes, strict=True))
    known: dict[Hashable, int] = {}
    count = len(classes)
    *operations, returned = (view.operation for view in body.operations)
    for op in operations:
        first = count
        if is_plainly_pure(op) and op.name not in KEPT_APART:
            first = known.setdefault(structure(op, numbers), count)
        for place, result in enumerate(op.results):
            numbers[result] = first + place
        count += len(op.results)
    return [numbers.get(value, value) for value in returned.operands]


def _read(op: ir.Operation) -> list[ir.Value]:
    """Every operand of an operation and of the operations inside it."""
    values: list[ir.Value] = []

    def visit(inner: ir.Operation) -> ir.WalkResult:
        values.extend(inner.operands)
        return ir.WalkResult.ADVANCE

    op.walk(visit)
    return values


def _without_state(op: ir.Operation, places: set[int], rewriter: Rewriter) -> None:
    """Take state away whose results nothing uses and whose next values nothing else needs."""
    kept = [place for place in range(len(op.operands)) if place not in places]
    condition, body = _parts(op)
    yield_only(body, kept, rewriter)
    for block in (condition, body):
        without_arguments(block, sorted(places))
    take_over(op, [op.operands[place] for place in kept], kept, rewriter)


PATTERNS = [
    raw_pattern("while-never-entered", "while", _never_entered),
    raw_pattern("single-trip-while", "while", _single_trip),
    raw_pattern("invariant-while-state", "while", _invariant_state),
    raw_pattern("equal-while-state", "while", _equal_state),
    raw_pattern("unused-while-state", "while", _unused_state),
]
