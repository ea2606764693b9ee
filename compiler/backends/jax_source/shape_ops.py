"""Operations that move elements: reshape, transpose, broadcast, slice, pad, concatenate, iota."""

from __future__ import annotations

import ast
from collections.abc import Sequence

import numpy as np
from jaxlib.mlir import ir

from oxide.backends.jax_source import syntax
from oxide.backends.jax_source.emitter import Emitter
from oxide.backends.jax_source.registry import Emitted, Unsupported, emits
from oxide.backends.jax_source.syntax import call, literal, method
from oxide.backends.jax_source.terms import (
    Bound,
    Constant,
    Reduction,
    Sizes,
    Slicing,
    Spread,
    TensorType,
    filled,
)
from oxide.dialects.attributes import integer, integers
from oxide.dialects.dims import Size
from oxide.dialects.shapes.rules import added_sizes

# Element types whose jnp.arange is an iota.
_COUNTED = frozenset({"i32", "i64", "f32", "f64"})


@emits("stablehlo.reshape", "stablehlo.dynamic_reshape")
def reshape(e: Emitter, op: ir.OpView) -> Emitted:
    value, target = op.operands[0], e.type(op.results[0])
    term = e.term(value)
    if term.type.shape == target.shape:
        return term
    if isinstance(term, Constant):
        return reshaped_constant(e, term, target)
    if isinstance(term, Sizes) and term.splat is not None:
        return Sizes(target, filled(target, term.value))
    if isinstance(term, Bound) and isinstance(term.made, Slicing):
        picked = _picked(term.made, target.shape)
        if picked is not None:
            e.array(value)
            return picked
    if isinstance(term, Bound) and isinstance(term.made, Reduction):
        made = term.made
        kept = tuple(1 if d in made.axes else n for d, n in enumerate(made.operand_type.shape))
        if kept == target.shape:
            e.array(value)
            return Bound(target, made.build(made.kind, True), term.cost, made)
    new = target.rank - term.type.rank
    if 0 < new <= 3 and target.shape[new:] == term.type.shape:
        # New leading dimensions come by themselves when numpy broadcasts: `x @ w + b`.
        return spread(e, value, tuple(range(new, target.rank)), target)
    return method(e.array(value), "reshape", *reshape_arguments(target.shape))


def _picked(made: Slicing, shape: tuple[Size, ...]) -> ast.expr | None:
    """`x[1:2].reshape(...)` without the sliced dimension of one element is `x[1]`."""
    kept: list[Size] = []
    key: list[ast.expr] = []
    for position, extent in enumerate(made.shape):
        part = made.key[position] if position < len(made.key) else syntax.FULL_SLICE
        if extent == 1 and isinstance(part, ast.Slice) and (part.lower or part.upper):
            key.append(part.lower or literal(0))
        else:
            key.append(part)
            kept.append(extent)
    if tuple(kept) != shape:
        return None
    while key and isinstance(last := key[-1], ast.Slice) and not (last.lower or last.upper or last.step):
        key.pop()
    return syntax.index(made.operand, *key)


def reshape_arguments(shape: tuple[Size, ...]) -> list[ast.expr]:
    """The sizes; one that is not plain (`batch * seq`) is left to be found, where the others are numbers."""
    computed = [axis for axis, size in enumerate(shape) if not isinstance(size, int)]
    if len(computed) == 1 and not str(shape[computed[0]]).isidentifier() and 0 not in shape:
        shape = tuple(-1 if axis == computed[0] else size for axis, size in enumerate(shape))
    return [literal(n) for n in shape] if shape else [literal(())]


def reshaped_constant(e: Emitter, term: Constant, target: TensorType) -> Constant | ast.expr:
    """A constant of another shape: small ones and splats are written in the new shape."""
    if term.splat is not None:
        return Constant(target, filled(target, np.asarray(term.splat, term.value.dtype)))
    if term.node is None and target.is_static:
        return Constant(target, term.value.reshape([int(n) for n in target.shape]))
    if term.node is None:
        return method(e.written(term), "reshape", *reshape_arguments(target.shape))
    return method(term.node, "reshape", *reshape_arguments(target.shape))


@emits("stablehlo.transpose")
def transpose(e: Emitter, op: ir.OpView) -> Emitted:
    order = integers(op.operation, "permutation")
    if order == sorted(order):
        return e.term(op.operands[0])
    return transposed(e.array(op.operands[0]), order)


def transposed(x: ast.expr, order: Sequence[int]) -> ast.expr:
    """`x.T`, `x.mT` or `x.transpose(...)`."""
    rank = len(order)
    if list(order) == [1, 0]:
        return syntax.attribute(x, "T")
    if list(order) == [*range(rank - 2), rank - 1, rank - 2]:
        return syntax.attribute(x, "mT")
    return method(x, "transpose", *map(literal, order))


@emits("stablehlo.broadcast_in_dim", "stablehlo.dynamic_broadcast_in_dim")
def broadcast_in_dim(e: Emitter, op: ir.OpView) -> Emitted:
    dims = integers(op.operation, "broadcast_dimensions")
    return spread(e, op.operands[0], tuple(dims), e.type(op.results[0]))


@emits("stablehlo.broadcast")
def broadcast(e: Emitter, op: ir.OpView) -> Emitted:
    new = len(integers(op.operation, "broadcast_sizes"))
    rank = e.type(op.operands[0]).rank
    return spread(e, op.operands[0], tuple(range(new, new + rank)), e.type(op.results[0]))


def spread(e: Emitter, value: ir.Value, dims: tuple[int, ...], target: TensorType) -> Emitted:
    """A broadcast, left to numpy's rules where its consumer allows."""
    term = e.term(value)
    if isinstance(term, Constant) and term.splat is not None:
        return Constant(target, filled(target, np.asarray(term.splat, term.value.dtype)))
    if isinstance(term, Sizes) and term.splat is not None:
        return Sizes(target, filled(target, term.value))
    if isinstance(term, Spread):
        dims = tuple(dims[d] for d in term.dims)
        source = term.source
    else:
        source = Bound(term.type, e.array(value), getattr(term, "cost", 0), getattr(term, "made", None))
    if list(dims) != sorted(dims):
        order = sorted(range(len(dims)), key=dims.__getitem__)
        moved = TensorType(tuple(source.type.shape[i] for i in order), source.type.element)
        source = Bound(moved, transposed(source.node, order), source.cost + 1)
        dims = tuple(sorted(dims))
    if source.type.shape == target.shape:
        return source
    made = source.made
    if isinstance(made, Reduction) and target.rank == made.operand_type.rank:
        kept = tuple(1 if d in made.axes else n for d, n in enumerate(made.operand_type.shape))
        rest = tuple(d for d in range(target.rank) if d not in made.axes)
        if kept == target.shape and dims == rest:
            return Bound(target, made.build(made.kind, True), source.cost, made)
    trailing = dims == tuple(range(target.rank - len(dims), target.rank))
    if source.type.size == target.size and 0 not in target.shape and not trailing:
        # Only dimensions of size one are new.
        key = [syntax.FULL_SLICE if d in dims else literal(None) for d in range(target.rank)]
        if sum(k is not syntax.FULL_SLICE for k in key) <= 3:
            while len(key) > 1 and key[-1] is syntax.FULL_SLICE:
                key.pop()
            return Bound(target, syntax.index(source.node, *key), source.cost + 1)
        return Bound(target, method(source.node, "reshape", *reshape_arguments(target.shape)), source.cost + 1)
    return Spread(target, source, dims)


@emits("stablehlo.slice")
def slice_(e: Emitter, op: ir.OpView) -> Emitted:
    starts, limits, strides = (integers(op.operation, n) for n in ("start_indices", "limit_indices", "strides"))
    return sliced(e, op.operands[0], starts, limits, strides, e.type(op.results[0]))


def sliced(
    e: Emitter,
    value: ir.Value,
    starts: Sequence[Size],
    limits: Sequence[Size],
    strides: Sequence[Size],
    result: TensorType,
) -> Emitted:
    shape = e.type(value).shape
    key: list[ast.expr] = []
    for start, limit, stride, extent in zip(starts, limits, strides, shape, strict=True):
        key.append(
            ast.Slice(
                literal(start) if start != 0 else None,
                literal(limit) if limit != extent else None,
                literal(stride) if stride != 1 else None,
            )
        )
    while key and isinstance(last := key[-1], ast.Slice) and not (last.lower or last.upper or last.step):
        key.pop()
    if not key:
        return e.term(value)
    node = e.array(value)
    made = Slicing(node, key, result.shape)
    return Bound(result, syntax.index(node, *key), e.spent() + 1, made)


@emits("stablehlo.real_dynamic_slice")
def real_dynamic_slice(e: Emitter, op: ir.OpView) -> Emitted:
    """Bounds must be known, or the strides 1: then the result's shape gives the size."""
    result = e.type(op.results[0])
    bounds = [e.numbers(v) for v in op.operands[1:]]
    if all(b is not None for b in bounds):
        starts, limits, strides = (b.tolist() for b in bounds if b is not None)
        return sliced(e, op.operands[0], starts, limits, strides, result)
    strides = bounds[2]
    if strides is None or any(s != 1 for s in strides.flat):
        raise Unsupported("strides that are not constant 1 with bounds that are not constant")
    if not result.is_static and added_sizes(e.symbolic, op) is None:
        raise Unsupported("the size of a slice is not known when JAX traces the function")
    starts = e.atom(op.operands[1], "starts")
    parts = [syntax.index(starts, literal(i)) for i in range(e.type(op.operands[1]).size)]
    size = literal(result.shape)
    return call(
        "lax.dynamic_slice",
        e.array(op.operands[0]),
        syntax.tuple_(parts),
        size,
        allow_negative_indices=literal(False),
    )


@emits("stablehlo.concatenate")
def concatenate(e: Emitter, op: ir.OpView) -> Emitted:
    parts, axis = [e.array(v) for v in op.operands], integer(op.operation, "dimension")
    whole = [part.value for part in parts if isinstance(part, ast.Subscript) and _adds_first_axis(part.slice)]
    if axis == 0 and len(whole) == len(parts):
        return call("jnp.stack", syntax.list_(whole))
    return call("jnp.concatenate", syntax.list_(parts), axis=literal(axis))


def _adds_first_axis(key: ast.expr) -> bool:
    """Whether `x[key]` is x with one new dimension in front."""
    return isinstance(key, ast.Constant) and key.value is None


@emits("stablehlo.pad")
def pad(e: Emitter, op: ir.OpView) -> Emitted:
    low, high, interior = (
        integers(op.operation, n) for n in ("edge_padding_low", "edge_padding_high", "interior_padding")
    )
    return padded(e, op, low, high, interior)


@emits("stablehlo.dynamic_pad")
def dynamic_pad(e: Emitter, op: ir.OpView) -> Emitted:
    amounts = [constant_integers(e, v, "padding amounts") for v in op.operands[2:]]
    return padded(e, op, *amounts)


def padded(
    e: Emitter, op: ir.OpView, low: Sequence[Size], high: Sequence[Size], interior: Sequence[Size]
) -> Emitted:
    x, fill = op.operands[:2]
    if any(n != 0 for n in interior) or not all(e.symbolic.is_at_least(n, 0) for n in (*low, *high)):
        amounts = tuple(zip(low, high, interior, strict=True))
        return call("lax.pad", e.array(x), e.array(fill), literal(amounts))
    if all(n == 0 for n in (*low, *high)):
        return e.term(x)
    number, _, _ = e.loose(fill)
    zero = isinstance(number, ast.Constant) and number.value in (0, False)
    amounts = tuple(zip(low, high, strict=True))
    return call("jnp.pad", e.array(x), literal(amounts), constant_values=None if zero else number)


def constant_integers(e: Emitter, value: ir.Value, what: str) -> list[Size]:
    """The elements of an operand that a JAX function needs to know when it traces."""
    numbers = e.numbers(value)
    if numbers is None:
        raise Unsupported(f"{what} that are neither constant nor follow from the shapes of the inputs")
    return numbers.tolist()


@emits("stablehlo.reverse")
def reverse(e: Emitter, op: ir.OpView) -> Emitted:
    axes = integers(op.operation, "dimensions")
    if not axes:
        return e.term(op.operands[0])
    return call("jnp.flip", e.array(op.operands[0]), axis=literal(axes[0] if len(axes) == 1 else tuple(axes)))


@emits("stablehlo.iota", "stablehlo.dynamic_iota")
def iota(e: Emitter, op: ir.OpView) -> Emitted:
    type_ = e.type(op.results[0])
    dtype, axis = e.dtype(type_.element), integer(op.operation, "iota_dimension")
    if type_.element not in _COUNTED:
        return call("lax.broadcasted_iota", dtype, literal(type_.shape), literal(axis))
    count = call("jnp.arange", literal(type_.shape[axis]), dtype=dtype)
    if type_.rank == 1:
        return count
    return Spread(type_, Bound(TensorType((type_.shape[axis],), type_.element), count, 1), (axis,))


@emits("stablehlo.get_dimension_size")
def get_dimension_size(e: Emitter, op: ir.OpView) -> Emitted:
    size = e.type(op.operands[0]).shape[integer(op.operation, "dimension")]
    return Constant(TensorType((), "i32"), np.asarray(size, np.int32))


@emits("stablehlo.set_dimension_size")
def set_dimension_size(e: Emitter, op: ir.OpView) -> Emitted:
    """A dimension cut to a size; one that depends on data makes a shape that no JAX array has."""
    known, axis = e.numbers(op.operands[1]), integer(op.operation, "dimension")
    shape = e.type(op.operands[0]).shape
    if known is not None and known.flat[0] == shape[axis]:
        return e.term(op.operands[0])
    result = e.type(op.results[0])
    if known is None or result.shape[axis] != known.flat[0]:
        raise Unsupported("a dimension whose size is known only at run time")
    return sliced(e, op.operands[0], [0] * len(shape), result.shape, [1] * len(shape), result)
