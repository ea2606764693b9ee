"""Sums of products become one product."""

from __future__ import annotations

from collections.abc import Collection

from jaxlib.mlir import ir
from jaxlib.mlir.dialects import stablehlo

from oxide.dialects import hlo
from oxide.dialects.rewrite import RuleStatistics
from oxide.passes.base import PassLog
from oxide.passes.canonicalize.matching import attributes_of, has_one_use, is_discrete, is_static, producer
from oxide.passes.weight_values import WeightValues, nbytes

SUM_OF_PRODUCTS = (
    "sum-of-products",
    "dot(x, v) + dot(y, w) -> dot(concatenate(x, y), concatenate(v, w)) where fewer bytes move, of integers; of "
    "floats with `reassociate`",
)


def merge_sums(program: WeightValues, reassociate: bool, log: PassLog) -> None:
    """Let one product sum what two products and an addition do."""
    statistics = log.rules.setdefault(SUM_OF_PRODUCTS[0], RuleStatistics())
    known = set(program.known)
    for op in program.operations:
        terms = _terms(op)
        if terms is None:
            continue
        statistics.tries += 1
        left, right = terms
        reason = _why_apart(left, right, known)
        if reason is None and not reassociate and not is_discrete(op.results[0]):
            reason = "it needs reassociate"
        if reason is not None:
            log.remark(op, f"{SUM_OF_PRODUCTS[0]}: {op.name} stays, {reason}")
            continue
        with op.location, ir.InsertionPoint(op):
            op.results[0].replace_all_uses_with(_merged(left, right, known))
        log.remark(op, f"{SUM_OF_PRODUCTS[0]}: two products become one")
        for unused in (op, left, right):
            unused.erase()
        statistics.hits += 1


def _terms(op: ir.Operation) -> tuple[ir.Operation, ir.Operation] | None:
    """The two products that an operation adds."""
    if op.name != "stablehlo.add" or not is_static(op) or op.operands[0] == op.operands[1]:
        return None
    left, right = (producer(value, "stablehlo.dot_general") for value in op.operands)
    return None if left is None or right is None else (left, right)


def _contracted(op: ir.Operation) -> tuple[list[int], list[int]]:
    numbers = stablehlo.DotDimensionNumbers(op.attributes["dot_dimension_numbers"])
    return list(numbers.lhs_contracting_dimensions), list(numbers.rhs_contracting_dimensions)


def _why_apart(left: ir.Operation, right: ir.Operation, known: Collection[ir.Value]) -> str | None:
    """Why two products and their sum stay; None where one product does it with fewer bytes."""
    if not all(has_one_use(op.results[0]) for op in (left, right)):
        return "a product is used elsewhere"
    if attributes_of(left) != attributes_of(right) or len(_contracted(left)[0]) != 1:
        return "the products are of different kinds"
    moved = 0
    for place, (x, y) in enumerate(zip(left.operands, right.operands, strict=True)):
        shapes = [list(hlo.shape(value)) for value in (x, y)]
        for shape in shapes:
            del shape[_contracted(left)[place][0]]
        if shapes[0] != shapes[1] or hlo.element_type(x) != hlo.element_type(y):
            return "the products are of different kinds"
        moved += 0 if x in known and y in known else 2 * (nbytes(x) + nbytes(y))
    # Instead of two products written, read and added, one is written.
    saved = 4 * nbytes(left.results[0])
    return None if moved < saved else f"{moved} bytes would move to save {saved}"


def _merged(left: ir.Operation, right: ir.Operation, known: set[ir.Value]) -> ir.Value:
    operands: list[ir.Value] = []
    for place, pair in enumerate(zip(left.operands, right.operands, strict=True)):
        operands.append(hlo.concatenate(pair, _contracted(left)[place][0]))
        if known.issuperset(pair):
            known.add(operands[-1])
    return hlo.create(left.name, operands, [left.results[0].type], attributes_of(left)).results[0]
