"""Linear equations, inverses and determinants.

Singular matrices: see factorizations.py.
"""

from __future__ import annotations

from jaxlib.mlir import ir

from oxide.dialects import composites, hlo, linalg
from oxide.frontends.torch.batches import matrices, restored
from oxide.frontends.torch.ops.assertions import require_solved
from oxide.frontends.torch.registry import Node, lowering

Value = ir.Value


@lowering("aten._linalg_solve_ex.default")
def solve_ex(node: Node, A: Value, B: Value, left: bool = True, check_errors: bool = False) -> list[Value]:
    """x of A x = B or x A = B, and A's factors (of its transpose when not `left`), pivots and info."""
    dims = hlo.shape(A)
    is_vector = hlo.rank(B) == 1 or (hlo.rank(B) == len(dims) - 1 and hlo.shape(B) == dims[:-1])
    b = hlo.expand_dims(B, [-1]) if is_vector else B
    a = A if left else hlo.swap_axes(A, -1, -2)
    lead, (wide_a, wide_b) = matrices(a, b if left or is_vector else hlo.swap_axes(b, -1, -2))
    factors, swaps, order = composites.build("lu", [wide_a])
    (x,) = restored(lead, linalg.lu_solve(factors, order, wide_b))
    if is_vector:
        x = hlo.squeeze(x, [-1])
    elif not left:
        x = hlo.swap_axes(x, -1, -2)
    if not (check_errors or any(map(node.wants, (1, 2, 3)))):
        return [x, None, None, None]  # pyright: ignore[reportReturnType]
    own, (narrow_a,) = matrices(a)
    if own != lead:
        factors, swaps, _ = composites.build("lu", [narrow_a])
    info = linalg.first_zero(linalg.diagonal(factors))
    if check_errors:
        require_solved(node, info, "linalg.solve")
    return [x, *restored(own, factors, hlo.add(swaps, 1), info)]


@lowering("aten.linalg_inv_ex.default")
def inv_ex(node: Node, A: Value, check_errors: bool = False) -> list[Value]:
    lead, (a,) = matrices(A)
    batch, size, _ = hlo.shape(a)
    factors, _, order = composites.build("lu", [a])
    inverse = linalg.lu_solve(factors, order, linalg.identity(batch, size, size, hlo.dtype(A)))
    info = linalg.first_zero(linalg.diagonal(factors))
    if check_errors:
        require_solved(node, info, "linalg.inv")
    return restored(lead, inverse, info)


def _factored(node: Node, A: Value) -> Value:
    """The matrix whose factors PyTorch keeps for the gradient: the transpose of a real one in row-major order."""
    fake = node.fake("A")
    transposed = hlo.dtype(A).kind != "c" and (fake is None or fake.is_contiguous())
    return hlo.swap_axes(A, -1, -2) if transposed else A


@lowering("aten._linalg_det.default")
def det(node: Node, A: Value) -> list[Value]:
    """The determinant, factors and pivots as `_factored` has them."""
    lead, (a,) = matrices(_factored(node, A))
    factors, swaps, _ = composites.build("lu", [a])
    sign = hlo.convert(linalg.parity(swaps), hlo.dtype(A))
    result = hlo.multiply(sign, hlo.reduce_prod(linalg.diagonal(factors), [1]))
    return restored(lead, result, factors, hlo.add(swaps, 1))


@lowering("aten._linalg_slogdet.default")
def slogdet(node: Node, A: Value) -> list[Value]:
    """The determinant's sign (phase) and the logarithm of its size; factors and pivots as `_factored` has them."""
    lead, (a,) = matrices(_factored(node, A))
    factors, swaps, _ = composites.build("lu", [a])
    pivots = linalg.diagonal(factors)
    sign = hlo.multiply(hlo.convert(linalg.parity(swaps), hlo.dtype(A)), hlo.reduce_prod(hlo.sign(pivots), [1]))
    size = hlo.reduce_sum(hlo.log(linalg.magnitude(pivots)), [1])
    return restored(lead, sign, size, factors, hlo.add(swaps, 1))


@lowering("aten.linalg_solve_triangular.default")
def solve_triangular(
    node: Node, self: Value, B: Value, upper: bool, left: bool = True, unitriangular: bool = False
) -> Value:
    lead, (a, b) = matrices(self, B)
    x = hlo.triangular_solve(a, b, left=left, lower=not upper, unit_diagonal=unitriangular)
    return restored(lead, x)[0]


@lowering("aten.triangular_solve.default")
def triangular_solve(
    node: Node, self: Value, A: Value, upper: bool = True, transpose: bool = False, unitriangular: bool = False
) -> list[Value]:
    """x of A x = self, and A broadcast to x's leading dimensions."""
    lead, (a, b) = matrices(A, self)
    kind = "TRANSPOSE" if transpose else "NO_TRANSPOSE"
    x = hlo.triangular_solve(a, b, lower=not upper, unit_diagonal=unitriangular, transpose=kind)
    return restored(lead, x, a)


@lowering("aten.linalg_matrix_exp.default")
def matrix_exp(node: Node, self: Value) -> Value:
    lead, (a,) = matrices(self)
    return restored(lead, *composites.build("matrix_exp", [a]))[0]
