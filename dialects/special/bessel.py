"""Bessel functions of the orders 0 and 1, and Airy's function Ai, of float32 and float64 values.

Each is a Chebyshev series on a bounded interval and one on the rest, where the function's growth, decay or
oscillation is taken out (DLMF chapters 9 and 10).  A series is evaluated at clamped arguments, so that no branch
that is not chosen overflows.
"""

from __future__ import annotations

import math

from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.special import series
from oxide.dialects.special.chebyshev import evaluate

Value = ir.Value
# The orders 0 and 1 of each series.
_I_SMALL, _I_LARGE = (series.I0_SMALL, series.I1_SMALL), (series.I0_LARGE, series.I1_LARGE)
_I_UP_TO_2 = (series.I0_UP_TO_2, series.I1_UP_TO_2)
_K_SMALL, _K_LARGE = (series.K0_SMALL, series.K1_SMALL), (series.K0_LARGE, series.K1_LARGE)
_J_SMALL, _Y_SMALL = (series.J0_SMALL, series.J1_SMALL), (series.Y0_SMALL, series.Y1_SMALL)
_P, _Q = (series.P0, series.P1), (series.Q0, series.Q1)
_BEND = 8  # where the series of I, J and Y change
_K_BEND = 2
_AI_LOW, _AI_HIGH = -4.0, 2.0


def _in_square(x: Value, bound: float) -> Value:
    """x^2 in [0, bound^2] to [-1, 1]."""
    return hlo.subtract(hlo.multiply(hlo.square(hlo.multiply(x, 1 / bound)), 2), 1)


def _in_inverse(x: Value, bound: float) -> Value:
    """1/x in [0, 1/bound] to [-1, 1]."""
    return hlo.subtract(hlo.divide(2 * bound, x), 1)


def _in_inverse_square(x: Value, bound: float) -> Value:
    return hlo.subtract(hlo.multiply(hlo.square(hlo.divide(bound, x)), 2), 1)


def scaled_modified_i(order: int, x: Value) -> Value:
    """exp(-|x|) I(x)."""
    size = hlo.abs(x)
    near, far = hlo.minimum(size, _BEND), hlo.maximum(size, _BEND)
    small = evaluate(_I_SMALL[order], hlo.subtract(hlo.multiply(near, 2 / _BEND), 1))
    large = hlo.multiply(evaluate(_I_LARGE[order], _in_inverse(far, _BEND)), hlo.rsqrt(far))
    if order == 0:
        return hlo.select(hlo.less_equal(size, _BEND), small, large)
    large = hlo.select(hlo.less(x, 0), hlo.negate(large), large)
    return hlo.select(hlo.less_equal(size, _BEND), hlo.multiply(small, x), large)


def modified_i(order: int, x: Value) -> Value:
    """I(x); the exponential is multiplied on in halves, since it overflows before I does."""
    half = hlo.exp(hlo.multiply(hlo.abs(x), 0.5))
    value = hlo.multiply(hlo.multiply(scaled_modified_i(order, x), half), half)
    return hlo.select(_is_infinite(x), hlo.abs(x) if order == 0 else x, value)


def scaled_modified_k(order: int, x: Value) -> Value:
    """exp(x) K(x); infinite at 0, NaN below."""
    near, far = _at_most(x, _K_BEND), hlo.maximum(x, _K_BEND)
    small = hlo.multiply(_k_near_0(order, near), hlo.exp(near))
    large = hlo.multiply(evaluate(_K_LARGE[order], _in_inverse(far, _K_BEND)), hlo.rsqrt(far))
    return _from_0(x, hlo.select(hlo.less_equal(x, _K_BEND), small, large), math.inf)


def modified_k(order: int, x: Value) -> Value:
    """K(x); infinite at 0, NaN below."""
    near, far = _at_most(x, _K_BEND), hlo.maximum(x, _K_BEND)
    large = hlo.multiply(evaluate(_K_LARGE[order], _in_inverse(far, _K_BEND)), hlo.rsqrt(far))
    large = hlo.multiply(large, hlo.exp(hlo.negate(far)))
    value = hlo.select(hlo.less_equal(x, _K_BEND), _k_near_0(order, near), large)
    return _from_0(x, value, math.inf)


def _k_near_0(order: int, x: Value) -> Value:
    t = _in_square(x, _K_BEND)
    bounded, i = evaluate(_K_SMALL[order], t), evaluate(_I_UP_TO_2[order], t)
    logarithm = hlo.log(hlo.multiply(x, 0.5))
    if order == 0:
        return hlo.subtract(bounded, hlo.multiply(logarithm, i))
    return hlo.add(hlo.divide(bounded, x), hlo.multiply(logarithm, hlo.multiply(i, x)))


def j(order: int, x: Value) -> Value:
    """J(x)."""
    size = hlo.abs(x)
    near, far = hlo.minimum(size, _BEND), hlo.maximum(size, _BEND)
    small = evaluate(_J_SMALL[order], _in_square(near, _BEND))
    cosine, sine, p, q = _waves(order, far)
    large = hlo.subtract(hlo.multiply(p, cosine), hlo.multiply(q, sine))
    large = hlo.select(_is_infinite(x), 0, large)
    if order == 1:
        small = hlo.multiply(small, x)
        large = hlo.select(hlo.less(x, 0), hlo.negate(large), large)
    return hlo.select(hlo.less_equal(size, _BEND), small, large)


def y(order: int, x: Value) -> Value:
    """Y(x); -infinite at 0, NaN below."""
    near, far = _at_most(x, _BEND), hlo.maximum(x, _BEND)
    bounded = evaluate(_Y_SMALL[order], _in_square(near, _BEND))
    logarithm = hlo.multiply(hlo.log(near), j(order, near))
    if order == 1:
        bounded = hlo.multiply(bounded, near)
        logarithm = hlo.subtract(logarithm, hlo.reciprocal(near))
    small = hlo.add(hlo.multiply(logarithm, 2 / math.pi), bounded)
    cosine, sine, p, q = _waves(order, far)
    large = hlo.add(hlo.multiply(p, sine), hlo.multiply(q, cosine))
    large = hlo.select(_is_infinite(x), 0, large)
    return _from_0(x, hlo.select(hlo.less_equal(x, _BEND), small, large), -math.inf)


def _waves(order: int, x: Value) -> tuple[Value, Value, Value, Value]:
    """cos and sin of chi = x - (order/2 + 1/4) pi, and P and Q times sqrt(2 / (pi x)).

    The phase is taken off after the functions: its difference from a large x is not exact.
    """
    c, s = (hlo.multiply(f(x), math.sqrt(0.5)) for f in (hlo.cos, hlo.sin))
    total, difference = hlo.add(c, s), hlo.subtract(s, c)
    cosine, sine = (total, difference) if order == 0 else (difference, hlo.negate(total))
    t = _in_inverse_square(x, _BEND)
    scale = hlo.multiply(hlo.rsqrt(x), math.sqrt(2 / math.pi))
    p = hlo.multiply(evaluate(_P[order], t), scale)
    q = hlo.multiply(hlo.divide(evaluate(_Q[order], t), x), scale)
    return cosine, sine, p, q


def spherical_j0(x: Value) -> Value:
    """sin(x) / x, 1 at 0."""
    zero = hlo.equal(x, 0)
    value = hlo.divide(hlo.sin(x), hlo.select(zero, 1, x))
    return hlo.select(_is_infinite(x), 0, hlo.select(zero, 1, value))


def airy_ai(x: Value) -> Value:
    """Ai(x)."""
    middle = hlo.minimum(hlo.maximum(x, _AI_LOW), _AI_HIGH)
    half_length = (_AI_HIGH - _AI_LOW) / 2
    t = hlo.multiply(hlo.subtract(middle, (_AI_HIGH + _AI_LOW) / 2), 1 / half_length)
    value = evaluate(series.AI, t)
    value = hlo.select(hlo.greater(x, _AI_HIGH), _ai_decaying(hlo.maximum(x, _AI_HIGH)), value)
    value = hlo.select(hlo.less(x, _AI_LOW), _ai_waving(hlo.maximum(hlo.negate(x), -_AI_LOW)), value)
    return hlo.select(_is_infinite(x), 0, value)


def _airy_argument(x: Value) -> tuple[Value, Value]:
    """2/3 x^(3/2) and x^(-1/4) / sqrt(pi)."""
    root = hlo.sqrt(x)
    return hlo.multiply(hlo.multiply(x, root), 2 / 3), hlo.multiply(hlo.rsqrt(root), 1 / math.sqrt(math.pi))


def _ai_decaying(x: Value) -> Value:
    z, scale = _airy_argument(x)
    value = evaluate(series.AI_POS, _in_inverse(z, 2 / 3 * _AI_HIGH**1.5))
    return hlo.multiply(hlo.multiply(value, hlo.multiply(scale, 0.5)), hlo.exp(hlo.negate(z)))


def _ai_waving(x: Value) -> Value:
    """Ai(-x)."""
    z, scale = _airy_argument(x)
    t = _in_inverse_square(z, 2 / 3 * (-_AI_LOW) ** 1.5)
    p, q = evaluate(series.AI_P, t), hlo.divide(evaluate(series.AI_Q, t), z)
    c, s = hlo.cos(z), hlo.sin(z)
    waves = hlo.add(hlo.multiply(hlo.add(c, s), p), hlo.multiply(hlo.subtract(s, c), q))
    return hlo.multiply(waves, hlo.multiply(scale, math.sqrt(0.5)))


def _is_infinite(x: Value) -> Value:
    return hlo.equal(hlo.abs(x), math.inf)


def _at_most(x: Value, bound: float) -> Value:
    """x where it is in (0, bound], and bound elsewhere: an argument for logarithms."""
    return hlo.select(hlo.and_(hlo.greater(x, 0), hlo.less(x, bound)), x, hlo.full_like(x, bound))


def _from_0(x: Value, value: Value, at_0: float) -> Value:
    """The value for x > 0, its limit at 0, and NaN below and for NaN."""
    value = hlo.select(hlo.greater(x, 0), value, hlo.full_like(x, math.nan))
    return hlo.select(hlo.equal(x, 0), at_0, value)
