"""Factors of products move into the products' weights, and sums of products become one; floats are reassociated."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
from jaxlib.mlir import ir
from jaxlib.mlir.dialects import stablehlo

from oxide.dialects import hlo
from oxide.dialects.rewrite import RuleStatistics
from oxide.passes.base import PassLog
from oxide.passes.canonicalize.matching import (
    attributes_of,
    has_one_use,
    is_discrete,
    is_static,
    number,
    producer,
)
from oxide.passes.weight_values import WeightValues, nbytes

SCALED_PRODUCT = (
    "scaled-product",
    "(dot(x, w) + b) * c -> dot(x, w * c) + b * c of weights w and b and a number c, with `reassociate`",
)
SUM_OF_PRODUCTS = (
    "sum-of-products",
    "dot(x, v) + dot(y, w) -> dot(concatenate(x, y), concatenate(v, w)) where fewer bytes move, of integers; of "
    "floats with `reassociate`",
)
# How far from the factor the products may be.
_DEPTH = 32
_PLACING = frozenset(
    f"stablehlo.{name}" for name in ("broadcast_in_dim", "reshape", "reverse", "slice", "transpose")
)
_SUMS = frozenset(("stablehlo.add", "stablehlo.subtract"))
_PRODUCTS = frozenset(("stablehlo.convolution", "stablehlo.dot_general", "stablehlo.multiply"))


@dataclass(frozen=True)
class _Use:
    """An operand of an operation: a weight to be scaled."""

    op: ir.Operation
    place: int


def fold_scales(program: WeightValues, reassociate: bool, log: PassLog) -> None:
    """Scale weights instead of what is computed from them, wherever one number multiplies it all."""
    statistics = log.rules.setdefault(SCALED_PRODUCT[0], RuleStatistics())
    for position, op in enumerate(program.operations):
        if op.name not in ("stablehlo.multiply", "stablehlo.divide") or program.is_known(position):
            continue
        factor = number(op.operands[1])
        # Scaled weights of fewer bits would lose too much.
        if factor is None or not is_static(op) or factor.dtype not in (np.float32, np.float64):
            continue
        statistics.tries += 1
        uses = _scalable(op.operands[0], program.known)
        if uses is None:
            continue
        if not reassociate:
            log.remark(op, f"{SCALED_PRODUCT[0]}: {op.name} stays, it needs reassociate")
            continue
        for use in uses:
            weight = use.op.operands[use.place]
            with op.location, ir.InsertionPoint(use.op):
                build = hlo.multiply if op.name == "stablehlo.multiply" else hlo.divide
                use.op.operands[use.place] = build(weight, hlo.full_like(weight, factor))
        op.results[0].replace_all_uses_with(op.operands[0])
        op.erase()
        statistics.hits += 1
        log.remark_at(uses[0].op.location, f"{SCALED_PRODUCT[0]}: {len(uses)} weights are scaled instead")


def _scalable(value: ir.Value, known: Mapping[ir.Value, bool], depth: int = _DEPTH) -> list[_Use] | None:
    """The weights that scale a value which nothing else uses; None where it has something besides."""
    if isinstance(value.owner, ir.Block) or not has_one_use(value) or depth == 0:
        return None
    op = value.owner.operation
    if not is_static(op):
        return None

    def factor(place: int) -> list[_Use] | None:
        operand = op.operands[place]
        if operand in known:
            owner = operand.owner
            if not isinstance(owner, ir.Block) and owner.operation.name in _PLACING:
                return _scalable(operand, known, depth - 1)
            is_own = (has_one_use(operand) or number(operand) is not None) and hlo.dtype(operand) == hlo.dtype(
                value
            )
            return [_Use(op, place)] if is_own else None
        return _scalable(operand, known, depth - 1)

    if op.name in _PLACING:
        return factor(0)
    if op.name in _PRODUCTS:
        return factor(1) or factor(0)
    if op.name in _SUMS:
        left = factor(0)
        right = factor(1) if left else None
        return left + right if left and right else None
    return None


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
