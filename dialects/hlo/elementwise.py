"""Elementwise operations.  Binary ones broadcast as numpy does; operand dtypes must agree."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxlib.mlir import ir
from jaxlib.mlir.dialects import stablehlo

from oxide.dialects import dtypes
from oxide.dialects.diagnostics import OxideError
from oxide.dialects.dims import Size, require_equal
from oxide.dialects.hlo.core import DType, Operand, as_value, dtype, element_type, emit, make_type, shape
from oxide.dialects.hlo.shape_ops import broadcast_to

Unary = Callable[[ir.Value], ir.Value]
Binary = Callable[[Operand, Operand], ir.Value]


def _unary(name: str) -> Unary:
    def build(x: ir.Value) -> ir.Value:
        return emit(name, [x], x.type)

    build.__doc__ = f"`{name}`: same shape and dtype as the operand."
    return build


def _binary(name: str) -> Binary:
    def build(x: Operand, y: Operand) -> ir.Value:
        a, b = broadcast_operands(x, y)
        return emit(name, [a, b], a.type)

    build.__doc__ = f"`{name}` with numpy broadcasting."
    return build


cbrt = _unary("stablehlo.cbrt")
ceil = _unary("stablehlo.ceil")
clz = _unary("stablehlo.count_leading_zeros")
cos = _unary("stablehlo.cosine")
exp = _unary("stablehlo.exponential")
expm1 = _unary("stablehlo.exponential_minus_one")
floor = _unary("stablehlo.floor")
log = _unary("stablehlo.log")
log1p = _unary("stablehlo.log_plus_one")
logistic = _unary("stablehlo.logistic")
negate = _unary("stablehlo.negate")
not_ = _unary("stablehlo.not")
popcnt = _unary("stablehlo.popcnt")
round_half_away = _unary("stablehlo.round_nearest_afz")
round_half_even = _unary("stablehlo.round_nearest_even")
rsqrt = _unary("stablehlo.rsqrt")
sign = _unary("stablehlo.sign")
sin = _unary("stablehlo.sine")
sqrt = _unary("stablehlo.sqrt")
tan = _unary("stablehlo.tan")
tanh = _unary("stablehlo.tanh")

acos = _unary("chlo.acos")
acosh = _unary("chlo.acosh")
asin = _unary("chlo.asin")
asinh = _unary("chlo.asinh")
atan = _unary("chlo.atan")
atanh = _unary("chlo.atanh")
bessel_i1e = _unary("chlo.bessel_i1e")
conj = _unary("chlo.conj")
cosh = _unary("chlo.cosh")
digamma = _unary("chlo.digamma")
erf = _unary("chlo.erf")
erf_inv = _unary("chlo.erf_inv")
erfc = _unary("chlo.erfc")
lgamma = _unary("chlo.lgamma")
sinh = _unary("chlo.sinh")

add = _binary("stablehlo.add")
and_ = _binary("stablehlo.and")
atan2 = _binary("stablehlo.atan2")
divide = _binary("stablehlo.divide")
maximum = _binary("stablehlo.maximum")
minimum = _binary("stablehlo.minimum")
multiply = _binary("stablehlo.multiply")
or_ = _binary("stablehlo.or")
power = _binary("stablehlo.power")
remainder = _binary("stablehlo.remainder")
shift_left = _binary("stablehlo.shift_left")
shift_right_arithmetic = _binary("stablehlo.shift_right_arithmetic")
shift_right_logical = _binary("stablehlo.shift_right_logical")
subtract = _binary("stablehlo.subtract")
xor = _binary("stablehlo.xor")

next_after = _binary("chlo.next_after")
polygamma = _binary("chlo.polygamma")
zeta = _binary("chlo.zeta")


def broadcast_operands(*operands: Operand) -> list[ir.Value]:
    """The operands as values of one common shape.  Scalars take the dtype of the first real value.

    Raises OxideError when dtypes differ or shapes do not broadcast.
    """
    like = next((o for o in operands if isinstance(o, ir.Value)), None)
    if like is None:
        raise TypeError("at least one operand must be a value")
    values = [as_value(o, like) for o in operands]
    if all(v.type == like.type for v in values):
        return values
    elements = {str(element_type(v)) for v in values}
    if len(elements) > 1:
        raise OxideError(f"operands have different element types: {', '.join(sorted(elements))}")
    dims = broadcast_shapes(*[shape(v) for v in values])
    return [broadcast_to(v, dims) for v in values]


def broadcast_shapes(*shapes: tuple[Size, ...]) -> tuple[Size, ...]:
    """numpy's broadcast of shapes, without its limit on rank or size.

    A `Dim` does not become 1 in order to broadcast: two different sizes, neither of which is the number 1, are
    required to be equal, and the result has the one that is a number.
    """
    rank = max(map(len, shapes))
    result: list[Size] = []
    for axis in range(-rank, 0):
        chosen: Size = 1
        for size in [s[axis] for s in shapes if len(s) >= -axis]:
            if size == 1 or size == chosen:
                continue
            if chosen != 1:
                require_equal(chosen, size, f"shapes {', '.join(map(str, shapes))} do not broadcast together")
            if chosen == 1 or isinstance(size, int):
                chosen = size
        result.append(chosen)
    return tuple(result)


def compare(x: Operand, y: Operand, direction: str, *, total_order: bool = False) -> ir.Value:
    """`direction` is EQ, NE, LT, LE, GT or GE.  Result dtype bool.  `total_order` orders NaN and signed zero."""
    a, b = broadcast_operands(x, y)
    kind = dtype(a)
    if kind == np.bool_ or dtypes.is_unsigned(kind):
        compare_type = "UNSIGNED"
    elif dtypes.is_integer(kind):
        compare_type = "SIGNED"
    else:
        compare_type = "TOTALORDER" if total_order else "FLOAT"
    attributes = {
        "comparison_direction": stablehlo.ComparisonDirectionAttr.get(direction),
        "compare_type": stablehlo.ComparisonTypeAttr.get(compare_type),
    }
    return emit("stablehlo.compare", [a, b], make_type(shape(a), "bool"), attributes)


def equal(x: Operand, y: Operand) -> ir.Value:
    return compare(x, y, "EQ")


def not_equal(x: Operand, y: Operand) -> ir.Value:
    return compare(x, y, "NE")


def less(x: Operand, y: Operand) -> ir.Value:
    return compare(x, y, "LT")


def less_equal(x: Operand, y: Operand) -> ir.Value:
    return compare(x, y, "LE")


def greater(x: Operand, y: Operand) -> ir.Value:
    return compare(x, y, "GT")


def greater_equal(x: Operand, y: Operand) -> ir.Value:
    return compare(x, y, "GE")


def select(predicate: ir.Value, on_true: Operand, on_false: Operand) -> ir.Value:
    """`where(predicate, on_true, on_false)` with numpy broadcasting of all three.

    At least one arm must be a value; the other may be a scalar.
    """
    arms = [a for a in (on_true, on_false) if isinstance(a, ir.Value)]
    if not arms:
        raise TypeError("one arm of select must be a value")
    t, f = broadcast_operands(on_true, on_false)
    dims = broadcast_shapes(shape(predicate), shape(t))
    t, f, p = (broadcast_to(v, dims) for v in (t, f, predicate))
    return emit("stablehlo.select", [p, t, f], t.type)


def clamp(low: Operand, x: ir.Value, high: Operand) -> ir.Value:
    """`min(max(x, low), high)`; bounds broadcast to x."""
    bounds = [broadcast_to(as_value(b, x), shape(x)) for b in (low, high)]
    return emit("stablehlo.clamp", [bounds[0], x, bounds[1]], x.type)


def convert(x: ir.Value, to: DType) -> ir.Value:
    """Change the element type; a no-op when it is already the one asked for."""
    target = make_type(shape(x), to)
    return x if target == x.type else emit("stablehlo.convert", [x], target)


def bitcast_convert(x: ir.Value, to: DType) -> ir.Value:
    """Reinterpret the bits.

    Elements of a narrower dtype get a new last dimension, those of a wider one take the last dimension (whose size
    is then the ratio of the widths).
    """
    dims, before, after = shape(x), dtype(x).itemsize, np.dtype(to).itemsize
    if before > after:
        dims = (*dims, before // after)
    elif before < after:
        dims = dims[:-1]
    return emit("stablehlo.bitcast_convert", [x], make_type(dims, to))


def is_finite(x: ir.Value) -> ir.Value:
    return emit("stablehlo.is_finite", [x], make_type(shape(x), "bool"))


def is_nan(x: ir.Value) -> ir.Value:
    return compare(x, x, "NE")


def abs(x: ir.Value) -> ir.Value:
    """`stablehlo.abs`: the magnitudes of complex values are real."""
    return _part("stablehlo.abs", x) if dtypes.is_complex(dtype(x)) else emit("stablehlo.abs", [x], x.type)


def square(x: ir.Value) -> ir.Value:
    return multiply(x, x)


def reciprocal(x: ir.Value) -> ir.Value:
    return divide(1, x)


def relu(x: ir.Value) -> ir.Value:
    return maximum(x, 0)


def complex(re: ir.Value, im: ir.Value) -> ir.Value:
    """A complex value of two floats of equal shape and dtype (f32 or f64)."""
    target = np.complex64 if dtype(re) == np.float32 else np.complex128
    return emit("stablehlo.complex", [re, im], make_type(shape(re), target))


def real(x: ir.Value) -> ir.Value:
    return _part("stablehlo.real", x)


def imag(x: ir.Value) -> ir.Value:
    return _part("stablehlo.imag", x)


def _part(name: str, x: ir.Value) -> ir.Value:
    part = np.float32 if dtype(x) == np.complex64 else np.float64
    return emit(name, [x], make_type(shape(x), part))
