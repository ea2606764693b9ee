"""Numerical linear algebra in plain StableHLO, for batches of matrices [batch, rows, columns].

LAPACK's kernels are no part of StableHLO: calls to them run where one runtime has them.  These algorithms are loops
of dense operations, so a module that factorises a matrix is as portable as any other.
Results follow LAPACK's conventions (pivots, signs, order), so that they agree with what frameworks return.
"""

from oxide.dialects.linalg.cholesky import cholesky, cholesky_solve, first_not_positive
from oxide.dialects.linalg.eig import eig
from oxide.dialects.linalg.exponential import exponential
from oxide.dialects.linalg.jacobi import eigh, svd
from oxide.dialects.linalg.ldl import ldl, ldl_solve
from oxide.dialects.linalg.lu import (
    first_zero,
    inverse_permutation,
    lu,
    lu_solve,
    parity,
    permutation,
    solve,
    swapped,
)
from oxide.dialects.linalg.matrices import (
    adjoint,
    as_diagonal,
    conjugate,
    diagonal,
    identity,
    is_complex,
    lower,
    magnitude,
    multiply,
    real_part,
    upper,
)
from oxide.dialects.linalg.qr import apply_q, geqrf, householder_product, qr

__all__ = [
    "adjoint",
    "apply_q",
    "as_diagonal",
    "cholesky",
    "cholesky_solve",
    "conjugate",
    "diagonal",
    "eig",
    "eigh",
    "exponential",
    "first_not_positive",
    "first_zero",
    "geqrf",
    "householder_product",
    "identity",
    "inverse_permutation",
    "is_complex",
    "ldl",
    "ldl_solve",
    "lower",
    "lu",
    "lu_solve",
    "magnitude",
    "multiply",
    "parity",
    "permutation",
    "qr",
    "real_part",
    "solve",
    "svd",
    "swapped",
    "upper",
]
