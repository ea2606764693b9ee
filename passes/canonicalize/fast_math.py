"""Identities of real numbers that floats keep only under an assumption the user states.

The assumptions have LLVM's names: `nnan` (no NaN goes in or comes out), `nsz` (the sign of a zero does not
matter), `reassoc` (a sum or product may be regrouped).  Without its assumptions a rule declines, and says so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.attributes import keyword
from oxide.dialects.rewrite import Pattern
from oxide.passes.canonicalize.contraction import identity_factor
from oxide.passes.canonicalize.matching import (
    Declined,
    again,
    is_real_float,
    is_static,
    number,
    pattern,
    producer,
)

FLAGS = ("nnan", "nsz", "reassoc")


@dataclass(frozen=True)
class _Relaxed:
    """A rule, where it applies, what it makes, and the assumptions it needs."""

    name: str
    roots: tuple[str, ...]
    applies: Callable[[ir.Operation], bool]
    build: Callable[[ir.Operation], ir.Value]
    needs: tuple[str, ...]
    summary: str


def _float(value: ir.Value) -> np.generic | None:
    """The element a constant of real floats repeats, or None."""
    return number(value) if is_real_float(value) else None


def _zero_on_the_right(op: ir.Operation) -> bool:
    return _float(op.operands[1]) == 0


def _zero_on_the_left(op: ir.Operation) -> bool:
    return _float(op.operands[0]) == 0


def _equal_floats(op: ir.Operation) -> bool:
    x, y = op.operands
    return x == y and is_static(op) and is_real_float(x)


def _two_constants(op: ir.Operation) -> bool:
    inner = producer(op.operands[0], op.name)
    return inner is not None and len(_constants(inner, op)) == 2


def _constants(*ops: ir.Operation) -> list[np.generic]:
    """The float constants that are the right operands of operations."""
    elements = [_float(op.operands[1]) for op in ops]
    return [element for element in elements if element is not None]


def _negated(op: ir.Operation) -> ir.Value:
    return hlo.create("stablehlo.negate", [op.operands[1]], [op.results[0].type]).results[0]


def _compared_equal(op: ir.Operation) -> ir.Value:
    return hlo.full_like(op.results[0], keyword(op, "comparison_direction") in ("EQ", "LE", "GE"))


def _regrouped(op: ir.Operation) -> ir.Value:
    inner = op.operands[0].owner.operation
    left, right = _constants(inner, op)
    combine = np.add if op.name == "stablehlo.add" else np.multiply
    with np.errstate(all="ignore"):
        constant = combine(left, right)
    return again(op, [inner.operands[0], hlo.full_like(op.operands[1], constant)])


def _float_product_with_identity(op: ir.Operation) -> bool:
    return is_real_float(op.results[0]) and identity_factor(op) is not None


def _float_product_with_zero(op: ir.Operation) -> bool:
    return is_real_float(op.results[0]) and is_static(op) and any(_float(value) == 0 for value in op.operands)


_RULES = (
    _Relaxed(
        "add-zero",
        ("add", "subtract"),
        _zero_on_the_right,
        lambda op: op.operands[0],
        ("nsz",),
        "x + 0, x - 0 -> x",
    ),
    _Relaxed(
        "times-zero", ("multiply",), _zero_on_the_right, lambda op: op.operands[1], ("nnan", "nsz"), "x * 0 -> 0"
    ),
    _Relaxed("zero-minus-float", ("subtract",), _zero_on_the_left, _negated, ("nsz",), "0 - x -> -x"),
    _Relaxed(
        "minus-itself",
        ("subtract",),
        _equal_floats,
        lambda op: hlo.full_like(op.results[0], 0),
        ("nnan",),
        "x - x -> 0",
    ),
    _Relaxed(
        "over-itself",
        ("divide",),
        _equal_floats,
        lambda op: hlo.full_like(op.results[0], 1),
        ("nnan",),
        "x / x -> 1",
    ),
    _Relaxed("equals-itself", ("compare",), _equal_floats, _compared_equal, ("nnan",), "compare(x, x) -> constant"),
    _Relaxed(
        "regroup-constants",
        ("add", "multiply"),
        _two_constants,
        _regrouped,
        ("reassoc",),
        "(x + c) + d -> x + (c + d), (x * c) * d -> x * (c * d)",
    ),
    _Relaxed(
        "float-dot-with-identity",
        ("dot_general",),
        _float_product_with_identity,
        lambda op: op.operands[identity_factor(op) or 0],
        ("nnan", "nsz"),
        "dot(x, identity) -> x, dot(identity, x) -> x",
    ),
    _Relaxed(
        "float-product-with-zero",
        ("convolution", "dot_general"),
        _float_product_with_zero,
        lambda op: hlo.full_like(op.results[0], 0),
        ("nnan", "nsz"),
        "dot(x, 0) -> 0, convolution(x, 0) -> 0",
    ),
)


def fast_math(flags: Sequence[str]) -> list[Pattern]:
    """The rules, each declining with a reason where `flags` lacks one of its assumptions."""
    return [_pattern(rule, [flag for flag in rule.needs if flag not in flags]) for rule in _RULES]


def _pattern(rule: _Relaxed, missing: Sequence[str]) -> Pattern:
    def simplify(op: ir.Operation) -> ir.Value | Declined | None:
        if not rule.applies(op):
            return None
        return Declined(f"it needs fast-math={','.join(missing)}") if missing else rule.build(op)

    summary = f"{rule.summary} of floats, with `fast-math={','.join(rule.needs)}`"
    return pattern(rule.name, rule.roots, simplify, summary)
