"""Products of groups against eager PyTorch: empty groups, groups of all sizes, every form, gradients, open size."""

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
