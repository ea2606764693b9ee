"""Shapes of several operations that a person writes as one, found before emission.

A match replaces the operands of its root operation, so that what only led up to it is never written.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from jaxlib.mlir import ir
from jaxlib.mlir.dialects import stablehlo

from oxide.backends.jax_source import regions, syntax
from oxide.dialects.attributes import integers, keyword
from oxide.dialects.constants import read_constant
from oxide.dialects.dims import Size
from oxide.dialects.shapes.rules import added_sizes, slice_sizes

if TYPE_CHECKING:
    from oxide.backends.jax_source.emitter import Emitter
    from oxide.backends.jax_source.registry import Emitted
    from oxide.dialects.shapes import Symbolic


@dataclass(frozen=True)
class Match:
    """An idiom: the values it needs, how to write its root operation's results, and idioms that its regions hold
    because of it."""

    operands: Sequence[ir.Value]
    emit: Callable[[Emitter, ir.OpView], Emitted]
    inner: Mapping[ir.Operation, Match] = field(default_factory=dict)


def find(op: ir.OpView, facts: Symbolic) -> Match | None:
    """The idiom rooted at an operation, if any."""
    matcher = _MATCHERS.get(op.operation.name)
    return matcher(op, facts) if matcher is not None else None


def producer(value: ir.Value, name: str) -> ir.OpView | None:
    """The operation that computes a value, if it is of this kind."""
    owner = value.owner
    if isinstance(owner, ir.Block) or owner.name != name:
        return None
    view = owner.opview
    return view if isinstance(view, ir.OpView) else None


def splat(value: ir.Value, facts: Symbolic) -> Size | None:
    """The one integer of a constant or a size, looking through broadcasts of a scalar."""
    for name in ("stablehlo.broadcast_in_dim", "stablehlo.dynamic_broadcast_in_dim"):
        broadcast = producer(value, name)
        if broadcast is not None:
            return splat(broadcast.operands[0], facts)
    known = facts.contents(value)
    if known is not None and known.size == 1:
        return known.flat[0]
    constant = producer(value, "stablehlo.constant")
    if constant is None:
        return None
    array = read_constant(constant.operation)
    if not array.size or (array.size > 1 and any(array.strides)) or array.dtype.kind not in "iu":
        return None
    return int(array[(0,) * array.ndim])


def wrapped_index(value: ir.Value, facts: Symbolic) -> tuple[ir.Value, Size] | None:
    """`select(i < 0, i + n, i)` is Python's index i into n elements: (i, n)."""
    select = producer(value, "stablehlo.select")
    if select is None:
        return None
    negative, moved, index = select.operands
    compare, add = producer(negative, "stablehlo.compare"), producer(moved, "stablehlo.add")
    if compare is None or add is None or keyword(compare.operation, "comparison_direction") != "LT":
        return None
    if compare.operands[0] != index or splat(compare.operands[1], facts) != 0:
        return None
    for base, amount in (add.operands, reversed(list(add.operands))):
        extent = splat(amount, facts)
        if base == index and extent is not None and extent != 0:
            return index, extent
    return None


def _python_gather(op: ir.OpView, facts: Symbolic) -> Match | None:
    """Rows of a table by indices that count from the end when negative: `table[ids]`."""
    table = op.operands[0]
    rows = row_gather(op, facts)
    if rows is None or rows[0] != 0:
        return None
    _, indices, drop = rows
    wrapped = wrapped_index(indices, facts)
    if wrapped is None or wrapped[1] != facts.shape(table)[0]:
        return None
    index = wrapped[0]

    def emit(e: Emitter, op: ir.OpView) -> ast.expr:
        del op
        # Indexing clamps what is still out of range, as gather does.
        return syntax.index(e.array(table), _dropped(e.array(index), drop))

    return Match([table, index], emit)


def row_gather(op: ir.OpView, facts: Symbolic) -> tuple[int, ir.Value, bool] | None:
    """A gather of whole slices along one axis, `jnp.take(x, indices, axis)`.

    Gives the axis, the value that holds the indices, and whether that has a last dimension of 1 to drop.
    """
    numbers = stablehlo.GatherDimensionNumbers(op.attributes["dimension_numbers"])
    table, starts = list(op.operands)[:2]
    shape = facts.shape(table)
    index_map = list(numbers.start_index_map)
    if len(index_map) != 1 or list(numbers.collapsed_slice_dims) != index_map or numbers.operand_batching_dims:
        return None
    axis = index_map[0]
    if slice_sizes(facts, op) != tuple(1 if d == axis else n for d, n in enumerate(shape)):
        return None
    found = _index_source(starts, numbers.index_vector_dim, facts)
    if found is None:
        return None
    indices, drop, rank = found
    expected = [*range(axis), *range(axis + rank, len(shape) - 1 + rank)]
    return (axis, indices, drop) if list(numbers.offset_dims) == expected else None


def _index_source(starts: ir.Value, vector_dim: int, facts: Symbolic) -> tuple[ir.Value, bool, int] | None:
    """The indices of a gather or scatter along one axis: the value that holds them, whether that has a last
    dimension of 1 to drop, and their rank without it."""
    shape = facts.shape(starts)
    if vector_dim == len(shape):
        return starts, False, len(shape)
    if vector_dim != len(shape) - 1 or shape[-1] != 1:
        return None
    rank = len(shape) - 1
    # [..., 1] made from [...] just for this operation.
    for name in _LIFTS:
        made = producer(starts, name)
        if made is None:
            continue
        source = facts.shape(made.operands[0])
        leading = name.endswith("reshape") or integers(made.operation, "broadcast_dimensions") == list(range(rank))
        if source == shape[:-1] and leading:
            return made.operands[0], False, rank
    return starts, True, rank


_LIFTS = (
    "stablehlo.reshape",
    "stablehlo.broadcast_in_dim",
    "stablehlo.dynamic_reshape",
    "stablehlo.dynamic_broadcast_in_dim",
)


def _dropped(indices: ast.expr, drop: bool) -> ast.expr:
    """Indices without their last dimension of 1."""
    return syntax.index(indices, ast.Constant(...), syntax.literal(0)) if drop else indices


def _take(op: ir.OpView, facts: Symbolic) -> Match | None:
    python = _python_gather(op, facts) or _window(op, facts)
    if python is not None:
        return python
    rows = row_gather(op, facts)
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


def _window(op: ir.OpView, facts: Symbolic) -> Match | None:
    """One window at a known place that is sure to be inside: `x[:, :n]`, `x[0]`."""
    numbers = stablehlo.GatherDimensionNumbers(op.attributes["dimension_numbers"])
    starts, sizes, shape = facts.contents(op.operands[1]), slice_sizes(facts, op), facts.shape(op.operands[0])
    if starts is None or sizes is None or starts.size != len(numbers.start_index_map):
        return None
    if numbers.operand_batching_dims or len(facts.shape(op.results[0])) != len(numbers.offset_dims):
        return None
    begins: list[Size] = [0] * len(shape)
    for axis, start in zip(numbers.start_index_map, starts.flat, strict=True):
        begins[axis] = start
    inside = [(begin, n - begin - size) for begin, n, size in zip(begins, shape, sizes, strict=True)]
    if not all(facts.is_at_least(room, 0) for pair in inside for room in pair):
        return None
    key: list[ast.expr] = []
    for axis, (begin, size, extent) in enumerate(zip(begins, sizes, shape, strict=True)):
        low = None if begin == 0 else syntax.literal(begin)
        high = None if begin + size == extent else syntax.literal(begin + size)
        dropped = axis in numbers.collapsed_slice_dims
        key.append(syntax.literal(begin) if dropped else ast.Slice(low, high))
    while key and isinstance(last := key[-1], ast.Slice) and not (last.lower or last.upper):
        key.pop()

    def emit(e: Emitter, op: ir.OpView) -> ast.expr:
        x = e.array(op.operands[0])
        return syntax.index(x, *key) if key else x

    return Match([op.operands[0]], emit)


# Body of a scatter -> method of `x.at[...]`.
_UPDATES = {"add": "add", "subtract": "subtract", "multiply": "multiply", "maximum": "max", "minimum": "min"}


def _scatter(op: ir.OpView, facts: Symbolic) -> Match | None:
    """Whole slices written along one axis: `x.at[:, ids].add(updates)`."""
    if len(op.results) > 1:
        return None
    x, _, updates = op.operands
    rows = _row_scatter(op, facts)
    update = "set" if regions.replaces(op.regions[0]) else _UPDATES.get(regions.monoid(op.regions[0]), "")
    if rows is None or not update or str(ir.RankedTensorType(x.type).element_type) == "i1":
        return None
    axis, indices, drop = rows
    wrapped = wrapped_index(indices, facts)
    python = wrapped is not None and wrapped[1] == facts.shape(x)[axis]
    index = wrapped[0] if wrapped is not None and python else indices

    def emit(e: Emitter, op: ir.OpView) -> ast.expr:
        node = _dropped(e.array(index), drop)
        target = syntax.index(syntax.attribute(e.array(x), "at"), *[syntax.FULL_SLICE] * axis, node)
        # Both drop what is out of range; only Python counts negative indices from the end.
        exact = {} if python else {"mode": syntax.literal("drop"), "wrap_negative_indices": syntax.literal(False)}
        values = e.loose(updates)[0] if e.splat(updates) is not None else e.array(updates)
        return syntax.method(target, update, values, **exact)

    return Match([x, index, updates], emit)


def _row_scatter(op: ir.OpView, facts: Symbolic) -> tuple[int, ir.Value, bool] | None:
    """As row_gather, for a scatter of whole slices along one axis."""
    numbers = stablehlo.ScatterDimensionNumbers(op.attributes["scatter_dimension_numbers"])
    x, starts, updates = op.operands
    shape, update_shape = (facts.shape(v) for v in (x, updates))
    dims = list(numbers.scattered_dims_to_operand_dims)
    if len(dims) != 1 or list(numbers.inserted_window_dims) != dims or numbers.input_batching_dims:
        return None
    found = _index_source(starts, numbers.index_vector_dim, facts)
    if found is None:
        return None
    axis, (indices, drop, rank) = dims[0], found
    windows = [*range(axis), *range(axis + rank, len(shape) - 1 + rank)]
    whole = [update_shape[d] for d in windows] == [n for d, n in enumerate(shape) if d != axis]
    return (axis, indices, drop) if list(numbers.update_window_dims) == windows and whole else None


def _dynamic_slice(op: ir.OpView, facts: Symbolic) -> Match | None:
    """JAX's dynamic_slice, which counts negative starts from the end, is lowered with selects."""
    values, starts = _wrapped_starts(op, 1, facts)
    if not any(w for _, w in starts):
        return None

    def emit(e: Emitter, op: ir.OpView) -> ast.expr:
        sizes = syntax.literal(tuple(integers(op.operation, "slice_sizes")))
        return syntax.call(
            "lax.dynamic_slice", e.array(op.operands[0]), _starts(e, starts), sizes, **_negative(e, starts)
        )

    return Match(values, emit)


def _dynamic_update_slice(op: ir.OpView, facts: Symbolic) -> Match | None:
    values, starts = _wrapped_starts(op, 2, facts)
    if not any(w for _, w in starts):
        return None

    def emit(e: Emitter, op: ir.OpView) -> ast.expr:
        x, update = (e.array(v) for v in list(op.operands)[:2])
        return syntax.call("lax.dynamic_update_slice", x, update, _starts(e, starts), **_negative(e, starts))

    return Match(values, emit)


def _clamped_slice(op: ir.OpView, facts: Symbolic) -> Match | None:
    """real_dynamic_slice(x, s, s + sizes) with s = clamp(0, starts, shape - sizes): dynamic_slice clamps itself."""
    x, begin, _, strides = op.operands
    sizes, steps = added_sizes(facts, op), facts.contents(strides)
    clamp = producer(begin, "stablehlo.clamp")
    if sizes is None or steps is None or any(step != 1 for step in steps.flat) or clamp is None:
        return None
    low, starts, high = clamp.operands
    lows, highs, shape = facts.contents(low), facts.contents(high), facts.shape(x)
    places = _elements(starts, facts)
    if lows is None or any(n != 0 for n in lows.flat) or highs is None or places is None:
        return None
    if list(highs.flat) != [n - size for n, size in zip(shape, sizes, strict=True)]:
        return None
    found = [wrapped_index(p, facts) if isinstance(p, ir.Value) else None for p in places]
    wrapped = [hit if hit is not None and hit[1] == n else None for hit, n in zip(found, shape, strict=True)]
    indices = [place if hit is None else hit[0] for hit, place in zip(wrapped, places, strict=True)]
    flags = tuple(hit is not None or not isinstance(p, ir.Value) for hit, p in zip(wrapped, places, strict=True))

    def emit(e: Emitter, op: ir.OpView) -> ast.expr:
        nodes = [start_index(e, i) if isinstance(i, ir.Value) else syntax.literal(i) for i in indices]
        negative = {} if all(flags) else {"allow_negative_indices": syntax.literal(flags)}
        return syntax.call("lax.dynamic_slice", e.array(x), syntax.tuple_(nodes), syntax.literal(sizes), **negative)

    return Match([x, *(i for i in indices if isinstance(i, ir.Value))], emit)


def _elements(value: ir.Value, facts: Symbolic) -> list[ir.Value | Size] | None:
    """The scalars a vector is put together from, sizes as such; None for any other vector."""
    known = facts.contents(value)
    if known is not None and all(facts.is_at_least(n, 0) for n in known.flat):
        return list(known.flat)
    scalar = producer(value, "stablehlo.reshape")
    if scalar is not None:
        return [scalar.operands[0]] if not facts.shape(scalar.operands[0]) else None
    joined = producer(value, "stablehlo.concatenate")
    parts = [_elements(v, facts) for v in joined.operands] if joined is not None else [None]
    return None if any(p is None for p in parts) else [e for p in parts if p is not None for e in p]


Start = tuple[ir.Value, bool]


def _wrapped_starts(op: ir.OpView, first: int, facts: Symbolic) -> tuple[list[ir.Value], list[Start]]:
    operands = list(op.operands)
    starts: list[Start] = []
    for extent, start in zip(facts.shape(operands[0]), operands[first:], strict=True):
        wrapped = wrapped_index(start, facts)
        hit = wrapped is not None and wrapped[1] == extent
        starts.append((wrapped[0], True) if wrapped is not None and hit else (start, False))
    return operands[:first] + [v for v, _ in starts], starts


def _starts(e: Emitter, starts: Sequence[Start]) -> ast.expr:
    return syntax.tuple_(start_index(e, value) for value, _ in starts)


def start_index(e: Emitter, value: ir.Value) -> ast.expr:
    """A start index: a constant as a Python number, clamped to zero as StableHLO does."""
    number, size = e.splat(value), e.size(value)
    if size is not None and e.symbolic.is_at_least(size, 0):
        return syntax.literal(size)
    return e.array(value) if number is None else syntax.literal(max(0, int(number)))


def _negative(e: Emitter, starts: Sequence[Start]) -> dict[str, ast.expr]:
    """`allow_negative_indices` for starts of which some are meant so; empty when all are or do not matter."""
    flags = [wrapped or e.splat(value) is not None for value, wrapped in starts]
    return {} if all(flags) else {"allow_negative_indices": syntax.literal(tuple(flags))}


def _case(op: ir.OpView, facts: Symbolic) -> Match | None:
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
    if splat(low, facts) != 0 or splat(high, facts) != len(op.regions) - 1:
        return None

    def emit_switch(e: Emitter, op: ir.OpView) -> ast.expr:
        # lax.switch clamps its index itself.
        branches = [e.region(r.blocks[0], f"branch{i}", []) for i, r in enumerate(op.regions)]
        return syntax.call("lax.switch", e.array(index), syntax.list_(branches))

    return Match([index], emit_switch)


_MATCHERS: dict[str, Callable[[ir.OpView, Symbolic], Match | None]] = {
    "stablehlo.case": _case,
    "stablehlo.dynamic_gather": _take,
    "stablehlo.gather": _take,
    "stablehlo.real_dynamic_slice": _clamped_slice,
    "stablehlo.scatter": _scatter,
    "stablehlo.dynamic_slice": _dynamic_slice,
    "stablehlo.dynamic_update_slice": _dynamic_update_slice,
}
