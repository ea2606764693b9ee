"""In-place operators, views and buffers: what eager PyTorch sees after each write, the import must give."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch_oracle import Function, check

import oxide
from oxide.dialects.diagnostics import OxideError

X = torch.arange(24, dtype=torch.float32).reshape(2, 3, 4) / 7


def write_through_view(x):
    y = x.clone()
    y.view(-1)[1:5].add_(10)
    return y


def view_sees_later_write(x):
    y = x.clone()
    row = y[0]
    y.mul_(2)
    return row, y


def views_of_views(x):
    y = x.clone()
    part = y.transpose(0, 2)[1:3].select(1, 0)
    part.copy_(part + 100)
    return y, part


def two_views_of_one(x):
    y = x.clone()
    a, b = y.split(2, 2)
    a.add_(1)
    b.mul_(a)
    return y, a, b


def slice_with_step(x):
    y = x.clone()
    y[:, ::2, 1::2] = -1
    return y


def reshape_that_copies(x):
    y = x.clone()
    y.transpose(0, 1).reshape(-1).add_(1)
    return y


def reshape_that_aliases(x):
    y = x.clone()
    y.reshape(-1).add_(1)
    return y


def expanded_is_read_again(x):
    y = x[:, :1].clone()
    wide = y.expand(2, 3, 4)
    y.fill_(3)
    return wide + x


def out_variant(x):
    y = torch.empty(2, 3, 4)
    torch.add(x, 1, out=y)
    return y


def integer_in_place_keeps_dtype(x):
    y = x.to(torch.int32)
    y.add_(2)
    y.mul_(torch.tensor(3))
    return y


def half_in_place(x):
    y = x.to(torch.float16)
    y.add_(x)  # computed in float32, kept in float16
    return y


def transpose_in_place(x):
    y = x.clone()
    y.transpose_(0, 2)
    y.add_(1)
    return y


def index_put(x):
    y = x.clone()
    y[torch.tensor([0, 1]), :, torch.tensor([3, 0])] = 5.0
    return y


def dropout_in_evaluation_is_its_input(x):
    y = x.clone()
    torch.nn.functional.dropout(y, 0.5, training=False).add_(1)
    return y


def same_dtype_is_the_tensor_itself(x):
    y = x.clone()
    y.to(torch.float32).add_(1)
    y.type_as(x).add_(2)
    y.to(torch.float64).add_(4)
    y.to(torch.float32, copy=True).add_(8)
    y.contiguous().add_(16)
    y.transpose(0, 1).contiguous().add_(32)
    return y


def clone_is_not_its_input(x):
    y = x.clone()
    y.clone().add_(1)
    return y


def masked(x):
    y = x.clone()
    y[y > 1] = 0
    y.masked_fill_(y < 0.5, 9)
    return y


def write_inside_no_grad(x):
    y = x.clone()
    z = y * 2
    with torch.no_grad():
        y.add_(1)
        w = y + z
    return y, w


@pytest.mark.parametrize(
    "function",
    [
        write_through_view,
        view_sees_later_write,
        views_of_views,
        two_views_of_one,
        slice_with_step,
        reshape_that_copies,
        reshape_that_aliases,
        expanded_is_read_again,
        out_variant,
        integer_in_place_keeps_dtype,
        half_in_place,
        transpose_in_place,
        index_put,
        masked,
        same_dtype_is_the_tensor_itself,
        dropout_in_evaluation_is_its_input,
        clone_is_not_its_input,
    ],
    ids=lambda function: function.__name__,
)
def test_writes(function):
    check(function, X)


class Counter(nn.Module):
    count: torch.Tensor
    last: torch.Tensor
    untouched: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))
        self.register_buffer("last", torch.zeros(3), persistent=False)
        self.register_buffer("untouched", torch.ones(3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.count += 1
        self.last[:2] = x[:2]
        return x * self.count + self.last + self.untouched


def test_buffers_are_results():
    check(Counter(), torch.tensor([1.0, 2.0, 3.0]))


def test_batch_norm_in_training_moves_its_statistics():
    torch.manual_seed(0)
    check(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(inplace=True)), torch.randn(2, 3, 6, 6))


def test_a_write_inside_a_grad_mode_region_is_seen_outside():
    program = torch.export.export(Function(write_inside_no_grad), (X,), strict=False)
    assert any("wrap_with_set_grad_enabled" in str(node.target) for node in program.graph.nodes)
    check(write_inside_no_grad, X)


class Constants(nn.Module):
    """Changes a tensor made in forward, which is a copy, or one that the module holds."""

    def __init__(self, held: bool) -> None:
        super().__init__()
        self.steps = torch.tensor([1, 2])
        self.held = held

    def forward(self, x):
        made = torch.tensor([1, 2])
        (self.steps if self.held else made).add_(1)
        return x + self.steps + made, made


def test_constants_made_in_forward_are_fresh_in_each_call():
    net = oxide.import_torch(Constants(held=False), (torch.zeros(2),)).stateful(cache=False)
    for _ in range(2):
        total, made = net(torch.zeros(2))
        assert (total.tolist(), made.tolist()) == ([3, 5], [2, 3])


def test_a_changed_tensor_that_is_no_buffer_is_refused():
    with pytest.raises(OxideError, match="changes steps, which is no buffer; use register_buffer"):
        oxide.import_torch(Constants(held=True), (torch.zeros(2),))
