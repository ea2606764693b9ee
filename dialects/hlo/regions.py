"""Operations with regions: conditionals, loops, sorting, functions and composites."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import dtypes
from oxide.dialects.diagnostics import OxideError
from oxide.dialects.dims import Size, require_at_least
from oxide.dialects.hlo.core import (
    create,
    dtype,
    element_type,
    full_like,
    i64,
    is_static,
    make_type,
    normalize_axis,
    rank,
    shape,
)
from oxide.dialects.hlo.elementwise import and_, compare, convert, negate, not_, or_, select
from oxide.dialects.hlo.indexing import take_along_axis
from oxide.dialects.hlo.reductions import with_block
from oxide.dialects.hlo.shape_ops import iota, move_axis, reshape, slice_axis

Branch = Callable[[], Sequence[ir.Value]]


def if_(predicate: ir.Value, on_true: Branch, on_false: Branch) -> list[ir.Value]:
    """Run one of two branches, which see outer values directly.  `predicate` is a bool of one element."""
    return _branching("stablehlo.if", reshape(predicate, []), [on_true, on_false])


def case(index: ir.Value, branches: Sequence[Branch]) -> list[ir.Value]:
    """Run branch `index` (int32 of one element); an index out of range runs the last branch."""
    return _branching("stablehlo.case", reshape(index, []), branches)


def _branching(name: str, selector: ir.Value, branches: Sequence[Branch]) -> list[ir.Value]:
    # An operation's result types are fixed when it is created, so branches are built first and moved in.
    built: list[Detached] = []
    try:
        for branch in branches:
            built.append(Detached([], branch))
        types = [r.type for r in built[0].results]
        for number, block in enumerate(built):
            returned = [r.type for r in block.results]
            if returned != types:
                raise OxideError(
                    f"branch {number} returns {[str(t) for t in returned]}, branch 0 {[str(t) for t in types]}"
                )
        op = create(name, [selector], types, regions=len(branches))
        for block, region in zip(built, op.regions, strict=True):
            with block.at_end():
                create("stablehlo.return", block.results, [])
            block.move_to(region)
    finally:
        for block in built:
            block.discard()
    return list(op.results)


class Detached:
    """A block built outside of the operation it is for, which can only be created once its types are known.

    `results` are what `body(*arguments)` returned.  The owner ends the block with a terminator and moves it;
    `discard` must be called in the end, whether it was moved or not.
    """

    def __init__(self, types: Sequence[ir.Type], body: Callable[..., Sequence[ir.Value]]) -> None:
        location = ir.Location.current
        self._holder = create("oxide.scratch", [], [], regions=1)
        self.block = self._holder.regions[0].blocks.append(*types, arg_locs=[location] * len(types))
        try:
            with ir.InsertionPoint(self.block):
                self.results = list(body(*self.block.arguments))
        except BaseException:
            self._holder.erase()
            raise

    def at_end(self) -> ir.InsertionPoint:
        return ir.InsertionPoint(self.block)

    def add_argument(self, kind: ir.Type) -> ir.Value:
        return self.block.add_argument(kind, ir.Location.current)

    def move_to(self, region: ir.Region) -> None:
        self.block.append_to(region)

    def discard(self) -> None:
        self._holder.erase()


def while_(
    condition: Callable[..., ir.Value],
    body: Callable[..., Sequence[ir.Value]],
    initial: Sequence[ir.Value],
) -> list[ir.Value]:
    """Repeat `state = body(*state)` while `condition(*state)`; state types must not change."""
    types = [v.type for v in initial]
    op = create("stablehlo.while", list(initial), types, regions=2)
    with_block(op.regions[0], types, lambda *state: [condition(*state)])
    returned = with_block(op.regions[1], types, body)
    if list(returned) != types:
        raise OxideError(
            f"a loop body changes its state from {[str(t) for t in types]} to {[str(t) for t in returned]}"
        )
    return list(op.results)


def sort(
    values: Sequence[ir.Value], axis: int, *, keys: int = 1, descending: bool = False, stable: bool = True
) -> list[ir.Value]:
    """Sort along an axis by the first `keys` values, in that order of precedence, and permute all values alike.

    Floats order as in numpy: zeros of either sign are equal and NaN is the largest.  The comparator is the one
    `lax.sort` builds, which XLA and the JAX back end recognise.
    """
    axis = normalize_axis(axis, rank(values[0]))
    attributes = {"dimension": i64(axis), "is_stable": ir.BoolAttr.get(stable)}
    op = create("stablehlo.sort", list(values), [v.type for v in values], attributes, regions=1)
    scalars = [make_type([], element_type(v)) for v in values for _ in range(2)]
    direction = "GT" if descending else "LT"

    def before(*scalars: ir.Value) -> list[ir.Value]:
        """a before b, or a equal to b and the next key decides."""
        pairs = [(scalars[2 * i], scalars[2 * i + 1]) for i in range(keys)]
        decision = _compare_keys(*pairs[-1], direction)
        for a, b in reversed(pairs[:-1]):
            decision = or_(_compare_keys(a, b, direction), and_(_compare_keys(a, b, "EQ"), decision))
        return [decision]

    with_block(op.regions[0], scalars, before)
    return list(op.results)


def _compare_keys(a: ir.Value, b: ir.Value, direction: str) -> ir.Value:
    if not dtypes.is_float(dtype(a)):
        return compare(a, b, direction)
    return compare(_sort_key(a), _sort_key(b), direction, total_order=True)


def _sort_key(x: ir.Value) -> ir.Value:
    """x with one zero and one NaN, so that the total order ties what numpy ties."""
    zero = select(compare(x, 0, "EQ"), full_like(x, 0), x)
    return select(compare(x, x, "NE"), full_like(x, float("nan")), zero)


def top_k(
    x: ir.Value, k: Size, axis: int, *, largest: bool = True, index_dtype: str = "int64"
) -> tuple[ir.Value, ir.Value]:
    """The k largest (or smallest) elements along an axis in order, with their indices; ties keep position."""
    axis = normalize_axis(axis, rank(x))
    message = f"top_k of {k} elements from a dimension of size {shape(x)[axis]}"
    require_at_least(k, 0, message)
    require_at_least(shape(x)[axis], k, message)
    if is_static([k, *shape(x)]) and dtype(x) != np.bool_:
        return _selected(x, k, axis, largest, index_dtype)
    values, indices = sort([x, iota(shape(x), axis, index_dtype)], axis, descending=largest)
    return slice_axis(values, axis, 0, k), slice_axis(indices, axis, 0, k)


def _selected(x: ir.Value, k: Size, axis: int, largest: bool, index_dtype: str) -> tuple[ir.Value, ir.Value]:
    """`top_k` by `chlo.top_k`, which selects: XLA sorts everything for a sort with a comparator of ours.

    It takes the largest of the last dimension in the total order; smallest ones are sought in reverse.
    """
    last = rank(x) - 1
    rows = move_axis(x, axis, last)
    keys = _sort_key(rows) if dtypes.is_float(dtype(x)) else rows
    if not largest:
        keys = negate(keys) if dtypes.is_float(dtype(x)) else not_(keys)
    dims = [*shape(rows)[:last], k]
    types = [make_type(dims, element_type(x)), make_type(dims, np.int32)]
    indices = convert(create("chlo.top_k", [keys], types, {"k": i64(int(k))}).results[1], index_dtype)
    # The keys are not x: they have one zero and one NaN.
    values = take_along_axis(rows, indices, last)
    return move_axis(values, last, axis), move_axis(indices, last, axis)


def function(
    module: ir.Module,
    name: str,
    types: Sequence[ir.Type],
    body: Callable[..., Sequence[ir.Value]],
) -> str:
    """Add a private function at the end of a module; returns its symbol, made unique where it is taken."""
    taken = {
        ir.StringAttr(op.attributes["sym_name"]).value
        for op in module.body.operations
        if "sym_name" in op.attributes
    }
    symbol, count = name, 0
    while symbol in taken:
        count += 1
        symbol = f"{name}_{count}"
    with ir.InsertionPoint(module.body):
        op = create(
            "func.func",
            [],
            [],
            {
                "sym_name": ir.StringAttr.get(symbol),
                "sym_visibility": ir.StringAttr.get("private"),
                "function_type": ir.TypeAttr.get(ir.FunctionType.get(list(types), [])),
            },
            regions=1,
        )
    block = op.regions[0].blocks.append(*types, arg_locs=[ir.Location.current] * len(types))
    with ir.InsertionPoint(block):
        results = list(body(*block.arguments))
        create("func.return", results, [])
    signature = ir.FunctionType.get(list(types), [r.type for r in results])
    op.attributes["function_type"] = ir.TypeAttr.get(signature)
    return symbol


def call(symbol: str, operands: Sequence[ir.Value], results: Sequence[ir.Type]) -> list[ir.Value]:
    attributes = {"callee": ir.FlatSymbolRefAttr.get(symbol)}
    return list(create("func.call", list(operands), list(results), attributes).results)


def composite(
    name: str,
    operands: Sequence[ir.Value],
    results: Sequence[ir.Type],
    decomposition: str,
    attributes: Mapping[str, ir.Attribute],
) -> list[ir.Value]:
    """`stablehlo.composite` with a decomposition that is already in the module."""
    op = create(
        "stablehlo.composite",
        list(operands),
        list(results),
        {
            "name": ir.StringAttr.get(name),
            "composite_attributes": ir.DictAttr.get(dict(attributes)),
            "decomposition": ir.FlatSymbolRefAttr.get(decomposition),
        },
    )
    return list(op.results)
