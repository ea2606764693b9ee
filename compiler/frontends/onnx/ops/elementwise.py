"""Elementwise operators: one table row each, a function only where the semantics need one.

Before opset 7 binary operators broadcast one way, by the attributes `broadcast` and `axis`; `consumed_inputs`
was a hint for in-place execution without effect on results.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import dtypes, hlo
from oxide.frontends.onnx.registry import Node, lowering, register


def _abs(x: ir.Value) -> ir.Value:
    return x if dtypes.is_unsigned(hlo.dtype(x)) else hlo.abs(x)


def _sign(x: ir.Value) -> ir.Value:
    return hlo.minimum(x, 1) if dtypes.is_unsigned(hlo.dtype(x)) else hlo.sign(x)


# operator, since-versions, builder
UNARY: list[tuple[str, tuple[int, ...], Callable[[ir.Value], ir.Value]]] = [
    ("Abs", (1, 6, 13), _abs),
    ("Acos", (7, 22), hlo.acos),
    ("Acosh", (9, 22), hlo.acosh),
    ("Asin", (7, 22), hlo.asin),
    ("Asinh", (9, 22), hlo.asinh),
    ("Atan", (7, 22), hlo.atan),
    ("Atanh", (9, 22), hlo.atanh),
    ("BitwiseNot", (18,), hlo.not_),
    ("Ceil", (1, 6, 13), hlo.ceil),
    ("Cos", (7, 22), hlo.cos),
    ("Cosh", (9, 22), hlo.cosh),
    ("Erf", (9, 13), hlo.erf),
    ("Exp", (1, 6, 13), hlo.exp),
    ("Floor", (1, 6, 13), hlo.floor),
    ("IsNaN", (9, 13, 20), hlo.is_nan),
    ("Log", (1, 6, 13), hlo.log),
    ("Neg", (1, 6, 13), hlo.negate),
    ("Not", (1,), hlo.not_),
    ("Reciprocal", (1, 6, 13), hlo.reciprocal),
    ("Round", (11, 22), hlo.round_half_even),
    ("Sign", (9, 13), _sign),
    ("Sin", (7, 22), hlo.sin),
    ("Sinh", (9, 22), hlo.sinh),
    ("Sqrt", (1, 6, 13), hlo.sqrt),
    ("Tan", (7, 22), hlo.tan),
]
HAD_CONSUMED_INPUTS = ("Abs", "Ceil", "Exp", "Floor", "Log", "Neg", "Reciprocal", "Sqrt")

BINARY: list[tuple[str, tuple[int, ...], Callable[[ir.Value, ir.Value], ir.Value]]] = [
    ("Add", (7, 13, 14), hlo.add),
    ("And", (7,), hlo.and_),
    ("BitwiseAnd", (18,), hlo.and_),
    ("BitwiseOr", (18,), hlo.or_),
    ("BitwiseXor", (18,), hlo.xor),
    ("Div", (7, 13, 14), hlo.divide),
    ("Equal", (7, 11, 13, 19), hlo.equal),
    ("Greater", (7, 9, 13), hlo.greater),
    ("GreaterOrEqual", (12, 16), hlo.greater_equal),
    ("Less", (7, 9, 13), hlo.less),
    ("LessOrEqual", (12, 16), hlo.less_equal),
    ("Mul", (7, 13, 14), hlo.multiply),
    ("Or", (7,), hlo.or_),
    ("Sub", (7, 13, 14), hlo.subtract),
    ("Xor", (7,), hlo.xor),
]
# Operators that had the attributes `broadcast` and `axis`, with those versions; the ones of arithmetic at
# version 1 had `consumed_inputs` as well.
FIRST_LOGICAL = ("And", "Equal", "Greater", "Less", "Or", "Xor")
FIRST_ARITHMETIC = ("Add", "Div", "Mul", "Sub")


def unary(build: Callable[[ir.Value], ir.Value], *, consumed_inputs: bool = False) -> Callable:
    """The lowering of a unary operator; `consumed_inputs` says that its version 1 had that attribute."""
    if consumed_inputs:

        def lower(node: Node, x: ir.Value, *, consumed_inputs: list[int] | None = None) -> ir.Value:
            return build(x)

        return lower
    return lambda node, x: build(x)


def _binary(build: Callable[[ir.Value, ir.Value], ir.Value]) -> Callable:
    return lambda node, a, b: build(a, b)


def _first_binary(build: Callable[[ir.Value, ir.Value], ir.Value]) -> Callable:
    def lower(node: Node, a: ir.Value, b: ir.Value, *, axis: int | None = None, broadcast: int = 0) -> ir.Value:
        return build(a, align_limited(node, a, b, axis, broadcast))

    return lower


def _first_arithmetic(build: Callable[[ir.Value, ir.Value], ir.Value]) -> Callable:
    def lower(
        node: Node,
        a: ir.Value,
        b: ir.Value,
        *,
        axis: int | None = None,
        broadcast: int = 0,
        consumed_inputs: list[int] | None = None,
    ) -> ir.Value:
        return build(a, align_limited(node, a, b, axis, broadcast))

    return lower


def align_limited(node: Node, a: ir.Value, b: ir.Value, axis: int | None, broadcast: int) -> ir.Value:
    """b stretched to a's shape as before opset 7: its dimensions match a's from `axis` on, or a's last ones."""
    dims = hlo.shape(a)
    if not broadcast:
        if hlo.shape(b) != dims:
            raise node.error(f"shapes {dims} and {hlo.shape(b)} differ and attribute broadcast is 0")
        return b
    start = len(dims) - hlo.rank(b) if axis is None else hlo.normalize_axis(axis, len(dims))
    if start < 0 or start + hlo.rank(b) > len(dims):
        raise node.error(f"shape {hlo.shape(b)} does not fit into {dims} at axis {axis}")
    return hlo.broadcast_in_dim(b, dims, range(start, start + hlo.rank(b)))


for _name, _versions, _build in UNARY:
    register(_name, _versions, unary(_build, consumed_inputs=_name in HAD_CONSUMED_INPUTS))
for _name, _versions, _combine in BINARY:
    register(_name, _versions, _binary(_combine))
    if _name in FIRST_LOGICAL:
        register(_name, (1,), _first_binary(_combine))
    if _name in FIRST_ARITHMETIC:
        register(_name, (1, 6), _first_arithmetic(_combine))


# ---------------------------------------------------------------------------------------------- variadic


def _chain(combine: Callable[[ir.Value, ir.Value], ir.Value], values: Sequence[ir.Value]) -> ir.Value:
    total = values[0]
    for value in values[1:]:
        total = combine(total, value)
    return total


def _mean(values: Sequence[ir.Value]) -> ir.Value:
    return hlo.divide(_chain(hlo.add, values), len(values))


VARIADIC: list[tuple[str, tuple[int, ...], Callable[[Sequence[ir.Value]], ir.Value]]] = [
    ("Max", (1, 6, 8, 12, 13), lambda values: _chain(hlo.maximum, values)),
    ("Mean", (1, 6, 8, 13), _mean),
    ("Min", (1, 6, 8, 12, 13), lambda values: _chain(hlo.minimum, values)),
    ("Sum", (1, 6, 8, 13), lambda values: _chain(hlo.add, values)),
]


def _variadic(build: Callable[[Sequence[ir.Value]], ir.Value]) -> Callable:
    def lower(node: Node, *values: ir.Value, consumed_inputs: list[int] | None = None) -> ir.Value:
        return build(values)

    return lower


for _name, _versions, _join in VARIADIC:
    register(_name, _versions, _variadic(_join))


# ------------------------------------------------------------------------------ operators with a function


@lowering("Mod", 10, 13, 28)
def mod(node: Node, a: ir.Value, b: ir.Value, *, fmod: int = 0) -> ir.Value:
    """C's fmod (sign of the dividend) when `fmod` is 1, else Python's modulo (sign of the divisor, zero too)."""
    a, b = hlo.broadcast_operands(a, b)
    rest = hlo.remainder(a, b)
    if fmod or dtypes.is_unsigned(hlo.dtype(a)):
        return rest
    wrong_sign = hlo.not_equal(hlo.less(rest, 0), hlo.less(b, 0))
    is_zero = hlo.equal(rest, 0)
    moved = hlo.select(hlo.and_(hlo.not_(is_zero), wrong_sign), hlo.add(rest, b), rest)
    if not dtypes.is_float(hlo.dtype(a)):
        return moved
    signed_zero = hlo.select(hlo.less(b, 0), hlo.full_like(b, -0.0), 0.0)
    return hlo.select(is_zero, signed_zero, moved)


@lowering("Pow", 1)
def pow_1(node: Node, a: ir.Value, b: ir.Value, *, axis: int | None = None, broadcast: int = 0) -> ir.Value:
    return hlo.power(a, align_limited(node, a, b, axis, broadcast))


@lowering("Pow", 7, 12, 13, 15)
def pow_(node: Node, base: ir.Value, exponent: ir.Value) -> ir.Value:
    """The result has the base's dtype; an integer base with a float exponent is computed in float64."""
    target = hlo.dtype(base)
    if dtypes.is_float(target) or dtypes.is_integer(hlo.dtype(exponent)):
        return hlo.power(base, hlo.convert(exponent, target))
    wide = hlo.power(hlo.convert(base, np.float64), hlo.convert(exponent, np.float64))
    return hlo.convert(wide, target)


@lowering("BitShift", 11, 28)
def bit_shift(node: Node, x: ir.Value, y: ir.Value, *, direction: str) -> ir.Value:
    shifts = {
        "LEFT": hlo.shift_left,
        "RIGHT": hlo.shift_right_logical if dtypes.is_unsigned(hlo.dtype(x)) else hlo.shift_right_arithmetic,
    }
    if direction not in shifts:
        raise node.error(f"direction is {direction!r}, expected LEFT or RIGHT")
    return shifts[direction](x, y)


@lowering("IsInf", 10, 20)
def is_inf(node: Node, x: ir.Value, *, detect_negative: int = 1, detect_positive: int = 1) -> ir.Value:
    infinite = hlo.not_(hlo.or_(hlo.is_finite(x), hlo.is_nan(x)))
    if detect_negative and detect_positive:
        return infinite
    if detect_negative or detect_positive:
        return hlo.and_(infinite, (hlo.less if detect_negative else hlo.greater)(x, 0))
    return hlo.full(hlo.shape(x), False, np.bool_)


@lowering("Where", 9, 16)
def where(node: Node, condition: ir.Value, x: ir.Value, y: ir.Value) -> ir.Value:
    return hlo.select(condition, x, y)


@lowering("Clip", 1)
def clip_1(
    node: Node,
    x: ir.Value,
    *,
    min: float | None = None,
    max: float | None = None,
    consumed_inputs: list[int] | None = None,
) -> ir.Value:
    return _clip(x, min, max)


@lowering("Clip", 6)
def clip_6(
    node: Node,
    x: ir.Value,
    *,
    min: float = float(np.finfo(np.float32).min),
    max: float = float(np.finfo(np.float32).max),
) -> ir.Value:
    return _clip(x, min, max)


@lowering("Clip", 11, 12, 13)
def clip(node: Node, x: ir.Value, min: ir.Value | None = None, max: ir.Value | None = None) -> ir.Value:
    """min(max(x, min), max): when min exceeds max everything becomes max."""
    return _clip(x, min, max)


def _clip(x: ir.Value, low: hlo.Operand | None, high: hlo.Operand | None) -> ir.Value:
    if low is not None and high is not None:
        return hlo.clamp(low, x, high)
    if low is not None:
        return hlo.maximum(x, low)
    return x if high is None else hlo.minimum(x, high)
