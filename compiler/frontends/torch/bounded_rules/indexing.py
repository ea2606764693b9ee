"""Operators that pick, place and select elements by index or by what they are."""

from __future__ import annotations

from typing import Any

import numpy as np

from oxide.dialects import hlo
from oxide.dialects.dims import minimum
from oxide.frontends.bounded import fit
from oxide.frontends.torch.bounded_rules.call import Call, Value, rule
from oxide.frontends.torch.ops.indexing import is_mask


def _indices(call: Call, *, writing: bool) -> list[Any]:
    """Indices for the dimensions of `self`, of which no mask selects what does not count.

    Negative ones count from the end of what counts.  Those that do not count themselves are out of range where
    something is written, since writing there does nothing.
    """
    found, axis = [], 0
    for index, part in zip(call.arguments["indices"], call.parts("indices"), strict=True):
        if index is None:
            found.append(None)
            axis += 1
        elif is_mask(index):
            found.append(part.filled("self", 0))
            axis += hlo.rank(index)
        else:
            places: Value = hlo.convert(index, np.int64)
            if axis in call.open_axes("self"):
                places = hlo.select(hlo.less(places, 0), hlo.add(places, call.count("self", axis)), places)
            mask = part.valid("self")
            outside = hlo.shape(call.arguments["self"])[axis]
            found.append(places if mask is None or not writing else hlo.select(mask, places, outside))
            axis += 1
    return found


@rule("index.Tensor")
def index(call: Call) -> Any:
    return call.run(indices=_indices(call, writing=False))


@rule("index_put.default", "_unsafe_index_put.default", "_index_put_impl.default")
def index_put(call: Call) -> Any:
    return call.run(indices=_indices(call, writing=True))


@rule(
    *("scatter.src", "scatter.value", "scatter.reduce", "scatter.value_reduce", "scatter_add.default"),
    *("scatter_reduce.two", "index_add.default", "index_copy.default", "index_fill.int_Scalar"),
    *("index_fill.int_Tensor", "index_reduce.default"),
)
def scatter(call: Call) -> Any:
    """Indices that do not count are out of range, where nothing is written.

    As many are kept as there is room for sources, and of sources as there is for indices: `source` has one slice
    for each index, `src` one element.
    """
    axis = call.axis("self", call.arguments["dim"])
    ready = {"index": call.filled("index", hlo.shape(call.arguments["self"])[axis])}
    for name in {"source", "src"} & set(call.tensors()):
        ready[name] = call.arguments[name]
        for here in range(hlo.rank(ready["index"])):
            there = axis if name == "source" else here
            room = minimum(hlo.shape(ready["index"])[here], hlo.shape(ready[name])[there])
            ready = {"index": fit(ready["index"], here, room), name: fit(ready[name], there, room)}
    return call.run(**ready)


def _mask(call: Call) -> Value:
    mask, counts = call.filled("mask", False), call.valid("self")
    return mask if counts is None else hlo.and_(mask, counts)


@rule("masked_select.default", "masked_scatter.default")
def masked(call: Call) -> Any:
    return call.run(mask=_mask(call))


@rule(
    *("nonzero.default", "nonzero_numpy.default", "argwhere.default", "where.default", "nonzero_static.default"),
)
def nonzero(call: Call) -> Any:
    """Coordinates do not depend on the size of a dimension."""
    return call.run(self=call.filled("self", 0))


@rule("_unique.default", "_unique2.default", "unique_consecutive.default")
def unique(call: Call) -> Any:
    """Of all elements: which of them count is told apart."""
    dim = call.get("dim")
    if dim is not None:
        return unique_dim(call)
    counts = call.valid("self")
    if call.node.op == "aten.unique_consecutive.default" and call.open_axes("self") != [0]:
        call.refuse("only dimension 0 may be open")
    return call.run(kept=None if counts is None else hlo.reshape(counts, [hlo.size(counts)]))


@rule("unique_dim.default", "unique_dim_consecutive.default")
def unique_dim(call: Call) -> Any:
    """Other dimensions: what does not count is the same in all slices."""
    axis = call.axis("self", call.arguments["dim"])
    x = call.filled("self", 0, [a for a in call.open_axes("self") if a != axis])
    kept = None
    if axis in call.open_axes("self"):
        kept = hlo.less(hlo.iota([hlo.shape(x)[axis]], 0, np.int64), call.count("self", axis))
    return call.run(self=x, kept=kept)


@rule("bincount.default")
def bincount(call: Call) -> Any:
    return call.run(kept=call.valid("self"))


@rule("repeat_interleave.Tensor", "repeat_interleave.self_Tensor")
def repeat_interleave(call: Call) -> Any:
    """What does not count is repeated not at all."""
    repeats = call.filled("repeats", 0)
    open_self = call.open_axes("self") if "self" in call.shapes else []
    if open_self and (open_self != [call.get("dim")] or not call.open_axes("repeats")):
        call.refuse("a number of repeats for a dimension of another size is not supported")
    return call.run(repeats=repeats)
