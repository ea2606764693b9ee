"""Eigenvalues of Hermitian matrices and singular values, by Jacobi's rotations.

All pairs of columns are made orthogonal in turn, half of them at once: the columns play a round-robin
tournament, in which every column meets every other one in n - 1 rounds.  Such a sweep is dense work without a
sequential inner loop, for any batch, dtype and device, and a few sweeps suffice (convergence is quadratic).  Small
eigenvalues and singular values come out as accurate as any method has them (Demmel and Veselic, Jacobi's method is
more accurate than QR, 1992).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.linalg import matrices as m
from oxide.dialects.linalg.qr import qr

Value = ir.Value
# About ten suffice for thousands of columns.
MAX_SWEEPS = 30


class Rotation(NamedTuple):
    """Columns j and j + half of a matrix turn by an angle, [batch, 1, half]; the second has its phase removed."""

    cosine: Value
    sine: Value
    phase: Value

    def columns(self, x: Value) -> Value:
        half = hlo.shape(self.phase)[2]
        first, second = hlo.slice_axis(x, 2, 0, half), hlo.slice_axis(x, 2, half, 2 * half)
        second = hlo.multiply(second, m.conjugate(self.phase))
        left = hlo.subtract(hlo.multiply(self.cosine, first), hlo.multiply(self.sine, second))
        right = hlo.add(hlo.multiply(self.sine, first), hlo.multiply(self.cosine, second))
        return hlo.concatenate([left, right], 2)


def eigh(a: Value, *, vectors: bool = True) -> tuple[Value, Value | None]:
    """Eigenvalues [batch, n], ascending, and eigenvectors as columns [batch, n, n] of Hermitian matrices.

    The cyclic Jacobi method (Golub and Van Loan, section 8.5).
    """
    batch, size, _ = hlo.shape(a)
    if size <= 1:
        values = m.real_part(hlo.reshape(a, [batch, size]))
        return values, m.identity(batch, size, size, hlo.dtype(a)) if vectors else None
    scale = m.scale_of(a)
    a = hlo.divide(a, m.as_dtype_of(scale, a))
    # A row and a column of zeros make the number even: no rotation changes them.
    padding = size % 2
    a = hlo.pad(a, 0, [0, 0, 0], [0, padding, padding])
    even = size + padding
    limit = hlo.multiply(hlo.reduce_sum(m.squared(a), [1, 2]), m.epsilon(a) ** 2)
    bases = [m.identity(batch, even, even, hlo.dtype(a))] if vectors else []

    def unfinished(limit: Value, a: Value, *bases: Value) -> Value:
        off = hlo.select(hlo.equal(m.rows_of(a), m.columns_of(a)), 0, m.squared(a))
        return hlo.greater(hlo.reduce_sum(off, [1, 2]), limit)

    def meet(limit: Value, a: Value, *bases: Value) -> list[Value]:
        rotation, a = _annihilate(a)
        return [limit, _next_round(_next_round(a, 1), 2), *(_next_round(rotation.columns(v), 2) for v in bases)]

    _, a, *bases = _sweeps(
        unfinished, lambda *state: m.counted(even - 1, _ignoring(meet), state), [limit, a, *bases]
    )
    values = hlo.multiply(m.real_part(m.diagonal(a)), hlo.reshape(scale, [batch, 1]))
    values = hlo.slice_axis(values, 1, 0, size)
    values, order = hlo.sort([values, hlo.broadcast_to(hlo.iota([1, size], 1, m.INDEX), [batch, size])], 1)
    if not vectors:
        return values, None
    return values, m.at_column(hlo.slice(bases[0], [0, 0, 0], [batch, size, size]), order)


def svd(a: Value, *, full: bool = False, vectors: bool = True) -> tuple[Value | None, Value, Value | None]:
    """U [batch, m, k], singular values [batch, min(m, n)], descending, and V^H [batch, l, n] of [batch, m, n].

    k is m and l is n when `full`, otherwise both are min(m, n).  R of a QR factorisation is made orthogonal by
    one-sided rotations (Golub and Van Loan, section 8.6.3); the side that rotations do not build comes from a
    second factorisation, which also completes it where singular values are zero.
    """
    batch, rows, columns = hlo.shape(a)
    if rows < columns:
        u, values, vh = svd(m.adjoint(a), full=full, vectors=vectors)
        return m.adjoint(vh) if vh is not None else None, values, m.adjoint(u) if u is not None else None
    if columns == 0:
        values = hlo.full([batch, 0], 0, m.real_dtype(a))
        u = m.identity(batch, rows, rows if full else 0, hlo.dtype(a))
        return (u, values, m.identity(batch, 0, 0, hlo.dtype(a))) if vectors else (None, values, None)
    scale = m.scale_of(a)
    q, r = qr(hlo.divide(a, m.as_dtype_of(scale, a)), full=full and vectors)
    columns_made, base = _orthogonal(m.adjoint(hlo.slice_axis(r, 1, 0, columns)), vectors=vectors)
    sizes = hlo.sqrt(hlo.reduce_sum(m.squared(columns_made), [1]))
    positions = hlo.broadcast_to(hlo.iota([1, columns], 1, m.INDEX), [batch, columns])
    sizes, order = hlo.sort([sizes, positions], 1, descending=True)
    values = hlo.multiply(sizes, hlo.reshape(scale, [batch, 1]))
    if base is None:
        return None, values, None
    u = m.multiply(hlo.slice_axis(q, 2, 0, columns), m.at_column(base, order))
    if full:
        u = hlo.concatenate([u, hlo.slice_axis(q, 2, columns, rows)], 2)
    unit, lengths = qr(m.at_column(columns_made, order))
    v = hlo.multiply(unit, hlo.expand_dims(m.phase(m.diagonal(lengths)), [1]))
    return u, values, m.adjoint(v)


def _orthogonal(w: Value, *, vectors: bool) -> tuple[Value, Value | None]:
    """w V with orthogonal columns, and V, of square matrices."""
    batch, size, _ = hlo.shape(w)
    padding = size % 2
    even = size + padding
    w = hlo.pad(w, 0, [0, 0, 0], [0, 0, padding])
    bases = [m.identity(batch, even, even, hlo.dtype(w))] if vectors else []
    tolerance = m.epsilon(w) * size**0.5

    def unfinished(worst: Value, *state: Value) -> Value:
        return hlo.greater(worst, tolerance)

    def meet(worst: Value, w: Value, *bases: Value) -> list[Value]:
        first, second = hlo.split(w, 2, [even // 2, even // 2])
        product = hlo.reduce_sum(hlo.multiply(m.conjugate(first), second), [1], keepdims=True)
        p, q = (hlo.reduce_sum(m.squared(x), [1], keepdims=True) for x in (first, second))
        rotation = _rotation(p, q, product)
        sizes = hlo.multiply(hlo.sqrt(p), hlo.sqrt(q))
        cosine = hlo.select(
            hlo.equal(sizes, 0), 0, hlo.divide(m.magnitude(product), hlo.select(hlo.equal(sizes, 0), 1, sizes))
        )
        worst = hlo.maximum(worst, hlo.reduce_max(cosine, [1, 2]))
        return [worst, *(_next_round(rotation.columns(x), 2) for x in (w, *bases))]

    def sweep(worst: Value, *state: Value) -> list[Value]:
        return m.counted(max(even - 1, 1), _ignoring(meet), [hlo.full_like(worst, 0), *state])

    start = hlo.full([batch], 1, m.real_dtype(w))
    _, w, *bases = _sweeps(unfinished, sweep, [start, w, *bases])
    base = hlo.slice(bases[0], [0, 0, 0], [batch, size, size]) if vectors else None
    return hlo.slice_axis(w, 2, 0, size), base


def _annihilate(a: Value) -> tuple[Rotation, Value]:
    """The rotations that make the entries of all pairs zero, and the matrices rotated from both sides."""
    batch, size, _ = hlo.shape(a)
    half = size // 2
    blocks = ((0, 0), (half, half), (0, half))
    entries = (m.diagonal(hlo.slice(a, [0, i, j], [batch, i + half, j + half])) for i, j in blocks)
    p, q, pq = (hlo.expand_dims(x, [1]) for x in entries)
    rotation = _rotation(m.real_part(p), m.real_part(q), pq)
    a = rotation.columns(m.adjoint(rotation.columns(a)))
    distance = hlo.abs(hlo.subtract(m.rows_of(a), m.columns_of(a)))
    return rotation, hlo.select(hlo.equal(distance, half), 0, a)


def _rotation(p: Value, q: Value, pq: Value) -> Rotation:
    """The smaller angle that makes [[p, pq], [pq', q]] diagonal (Golub and Van Loan, algorithm 8.5.1)."""
    size = m.magnitude(pq)
    zero = hlo.equal(size, 0)
    ratio = hlo.divide(hlo.subtract(q, p), hlo.multiply(hlo.select(zero, 1, size), 2))
    root = hlo.sqrt(hlo.add(hlo.square(ratio), 1))
    tangent = hlo.divide(hlo.select(hlo.less(ratio, 0), hlo.full_like(ratio, -1), 1), hlo.add(hlo.abs(ratio), root))
    tangent = hlo.select(zero, 0, tangent)
    cosine = hlo.reciprocal(hlo.sqrt(hlo.add(hlo.square(tangent), 1)))
    sine = hlo.multiply(tangent, cosine)
    return Rotation(m.as_dtype_of(cosine, pq), m.as_dtype_of(sine, pq), m.phase(pq))


def _next_round(x: Value, axis: int) -> Value:
    """All players but the first move on by a place; after n - 1 rounds everybody is where they began."""
    half = hlo.shape(x)[axis] // 2
    if half == 1:
        return x
    top, bottom = hlo.split(x, axis, [half, half])
    first, rest = hlo.split(top, axis, [1, half - 1])
    moving, leaving = hlo.split(rest, axis, [half - 2, 1])
    entering, staying = hlo.split(bottom, axis, [1, half - 1])
    return hlo.concatenate([first, entering, moving, staying, leaving], axis)


def _sweeps(unfinished: Callable[..., Value], sweep: Callable[..., list[Value]], state: list[Value]) -> list[Value]:
    """Sweep while `unfinished(*state)`, a bool for each matrix, holds for any of them."""

    def proceed(number: Value, *state: Value) -> Value:
        return hlo.and_(hlo.less(number, MAX_SWEEPS), hlo.reduce(unfinished(*state), "or", [0]))

    def step(number: Value, *state: Value) -> list[Value]:
        return [hlo.add(number, 1), *sweep(*state)]

    return hlo.while_(proceed, step, [hlo.constant(0, m.INDEX), *state])[1:]


def _ignoring(body: Callable[..., list[Value]]) -> Callable[..., list[Value]]:
    """A loop's body that does not look at the number of the iteration."""
    return lambda _, *state: body(*state)
