"""Cholesky, LU and QR factorisations: tensors [..., m, n] of float32, float64, complex64 or complex128.

Where PyTorch raises an error for a matrix that is singular, or not positive definite, the model asserts that none
is.  An operator that only reports it, in `info`, has NaN or infinity among its results then.
"""

from __future__ import annotations

from collections.abc import Sequence

from jaxlib.mlir import ir

from oxide.dialects import composites, hlo, linalg
from oxide.frontends.torch.batches import matrices, restored, vectors
from oxide.frontends.torch.ops.assertions import require_solved
from oxide.frontends.torch.registry import Node, lowering

Value = ir.Value


# ----------------------------------------------------------------------------------------------- Cholesky


@lowering("aten.linalg_cholesky.default", "aten.cholesky.default")
def cholesky(node: Node, self: Value, upper: bool = False) -> Value:
    return cholesky_ex(node, self, upper, check_errors=True)[0]


@lowering("aten.linalg_cholesky_ex.default")
def cholesky_ex(node: Node, self: Value, upper: bool = False, check_errors: bool = False) -> list[Value]:
    lead, (a,) = matrices(self)
    info = linalg.first_not_positive(linalg.adjoint(a) if upper else a)
    if check_errors:
        require_solved(node, info, "linalg.cholesky")
    return restored(lead, _cholesky(a, upper), info)


def _cholesky(a: Value, upper: bool) -> Value:
    return linalg.adjoint(linalg.cholesky(linalg.adjoint(a))) if upper else linalg.cholesky(a)


@lowering("aten.cholesky_solve.default")
def cholesky_solve(node: Node, self: Value, input2: Value, upper: bool = False) -> Value:
    """x of a x = self; input2 is a's factor."""
    lead, (factor, b) = matrices(input2, self)
    return restored(lead, linalg.cholesky_solve(linalg.adjoint(factor) if upper else factor, b))[0]


@lowering("aten.cholesky_inverse.default")
def cholesky_inverse(node: Node, self: Value, upper: bool = False) -> Value:
    lead, (factor,) = matrices(self)
    batch, size, _ = hlo.shape(factor)
    unit = linalg.identity(batch, size, size, hlo.dtype(self))
    return restored(lead, linalg.cholesky_solve(linalg.adjoint(factor) if upper else factor, unit))[0]


# ----------------------------------------------------------------------------------------------------- LU


@lowering("aten.linalg_lu_factor.default")
def lu_factor(node: Node, A: Value, pivot: bool = True) -> list[Value]:
    return lu_factor_ex(node, A, pivot, check_errors=True)[:2]


@lowering("aten.linalg_lu_factor_ex.default")
def lu_factor_ex(node: Node, A: Value, pivot: bool = True, check_errors: bool = False) -> list[Value]:
    """The factors in one matrix; for each step the row it swapped with its own, from 1; info."""
    lead, (a,) = matrices(A)
    factors, swaps, _ = _factored(a, pivot)
    info = linalg.first_zero(linalg.diagonal(factors))
    if check_errors:
        require_solved(node, info, "linalg.lu_factor")
    return restored(lead, factors, hlo.add(swaps, 1), info)


@lowering("aten.linalg_lu.default")
def lu(node: Node, A: Value, pivot: bool = True) -> list[Value]:
    """P, L and U; P is empty without pivoting."""
    lead, (a,) = matrices(A)
    factors, _, order = _factored(a, pivot)
    (p,) = restored(lead, _permutation(order, hlo.dtype(A))) if pivot else [_empty(node, 0)]
    return [p, *restored(lead, *_unpacked(factors))]


def _factored(a: Value, pivot: bool) -> Sequence[Value]:
    return composites.build("lu", [a]) if pivot else linalg.lu(a, pivot=False)


@lowering("aten.lu_unpack.default")
def lu_unpack(
    node: Node, LU_data: Value, LU_pivots: Value, unpack_data: bool = True, unpack_pivots: bool = True
) -> list[Value]:
    """P, L and U; what is not unpacked is empty."""
    lead, (factors,) = matrices(LU_data)
    p, low, high = (_empty(node, i) if 0 in node.shape_of(i) else None for i in range(3))
    if p is None:
        order = linalg.permutation(hlo.subtract(vectors(lead, LU_pivots), 1), hlo.shape(factors)[1])
        (p,) = restored(lead, _permutation(order, hlo.dtype(LU_data)))
    parts = restored(lead, *_unpacked(factors))
    return [p, low or parts[0], high or parts[1]]


@lowering("aten.linalg_lu_solve.default")
def lu_solve(node: Node, LU: Value, pivots: Value, B: Value, left: bool = True, adjoint: bool = False) -> Value:
    """x of a x = B, x a = B or the same with a's adjoint, from a's factors."""
    lead, (factors, b) = matrices(LU, B)
    order = linalg.permutation(hlo.subtract(vectors(lead, pivots), 1), hlo.shape(factors)[1])
    if left:
        return restored(lead, linalg.lu_solve(factors, order, b, adjoint=adjoint))[0]
    x = linalg.lu_solve(factors, order, linalg.adjoint(b), adjoint=not adjoint)
    return restored(lead, linalg.adjoint(x))[0]


def _permutation(order: Value, dtype: object) -> Value:
    """P of a = P L U, for the order of rows in which a[order] = L U."""
    columns = hlo.one_hot(order, hlo.shape(order)[1], 1)
    return hlo.convert(columns, dtype)  # pyright: ignore[reportArgumentType]


def _unpacked(factors: Value) -> list[Value]:
    """L [batch, m, k] and U [batch, k, n] of factors in one matrix."""
    batch, rows, columns = hlo.shape(factors)
    short = min(rows, columns)
    low = linalg.lower(hlo.slice_axis(factors, 2, 0, short), -1)
    return [
        hlo.add(low, linalg.identity(batch, rows, short, hlo.dtype(factors))),
        linalg.upper(hlo.slice_axis(factors, 1, 0, short)),
    ]


def _empty(node: Node, result: int) -> Value:
    return hlo.full(node.shape_of(result), 0, node.dtype_of(result))


# ---------------------------------------------------------------------------------------------------- LDL


@lowering("aten.linalg_ldl_factor_ex.default")
def ldl_factor_ex(node: Node, self: Value, hermitian: bool = False, check_errors: bool = False) -> list[Value]:
    lead, (a,) = matrices(self)
    factors, pivots, info = linalg.ldl(a, hermitian=hermitian and linalg.is_complex(a))
    if check_errors:
        require_solved(node, info, "linalg.ldl_factor")
    return restored(lead, factors, pivots, info)


@lowering("aten.linalg_ldl_solve.default")
def ldl_solve(node: Node, LD: Value, pivots: Value, B: Value, hermitian: bool = False) -> Value:
    lead, (factors, b) = matrices(LD, B)
    x = linalg.ldl_solve(factors, vectors(lead, pivots), b, hermitian=hermitian and linalg.is_complex(factors))
    return restored(lead, x)[0]


# ----------------------------------------------------------------------------------------------------- QR


@lowering("aten.linalg_qr.default")
def qr(node: Node, A: Value, mode: str = "reduced") -> list[Value]:
    """`mode` is reduced, complete or r, which leaves Q empty."""
    lead, (a,) = matrices(A)
    q, r = composites.build("qr", [a], full=mode == "complete")
    if mode == "r":
        return [_empty(node, 0), *restored(lead, r)]
    return restored(lead, q, r)


@lowering("aten.geqrf.default")
def geqrf(node: Node, self: Value) -> list[Value]:
    lead, (a,) = matrices(self)
    return restored(lead, *linalg.geqrf(a))


@lowering("aten.linalg_householder_product.default")
def householder_product(node: Node, input: Value, tau: Value) -> Value:
    lead, (packed,) = matrices(input)
    return restored(lead, linalg.householder_product(packed, vectors(lead, tau)))[0]


@lowering("aten.ormqr.default")
def ormqr(
    node: Node, self: Value, input2: Value, input3: Value, left: bool = True, transpose: bool = False
) -> Value:
    """Q input3 or input3 Q, with Q's adjoint when `transpose`; self and input2 are what geqrf gives."""
    lead, (packed, c) = matrices(self, input3)
    taus = vectors(lead, input2)
    if left:
        return restored(lead, linalg.apply_q(packed, taus, c, adjoint=transpose))[0]
    product = linalg.apply_q(packed, taus, linalg.adjoint(c), adjoint=not transpose)
    return restored(lead, linalg.adjoint(product))[0]
