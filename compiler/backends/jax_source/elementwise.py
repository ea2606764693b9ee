"""Elementwise operations of StableHLO and CHLO: mostly tables."""

from __future__ import annotations

import ast
from functools import partial

import numpy as np
from jaxlib.mlir import ir

from oxide.backends.jax_source import syntax
from oxide.backends.jax_source.emitter import Emitter
from oxide.backends.jax_source.registry import Emitted, Unsupported, emits, register
from oxide.backends.jax_source.syntax import binary, call, comparison, method
from oxide.backends.jax_source.terms import Bound, Constant, Floor, Reduction, Sizes, TensorType, Term, filled
from oxide.dialects.attributes import integer, keyword

# Functions of one array that keep or infer the dtype as the operation does.
FUNCTIONS = {
    "stablehlo.abs": "jnp.abs",
    "stablehlo.cbrt": "jnp.cbrt",
    "stablehlo.ceil": "jnp.ceil",
    "stablehlo.cosine": "jnp.cos",
    "stablehlo.count_leading_zeros": "lax.clz",
    "stablehlo.exponential": "jnp.exp",
    "stablehlo.exponential_minus_one": "jnp.expm1",
    "stablehlo.floor": "jnp.floor",
    "stablehlo.imag": "jnp.imag",
    "stablehlo.is_finite": "jnp.isfinite",
    "stablehlo.log": "jnp.log",
    "stablehlo.log_plus_one": "jnp.log1p",
    "stablehlo.logistic": "jax.nn.sigmoid",
    "stablehlo.popcnt": "lax.population_count",
    "stablehlo.real": "jnp.real",
    "stablehlo.round_nearest_even": "jnp.round",
    "stablehlo.rsqrt": "lax.rsqrt",
    "stablehlo.sign": "lax.sign",
    "stablehlo.sine": "jnp.sin",
    "stablehlo.sqrt": "jnp.sqrt",
    "stablehlo.tan": "jnp.tan",
    "stablehlo.tanh": "jnp.tanh",
    "chlo.acos": "jnp.arccos",
    "chlo.acosh": "jnp.arccosh",
    "chlo.asin": "jnp.arcsin",
    "chlo.asinh": "jnp.arcsinh",
    "chlo.atan": "jnp.arctan",
    "chlo.atanh": "jnp.arctanh",
    "chlo.bessel_i1e": "lax.bessel_i1e",
    "chlo.conj": "jnp.conj",
    "chlo.cosh": "jnp.cosh",
    "chlo.digamma": "lax.digamma",
    "chlo.erf": "lax.erf",
    "chlo.erf_inv": "lax.erf_inv",
    "chlo.erfc": "lax.erfc",
    "chlo.is_inf": "jnp.isinf",
    "chlo.is_neg_inf": "jnp.isneginf",
    "chlo.is_pos_inf": "jnp.isposinf",
    "chlo.lgamma": "lax.lgamma",
    "chlo.sinh": "jnp.sinh",
    "chlo.square": "jnp.square",
    "chlo.tan": "jnp.tan",
}

# Operators and functions of jax.numpy, which broadcast and take Python numbers.
OPERATORS = {
    "stablehlo.add": "+",
    "stablehlo.and": "&",
    "stablehlo.multiply": "*",
    "stablehlo.or": "|",
    "stablehlo.subtract": "-",
    "stablehlo.xor": "^",
}
# On i1 these are the logical operations (StableHLO spec, add and multiply).
BOOLEAN_OPERATORS = {"stablehlo.add": "|", "stablehlo.multiply": "&"}
BROADCASTING = {"stablehlo.atan2": "jnp.arctan2", "chlo.next_after": "jnp.nextafter"}
# Functions of jax.lax: arrays of one type; one shape, or a scalar.
EXACT = {
    "stablehlo.complex": "lax.complex",
    "stablehlo.remainder": "lax.rem",
    "chlo.mulhi": "lax.mulhi",
    "chlo.polygamma": "lax.polygamma",
    "chlo.zeta": "lax.zeta",
}
# Integers that change nothing.
_NEUTRAL = {"stablehlo.add": 0, "stablehlo.multiply": 1, "stablehlo.subtract": 0}
_COMMUTATIVE = frozenset({"stablehlo.add", "stablehlo.multiply"})
COMPARISONS = {"EQ": "==", "NE": "!=", "LT": "<", "LE": "<=", "GT": ">", "GE": ">="}


def _function(target: str, e: Emitter, op: ir.OpView) -> Emitted:
    return call(target, e.array(op.operands[0]))


def _broadcasting(target: str, e: Emitter, op: ir.OpView) -> Emitted:
    return e.elementwise(list(op.operands), lambda *nodes: call(target, *nodes))


def _exact(target: str, e: Emitter, op: ir.OpView) -> Emitted:
    return exact_call(e, target, list(op.operands))


def exact_call(e: Emitter, target: str, values: list[ir.Value]) -> ast.expr:
    """A jax.lax function, which broadcasts scalars only and gives Python numbers their default dtype."""
    splats = [e.splat(v) is not None or e.size(v) is not None for v in values]
    nodes = [
        e.written(scalar_of(e, v)) if splat and not all(splats) else e.array(v)
        for v, splat in zip(values, splats, strict=True)
    ]
    return call(target, *nodes)


def scalar_of(e: Emitter, value: ir.Value) -> Constant | Sizes:
    """A splat constant, or one size, as a scalar of its dtype."""
    term, type_ = e.term(value), TensorType((), e.type(value).element)
    if isinstance(term, Sizes):
        return Sizes(type_, filled(type_, term.value))
    return Constant(type_, np.asarray(e.splat(value)))


def _operator(symbol: str, e: Emitter, op: ir.OpView) -> Emitted:
    if e.type(op.operands[0]).element == "i1":
        symbol = BOOLEAN_OPERATORS.get(op.operation.name, symbol)
    unchanged = _unchanged(e, op)
    if unchanged is not None:
        return unchanged
    return e.elementwise(list(op.operands), partial(binary, symbol))


def _unchanged(e: Emitter, op: ir.OpView) -> Term | None:
    """The operand that an operation on integers leaves as it is: `x + 0`, `1 * x`."""
    neutral = _NEUTRAL.get(op.operation.name)
    if neutral is None or not e.type(op.results[0]).is_integer:
        return None
    left, right = op.operands
    if e.is_number(right, neutral):
        return e.term(left)
    return e.term(right) if op.operation.name in _COMMUTATIVE and e.is_number(left, neutral) else None


for _name, _target in FUNCTIONS.items():
    register(_name, partial(_function, _target))
for _name, _target in EXACT.items():
    register(_name, partial(_exact, _target))
for _name, _symbol in OPERATORS.items():
    register(_name, partial(_operator, _symbol))
for _name, _target in BROADCASTING.items():
    register(_name, partial(_broadcasting, _target))


@emits("stablehlo.maximum")
def maximum(e: Emitter, op: ir.OpView) -> Emitted:
    left, right = op.operands
    type_ = e.type(left)
    if type_.element == "i1":
        return _operator("|", e, op)
    for x, low in ((left, right), (right, left)):
        if e.splat(low) is None or e.splat(x) is not None:
            continue
        if type_.is_float and e.splat(low) == -np.inf:
            # The neutral element; jax.nn.softmax guards an empty maximum with it.
            return e.term(x)
        node, number = e.array(x), e.loose(low)[0]
        at_least_zero = type_.is_float and e.is_number(low, 0.0)
        floored = call("jax.nn.relu", node) if at_least_zero else call("jnp.maximum", node, number)
        return Bound(type_, floored, e.spent() + 1, Floor(node, number))
    return _broadcasting("jnp.maximum", e, op)


@emits("stablehlo.minimum")
def minimum(e: Emitter, op: ir.OpView) -> Emitted:
    left, right = op.operands
    type_ = e.type(left)
    if type_.element == "i1":
        return _operator("&", e, op)
    for x, high in ((left, right), (right, left)):
        made = getattr(e.term(x), "made", None)
        if e.splat(high) is None or e.splat(x) is not None:
            continue
        if type_.is_float and e.splat(high) == np.inf:
            return e.term(x)
        if isinstance(made, Floor):
            # minimum(maximum(x, low), high) is how jnp.clip is defined.
            e.array(x)
            return _clip(type_, made.operand, made.low, e.loose(high)[0])
    return _broadcasting("jnp.minimum", e, op)


@emits("stablehlo.clamp")
def clamp(e: Emitter, op: ir.OpView) -> Emitted:
    """min(max(x, low), high); the bounds may be scalars."""
    low, x, high = op.operands
    type_ = e.type(x)
    return e.elementwise([x, low, high], partial(_clip, type_), typed=[0], shape=type_.shape)


def _clip(type_: TensorType, x: ast.expr, low: ast.expr, high: ast.expr) -> ast.expr:
    bounds = [n.value if isinstance(n, ast.Constant) else None for n in (low, high)]
    if type_.is_float and bounds == [0.0, 6.0]:
        return call("jax.nn.relu6", x)
    return call("jnp.clip", x, low, high)


@emits("stablehlo.negate")
def negate(e: Emitter, op: ir.OpView) -> Emitted:
    return ast.UnaryOp(ast.USub(), e.array(op.operands[0]))


@emits("stablehlo.not")
def invert(e: Emitter, op: ir.OpView) -> Emitted:
    return ast.UnaryOp(ast.Invert(), e.array(op.operands[0]))


@emits("stablehlo.round_nearest_afz")
def round_away(e: Emitter, op: ir.OpView) -> Emitted:
    return call("lax.round", e.array(op.operands[0]), syntax.path("lax.RoundingMethod.AWAY_FROM_ZERO"))


@emits("stablehlo.shift_left")
def shift_left(e: Emitter, op: ir.OpView) -> Emitted:
    return e.elementwise(list(op.operands), partial(binary, "<<"))


@emits("stablehlo.shift_right_arithmetic", "stablehlo.shift_right_logical")
def shift_right(e: Emitter, op: ir.OpView) -> Emitted:
    """`>>` is arithmetic on signed integers and logical on unsigned ones."""
    logical = op.operation.name.endswith("logical")
    if logical == e.type(op.operands[0]).is_unsigned:
        return e.elementwise(list(op.operands), partial(binary, ">>"))
    return _exact("lax.shift_right_logical" if logical else "lax.shift_right_arithmetic", e, op)


@emits("stablehlo.divide")
def divide(e: Emitter, op: ir.OpView) -> Emitted:
    """Integers divide towards zero, which Python's operators do not."""
    left, right = op.operands
    if e.type(left).is_integer:
        return _exact("lax.div", e, op)
    mean = _mean(e, left, right)
    return mean or e.elementwise([left, right], partial(binary, "/"))


def _mean(e: Emitter, total: ir.Value, count: ir.Value) -> ast.expr | None:
    """`x.sum(axes) / n` with n the number of elements summed is `x.mean(axes)`.

    Half precision stays as it is: jnp.mean would add in float32.
    """
    term = e.term(total)
    made = getattr(term, "made", None)
    number, size = e.splat(count), e.size(count)
    if not isinstance(made, Reduction) or made.kind != "sum" or term.type.element not in ("f32", "f64"):
        return None
    extents = TensorType(tuple(made.operand_type.shape[a] for a in made.axes), term.type.element).size
    if size != extents if number is None else not isinstance(extents, int) or float(number) != float(extents):
        return None
    e.array(total)
    return made.build("mean", len(term.type.shape) == made.operand_type.rank)


@emits("stablehlo.power")
def power(e: Emitter, op: ir.OpView) -> Emitted:
    base, exponent = op.operands
    if e.type(base).is_integer:
        return call(e.helper("integer_power"), e.array(base), e.array(exponent))
    number = e.splat(exponent)
    if number is not None and e.type(base).is_float and float(number) in (2.0, 3.0):
        return binary("**", e.array(base), syntax.literal(int(number)))
    return e.elementwise([base, exponent], partial(binary, "**"))


@emits("stablehlo.compare")
def compare(e: Emitter, op: ir.OpView) -> Emitted:
    symbol = COMPARISONS[keyword(op.operation, "comparison_direction")]
    left, right = op.operands
    if (
        e.type(left).is_float
        and "compare_type" in op.attributes
        and keyword(op.operation, "compare_type") == "TOTALORDER"
    ):
        key = e.helper("total_order")
        return comparison(symbol, call(key, e.array(left)), call(key, e.array(right)))
    return e.elementwise([left, right], partial(comparison, symbol))


@emits("stablehlo.select")
def select(e: Emitter, op: ir.OpView) -> Emitted:
    predicate, on_true, on_false = op.operands
    shape = e.type(on_true).shape
    return e.elementwise(
        [predicate, on_true, on_false], lambda *n: call("jnp.where", *n), typed=[1, 2], shape=shape
    )


@emits("stablehlo.convert")
def convert(e: Emitter, op: ir.OpView) -> Emitted:
    source, target = e.type(op.operands[0]), e.type(op.results[0])
    if source == target:
        return e.term(op.operands[0])
    term = e.term(op.operands[0])
    if isinstance(term, Sizes) and _holds_sizes(e, term, target):
        return Sizes(target, term.value)
    folded = _converted(e, op.operands[0], target)
    if folded is not None:
        return folded
    x = e.array(op.operands[0])
    if source.is_complex and not target.is_complex:
        x = call("jnp.real", x)
    return method(x, "astype", e.dtype(target.element))


def _holds_sizes(e: Emitter, term: Sizes, target: TensorType) -> bool:
    """Whether sizes are the same numbers in another type, which JAX then gives to a Python integer by itself."""
    if target.element in ("ui32", "ui64"):
        return all(e.symbolic.is_at_least(size, 0) for size in term.value.flat)
    return target.element in ("i32", "i64", "f16", "bf16", "f32", "f64")


def _converted(e: Emitter, value: ir.Value, target: TensorType) -> Constant | None:
    """A splat constant in another dtype, where no rounding towards integers or overflow is involved."""
    number = e.splat(value)
    if number is None or np.iscomplexobj(number):
        return None
    plain = float(number)
    if target.is_integer and not (plain == int(plain) if np.isfinite(plain) else False):
        return None
    if target.is_integer and not _holds(target, int(number)):
        return None
    converted = np.asarray(number).astype(target.dtype)
    return Constant(target, filled(target, converted))


def _holds(type_: TensorType, number: int) -> bool:
    """Whether an integer type can hold a number."""
    bits = int(type_.element.lstrip("ui"))
    low, high = (0, 2**bits) if type_.is_unsigned else (-(2 ** (bits - 1)), 2 ** (bits - 1))
    return low <= number < high


@emits("stablehlo.bitcast_convert")
def bitcast_convert(e: Emitter, op: ir.OpView) -> Emitted:
    return call("lax.bitcast_convert_type", e.array(op.operands[0]), e.dtype(e.type(op.results[0]).element))


@emits("stablehlo.reduce_precision")
def reduce_precision(e: Emitter, op: ir.OpView) -> Emitted:
    bits = {n: syntax.literal(integer(op.operation, n)) for n in ("exponent_bits", "mantissa_bits")}
    return call("lax.reduce_precision", e.array(op.operands[0]), **bits)


@emits("chlo._asin_acos_kernel")
def asin_acos_kernel(e: Emitter, op: ir.OpView) -> Emitted:
    raise Unsupported("an internal step of complex asin and acos; lower it with chlo-legalize-to-stablehlo")
