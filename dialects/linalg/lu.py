"""LU factorisation with partial pivoting, and what follows from it."""

from __future__ import annotations

from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.linalg import matrices as m

Value = ir.Value


def lu(a: Value, *, pivot: bool = True) -> tuple[Value, Value, Value]:
    """Gaussian elimination of [batch, m, n], one column a step (Golub and Van Loan, algorithm 3.4.1).

    Returns L below the diagonal and U on and above it; the row that each step swapped with its own, int32
    [batch, k] for k = min(m, n); and the order of rows they amount to, int32 [batch, m]: a[order] = L U.
    A column without a pivot is left as it is, and U has a zero on its diagonal.
    """
    batch, rows, columns = hlo.shape(a)
    steps = min(rows, columns)
    swaps = hlo.full([batch, steps], 0, m.INDEX)
    order = hlo.broadcast_to(hlo.iota([1, rows], 1, m.INDEX), [batch, rows])

    def eliminate(step: Value, a: Value, swaps: Value, order: Value) -> list[Value]:
        number = hlo.iota([1, rows, 1], 1, m.INDEX)
        best = hlo.broadcast_to(step, [batch])
        if pivot:
            sizes = hlo.select(hlo.greater_equal(number, step), m.taxicab(m.column(a, step)), -1.0)
            best = m.largest_row(sizes)
        a, order = swapped(a, step, best), swapped(hlo.expand_dims(order, [2]), step, best)
        pivots, below = m.row(a, step), m.column(a, step)
        head = m.column(pivots, step)
        divisor = hlo.select(hlo.equal(head, 0), 1, head)
        factors = hlo.select(hlo.greater(number, step), hlo.divide(below, divisor), 0)
        right = hlo.select(hlo.greater(m.columns_of(pivots), step), pivots, 0)
        a = hlo.subtract(a, hlo.multiply(factors, right))
        a = m.with_column(a, hlo.select(hlo.greater(number, step), factors, below), step)
        swaps = m.with_entry(swaps, hlo.expand_dims(best, [1]), step)
        return [a, swaps, hlo.squeeze(order, [2])]

    factors, swaps, order = m.counted(steps, eliminate, [a, swaps, order])
    return factors, swaps, order


def swapped(a: Value, first: Value, second: Value) -> Value:
    """Rows `first` (a scalar) and `second` ([batch], one a matrix) exchanged."""
    rows = hlo.shape(a)[1]
    if rows == 0:
        return a
    number = hlo.iota([1, rows, 1], 1, m.INDEX)
    other = hlo.expand_dims(second, [1, 2])
    old, new = m.row(a, first), m.at_row(a, hlo.expand_dims(second, [1]))
    return hlo.select(hlo.equal(number, first), new, hlo.select(hlo.equal(number, other), old, a))


def permutation(swaps: Value, rows: int) -> Value:
    """What swaps of each step's row with the one listed (int32 [batch, steps]) amount to, [batch, rows]."""
    batch, steps = hlo.shape(swaps)
    order = hlo.broadcast_to(hlo.iota([1, rows, 1], 1, m.INDEX), [batch, rows, 1])

    def swap(step: Value, order: Value, swaps: Value) -> list[Value]:
        return [swapped(order, step, hlo.squeeze(m.entry(swaps, step), [1])), swaps]

    return hlo.squeeze(m.counted(steps, swap, [order, swaps])[0], [2])


def inverse_permutation(order: Value) -> Value:
    """Where each row went, int32 [batch, n]."""
    positions = hlo.broadcast_to(hlo.iota([1, hlo.shape(order)[1]], 1, m.INDEX), hlo.shape(order))
    return hlo.sort([order, positions], 1)[1]


def lu_solve(factors: Value, order: Value, b: Value, *, adjoint: bool = False) -> Value:
    """x of a x = b, or of a^H x = b, from the factors of square matrices and the order of their rows."""
    if adjoint:
        y = hlo.triangular_solve(factors, b, lower=False, transpose="ADJOINT")
        y = hlo.triangular_solve(factors, y, lower=True, unit_diagonal=True, transpose="ADJOINT")
        return m.at_row(y, inverse_permutation(order))
    y = hlo.triangular_solve(factors, m.at_row(b, order), lower=True, unit_diagonal=True)
    return hlo.triangular_solve(factors, y, lower=False)


def solve(a: Value, b: Value) -> Value:
    """x of a x = b for [batch, n, n] and [batch, n, k]."""
    factors, _, order = lu(a)
    return lu_solve(factors, order, b)


def parity(swaps: Value) -> Value:
    """1 or -1 for an even or odd number of rows that moved, int32 [batch]."""
    own = hlo.iota([1, hlo.shape(swaps)[1]], 1, m.INDEX)
    return hlo.reduce_prod(hlo.select(hlo.equal(swaps, own), hlo.full_like(swaps, 1), -1), [1])


def first_zero(diagonal: Value) -> Value:
    """LAPACK's info: the number, from 1, of the first zero (or NaN) of [batch, n]; 0 where there is none."""
    batch, size = hlo.shape(diagonal)
    if size == 0:
        return hlo.full([batch], 0, m.INDEX)
    number = hlo.broadcast_to(hlo.iota([1, size], 1, m.INDEX), [batch, size])
    first = hlo.reduce_min(hlo.select(hlo.equal(diagonal, 0), number, size), [1])
    return hlo.select(hlo.equal(first, size), hlo.full_like(first, 0), hlo.add(first, 1))
