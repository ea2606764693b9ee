"""Products of groups of rows, or of columns, with a matrix each: the experts of a mixture.

A group's size is not known before the program runs, and StableHLO has no product of such a part.  Groups are cut
into tiles of one size, of which only each group's last is not full, and all tiles are multiplied as one batch: at
most twice the arithmetic of the groups themselves where they are as long as the tiles, and no weight is read
that no row needs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.dims import Size
from oxide.frontends.torch.promotion import compute_dtype
from oxide.frontends.torch.registry import Node, lowering

Value = ir.Value

# The length of a tile where the number of rows is not known.
_OPEN_TILE = 32


@lowering("aten._grouped_mm.default")
def grouped_mm(
    node: Node,
    self: Value,
    mat2: Value,
    offs: Value | None = None,
    bias: Value | None = None,
    out_dtype: torch.dtype | None = None,
) -> Value:
    """The products of groups, which end at `offs` [groups] along a dimension that an operand has no group axis for.

    [groups, m, k] by [groups, k, n] without `offs`; [rows, k] by [groups, k, n]: groups of rows; [groups, m, k]
    by [k, columns]: groups of columns; [m, k] by [k, n]: groups of the contracted dimension, [groups, m, n].
    What is in no group is zeros, where PyTorch leaves memory as it was.
    """
    if bias is not None:
        raise node.error("a bias is not supported, as in PyTorch; add it to the result")
    wide = compute_dtype(hlo.dtype(self))
    if offs is None:
        return node.cast(hlo.matmul(self, mat2, result_dtype=wide), node.dtype)
    if hlo.rank(mat2) == 3:
        result = _by_rows(self, mat2, offs, wide)
    elif hlo.rank(self) == 3:
        turned = _by_rows(hlo.swap_axes(mat2, 0, 1), hlo.swap_axes(self, 1, 2), offs, wide)
        result = hlo.swap_axes(turned, 0, 1)
    else:
        result = _contracted(self, mat2, offs, wide)
    return node.cast(result, node.dtype)


# Hugging Face transformers' operators for experts where PyTorch cannot compile its own.


@lowering("transformers.grouped_mm_fallback.default")
def grouped_rows(node: Node, input: Value, weight: Value, offs: Value) -> Value:
    """[rows, k] by [groups, k, n]; rows in no group are zeros."""
    return grouped_mm(node, input, weight, offs)


@lowering("transformers.grouped_mm_fallback_backward.default")
def grouped_rows_backward(node: Node, input: Value, weight: Value, offs: Value, grad_output: Value) -> list[Value]:
    """The gradients [rows, k] of the rows and [groups, k, n] of the matrices."""
    wide = compute_dtype(hlo.dtype(input))
    rows = _by_rows(grad_output, hlo.swap_axes(weight, 1, 2), offs, wide)
    matrices = _contracted(hlo.swap_axes(input, 0, 1), grad_output, offs, wide)
    return [node.cast(rows, node.dtype_of(0)), node.cast(matrices, node.dtype_of(1))]


@dataclass(frozen=True)
class _Tiles:
    """`group` [tiles] of every tile, `rows` [tiles, length] it holds, and whether it does: `valid`.

    `first` is the first tile of every group, `start` its first row.
    """

    length: Size
    group: Value
    rows: Value
    valid: Value
    first: Value
    start: Value


def _tiles(ends: Value, rows: Size) -> _Tiles:
    (groups,) = hlo.shape(ends)
    if hlo.is_static([rows, groups]):
        length = max(1, -(-rows // max(1, groups)))
        count = (rows + min(groups, rows) * (length - 1)) // length
    else:
        length, count = _OPEN_TILE, rows // _OPEN_TILE + groups
    ends = hlo.convert(ends, np.int32)
    start = hlo.concatenate([hlo.full([1], 0, np.int32), hlo.slice_axis(ends, 0, 0, groups - 1)], 0)
    tiles = hlo.divide(hlo.add(hlo.subtract(ends, start), length - 1), length)
    last = hlo.cumulative(tiles, "add", 0)
    first = hlo.subtract(last, tiles)
    number = hlo.iota([count], 0, np.int32)
    group = hlo.minimum(_passed(last, number), groups - 1)
    within = hlo.multiply(hlo.subtract(number, hlo.take(first, group, 0)), length)
    begin = hlo.add(hlo.take(start, group, 0), within)
    held = hlo.add(hlo.expand_dims(begin, [1]), hlo.iota([count, length], 1, np.int32))
    valid = hlo.less(held, hlo.expand_dims(hlo.take(ends, group, 0), [1]))
    return _Tiles(length, group, hlo.select(valid, held, 0), valid, first, start)


def _passed(ends: Value, positions: Value) -> Value:
    """How many of the ends [groups] each position [n] has reached: the group it is in."""
    reached = hlo.less_equal(hlo.expand_dims(ends, [0]), hlo.expand_dims(positions, [1]))
    return hlo.reduce_sum(hlo.convert(reached, np.int32), [1])


def _by_rows(x: Value, matrices: Value, ends: Value, wide: np.dtype) -> Value:
    """[rows, k] by [groups, k, n]."""
    rows, groups, columns = hlo.shape(x)[0], hlo.shape(matrices)[0], hlo.shape(matrices)[2]
    tiles = _tiles(ends, rows)
    products = hlo.matmul(hlo.take(x, tiles.rows, 0), hlo.take(matrices, tiles.group, 0), result_dtype=wide)
    flat = hlo.reshape(products, [hlo.shape(tiles.group)[0] * tiles.length, columns])
    number = hlo.iota([rows], 0, np.int32)
    passed = _passed(hlo.convert(ends, np.int32), number)
    group = hlo.minimum(passed, groups - 1)
    place = hlo.subtract(number, hlo.take(tiles.start, group, 0))
    place = hlo.add(place, hlo.multiply(hlo.take(tiles.first, group, 0), tiles.length))
    grouped = hlo.expand_dims(hlo.less(passed, groups), [1])
    return hlo.select(grouped, hlo.take(flat, place, 0), 0)


def _contracted(x: Value, y: Value, ends: Value, wide: np.dtype) -> Value:
    """[m, k] by [k, n], a product for each group of k."""
    tiles = _tiles(ends, hlo.shape(y)[0])
    valid = hlo.expand_dims(tiles.valid, [2])
    left = hlo.select(valid, hlo.take(hlo.swap_axes(x, 0, 1), tiles.rows, 0), 0)
    right = hlo.select(valid, hlo.take(y, tiles.rows, 0), 0)
    products = hlo.dot_general(left, right, contract=([1], [1]), batch=([0], [0]), result_dtype=wide)
    dims = [hlo.shape(ends)[0], *hlo.shape(products)[1:]]
    spread = hlo.broadcast_in_dim(tiles.group, hlo.shape(products), [0])
    return hlo.scatter_along_axis(hlo.full(dims, 0, wide), spread, products, 0, "add")
