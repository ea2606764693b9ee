"""Values and gradients of linear algebra through the emitted JAX source, against eager PyTorch and its autograd.

What is compared does not depend on the phases of vectors.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from jax_source_oracle import load
from torch_oracle import Function

import oxide

L = torch.linalg
Tensor = torch.Tensor


def normal(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(len(shape)))


SQUARE, TALL = normal(2, 4, 4), normal(2, 5, 3)


def svd(x: Tensor, full: bool = False) -> Tensor:
    u, s, vh = L.svd(x, full_matrices=full)
    return (u * s.sin().unsqueeze(-2)) @ vh


def eigh(x: Tensor) -> Tensor:
    values, vectors = L.eigh(x + x.mT)
    return (vectors * values.sin().unsqueeze(-2)) @ vectors.mT


def eig(x: Tensor) -> Tensor:
    values, vectors = L.eig(x)
    return ((vectors * values.sin().unsqueeze(-2)) @ L.inv(vectors)).real


def qr(x: Tensor) -> Tensor:
    q, r = L.qr(x)
    return q.sin() @ r.cos()


# name -> (function, its matrices, what its source must call)
CASES: dict[str, tuple[Callable[..., Any], Tensor, str]] = {
    "svd": (svd, TALL, "jnp.linalg.svd"),
    "svd, wide": (svd, TALL.mT.contiguous(), "jnp.linalg.svd"),
    "svd, square and full": (lambda x: svd(x, full=True), SQUARE, "jnp.linalg.svd"),
    "svdvals": (lambda x: L.svdvals(x).sin(), TALL, "jnp.linalg.svd"),
    "pinv": (L.pinv, TALL, "jnp.linalg.svd"),
    "eigh": (eigh, SQUARE, "jnp.linalg.eigh"),
    "eigvalsh": (lambda x: L.eigvalsh(x + x.mT).sin(), SQUARE, "jnp.linalg.eigh"),
    "eig": (eig, SQUARE, "lax.linalg.eig"),
    "eigvals": (lambda x: torch.view_as_real(L.eigvals(x)).square().sum((-1, -2)), SQUARE, "jnp.linalg.eigvals"),
    "qr": (qr, TALL, "jnp.linalg.qr"),
    "qr, wide": (qr, TALL.mT.contiguous(), "lax.fori_loop"),
    "lu": (lambda x: L.lu(x)[1].sin() + L.lu(x)[2].cos(), SQUARE, "lax.linalg.lu"),
    "solve": (lambda x: L.solve(x, torch.ones(4, 3)), SQUARE, "lax.linalg.lu"),
    "inv": (L.inv, SQUARE, "lax.linalg.lu"),
    "det": (L.det, SQUARE, "lax.linalg.lu"),
    "slogdet": (lambda x: L.slogdet(x)[1], SQUARE, "lax.linalg.lu"),
    "cholesky": (lambda x: L.cholesky(x @ x.mT + torch.eye(4)), SQUARE, "lax.linalg.cholesky"),
    "matrix_exp": (L.matrix_exp, SQUARE, "jax.scipy.linalg.expm"),
    "matrix_exp, squared often": (lambda x: L.matrix_exp(8 * x) / 1e4, SQUARE, "jax.scipy.linalg.expm"),
}


@pytest.mark.parametrize("case", CASES)
def test_source_equals_autograd(case: str) -> None:
    function, x, called = CASES[case]
    source = oxide.import_torch(Function(function), (x,)).to_jax_source()
    assert called in source.text
    namespace = load(source)
    leaf = x.clone().requires_grad_()
    expected = function(leaf)
    direction = normal(*expected.shape)
    (expected * direction).sum().backward()
    assert leaf.grad is not None

    def loss(x: Any) -> Any:
        result = namespace["forward"](dict(source.constants), x)
        output = result[0] if isinstance(result, tuple) else result
        return (output * direction.numpy()).sum(), output

    with jax.enable_x64(namespace["_x64"]):
        gradient, output = jax.grad(loss, has_aux=True)(jnp.asarray(x.numpy()))
    for found, wanted in ((output, expected.detach()), (gradient, leaf.grad)):
        scale = float(wanted.abs().max())
        np.testing.assert_allclose(np.asarray(found) / scale, wanted.numpy() / scale, atol=5e-6)
