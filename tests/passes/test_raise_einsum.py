"""Products of reshaped and transposed tensors become products on their own dimensions."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from jaxlib.mlir import ir
from raise_oracle import FLAT, check, of_jax, raised, run
from torch_oracle import Function

from oxide.frontends.torch import import_torch

SIZES = {"b": 2, "l": 5, "s": 7, "h": 3, "d": 8, "e": 4}
# Equations as PyTorch decomposes them, and whether the result's order needs a transpose.
EQUATIONS = {
    "blhd,bshd->bhls": False,
    "bhls,bshd->blhd": True,
    "bld,dhe->blhe": False,
    "blhd,hde->ble": False,
    "bld,ed->ble": False,
    "bhld,bhsd->bhls": False,
    "bl,bl->b": False,
    "ld,sd->sl": False,
}


def operations(module: ir.Module) -> list[ir.Operation]:
    block = module.body.operations[0].regions[0].blocks[0]
    return [op.operation for op in block.operations]


@pytest.mark.parametrize("equation", EQUATIONS)
def test_decomposed_einsum_is_one_product(equation: str) -> None:
    terms = equation.split("->")[0].split(",")
    inputs = tuple(torch.rand([SIZES[letter] for letter in term]) for term in terms)
    function = Function(lambda x, y: torch.einsum(equation, x, y))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.export.export(function, inputs, strict=False).run_decompositions()
    module = run("canonicalize,cse,dce", check(import_torch(program).module, []))
    names = [op.name.removeprefix("stablehlo.") for op in operations(module)[:-1]]
    assert names == ["dot_general", *(["transpose"] if EQUATIONS[equation] else [])]


ROWS = np.arange(10, dtype=np.float32)[:, None]
# Products with one matrix, and the dimensions of the product's result.
MATRIX: dict[str, tuple[list[int], Callable]] = {
    # PyTorch repeats a weight for each sample where the other side cannot be viewed as a matrix.
    "repeated for all samples": ([2, 5, 4], lambda x, w: jnp.matmul(x, jnp.broadcast_to(w, (2, 8, 4)))),
    "with a bias": ([2, 5, 4], lambda x, w: (x.reshape(10, 8) @ w + w[0]).reshape(2, 5, 4)),
    "with a bias of rows": ([10, 4], lambda x, w: (x.reshape(10, 8) @ w + ROWS).reshape(2, 5, 4)),
    "with a bias that is split": ([10, 4], lambda x, w: (x.reshape(10, 8) @ w + w[0]).reshape(2, 5, 2, 2)),
}  # fmt: skip


@pytest.mark.parametrize("case", MATRIX)
def test_product_with_one_matrix(case: str) -> None:
    wanted, function = MATRIX[case]
    module = check(of_jax(function, np.zeros((2, 5, 8), np.float32), np.zeros((8, 4), np.float32)), [])
    (product,) = (op for op in operations(module) if op.name == "stablehlo.dot_general")
    assert list(ir.RankedTensorType(product.results[0].type).shape) == wanted
    assert isinstance(product.operands[1], ir.BlockArgument)


def linear(x, w):
    return x.reshape(10, 24) @ w


STAYING: dict[str, Callable] = {
    # A reshape on one side alone: nothing would be saved.
    "no reshape after": lambda x, w: linear(x, w) + 1,
    # The sum over 24 is no sum over (3, 8) of the other side.
    "split sum": lambda x, w: (x.reshape(10, 24).T.reshape(24, 10).T @ w).reshape(2, 5, 8),
    "free dimensions exchanged": lambda x, w: (
        (x.reshape(2, 5, 24).transpose(1, 0, 2).reshape(10, 24) @ w).reshape(5, 2, 8)
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", STAYING)
def test_stays(case: str) -> None:
    arguments = np.zeros((2, 5, 3, 8), np.float32), np.zeros((24, 8), np.float32)
    module = run(FLAT, of_jax(STAYING[case], *arguments))
    raised(module)
    (product,) = (op for op in operations(module) if op.name == "stablehlo.dot_general")
    assert list(ir.RankedTensorType(product.operands[0].type).shape) in ([10, 24], [2, 5, 24], [5, 2, 24])


@pytest.mark.parametrize("seed", range(12))
def test_random_views_keep_their_values(seed: int) -> None:
    """Integers, so that every order of summation gives the same."""
    rng = np.random.default_rng(seed)
    x, w = rng.integers(-9, 9, (2, 3, 4, 2)), rng.integers(-9, 9, (2, 4, 3, 2))

    def views(value: jax.Array, sizes: list[int], turns: np.random.Generator) -> jax.Array:
        for _ in range(turns.integers(1, 4)):
            value = value.transpose(*turns.permutation(value.ndim))
            at = int(turns.integers(0, value.ndim - 1)) if value.ndim > 1 else 0
            value = value.reshape(*value.shape[:at], 1, -1, *value.shape[at + 2 :])
        return value.reshape(sizes)

    def function(x: jax.Array, w: jax.Array) -> jax.Array:
        turns = np.random.default_rng(seed)
        left, right = views(x, [2, 4, 6], turns), views(w, [2, 6, 4], turns)
        return views(jnp.matmul(left, right), [8, 4], turns)

    check(of_jax(function, x.astype(np.int32), w.astype(np.int32)), [], rtol=0)
