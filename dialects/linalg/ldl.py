"""The factorisation of symmetric and Hermitian matrices that are not definite, with pivots of size 1 and 2."""

from __future__ import annotations

import math

from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.linalg import matrices as m

Value = ir.Value
# The bound on growth for which a pivot of size 1 will do.
_ALPHA = (1 + math.sqrt(17)) / 8


def ldl(a: Value, *, hermitian: bool) -> tuple[Value, Value, Value]:
    """Bunch and Kaufman's diagonal pivoting of [batch, n, n] (Golub and Van Loan, section 4.4.4).

    Results are LAPACK's (xSYTRF, xHETRF with the lower triangle): L below D in one matrix; for each step the row it
    swapped with its own, from 1, and negative, twice, for a block of size 2; info.
    """
    batch, size, _ = hlo.shape(a)

    def step(k: Value, a: Value, pivots: Value, inside: Value, info: Value) -> list[Value]:
        partner, paired = _pivot(a, k, hermitian)
        paired = hlo.and_(paired, hlo.not_(inside))
        partner = hlo.select(inside, k, partner)
        a = _exchanged(a, k, hlo.select(paired, hlo.add(k, 1), k), partner)
        a = hlo.select(hlo.expand_dims(inside, [1, 2]), a, _eliminated(a, k, paired, hermitian))
        own = hlo.expand_dims(hlo.add(partner, 1), [1])
        before = m.entry(pivots, hlo.maximum(hlo.subtract(k, 1), 0))
        own = hlo.select(hlo.expand_dims(paired, [1]), hlo.negate(own), own)
        own = hlo.select(hlo.expand_dims(inside, [1]), before, own)
        head = hlo.squeeze(m.entry(m.diagonal(a), k), [1])
        alone = hlo.not_(hlo.or_(paired, inside))
        failed = hlo.and_(hlo.and_(alone, hlo.equal(head, 0)), hlo.equal(info, 0))
        info = hlo.select(failed, hlo.add(k, 1), info)
        return [a, m.with_entry(pivots, own, k), paired, info]

    zeros = hlo.full([batch], 0, m.INDEX)
    half = m.lower(a, -1)
    whole = hlo.add(half, m.adjoint(half) if hermitian else hlo.swap_axes(half, 1, 2))
    diagonal = m.diagonal(a)
    if hermitian:
        diagonal = m.as_dtype_of(m.real_part(diagonal), a)
    state = [hlo.add(whole, m.as_diagonal(diagonal)), hlo.full([batch, size], 0, m.INDEX)]
    factors, pivots, _, info = m.counted(size, step, [*state, hlo.full([batch], False, bool), zeros])
    return m.lower(factors), pivots, info


def _pivot(a: Value, k: Value, hermitian: bool) -> tuple[Value, Value]:
    """The row [batch] to swap with row k, or with the one after it where a block of size 2 (a bool) is better."""
    here = m.column(a, k)
    batch = hlo.shape(a)[0]
    below = hlo.select(hlo.greater(m.rows_of(here), k), m.taxicab(here), 0)
    largest = hlo.reduce_max(below, [1, 2])
    candidate = m.largest_row(below)
    row = m.at_row(a, hlo.expand_dims(candidate, [1]))
    number = m.columns_of(row)
    other = hlo.and_(hlo.greater_equal(number, k), hlo.not_equal(number, hlo.expand_dims(candidate, [1, 2])))
    row_largest = hlo.reduce_max(hlo.select(other, m.taxicab(row), 0), [1, 2])
    diagonal = m.diagonal(a)
    heads = hlo.abs(m.real_part(diagonal)) if hermitian else m.taxicab(diagonal)
    own = hlo.squeeze(m.entry(heads, k), [1])
    others = hlo.reshape(m.at_entry(heads, hlo.expand_dims(candidate, [1])), [batch])
    # colmax * (colmax / rowmax), where rowmax is at least colmax.
    divisor = hlo.select(hlo.equal(row_largest, 0), 1, row_largest)
    growth = hlo.multiply(largest, hlo.divide(largest, divisor))
    stays = hlo.or_(
        hlo.greater_equal(own, hlo.multiply(largest, _ALPHA)), hlo.greater_equal(own, hlo.multiply(growth, _ALPHA))
    )
    swaps = hlo.greater_equal(others, hlo.multiply(row_largest, _ALPHA))
    return hlo.select(stays, k, candidate), hlo.not_(hlo.or_(stays, swaps))


def _exchanged(a: Value, k: Value, first: Value, second: Value) -> Value:
    """Rows and columns `first` and `second` ([batch]) exchanged in the part from k on."""
    batch, size, _ = hlo.shape(a)
    order = _transposition(batch, size, first, second)
    swapped = m.at_column(m.at_row(a, order), order)
    rest = hlo.and_(hlo.greater_equal(m.rows_of(a), k), hlo.greater_equal(m.columns_of(a), k))
    return hlo.select(rest, swapped, a)


def _transposition(batch: int, size: int, first: Value, second: Value) -> Value:
    """0 ... size - 1 with two numbers exchanged, [batch, size]."""
    number = hlo.broadcast_to(hlo.iota([1, size], 1, m.INDEX), [batch, size])
    one, other = hlo.expand_dims(first, [1]), hlo.expand_dims(second, [1])
    return hlo.select(hlo.equal(number, one), other, hlo.select(hlo.equal(number, other), one, number))


def _eliminated(a: Value, k: Value, paired: Value, hermitian: bool) -> Value:
    """Columns k, or k and k + 1, of L in their place, and what is left of the matrix after them."""
    size = hlo.shape(a)[1]
    after = hlo.minimum(hlo.add(k, 1), size - 1)
    single, double = m.column(a, k), _columns(a, k, after)
    number = m.rows_of(single)
    head = m.row(single, k)
    factors = hlo.divide(single, hlo.select(hlo.equal(head, 0), 1, head))
    factors = hlo.select(hlo.greater(number, k), factors, 0)
    block = hlo.concatenate([m.row(double, k), m.row(double, after)], 1)
    inverse = _inverse(block)
    pairs = hlo.select(hlo.greater(number, after), m.multiply(double, inverse), 0)
    rows = m.adjoint if hermitian else _transposed
    rest_one = hlo.subtract(a, m.multiply(factors, _masked(rows(single), k)))
    rest_two = hlo.subtract(a, m.multiply(pairs, _masked(rows(double), after)))
    one = m.with_column(rest_one, hlo.select(hlo.greater(number, k), factors, single), k)
    kept = hlo.select(hlo.greater(number, after), pairs, double)
    left, right = hlo.split(kept, 2, [1, 1])
    two = m.with_column(m.with_column(rest_two, left, k), right, after)
    if hermitian:
        one, two = (_real_diagonal(x) for x in (one, two))
    return hlo.select(hlo.expand_dims(paired, [1, 2]), two, one)


def _columns(a: Value, first: Value, second: Value) -> Value:
    return hlo.concatenate([m.column(a, first), m.column(a, second)], 2)


def _transposed(x: Value) -> Value:
    return hlo.swap_axes(x, 1, 2)


def _masked(rows: Value, last: Value) -> Value:
    """Rows of which the columns up to `last` are zero."""
    return hlo.select(hlo.greater(m.columns_of(rows), last), rows, 0)


def _real_diagonal(a: Value) -> Value:
    own = hlo.equal(m.rows_of(a), m.columns_of(a))
    return hlo.select(own, m.as_dtype_of(m.real_part(a), a), a)


def _inverse(block: Value) -> Value:
    """Of [batch, 2, 2] with a non-zero entry off the diagonal, by which it is scaled; garbage for others."""
    (a, b), (c, d) = (hlo.split(row, 2, [1, 1]) for row in hlo.split(block, 1, [1, 1]))
    size = m.as_dtype_of(m.magnitude(c), block)
    size = hlo.select(hlo.equal(size, 0), 1, size)
    a, b, c, d = (hlo.divide(x, size) for x in (a, b, c, d))
    determinant = hlo.multiply(hlo.subtract(hlo.multiply(a, d), hlo.multiply(b, c)), size)
    determinant = hlo.select(hlo.equal(determinant, 0), 1, determinant)
    rows = [hlo.concatenate([d, hlo.negate(b)], 2), hlo.concatenate([hlo.negate(c), a], 2)]
    return hlo.divide(hlo.concatenate(rows, 1), determinant)


def ldl_solve(factors: Value, pivots: Value, b: Value, *, hermitian: bool) -> Value:
    """x of a x = b from what `ldl` gives of a: LAPACK's xSYTRS and xHETRS."""
    size = hlo.shape(factors)[1]
    last = size - 1

    def forward(k: Value, b: Value, starts: Value, inside: Value, factors: Value, pivots: Value) -> list[Value]:
        paired = hlo.and_(hlo.less(hlo.squeeze(m.entry(pivots, k), [1]), 0), hlo.not_(inside))
        after = hlo.minimum(hlo.add(k, 1), last)
        swapped = _swapped_rows(b, pivots, k, paired)
        one, two = m.row(swapped, k), hlo.concatenate([m.row(swapped, k), m.row(swapped, after)], 1)
        single, double = m.column(factors, k), _columns(factors, k, after)
        number = m.rows_of(single)
        low, lows = hlo.select(hlo.greater(number, k), single, 0), hlo.select(hlo.greater(number, after), double, 0)
        alone = hlo.subtract(swapped, m.multiply(low, one))
        alone = m.with_row(alone, hlo.divide(one, m.row(single, k)), k)
        solved = m.multiply(_inverse(_block(double, k, after, hermitian)), two)
        both = hlo.subtract(swapped, m.multiply(lows, two))
        for position, part in zip((k, after), hlo.split(solved, 1, [1, 1]), strict=True):
            both = m.with_row(both, part, position)
        new = hlo.select(hlo.expand_dims(paired, [1, 2]), both, alone)
        b = hlo.select(hlo.expand_dims(inside, [1, 2]), b, new)
        begins = hlo.convert(hlo.not_(inside), m.INDEX)
        return [b, m.with_entry(starts, hlo.expand_dims(begins, [1]), k), paired, factors, pivots]

    def backward(step: Value, b: Value, starts: Value, factors: Value, pivots: Value) -> list[Value]:
        k = hlo.subtract(hlo.constant(last, m.INDEX), step)
        after = hlo.minimum(hlo.add(k, 1), last)
        paired = hlo.less(hlo.squeeze(m.entry(pivots, k), [1]), 0)
        chosen = hlo.expand_dims(paired, [1, 2])
        double = _columns(factors, k, after)
        number = m.rows_of(double)
        end = hlo.select(chosen, after, k)
        lows = hlo.select(hlo.greater(number, end), double, 0)
        rows = m.adjoint(lows) if hermitian else _transposed(lows)
        change = m.multiply(rows, b)
        first, second = hlo.split(change, 1, [1, 1])
        new = m.with_row(b, hlo.subtract(m.row(b, k), first), k)
        new = hlo.select(chosen, m.with_row(new, hlo.subtract(m.row(b, after), second), after), new)
        new = _swapped_rows(new, pivots, k, paired)
        begins = hlo.not_equal(hlo.expand_dims(m.entry(starts, k), [2]), 0)
        return [hlo.select(begins, new, b), starts, factors, pivots]

    starts = hlo.full_like(pivots, 0)
    inside = hlo.full([hlo.shape(factors)[0]], False, bool)
    b, starts, *_ = m.counted(size, forward, [b, starts, inside, factors, pivots])
    return m.counted(size, backward, [b, starts, factors, pivots])[0]


def _swapped_rows(b: Value, pivots: Value, k: Value, paired: Value) -> Value:
    """The interchange of step k applied to b."""
    batch, size, _ = hlo.shape(b)
    partner = hlo.subtract(hlo.abs(hlo.squeeze(m.entry(pivots, k), [1])), 1)
    own = hlo.select(paired, hlo.add(k, 1), k)
    return m.at_row(b, _transposition(batch, size, own, partner))


def _block(double: Value, k: Value, after: Value, hermitian: bool) -> Value:
    """A block of D of size 2, of which the lower triangle is stored."""
    top, bottom = m.row(double, k), m.row(double, after)
    (a, _), (c, d) = (hlo.split(row, 2, [1, 1]) for row in (top, bottom))
    upper = m.conjugate(c) if hermitian else c
    return hlo.concatenate([hlo.concatenate([a, upper], 2), hlo.concatenate([c, d], 2)], 1)
