"""Gather, scatter and slices at computed positions, where no plainer form (see idioms) applies."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from jaxlib.mlir import ir
from jaxlib.mlir.dialects import stablehlo

from oxide.backends.jax_source import regions, syntax
from oxide.backends.jax_source.emitter import Emitter
from oxide.backends.jax_source.idioms import start_index
from oxide.backends.jax_source.registry import Emitted, Unsupported, emits
from oxide.backends.jax_source.shape_ops import constant_integers
from oxide.backends.jax_source.syntax import call, literal
from oxide.backends.jax_source.terms import Bound, Slicing
from oxide.dialects.attributes import integer, integers
from oxide.dialects.dims import Size
from oxide.dialects.shapes import find_counter

_SCATTERS = {
    "add": "lax.scatter_add",
    "or": "lax.scatter_max",
    "and": "lax.scatter_min",
    "multiply": "lax.scatter_mul",
    "subtract": "lax.scatter_sub",
    "maximum": "lax.scatter_max",
    "minimum": "lax.scatter_min",
}


@emits("stablehlo.dynamic_slice")
def dynamic_slice(e: Emitter, op: ir.OpView) -> Emitted:
    x, *starts = op.operands
    sizes = integers(op.operation, "slice_sizes")
    axis = _only_axis(e, x, starts, sizes)
    if axis is not None:
        whole, start = e.array(x), e.array(starts[axis])
        node = call(
            "lax.dynamic_slice_in_dim", whole, start, literal(sizes[axis]), literal(axis), **_exact(e, starts)
        )
        if sizes[axis] != 1 or not _is_counter(e, starts[axis]):
            return node
        # `x[i]` once the dimension is dropped; indexing clamps what is too large, as this does.
        result = e.type(op.results[0])
        key: list[ast.expr] = [*[syntax.FULL_SLICE] * axis, ast.Slice(start)]
        return Bound(result, node, e.spent() + 1, Slicing(whole, key, result.shape))
    return call("lax.dynamic_slice", e.array(x), _starts(e, starts), literal(tuple(sizes)), **_exact(e, starts))


@emits("stablehlo.dynamic_update_slice")
def dynamic_update_slice(e: Emitter, op: ir.OpView) -> Emitted:
    x, update, *starts = op.operands
    axis = _only_axis(e, x, starts, e.type(update).shape)
    if axis is not None:
        arguments = e.array(x), e.array(update), e.array(starts[axis]), literal(axis)
        return call("lax.dynamic_update_slice_in_dim", *arguments, **_exact(e, starts))
    return call("lax.dynamic_update_slice", e.array(x), e.array(update), _starts(e, starts), **_exact(e, starts))


def _only_axis(e: Emitter, x: ir.Value, starts: Sequence[ir.Value], sizes: Sequence[Size]) -> int | None:
    """The one dimension of which a part is taken, at a computed position; None where there are others."""
    partial = [axis for axis, (size, whole) in enumerate(zip(sizes, e.type(x).shape, strict=True)) if size != whole]
    computed = [axis for axis, start in enumerate(starts) if e.splat(start) is None and e.size(start) is None]
    rest_at_zero = all(e.splat(start) == 0 for axis, start in enumerate(starts) if axis not in computed)
    return computed[0] if partial == computed and len(computed) == 1 and rest_at_zero else None


def _starts(e: Emitter, starts: Sequence[ir.Value]) -> ast.expr:
    """All positions, of one type as JAX wants them: next to an array, a Python number is an int64 where the
    generated file turns on 64-bit types."""
    types = {e.type(v).element for v in starts if e.splat(v) is None and e.size(v) is None}
    if types <= {"i64"}:
        return syntax.tuple_(start_index(e, v) for v in starts)
    return syntax.tuple_(e.array(v) for v in starts)


def _exact(e: Emitter, starts: Sequence[ir.Value]) -> dict[str, ast.expr]:
    """StableHLO clamps a negative start to zero; JAX counts it from the end unless told not to."""
    if all(e.splat(v) is not None or e.type(v).is_unsigned or _counts(e, v) or _is_counter(e, v) for v in starts):
        return {}
    return {"allow_negative_indices": literal(False)}


def _is_counter(e: Emitter, value: ir.Value) -> bool:
    """Whether a value counts the turns of the loop in whose body it is, from a number that is not negative."""
    block = value.owner
    if not isinstance(block, ir.Block) or block.owner.operation.name != "stablehlo.while":
        return False
    counter = find_counter(block.owner.opview, e.symbolic)
    if counter is None or not e.symbolic.is_at_least(counter.start, 0):
        return False
    return block == block.owner.regions[1].blocks[0] and value == block.arguments[counter.position]


def _counts(e: Emitter, value: ir.Value) -> bool:
    """Whether a value is a size, which is never negative."""
    size = e.size(value)
    return size is not None and e.symbolic.is_at_least(size, 0)


@emits("stablehlo.gather", "stablehlo.dynamic_gather")
def gather(e: Emitter, op: ir.OpView) -> Emitted:
    numbers = stablehlo.GatherDimensionNumbers(op.attributes["dimension_numbers"])
    if op.operation.name == "stablehlo.gather":
        sizes: Sequence[Size] = integers(op.operation, "slice_sizes")
    else:
        sizes = constant_integers(e, op.operands[2], "slice sizes")
    fields: dict[str, Sequence[int]] = {
        "offset_dims": numbers.offset_dims,
        "collapsed_slice_dims": numbers.collapsed_slice_dims,
        "start_index_map": numbers.start_index_map,
        "operand_batching_dims": numbers.operand_batching_dims,
        "start_indices_batching_dims": numbers.start_indices_batching_dims,
    }
    indices, batching = _indices_last(
        e, op.operands[1], numbers.index_vector_dim, numbers.start_indices_batching_dims
    )
    fields["start_indices_batching_dims"] = batching
    return call(
        "lax.gather",
        e.array(op.operands[0]),
        indices,
        _dimension_numbers("lax.GatherDimensionNumbers", fields, 3),
        slice_sizes=literal(tuple(sizes)),
        mode=literal("clip"),
    )


def _indices_last(
    e: Emitter, value: ir.Value, vector_dim: int, batching: Sequence[int]
) -> tuple[ast.expr, list[int]]:
    """Indices with the index vector as the last dimension, which is where JAX expects it."""
    rank = e.type(value).rank
    node = e.array(value)
    if vector_dim == rank:
        return syntax.index(node, ast.Constant(...), literal(None)), list(batching)
    if vector_dim == rank - 1:
        return node, list(batching)
    moved = [d - 1 if d > vector_dim else d for d in batching]
    return call("jnp.moveaxis", node, literal(vector_dim), literal(-1)), moved


def _dimension_numbers(kind: str, fields: dict[str, Sequence[int]], required: int) -> ast.expr:
    """The first `required` fields always, the others where they are not empty."""
    shown = {n: literal(tuple(v)) for i, (n, v) in enumerate(fields.items()) if i < required or list(v)}
    return call(kind, **shown)


@emits("stablehlo.scatter")
def scatter(e: Emitter, op: ir.OpView) -> Emitted:
    """`lax.scatter*` with mode="drop": StableHLO leaves out updates that do not fit."""
    if len(op.results) > 1:
        raise Unsupported("a scatter into several arrays at once")
    numbers = stablehlo.ScatterDimensionNumbers(op.attributes["scatter_dimension_numbers"])
    x, starts, updates = op.operands
    function = _scatter_function(e, op)
    indices, batching = _indices_last(e, starts, numbers.index_vector_dim, numbers.scatter_indices_batching_dims)
    fields: dict[str, Sequence[int]] = {
        "update_window_dims": numbers.update_window_dims,
        "inserted_window_dims": numbers.inserted_window_dims,
        "scatter_dims_to_operand_dims": numbers.scattered_dims_to_operand_dims,
        "operand_batching_dims": numbers.input_batching_dims,
        "scatter_indices_batching_dims": batching,
    }
    flags = {n: literal(True) for n in ("indices_are_sorted", "unique_indices") if _flag(op, n)}
    return call(
        function,
        e.array(x),
        indices,
        e.array(updates),
        _dimension_numbers("lax.ScatterDimensionNumbers", fields, 3),
        **flags,
        mode=literal("drop"),
    )


def _flag(op: ir.OpView, name: str) -> bool:
    return name in op.attributes and str(op.attributes[name]) == "true"


def _scatter_function(e: Emitter, op: ir.OpView) -> str:
    region = op.regions[0]
    if regions.replaces(region):
        return "lax.scatter"
    monoid = regions.monoid(region)
    if e.type(op.operands[0]).element == "i1":
        monoid = {"add": "or", "multiply": "and"}.get(monoid, monoid)
    elif monoid in ("or", "and"):
        raise Unsupported(f"a scatter that combines integers with {monoid}")
    if monoid not in _SCATTERS:
        raise Unsupported("a scatter whose update is neither a replacement nor add, subtract, multiply, max or min")
    return _SCATTERS[monoid]


@emits("stablehlo.torch_index_select")
def torch_index_select(e: Emitter, op: ir.OpView) -> Emitted:
    table, indices = op.operands
    axis, batch = integer(op.operation, "dim"), integer(op.operation, "batch_dims")
    rest = call("jnp.take", syntax.name("x"), syntax.name("i"), axis=literal(axis - batch), mode=literal("clip"))
    x, ids = e.array(table), e.array(indices)
    if not batch:
        return call("jnp.take", x, ids, axis=literal(axis), mode=literal("clip"))
    take: ast.expr = syntax.lambda_(["x", "i"], rest)
    for _ in range(batch):
        take = call("jax.vmap", take)
    return syntax.call(take, x, ids)
