"""The exponential of matrices."""

from __future__ import annotations

import math
from collections.abc import Sequence

from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.linalg import matrices as m

Value = ir.Value
# Bader, Blanes and Casas, Computing the matrix exponential with an optimized Taylor polynomial approximation
# (2019), section 3: the polynomial of degree 18 in five products, from combinations of 1, a, a^2, a^3 and a^6.
_COMBINATIONS = (
    (0, -1.00365581030144618291e-01, -8.02924648241156932449e-03, -8.92138498045729985177e-04, 0),
    (
        0,
        3.97849749499645077844e-01,
        1.36783778460411720168,
        4.98289622525382669416e-01,
        -6.37898194594723280150e-04,
    ),
    (
        -1.09676396052962061844e01,
        1.68015813878906206114,
        5.71779846478865511061e-02,
        -6.98210122488052056106e-03,
        3.34975017086070470649e-05,
    ),
    (
        -9.04316832390810593223e-02,
        -6.76404519071381882256e-02,
        6.75961301770459654925e-02,
        2.95552570429315521194e-02,
        -1.39180257516060693404e-05,
    ),
    (0, 0, -9.23364619367118555360e-02, -1.69364939002081722752e-02, -1.40086798182036094347e-05),
)
# The largest 1-norm for which that is exact to working precision (PyTorch's bounds).
_REACH = {"float32": 3.010066362817634, "float64": 1.090863719290036}


def exponential(a: Value) -> Value:
    """e^a of [batch, n, n], by scaling, a Taylor polynomial and squaring."""
    if 0 in hlo.shape(a):
        return a
    reach = _REACH[m.real_dtype(a).name]
    norm = hlo.reduce_max(hlo.reduce_sum(m.magnitude(a), [1], keepdims=True), [1, 2], keepdims=True)
    usable = hlo.and_(hlo.greater(norm, reach), hlo.is_finite(norm))
    doublings = hlo.ceil(hlo.divide(hlo.log(hlo.select(usable, hlo.divide(norm, reach), 1)), math.log(2)))
    scale = hlo.power(hlo.full_like(doublings, 2), hlo.negate(doublings))
    result = _taylor(hlo.multiply(a, m.as_dtype_of(scale, a)))

    def proceed(step: Value, squarings: Value, result: Value) -> Value:
        return hlo.less(step, hlo.reduce_max(squarings))

    def square(step: Value, squarings: Value, result: Value) -> list[Value]:
        wanted = hlo.less(step, squarings)
        return [hlo.add(step, 1), squarings, hlo.select(wanted, m.multiply(result, result), result)]

    return hlo.while_(proceed, square, [hlo.constant(0, m.INDEX), hlo.convert(doublings, m.INDEX), result])[2]


def _taylor(a: Value) -> Value:
    """The Taylor polynomial of degree 18."""
    batch, size, _ = hlo.shape(a)
    square = m.multiply(a, a)
    cube = m.multiply(square, a)
    powers = [m.identity(batch, size, size, hlo.dtype(a)), a, square, cube, m.multiply(cube, cube)]
    first, second, third, fourth, fifth = (_combined(weights, powers) for weights in _COMBINATIONS)
    ninth = hlo.add(m.multiply(first, fifth), fourth)
    return hlo.add(second, m.multiply(hlo.add(third, ninth), ninth))


def _combined(weights: Sequence[float], powers: Sequence[Value]) -> Value:
    terms = [hlo.multiply(power, weight) for weight, power in zip(weights, powers, strict=True) if weight]
    total = terms[0]
    for term in terms[1:]:
        total = hlo.add(total, term)
    return total
