"""QR factorisation by Householder reflections, with LAPACK's signs."""

from __future__ import annotations

from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.linalg import matrices as m

Value = ir.Value


def householder(x: Value, head: Value) -> tuple[Value, Value, Value]:
    """The reflection H = 1 - tau v v^H whose adjoint makes columns x [batch, n, 1] zero below position `head`.

    Returns v, which is zero above `head` and 1 there, tau and the entry left at `head`, [batch, 1, 1] each:
    LAPACK's xLARFG.  tau is zero where nothing is to be done.
    """
    number = m.rows_of(x)
    alpha = m.row(x, head)
    below = hlo.select(hlo.greater(number, head), x, 0)
    scale = m.scale_of(hlo.select(hlo.greater_equal(number, head), x, 0))
    scaled = hlo.divide(below, m.as_dtype_of(scale, x))
    tail = hlo.reduce_sum(m.squared(scaled), [1, 2], keepdims=True)
    start = hlo.divide(alpha, m.as_dtype_of(scale, x))
    norm = hlo.multiply(hlo.sqrt(hlo.add(m.squared(start), tail)), scale)
    real = m.real_part(alpha)
    beta = hlo.select(hlo.less(real, 0), norm, hlo.negate(norm))
    idle = hlo.equal(tail, 0)
    if m.is_complex(x):
        idle = hlo.and_(idle, hlo.equal(hlo.imag(alpha), 0))
    beta = m.as_dtype_of(beta, x)
    divisor = hlo.select(idle, 1, hlo.subtract(alpha, beta))
    v = hlo.select(hlo.equal(number, head), 1, hlo.divide(below, divisor))
    tau = hlo.divide(hlo.subtract(beta, alpha), hlo.select(idle, 1, beta))
    return v, hlo.select(idle, 0, tau), hlo.select(idle, alpha, beta)


def reflected(v: Value, tau: Value, a: Value) -> Value:
    """(1 - tau v v^H) a."""
    return hlo.subtract(a, hlo.multiply(hlo.multiply(tau, v), m.multiply(m.adjoint(v), a)))


def geqrf(a: Value) -> tuple[Value, Value]:
    """LAPACK's form of the factorisation of [batch, m, n] (Golub and Van Loan, algorithm 5.2.1).

    Returns R on and above the diagonal with the vectors of the reflections below it, and the factors tau of the
    reflections, [batch, min(m, n)].
    """
    batch, rows, columns = hlo.shape(a)
    steps = min(rows, columns)
    taus = hlo.full([batch, steps], 0, hlo.dtype(a))

    def reflect(step: Value, a: Value, taus: Value) -> list[Value]:
        here = m.column(a, step)
        v, tau, left = householder(here, step)
        right = hlo.select(hlo.greater(m.columns_of(a), step), a, 0)
        change = hlo.multiply(hlo.multiply(m.conjugate(tau), v), m.multiply(m.adjoint(v), right))
        a = hlo.subtract(a, change)
        number = m.rows_of(here)
        above = hlo.select(hlo.less(number, step), here, v)
        a = m.with_column(a, hlo.select(hlo.equal(number, step), left, above), step)
        return [a, m.with_entry(taus, hlo.squeeze(tau, [2]), step)]

    packed, taus = m.counted(steps, reflect, [a, taus])
    return packed, taus


def apply_q(packed: Value, taus: Value, c: Value, *, adjoint: bool = False) -> Value:
    """Q c, or Q^H c, for the Q of reflections as `geqrf` leaves them; c is [batch, m, k]."""
    count = hlo.shape(taus)[1]

    def reflect(step: Value, c: Value, packed: Value, taus: Value) -> list[Value]:
        if not adjoint:
            step = hlo.subtract(hlo.constant(count - 1, m.INDEX), step)
        here = m.column(packed, step)
        number = m.rows_of(here)
        v = hlo.select(hlo.equal(number, step), 1, hlo.select(hlo.greater(number, step), here, 0))
        tau = hlo.expand_dims(m.entry(taus, step), [2])
        return [reflected(v, m.conjugate(tau) if adjoint else tau, c), packed, taus]

    return m.counted(count, reflect, [c, packed, taus])[0]


def householder_product(packed: Value, taus: Value, columns: int | None = None) -> Value:
    """The first columns of Q, by default as many as `packed` has."""
    batch, rows, width = hlo.shape(packed)
    count = width if columns is None else columns
    return apply_q(packed, taus, m.identity(batch, rows, count, hlo.dtype(packed)))


def qr(a: Value, *, full: bool = False) -> tuple[Value, Value]:
    """Q [batch, m, k] and R [batch, k, n]; k is m when `full`, else min(m, n)."""
    _, rows, columns = hlo.shape(a)
    packed, taus = geqrf(a)
    size = rows if full else min(rows, columns)
    return householder_product(packed, taus, size), m.upper(hlo.slice_axis(packed, 1, 0, size))
