"""Eigenvalues and eigenvectors of general matrices: Hessenberg form, QR iterations, back substitution.

All is done in complex128: the eigenvalues of matrices far from normal magnify rounding errors, and one algorithm
serves real and complex matrices.  A batch iterates until the last of its matrices has converged.
"""

from __future__ import annotations

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.linalg import matrices as m
from oxide.dialects.linalg.qr import householder, reflected

Value = ir.Value
# LAPACK's bound on iterations for each eigenvalue; about three are needed.
MAX_ITERATIONS = 30
_WIDE = np.dtype(np.complex128)
_EPSILON = float(np.finfo(np.float64).eps)


def eig(a: Value, *, vectors: bool = True) -> tuple[Value, Value | None]:
    """Eigenvalues [batch, n] and eigenvectors as columns [batch, n, n], complex, of any square matrices.

    Vectors have length 1 and their largest component is real, as LAPACK's xGEEV has them.  The parts of a real
    matrix's eigenvalues that are zero to within its precision are zero.  The order is that of deflation.
    """
    batch, size, _ = hlo.shape(a)
    result = np.dtype(np.complex128 if m.real_dtype(a) == np.float64 else np.complex64)
    if size == 0 or batch == 0:
        return hlo.full([batch, size], 0, result), hlo.full([batch, size, size], 0, result) if vectors else None
    scale = m.scale_of(a)
    wide = hlo.convert(hlo.divide(a, m.as_dtype_of(scale, a)), _WIDE)
    wide_scale = hlo.convert(hlo.reshape(scale, [batch, 1]), np.float64)
    form, basis = _hessenberg(wide)
    form, basis = _schur(form, basis)
    values = m.diagonal(form)
    if not m.is_complex(a):
        values = _without_noise(values, m.epsilon(a))
    scaled = hlo.convert(hlo.multiply(values, hlo.convert(wide_scale, _WIDE)), result)
    if not vectors:
        return scaled, None
    columns = m.multiply(basis, _triangular_vectors(form))
    return scaled, hlo.convert(_normalized(columns), result)


def _hessenberg(a: Value) -> tuple[Value, Value]:
    """H, zero below the first subdiagonal, and unitary Q with a = Q H Q^H (Golub and Van Loan, algorithm 7.4.2)."""
    batch, size, _ = hlo.shape(a)

    def reflect(step: Value, a: Value, basis: Value) -> list[Value]:
        v, tau, _ = householder(m.column(a, step), hlo.add(step, 1))
        a = reflected(v, m.conjugate(tau), a)
        return [_from_right(v, tau, a), _from_right(v, tau, basis)]

    form, basis = m.counted(max(size - 2, 0), reflect, [a, m.identity(batch, size, size, _WIDE)])
    return m.upper(form, -1), basis


def _from_right(v: Value, tau: Value, a: Value) -> Value:
    """a (1 - tau v v^H)."""
    return hlo.subtract(a, m.multiply(hlo.multiply(m.multiply(a, v), tau), m.adjoint(v)))


def _schur(form: Value, basis: Value) -> tuple[Value, Value]:
    """The upper triangular T and unitary Q with Q T Q^H = basis form basis^H, by shifted QR iterations.

    Golub and Van Loan, section 7.5; the shifts are LAPACK's (xLAHQR), also its exceptional ones.
    """
    size = hlo.shape(form)[1]
    if size == 1:
        return form, basis
    limit = MAX_ITERATIONS * size

    def proceed(number: Value, tries: Value, first: Value, last: Value, form: Value, basis: Value) -> Value:
        return hlo.and_(hlo.less(number, limit), hlo.greater(hlo.reduce_max(last), 0))

    def iterate(number: Value, tries: Value, first: Value, last: Value, form: Value, basis: Value) -> list[Value]:
        shift = _shift(form, first, last, tries)
        form, basis = _chase(form, basis, first, last, shift)
        form, new_first, new_last = _deflate(form)
        tries = hlo.select(hlo.equal(new_last, last), hlo.add(tries, 1), 0)
        return [hlo.add(number, 1), tries, new_first, new_last, form, basis]

    form, first, last = _deflate(form)
    zero = hlo.constant(0, m.INDEX)
    state = hlo.while_(proceed, iterate, [zero, hlo.full_like(last, 0), first, last, form, basis])
    return m.upper(state[4]), state[5]


def _deflate(form: Value) -> tuple[Value, Value, Value]:
    """Negligible subdiagonal entries made zero; the first and last row of the last block that has others, [batch].

    Both are 0 where nothing is left to do.
    """
    batch, size, _ = hlo.shape(form)
    form = m.upper(form, -1)
    below = m.diagonal(hlo.slice(form, [0, 1, 0], [batch, size, size - 1]))
    sizes = m.taxicab(m.diagonal(form))
    around = hlo.add(hlo.slice_axis(sizes, 1, 0, size - 1), hlo.slice_axis(sizes, 1, 1, size))
    norm = hlo.reduce_max(m.taxicab(form), [1, 2])
    around = hlo.select(hlo.equal(around, 0), hlo.broadcast_in_dim(norm, hlo.shape(around), [0]), around)
    coupled = hlo.greater(m.taxicab(below), hlo.multiply(around, _EPSILON))
    number = hlo.broadcast_to(hlo.iota([1, size - 1], 1, m.INDEX), [batch, size - 1])
    last = hlo.reduce_max(hlo.select(coupled, hlo.add(number, 1), 0), [1])
    within = hlo.less(number, hlo.expand_dims(last, [1]))
    broken = hlo.and_(hlo.not_(coupled), within)
    first = hlo.reduce_max(hlo.select(broken, hlo.add(number, 1), 0), [1])
    zeros = hlo.pad(hlo.convert(hlo.not_(coupled), m.INDEX), 0, [0, 1], [0, 0])
    negligible = hlo.and_(
        hlo.equal(m.rows_of(form), hlo.add(m.columns_of(form), 1)),
        hlo.not_equal(hlo.expand_dims(zeros, [2]), 0),
    )
    return hlo.select(negligible, 0, form), first, last


def _shift(form: Value, first: Value, last: Value, tries: Value) -> Value:
    """Wilkinson's: the eigenvalue of the last two rows' block that is closer to its last entry, [batch]."""
    before = hlo.maximum(hlo.subtract(last, 1), 0)
    a, b = _entry(form, before, before), _entry(form, before, last)
    c, d = _entry(form, last, before), _entry(form, last, last)
    middle = hlo.divide(hlo.add(a, d), 2)
    half = hlo.divide(hlo.subtract(a, d), 2)
    root = hlo.sqrt(hlo.add(hlo.square(half), hlo.multiply(b, c)))
    plus, minus = hlo.add(middle, root), hlo.subtract(middle, root)
    nearer = hlo.less(m.magnitude(hlo.subtract(plus, d)), m.magnitude(hlo.subtract(minus, d)))
    wilkinson = hlo.select(nearer, plus, minus)
    stuck = hlo.multiply(hlo.convert(m.taxicab(c), _WIDE), 0.75)
    turn = hlo.remainder(tries, 20)
    second = hlo.add(first, 1)
    top = hlo.multiply(hlo.convert(m.taxicab(_entry(form, hlo.minimum(second, last), first)), _WIDE), 0.75)
    shift = hlo.select(hlo.equal(turn, 19), hlo.add(d, stuck), wilkinson)
    return hlo.select(hlo.equal(turn, 9), hlo.add(_entry(form, first, first), top), shift)


def _entry(x: Value, row: Value, column: Value) -> Value:
    """Entries at positions [batch], one a matrix."""
    picked = m.at_column(m.at_row(x, hlo.expand_dims(row, [1])), hlo.expand_dims(column, [1]))
    return hlo.squeeze(picked, [1, 2])


def _chase(form: Value, basis: Value, first: Value, last: Value, shift: Value) -> tuple[Value, Value]:
    """One QR step on rows and columns first ... last: rotations chase a bulge down the subdiagonal."""
    batch, size, _ = hlo.shape(form)

    def proceed(k: Value, stop: Value, first: Value, last: Value, shift: Value, form: Value, basis: Value) -> Value:
        return hlo.less(k, stop)

    def rotate(
        k: Value, stop: Value, first: Value, last: Value, shift: Value, form: Value, basis: Value
    ) -> list[Value]:
        zero = hlo.constant(0, m.INDEX)
        pair = hlo.dynamic_slice(form, [zero, k, zero], [batch, 2, size])
        previous = hlo.dynamic_slice(pair, [zero, zero, hlo.maximum(hlo.subtract(k, 1), 0)], [batch, 2, 1])
        own = hlo.dynamic_slice(pair, [zero, zero, k], [batch, 2, 1])
        top, bottom = (hlo.reshape(x, [batch]) for x in hlo.split(own, 1, [1, 1]))
        starting = hlo.equal(first, k)
        start = hlo.stack([hlo.subtract(top, shift), bottom], 1)
        target = hlo.select(hlo.expand_dims(starting, [1]), start, hlo.squeeze(previous, [2]))
        active = hlo.and_(hlo.less_equal(first, k), hlo.less(k, last))
        turn = _givens(target, active)
        form = hlo.dynamic_update_slice(form, m.multiply(turn, pair), [zero, k, zero])
        back = m.adjoint(turn)
        turned = [
            hlo.dynamic_update_slice(
                x, m.multiply(hlo.dynamic_slice(x, [zero, zero, k], [batch, size, 2]), back), [zero, zero, k]
            )
            for x in (form, basis)
        ]
        return [hlo.add(k, 1), stop, first, last, shift, *turned]

    # Matrices that are done have no rows to rotate.
    waiting = hlo.select(hlo.equal(last, 0), size, first)
    state = [hlo.reduce_min(waiting), hlo.reduce_max(last), first, last, shift, form, basis]
    *_, form, basis = hlo.while_(proceed, rotate, state)
    return form, basis


def _givens(target: Value, active: Value) -> Value:
    """The unitary [batch, 2, 2] that turn vectors [batch, 2] along the first axis; identities where not active."""
    f, g = (hlo.squeeze(x, [1]) for x in hlo.split(target, 1, [1, 1]))
    size = hlo.sqrt(hlo.add(m.squared(f), m.squared(g)))
    idle = hlo.or_(hlo.not_(active), hlo.equal(size, 0))
    size = hlo.select(idle, 1, size)
    cosine = hlo.convert(hlo.select(idle, 1, hlo.divide(m.magnitude(f), size)), _WIDE)
    sine = hlo.divide(hlo.multiply(m.phase(f), m.conjugate(g)), hlo.convert(size, _WIDE))
    sine = hlo.select(idle, 0, sine)
    rows = [hlo.stack([cosine, sine], 1), hlo.stack([hlo.negate(m.conjugate(sine)), cosine], 1)]
    return hlo.stack(rows, 1)


def _triangular_vectors(form: Value) -> Value:
    """Eigenvectors as columns of upper triangular matrices, with ones on the diagonal.

    Equal eigenvalues are told apart by the least that matters, as LAPACK's xTREVC does.
    """
    batch, size, _ = hlo.shape(form)
    values = m.diagonal(form)
    least = hlo.multiply(hlo.reduce_max(m.taxicab(form), [1, 2], keepdims=True), _EPSILON)
    least = hlo.convert(hlo.maximum(least, float(np.finfo(np.float64).tiny) * size / _EPSILON), _WIDE)

    def substitute(step: Value, x: Value, form: Value, values: Value, least: Value) -> list[Value]:
        i = hlo.subtract(hlo.constant(size - 1, m.INDEX), step)
        coefficients = m.row(form, i)
        right = hlo.select(hlo.greater(m.columns_of(coefficients), i), coefficients, 0)
        total = m.multiply(right, x)
        gap = hlo.subtract(hlo.expand_dims(values, [1]), hlo.expand_dims(m.entry(values, i), [2]))
        gap = hlo.select(hlo.less(m.magnitude(gap), hlo.real(least)), least, gap)
        new = hlo.divide(total, gap)
        own = hlo.equal(m.columns_of(new), i)
        beyond = hlo.less(m.columns_of(new), i)
        new = hlo.select(own, 1, hlo.select(beyond, 0, new))
        return [m.with_row(x, new, i), form, values, least]

    start = hlo.full([batch, size, size], 0, _WIDE)
    return m.counted(size, substitute, [start, form, values, least])[0]


def _normalized(x: Value) -> Value:
    """Columns of length 1 whose largest component is real."""
    scale = hlo.reduce_max(m.taxicab(x), [1], keepdims=True)
    x = hlo.divide(x, hlo.convert(scale, _WIDE))
    sizes = m.squared(x)
    x = hlo.divide(x, hlo.convert(hlo.sqrt(hlo.reduce_sum(sizes, [1], keepdims=True)), _WIDE))
    largest = hlo.take_along_axis(x, hlo.expand_dims(hlo.argmax(sizes, 1, index_dtype="int32"), [1]), 1)
    return hlo.multiply(x, m.conjugate(m.phase(largest)))


def _without_noise(values: Value, epsilon: float) -> Value:
    """Imaginary parts below the precision that the matrix, whose largest entry is 1, is given in become zero."""
    re, im = hlo.real(values), hlo.imag(values)
    size = hlo.shape(values)[1]
    noise = hlo.less(hlo.abs(im), min(epsilon, _EPSILON * 100 * size))
    return hlo.complex(re, hlo.select(noise, 0, im))
