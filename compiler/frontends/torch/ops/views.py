"""Views: operators whose result shares memory with their argument."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from typing import Any

import torch
from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.dims import is_at_least, maximum, minimum, require_at_least, require_equal
from oxide.frontends.torch.dtypes import to_numpy
from oxide.frontends.torch.ops import random
from oxide.frontends.torch.registry import SAME, Node, View, bijection, view

Value = ir.Value


def reshaped(x: Value, dims: Sequence[Any]) -> View:
    """x under another shape, and back."""
    source = hlo.shape(x)
    return bijection(lambda v: hlo.reshape(v, dims), lambda v: hlo.reshape(v, source))


def transposed(order: Sequence[int]) -> View:
    back = [order.index(axis) for axis in range(len(order))]
    return bijection(lambda v: hlo.transpose(v, order), lambda v: hlo.transpose(v, back))


def sliced(x: Value, axis: int, start: Any, stop: Any, step: int = 1) -> View:
    """`x[..., start:stop:step, ...]` with 0 <= start <= stop <= length."""
    length = hlo.shape(x)[axis]

    def forward(v: Value) -> Value:
        return hlo.slice_axis(v, axis, start, stop, step)

    def inverse(base: Value, changed: Value) -> Value:
        """The parts before and after stay; with a step, elements between those of the slice stay too."""
        if step == 1:
            before = hlo.slice_axis(base, axis, 0, start)
            after = hlo.slice_axis(base, axis, stop, length)
            parts = [p for p in (before, changed, after) if hlo.shape(p)[axis] != 0]
            return hlo.concatenate(parts, axis) if parts else base
        return View(forward).write_back(base, changed)

    return View(forward, inverse)


def inferred(x: Value, dims: Sequence[Any]) -> list[Any]:
    """A target shape with its -1, if there is one, worked out."""
    known = math.prod(d for d in dims if d != -1)
    return [hlo.size(x) // known if d == -1 else d for d in dims]


@view("aten.view.default", "aten._unsafe_view.default", "aten.reshape.default", "aten._reshape_alias.default")
def reshape(node: Node, self: Value, size: Any = None, shape: Any = None, stride: Any = None) -> View:
    return reshaped(self, inferred(self, shape if size is None else size))


@view("aten.view_as.default", "aten.reshape_as.default", "aten.expand_as.default")
def view_as(node: Node, self: Value, other: Value) -> View:
    if node.op == "aten.expand_as.default":
        return expand(node, self, hlo.shape(other))
    return reshaped(self, hlo.shape(other))


@view("aten.flatten.using_ints")
def flatten(node: Node, self: Value, start_dim: int = 0, end_dim: int = -1) -> View:
    dims = hlo.shape(self)
    if not dims:
        return reshaped(self, [1])
    first, last = hlo.normalize_axis(start_dim, len(dims)), hlo.normalize_axis(end_dim, len(dims))
    return reshaped(self, [*dims[:first], math.prod(dims[first : last + 1]), *dims[last + 1 :]])


@view("aten.unflatten.int")
def unflatten(node: Node, self: Value, dim: int, sizes: Sequence[Any]) -> View:
    dims = list(hlo.shape(self))
    axis = hlo.normalize_axis(dim, len(dims))
    known = math.prod(d for d in sizes if d != -1)
    inner = [dims[axis] // known if d == -1 else d for d in sizes]
    return reshaped(self, [*dims[:axis], *inner, *dims[axis + 1 :]])


@view("aten.transpose.int")
def transpose(node: Node, self: Value, dim0: int, dim1: int) -> View:
    rank = hlo.rank(self)
    if rank == 0:
        return SAME
    order = list(range(rank))
    a, b = hlo.normalize_axis(dim0, rank), hlo.normalize_axis(dim1, rank)
    order[a], order[b] = order[b], order[a]
    return transposed(order)


@view("aten.t.default", "aten.numpy_T.default", "aten.mT.default")
def t(node: Node, self: Value) -> View:
    rank = hlo.rank(self)
    if rank < 2:
        return SAME
    if node.op == "aten.numpy_T.default":
        return transposed(list(reversed(range(rank))))
    return transposed([*range(rank - 2), rank - 1, rank - 2])


@view("aten.permute.default")
def permute(node: Node, self: Value, dims: Sequence[int]) -> View:
    return transposed(hlo.normalize_axes(dims, hlo.rank(self)))


@view("aten.movedim.intlist", "aten.movedim.int")
def movedim(node: Node, self: Value, source: Any, destination: Any) -> View:
    rank = hlo.rank(self)
    sources = hlo.normalize_axes(source if isinstance(source, list) else [source], rank)
    targets = hlo.normalize_axes(destination if isinstance(destination, list) else [destination], rank)
    rest = iter([axis for axis in range(rank) if axis not in sources])
    placed = dict(zip(targets, sources, strict=True))
    return transposed([placed[axis] if axis in placed else next(rest) for axis in range(rank)])


@view("aten.unsqueeze.default")
def unsqueeze(node: Node, self: Value, dim: int) -> View:
    dims = list(hlo.shape(self))
    dims.insert(hlo.normalize_axis(dim, len(dims) + 1), 1)
    return reshaped(self, dims)


@view("aten.squeeze.default", "aten.squeeze.dim", "aten.squeeze.dims")
def squeeze(node: Node, self: Value, dim: Any = None) -> View:
    """Without the dimensions of size 1, of those that are named."""
    dims = hlo.shape(self)
    if not dims:
        return SAME
    named = range(len(dims)) if dim is None else dim if isinstance(dim, list) else [dim]
    removed = {hlo.normalize_axis(axis, len(dims)) for axis in named}
    return reshaped(self, [d for axis, d in enumerate(dims) if axis not in removed or d != 1])


@view("aten.expand.default")
def expand(node: Node, self: Value, size: Sequence[Any], implicit: bool = False) -> View:
    dims = hlo.shape(self)
    offset = len(size) - len(dims)
    target = [dims[i - offset] if i >= offset and d == -1 else d for i, d in enumerate(size)]
    return View(lambda v: hlo.broadcast_to(v, target))


@view("aten.slice.Tensor")
def slice_(node: Node, self: Value, dim: int = 0, start: Any = None, end: Any = None, step: int = 1) -> View:
    """Python's slicing along one dimension, bounds clamped; the step is positive."""
    axis = hlo.normalize_axis(dim, hlo.rank(self))
    length = hlo.shape(self)[axis]
    low = _clamped(0 if start is None else start, length)
    high = _clamped(length if end is None else end, length)
    if low == 0 and high == length and step == 1:
        return SAME
    count = node.shape[axis]
    if step == 1 and high - low != count:  # which PyTorch knows with its ranges of open sizes
        require_equal(maximum(high - low, 0), count, f"a slice to {end} has not {count} elements")
        high = low + count
    return sliced(self, axis, low, maximum(low, high), step)


def _clamped(index: Any, length: Any) -> Any:
    """A slice bound inside [0, length]."""
    if index == length or index == sys.maxsize:
        return length
    return minimum(maximum(_from_front(index, length), 0), length)


def _from_front(index: Any, length: Any) -> Any:
    """A negative index counts from the end; one that open sizes decide must not be negative."""
    if is_at_least(-index, 1, least=1):
        require_at_least(-index, 1, f"the index {index} is negative")
        return index + length
    require_at_least(index, 0, f"the index {index} is not negative")
    return index


@view("aten.narrow.default")
def narrow(node: Node, self: Value, dim: int, start: Any, length: Any) -> View:
    axis = hlo.normalize_axis(dim, hlo.rank(self))
    first = _from_front(start, hlo.shape(self)[axis])
    return sliced(self, axis, first, first + length)


@view("aten.select.int")
def select(node: Node, self: Value, dim: int, index: Any) -> View:
    axis = hlo.normalize_axis(dim, hlo.rank(self))
    dims = list(hlo.shape(self))
    return _entry(self, axis, _from_front(index, dims[axis]))


def _entry(x: Value, axis: int, position: Any) -> View:
    """One position along an axis, which goes."""
    row = sliced(x, axis, position, position + 1)
    dims = hlo.shape(x)
    kept = [*dims[:axis], *dims[axis + 1 :]]
    one = [*dims[:axis], 1, *dims[axis + 1 :]]
    return View(
        lambda v: hlo.reshape(row.forward(v), kept),
        lambda base, changed: row.write_back(base, hlo.reshape(changed, one)),
    )


@view("aten.unbind.int")
def unbind(node: Node, self: Value, dim: int = 0) -> list[View]:
    axis = hlo.normalize_axis(dim, hlo.rank(self))
    return [_entry(self, axis, position) for position in range(hlo.shape(self)[axis])]


def _pieces(x: Value, dim: int, lengths: Sequence[Any]) -> list[View]:
    axis = hlo.normalize_axis(dim, hlo.rank(x))
    views, start = [], 0
    for length in lengths:
        views.append(sliced(x, axis, start, start + length))
        start = start + length
    return views


@view("aten.split.Tensor", "aten.split.sizes", "aten.split_with_sizes.default")
def split(node: Node, self: Value, split_size: Any = None, split_sizes: Any = None, dim: int = 0) -> list[View]:
    """Pieces of one size, the last one shorter when it does not divide; or pieces of given sizes."""
    wanted = split_size if split_sizes is None else split_sizes
    if not isinstance(wanted, list):
        wanted = _even(hlo.shape(self)[dim], wanted)
    return _pieces(self, dim, wanted)


def _even(length: Any, piece: Any) -> list[Any]:
    if length == 0:
        return [0]
    return [min(piece, length - start) for start in range(0, length, piece)]


@view("aten.chunk.default")
def chunk(node: Node, self: Value, chunks: int, dim: int = 0) -> list[View]:
    """At most `chunks` pieces of equal size but for the last."""
    length = hlo.shape(self)[dim]
    if length == 0:
        return _pieces(self, dim, [0] * chunks)
    return _pieces(self, dim, _even(length, -(-length // chunks)))


@view(
    "aten.alias.default",
    "aten.detach.default",
    "aten.lift_fresh.default",
    "aten.contiguous.default",
    "aten.positive.default",
)
def same(node: Node, self: Value, memory_format: Any = None) -> View:
    return SAME


@view("aten.to.dtype", "aten.to.dtype_layout", "aten.to.device", "aten.to.other", "aten.type_as.default")
def to(
    node: Node,
    self: Value,
    dtype: torch.dtype | None = None,
    device: Any = None,
    layout: Any = None,
    pin_memory: Any = None,
    non_blocking: bool = False,
    copy: bool = False,
    memory_format: Any = None,
    other: Any = None,
) -> View | Value:
    """Another dtype, or the tensor itself where it has that one.

    Where tensors lie and in what order is the executable's business.
    """
    target = hlo.dtype(self) if dtype is None else to_numpy(dtype)
    target = target if other is None else hlo.dtype(other)
    return SAME if target == hlo.dtype(self) and not copy else node.cast(self, target)


@view(
    "aten.dropout.default",
    "aten.feature_dropout.default",
    "aten.alpha_dropout.default",
    "aten.feature_alpha_dropout.default",
)
def dropout(node: Node, input: Value, p: float, train: bool) -> View | Value:
    """Outside training the input itself."""
    return random.dropped(node, input, p) if train and p else SAME


@view("prims.transpose.default")
def prims_transpose(node: Node, a: Value, permutation: Sequence[int]) -> View:
    return transposed(list(permutation))
