"""Elementwise arithmetic, rounding, exponentials, trigonometry, comparison and logic."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import dtypes, hlo
from oxide.frontends.torch.promotion import category, common_dtype, compute_dtype, convert_all
from oxide.frontends.torch.registry import Kind, Node, elementwise, lowering

Value = ir.Value


def wide(function: Callable[..., Value]) -> Callable[..., Value]:
    """A formula of several steps: half-precision operands are computed in float32 and rounded once."""

    def build(*operands: Any) -> Value:
        dtype = next(hlo.dtype(x) for x in operands if isinstance(x, ir.Value))
        return hlo.convert(function(*convert_all(operands, compute_dtype(dtype))), dtype)

    return build


def _is_integral(x: Value) -> bool:
    return category(hlo.dtype(x)) < 2


def _unless_integral(function: Callable[[Value], Value]) -> Callable[[Value], Value]:
    """Rounding leaves integers as they are."""
    return lambda x: x if _is_integral(x) else function(x)


def sign(x: Value) -> Value:
    """Of bools themselves; of floats 0 for NaN, as PyTorch has it."""
    if hlo.dtype(x) == np.bool_:
        return x
    if dtypes.is_float(hlo.dtype(x)):
        return hlo.select(hlo.is_nan(x), 0, hlo.sign(x))
    return hlo.minimum(x, 1) if dtypes.is_unsigned(hlo.dtype(x)) else hlo.sign(x)


def _trunc(x: Value) -> Value:
    return hlo.select(hlo.less(x, 0), hlo.ceil(x), hlo.floor(x))


def _exp2(x: Value) -> Value:
    return hlo.power(hlo.full_like(x, 2), x)


def _logical_not(x: Value) -> Value:
    return hlo.equal(x, 0) if hlo.dtype(x) != np.bool_ else hlo.not_(x)


def _abs(x: Value) -> Value:
    return x if dtypes.is_unsigned(hlo.dtype(x)) else hlo.abs(x)


def _by_number(function: Callable[[Any, Any], Value]) -> Callable[[Any, Any], Value]:
    """PyTorch's kernels round a product with a Python number, or a quotient, once: the number keeps its digits."""

    def build(x: Any, y: Any) -> Value:
        both = isinstance(x, ir.Value) and isinstance(y, ir.Value)
        return function(x, y) if both else wide(function)(x, y)

    return build


def _false(x: Value) -> Value:
    return hlo.full(hlo.shape(x), False, np.bool_)


def _is_finite(x: Value) -> Value:
    if _is_integral(x):
        return hlo.not_(_false(x))
    if dtypes.is_complex(hlo.dtype(x)):
        return hlo.and_(hlo.is_finite(hlo.real(x)), hlo.is_finite(hlo.imag(x)))
    return hlo.is_finite(x)


def _is_nan(x: Value) -> Value:
    return _false(x) if _is_integral(x) else hlo.is_nan(x)


def _is_inf(x: Value) -> Value:
    if _is_integral(x):
        return _false(x)
    if dtypes.is_complex(hlo.dtype(x)):
        return hlo.or_(_is_inf(hlo.real(x)), _is_inf(hlo.imag(x)))
    return hlo.equal(hlo.abs(x), float("inf"))


# operator -> function of one value, by kind of promotion.
UNARY: dict[Kind, dict[str, Callable[[Value], Value]]] = {
    Kind.DEFAULT: {
        "ceil": _unless_integral(hlo.ceil),
        "floor": _unless_integral(hlo.floor),
        "round": _unless_integral(hlo.round_half_even),
        "trunc": _unless_integral(_trunc),
        "frac": wide(lambda x: hlo.subtract(x, _trunc(x))),
        "neg": hlo.negate,
        "bitwise_not": hlo.not_,
        "relu": hlo.relu,
        "sign": sign,
    },
    Kind.BOOL_TO_LONG: {"square": hlo.square},
    Kind.COMPLEX_TO_FLOAT: {"abs": _abs},
    Kind.INT_TO_FLOAT: {
        "acos": hlo.acos,
        "acosh": hlo.acosh,
        "asin": hlo.asin,
        "asinh": hlo.asinh,
        "atan": hlo.atan,
        "atanh": hlo.atanh,
        "cos": hlo.cos,
        "cosh": hlo.cosh,
        "erf": hlo.erf,
        "erfc": hlo.erfc,
        "erfinv": hlo.erf_inv,
        "exp": hlo.exp,
        "exp2": wide(_exp2),
        "expm1": hlo.expm1,
        "lgamma": hlo.lgamma,
        "log": hlo.log,
        "log10": wide(lambda x: hlo.multiply(hlo.log(x), 1 / math.log(10))),
        "log1p": hlo.log1p,
        "log2": wide(lambda x: hlo.multiply(hlo.log(x), 1 / math.log(2))),
        "reciprocal": hlo.reciprocal,
        "rsqrt": hlo.rsqrt,
        "sigmoid": wide(hlo.logistic),
        "sin": hlo.sin,
        "sinh": hlo.sinh,
        "sqrt": hlo.sqrt,
        "tan": hlo.tan,
        "tanh": hlo.tanh,
    },
    Kind.ALWAYS_BOOL: {
        "isfinite": _is_finite,
        "isinf": _is_inf,
        "isnan": _is_nan,
        "logical_not": _logical_not,
        "signbit": lambda x: hlo.less(x, 0) if _is_integral(x) else _negative_bit(x),
    },
}


def _negative_bit(x: Value) -> Value:
    """The sign bit, which -0.0 and some NaNs have."""
    bits = {2: np.int16, 4: np.int32, 8: np.int64}[hlo.dtype(x).itemsize]
    return hlo.less(hlo.bitcast_convert(x, bits), 0)


def _values(function: Callable[[Value, Value], Value]) -> Callable[[Any, Any], Value]:
    """For functions that need two values: a number becomes a constant of the other's type."""

    def build(x: Any, y: Any) -> Value:
        return function(*hlo.broadcast_operands(x, y))

    return build


def as_bool(x: Any) -> Any:
    if isinstance(x, ir.Value):
        return x if hlo.dtype(x) == np.bool_ else hlo.not_equal(x, 0)
    return bool(x)


def _logical(function: Callable[[Any, Any], Value]) -> Callable[[Any, Any], Value]:
    return lambda x, y: function(as_bool(x), as_bool(y))


def _floor_divide(x: Value, y: Value) -> Value:
    """Quotients rounded down; XLA's integer division truncates, so a remainder of the other sign takes one off."""
    if not _is_integral(x):
        return _float_floor_divide(x, y)
    quotient = hlo.divide(x, y)
    if dtypes.is_unsigned(hlo.dtype(x)):
        return quotient
    rest = hlo.remainder(x, y)
    down = hlo.and_(hlo.not_equal(rest, 0), hlo.not_equal(hlo.less(rest, 0), hlo.less(y, 0)))
    return hlo.select(down, hlo.subtract(quotient, 1), quotient)


def _float_floor_divide(x: Value, y: Value) -> Value:
    """Python's `//` on floats, as c10::div_floor_floating computes it: from the exact remainder."""
    rest = hlo.remainder(x, y)
    quotient = hlo.divide(hlo.subtract(x, rest), y)
    opposite = hlo.and_(hlo.not_equal(rest, 0), hlo.not_equal(hlo.less(y, 0), hlo.less(rest, 0)))
    quotient = hlo.select(opposite, hlo.subtract(quotient, 1), quotient)
    lower = hlo.floor(quotient)
    lower = hlo.select(hlo.greater(hlo.subtract(quotient, lower), 0.5), hlo.add(lower, 1), lower)
    exact = hlo.divide(x, y)
    zero = hlo.multiply(hlo.full_like(x, 0), exact)  # a zero with the quotient's sign
    lower = hlo.select(hlo.equal(quotient, 0), zero, lower)
    return hlo.select(hlo.equal(y, 0), exact, lower)


def _truncated_divide(x: Value, y: Value) -> Value:
    quotient = hlo.divide(x, y)
    return quotient if _is_integral(x) else _trunc(quotient)


def _remainder(x: Value, y: Value) -> Value:
    """Python's `%`: of the divisor's sign."""
    rest = hlo.remainder(x, y)
    if dtypes.is_unsigned(hlo.dtype(x)):
        return rest
    opposite = hlo.and_(hlo.not_equal(rest, 0), hlo.not_equal(hlo.less(rest, 0), hlo.less(y, 0)))
    return hlo.select(opposite, hlo.add(rest, y), rest)


def _nan_aside(choose: Callable[[Any, Any], Value]) -> Callable[[Value, Value], Value]:
    """fmax and fmin: the other operand where one is NaN."""

    def build(x: Value, y: Value) -> Value:
        if _is_integral(x):
            return choose(x, y)
        return hlo.select(hlo.is_nan(x), y, hlo.select(hlo.is_nan(y), x, choose(x, y)))

    return build


# operator -> function of two operands of one dtype (either may be a Python number), by kind of promotion.
BINARY: dict[Kind, dict[str, Callable[[Any, Any], Value]]] = {
    Kind.DEFAULT: {
        "bitwise_and": hlo.and_,
        "bitwise_or": hlo.or_,
        "bitwise_xor": hlo.xor,
        "floor_divide": wide(_values(_floor_divide)),
        "fmax": _values(_nan_aside(hlo.maximum)),
        "fmin": _values(_nan_aside(hlo.minimum)),
        "fmod": hlo.remainder,
        "maximum": hlo.maximum,
        "minimum": hlo.minimum,
        "mul": _by_number(hlo.multiply),
        "remainder": _values(wide(_remainder)),
    },
    Kind.INT_TO_FLOAT: {"atan2": hlo.atan2, "div": _by_number(hlo.divide), "true_divide": _by_number(hlo.divide)},
    Kind.ALWAYS_BOOL: {
        "eq": hlo.equal,
        "ge": hlo.greater_equal,
        "gt": hlo.greater,
        "le": hlo.less_equal,
        "logical_and": _logical(hlo.and_),
        "logical_or": _logical(hlo.or_),
        "logical_xor": _logical(hlo.xor),
        "lt": hlo.less,
        "ne": hlo.not_equal,
    },
}


def register_unary(kind: Kind, name: str, function: Callable[[Value], Value]) -> None:
    elementwise(f"aten.{name}.default", function, kind, ["self"])


def register_binary(kind: Kind, name: str, function: Callable[[Any, Any], Value]) -> None:
    """Every overload of a binary operator that takes just two operands."""
    from oxide.frontends.torch.schemas import find_overload, schema_of

    for overload in ("default", "Tensor", "Scalar", "Scalar_Tensor", "Tensor_Scalar"):
        op = find_overload(f"aten.{name}.{overload}")
        if op is not None and len(schema_of(op).names) == 2:
            elementwise(f"aten.{name}.{overload}", function, kind, schema_of(op).names)


for _kind, _table in UNARY.items():
    for _name, _function in _table.items():
        register_unary(_kind, _name, _function)
for _kind, _table in BINARY.items():
    for _name, _function in _table.items():
        register_binary(_kind, _name, _function)


def prepared(*operands: Any) -> list[Any]:
    """Operands brought to their common dtype."""
    return convert_all(operands, common_dtype(operands))


@lowering("aten.add.Tensor", "aten.add.Scalar")
def add(node: Node, self: Value, other: Any, alpha: Any = 1) -> Value:
    """self + alpha * other; on bools it is or."""
    return _scaled_sum(hlo.add, hlo.or_, self, other, alpha)


@lowering("aten.sub.Tensor", "aten.sub.Scalar")
def sub(node: Node, self: Value, other: Any, alpha: Any = 1) -> Value:
    return _scaled_sum(hlo.subtract, hlo.xor, self, other, alpha)


@lowering("aten.rsub.Tensor", "aten.rsub.Scalar")
def rsub(node: Node, self: Value, other: Any, alpha: Any = 1) -> Value:
    """other - alpha * self."""
    x, y = prepared(self, other)
    return (
        hlo.subtract(y, x) if alpha == 1 else wide(lambda a, b, s: hlo.subtract(b, hlo.multiply(a, s)))(x, y, alpha)
    )


def _scaled_sum(combine: Any, on_bools: Any, self: Any, other: Any, alpha: Any) -> Value:
    x, y = prepared(self, other)
    values = [v for v in (x, y) if isinstance(v, ir.Value)]
    if hlo.dtype(values[0]) == np.bool_:
        return on_bools(x, y if alpha else False)
    if alpha == 1:
        return combine(x, y)
    return wide(lambda a, b, factor: combine(a, _scaled(b, factor)))(x, y, alpha)


def _scaled(x: Any, factor: Any) -> Any:
    return hlo.multiply(x, factor) if isinstance(x, ir.Value) or isinstance(factor, ir.Value) else x * factor


@lowering("aten.div.Tensor_mode", "aten.div.Scalar_mode")
def div_mode(node: Node, self: Value, other: Any, rounding_mode: str | None) -> Value:
    if rounding_mode is None:
        return node.call("aten.div.Tensor" if isinstance(other, ir.Value) else "aten.div.Scalar", self, other)
    rounded = {"floor": _floor_divide, "trunc": _truncated_divide}
    if rounding_mode not in rounded:
        raise node.error(f"rounding_mode is {rounding_mode!r}, expected None, 'floor' or 'trunc'")
    return wide(_values(rounded[rounding_mode]))(*prepared(self, other))


@lowering("aten.pow.Tensor_Tensor", "aten.pow.Tensor_Scalar", "aten.pow.Scalar")
def pow(node: Node, self: Any, exponent: Any) -> Value:
    """self ** exponent; small whole exponents are products, which are exact for integers and cheap for floats."""
    x, y = prepared(self, exponent)
    if isinstance(y, complex) and y.imag == 0:
        y = y.real
    if isinstance(x, ir.Value) and not isinstance(y, ir.Value) and y in (0, 1, 2, 3, 0.5, -1, -0.5):
        return node.cast(wide(lambda v: _fixed_power(v, y))(x), node.dtype)
    return power(*hlo.broadcast_operands(x, y))


def power(x: Value, y: Value) -> Value:
    if dtypes.is_complex(hlo.dtype(x)):
        vanishes = hlo.and_(hlo.equal(x, 0), hlo.greater(hlo.real(y), 0))  # which XLA makes NaN
        return hlo.select(vanishes, 0, hlo.power(x, y))
    return wide(_integer_power if _is_integral(x) else hlo.power)(x, y)


def _fixed_power(x: Value, exponent: float) -> Value:
    if exponent == 0:
        return hlo.full_like(x, 1)
    if exponent < 0 and _is_integral(x):
        return _integer_power(x, hlo.full_like(x, -1))
    if exponent < 0:
        return hlo.rsqrt(x) if exponent == -0.5 else hlo.reciprocal(x)
    return hlo.sqrt(x) if exponent == 0.5 else _product([x] * int(exponent))


def _product(factors: Sequence[Value]) -> Value:
    result = factors[0]
    for factor in factors[1:]:
        result = hlo.multiply(result, factor)
    return result


def _integer_power(x: Value, y: Value) -> Value:
    """A negative exponent gives 1 for 1, ±1 for -1 and 0 for every other base (0 too)."""
    if hlo.dtype(x) == np.bool_:
        return hlo.or_(x, hlo.not_(y))
    if dtypes.is_unsigned(hlo.dtype(x)):  # XLA takes exponents with the highest bit for negative ones
        return hlo.convert(hlo.power(*(hlo.convert(v, np.int64) for v in (x, y))), hlo.dtype(x))
    odd = hlo.not_equal(hlo.and_(y, 1), 0)
    unit = hlo.select(odd, x, 1)
    inverse = hlo.select(hlo.equal(hlo.abs(x), 1), unit, 0)
    return hlo.select(hlo.less(y, 0), inverse, hlo.power(x, hlo.maximum(y, 0)))
