"""Cholesky factors, and where a matrix stops being positive definite."""

from __future__ import annotations

from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.linalg import matrices as m

Value = ir.Value


def cholesky(a: Value) -> Value:
    """L of a = L L^H, from the lower triangles; NaN where a matrix is not positive definite."""
    return m.lower(hlo.cholesky(a, lower=True)) if 0 not in hlo.shape(a) else a


def first_not_positive(a: Value) -> Value:
    """LAPACK's info: the order of the first leading minor that is not positive, int32 [batch]; 0 for none.

    Elimination without square roots, from the lower triangles.
    """
    batch, size, _ = hlo.shape(a)

    def eliminate(step: Value, a: Value, info: Value) -> list[Value]:
        here = m.column(a, step)
        pivot = m.real_part(hlo.squeeze(m.row(here, step), [1, 2]))
        failed = hlo.and_(hlo.equal(info, 0), hlo.not_(hlo.greater(pivot, 0)))
        info = hlo.select(failed, hlo.add(step, 1), info)
        divisor = hlo.select(hlo.greater(pivot, 0), pivot, 1)
        divisor = m.as_dtype_of(hlo.expand_dims(divisor, [1, 2]), a)
        below = hlo.select(hlo.greater(m.rows_of(here), step), here, 0)
        return [hlo.subtract(a, m.multiply(hlo.divide(below, divisor), m.adjoint(below))), info]

    return m.counted(size, eliminate, [a, hlo.full([batch], 0, m.INDEX)])[1]


def cholesky_solve(factor: Value, b: Value) -> Value:
    """x of L L^H x = b."""
    y = hlo.triangular_solve(factor, b, lower=True)
    return hlo.triangular_solve(factor, y, lower=True, transpose="ADJOINT")
