"""Special functions: Bessel's, Airy's, gamma's and the error function's kin, and orthogonal polynomials."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import dtypes, hlo, special
from oxide.frontends.torch.ops.elementwise import wide
from oxide.frontends.torch.promotion import compute_dtype, result_dtype
from oxide.frontends.torch.registry import Kind, Node, elementwise, lowering
from oxide.frontends.torch.schemas import find_overload, schema_of

Value = ir.Value


def sinc(x: Value) -> Value:
    """sin(pi x) / (pi x), 1 at 0."""
    scaled = hlo.multiply(x, np.pi)
    zero = hlo.equal(x, 0)
    return hlo.select(zero, 1, hlo.divide(hlo.sin(scaled), hlo.select(zero, 1, scaled)))


def entropy(x: Value) -> Value:
    """-x log(x), 0 at 0 and -infinity below."""
    positive = hlo.greater(x, 0)
    value = hlo.negate(hlo.multiply(x, hlo.log(hlo.select(positive, x, 1))))
    below = hlo.select(hlo.less(x, 0), hlo.full_like(x, float("-inf")), value)
    return hlo.select(hlo.is_nan(x), x, below)


# Functions of one value in float32 or float64; integers become the default float.
UNARY: dict[str, Callable[[Value], Value]] = {
    "digamma": special.digamma,
    "i0": partial(special.modified_i, 0),
    "sinc": sinc,
    "special_airy_ai": special.airy_ai,
    "special_bessel_j0": partial(special.j, 0),
    "special_bessel_j1": partial(special.j, 1),
    "special_bessel_y0": partial(special.y, 0),
    "special_bessel_y1": partial(special.y, 1),
    "special_entr": entropy,
    "special_erfcx": special.erfcx,
    "special_i0e": partial(special.scaled_modified_i, 0),
    "special_i1": partial(special.modified_i, 1),
    "special_i1e": partial(special.scaled_modified_i, 1),
    "special_log_ndtr": special.log_ndtr,
    "special_modified_bessel_i0": partial(special.modified_i, 0),
    "special_modified_bessel_i1": partial(special.modified_i, 1),
    "special_modified_bessel_k0": partial(special.modified_k, 0),
    "special_modified_bessel_k1": partial(special.modified_k, 1),
    "special_ndtr": special.ndtr,
    "special_ndtri": special.ndtri,
    "special_scaled_modified_bessel_k0": partial(special.scaled_modified_k, 0),
    "special_scaled_modified_bessel_k1": partial(special.scaled_modified_k, 1),
    "special_spherical_bessel_j0": special.spherical_j0,
}

for _name, _function in UNARY.items():
    _overload = f"aten.{_name}.default"
    _op = find_overload(_overload)
    assert _op is not None, _overload
    elementwise(_overload, wide(_function), Kind.INT_TO_FLOAT, schema_of(_op).names)


def _log_multiple(logarithm: Callable[[Value], Value]) -> Callable[[Value, Value], Value]:
    """x * log(y), 0 where x is 0 unless y is NaN."""

    def build(x: Value, y: Value) -> Value:
        x, y = hlo.broadcast_operands(x, y)
        product = hlo.multiply(x, logarithm(y))
        return hlo.select(hlo.is_nan(y), y, hlo.select(hlo.equal(x, 0), 0, product))

    return build


def hypot(x: Value, y: Value) -> Value:
    """sqrt(x^2 + y^2) without overflow on the way; infinite where one of them is."""
    x, y = (hlo.abs(v) for v in hlo.broadcast_operands(x, y))
    large, small = hlo.maximum(x, y), hlo.minimum(x, y)
    ratio = hlo.divide(small, hlo.select(hlo.equal(large, 0), 1, large))
    length = hlo.multiply(large, hlo.sqrt(hlo.add(hlo.square(ratio), 1)))
    infinite = hlo.or_(hlo.equal(x, float("inf")), hlo.equal(y, float("inf")))
    return hlo.select(infinite, float("inf"), length)


def log_add_exp(x: Value, y: Value) -> Value:
    """log(exp(x) + exp(y)), from the one of larger (real part) and their distance."""
    x, y = hlo.broadcast_operands(x, y)
    parts = [hlo.real(v) if dtypes.is_complex(hlo.dtype(v)) else v for v in (x, y)]
    swapped = hlo.less(*parts)
    large, small = hlo.select(swapped, y, x), hlo.select(swapped, x, y)
    # The distance of two equal infinities is NaN.
    same = hlo.and_(hlo.equal(x, y), hlo.equal(hlo.abs(parts[0]), float("inf")))
    distance = hlo.subtract(small, hlo.select(same, 0, large))
    total = hlo.add(large, hlo.log1p(hlo.exp(distance)))
    return hlo.select(same, x, hlo.select(hlo.is_nan(y), y, total))


def log_add_exp2(x: Value, y: Value) -> Value:
    """log2(2^x + 2^y)."""
    scale = float(np.log(2))
    x, y = (hlo.multiply(v, scale) for v in hlo.broadcast_operands(x, y))
    return hlo.multiply(log_add_exp(x, y), 1 / scale)


# Functions of two values, by kind of promotion; every overload with Python numbers comes with them.
BINARY: dict[Kind, dict[str, Callable[[Any, Any], Value]]] = {
    Kind.DEFAULT: {"hypot": hypot, "logaddexp": log_add_exp, "logaddexp2": log_add_exp2},
    Kind.INT_TO_FLOAT: {
        "igamma": special.igamma,
        "igammac": special.igammac,
        "special_xlog1py": _log_multiple(hlo.log1p),
        "special_zeta": special.zeta,
        "xlogy": _log_multiple(hlo.log),
    },
}


_SCALAR_OVERLOADS = ("other_scalar", "self_scalar", "x_scalar", "n_scalar", "Scalar_Self", "Scalar_Other")


def _overloads(name: str) -> list[str]:
    """The functional overloads of two operands."""
    found = []
    for overload in ("default", "Tensor", *_SCALAR_OVERLOADS):
        op = find_overload(f"aten.{name}.{overload}")
        if op is not None and len(schema_of(op).names) == 2:
            found.append(f"aten.{name}.{overload}")
    return found


def _of_values(function: Callable[[Value, Value], Value]) -> Callable[[Any, Any], Value]:
    return wide(lambda x, y: function(*hlo.broadcast_operands(x, y)))


for _kind, _table in BINARY.items():
    for _name, _binary in _table.items():
        for _overload in _overloads(_name):
            elementwise(_overload, _of_values(_binary), _kind)


def _polynomial(function: Callable[[Value, Value], Value]) -> Callable[[Any, Any], Value]:
    """Degrees are truncated to whole numbers."""

    def build(x: Value, n: Value) -> Value:
        return function(x, hlo.convert(n, np.int64))

    return _of_values(build)


for _name, _binary in special.POLYNOMIALS.items():
    for _overload in _overloads(f"special_{_name}"):
        elementwise(_overload, _polynomial(_binary), Kind.INT_TO_FLOAT, ["x", "n"])


@lowering("aten.polygamma.default")
def polygamma(node: Node, n: int, self: Value) -> Value:
    if n < 0:
        raise node.error("polygamma(n, x) is for n >= 0")
    common, result = result_dtype(Kind.INT_TO_FLOAT, [self])
    x = hlo.convert(self, compute_dtype(common))
    return hlo.convert(special.polygamma(n, x), result)


@lowering("aten.logit.default")
def logit(node: Node, self: Value, eps: float | None = None) -> Value:
    """log(x / (1 - x)), x kept in [eps, 1 - eps]."""
    common, result = result_dtype(Kind.INT_TO_FLOAT, [self])
    x = hlo.convert(self, compute_dtype(common))
    if eps is not None:
        x = hlo.minimum(hlo.maximum(x, eps), 1 - eps)
    return hlo.convert(hlo.log(hlo.divide(x, hlo.subtract(1, x))), result)
