"""Shapes of several operations that a person writes as one, found before emission.

A match replaces the operands of its root operation, so that what only led up to it is never written.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jaxlib.mlir import ir
from jaxlib.mlir.dialects import stablehlo

from oxide.backends.jax_source import regions, syntax
from oxide.dialects.attributes import integers, keyword
from oxide.dialects.constants import read_constant

if TYPE_CHECKING:
    from oxide.backends.jax_source.emitter import Emitter


@dataclass(frozen=True)
class Match:
    """An idiom: the values it needs, and how to write its root operation's result."""

    operands: Sequence[ir.Value]
    emit: Callable[[Emitter, ir.OpView], ast.expr]


def find(op: ir.OpView) -> Match | None:
    """The idiom rooted at an operation, if any."""
    matcher = _MATCHERS.get(op.operation.name)
    return matcher(op) if matcher is not None else None


def producer(value: ir.Value, name: str) -> ir.OpView | None:
    """The operation that computes a value, if it is of this kind."""
    owner = value.owner
    if isinstance(owner, ir.Block) or owner.name != name:
        return None
    view = owner.opview
    return view if isinstance(view, ir.OpView) else None


def splat(value: ir.Value) -> int | None:
    """The one integer of a constant, looking through broadcasts of a scalar."""
    broadcast = producer(value, "stablehlo.broadcast_in_dim")
    if broadcast is not None:
        return splat(broadcast.operands[0])
    constant = producer(value, "stablehlo.constant")
    if constant is None:
        return None
    array = read_constant(constant.operation)
    if not array.size or (array.size > 1 and any(array.strides)) or array.dtype.kind not in "iu":
        return None
    return int(array[(0,) * array.ndim])


def wrapped_index(value: ir.Value) -> tuple[ir.Value, int] | None:
    """`select(i < 0, i + n, i)` is Python's index i into n elements: (i, n)."""
    select = producer(value, "stablehlo.select")
    if select is None:
        return None
    negative, moved, index = select.operands
    compare, add = producer(negative, "stablehlo.compare"), producer(moved, "stablehlo.add")
    if compare is None or add is None or keyword(compare.operation, "comparison_direction") != "LT":
        return None
    if compare.operands[0] != index or splat(compare.operands[1]) != 0:
        return None
    for base, amount in (add.operands, reversed(list(add.operands))):
        extent = splat(amount)
        if base == index and extent is not None and extent > 0:
            return index, extent
    return None


def _python_gather(op: ir.OpView) -> Match | None:
    """Rows of a table by indices that count from the end when negative: `table[ids]`."""
    table = op.operands[0]
    rows = row_gather(op)
    if rows is None or rows[0] != 0:
        return None
    _, indices, drop = rows
    wrapped = wrapped_index(indices)
    if wrapped is None or wrapped[1] != ir.RankedTensorType(table.type).shape[0]:
        return None
    index = wrapped[0]

    def emit(e: Emitter, op: ir.OpView) -> ast.expr:
        del op
        # Indexing clamps what is still out of range, as gather does.
        return syntax.index(e.array(table), _dropped(e.array(index), drop))

    return Match([table, index], emit)


def row_gather(op: ir.OpView) -> tuple[int, ir.Value, bool] | None:
    """A gather of whole slices along one axis, `jnp.take(x, indices, axis)`.

    Gives the axis, the value that holds the indices, and whether that has a last dimension of 1 to drop.
    """
    numbers = stablehlo.GatherDimensionNumbers(op.attributes["dimension_numbers"])
    table, starts = op.operands
    shape = ir.RankedTensorType(table.type).shape
    index_map = list(numbers.start_index_map)
    if len(index_map) != 1 or list(numbers.collapsed_slice_dims) != index_map or numbers.operand_batching_dims:
        return None
    axis = index_map[0]
    if integers(op.operation, "slice_sizes") != [1 if d == axis else n for d, n in enumerate(shape)]:
        return None
    found = _index_source(starts, numbers.index_vector_dim)
    if found is None:
        return None
    indices, drop, rank = found
    expected = [*range(axis), *range(axis + rank, len(shape) - 1 + rank)]
    return (axis, indices, drop) if list(numbers.offset_dims) == expected else None


def _index_source(starts: ir.Value, vector_dim: int) -> tuple[ir.Value, bool, int] | None:
    """The indices of a gather or scatter along one axis: the value that holds them, whether that has a last
    dimension of 1 to drop, and their rank without it."""
    shape = list(ir.RankedTensorType(starts.type).shape)
    if vector_dim == len(shape):
        return starts, False, len(shape)
    if vector_dim != len(shape) - 1 or shape[-1] != 1:
        return None
    rank = len(shape) - 1
    # [..., 1] made from [...] just for this operation.
    for name in ("stablehlo.reshape", "stablehlo.broadcast_in_dim"):
        made = producer(starts, name)
        if made is None:
            continue
        source = list(ir.RankedTensorType(made.operands[0].type).shape)
        leading = name == "stablehlo.reshape" or integers(made.operation, "broadcast_dimensions") == list(
            range(rank)
        )
        if source == shape[:-1] and leading:
            return made.operands[0], False, rank
    return starts, True, rank


def _dropped(indices: ast.expr, drop: bool) -> ast.expr:
    """Indices without their last dimension of 1."""
    return syntax.index(indices, ast.Constant(...), syntax.literal(0)) if drop else indices


def _take(op: ir.OpView) -> Match | None:
    python = _python_gather(op)
    if python is not None:
        return python
    rows = row_gather(op)
    if rows is None:
        return None
    axis, indices, drop = rows
    table = op.operands[0]

    def emit(e: Emitter, op: ir.OpView) -> ast.expr:
        del op
        ids = _dropped(e.array(indices), drop)
        # StableHLO clamps indices to the table, which is what mode="clip" does.
        return syntax.call("jnp.take", e.array(table), ids, axis=syntax.literal(axis), mode=syntax.literal("clip"))

    return Match([table, indices], emit)


# Body of a scatter -> method of `x.at[...]`.
_UPDATES = {"add": "add", "subtract": "subtract", "multiply": "multiply", "maximum": "max", "minimum": "min"}


def _scatter(op: ir.OpView) -> Match | None:
    """Whole slices written along one axis: `x.at[:, ids].add(updates)`."""
    if len(op.results) > 1:
        return None
    x, _, updates = op.operands
    rows = _row_scatter(op)
    update = "set" if regions.replaces(op.regions[0]) else _UPDATES.get(regions.monoid(op.regions[0]), "")
    if rows is None or not update or str(ir.RankedTensorType(x.type).element_type) == "i1":
        return None
    axis, indices, drop = rows
    wrapped = wrapped_index(indices)
    python = wrapped is not None and wrapped[1] == ir.RankedTensorType(x.type).shape[axis]
    index = wrapped[0] if wrapped is not None and python else indices

    def emit(e: Emitter, op: ir.OpView) -> ast.expr:
        node = _dropped(e.array(index), drop)
        target = syntax.index(syntax.attribute(e.array(x), "at"), *[syntax.FULL_SLICE] * axis, node)
        # Both drop what is out of range; only Python counts negative indices from the end.
        exact = {} if python else {"mode": syntax.literal("drop"), "wrap_negative_indices": syntax.literal(False)}
        values = e.loose(updates)[0] if e.splat(updates) is not None else e.array(updates)
        return syntax.method(target, update, values, **exact)

    return Match([x, index, updates], emit)


def _row_scatter(op: ir.OpView) -> tuple[int, ir.Value, bool] | None:
    """As row_gather, for a scatter of whole slices along one axis."""
    numbers = stablehlo.ScatterDimensionNumbers(op.attributes["scatter_dimension_numbers"])
    x, starts, updates = op.operands
    shape, update_shape = (ir.RankedTensorType(v.type).shape for v in (x, updates))
    dims = list(numbers.scattered_dims_to_operand_dims)
    if len(dims) != 1 or list(numbers.inserted_window_dims) != dims or numbers.input_batching_dims:
        return None
    found = _index_source(starts, numbers.index_vector_dim)
    if found is None:
        return None
    axis, (indices, drop, rank) = dims[0], found
    windows = [*range(axis), *range(axis + rank, len(shape) - 1 + rank)]
    whole = [update_shape[d] for d in windows] == [n for d, n in enumerate(shape) if d != axis]
    return (axis, indices, drop) if list(numbers.update_window_dims) == windows and whole else None


def _dynamic_slice(op: ir.OpView) -> Match | None:
    """JAX's dynamic_slice, which counts negative starts from the end, is lowered with selects."""
    values, starts = _wrapped_starts(op, 1)
    if not any(w for _, w in starts):
        return None

    def emit(e: Emitter, op: ir.OpView) -> ast.expr:
        sizes = syntax.literal(tuple(integers(op.operation, "slice_sizes")))
        return syntax.call(
            "lax.dynamic_slice", e.array(op.operands[0]), _starts(e, starts), sizes, **_negative(e, starts)
        )

    return Match(values, emit)


def _dynamic_update_slice(op: ir.OpView) -> Match | None:
    values, starts = _wrapped_starts(op, 2)
    if not any(w for _, w in starts):
        return None

    def emit(e: Emitter, op: ir.OpView) -> ast.expr:
        x, update = (e.array(v) for v in list(op.operands)[:2])
        return syntax.call("lax.dynamic_update_slice", x, update, _starts(e, starts), **_negative(e, starts))

    return Match(values, emit)


Start = tuple[ir.Value, bool]


def _wrapped_starts(op: ir.OpView, first: int) -> tuple[list[ir.Value], list[Start]]:
    operands = list(op.operands)
    shape = ir.RankedTensorType(operands[0].type).shape
    starts: list[Start] = []
    for extent, start in zip(shape, operands[first:], strict=True):
        wrapped = wrapped_index(start)
        hit = wrapped is not None and wrapped[1] == extent
        starts.append((wrapped[0], True) if wrapped is not None and hit else (start, False))
    return operands[:first] + [v for v, _ in starts], starts


def _starts(e: Emitter, starts: Sequence[Start]) -> ast.expr:
    return syntax.tuple_(start_index(e, value) for value, _ in starts)


def start_index(e: Emitter, value: ir.Value) -> ast.expr:
    """A start index: a constant as a Python number, clamped to zero as StableHLO does."""
    number = e.splat(value)
    return e.array(value) if number is None else syntax.literal(max(0, int(number)))


def _negative(e: Emitter, starts: Sequence[Start]) -> dict[str, ast.expr]:
    """`allow_negative_indices` for starts of which some are meant so; empty when all are or do not matter."""
    flags = [wrapped or e.splat(value) is not None for value, wrapped in starts]
    return {} if all(flags) else {"allow_negative_indices": syntax.literal(tuple(flags))}


def _case(op: ir.OpView) -> Match | None:
    """The index of a case as JAX's own cond and switch make it: a bool, or clamped to the branches."""
    (selector,) = op.operands
    convert = producer(selector, "stablehlo.convert")
    if convert is not None and len(op.regions) == 2:
        predicate = convert.operands[0]
        if str(ir.RankedTensorType(predicate.type).element_type) == "i1":

            def emit_cond(e: Emitter, op: ir.OpView) -> ast.expr:
                test = e.array(predicate)
                branches = [e.region(op.regions[i].blocks[0], n, []) for i, n in ((1, "on_true"), (0, "on_false"))]
                return syntax.call("lax.cond", test, *branches)

            return Match([predicate], emit_cond)
    clamp = producer(selector, "stablehlo.clamp")
    if clamp is None:
        return None
    low, index, high = clamp.operands
    if splat(low) != 0 or splat(high) != len(op.regions) - 1:
        return None

    def emit_switch(e: Emitter, op: ir.OpView) -> ast.expr:
        # lax.switch clamps its index itself.
        branches = [e.region(r.blocks[0], f"branch{i}", []) for i, r in enumerate(op.regions)]
        return syntax.call("lax.switch", e.array(index), syntax.list_(branches))

    return Match([index], emit_switch)


_MATCHERS: dict[str, Callable[[ir.OpView], Match | None]] = {
    "stablehlo.case": _case,
    "stablehlo.gather": _take,
    "stablehlo.scatter": _scatter,
    "stablehlo.dynamic_slice": _dynamic_slice,
    "stablehlo.dynamic_update_slice": _dynamic_update_slice,
}
