"""Linear algebra against eager PyTorch; what is unique up to a phase only, by what it is to satisfy."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch_oracle import check

L = torch.linalg
Call = Callable[..., Any]


def matrix(*shape: int, dtype: torch.dtype = torch.float32, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, dtype=dtype, generator=torch.Generator().manual_seed(seed))


def regular(*shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """Far from singular."""
    return matrix(*shape, dtype=dtype) + 4 * torch.eye(shape[-1])


def definite(*shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    x = matrix(*shape, dtype=dtype)
    return x @ x.mH + torch.eye(shape[-1])


def symmetric(*shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    x = matrix(*shape, dtype=dtype)
    return x + x.mH


C = torch.complex64
B = matrix(2, 3, 2, seed=1)
CB = matrix(2, 3, 2, dtype=C, seed=1)
LU = L.lu_factor(regular(2, 3, 3, dtype=C))
QR = torch.geqrf(matrix(4, 3, dtype=C))
LDL = L.ldl_factor(symmetric(3, 3, dtype=C), hermitian=True)

CASES: dict[str, tuple[Call, tuple[Any, ...]]] = {
    "cholesky": (L.cholesky, (definite(2, 3, 3),)),
    "cholesky_upper": (lambda a: L.cholesky(a, upper=True), (definite(3, 3, dtype=C),)),
    "cholesky_ex_fails": (lambda a: L.cholesky_ex(a).info, (-definite(2, 3, 3),)),
    "cholesky_ex_upper": (
        lambda a: L.cholesky_ex(a, upper=True).info,
        (torch.eye(3).index_fill(0, torch.tensor(1), 0),),
    ),
    "cholesky_solve": (torch.cholesky_solve, (B, L.cholesky(definite(3, 3)))),
    "cholesky_solve_upper": (
        lambda b, u: torch.cholesky_solve(b, u, upper=True),
        (CB, L.cholesky(definite(3, 3, dtype=C)).mH),
    ),
    "cholesky_inverse": (torch.cholesky_inverse, (L.cholesky(definite(2, 3, 3)),)),
    "lu": (L.lu, (matrix(2, 3, 4),)),
    "lu_tall": (L.lu, (matrix(2, 4, 3, dtype=C),)),
    "lu_factor": (L.lu_factor_ex, (matrix(2, 4, 3),)),
    "lu_factor_singular": (L.lu_factor_ex, (torch.ones(2, 3, 3),)),
    "lu_unpack": (torch.lu_unpack, LU),
    "lu_unpack_pivots": (lambda x, p: torch.lu_unpack(x, p, unpack_data=False), LU),
    "lu_unpack_data": (lambda x, p: torch.lu_unpack(x, p, unpack_pivots=False), LU),
    "lu_solve": (L.lu_solve, (*LU, CB)),
    "lu_solve_adjoint": (lambda *a: L.lu_solve(*a, adjoint=True), (*LU, CB)),
    "lu_solve_right": (lambda *a: L.lu_solve(*a, left=False), (*LU, CB.mT.contiguous())),
    "lu_solve_right_adjoint": (lambda *a: L.lu_solve(*a, left=False, adjoint=True), (*LU, CB.mT.contiguous())),
    "ldl_factor": (L.ldl_factor_ex, (symmetric(2, 4, 4),)),
    "ldl_solve": (lambda *a: L.ldl_solve(*a, hermitian=True), (*LDL, CB)),
    "qr": (L.qr, (matrix(2, 4, 3),)),
    "qr_complete": (lambda a: L.qr(a, mode="complete"), (matrix(4, 2, dtype=C),)),
    "qr_r": (lambda a: L.qr(a, mode="r"), (matrix(2, 4),)),
    "householder_product": (L.householder_product, QR),
    "ormqr": (torch.ormqr, (*QR, matrix(4, 2, dtype=C))),
    "ormqr_right": (lambda *a: torch.ormqr(*a, left=False), (*QR, matrix(2, 4, dtype=C))),
    "ormqr_transpose": (lambda *a: torch.ormqr(*a, transpose=True), (*QR, matrix(4, 2, dtype=C))),
    "ormqr_right_transpose": (lambda *a: torch.ormqr(*a, left=False, transpose=True), (*QR, matrix(2, 4, dtype=C))),
    "solve": (L.solve, (regular(3, 3), B)),
    "solve_vector": (L.solve, (regular(3, 3), matrix(3))),
    "solve_vectors": (L.solve, (regular(2, 3, 3), matrix(2, 3))),
    "solve_right": (lambda a, b: L.solve(a, b, left=False), (regular(3, 3, dtype=C), CB.mT.contiguous())),
    "solve_double": (L.solve, (regular(3, 3, dtype=torch.float64), B.double())),
    "inv": (L.inv, (regular(2, 3, 3, dtype=C),)),
    "inv_ex_singular": (lambda a: L.inv_ex(a).info, (torch.zeros(2, 2, 2),)),
    "det": (L.det, (matrix(2, 3, 3, dtype=C),)),
    "slogdet": (L.slogdet, (matrix(2, 3, 3, dtype=C),)),
    "slogdet_singular": (L.slogdet, (torch.zeros(2, 2),)),
    "logdet": (torch.logdet, (-torch.eye(3),)),
    "solve_triangular": (lambda a, b: L.solve_triangular(a, b, upper=True), (regular(3, 3), B)),
    "solve_triangular_right": (
        lambda a, b: L.solve_triangular(a, b, upper=False, left=False, unitriangular=True),
        (regular(2, 3, 3), B.mT.contiguous()),
    ),
    "triangular_solve": (lambda b, a: torch.ops.aten.triangular_solve(b, a, transpose=True), (B, regular(3, 3))),
    "matrix_exp": (L.matrix_exp, (matrix(2, 3, 3, dtype=C),)),
    "matrix_power": (lambda a: L.matrix_power(a, -3), (regular(2, 3, 3),)),
    "eigvalsh": (L.eigvalsh, (symmetric(2, 4, 4, dtype=C),)),
    "eigvalsh_upper": (lambda a: L.eigvalsh(a, UPLO="U"), (matrix(4, 4),)),
    "svdvals": (L.svdvals, (matrix(2, 3, 5, dtype=C),)),
    "pinv": (L.pinv, (matrix(2, 4, 3, dtype=C),)),
    "pinv_tolerances": (
        lambda a, t: (L.pinv(a, atol=t, rtol=t / 2), L.pinv(a, atol=t)),
        (torch.diag_embed(torch.tensor([[3, 1, 0.2], [3, 1, 0.2]])), torch.tensor([0.1, 2.0])),
    ),
    "pinv_hermitian": (lambda a: L.pinv(a, hermitian=True), (symmetric(3, 3, dtype=C),)),
    "matrix_rank": (L.matrix_rank, (torch.ones(2, 3, 4),)),
    "cond": (L.cond, (regular(3, 3),)),
    "matrix_norm_nuclear": (lambda a: L.matrix_norm(a, "nuc"), (matrix(2, 3, 4),)),
    "matrix_norm_2": (lambda a: L.matrix_norm(a, 2, dim=(0, 2), keepdim=True), (matrix(2, 3, 4),)),
    "trilinear": (torch.nn.functional.bilinear, (matrix(5, 2), matrix(5, 3), matrix(4, 2, 3), matrix(4))),
}


@pytest.mark.parametrize("name", CASES)
def test_equals_eager(name: str) -> None:
    function, arguments = CASES[name]
    check(function, *arguments, rtol=1e-4, atol=1e-5)


RECOMPOSED: dict[str, tuple[Call, tuple[Any, ...]]] = {
    "eigh": (lambda a: _rebuilt(*L.eigh(a)), (symmetric(2, 4, 4, dtype=C),)),
    "eigh_upper": (lambda a: _rebuilt(*L.eigh(a, UPLO="U")), (matrix(4, 4),)),
    "svd": (lambda a: _multiplied(*L.svd(a, full_matrices=False)), (matrix(2, 3, 5, dtype=C),)),
    "svd_full": (lambda a: (svd := L.svd(a))[0][..., :3] @ torch.diag(svd[1]) @ svd[2], (matrix(5, 3),)),
    "eig": (lambda a: _similar(*L.eig(a)), (matrix(4, 4),)),
    "torch_svd": (lambda a: (svd := torch.svd(a))[0] @ torch.diag(svd[1]) @ svd[2].mT, (matrix(3, 4),)),
}


def _rebuilt(values: torch.Tensor, vectors: torch.Tensor) -> torch.Tensor:
    return (vectors * values.unsqueeze(-2)) @ vectors.mH


def _multiplied(u: torch.Tensor, values: torch.Tensor, vh: torch.Tensor) -> torch.Tensor:
    return (u * values.unsqueeze(-2)) @ vh


def _similar(values: torch.Tensor, vectors: torch.Tensor) -> torch.Tensor:
    return (vectors * values) @ L.inv(vectors)


@pytest.mark.parametrize("name", RECOMPOSED)
def test_factors_multiply_to_the_matrix(name: str) -> None:
    function, arguments = RECOMPOSED[name]
    check(function, *arguments, rtol=1e-4, atol=1e-5)


EMPTY = [(0, 3, 3), (2, 0, 0)]


@pytest.mark.parametrize("shape", EMPTY)
@pytest.mark.parametrize(
    "function",
    [L.cholesky_ex, L.lu, L.lu_factor_ex, L.qr, L.inv_ex, L.det, L.slogdet, L.eigh, L.eig, L.eigvals, L.svd, L.pinv,
     L.matrix_exp, L.ldl_factor_ex, torch.geqrf],
    ids=lambda f: f.__name__,
)  # fmt: skip
def test_no_matrices_and_matrices_of_nothing(function: Call, shape: tuple[int, ...]) -> None:
    check(function, torch.ones(shape))


@pytest.mark.parametrize("name", ["_linalg_det", "_linalg_slogdet"])
@pytest.mark.parametrize("order", ["rows", "columns", "complex"])
def test_determinants_keep_the_factors_that_their_gradients_read(name: str, order: str) -> None:
    torch.manual_seed(0)
    a = torch.randn(2, 4, 4)
    given = {"rows": a, "columns": a.mT, "complex": torch.complex(a, a + 1)}[order]
    check(lambda x: getattr(torch.ops.aten, name)(x), given)
