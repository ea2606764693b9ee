"""Factors of what products give or take move into the products' weights; floats are reassociated.

A factor goes up to the weights from which the value is computed linearly, or down to a weight of each product that
reads the value.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.attributes import integers
from oxide.dialects.constants import constant_value
from oxide.dialects.rewrite import RuleStatistics
from oxide.passes.base import PassLog
from oxide.passes.canonicalize.matching import has_one_use, is_static, number, producer, shape_of
from oxide.passes.simplify.linear import Axis, passes_numbers, scaled_instead, scaled_result, summed_with
from oxide.passes.simplify.places import Places
from oxide.passes.weight_values import WeightValues

SCALED_PRODUCT = (
    "scaled-product",
    "(dot(x, w) + b) * s -> dot(x, w * s) + b * s, dot(x * s, w) -> dot(x, s * w) of weights w and b, where s is a "
    "number or a weight along one dimension, with `reassociate`",
)
# How far from the factor the products may be, and how many may read what it scales.
_DEPTH = 32
_READERS = 8
_PLACING = frozenset(
    f"stablehlo.{name}" for name in ("broadcast_in_dim", "reshape", "reverse", "slice", "transpose")
)
_PRODUCTS = frozenset(("stablehlo.convolution", "stablehlo.dot_general"))


@dataclass(frozen=True)
class _Factor:
    """What a value is multiplied by, or divided: a number, or a vector along a dimension."""

    vector: ir.Value
    element: np.generic | None
    axis: Axis
    positive: bool


@dataclass(frozen=True)
class _Use:
    """An operand of an operation: a weight to be scaled along a dimension."""

    op: ir.Operation
    place: int
    axis: Axis


def fold_scales(program: WeightValues, reassociate: bool, log: PassLog) -> None:
    """Scale weights instead of what is computed from them or multiplied by them."""
    statistics = log.rules.setdefault(SCALED_PRODUCT[0], RuleStatistics())
    places = Places(program)
    for position, op in enumerate(program.operations):
        if op.name not in ("stablehlo.multiply", "stablehlo.divide") or program.is_known(position):
            continue
        # Scaled weights of fewer bits would lose too much.
        if not is_static(op) or hlo.dtype(op.results[0]) not in (np.float32, np.float64):
            continue
        side = 0 if op.name == "stablehlo.multiply" and op.operands[0] in program.known else 1
        factor = _factor(op.operands[side], program.known)
        if factor is None:
            continue
        statistics.tries += 1
        scaled = op.operands[1 - side]
        uses = _above(scaled, factor.axis, factor.positive, program.known)
        uses = uses or _below(op, factor.axis, program.known)
        # What was scaled in this round waits for the next.
        if uses is None or not all(places.knows(use.op) for use in uses):
            continue
        if not reassociate:
            log.remark(op, f"{SCALED_PRODUCT[0]}: {op.name} stays, it needs reassociate")
            continue
        for use in uses:
            places.bring_before(use.op, [factor.vector])
            with op.location, ir.InsertionPoint(use.op):
                use.op.operands[use.place] = _scaled(op.name, use.op.operands[use.place], factor, use.axis)
        op.results[0].replace_all_uses_with(scaled)
        op.erase()
        statistics.hits += 1
        log.remark_at(uses[0].op.location, f"{SCALED_PRODUCT[0]}: {len(uses)} weights are scaled instead")


def _factor(value: ir.Value, known: Mapping[ir.Value, bool]) -> _Factor | None:
    """A number, or a known vector that is repeated along all other dimensions."""
    if value not in known:
        return None
    element = number(value)
    if element is not None:
        return _Factor(value, element, None, float(element) > 0)
    mapping = list(range(hlo.rank(value)))
    spread = producer(value, "stablehlo.broadcast_in_dim")
    source = value if spread is None else spread.operands[0]
    if spread is not None:
        mapping = integers(spread, "broadcast_dimensions")
    wide = [axis for axis, size in enumerate(shape_of(source)) if size != 1]
    if len(wide) != 1 or hlo.dtype(source) != hlo.dtype(value):
        return None
    elements = constant_value(source)
    return _Factor(source, None, mapping[wide[0]], elements is not None and bool((elements > 0).all()))


def _scaled(name: str, weight: ir.Value, factor: _Factor, axis: Axis) -> ir.Value:
    build = hlo.multiply if name == "stablehlo.multiply" else hlo.divide
    if factor.element is not None:
        return build(weight, hlo.full_like(weight, factor.element))
    vector = hlo.reshape(factor.vector, [hlo.size(factor.vector)])
    return build(weight, hlo.broadcast_in_dim(vector, hlo.shape(weight), [] if axis is None else [axis]))


def _above(
    value: ir.Value, axis: Axis, positive: bool, known: Mapping[ir.Value, bool], depth: int = _DEPTH
) -> list[_Use] | None:
    """The weights that scale a value which nothing else uses; None where it has something besides."""
    if isinstance(value.owner, ir.Block) or not has_one_use(value) or depth == 0:
        return None
    op = value.owner.operation
    if not is_static(op):
        return None

    def at(place: int, axis: Axis) -> list[_Use] | None:
        operand = op.operands[place]
        if operand not in known:
            return _above(operand, axis, positive, known, depth - 1)
        if not isinstance(operand.owner, ir.Block) and operand.owner.operation.name in _PLACING:
            return _above(operand, axis, positive, known, depth - 1)
        return [_Use(op, place, axis)] if _is_own(operand, hlo.dtype(value)) else None

    for operands in scaled_instead(op, axis, positive):
        found = [at(place, along) for place, along in operands]
        if all(uses is not None for uses in found):
            return [use for uses in found for use in uses or []]
    return None


def _below(
    scaled: ir.Operation, axis: Axis, known: Mapping[ir.Value, bool], depth: int = _DEPTH
) -> list[_Use] | None:
    """A weight for each product that reads a result, to be scaled instead; None where something else reads it."""
    value = scaled.results[0]
    readers = [(use.owner.operation, use.operand_number) for use in islice(value.uses, _READERS + 1)]
    if not 0 < len(readers) <= _READERS or depth == 0:
        return None
    found: list[_Use] = []
    for op, place in readers:
        # A loop that reads it from outside does so in each turn.
        here = op.block == scaled.block and is_static(op)
        uses = _in_reader(op, place, axis, hlo.dtype(value), known, depth) if here else None
        if uses is None:
            return None
        found += uses
    return found


def _in_reader(
    op: ir.Operation, place: int, axis: Axis, dtype: np.dtype, known: Mapping[ir.Value, bool], depth: int
) -> list[_Use] | None:
    if op.name in _PRODUCTS:
        other: tuple[int, Axis] | None = (1 - place, None) if axis is None else summed_with(op, place, axis)
        if other is not None:
            weight = op.operands[other[0]]
            return [_Use(op, *other)] if weight in known and _is_own(weight, dtype) else None
    after = scaled_result(op, place, axis)
    if after is None and not (axis is None and passes_numbers(op, place)):
        return None
    return _below(op, after, known, depth - 1)


def _is_own(weight: ir.Value, dtype: np.dtype) -> bool:
    """True of a weight that only one operation reads, or a number."""
    return (has_one_use(weight) or number(weight) is not None) and hlo.dtype(weight) == dtype
