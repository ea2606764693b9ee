"""Higher-order operators: branches, loops, scans and attention with score functions, against eager PyTorch."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch._higher_order_ops import associative_scan, scan, while_loop
from torch._higher_order_ops import map as torch_map
from torch.export import Dim
from torch.nn.attention.flex_attention import create_block_mask, flex_attention
from torch_oracle import Function, check, compare

import oxide
from oxide.dialects.diagnostics import OxideError

# PyTorch warns about its own use of torch.jit when it traces a scan.
pytestmark = pytest.mark.filterwarnings("ignore:.*script_method.* is deprecated:DeprecationWarning")


class Layered(nn.Module):
    """A module whose regions use its weights."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Linear(3, 3)


class Branch(Layered):
    def forward(self, x):
        return torch.cond(x.sum() > 0, self.layer, lambda a: a - 1, (x,))


class Nested(Layered):
    def forward(self, x):
        def inner(a):
            return torch.cond(a[0, 0] > 0, lambda b: (b * 2, b.sum()), lambda b: (self.layer(b), b.mean()), (a,))

        return torch.cond(x.sum() > 0, inner, lambda a: (a - 1, a.amax()), (x,))


class Repeat(Layered):
    def forward(self, x, n):
        return while_loop(lambda i, a: i < n, lambda i, a: (i + 1, self.layer(a).tanh()), (torch.tensor(0), x))


class Recurrence(Layered):
    def __init__(self, reverse: bool = False) -> None:
        super().__init__()
        self.reverse = reverse

    def step(self, carry, x):
        following = torch.tanh(self.layer(carry) + x)
        return following, following * 2

    def forward(self, h, xs):
        return scan(self.step, h, xs, dim=1, reverse=self.reverse)


class Mapped(Layered):
    def forward(self, xs, y):
        return torch_map(lambda x, y: self.layer(x + y).sin(), xs, y)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("module", [Branch(), Nested()], ids=["branch", "nested"])
def test_branches(module, sign):
    check(module, sign * torch.tensor([[1.0, -2.0, 3.0], [4.0, 5.0, 6.0]]))


@pytest.mark.parametrize("count", [0, 4])
def test_while_loop(count):
    check(Repeat(), torch.randn(2, 3), torch.tensor(count))


@pytest.mark.parametrize("reverse", [False, True])
def test_scan(reverse):
    check(Recurrence(reverse), torch.randn(2, 3), torch.randn(2, 5, 3))


def test_map():
    check(Mapped(), torch.randn(4, 3), torch.randn(3))


def test_associative_scan():
    def linear(a, b):
        return a[0] * b[0], a[1] * b[0] + b[1]

    def prefixes(xs):
        products = associative_scan(lambda a, b: a * b, xs, 0, combine_mode="generic")
        return products, *associative_scan(linear, (xs, xs + 1), 1, combine_mode="generic", reverse=True)

    check(prefixes, torch.randn(5, 6))


def test_vmap():
    def distances(a, b):
        return torch.vmap(torch.vmap(lambda x, y: (x - y).square().sum() * 0.5, (None, 0)), (0, None))(a, b)

    check(distances, torch.randn(3, 4), torch.randn(5, 4))


def test_flex_attention():
    def attend(q, k, v, slopes):
        def biased(score, batch, head, i, j):
            return torch.where(i >= j, score + slopes[head] * (j - i), -float("inf"))

        window = create_block_mask(lambda b, h, i, j: (i - j < 5) & (i >= j), None, None, 16, 16, device="cpu")
        return flex_attention(q, k, v, score_mod=biased), flex_attention(q, k, v, block_mask=window)

    q, k, v = (torch.randn(2, 2, 16, 8) for _ in range(3))
    check(attend, q, k, v, torch.tensor([0.5, 0.25]))


def test_a_scan_over_a_dynamic_length():
    module, x = Recurrence(), torch.randn(2, 3)
    program = torch.export.export(module, (x, torch.randn(2, 5, 3)), dynamic_shapes=(None, {1: Dim("time")}))
    executable = oxide.import_torch(program).compile(cache=False)
    for length in (5, 3):
        xs, carry, rows = torch.randn(2, length, 3), x, []
        found = executable.run({"h": x.numpy(), "xs": xs.numpy()})
        for part in xs.unbind(1):
            carry, row = module.step(carry, part)
            rows.append(row)
        for actual, tensor in zip(found.values(), (carry, torch.stack(rows, 1)), strict=True):
            compare(np.asarray(actual), tensor.detach(), 1e-5, 1e-6)


def test_a_branch_with_an_unsupported_operator_names_it():
    def unsupported(x):
        return torch.cond(x.sum() > 0, lambda a: torch.poisson(a), lambda a: a * 2, (x,))

    program = torch.export.export(Function(unsupported), (torch.randn(4),), strict=False)
    with pytest.raises(OxideError, match="poisson"):
        oxide.import_torch(program)
