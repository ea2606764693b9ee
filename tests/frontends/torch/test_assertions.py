"""Assertions of a program: on metadata at import, on sizes as constraints, on values in every call."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch._higher_order_ops import while_loop
from torch.fx.experimental.symbolic_shapes import sym_or
from torch_oracle import Function

import oxide
from oxide.dialects.diagnostics import OxideError
from oxide.effects import read_checks


def compiled(function: Any, *args: torch.Tensor, **options: Any) -> oxide.Executable:
    return oxide.import_torch(Function(function), args, **options).compile(cache=False)


def assert_async(condition: torch.Tensor, message: str) -> None:
    torch.ops.aten._assert_async.msg(condition, message)


def positive(x):
    assert_async((x > 0).all(), "x is positive")
    return x + 1


def small_number(x):
    n = x.sum().to(torch.int64).item()
    torch._check(n < 9, lambda: "the sum is below 9")
    return x * n


def solved(x):
    return torch.linalg.solve(x, torch.ones(3))


def in_a_branch(x):
    def checked(a):
        assert_async(a[0, 0] < 5, "the first is below 5")
        return a + 1

    return torch.cond(x.sum() > 2, checked, lambda a: a - 1, (x,))


def in_a_loop(x):
    def step(i, a):
        assert_async((a < 20).all(), "no element grows beyond 20")
        return i + 1, a * 2

    return while_loop(lambda i, a: i < 4, step, (torch.tensor(0), x))[1]


GOOD = torch.eye(3) + torch.full((3, 3), 0.5)
CASES: dict[str, tuple[Any, torch.Tensor, str]] = {
    "_assert_async": (positive, -GOOD, "x is positive"),
    "_check of a number": (small_number, 9 * GOOD, "u0 <= 8"),
    "inverse": (torch.linalg.inv, torch.ones(3, 3), "linalg.inv"),
    "solve": (solved, torch.ones(3, 3), "linalg.solve"),
    "cholesky": (torch.linalg.cholesky, -torch.eye(3), "linalg.cholesky"),
    "lu_factor": (lambda x: torch.linalg.lu_factor(x)[0], torch.zeros(3, 3), "linalg.lu_factor"),
    "in a branch": (in_a_branch, 7 * GOOD, "the first is below 5"),
    "in a loop": (in_a_loop, 3 * GOOD, "no element grows beyond 20"),
}


@pytest.mark.parametrize("case", CASES)
def test_values(case):
    function, bad, message = CASES[case]
    executable = compiled(function, GOOD)
    torch.testing.assert_close(torch.from_dlpack(executable(GOOD)), function(GOOD), rtol=1e-5, atol=1e-5)
    with pytest.raises(OxideError, match=f"assertion of the program does not hold: .*{message}"):
        executable(bad)


def test_the_first_that_fails_is_reported():
    def twice(x):
        assert_async((x > 0).all(), "first")
        assert_async((x > 1).all(), "second")
        return x

    executable = compiled(twice, GOOD)
    with pytest.raises(OxideError, match="first"):
        executable(-GOOD)
    with pytest.raises(OxideError, match="second"):
        executable(GOOD)


def test_an_assertion_is_a_result_of_the_module():
    model = oxide.import_torch(Function(positive), (GOOD,))
    checks = read_checks(model.module)
    assert checks is not None
    assert (checks.output, checks.messages) == ("failed_check", ("x is positive",))
    assert [spec.name for spec in model.compile(cache=False).outputs] == ["output"]


def test_assertions_can_be_left_out():
    model = oxide.import_torch(Function(positive), (GOOD,), checks=False)
    assert read_checks(model.module) is None
    assert "stablehlo.compare" not in str(model.module)
    compiled(torch.linalg.inv, GOOD, checks=False)(torch.ones(3, 3))  # raises nothing


def test_a_program_without_assertions_has_no_such_result():
    assert len(oxide.import_torch(Function(torch.sin), (GOOD,)).outputs) == 1


def test_a_condition_on_sizes_that_is_no_conjunction():
    def either(x):
        pred: Any = sym_or(x.shape[0] == 3, x.shape[0] > 5)
        return torch.cond(pred, lambda a: a + 1, lambda a: a - 1, (x,))

    rows = torch.export.Dim("rows", max=100)
    executable = compiled(either, torch.ones(7), dynamic_shapes={"args": ({0: rows},)})
    for count, wanted in ((3, 2), (4, 0), (5, 0), (6, 2)):
        assert (np.asarray(executable(np.ones(count, np.float32))) == wanted).all()
