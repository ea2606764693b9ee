"""The scaled complementary error function, and the normal distribution's cdf with its logarithm and inverse."""

from __future__ import annotations

import math

from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.special import series
from oxide.dialects.special.chebyshev import evaluate

Value = ir.Value
# The centre of the map of [0, inf] to [-1, 1] that `series.ERFCX` is in (Shepherd and Laframboise, 1981).
_CENTRE = 3.75
# Probabilities below this, and 1 minus them, are in a tail: z = sqrt(-2 log p) is over 2.
_TAIL = math.exp(-2)


def erfcx(x: Value) -> Value:
    """exp(x^2) erfc(x)."""
    size = hlo.abs(x)
    t = hlo.subtract(1, hlo.divide(2 * _CENTRE, hlo.add(size, _CENTRE)))
    value = hlo.divide(evaluate(series.ERFCX, t), hlo.add(hlo.multiply(size, 2), 1))
    square = hlo.square(hlo.minimum(x, 0))
    reflected = hlo.subtract(hlo.multiply(hlo.exp(square), 2), value)
    return hlo.select(hlo.less(x, 0), reflected, value)


def ndtr(x: Value) -> Value:
    """The normal distribution's cumulative probability."""
    return hlo.multiply(hlo.erfc(hlo.multiply(x, -math.sqrt(0.5))), 0.5)


def log_ndtr(x: Value) -> Value:
    """log(ndtr(x)), by the scaled function where ndtr underflows."""
    scaled = hlo.multiply(x, math.sqrt(0.5))
    low = hlo.minimum(scaled, -math.sqrt(0.5))
    tail = hlo.subtract(hlo.log(hlo.multiply(erfcx(hlo.negate(low)), 0.5)), hlo.square(low))
    high = hlo.maximum(scaled, -math.sqrt(0.5))
    body = hlo.log1p(hlo.multiply(hlo.erfc(high), -0.5))
    return hlo.select(hlo.less(x, -1), tail, body)


def ndtri(p: Value) -> Value:
    """The inverse of ndtr on [0, 1]; NaN outside."""
    upper = hlo.greater(p, 0.5)
    tail = hlo.select(upper, hlo.subtract(1, p), p)
    deviation = _tail_quantile(hlo.minimum(tail, _TAIL))
    deviation = hlo.select(upper, deviation, hlo.negate(deviation))
    centre = hlo.multiply(hlo.erf_inv(hlo.subtract(hlo.multiply(p, 2), 1)), math.sqrt(2))
    return hlo.select(hlo.less(tail, _TAIL), deviation, centre)


def _tail_quantile(p: Value) -> Value:
    """-ndtri(p) for p up to exp(-2): infinite at 0, NaN below."""
    z = hlo.sqrt(hlo.multiply(hlo.log(p), -2))
    inverse = hlo.reciprocal(z)
    near = evaluate(series.NDTRI_NEAR, _within(inverse, 1 / 8, 1 / 2))
    far = evaluate(series.NDTRI_FAR, _within(inverse, 1 / 40, 1 / 8))
    correction = hlo.multiply(hlo.select(hlo.less(z, 8), near, far), inverse)
    value = hlo.subtract(hlo.subtract(z, hlo.multiply(hlo.log(z), inverse)), correction)
    return hlo.select(hlo.equal(p, 0), math.inf, value)


def _within(x: Value, low: float, high: float) -> Value:
    """[low, high] to [-1, 1]; what is outside goes to the ends."""
    inside = hlo.minimum(hlo.maximum(x, low), high)
    return hlo.subtract(hlo.multiply(hlo.subtract(inside, low), 2 / (high - low)), 1)
