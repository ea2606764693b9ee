"""Loops that count to a number: `lax.scan` over what they slice and stack, else `lax.fori_loop`."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from jaxlib.mlir import ir

from oxide.backends.jax_source import syntax
from oxide.backends.jax_source.idioms import Match, producer, splat
from oxide.backends.jax_source.names import source_name, variable_name
from oxide.backends.jax_source.registry import Emitted, Nested
from oxide.backends.jax_source.subtrees import Path, branch, whole_branch
from oxide.backends.jax_source.syntax import call, literal
from oxide.dialects.dims import Size
from oxide.dialects.shapes import find_counter
from oxide.dialects.shapes.loops import Counter

if TYPE_CHECKING:
    from oxide.backends.jax_source.emitter import Emitter
    from oxide.dialects.shapes import Symbolic

# Values that are one index.
_Indices: TypeAlias = Sequence[ir.Value]


@dataclass(frozen=True)
class CountedLoop:
    """A `stablehlo.while` that runs `trips` times.

    `carried` are the positions of its state, the counter's only where it serves for more than counting and what
    follows.  `slices` maps the first operation that reads element i of an array in iteration i, without the first
    dimension, to that array; `stacked` the position of a result that puts elements together to each iteration's.
    With `is_reversed` both go from the last element to the first.
    """

    trips: Size
    carried: Sequence[int]
    slices: Mapping[ir.Operation, ir.Value]
    stacked: Mapping[int, ir.Value]
    is_reversed: bool


def find(op: ir.OpView, facts: Symbolic) -> Match | None:
    """The idiom of a `stablehlo.while` that counts; its body then reads elements, and returns them."""
    loop = find_counted(op, facts)
    if loop is None:
        return None
    terminator = list(op.regions[1].blocks[0].operations)[-1]
    returned = [*(terminator.operands[i] for i in loop.carried), *loop.stacked.values()]
    arrays = list(dict.fromkeys(loop.slices.values()))
    inner = {read: Match([], lambda e, op: e.term(op.results[0])) for read in loop.slices}
    inner[terminator.operation] = Match(returned, lambda e, op: [])
    return Match([*(op.operands[i] for i in loop.carried), *arrays], lambda e, op: _emit(e, op, loop), inner)


def find_counted(op: ir.OpView, facts: Symbolic) -> CountedLoop | None:
    """What a `stablehlo.while` does that counts one of its values up by 1 to a fixed number; None for others."""
    counter = find_counter(op, facts)
    if counter is None:
        return None
    trips = counter.end - counter.start
    trips = max(trips, 0) if isinstance(trips, int) else trips
    body = op.regions[1].blocks[0]
    index = body.arguments[counter.position]
    rows = _rows([index], body, trips if counter.start == 0 else None, facts)
    down = [user for user in rows.others if _counts_down(user, index, body, trips, facts)]
    is_reversed = len(down) > 0 and not rows.slices and not rows.stacked
    if is_reversed:
        kept = rows.others - set(down)
        rows = _rows([user.results[0] for user in down], body, trips, facts)
        rows.others.update(kept)
    stacked = dict(sorted(rows.stacked.items()))
    is_counted = next(iter(op.results[counter.position].uses), None) is not None
    is_read = is_counted or any(not _only_counts(user, body, counter) for user in rows.others)
    carried = [i for i in range(len(op.results)) if i not in stacked and (i != counter.position or is_read)]
    read = {i: element for i, element in stacked.items() if next(iter(op.results[i].uses), None)}
    return CountedLoop(trips, carried, rows.slices, read, is_reversed)


@dataclass(frozen=True)
class _Rows:
    """What is read and written at an index: `slices` and `stacked` as in a loop, `others` for any other purpose."""

    slices: dict[ir.Operation, ir.Value] = field(default_factory=dict)
    stacked: dict[int, ir.Value] = field(default_factory=dict)
    others: set[ir.Operation] = field(default_factory=set)


def _rows(indices: _Indices, body: ir.Block, trips: Size | None, facts: Symbolic) -> _Rows:
    """What a loop's body does at these values of one index, where it runs over `trips` elements."""
    found = _Rows(others={use.owner.operation for index in indices for use in index.uses})
    for op in body.operations:
        if op.operation not in found.others or trips is None:
            continue
        if (read := _slice(op, body, indices, trips, facts)) is not None:
            found.slices[read] = op.operands[0]
        elif (element := _stacking(op, body, indices, trips, facts)) is not None:
            found.stacked[list(body.arguments).index(op.operands[0])] = element
        else:
            continue
        found.others.remove(op.operation)
    return found


def _counts_down(op: ir.Operation, index: ir.Value, body: ir.Block, trips: Size, facts: Symbolic) -> bool:
    """Whether an operation is `trips - 1 - index`."""
    if op.name != "stablehlo.subtract" or op.block != body or op.operands[1] != index:
        return False
    last = splat(op.operands[0], facts)
    return last is not None and last == trips - 1


def _only_counts(user: ir.Operation, body: ir.Block, counter: Counter) -> bool:
    """Whether an operation is the addition that the loop counts by, and nothing more."""
    following = _terminator(body).operands[counter.position]
    return following.owner == user and len(list(following.uses)) == 1


def _slice(
    op: ir.OpView, body: ir.Block, indices: Sequence[ir.Value], trips: Size, facts: Symbolic
) -> ir.Operation | None:
    """The reshape that makes `x[i]` of `dynamic_slice(x, i, 0, ...)`, for an x of `trips` elements from outside."""
    if op.operation.name != "stablehlo.dynamic_slice" or op.operation.block != body:
        return None
    x, *starts = op.operands
    uses = list(op.results[0].uses)
    dropped = uses[0].owner.opview if len(uses) == 1 else None
    if dropped is None or dropped.operation.name != "stablehlo.reshape" or dropped.operation.block != body:
        return None
    owner = x.owner.operation.block if isinstance(x, ir.OpResult) else x.owner
    shape = facts.shape(x)
    whole = shape[0] == trips and facts.shape(op.results[0]) == (1, *shape[1:])
    if owner == body or not whole or not _is_at(starts, indices, facts):
        return None
    return dropped.operation if facts.shape(dropped.results[0]) == shape[1:] else None


def _stacking(
    op: ir.OpView, body: ir.Block, indices: Sequence[ir.Value], trips: Size, facts: Symbolic
) -> ir.Value | None:
    """The element y of `dynamic_update_slice(ys, y[None], i, 0, ...)`, where that is all that happens to ys."""
    if op.operation.name != "stablehlo.dynamic_update_slice" or op.operation.block != body:
        return None
    array, update, *starts = op.operands
    arguments: list[ir.Value] = list(body.arguments)
    if array not in arguments or len(list(array.uses)) > 1 or len(list(op.results[0].uses)) > 1:
        return None
    position, shape = arguments.index(array), facts.shape(array)
    added = producer(update, "stablehlo.reshape") or producer(update, "stablehlo.broadcast_in_dim")
    if added is None or _terminator(body).operands[position] != op.results[0]:
        return None
    element = added.operands[0]
    whole = shape[0] == trips and facts.shape(update) == (1, *shape[1:]) and facts.shape(element) == shape[1:]
    return element if whole and _is_at(starts, indices, facts) else None


def _is_at(starts: Sequence[ir.Value], indices: _Indices, facts: Symbolic) -> bool:
    first, *rest = starts
    return first in indices and all(splat(start, facts) == 0 for start in rest)


def _terminator(block: ir.Block) -> ir.OpView:
    operations = block.operations
    return operations[len(operations) - 1]


@dataclass(frozen=True)
class _Scanned:
    """What a loop takes element by element: an array, or a branch of weights, each at its path in the branch."""

    node: ast.expr
    name: str
    paths: Mapping[ir.Value, Path]


def _emit(e: Emitter, op: ir.OpView, loop: CountedLoop) -> Emitted:
    """`state, stacked = lax.scan(step, initial, arrays)`, or `state = lax.fori_loop(0, trips, body, initial)`."""
    block = op.regions[1].blocks[0]
    initial = [e.array(op.operands[i]) for i in loop.carried]
    scanned = _scanned(e, loop)
    with e.nested() as scope:
        header: list[ast.stmt] = []

        def parameter(names: Sequence[str], wanted: str) -> str:
            """The parameter that is the only name, or a tuple of them."""
            if len(names) < 2:
                return names[0] if names else "_"
            whole = scope.names.fresh(wanted)
            header.append(syntax.assign(names, syntax.name(whole)))
            return whole

        carry = [scope.names.fresh(state_name(i, len(initial))) for i in range(len(initial))]
        parts = [scope.names.fresh(part.name) for part in scanned]
        values = {block.arguments[i]: e.element(name, ()) for i, name in zip(loop.carried, carry, strict=True)}
        elements = {
            array: e.element(name, path)
            for name, part in zip(parts, scanned, strict=True)
            for array, path in part.paths.items()
        }
        values |= {read.results[0]: elements[array] for read, array in loop.slices.items()}
        parameters = [parameter(carry, "state"), parameter(parts, "parts")]
        nodes = e.body(block, values)
    statements, state = [*header, *scope.statements], _packed(nodes[: len(initial)])
    if not scanned and not loop.stacked:
        body = e.function("body", ["_", parameters[0]], statements, state)
        node = call("lax.fori_loop", literal(0), literal(loop.trips), body, _packed(initial))
        return Nested(node, [loop.carried])
    step = e.function("step", parameters, statements, syntax.tuple_([state, _packed(nodes[len(initial) :])]))
    over = [_packed([part.node for part in scanned])] if scanned else []
    length = None if scanned else literal(loop.trips)
    backwards = literal(True) if loop.is_reversed else None
    node = call("lax.scan", step, _packed(initial), *over, length=length, reverse=backwards)
    return Nested(node, [loop.carried, list(loop.stacked)])


def _packed(nodes: Sequence[ast.expr]) -> ast.expr:
    return syntax.packed(nodes) if nodes else literal(None)


def state_name(position: int, count: int) -> str:
    """What a value of a loop's state is called."""
    return "xyz"[position] if count <= 3 else f"x{position}"


def _scanned(e: Emitter, loop: CountedLoop) -> list[_Scanned]:
    """The arrays that a loop slices, weights that make up a branch of `params` as that branch."""
    reads = {array: read for read, array in loop.slices.items()}
    paths = {array: path for array in reads if (path := e.weight_path(array))}
    top = whole_branch(list(paths.values()), e.weight_paths)
    alone = {x: variable_name(source_name(reads[x].location)) for x in reads if top is None or x not in paths}
    found = [_Scanned(e.array(array), name or "element", {array: ()}) for array, name in alone.items()]
    if top is not None:
        below = {array: path[len(top) :] for array, path in paths.items()}
        array, path = next(iter(below.items()))
        found.append(_Scanned(branch(e.array(array), path), "weights", below))
    return found
