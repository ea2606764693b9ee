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

from oxide.backends.jax_source import syntax
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
    indices = rows[1]
    wrapped = wrapped_index(indices)
    if wrapped is None or wrapped[1] != ir.RankedTensorType(table.type).shape[0]:
        return None
    index = wrapped[0]

    def emit(e: Emitter, op: ir.OpView) -> ast.expr:
        del op
        # Indexing clamps what is still out of range, as gather does.
        return syntax.index(e.array(table), e.array(index))

    return Match([table, index], emit)


def row_gather(op: ir.OpView) -> tuple[int, ir.Value, bool] | None:
    """A gather of whole slices along one axis, `jnp.take(x, indices, axis)`.

    Gives the axis, the value that holds the indices, and whether that has a last dimension of 1 to drop.
    """
    numbers = stablehlo.GatherDimensionNumbers(op.attributes["dimension_numbers"])
    table, starts = op.operands
    shape = ir.RankedTensorType(table.type).shape
    index_shape = list(ir.RankedTensorType(starts.type).shape)
    index_map = list(numbers.start_index_map)
    if len(index_map) != 1 or list(numbers.collapsed_slice_dims) != index_map or numbers.operand_batching_dims:
        return None
    axis = index_map[0]
    if integers(op.operation, "slice_sizes") != [1 if d == axis else n for d, n in enumerate(shape)]:
        return None
    last = numbers.index_vector_dim == len(index_shape) - 1 and index_shape[-1:] == [1]
    if not last and numbers.index_vector_dim != len(index_shape):
        return None
    indices = len(index_shape) - 1 if last else len(index_shape)
    expected = [*range(axis), *range(axis + indices, len(shape) - 1 + indices)]
    if list(numbers.offset_dims) != expected:
        return None
    if not last:
        return axis, starts, False
    # [..., 1] made from [...] just for this operation.
    for name in ("stablehlo.reshape", "stablehlo.broadcast_in_dim"):
        made = producer(starts, name)
        if made is None:
            continue
        source = list(ir.RankedTensorType(made.operands[0].type).shape)
        leading = name.endswith("reshape") or integers(made.operation, "broadcast_dimensions") == list(
            range(indices)
        )
        if source == index_shape[:-1] and leading:
            return axis, made.operands[0], False
    return axis, starts, True


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
        ids = e.array(indices)
        if drop:
            ids = syntax.index(ids, ast.Constant(...), syntax.literal(0))
        # StableHLO clamps indices to the table, which is what mode="clip" does.
        return syntax.call("jnp.take", e.array(table), ids, axis=syntax.literal(axis), mode=syntax.literal("clip"))

    return Match([table, indices], emit)


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
    "stablehlo.dynamic_slice": _dynamic_slice,
    "stablehlo.dynamic_update_slice": _dynamic_update_slice,
}
