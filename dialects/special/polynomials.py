"""Orthogonal polynomials of degrees that are values: Chebyshev's of four kinds, Hermite's, Laguerre's, Legendre's.

Each is a recurrence over the degree (DLMF 18.9) in a loop to the largest degree there is, and 0 for negative
degrees.  Chebyshev's are cosines and sines on (-1, 1) (DLMF 18.5.1 to 18.5.4), which large degrees use, and known
at the ends.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import hlo

Value = ir.Value
Function = Callable[[Value], Value]
Step = Callable[[Value, Value, Value], Value]


def _recurrence(x: Value, n: Value, first: Value, step: Step) -> Value:
    """p_n of p_0 = 1, p_1 = first and p_(k+1) = step(k, p_k, p_(k-1)); k comes in x's dtype."""
    one = hlo.full_like(x, 1)
    last = hlo.reduce_max(n, range(hlo.rank(n)))

    def body(index: Value, current: Value, before: Value) -> hlo.Step:
        k = hlo.add(index, 1)
        following = step(hlo.broadcast_to(hlo.convert(k, hlo.dtype(x)), hlo.shape(x)), current, before)
        goes_on = hlo.greater(n, hlo.broadcast_to(k, hlo.shape(n)))
        return hlo.Step([hlo.select(goes_on, following, current), hlo.select(goes_on, current, before)])

    steps = hlo.maximum(hlo.subtract(last, 1), 0)
    value = hlo.loop(steps, body, [first, one], index_dtype=np.int64).state[0]
    return hlo.select(hlo.equal(n, 0), 1, value)


@dataclass(frozen=True)
class _Chebyshev:
    """A kind: p_1 = 2 x + shift (x for the first); its value at ±1 as `scale * n + offset`, and on (-1, 1)."""

    first: Function
    at_1: tuple[int, int]
    at_minus_1: tuple[int, int]
    inside: Callable[[Value, Value], Value]


def _half_odd(n: Value) -> Value:
    return hlo.add(n, 0.5)


def _ratio(up: Function, down: Function, n: Value, angle: Value, part: float) -> Value:
    return hlo.divide(up(hlo.multiply(n, angle)), down(hlo.multiply(angle, part)))


_KINDS = {
    "t": _Chebyshev(lambda x: x, (0, 1), (0, 1), lambda n, angle: hlo.cos(hlo.multiply(n, angle))),
    "u": _Chebyshev(
        lambda x: hlo.multiply(x, 2),
        (1, 1),
        (1, 1),
        lambda n, angle: _ratio(hlo.sin, hlo.sin, hlo.add(n, 1), angle, 1),
    ),
    "v": _Chebyshev(
        lambda x: hlo.subtract(hlo.multiply(x, 2), 1),
        (0, 1),
        (2, 1),
        lambda n, angle: _ratio(hlo.cos, hlo.cos, _half_odd(n), angle, 0.5),
    ),
    "w": _Chebyshev(
        lambda x: hlo.add(hlo.multiply(x, 2), 1),
        (2, 1),
        (0, 1),
        lambda n, angle: _ratio(hlo.sin, hlo.sin, _half_odd(n), angle, 0.5),
    ),
}
# Degrees above this are computed from the angle.
_LARGE = 8


def chebyshev(kind: str, x: Value, n: Value) -> Value:
    """T, U, V or W of degree n (int64) at x."""
    which = _KINDS[kind]
    degree = hlo.convert(n, hlo.dtype(x))
    size = hlo.abs(x)
    ends = hlo.equal(size, 1)
    by_angle = hlo.and_(hlo.less(size, 1), hlo.greater(n, _LARGE))
    angle = which.inside(degree, hlo.acos(hlo.select(by_angle, x, 0)))
    counted = hlo.select(hlo.or_(ends, by_angle), 0, n)
    double = hlo.multiply(x, 2)
    value = _recurrence(x, counted, which.first(x), lambda k, p, q: hlo.subtract(hlo.multiply(double, p), q))
    value = hlo.select(by_angle, angle, value)
    value = hlo.select(ends, _at_ends(which, x, n, degree), value)
    return hlo.select(hlo.less(n, 0), 0, value)


def _at_ends(which: _Chebyshev, x: Value, n: Value, degree: Value) -> Value:
    def line(scale: int, offset: int) -> Value:
        return hlo.add(hlo.multiply(degree, float(scale)), float(offset))

    below = line(*which.at_minus_1)
    below = hlo.select(hlo.equal(hlo.and_(n, 1), 0), below, hlo.negate(below))
    return hlo.select(hlo.greater(x, 0), line(*which.at_1), below)


def shifted_chebyshev(kind: str, x: Value, n: Value) -> Value:
    """Chebyshev's polynomial of 2 x - 1."""
    return chebyshev(kind, hlo.subtract(hlo.multiply(x, 2), 1), n)


def hermite_h(x: Value, n: Value) -> Value:
    """The physicists' Hermite polynomial."""
    double = hlo.multiply(x, 2)

    def step(k: Value, p: Value, q: Value) -> Value:
        return hlo.subtract(hlo.multiply(double, p), hlo.multiply(hlo.multiply(k, 2), q))

    return _from_degree_0(x, n, double, step)


def hermite_he(x: Value, n: Value) -> Value:
    """The probabilists' Hermite polynomial."""
    return _from_degree_0(x, n, x, lambda k, p, q: hlo.subtract(hlo.multiply(x, p), hlo.multiply(k, q)))


def laguerre_l(x: Value, n: Value) -> Value:
    def step(k: Value, p: Value, q: Value) -> Value:
        factor = hlo.subtract(hlo.add(hlo.multiply(k, 2), 1), x)
        return hlo.divide(hlo.subtract(hlo.multiply(factor, p), hlo.multiply(k, q)), hlo.add(k, 1))

    return _from_degree_0(x, n, hlo.subtract(1, x), step)


def legendre_p(x: Value, n: Value) -> Value:
    def step(k: Value, p: Value, q: Value) -> Value:
        factor = hlo.multiply(hlo.add(hlo.multiply(k, 2), 1), x)
        return hlo.divide(hlo.subtract(hlo.multiply(factor, p), hlo.multiply(k, q)), hlo.add(k, 1))

    return _from_degree_0(x, n, x, step)


def _from_degree_0(x: Value, n: Value, first: Value, step: Step) -> Value:
    return hlo.select(hlo.less(n, 0), 0, _recurrence(x, n, first, step))


POLYNOMIALS: dict[str, Callable[[Value, Value], Value]] = {
    **{f"chebyshev_polynomial_{kind}": partial(chebyshev, kind) for kind in _KINDS},
    **{f"shifted_chebyshev_polynomial_{kind}": partial(shifted_chebyshev, kind) for kind in _KINDS},
    "hermite_polynomial_h": hermite_h,
    "hermite_polynomial_he": hermite_he,
    "laguerre_polynomial_l": laguerre_l,
    "legendre_polynomial_p": legendre_p,
}
