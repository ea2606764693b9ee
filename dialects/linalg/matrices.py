"""What the algorithms are written with: batches of matrices [batch, rows, columns], their columns and entries."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import dtypes, hlo
from oxide.dialects.dims import Size

Value = ir.Value
# The dtype of positions and counters.
INDEX = np.dtype(np.int32)


def is_complex(x: Value) -> bool:
    return dtypes.is_complex(hlo.dtype(x))


def real_dtype(x: Value) -> np.dtype:
    """The dtype of norms."""
    return np.dtype(np.float64 if hlo.dtype(x).name in ("float64", "complex128") else np.float32)


def epsilon(x: Value) -> float:
    """The distance from 1 to the next number."""
    return float(np.finfo(real_dtype(x)).eps)


def smallest(x: Value) -> float:
    """The smallest normal number."""
    return float(np.finfo(real_dtype(x)).tiny)


def conjugate(x: Value) -> Value:
    return hlo.complex(hlo.real(x), hlo.negate(hlo.imag(x))) if is_complex(x) else x


def adjoint(x: Value) -> Value:
    """The conjugate transpose."""
    return conjugate(hlo.swap_axes(x, -1, -2))


def real_part(x: Value) -> Value:
    return hlo.real(x) if is_complex(x) else x


def as_dtype_of(x: Value, like: Value) -> Value:
    """A real value in the dtype of another, which may be complex."""
    return hlo.convert(x, hlo.dtype(like))


def squared(x: Value) -> Value:
    """|x|^2, real."""
    return hlo.add(hlo.square(hlo.real(x)), hlo.square(hlo.imag(x))) if is_complex(x) else hlo.square(x)


def magnitude(x: Value) -> Value:
    """|x|, real."""
    return hlo.emit("stablehlo.abs", [x], hlo.make_type(hlo.shape(x), real_dtype(x)))


def taxicab(x: Value) -> Value:
    """|re x| + |im x|, by which LAPACK chooses pivots."""
    return hlo.add(hlo.abs(hlo.real(x)), hlo.abs(hlo.imag(x))) if is_complex(x) else hlo.abs(x)


def multiply(x: Value, y: Value) -> Value:
    """The products of two batches of matrices, in full precision on every device."""
    return hlo.dot_general(x, y, contract=([2], [1]), batch=([0], [0]), precision="HIGHEST")


def identity(batch: int, rows: int, columns: int, dtype: np.dtype) -> Value:
    return hlo.broadcast_to(hlo.constant(np.eye(rows, columns).astype(dtype)), [batch, rows, columns])


def rows_of(x: Value) -> Value:
    """The number of its row for every entry of a matrix, [1, rows, columns]."""
    _, rows, columns = hlo.shape(x)
    return hlo.iota([1, rows, columns], 1, INDEX)


def columns_of(x: Value) -> Value:
    _, rows, columns = hlo.shape(x)
    return hlo.iota([1, rows, columns], 2, INDEX)


def upper(x: Value, offset: int = 0) -> Value:
    """The entries on and above a diagonal, zeros below."""
    return hlo.select(hlo.greater_equal(hlo.subtract(columns_of(x), rows_of(x)), offset), x, 0)


def lower(x: Value, offset: int = 0) -> Value:
    return hlo.select(hlo.less_equal(hlo.subtract(columns_of(x), rows_of(x)), offset), x, 0)


def diagonal(x: Value) -> Value:
    """[batch, min(rows, columns)]."""
    _, rows, columns = hlo.shape(x)
    short = min(rows, columns)
    square = hlo.slice_axis(hlo.slice_axis(x, 1, 0, short), 2, 0, short)
    return hlo.reduce_sum(hlo.select(hlo.equal(rows_of(square), columns_of(square)), square, 0), [2])


def as_diagonal(x: Value) -> Value:
    """[batch, n] as [batch, n, n] with zeros elsewhere."""
    batch, size = hlo.shape(x)
    wide = hlo.broadcast_in_dim(x, [batch, size, size], [0, 2])
    return hlo.select(hlo.equal(rows_of(wide), columns_of(wide)), wide, 0)


def column(x: Value, index: Value) -> Value:
    """Column `index` (a scalar) of each matrix, [batch, rows, 1]."""
    batch, rows, _ = hlo.shape(x)
    return hlo.dynamic_slice(x, _starts(index, 2), [batch, rows, 1])


def row(x: Value, index: Value) -> Value:
    batch, _, columns = hlo.shape(x)
    return hlo.dynamic_slice(x, _starts(index, 1), [batch, 1, columns])


def entry(x: Value, index: Value) -> Value:
    """Entry `index` of vectors [batch, n] as [batch, 1]."""
    return hlo.dynamic_slice(x, _starts(index, 1)[:2], [hlo.shape(x)[0], 1])


def with_column(x: Value, new: Value, index: Value) -> Value:
    return hlo.dynamic_update_slice(x, new, _starts(index, 2))


def with_row(x: Value, new: Value, index: Value) -> Value:
    return hlo.dynamic_update_slice(x, new, _starts(index, 1))


def with_entry(x: Value, new: Value, index: Value) -> Value:
    return hlo.dynamic_update_slice(x, new, _starts(index, 1)[:2])


def _starts(index: Value, axis: int) -> list[Value]:
    zero = hlo.constant(0, INDEX)
    return [index if i == axis else zero for i in range(3)]


def at_column(x: Value, positions: Value) -> Value:
    """Columns [batch, k] of each matrix, one list a matrix: [batch, rows, k]."""
    batch, rows, _ = hlo.shape(x)
    return _picked(x, positions, [batch, rows, hlo.shape(positions)[1]], 2)


def at_row(x: Value, positions: Value) -> Value:
    """Rows [batch, k] of each matrix, one list a matrix: [batch, k, columns]."""
    batch, _, columns = hlo.shape(x)
    return _picked(x, positions, [batch, hlo.shape(positions)[1], columns], 1)


def at_entry(x: Value, positions: Value) -> Value:
    """Entries [batch, k] of vectors [batch, n], one list a vector."""
    return hlo.squeeze(at_row(hlo.expand_dims(x, [2]), positions), [2])


def _picked(x: Value, positions: Value, dims: list[Size], axis: int) -> Value:
    if 0 in dims:  # nothing can be gathered from an empty matrix, not even nothing
        return hlo.full(dims, 0, hlo.dtype(x))
    return hlo.take_along_axis(x, hlo.broadcast_in_dim(positions, dims, [0, axis]), axis)


def largest_row(sizes: Value) -> Value:
    """The first row with the largest of [batch, n, 1], int32 [batch].

    Not `hlo.argmax`: JAX cannot differentiate past a reduction of pairs, even where nothing depends on it.
    """
    top = hlo.reduce_max(sizes, [1], keepdims=True)
    last = hlo.shape(sizes)[1] - 1
    return hlo.reduce_min(hlo.select(hlo.equal(sizes, top), rows_of(sizes), last), [1, 2])


def phase(x: Value) -> Value:
    """x / |x|, 1 for zero."""
    if not is_complex(x):
        return hlo.select(hlo.less(x, 0), hlo.full_like(x, -1), 1)
    size = magnitude(x)
    zero = hlo.equal(size, 0)
    return hlo.select(zero, hlo.full_like(x, 1), hlo.divide(x, as_dtype_of(hlo.select(zero, 1.0, size), x)))


def scale_of(x: Value) -> Value:
    """The largest part in each matrix, [batch, 1, 1], by which squares neither overflow nor vanish; 1 for zero."""
    largest = hlo.reduce_max(taxicab(x), [1, 2], keepdims=True)
    usable = hlo.and_(hlo.greater(largest, 0), hlo.is_finite(largest))
    return hlo.select(usable, largest, 1.0)


def counted(count: int, body: Callable[..., Sequence[Value]], state: Sequence[Value]) -> list[Value]:
    """`state = body(i, *state)` for i = 0 ... count - 1."""
    if count == 0:
        return list(state)
    return hlo.while_(
        lambda i, *_: hlo.less(i, hlo.constant(count, INDEX)),
        lambda i, *values: [hlo.add(i, 1), *body(i, *values)],
        [hlo.constant(0, INDEX), *state],
    )[1:]
