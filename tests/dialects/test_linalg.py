"""Linear algebra in StableHLO: against LAPACK (of PyTorch and numpy), and what defines each factorisation."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest
import torch
from jaxlib.mlir import ir
from reference_interpreter import evaluate

import oxide
from oxide.dialects import hlo, linalg
from oxide.dialects.context import make_context

DTYPES = (np.float32, np.float64, np.complex64, np.complex128)
Body = Callable[..., Sequence[ir.Value]]


def build(body: Body, arrays: Sequence[np.ndarray]) -> ir.Module:
    module = ir.Module.create()
    hlo.function(module, "main", [hlo.make_type(a.shape, a.dtype) for a in arrays], body)
    module.body.operations[0].attributes["sym_visibility"] = ir.StringAttr.get("public")
    module.operation.verify()
    return module


def run(body: Body, *arrays: np.ndarray) -> list[np.ndarray]:
    """Compiled for the CPU."""
    with make_context(), ir.Location.unknown():
        text = str(build(body, arrays)).encode()
    executable = oxide.load(text).compile(cache=False)
    names = [spec.name for spec in executable.inputs]
    return [np.asarray(result) for result in executable.run(dict(zip(names, arrays, strict=True))).values()]


def matrices(dtype: type, *shape: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    values = rng.standard_normal(shape)
    if np.issubdtype(dtype, np.complexfloating):
        values = values + 1j * rng.standard_normal(shape)
    return values.astype(dtype)


def adjoint(x: np.ndarray) -> np.ndarray:
    return np.conj(np.swapaxes(x, -1, -2))


def close(actual: np.ndarray, expected: np.ndarray, scale: float = 300) -> None:
    """Equal to within some hundred units in the last place of the largest number."""
    assert actual.shape == expected.shape
    unit = np.finfo(actual.dtype).eps * max(1.0, float(np.abs(expected).max(initial=0)))
    np.testing.assert_allclose(actual, expected, rtol=0, atol=scale * unit)


def unitary(x: np.ndarray) -> None:
    close(adjoint(x) @ x, np.broadcast_to(np.eye(x.shape[-1], dtype=x.dtype), (len(x), x.shape[-1], x.shape[-1])))


def each(values: Sequence[ir.Value], body: Callable[[ir.Value], Sequence[ir.Value]]) -> list[ir.Value]:
    """One module for several operands: compiling takes most of a test's time."""
    return [result for value in values for result in body(value)]


SHAPES = ((4, 4), (5, 3), (2, 5), (1, 1))


@pytest.mark.parametrize("dtype", DTYPES)
def test_lu_has_lapacks_pivots_and_factors(dtype: type) -> None:
    arrays = [matrices(dtype, 2, *shape) for shape in SHAPES]
    results = iter(run(lambda *xs: each(xs, lambda x: list(linalg.lu(x))), *arrays))
    for a in arrays:
        factors, pivots = torch.linalg.lu_factor(torch.from_numpy(a))
        close(next(results), factors.numpy())
        swaps, order = next(results), next(results)
        np.testing.assert_array_equal(swaps + 1, pivots.numpy())
        low = np.tril(factors.numpy(), -1)[..., : min(a.shape[1:])] + np.eye(*a.shape[1:])[:, : min(a.shape[1:])]
        close(np.take_along_axis(a, order[..., None], 1), (low @ np.triu(factors)[:, : low.shape[2]]).astype(dtype))


def test_lu_of_a_singular_matrix_and_without_pivoting() -> None:
    a = np.array([[[0, 0], [0, 3]], [[2, 1], [4, 2]]], np.float32)
    factors, info = run(lambda x: [linalg.lu(x)[0], linalg.first_zero(linalg.diagonal(linalg.lu(x)[0]))], a)
    np.testing.assert_array_equal(factors, [[[0, 0], [0, 3]], [[4, 2], [0.5, 0]]])
    np.testing.assert_array_equal(info, [1, 2])
    (plain,) = run(lambda x: [linalg.lu(x, pivot=False)[0]], a)
    np.testing.assert_array_equal(plain[1], [[2, 1], [2, 0]])


@pytest.mark.parametrize("dtype", [np.float32, np.complex128])
@pytest.mark.parametrize("adjoint_of", [False, True])
def test_lu_solve(dtype: type, adjoint_of: bool) -> None:
    a, b = matrices(dtype, 2, 4, 4), matrices(dtype, 2, 4, 3, seed=1)

    def body(a: ir.Value, b: ir.Value) -> list[ir.Value]:
        factors, _, order = linalg.lu(a)
        return [linalg.lu_solve(factors, order, b, adjoint=adjoint_of)]

    (x,) = run(body, a, b)
    close((adjoint(a) if adjoint_of else a) @ x, b, 1000)


@pytest.mark.parametrize("dtype", DTYPES)
def test_qr_has_lapacks_reflections(dtype: type) -> None:
    arrays = [matrices(dtype, 2, *shape) for shape in SHAPES]
    results = iter(run(lambda *xs: each(xs, lambda x: [*linalg.geqrf(x), *linalg.qr(x, full=True)]), *arrays))
    for a in arrays:
        for expected in torch.geqrf(torch.from_numpy(a)):
            close(next(results), expected.numpy())
        q, r = next(results), next(results)
        unitary(q)
        close(q @ r, a)


@pytest.mark.parametrize("dtype", DTYPES)
def test_eigh(dtype: type) -> None:
    shapes = (7, 4, 1)
    arrays = [(x := matrices(dtype, 2, n, n)) + adjoint(x) for n in shapes]
    arrays.append(np.ones((1, 4, 4), dtype))
    results = iter(run(lambda *xs: each(xs, lambda x: [v for v in linalg.eigh(x) if v is not None]), *arrays))
    for a in arrays:
        values, vectors = next(results), next(results)
        close(values, np.linalg.eigvalsh(a))
        unitary(vectors)
        close((vectors * values[:, None, :]) @ adjoint(vectors), a)


@pytest.mark.parametrize("dtype", DTYPES)
def test_svd(dtype: type) -> None:
    """Also of rank-deficient and zero matrices, for which U and V stay unitary."""
    deficient = matrices(dtype, 2, 5, 2) @ matrices(dtype, 2, 2, 4)
    arrays = [*(matrices(dtype, 2, *shape) for shape in SHAPES), deficient, np.zeros((1, 3, 3), dtype)]
    body = lambda x: [v for v in linalg.svd(x, full=True) if v is not None]  # noqa: E731
    results = iter(run(lambda *xs: each(xs, body), *arrays))
    for a in arrays:
        u, values, vh = next(results), next(results), next(results)
        close(values, np.linalg.svd(a, compute_uv=False))
        unitary(u)
        unitary(adjoint(vh))
        short = values.shape[1]
        close((u[:, :, :short] * values[:, None, :]) @ vh[:, :short], a)


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_scales_whose_squares_float32_does_not_have(scale: float) -> None:
    a = (matrices(np.float32, 1, 4, 3) * scale).astype(np.float32)
    symmetric = a[:, :3] + adjoint(a[:, :3])
    u, values, vh, own = run(lambda x, y: [*(v for v in linalg.svd(x) if v), linalg.eigh(y)[0]], a, symmetric)
    np.testing.assert_allclose(values / scale, np.linalg.svd(a / scale, compute_uv=False), rtol=1e-5)
    np.testing.assert_allclose((u * values[:, None]) @ vh / scale, a / scale, atol=1e-5)
    np.testing.assert_allclose(own / scale, np.linalg.eigvalsh(symmetric / scale), rtol=1e-5)


def special(dtype: type) -> np.ndarray:
    """A permutation (all eigenvalues of one size), a Jordan block, a symmetric and a triangular matrix."""
    cycle = np.roll(np.eye(4), 1, 0)
    jordan = np.eye(4) * 2 + np.eye(4, k=1)
    general = matrices(np.float64, 4, 4)
    return np.stack([cycle, jordan, general + general.T, np.triu(general)]).astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_eig(dtype: type) -> None:
    arrays = [matrices(dtype, 2, 6, 6), special(dtype), matrices(dtype, 2, 1, 1)]
    results = iter(run(lambda *xs: each(xs, lambda x: [v for v in linalg.eig(x) if v is not None]), *arrays))
    for a in arrays:
        values, vectors = next(results), next(results)
        close(a @ vectors, vectors * values[:, None, :])
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)
        close(values.sum(1), np.trace(a, axis1=1, axis2=2).astype(values.dtype))
        close(values.prod(1), np.linalg.det(a).astype(values.dtype))


def test_real_eigenvalues_of_real_matrices_are_real() -> None:
    values, vectors = run(lambda x: [v for v in linalg.eig(x) if v is not None], special(np.float32)[2:])
    np.testing.assert_array_equal(np.imag(values), 0)
    np.testing.assert_allclose(np.imag(vectors), 0, atol=1e-6)


@pytest.mark.parametrize("dtype", DTYPES)
def test_exponential(dtype: type) -> None:
    sizes = np.array([0.01, 1, 5]).reshape(3, 1, 1)
    a = (matrices(dtype, 3, 4, 4) * sizes).astype(dtype)
    (result,) = run(lambda x: [linalg.exponential(x)], a)
    wide = np.complex128 if np.issubdtype(dtype, np.complexfloating) else np.float64
    close(result, torch.linalg.matrix_exp(torch.from_numpy(a.astype(wide))).numpy().astype(dtype))


@pytest.mark.parametrize("dtype", DTYPES)
def test_cholesky_and_where_it_fails(dtype: type) -> None:
    x = matrices(dtype, 3, 4, 4)
    a = (x @ adjoint(x) + np.eye(4)).astype(dtype)
    a[1, 2, 2] = -1
    factor, info = run(lambda x: [linalg.cholesky(x), linalg.first_not_positive(x)], a)
    np.testing.assert_array_equal(info, torch.linalg.cholesky_ex(torch.from_numpy(a)).info)
    assert info[1] == 3
    close((factor @ adjoint(factor))[[0, 2]], a[[0, 2]])
    assert np.isnan(factor[1]).any()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("hermitian", [False, True])
def test_ldl_has_lapacks_pivots(dtype: type, hermitian: bool) -> None:
    x, b = matrices(dtype, 4, 6, 6), matrices(dtype, 4, 6, 2, seed=1)
    a = x + (adjoint(x) if hermitian else np.swapaxes(x, 1, 2))
    a[0, range(6), range(6)] = 0  # only blocks of size 2
    a[1, :, 0] = a[1, 0, :] = 0  # singular

    def body(x: ir.Value, b: ir.Value) -> list[ir.Value]:
        factors, pivots, info = linalg.ldl(x, hermitian=hermitian)
        return [factors, pivots, info, linalg.ldl_solve(factors, pivots, b, hermitian=hermitian)]

    factors, pivots, info, solved = run(body, a, b)
    expected = torch.linalg.ldl_factor_ex(torch.from_numpy(a), hermitian=hermitian)
    np.testing.assert_array_equal(pivots, expected.pivots)
    np.testing.assert_array_equal(info, expected.info)
    close(factors, expected.LD.numpy())
    regular = [0, 2, 3]
    close((a @ solved)[regular], b[regular], 3000)


def test_the_modules_are_plain_stablehlo() -> None:
    """The reference interpreter, which knows no library calls, runs them."""
    a = matrices(np.float32, 1, 3, 3)
    a = a + adjoint(a)
    with make_context(), ir.Location.unknown():
        module = build(lambda x: [linalg.svd(x)[1], linalg.eigh(x)[0], *linalg.qr(linalg.lu(x)[0])], [a])
        values, own, q, r = evaluate(module, [a])
    close(own, np.linalg.eigvalsh(a))
    close(np.sort(values), np.sort(np.abs(own)))
    close(q @ r, torch.linalg.lu_factor(torch.from_numpy(a)).LU.numpy())
