"""Products of groups against eager PyTorch: empty groups, groups of all sizes, every form, gradients, open size."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.functional import grouped_mm
from torch_oracle import Function, check

import oxide
from oxide.parameters import torch_array

HALF = torch.bfloat16
TOLERANCE = torch.finfo(HALF).eps  # both round a sum in float32 once


def normal(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(len(shape))).to(HALF)


def ends(*values: int) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.int32)


FORMS: dict[str, tuple[torch.Tensor, torch.Tensor]] = {
    "rows": (normal(24, 16), normal(4, 16, 8)),
    "columns": (normal(4, 8, 16), normal(16, 24)),
    "contracted": (normal(8, 24), normal(24, 16)),
}
GROUPS = {
    "even": ends(6, 12, 18, 24),
    "empty": ends(0, 3, 3, 24),
    "one": ends(0, 0, 24, 24),
    "single rows": ends(1, 2, 3, 24),
}


@pytest.mark.parametrize("groups", GROUPS)
@pytest.mark.parametrize("form", FORMS)
def test_equals_eager(form: str, groups: str) -> None:
    check(lambda x, y, offs: grouped_mm(x, y, offs=offs), *FORMS[form], GROUPS[groups], rtol=TOLERANCE, atol=1e-2)


def test_batches_need_no_offsets() -> None:
    check(grouped_mm, normal(3, 8, 16), normal(3, 16, 8), rtol=TOLERANCE, atol=1e-2)


def test_fewer_rows_than_groups() -> None:
    check(
        lambda x, y, offs: grouped_mm(x, y, offs=offs),
        normal(2, 16),
        normal(4, 16, 8),
        ends(0, 1, 1, 2),
        rtol=TOLERANCE,
    )


def test_no_row_reads_another_groups_matrix() -> None:
    """Infinite weights of one group leave the others' rows finite."""
    weights = normal(4, 16, 8)
    weights[2] = torch.inf
    check(
        lambda x, y, offs: grouped_mm(x, y, offs=offs),
        normal(24, 16),
        weights,
        GROUPS["even"],
        rtol=TOLERANCE,
        atol=1e-2,
    )


def test_rows_in_no_group_are_zeros() -> None:
    x, y, offs = normal(24, 16), normal(4, 16, 8), ends(2, 4, 6, 9)
    model = oxide.import_torch(Function(lambda x, y, offs: grouped_mm(x, y, offs=offs)), (x, y, offs))
    found = model.compile()(*map(torch_array, (x, y, offs)))
    assert not np.asarray(found)[9:].astype(np.float32).any()


def test_gradients() -> None:
    """Those by rows and by weights are products of groups in turn."""
    arguments = (normal(24, 16), normal(4, 16, 8), GROUPS["empty"])
    found: list[Any] = []
    for compiled in (True, False):
        function = torch.compile(grouped_mm, backend="oxide") if compiled else grouped_mm
        x, y = (argument.clone().requires_grad_() for argument in arguments[:2])
        (function(x, y, offs=arguments[2]).float().sin().sum()).backward()
        found.append((x.grad, y.grad))
    torch.testing.assert_close(*found, rtol=2 * TOLERANCE, atol=2e-2)


def test_an_open_number_of_rows() -> None:
    x, y, offs = normal(24, 16), normal(4, 16, 8), GROUPS["empty"]
    shapes = {"args": ({0: torch.export.Dim("rows", min=8, max=4096)}, None, None)}
    module = Function(lambda x, y, offs: grouped_mm(x, y, offs=offs))
    executable = oxide.import_torch(module, (x, y, offs), dynamic_shapes=shapes).compile()
    for rows, groups in ((24, offs), (100, ends(40, 40, 99, 100))):
        given = normal(rows, 16)
        found = np.asarray(executable(*map(torch_array, (given, y, groups)))).astype(np.float32)
        expected = grouped_mm(given, y, offs=groups).float().numpy()
        np.testing.assert_allclose(found, expected, rtol=TOLERANCE, atol=1e-2)


def grouped_rows(input: torch.Tensor, weight: torch.Tensor, offs: torch.Tensor) -> torch.Tensor:
    bounds = [0, *offs.tolist()]
    parts = [input[a:b] @ matrix for a, b, matrix in zip(bounds, bounds[1:], weight, strict=False)]
    return torch.cat([*parts, input.new_zeros(len(input) - bounds[-1], weight.shape[2])])


def grouped_rows_backward(
    input: torch.Tensor, weight: torch.Tensor, offs: torch.Tensor, grad_output: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    with torch.enable_grad():
        given = input.detach().requires_grad_(), weight.detach().requires_grad_()
        rows, matrices = torch.autograd.grad(grouped_rows(*given, offs), given, grad_output)
    return rows, matrices


@pytest.fixture(scope="module")
def library() -> Iterator[Any]:
    """The operators of Hugging Face transformers by their schemas, without the library."""
    with torch.library._scoped_library("transformers", "FRAGMENT") as scope:
        scope.define("grouped_mm_fallback(Tensor input, Tensor weight, Tensor offs) -> Tensor")
        scope.define(
            "grouped_mm_fallback_backward(Tensor input, Tensor weight, Tensor offs, Tensor grad_output) "
            "-> (Tensor, Tensor)"
        )
        scope.impl("grouped_mm_fallback", grouped_rows, "CPU")
        scope.impl("grouped_mm_fallback_backward", grouped_rows_backward, "CPU")
        scope.impl("grouped_mm_fallback", lambda x, w, o: x.new_empty(len(x), w.shape[2]), "Meta")
        scope.impl(
            "grouped_mm_fallback_backward", lambda x, w, o, g: (x.new_empty(x.shape), w.new_empty(w.shape)), "Meta"
        )
        yield torch.ops.transformers


@pytest.mark.parametrize("groups", [ends(6, 12, 18, 24), ends(0, 3, 3, 20)])
def test_experts_of_transformers(library: Any, groups: torch.Tensor) -> None:
    x, weight, grad = normal(24, 16).float(), normal(4, 16, 8).float(), normal(24, 8).float()
    check(lambda x, w, offs: library.grouped_mm_fallback(x, w, offs), x, weight, groups)
    check(lambda *args: library.grouped_mm_fallback_backward(*args), x, weight, groups, grad)
