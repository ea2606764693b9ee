"""Incomplete gamma functions and polygamma, of float32 and float64 values."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.special import series
from oxide.dialects.special.chebyshev import evaluate

Value = ir.Value
# Stirling's series: B_2k / (2k (2k - 1)), k = 1, 2, ... (DLMF 5.11.1), and from which argument on it is used.
_STIRLING = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156, -3617 / 122400)
_STIRLING_FROM = 8
# Where Temme's expansion is used: a from here on, and |x/a - 1| up to the reach of its coefficients' series.
_UNIFORM_FROM = 200
_UNIFORM_REACH = 0.3
# Outside of it every series converges within some 200 terms; the bound only says that the loops end.
_MOST_TERMS = 1000


def digamma(x: Value) -> Value:
    """The derivative of log(gamma(x)); -infinite at 0, infinite at -0, NaN at the other poles."""
    return hlo.select(hlo.equal(x, 0), hlo.divide(-1, x), hlo.digamma(x))


def zeta(x: Value, q: Value) -> Value:
    """Hurwitz's zeta function: the sum of (k + q)^-x, k = 0, 1, ...; infinite where a term is, at x = 1 too.

    NaN for x < 1, and for q < 0 where x is not whole.  `chlo.zeta` is exact for q > 0 only; the finitely many terms
    below 0 are, but for their sign, a difference of two such sums.
    """
    negative = hlo.less(q, 0)
    fraction = hlo.subtract(q, hlo.floor(q))
    rest = hlo.select(negative, hlo.subtract(hlo.ceil(q), q), 1)
    above = hlo.zeta(x, hlo.select(negative, fraction, q))
    below = hlo.subtract(hlo.zeta(x, rest), hlo.zeta(x, hlo.select(negative, hlo.subtract(1, q), 1)))
    below = hlo.select(hlo.equal(hlo.remainder(x, 2), 0), below, hlo.negate(below))
    below = hlo.select(hlo.equal(x, hlo.floor(x)), below, math.nan)
    value = hlo.select(negative, hlo.add(above, below), above)
    value = hlo.select(hlo.less(x, 1), math.nan, value)
    pole = _all(hlo.less_equal(q, 0), hlo.equal(q, hlo.floor(q)), hlo.greater_equal(x, 1))
    pole = hlo.or_(pole, hlo.equal(x, 1))
    return hlo.select(pole, math.inf, value)


def polygamma(n: int, x: Value) -> Value:
    """The nth derivative of digamma: (-1)^(n+1) n! zeta(n + 1, x)  (DLMF 5.15.1)."""
    if n == 0:
        return digamma(x)
    return hlo.multiply(zeta(hlo.full_like(x, n + 1), x), (-1.0) ** (n + 1) * math.gamma(n + 1))


def igamma(a: Value, x: Value) -> Value:
    """The regularised lower incomplete gamma function P(a, x), a >= 0 and x >= 0; NaN elsewhere."""
    return _incomplete(a, x, lower=True)


def igammac(a: Value, x: Value) -> Value:
    """The regularised upper one, Q(a, x) = 1 - P(a, x)."""
    return _incomplete(a, x, lower=False)


def _incomplete(a: Value, x: Value, *, lower: bool) -> Value:
    """Of the sum for P, the sum and the continued fraction for Q, and the uniform expansion, the one that is exact.

    The one that is near 1 is the other one's complement: nothing small comes from a difference.
    """
    inside = _all(hlo.greater(a, 0), hlo.greater(x, 0), _finite(a), _finite(x))
    a_, x_ = hlo.select(inside, a, 1), hlo.select(inside, x, 1)
    mu = hlo.divide(hlo.subtract(x_, a_), a_)
    uniform = hlo.and_(hlo.greater(a_, _UNIFORM_FROM), hlo.less(hlo.abs(mu), _UNIFORM_REACH))
    beyond = _all(hlo.greater(x_, 1.1), hlo.greater_equal(x_, a_))  # Q by the continued fraction
    # For x up to 1.1, Q is the small one when a is small: a log(x) is then near 0.
    edge = hlo.divide(-0.4, hlo.log(hlo.minimum(x_, 0.5)))
    edge = hlo.select(hlo.less(x_, 0.5), edge, hlo.multiply(x_, 0.75))
    small = hlo.and_(hlo.less(a_, edge), hlo.less_equal(x_, 1.1))
    prefix = _prefix(a_, x_, mu)
    by_p = hlo.multiply(prefix, _sum(a_, x_, hlo.not_(hlo.or_(uniform, hlo.or_(beyond, small)))))
    fraction = hlo.multiply(hlo.multiply(prefix, a_), _fraction(a_, x_, hlo.and_(beyond, hlo.not_(uniform))))
    by_q = hlo.select(beyond, fraction, _upper_near_0(a_, x_, small))
    is_q = hlo.or_(beyond, small)
    if lower:
        value = hlo.select(is_q, hlo.subtract(1, by_q), by_p)
    else:
        value = hlo.select(is_q, by_q, hlo.subtract(1, by_p))
    value = hlo.select(uniform, _uniform(a_, mu, lower=lower), value)
    return hlo.select(inside, value, _at_borders(a, x, lower=lower))


def _at_borders(a: Value, x: Value, *, lower: bool) -> Value:
    """Limits at 0 and infinity; NaN where there is none, and outside."""
    at_0, at_infinity = (0, 1) if lower else (1, 0)
    nan = hlo.full_like(x, math.nan)
    valid = hlo.and_(hlo.greater_equal(a, 0), hlo.greater_equal(x, 0))
    # P rises from 0 to 1 with x, and falls with a.
    rises = hlo.or_(hlo.and_(hlo.equal(a, 0), hlo.greater(x, 0)), hlo.and_(hlo.equal(x, math.inf), _finite(a)))
    falls = hlo.or_(hlo.and_(hlo.equal(x, 0), hlo.greater(a, 0)), hlo.and_(hlo.equal(a, math.inf), _finite(x)))
    value = hlo.select(rises, at_infinity, hlo.select(falls, at_0, nan))
    return hlo.select(valid, value, nan)


def _prefix(a: Value, x: Value, mu: Value) -> Value:
    """x^a exp(-x) / gamma(a + 1); for larger a by Stirling's series, whose terms do not cancel."""
    plain = hlo.subtract(hlo.subtract(hlo.multiply(a, hlo.log(x)), x), hlo.lgamma(hlo.add(a, 1)))
    large = hlo.maximum(a, _STIRLING_FROM)
    inverse = hlo.reciprocal(large)
    square = hlo.square(inverse)
    correction = hlo.full_like(a, _STIRLING[-1])
    for coefficient in reversed(_STIRLING[:-1]):
        correction = hlo.add(hlo.multiply(correction, square), coefficient)
    exponent = hlo.subtract(hlo.multiply(large, _log1p_less_x(mu)), hlo.multiply(correction, inverse))
    stirling = hlo.multiply(hlo.exp(exponent), hlo.rsqrt(hlo.multiply(large, 2 * math.pi)))
    return hlo.select(hlo.less(a, _STIRLING_FROM), hlo.exp(plain), stirling)


def _log1p_less_x(x: Value) -> Value:
    """log1p(x) - x, without cancellation near 0."""
    near = hlo.minimum(hlo.maximum(x, -0.5), 1)
    t = hlo.subtract(hlo.multiply(hlo.add(near, 0.5), 4 / 3), 1)
    close = hlo.multiply(evaluate(series.LOG1PMX, t), hlo.square(near))
    return hlo.select(hlo.equal(near, x), close, hlo.subtract(hlo.log1p(x), x))


def _sum(a: Value, x: Value, wanted: Value) -> Value:
    """1 + x/(a+1) + x^2/((a+1)(a+2)) + ... (DLMF 8.7.1)."""
    one = hlo.full_like(x, 1)

    def step(k: Value, term: Value, total: Value) -> tuple[list[Value], Value]:
        term = hlo.multiply(term, hlo.divide(x, hlo.add(a, k)))
        return [term, hlo.add(total, term)], hlo.greater(term, hlo.multiply(total, _epsilon(x)))

    return _until_small(step, [one, one], wanted)[1]


def _upper_near_0(a: Value, x: Value, wanted: Value) -> Value:
    """Q for small a and x: 1 - x^a / gamma(a+1) less the rest of P's power series (DLMF 8.7.3)."""
    zero = hlo.full_like(x, 0)
    logarithm = hlo.log(x)

    def step(k: Value, factor: Value, total: Value) -> tuple[list[Value], Value]:
        factor = hlo.multiply(factor, hlo.negate(hlo.divide(x, k)))
        term = hlo.divide(factor, hlo.add(a, k))
        goes_on = hlo.greater(hlo.abs(term), hlo.multiply(hlo.abs(total), _epsilon(x)))
        return [factor, hlo.add(total, term)], goes_on

    total = _until_small(step, [hlo.full_like(x, 1), zero], wanted)[1]
    power = hlo.multiply(a, logarithm)
    head = hlo.negate(hlo.expm1(hlo.subtract(power, hlo.lgamma(hlo.add(a, 1)))))
    return hlo.subtract(head, hlo.multiply(hlo.exp(hlo.subtract(power, hlo.lgamma(a))), total))


def _fraction(a: Value, x: Value, wanted: Value) -> Value:
    """The continued fraction of Q x^-a e^x gamma(a) (DLMF 8.9.2), by the modified method of Lentz."""
    first = hlo.subtract(hlo.add(x, 1), a)
    tiny = float(np.finfo(hlo.dtype(x)).tiny) ** 0.5
    inverse = hlo.reciprocal(first)

    def step(k: Value, c: Value, d: Value, value: Value) -> tuple[list[Value], Value]:
        numerator = hlo.multiply(k, hlo.subtract(a, k))
        denominator = hlo.add(first, hlo.multiply(k, 2))
        d = hlo.reciprocal(_away_from_0(hlo.add(hlo.multiply(numerator, d), denominator), tiny))
        c = _away_from_0(hlo.add(denominator, hlo.divide(numerator, c)), tiny)
        factor = hlo.multiply(c, d)
        goes_on = hlo.greater(hlo.abs(hlo.subtract(factor, 1)), 4 * _epsilon(x))
        return [c, d, hlo.multiply(value, factor)], goes_on

    return _until_small(step, [hlo.full_like(x, 1 / tiny), inverse, inverse], wanted)[2]


def _away_from_0(x: Value, tiny: float) -> Value:
    return hlo.select(hlo.less(hlo.abs(x), tiny), tiny, x)


def _uniform(a: Value, mu: Value, *, lower: bool) -> Value:
    """Temme's expansion for large a (DLMF 8.12.3 to 8.12.7), eta^2 / 2 = mu - log1p(mu)."""
    mu = hlo.minimum(hlo.maximum(mu, -_UNIFORM_REACH), _UNIFORM_REACH)
    a = hlo.maximum(a, _UNIFORM_FROM)
    t = hlo.multiply(mu, 1 / _UNIFORM_REACH)
    inverse = hlo.reciprocal(a)
    total = evaluate(series.TEMME[-1], t)
    for coefficients in reversed(series.TEMME[:-1]):
        total = hlo.add(hlo.multiply(total, inverse), evaluate(coefficients, t))
    exponent = hlo.multiply(a, _log1p_less_x(mu))  # -a eta^2 / 2
    size = hlo.sqrt(hlo.negate(exponent))
    deviation = hlo.select(hlo.less(mu, 0), hlo.negate(size), size)
    rest = hlo.multiply(hlo.multiply(hlo.exp(exponent), hlo.rsqrt(hlo.multiply(a, 2 * math.pi))), total)
    if lower:
        return hlo.subtract(hlo.multiply(hlo.erfc(hlo.negate(deviation)), 0.5), rest)
    return hlo.add(hlo.multiply(hlo.erfc(deviation), 0.5), rest)


def _until_small(
    step: Callable[..., tuple[list[Value], Value]], initial: Sequence[Value], wanted: Value
) -> list[Value]:
    """`step(k, *state)` for k = 1, 2, ... gives the next state, and where it is to go on."""
    dtype = hlo.dtype(initial[0])

    def body(index: Value, going: Value, *state: Value) -> hlo.Step:
        count = hlo.convert(hlo.add(index, 1), dtype)
        following, goes_on = step(hlo.broadcast_to(count, hlo.shape(state[0])), *state)
        kept = [hlo.select(going, new, old) for new, old in zip(following, state, strict=True)]
        going = hlo.and_(going, goes_on)
        return hlo.Step([going, *kept], proceed=_any(going))

    return hlo.loop(_MOST_TERMS, body, [wanted, *initial], proceed=_any(wanted)).state[1:]


def _any(x: Value) -> Value:
    return hlo.reduce(x, "or", range(hlo.rank(x)))


def _all(*conditions: Value) -> Value:
    result = conditions[0]
    for condition in conditions[1:]:
        result = hlo.and_(result, condition)
    return result


def _finite(x: Value) -> Value:
    return hlo.is_finite(x)


def _epsilon(x: Value) -> float:
    return float(np.finfo(hlo.dtype(x)).eps)
