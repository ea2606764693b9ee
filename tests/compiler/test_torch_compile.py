"""torch.compile(backend="oxide") on the ways PyTorch programs are written: what eager PyTorch gives, it gives."""

from __future__ import annotations

import copy
import gc
import resource
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

# PyTorch's own, about itself.
pytestmark = pytest.mark.filterwarnings(
    "ignore:.*script_method.* is deprecated:DeprecationWarning", "ignore:.*lr_scheduler.step.*:UserWarning"
)


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    torch._dynamo.reset()
    torch.manual_seed(0)
    yield
    torch._dynamo.reset()


def agrees(function: Callable[..., Any], *arguments: Any, rtol: float = 1e-5, **options: Any) -> Any:
    """Compile, call twice on copies of the arguments, compare results and arguments with eager PyTorch."""
    eager = copy.deepcopy(function)
    compiled = torch.compile(function, backend="oxide", **options)
    for _ in range(2):
        given, expected = copy.deepcopy(arguments), copy.deepcopy(arguments)
        torch.testing.assert_close(compiled(*given), eager(*expected), rtol=rtol, atol=1e-5)
        torch.testing.assert_close(given, expected, rtol=rtol, atol=1e-5)
    return compiled


# --------------------------------------------------------------------------------------------------- models


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU())
        self.head = nn.Linear(4, 3)

    def forward(self, x):
        return self.head((x + self.body(x)).mean((2, 3)))


class Decoder(nn.Module):
    """Attention with a cache in its buffers, one token a call."""

    keys: torch.Tensor
    values: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(11, 8)
        self.project = nn.Linear(8, 24)
        self.register_buffer("keys", torch.zeros(1, 2, 6, 4))
        self.register_buffer("values", torch.zeros(1, 2, 6, 4))

    def forward(self, token, position):
        q, k, v = self.project(self.embed(token)).view(1, 1, 3, 2, 4).permute(2, 0, 3, 1, 4)
        self.keys.index_copy_(2, position, k)
        self.values.index_copy_(2, position, v)
        mask = (torch.arange(6) <= position)[None, None, None]
        return nn.functional.scaled_dot_product_attention(q, self.keys, self.values, attn_mask=mask)


def encoder() -> nn.Module:
    return nn.TransformerEncoder(
        nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 2, enable_nested_tensor=False
    )


MODELS: dict[str, tuple[Callable[[], nn.Module], Callable[[], tuple[torch.Tensor, ...]]]] = {
    "residual": (Residual, lambda: (torch.randn(2, 4, 6, 6),)),
    "encoder": (encoder, lambda: (torch.randn(2, 5, 8),)),
    "lstm": (lambda: nn.LSTM(3, 4, 2), lambda: (torch.randn(5, 2, 3),)),
    "decoder": (Decoder, lambda: (torch.tensor([[3]]), torch.tensor([2]))),
}


@pytest.mark.filterwarnings("ignore:dynamo.* RNN:UserWarning")
@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
@pytest.mark.parametrize("name", MODELS)
def test_models(name, mode):
    build, inputs = MODELS[name]
    with mode():
        agrees(build().eval(), *inputs())


def test_a_cache_fills_token_by_token():
    module = Decoder().eval()
    eager = copy.deepcopy(module)
    compiled = torch.compile(module, backend="oxide", fullgraph=True)
    with torch.no_grad():
        for position in range(4):
            arguments = torch.tensor([[position + 1]]), torch.tensor([position])
            torch.testing.assert_close(compiled(*arguments), eager(*arguments), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(module.keys, eager.keys)


# ------------------------------------------------------------------------------------------------- training


def trained(module: nn.Module, make: Callable[..., torch.optim.Optimizer], x: torch.Tensor, compiled: bool) -> Any:
    """Losses and state after three steps; the optimizer's step is compiled, too."""
    optimizer = make(module.parameters())

    def step() -> None:
        optimizer.step()

    forward = torch.compile(module, backend="oxide") if compiled else module
    update = torch.compile(step, backend="oxide") if compiled else step
    losses = []
    for _ in range(3):
        optimizer.zero_grad()
        loss = forward(x).square().mean()
        loss.backward()
        update()
        losses.append(loss.detach())
    return losses, module.state_dict()


@pytest.mark.parametrize("options", [{"foreach": True}, {"foreach": False}, {"fused": True}])
def test_training_with_adam(options):
    module, x = nn.Sequential(nn.Linear(4, 8), nn.LayerNorm(8), nn.GELU(), nn.Linear(8, 2)), torch.randn(5, 4)

    def make(parameters: Any) -> torch.optim.Optimizer:
        return torch.optim.AdamW(parameters, lr=1e-2, **options)

    expected = trained(copy.deepcopy(module), make, x, compiled=False)
    torch.testing.assert_close(trained(module, make, x, compiled=True), expected, rtol=1e-4, atol=1e-6)


def gradients(function: Callable[..., torch.Tensor], module: nn.Module, x: torch.Tensor) -> list[torch.Tensor]:
    module.zero_grad()
    given = x.clone().requires_grad_()
    function(given).square().sum().backward()
    found = [given.grad, *(p.grad for p in module.parameters())]
    return [g.clone() for g in found if g is not None]


def test_gradient_checkpointing():
    module = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 4))

    def function(x):
        return checkpoint(module, x, use_reentrant=False)

    found = gradients(torch.compile(function, backend="oxide"), module, torch.ones(3, 4))
    torch.testing.assert_close(found, gradients(function, module, torch.ones(3, 4)), rtol=1e-5, atol=1e-6)


def test_autocast():
    module = nn.Sequential(nn.Linear(4, 8), nn.LayerNorm(8), nn.GELU(), nn.Linear(8, 3))

    def function(x):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return module(x)

    x = torch.randn(3, 4)
    compiled = torch.compile(function, backend="oxide")
    assert compiled(x).dtype == function(x).dtype
    torch.testing.assert_close(compiled(x), function(x), rtol=1e-2, atol=1e-2)  # bf16 has 8 bits
    exact = gradients(module, module, x)
    for a, b, c in zip(gradients(compiled, module, x), gradients(function, module, x), exact, strict=True):
        assert a.dtype == b.dtype
        assert (a - c).norm() <= 2 * (b - c).norm() + 1e-3 * c.norm()  # as near to float32 as eager autocast


# ------------------------------------------------------------------------------------------------- programs


def test_sizes_are_dynamic_when_asked():
    def function(x):
        return torch.cat([x, x * x.shape[0]]).sum(0)

    compiled = torch.compile(function, backend="oxide", dynamic=True)
    for rows in (2, 5, 9):
        x = torch.randn(rows, 3)
        torch.testing.assert_close(compiled(x), function(x), rtol=1e-5, atol=1e-5)


def test_hooks_see_what_modules_give():
    module, seen = nn.Sequential(nn.Linear(3, 3), nn.ReLU()), []
    module[0].register_forward_hook(lambda m, args, output: seen.append(output.detach().clone()) or output * 2)
    x = torch.randn(2, 3)
    with torch.no_grad():
        torch.testing.assert_close(torch.compile(module, backend="oxide")(x), module(x))
    torch.testing.assert_close(seen[0], seen[1])


def views(x):
    y = x.view(-1)
    y[1:3].mul_(2)
    return x.t(), y[2:], x


def no_dimensions(x):
    return x.sum() + 1, x.max().item() > 0, x.sum().to(torch.int32)


def nothing_computed(x):
    return x, x.shape[0], None


@pytest.mark.parametrize("function", [views, no_dimensions, nothing_computed])
@pytest.mark.parametrize(
    "x",
    [torch.arange(12.0).reshape(3, 4), torch.arange(24.0).reshape(3, 8)[:, ::2], torch.ones(1, 1)],
    ids=["contiguous", "strided", "one element"],
)
def test_arguments_of_any_layout(function, x):
    if function is views and not x.is_contiguous():
        pytest.skip("PyTorch has no view(-1) of it")
    agrees(function, x)


def test_outputs_alias_what_they_alias_in_eager():
    def function(x):
        return x[1:], x + 1

    x = torch.zeros(3)
    view, fresh = torch.compile(function, backend="oxide")(x)
    view.fill_(5)
    assert x.tolist() == [0, 5, 5]
    assert fresh.tolist() == [1, 1, 1]


def test_results_are_writable_and_their_own():
    compiled = torch.compile(lambda x: x * 2, backend="oxide")
    x = torch.ones(3)
    first = compiled(x)
    first.add_(1)
    assert compiled(x).tolist() == [2, 2, 2]
    assert first.tolist() == [3, 3, 3]


def test_a_failed_assertion_is_an_error():
    def function(x):
        torch.ops.aten._assert_async.msg((x > 0).all(), "x is positive")
        return x.log()

    compiled = torch.compile(function, backend="oxide")
    torch.testing.assert_close(compiled(torch.ones(3)), torch.zeros(3))
    with pytest.raises(Exception, match="x is positive"):
        compiled(-torch.ones(3))


def test_sparse_tensors_stay_with_pytorch():
    found = torch.compile(lambda x: x * 2, backend="oxide")(torch.eye(3).to_sparse())
    torch.testing.assert_close(found.to_dense(), torch.eye(3) * 2)


def test_memory_does_not_grow_with_calls():
    compiled = torch.compile(lambda x: (x * 2).sum(0), backend="oxide")
    x = torch.ones(1 << 20, 4)  # 16 MB
    for _ in range(3):
        compiled(x)
    gc.collect()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(20):
        compiled(x.clone())
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # KB; copies kept would be 320 MB
