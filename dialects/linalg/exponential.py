"""The exponential of matrices."""

from __future__ import annotations

import math

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.linalg import matrices as m
from oxide.dialects.linalg.lu import solve

Value = ir.Value
# Degree of the Pade approximant, and the largest 1-norm for which it is exact to working precision (Higham, The
# scaling and squaring method for the matrix exponential revisited, 2005, tables 2.3 and 2.4).
_APPROXIMANTS = {"float32": (7, 3.92572478), "float64": (13, 5.37192035)}


def exponential(a: Value) -> Value:
    """e^a of [batch, n, n], by scaling, a Pade approximant and squaring."""
    batch, size, _ = hlo.shape(a)
    if size == 0:
        return a
    degree, reach = _APPROXIMANTS[m.real_dtype(a).name]
    norm = hlo.reduce_max(hlo.reduce_sum(m.magnitude(a), [1], keepdims=True), [1, 2], keepdims=True)
    usable = hlo.and_(hlo.greater(norm, reach), hlo.is_finite(norm))
    doublings = hlo.ceil(hlo.divide(hlo.log(hlo.select(usable, hlo.divide(norm, reach), 1)), math.log(2)))
    scale = hlo.power(hlo.full_like(doublings, 2), hlo.negate(doublings))
    squarings = hlo.convert(doublings, m.INDEX)
    result = _approximant(hlo.multiply(a, m.as_dtype_of(scale, a)), degree)

    def proceed(step: Value, squarings: Value, result: Value) -> Value:
        return hlo.less(step, hlo.reduce_max(squarings))

    def square(step: Value, squarings: Value, result: Value) -> list[Value]:
        wanted = hlo.less(step, squarings)
        return [hlo.add(step, 1), squarings, hlo.select(wanted, m.multiply(result, result), result)]

    if batch == 0:
        return result
    return hlo.while_(proceed, square, [hlo.constant(0, m.INDEX), squarings, result])[2]


def _approximant(a: Value, degree: int) -> Value:
    """q(-a)^-1 q(a) for the polynomial q with (2d - j)! d! / ((2d)! (d - j)! j!) at a^j."""
    batch, size, _ = hlo.shape(a)
    f = math.factorial
    weights = [f(2 * degree - j) * f(degree) / (f(2 * degree) * f(degree - j) * f(j)) for j in range(degree + 1)]
    square = m.multiply(a, a)
    unit = m.identity(batch, size, size, np.dtype(hlo.dtype(a)))
    even, odd = (_polynomial(square, unit, weights[first::2]) for first in (0, 1))
    odd = m.multiply(a, odd)
    return solve(hlo.subtract(even, odd), hlo.add(even, odd))


def _polynomial(x: Value, unit: Value, weights: list[float]) -> Value:
    """By Horner's rule."""
    total = hlo.multiply(unit, weights[-1])
    for weight in reversed(weights[:-1]):
        total = hlo.add(m.multiply(x, total), hlo.multiply(unit, weight))
    return total
