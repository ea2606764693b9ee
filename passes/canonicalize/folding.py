"""Constant folding: an operation whose operands are all constants becomes one."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import dtypes, fold, hlo
from oxide.dialects.attributes import integer, tensor
from oxide.dialects.constants import defining_constant, read_constant
from oxide.dialects.effects import ELEMENTWISE, PURE
from oxide.dialects.rewrite import Pattern
from oxide.passes.canonicalize.matching import is_static, pattern

# An iota is smaller than its elements, and a constant is folded already.
_KEPT = {"stablehlo.constant", "stablehlo.iota"}
# What gives a splat of splats without looking at their elements, however many those are.
_SPLAT_OF_SPLATS = ELEMENTWISE | {
    f"stablehlo.{name}"
    for name in ("bitcast_convert", "broadcast_in_dim", "dynamic_slice", "reshape", "reverse", "slice", "transpose")
}
# Evaluating at compile time must not cost more than running the program: operands beyond this stay.
_OPERAND_ELEMENTS = 1 << 20


def constant_fold(limit: int) -> Pattern:
    """op(constants) -> constant, when the result is a splat or has at most `limit` elements."""
    roots = [name.removeprefix("stablehlo.") for name in fold.RULES if name not in _KEPT]
    return pattern("constant-fold", roots, lambda op: _evaluated(op, limit), reads=["constant"])


def _evaluated(op: ir.Operation, limit: int) -> ir.Value | None:
    definitions = []
    for operand in op.operands:
        definition = defining_constant(operand)
        if definition is None:
            return None
        definitions.append(definition)
    if not definitions or not is_static(op):
        return None
    values = evaluated(op, [read_constant(definition) for definition in definitions], limit)
    return None if values is None else hlo.constant(values[0])


def evaluated(op: ir.Operation, arrays: Sequence[np.ndarray], limit: int) -> list[np.ndarray] | None:
    """What an operation gives for constants, when that is a splat or has at most `limit` elements.

    None where it is not known, or evaluating it might take longer than running it.
    """
    visited = [array.size for array in arrays if any(array.strides) or op.name not in _SPLAT_OF_SPLATS]
    result = tensor(op.results[0])
    small = result.has_static_shape and math.prod(result.shape) <= limit
    if visited and (max(visited) > _OPERAND_ELEMENTS or not small):
        return None
    values = fold.fold(op, arrays)
    # Splats in, dense out (an iota-like pad): small results only.
    return values if values is not None and (small or fold.is_splat(values[0])) else None


def _dimension_size(op: ir.Operation) -> ir.Value | None:
    """get_dimension_size of a static dimension -> constant"""
    operand, dimension = tensor(op.operands[0]), integer(op, "dimension")
    if operand.is_dynamic_dim(dimension):
        return None
    return hlo.constant(np.array(operand.shape[dimension], np.int32))


def _unit_iota(op: ir.Operation) -> ir.Value | None:
    """iota along a dimension of size 1 -> zeros"""
    result = tensor(op.results[0])
    if not result.has_static_shape or result.shape[integer(op, "iota_dimension")] != 1:
        return None
    # f8E8M0FNU has no zero, and what iota gives in its place is no business of ours.
    if dtypes.to_numpy(result.element_type).type(0) != 0:
        return None
    return hlo.full_like(op.results[0], 0)


def _empty_result(op: ir.Operation) -> ir.Value | None:
    """An operation whose result has no element -> constant"""
    kind = op.results[0].type
    if len(op.results) != 1 or not isinstance(kind, ir.RankedTensorType) or not kind.has_static_shape:
        return None
    plain = isinstance(kind.element_type, ir.IntegerType | ir.FloatType | ir.ComplexType)
    return hlo.full_like(op.results[0], 0) if plain and 0 in kind.shape else None


# Operations without effects that may answer an empty tensor; those that run regions are looked at one by one.
_MAY_BE_EMPTY = sorted(
    name.removeprefix("stablehlo.")
    for name in PURE
    - _KEPT
    - {f"stablehlo.{name}" for name in ("case", "composite", "if", "map", "return", "while")}
)

PATTERNS = [
    pattern("empty-result", _MAY_BE_EMPTY, _empty_result),
    pattern("static-dimension-size", "get_dimension_size", _dimension_size),
    pattern("unit-iota", "iota", _unit_iota),
]
