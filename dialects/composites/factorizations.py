"""The composites of linear algebra, over batches of matrices [batch, rows, columns].

Decompositions are the loops of `dialects.linalg`.  JAX source calls `jnp.linalg` instead, which is differentiable
where those loops run until they have converged.  What a factorisation leaves open may then differ: singular vectors
and eigenvectors by a phase (a sign) for each value, or by a basis where values are equal; the results of `eig` by
their order.  Pivots and the signs of Q and R are the same.
"""

from __future__ import annotations

from collections.abc import Sequence

from jaxlib.mlir import ir

from oxide.dialects import dims, dtypes, hlo, linalg
from oxide.dialects.composites.registry import composite
from oxide.dialects.diagnostics import OxideError

Types = Sequence[ir.RankedTensorType]


def _matrices(types: Types, **attributes: bool) -> None:
    (a,) = types
    dtype = dtypes.to_numpy(a.element_type)
    if a.rank != 3 or dtype.name not in ("float32", "float64", "complex64", "complex128"):
        raise OxideError(f"matrices [batch, rows, columns] of 32 or 64 bits are needed, not {a}")


def _square(types: Types, **attributes: bool) -> None:
    _matrices(types)
    _, rows, columns = hlo.type_shape(types[0])
    dims.require_equal(rows, columns, f"square matrices are needed, not {types[0]}")


@composite("svd", operands=(1, 1), verify=_matrices, full=bool, vectors=bool)
def svd(a: ir.Value, *, full: bool, vectors: bool) -> list[ir.Value]:
    """U, singular values in descending order and V^H, all columns and rows where `full`; or the values alone."""
    return [x for x in linalg.svd(a, full=full, vectors=vectors) if x is not None]


@composite("eigh", operands=(1, 1), verify=_square, vectors=bool)
def eigh(a: ir.Value, *, vectors: bool) -> list[ir.Value]:
    """Eigenvalues of Hermitian matrices in ascending order, and eigenvectors as columns; or values alone."""
    return [x for x in linalg.eigh(a, vectors=vectors) if x is not None]


@composite("eig", operands=(1, 1), verify=_square, vectors=bool)
def eig(a: ir.Value, *, vectors: bool) -> list[ir.Value]:
    """Complex eigenvalues, and eigenvectors of length 1 as columns; or values alone."""
    return [x for x in linalg.eig(a, vectors=vectors) if x is not None]


@composite("qr", operands=(1, 1), verify=_matrices, full=bool)
def qr(a: ir.Value, *, full: bool) -> list[ir.Value]:
    """Q, of all rows' columns where `full`, and R, as LAPACK has their signs."""
    return list(linalg.qr(a, full=full))


@composite("lu", operands=(1, 1), verify=_matrices)
def lu(a: ir.Value) -> list[ir.Value]:
    """L below the diagonal and U on and above it; the row each step swapped with its own; a[order] = L U."""
    return list(linalg.lu(a))


@composite("matrix_exp", operands=(1, 1), verify=_square)
def matrix_exp(a: ir.Value) -> ir.Value:
    """e^a."""
    return linalg.exponential(a)
