"""torch.compile(backend="oxide") against eager PyTorch."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from oxide import torch_backend
from oxide.dialects.diagnostics import OxideError


@pytest.fixture(autouse=True)
def fresh() -> None:
    torch._dynamo.reset()
    torch.manual_seed(0)


@pytest.fixture
def programs(monkeypatch: pytest.MonkeyPatch) -> list[torch_backend._Program]:
    """The programs compiled during the test."""
    made: list[torch_backend._Program] = []
    original = torch_backend._Program.__init__

    def init(self: torch_backend._Program, *arguments: Any) -> None:
        original(self, *arguments)
        made.append(self)

    monkeypatch.setattr(torch_backend._Program, "__init__", init)
    return made


def check(function: Callable[..., Any], *arguments: torch.Tensor, **options: Any) -> Callable[..., Any]:
    """Compare the compiled function with itself in eager mode; returns the compiled one."""
    compiled = torch.compile(function, backend="oxide", options=options)
    torch.testing.assert_close(compiled(*arguments), function(*arguments), rtol=1e-5, atol=1e-6)
    return compiled


def net() -> nn.Module:
    return nn.Sequential(nn.Linear(8, 16), nn.GELU(), nn.LayerNorm(16), nn.Linear(16, 4))


def test_a_module_in_evaluation(programs: list[torch_backend._Program]) -> None:
    with torch.no_grad():
        check(net(), torch.randn(5, 8))
    assert len(programs) == 1


def test_parameters_are_shared_not_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[int, int] = {}
    original = torch_backend._Shared.array

    def array(self: Any, tensor: torch.Tensor) -> Any:
        result = original(self, tensor)
        given[tensor.data_ptr()] = result.unsafe_buffer_pointer()
        return result

    monkeypatch.setattr(torch_backend._Shared, "array", array)
    module = net()
    with torch.no_grad():
        compiled = check(module, torch.randn(5, 8))
        assert all(given[p.data_ptr()] == p.data_ptr() for p in module.parameters())
        for parameter in module.parameters():  # a change in place is seen
            parameter.mul_(2)
        x = torch.randn(5, 8)
        torch.testing.assert_close(compiled(x), module(x), rtol=1e-5, atol=1e-6)


def test_a_graph_break_and_what_follows(programs: list[torch_backend._Program]) -> None:
    def function(x: torch.Tensor) -> torch.Tensor:
        y = torch.tanh(x)
        torch._dynamo.graph_break()
        return y * 2 if y.sum() > 0 else y - 1

    check(function, torch.randn(4))
    assert len(programs) >= 2


def test_guards_compile_again_for_dtypes_and_sizes(programs: list[torch_backend._Program]) -> None:
    def function(x: torch.Tensor) -> torch.Tensor:
        return x.reshape(-1, x.shape[0]).sum(1) * x.shape[0]

    compiled = check(function, torch.randn(3, 4))
    for rows in (5, 6, 7, 5):
        x = torch.randn(rows, 4)
        torch.testing.assert_close(compiled(x), function(x))
    x = torch.arange(12).reshape(3, 4)
    torch.testing.assert_close(compiled(x), function(x))
    assert len(programs) == 5  # four row counts of floats, one of integers


def test_inputs_are_mutated_and_outputs_may_alias_them() -> None:
    def function(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x.add_(1)
        return x.t(), x[0] * 2

    x = torch.randn(3, 4)
    expected = x.clone()
    results = torch.compile(function, backend="oxide")(x)
    torch.testing.assert_close(results, function(expected))
    torch.testing.assert_close(x, expected)
    results[0].zero_()
    assert not x.any()


@pytest.mark.parametrize(
    "dtype", [torch.bool, torch.int64, torch.uint8, torch.bfloat16, torch.float64, torch.complex64]
)
def test_dtypes_pass_through(dtype: torch.dtype) -> None:
    x = torch.tensor([[0, 1, 2], [3, 0, 1]]).to(dtype)
    check(lambda x: (x.flip(0), x.t().contiguous(), torch.cat([x, x])), x.t())


def train(module: nn.Module, x: torch.Tensor, **options: Any) -> None:
    """Three steps of SGD, compiled and eager: the losses, parameters and buffers must agree."""
    reference = copy.deepcopy(module)
    compiled = torch.compile(module, backend="oxide", options=options)
    steps = [(compiled, module), (reference, reference)]
    optimizers = [torch.optim.SGD(m.parameters(), lr=0.05, momentum=0.9) for _, m in steps]
    for _ in range(3):
        losses = []
        for (forward, _), optimizer in zip(steps, optimizers, strict=True):
            loss = forward(x).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.detach())
        torch.testing.assert_close(*losses, rtol=1e-5, atol=1e-7)
    torch.testing.assert_close(module.state_dict(), reference.state_dict(), rtol=1e-4, atol=1e-6)


def test_training() -> None:
    train(net(), torch.randn(5, 8))


def test_training_a_recurrent_net() -> None:
    class Recurrent(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lstm = nn.LSTM(6, 8, 2, batch_first=True, bidirectional=True)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.lstm(x)[0]

    train(Recurrent(), torch.randn(2, 5, 6))


def test_dropout_draws_anew_and_repeats_after_a_seed() -> None:
    module = nn.Sequential(nn.Linear(64, 64), nn.Dropout(0.25))
    compiled = torch.compile(module, backend="oxide")
    x = torch.randn(32, 64)
    torch.manual_seed(3)
    first, second = compiled(x), compiled(x)
    assert not torch.equal(first, second)
    torch.manual_seed(3)
    torch.testing.assert_close(compiled(x), first)
    kept = first != 0
    assert 0.7 < kept.float().mean() < 0.8
    torch.testing.assert_close(first[kept], module[0](x)[kept] / 0.75, rtol=1e-5, atol=1e-6)
    first.sum().backward()
    expected = (kept / 0.75).T @ x
    torch.testing.assert_close(module[0].weight.grad, expected, rtol=1e-4, atol=1e-4)


@torch.library.custom_op("oxide_test::shuffled", mutates_args=())
def shuffled(x: torch.Tensor) -> torch.Tensor:
    return torch.from_numpy(x.numpy()[::-1] + 1)  # numpy cannot be traced


@shuffled.register_fake
def _(x: torch.Tensor) -> torch.Tensor:
    return torch.empty_like(x)


def refused(x: torch.Tensor) -> torch.Tensor:
    return shuffled(x.sigmoid()) * x.exp()


def test_what_cannot_be_imported_is_an_error_with_its_line() -> None:
    with pytest.raises(Exception, match=r"oxide_test\.shuffled\.default: not supported") as caught:
        torch.compile(refused, backend="oxide")(torch.randn(4))
    assert "test_torch_backend.py" in str(caught.value)


@pytest.mark.parametrize("options", [{"unsupported": "eager"}, {"eager_ops": ["oxide_test.shuffled.default"]}])
def test_pytorch_runs_what_it_is_asked_to(options: dict[str, Any], programs: list[torch_backend._Program]) -> None:
    check(refused, torch.randn(4), **options)
    assert programs


@pytest.mark.parametrize("options", [{"speed": 3}, {"unsupported": "guess"}])
def test_unknown_options_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(OxideError, match="option"):
        torch_backend.oxide_backend(torch.fx.symbolic_trace(nn.ReLU()), [torch.randn(2)], options=options)
