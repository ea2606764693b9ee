"""Eigenvalues, singular values and pseudo-inverses.

Eigenvectors and singular vectors are unique up to a phase (a sign); PyTorch's own differ between its back ends.
"""

from __future__ import annotations

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import composites, hlo, linalg
from oxide.frontends.torch.batches import matrices, restored
from oxide.frontends.torch.promotion import real_of
from oxide.frontends.torch.registry import Node, lowering

Value = ir.Value


@lowering("aten._linalg_eigh.default")
def eigh(node: Node, A: Value, UPLO: str = "L", compute_v: bool = True) -> list[Value]:
    """Eigenvalues in ascending order and eigenvectors of Hermitian matrices, of which one triangle counts."""
    lead, (a,) = matrices(A)
    found = composites.build("eigh", [_hermitian(a, UPLO.upper() == "U")], vectors=compute_v)
    empty = [] if compute_v else [hlo.full(node.shape_of(1), 0, node.dtype_of(1))]
    return [*restored(lead, *found), *empty]


def _hermitian(a: Value, upper: bool) -> Value:
    """The whole of a matrix of which one triangle is given; its diagonal is taken as real."""
    half = linalg.adjoint(linalg.upper(a, 1)) if upper else linalg.lower(a, -1)
    diagonal = hlo.convert(linalg.real_part(linalg.diagonal(a)), hlo.dtype(a))
    return hlo.add(hlo.add(half, linalg.adjoint(half)), linalg.as_diagonal(diagonal))


@lowering("aten._linalg_svd.default")
def svd(
    node: Node, A: Value, full_matrices: bool = False, compute_uv: bool = True, driver: str | None = None
) -> list[Value]:
    """U, the singular values in descending order, and V^H; `driver` chooses among cuSOLVER's algorithms."""
    lead, (a,) = matrices(A)
    found = restored(lead, *composites.build("svd", [a], full=full_matrices, vectors=compute_uv))
    if compute_uv:
        return found
    empty = [hlo.full(node.shape_of(i), 0, node.dtype_of(i)) for i in (0, 2)]
    return [empty[0], *found, empty[1]]


@lowering("aten.linalg_eig.default")
def eig(node: Node, self: Value) -> list[Value]:
    lead, (a,) = matrices(self)
    return restored(lead, *composites.build("eig", [a], vectors=True))


@lowering("aten._linalg_eigvals.default", "aten.linalg_eigvals.default")
def eigvals(node: Node, self: Value) -> Value:
    lead, (a,) = matrices(self)
    return restored(lead, *composites.build("eig", [a], vectors=False))[0]


@lowering("aten.linalg_pinv.atol_rtol_tensor")
def pinv(
    node: Node, self: Value, atol: Value | None = None, rtol: Value | None = None, hermitian: bool = False
) -> Value:
    """Singular values up to max(atol, rtol * the largest) count as zero.

    rtol is by default max(m, n) times the machine epsilon, and 0 where atol is above 0.
    """
    lead, (a,) = matrices(self)
    _, rows, columns = hlo.shape(a)
    if rows == 0 or columns == 0:
        return hlo.full(node.shape, 0, node.dtype)
    kind = real_of(hlo.dtype(self))
    least = hlo.constant(0, kind) if atol is None else hlo.convert(atol, kind)
    if rtol is None:
        factor = hlo.full_like(least, float(np.finfo(kind).eps) * max(rows, columns))
        factor = hlo.select(hlo.greater(least, 0), 0, factor)
    else:
        factor = hlo.convert(rtol, kind)
    if hermitian:
        values, left = composites.build("eigh", [_hermitian(a, False)], vectors=True)
        right = left
    else:
        left, values, right_adjoint = composites.build("svd", [a], full=False, vectors=True)
        right = linalg.adjoint(right_adjoint)
    sizes = hlo.reshape(hlo.abs(values), [*lead, hlo.shape(values)[1]])
    largest = hlo.reduce_max(sizes, [-1], keepdims=True)
    limit = hlo.maximum(_column(least), hlo.multiply(_column(factor), largest))
    kept = hlo.greater(sizes, limit)
    kept = hlo.reshape(kept, hlo.shape(values))
    inverse = hlo.select(kept, hlo.reciprocal(hlo.select(kept, values, 1)), 0)
    scaled = hlo.multiply(right, hlo.convert(hlo.expand_dims(inverse, [1]), hlo.dtype(self)))
    return restored(lead, linalg.multiply(scaled, linalg.adjoint(left)))[0]


def _column(x: Value) -> Value:
    """Tolerances [...] against values [..., n]."""
    return hlo.expand_dims(x, [-1]) if hlo.rank(x) else x
