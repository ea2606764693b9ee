"""Sizes that depend on data at the edges of a program: dtypes, bounds, what is refused, torch.compile."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch_oracle import Function, agrees, compare

import oxide
from oxide import OxideError

X = torch.randn(5, 4, generator=torch.Generator().manual_seed(0))
FIRST, NONE, ALL, ONE = (torch.tensor(m).bool() for m in ([1, 0, 1, 0, 1], [0] * 5, [1] * 5, [0, 0, 0, 1, 0]))


@pytest.mark.parametrize(
    "dtype", [torch.bool, torch.uint8, torch.int32, torch.float16, torch.bfloat16, torch.float64]
)
def test_dtypes(dtype: torch.dtype) -> None:
    def of_any(x):
        distinct = torch.unique(x, return_inverse=True, return_counts=True)
        return x.nonzero(), torch.masked_select(x, x > 0), distinct, torch.unique_consecutive(x), x[x > 0].amax()

    agrees(of_any, [(torch.tensor([[2, 0, 1, 1], [0, 0, 1, 3]]).to(dtype),), (torch.ones(2, 4).to(dtype),)])


def test_every_nan_is_distinct_and_zeros_are_equal() -> None:
    numbers = torch.tensor([float("nan"), 1.0, -0.0, float("nan"), 0.0, float("inf")])
    agrees(lambda x: torch.unique(x, return_inverse=True, return_counts=True)[2], [(numbers,)])


def test_empty_tensors_and_scalars() -> None:
    def of_nothing(x, scalar):
        return (
            x.nonzero(),
            torch.masked_select(x, x > 0),
            scalar.nonzero(),
            torch.unique(x.flatten()),
            torch.where(scalar),
        )

    agrees(of_nothing, [(torch.zeros(0, 3), torch.tensor(2)), (torch.zeros(0, 3), torch.tensor(0))])


def test_open_sizes_of_inputs() -> None:
    def some(x, mask):
        return x[mask], x[mask].mean(0), torch.softmax(x[mask], 0)

    rows = torch.export.Dim("rows", min=1)
    examples = [(torch.randn(n, 2), torch.arange(n) % 3 == 0) for n in (4, 7, 1)]
    program = torch.export.export(
        Function(some), examples[0], dynamic_shapes={"args": ({0: rows}, {0: rows})}, strict=False
    )
    executable = oxide.import_torch(program).compile(cache=False)
    for x, mask in examples:
        found = executable.run({spec.name: v.numpy() for spec, v in zip(executable.inputs, (x, mask), strict=True)})
        for actual, expected in zip(found.values(), some(x, mask), strict=True):
            compare(np.asarray(actual), expected, 1e-5, 1e-6)


def test_sizes_the_program_checks() -> None:
    """A checked size is exact; a checked bound makes the buffer smaller, and both hold in every call."""

    def three(x, mask):
        y = x[mask]
        torch._check(y.shape[0] == 3)
        return y + torch.ones(3, 4)

    def at_most_two(x, mask):
        y = x[mask]
        torch._check(y.shape[0] <= 2)
        return y * 2

    agrees(three, [(X, FIRST)])
    agrees(at_most_two, [(X, ONE), (X, NONE)])
    executable = oxide.import_torch(Function(at_most_two), (X, ONE)).compile(cache=False)
    with pytest.raises(OxideError, match="<= 2"):
        executable(X, FIRST)


def test_the_buffer_and_its_count_in_the_module() -> None:
    model = oxide.import_torch(Function(lambda x: (x.nonzero(), x[x > 0])), (torch.ones(2, 3),))
    text = str(model.module)
    assert "tensor<6x2xi64> {oxide.bounded = {axis = 0 : i64, count = 2 : i64}" in text
    assert 'oxide.name = "output.1.count"' in text


def unbounded(x):
    return torch.zeros(x.item())


def of_unknown_length(x):
    return torch.bincount(x)


def of_two_open_dimensions(x):
    return x[x > 0][:, None] * x[x > 0]


def median_of_some(x):
    return x[x > 0].median()


def of_a_shape_pytorch_mistakes(x):
    return torch.unique_consecutive(x, dim=-1)


@pytest.mark.parametrize(
    ("function", "example", "message"),
    [
        (unbounded, torch.tensor(3), r"no upper bound.*torch\._check\(n <= limit\)"),
        (of_unknown_length, torch.tensor([1, 2]), r"aten\.bincount.*no upper bound.*torch\._check"),
        (of_two_open_dimensions, torch.ones(3), r"\[u0, u1\].*only one may"),
        (median_of_some, torch.ones(3), r"aten\.median\.default: not supported.*depends on data.*torch\.where"),
        (of_a_shape_pytorch_mistakes, torch.ones(2, 3), r"2 dimensions, and for PyTorch the shape \[2, u0, 2, 3\]"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_is_refused_says_why_and_what_to_do(function: Any, example: torch.Tensor, message: str) -> None:
    program = torch.export.export(Function(function), (example,), strict=False)
    with pytest.raises(OxideError, match=message):
        oxide.import_torch(program)


def test_lengths_with_a_bound_in_the_program() -> None:
    def bounded(x, weights):
        y = torch.bincount(x)
        torch._check(y.shape[0] <= 10)
        z = torch.repeat_interleave(weights, x, dim=0)
        torch._check(z.shape[0] <= 40)
        return y, y * 2, z

    weights = torch.arange(4.0)
    agrees(bounded, [(torch.tensor(v), weights) for v in ([3, 0, 9, 3], [0, 0, 0, 0], [1, 1, 1, 1])])


class Positive(torch.nn.Module):
    def forward(self, x):
        return x if x.sum() > 0 else -x


def test_a_branch_by_a_value_names_module_and_line() -> None:
    layers = torch.nn.Sequential(torch.nn.Linear(4, 4), Positive())
    with pytest.raises(OxideError, match=r"cannot export Sequential: .*data-dependent") as caught:
        oxide.import_torch(layers, (X,))
    text = str(caught.value)
    line = Positive.forward.__code__.co_firstlineno + 1
    assert f'loc("1"): error: raised at {__file__}:{line}' in text
    assert "torch.cond" in text


@pytest.fixture
def captured_sizes():
    with torch._dynamo.config.patch(capture_dynamic_output_shape_ops=True, capture_scalar_outputs=True):
        torch._dynamo.reset()
        yield


@pytest.mark.usefixtures("captured_sizes")
def test_torch_compile() -> None:
    """The number that a graph returns is one, and the backward graph takes it."""

    def of_some(x, mask):
        y = x[mask]
        return (y * 2).sum(0) * mask.nonzero().shape[0], mask.nonzero().shape[0] + 1

    compiled = torch.compile(of_some, backend="oxide", fullgraph=True)
    for mask in (FIRST, NONE, ALL):
        x, same = X.clone().requires_grad_(), X.clone().requires_grad_()
        total, number = compiled(x, mask)
        expected, wanted = of_some(same, mask)
        assert number == wanted
        assert isinstance(number, int)
        total.sum().backward()
        expected.sum().backward()
        torch.testing.assert_close(total, expected)
        torch.testing.assert_close(x.grad, same.grad)
