"""Products of matrices against eager PyTorch: einsum's forms, integers, halves, mixed ranks, float8 and int8."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch_oracle import check


def normal(*shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(len(shape))).to(dtype)


def integers(*shape: int, dtype: torch.dtype = torch.int64) -> torch.Tensor:
    return torch.randint(-100, 100, shape, generator=torch.Generator().manual_seed(0)).to(dtype)


C = torch.complex64
HALVES = (torch.float16, torch.bfloat16)
F8 = torch.float8_e4m3fn

CASES: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "ellipsis": (lambda a, b: torch.einsum("...ij,...jk->...ik", a, b), (normal(2, 3, 4), normal(1, 4, 5))),
    "ellipsis_of_one_operand": (lambda a, b: torch.einsum("b...i,i->b...", a, b), (normal(2, 3, 4, 5), normal(5))),
    "diagonal": (lambda a: torch.einsum("bii->bi", a), (normal(2, 3, 3),)),
    "trace": (lambda a: torch.einsum("ii", a), (normal(3, 3),)),
    "sublists": (lambda a, b: torch.einsum(a, [0, 1], b, [1, 2], [0, 2]), (normal(2, 3), normal(3, 4))),
    "three": (lambda *x: torch.einsum("ab,bc,cd->da", *x), (normal(2, 3), normal(3, 4), normal(4, 2))),
    "integers": (lambda a, b: torch.einsum("ij,jk", a, b), (integers(2, 3), integers(3, 2))),
    "complex": (lambda a, b: torch.einsum("ij,jk->ki", a, b), (normal(2, 3, dtype=C), normal(3, 2, dtype=C) * 1j)),
    "int8_wraps": (lambda a, b: a @ b, (integers(2, 3, dtype=torch.int8), integers(3, 2, dtype=torch.int8))),
    "int_mm": (torch.ops.aten._int_mm, (integers(32, 64, dtype=torch.int8), integers(64, 32, dtype=torch.int8))),
    "addmm_integers": (
        lambda c, a, b: torch.addmm(c, a, b, beta=2, alpha=3),
        (integers(2, 2), integers(2, 3), integers(3, 2)),
    ),
    "vector_batch": (torch.matmul, (normal(3), normal(2, 3, 4))),
    "batch_vector": (torch.matmul, (normal(2, 4, 3), normal(3))),
    "tensordot": (lambda a, b: torch.tensordot(a, b, dims=1), (normal(2, 3), normal(3, 4, 5))),
    "kron": (torch.kron, (normal(2, 3), normal(4, 1, 2))),
    "multi_dot": (lambda *x: torch.linalg.multi_dot(x), (normal(3), normal(3, 4), normal(4))),
    "vecdot": (torch.linalg.vecdot, (normal(2, 3, dtype=C) * 1j, normal(2, 3, dtype=C))),
    "sum_of_nothing": (lambda a, b: a @ b, (normal(2, 0), normal(0, 3))),
    "no_batch": (torch.bmm, (normal(0, 2, 3), normal(0, 3, 2))),
    "relu_of_addmm": (torch.ops.aten._addmm_activation, (normal(2), normal(3, 4), normal(4, 2))),
}


@pytest.mark.parametrize("name", CASES)
def test_equals_eager(name: str) -> None:
    function, arguments = CASES[name]
    check(function, *arguments)


@pytest.mark.parametrize("dtype", HALVES)
def test_halves_are_added_up_in_float32(dtype: torch.dtype) -> None:
    """Sums of 512 products: rounding each step would be off by a percent and more."""
    a, b = normal(4, 512, dtype=dtype), normal(512, 4, dtype=dtype)
    check(lambda a, b: [a @ b, torch.einsum("ij,jk", a, b)], a, b, rtol=torch.finfo(dtype).eps, atol=1e-2)


def test_scaled_mm_by_tensor_and_by_row() -> None:
    a, b = normal(16, 32).to(F8), normal(16, 32).to(F8).t()
    one, rows, columns = torch.tensor(0.5), normal(16, 1).abs(), normal(1, 16).abs()

    def module(a: torch.Tensor, b: torch.Tensor, *scales: torch.Tensor) -> list[torch.Tensor]:
        whole = torch.ops.aten._scaled_mm(a, b, scales[0], scales[0], out_dtype=torch.float32)
        return [whole, torch.ops.aten._scaled_mm(a, b, scales[1], scales[2], out_dtype=torch.bfloat16)]

    check(module, a, b, one, rows, columns, rtol=1e-2, atol=1e-2)
