"""Bitwise logic of integers and bools: complements and operands that two sides share."""

from __future__ import annotations

import numpy as np
from jaxlib.mlir import ir

from oxide.passes.canonicalize.matching import built, has_one_use, number, pattern, producer

_OTHER = {"and": "or", "or": "and"}


def _not(value: ir.Value) -> ir.Value | None:
    """x of a value ~x."""
    inner = producer(value, "stablehlo.not")
    return None if inner is None else inner.operands[0]


def _is_complement(value: ir.Value, x: ir.Value) -> bool:
    """True for a value ~x."""
    inner = producer(value, "stablehlo.not")
    return inner is not None and inner.operands[0] == x


def _of_complements(op: ir.Operation) -> ir.Value | None:
    """~x & ~y -> ~(x | y), ~x | ~y -> ~(x & y) where a complement has no other use; ~x ^ ~y -> x ^ y"""
    x, y = map(_not, op.operands)
    if x is None or y is None:
        return None
    name = op.name.removeprefix("stablehlo.")
    if name == "xor":
        return built("xor", op.results[0], x, y)
    if not any(map(has_one_use, op.operands)):
        return None
    return built("not", op.results[0], built(_OTHER[name], op.results[0], x, y))


def _twice(op: ir.Operation) -> ir.Value | None:
    """(x ^ y) ^ y -> x"""
    for this, other in (op.operands, reversed(list(op.operands))):
        inner = producer(other, op.name)
        if inner is not None and this in list(inner.operands):
            return inner.operands[1] if inner.operands[0] == this else inner.operands[0]
    return None


def _with_ones(op: ir.Operation) -> ir.Value | None:
    """x ^ ~0 -> ~x"""
    element = number(op.operands[1])
    return built("not", op.results[0], op.operands[0]) if element is not None and not np.invert(element) else None


def _absorbed_complement(op: ir.Operation) -> ir.Value | None:
    """x & (~x | y) -> x & y, x | (~x & y) -> x | y"""
    name = op.name.removeprefix("stablehlo.")
    for this, other in (op.operands, reversed(list(op.operands))):
        inner = producer(other, f"stablehlo.{_OTHER[name]}")
        if inner is None:
            continue
        for place, value in enumerate(inner.operands):
            if _is_complement(value, this) or _is_complement(this, value):
                return built(name, op.results[0], this, inner.operands[1 - place])
    return None


def _shared_operand(op: ir.Operation) -> ir.Value | None:
    """(x & y) | (x & z) -> x & (y | z), and so for | of &, & of | and ^ of &, where neither side has another use"""
    name = op.name.removeprefix("stablehlo.")
    inner = f"stablehlo.{_OTHER.get(name, 'and')}"
    left, right = (producer(value, inner) for value in op.operands)
    if left is None or right is None or not all(map(has_one_use, op.operands)):
        return None
    for place, value in enumerate(left.operands):
        others = list(right.operands)
        if value in others:
            rest = built(name, op.results[0], left.operands[1 - place], others[1 - others.index(value)])
            return built(inner.removeprefix("stablehlo."), op.results[0], value, rest)
    return None


PATTERNS = [
    pattern("logic-of-complements", ["and", "or", "xor"], _of_complements, reads=["not"]),
    pattern("xor-twice", "xor", _twice, reads=["xor"]),
    pattern("xor-with-ones", "xor", _with_ones, reads=["constant"]),
    pattern("absorbed-complement", ["and", "or"], _absorbed_complement, reads=["and", "or"]),
    pattern("shared-operand", ["and", "or", "xor"], _shared_operand, reads=["and", "or"]),
]
