"""Reductions: over axes, over windows, and the choice-and-scatter of pooling gradients."""

from __future__ import annotations

import ast
from typing import cast

import numpy as np
from jaxlib.mlir import ir

from oxide.backends.jax_source import regions, syntax
from oxide.backends.jax_source.dots import pairs, window_options
from oxide.backends.jax_source.emitter import Emitter
from oxide.backends.jax_source.registry import Emitted, Unsupported, emits
from oxide.backends.jax_source.syntax import binary, call, literal, method
from oxide.backends.jax_source.terms import Bound, Reduction, TensorType, Term
from oxide.dialects.attributes import integers

# Body operation -> method of an array, and the operator that joins an initial value.
_METHODS = {"add": "sum", "multiply": "prod", "maximum": "max", "minimum": "min", "or": "any", "and": "all"}
_JOINS = {"add": "+", "multiply": "*", "or": "|", "and": "&"}
_IOTAS = ("stablehlo.iota", "stablehlo.dynamic_iota")
_LAX = {
    "add": "lax.add",
    "multiply": "lax.mul",
    "maximum": "lax.max",
    "minimum": "lax.min",
    "or": "lax.bitwise_or",
    "and": "lax.bitwise_and",
}


def identity(monoid: str, type_: TensorType) -> object:
    """The neutral element of a monoid for an element type."""
    if monoid in ("add", "or"):
        return 0
    if monoid in ("multiply",):
        return 1
    if type_.element == "i1" or monoid == "and":
        return monoid != "maximum" if type_.element == "i1" else -1
    if type_.is_integer:
        width = int(type_.element.lstrip("ui"))
        low, high = (0, 2**width - 1) if type_.is_unsigned else (-(2 ** (width - 1)), 2 ** (width - 1) - 1)
        return low if monoid == "maximum" else high
    return -np.inf if monoid == "maximum" else np.inf


def _starts_neutral(e: Emitter, initial: ir.Value, monoid: str, type_: TensorType) -> bool:
    value = e.splat(initial)
    return value is not None and not type_.is_complex and bool(value == identity(monoid, type_))


@emits("stablehlo.reduce")
def reduce(e: Emitter, op: ir.OpView) -> Emitted:
    axes = tuple(integers(op.operation, "dimensions"))
    if len(op.results) > 1:
        return _argument_reduction(e, op, axes) or _general_reduce(e, op, axes)
    x, initial = op.operands
    type_ = e.type(x)
    monoid = regions.monoid(op.regions[0])
    if type_.element == "i1":
        monoid = {"add": "or", "maximum": "or", "multiply": "and", "minimum": "and"}.get(monoid, monoid)
    if not _is_method(type_, monoid, axes):
        return _general_reduce(e, op, axes)
    node = e.array(x)
    build = _Builder(e, node, type_, tuple(sorted(axes)), _floor(e, type_, monoid, axes))
    kind = _METHODS[monoid]
    result = e.type(op.results[0])
    if _starts_neutral(e, initial, monoid, type_):
        made = Reduction(kind, node, type_, build.axes, build)
        return Bound(result, build(kind, False), e.spent() + 1, made)
    number, _, _ = e.loose(initial)
    total = build(kind, False)
    if monoid in _JOINS:
        return binary(_JOINS[monoid], total, number)
    return call("jnp.maximum" if monoid == "maximum" else "jnp.minimum", total, number)


class _Builder:
    """Writes one reduction with and without keepdims."""

    def __init__(
        self, e: Emitter, operand: ast.expr, type_: TensorType, axes: tuple[int, ...], initial: ast.expr | None
    ) -> None:
        self.axes = axes
        self._initial = initial
        self._operand = operand
        self._every = len(axes) == type_.rank
        # jnp.sum and jnp.prod widen small integers unless told the dtype.
        narrow = type_.is_integer and type_.element not in ("i32", "ui32", "i64", "ui64")
        self._dtype = e.dtype(type_.element) if narrow or type_.element in ("i32", "ui32") else None

    def __call__(self, kind: str, keepdims: bool) -> ast.expr:
        axes = self.axes
        axis = None if self._every else literal(axes[0] if len(axes) == 1 else axes)
        dtype = self._dtype if kind in ("sum", "prod") else None
        kept = literal(True) if keepdims else None
        return method(self._operand, kind, axis=axis, dtype=dtype, keepdims=kept, initial=self._initial)


def _floor(e: Emitter, type_: TensorType, monoid: str, axes: tuple[int, ...]) -> ast.expr | None:
    """What the largest or smallest of no elements is, where there may be none: numpy wants to be told."""
    some = all(e.symbolic.is_at_least(type_.shape[a], 1) for a in axes)
    return literal(identity(monoid, type_)) if monoid in ("maximum", "minimum") and not some else None


def _is_method(type_: TensorType, monoid: str, axes: tuple[int, ...]) -> bool:
    if monoid not in _METHODS or not axes:
        return False
    if monoid in ("or", "and"):
        return type_.element == "i1"
    if monoid in ("maximum", "minimum"):
        # numpy has no maximum of nothing.
        return all(type_.shape[a] != 0 for a in axes)
    # jnp adds half precision in float32, which is another result.
    return not type_.is_float or type_.element in ("f32", "f64")


def _general_reduce(e: Emitter, op: ir.OpView, axes: tuple[int, ...]) -> ast.expr:
    """`lax.reduce` with the region as a function."""
    count = len(op.results)
    values, initials = op.operands[:count], op.operands[count:]
    xs, starts = [e.array(v) for v in values], [e.array(v) for v in initials]
    name = regions.monoid(op.regions[0]) if count == 1 else ""
    dims = literal(axes)
    if name in _LAX:
        return call("lax.reduce", xs[0], starts[0], syntax.path(_LAX[name]), dims)
    block = op.regions[0].blocks[0]
    if count == 1:
        return call("lax.reduce", xs[0], starts[0], e.region(block, "combine", ["a", "b"]), dims)
    return call("lax.reduce", syntax.tuple_(xs), syntax.tuple_(starts), _pairwise(e, op, count), dims)


def _pairwise(e: Emitter, op: ir.OpView, count: int) -> ast.expr:
    """The region of a reduction of several arrays, as a function of two tuples."""
    places = [(side, i) for side in range(2) for i in range(count)]
    return e.region(op.regions[0].blocks[0], "combine", ["a", "b"], places=places)


def _argument_reduction(e: Emitter, op: ir.OpView, axes: tuple[int, ...]) -> list[ast.expr | Term] | None:
    """argmax or argmin as JAX lowers it: (value, index) pairs of x and an iota along the one axis."""
    if len(op.results) != 2 or len(axes) != 1:
        return None
    kind = _ARGUMENT_BODIES.get(_shape_of(op.regions[0]))
    x, positions = op.operands[:2]
    counted = positions.owner
    if kind is None or isinstance(counted, ir.Block) or counted.name not in _IOTAS:
        return None
    if cast(ir.IntegerAttr, counted.attributes["iota_dimension"]).value != axes[0]:
        return None
    type_ = e.type(x)
    monoid = "maximum" if kind == "argmax" else "minimum"
    if not _starts_neutral(e, op.operands[2], monoid, type_) or e.splat(op.operands[3]) != 0:
        return None
    if type_.shape[axes[0]] == 0:
        return None
    node = e.atom(x)
    axis = literal(axes[0])
    index = call(f"jnp.{kind}", node, axis=axis)
    # argmax counts in int32, or int64 where that is enabled.
    index = method(index, "astype", e.dtype(e.type(positions).element))
    return [method(node, kind.removeprefix("arg"), axis=axis), index]


def _shape_of(region: ir.Region) -> tuple[object, ...]:
    rows = []
    for name, operands, attributes in cast(
        list[tuple[str, tuple[int, ...], tuple[str, ...]]], regions.fingerprint(region)
    ):
        directions = [a for a in attributes if a.startswith("comparison_direction")]
        rows.append((name.removeprefix("stablehlo."), operands, directions[0][-3:-1] if directions else ""))
    return tuple(rows)


def _argument_body(direction: str) -> tuple[object, ...]:
    """The body of JAX's argmax (GT) and argmin (LT) for floats; NaN counts as the extreme value, first wins."""
    return (
        ("compare", (0, 2), direction),
        ("compare", (0, 0), "NE"),
        ("or", (4, 5), ""),
        ("compare", (0, 2), "EQ"),
        ("compare", (1, 3), "LT"),
        ("and", (7, 8), ""),
        ("or", (6, 9), ""),
        ("select", (6, 0, 2), ""),
        ("select", (10, 1, 3), ""),
        ("return", (11, 12), ""),
    )


_ARGUMENT_BODIES = {_argument_body("GT"): "argmax", _argument_body("LT"): "argmin"}


def _window(op: ir.OpView, rank: int) -> dict[str, ast.expr | None]:
    ones = [1] * rank
    padding = pairs(op, "padding", rank)
    sizes, strides, base, dilation = _sizes(op, rank).values()
    return {
        "window_dimensions": literal(tuple(sizes)),
        "window_strides": None if strides == ones else literal(tuple(strides)),
        "padding": None if not any(map(any, padding)) else literal(padding),
        "base_dilation": None if base == ones else literal(tuple(base)),
        "window_dilation": None if dilation == ones else literal(tuple(dilation)),
    }


@emits("stablehlo.reduce_window")
def reduce_window(e: Emitter, op: ir.OpView) -> Emitted:
    count = len(op.results)
    values, initials = op.operands[:count], op.operands[count:]
    type_ = e.type(values[0])
    window = _window(op, type_.rank)
    xs = [e.array(v) for v in values]
    if count == 1:
        monoid = regions.monoid(op.regions[0])
        pooled = _pool(e, op, monoid, type_, xs[0])
        if pooled is not None:
            return pooled
        # JAX takes a Python number as float64 where that is enabled, but in the reductions it knows.
        known = monoid in ("add", "maximum", "minimum") and _starts_neutral(e, initials[0], monoid, type_)
        plain = type_.element == "f32" and known
        start = e.loose(initials[0])[0] if plain else e.array(initials[0])
        if monoid in _LAX:
            return call("lax.reduce_window", xs[0], start, syntax.path(_LAX[monoid]), **window)
        combine = e.region(op.regions[0].blocks[0], "combine", ["a", "b"])
        return call("lax.reduce_window", xs[0], start, combine, **window)
    starts = [e.array(v) for v in initials]
    return call("lax.reduce_window", syntax.tuple_(xs), syntax.tuple_(starts), _pairwise(e, op, count), **window)


_POOLS = {"maximum": "max_pool", "add": "sum_pool"}


def _pool(e: Emitter, op: ir.OpView, monoid: str, type_: TensorType, x: ast.expr) -> ast.expr | None:
    """Pooling in PyTorch's layout, over the dimensions after batch and features."""
    window = _sizes(op, type_.rank)
    padding = pairs(op, "padding", type_.rank)
    plain = window["base_dilations"] == window["window_dilations"] == [1] * type_.rank
    outer = [window[n][:2] for n in ("window_dimensions", "window_strides")]
    if not plain or outer != [[1, 1], [1, 1]] or any(map(any, padding[:2])) or type_.rank < 3:
        return None
    if monoid not in _POOLS or type_.element != "f32" or not _starts_neutral(e, op.operands[1], monoid, type_):
        return None
    size = tuple(window["window_dimensions"][2:])
    options = window_options(stride=window["window_strides"][2:], padding=padding[2:])
    return syntax.call(e.helper(_POOLS[monoid]), x, literal(size[0] if len(set(size)) == 1 else size), **options)


def _sizes(op: ir.OpView, rank: int) -> dict[str, list[int]]:
    names = ("window_dimensions", "window_strides", "base_dilations", "window_dilations")
    return {n: integers(op.operation, n) if n in op.attributes else [1] * rank for n in names}


@emits("stablehlo.select_and_scatter")
def select_and_scatter(e: Emitter, op: ir.OpView) -> Emitted:
    """The gradient of max (or min) pooling, which is what JAX lowers to this operation."""
    operand, source, initial = op.operands
    type_ = e.type(operand)
    chosen = regions.comparison(op.regions[0])
    pooling = {"GE": ("lax.max", -np.inf), "LE": ("lax.min", np.inf)}.get(chosen[0] if chosen else "")
    if pooling is None or regions.monoid(op.regions[1]) != "add" or not type_.is_float:
        raise Unsupported("a choice and scatter that is not the gradient of max or min pooling")
    function, start = pooling
    pool = call(
        "lax.reduce_window", syntax.name("x"), literal(start), syntax.path(function), **_window(op, type_.rank)
    )
    x, gradient = e.array(operand), e.array(source)
    result = syntax.call(e.helper("pullback"), syntax.lambda_(["x"], pool), x, gradient)
    if _starts_neutral(e, initial, "add", type_):
        return result
    # Every element starts at the initial value.
    return binary("+", result, e.loose(initial)[0])
