"""Training steps through torch.compile(backend="oxide") against eager PyTorch."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils._pytree import tree_leaves
from torch_oracle import check


@pytest.fixture(autouse=True)
def fresh() -> None:
    torch._dynamo.reset()
    torch.manual_seed(0)


def train(module: nn.Module, *inputs: torch.Tensor, rtol: float = 1e-5, atol: float = 1e-6) -> None:
    """Three steps of SGD, compiled and eager: losses, gradients, parameters and buffers must agree."""
    reference = copy.deepcopy(module)
    compiled = torch.compile(module, backend="oxide")
    models = [(compiled, module), (reference, reference)]
    optimizers = [torch.optim.SGD(m.parameters(), lr=0.05, momentum=0.9) for _, m in models]
    for _ in range(3):
        losses = []
        for (forward, _), optimizer in zip(models, optimizers, strict=True):
            loss = forward(*inputs).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.detach())
        torch.testing.assert_close(*losses, rtol=rtol, atol=atol)
        for found, expected in zip(module.parameters(), reference.parameters(), strict=True):
            torch.testing.assert_close(found.grad, expected.grad, rtol=10 * rtol, atol=atol)
    torch.testing.assert_close(module.state_dict(), reference.state_dict(), rtol=10 * rtol, atol=atol)


def gradients(function: Callable[..., Any], *inputs: torch.Tensor) -> None:
    """The gradients by all inputs of weighted sums of the function's results."""
    weights = [torch.randn_like(y) for y in tree_leaves(function(*inputs))]
    found = []
    for forward in (torch.compile(function, backend="oxide"), function):
        leaves = [x.detach().clone().requires_grad_(x.is_floating_point()) for x in inputs]
        results = tree_leaves(forward(*leaves))
        torch.stack([(y * w).sum() for y, w in zip(results, weights, strict=True)]).sum().backward()
        found.append([leaf.grad for leaf in leaves])
    torch.testing.assert_close(*found, rtol=1e-4, atol=1e-5)


class Residual(nn.Module):
    """A block of a residual network: strided, with a projection."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, out, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(out),
            nn.ReLU(),
            nn.Conv2d(out, out, 3, padding=1, groups=4),
            nn.BatchNorm2d(out),
        )
        self.side = nn.Sequential(nn.Conv2d(channels, out, 1, stride=2, bias=False), nn.BatchNorm2d(out))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.body(x) + self.side(x))


def test_a_convolutional_net() -> None:
    net = nn.Sequential(
        nn.Conv2d(3, 8, 5, stride=2, padding=2),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.MaxPool2d(3, stride=2, padding=1),
        Residual(8, 16),
        nn.ConvTranspose2d(16, 8, 4, stride=2, padding=1, groups=2),
        nn.GroupNorm(2, 8),
        nn.SiLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(8, 5),
    )
    train(net, torch.randn(4, 3, 32, 32))


class Block(nn.Module):
    """Embedding and a decoder block before a classifier."""

    def __init__(self, tokens: int = 11, width: int = 16, heads: int = 4) -> None:
        super().__init__()
        self.heads = heads
        self.embed = nn.Embedding(tokens, width, padding_idx=0)
        self.norms = nn.ModuleList([nn.LayerNorm(width), nn.LayerNorm(width)])
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
        self.head = nn.Linear(width, tokens)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        x = self.embed(tokens)
        q, k, v = self.qkv(self.norms[0](x)).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        mixed = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(mixed.transpose(1, 2).flatten(2))
        x = x + self.mlp(self.norms[1](x))
        logits = self.head(x)
        return nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), tokens[:, 1:].flatten()).sqrt()


def test_a_transformer_block() -> None:
    train(Block(), torch.randint(0, 11, (3, 7)))


CONVOLUTIONS: list[tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]] = [
    ((2, 3, 9, 8), (4, 3, 3, 2), {}),
    ((2, 3, 9, 8), (4, 3, 3, 2), {"stride": [2, 3], "padding": [1, 2], "dilation": [1, 2]}),
    ((2, 4, 9, 8), (6, 2, 3, 2), {"stride": [2, 3], "padding": [1, 2], "dilation": [2, 1], "groups": 2}),
    ((2, 4, 9), (8, 1, 3), {"stride": [2], "padding": [1], "groups": 4}),
    ((2, 4, 5, 6, 7), (2, 4, 3, 1, 2), {"stride": [2, 1, 2], "padding": [1, 0, 1], "dilation": [1, 1, 2]}),
    ((2, 4, 5, 6), (4, 3, 3, 2), {"transposed": True, "stride": [2, 3], "padding": [1, 0], "extra": [1, 2]}),
    ((2, 4, 5, 6), (4, 3, 3, 2), {"transposed": True, "groups": 2, "dilation": [3, 3], "extra": [2, 1]}),
    ((2, 4, 5), (4, 1, 3), {"transposed": True, "groups": 4, "stride": [2], "padding": [1], "extra": [1]}),
    ((0, 4, 5), (4, 1, 3), {"transposed": True, "groups": 4, "stride": [2]}),
    ((0, 3, 9, 8), (4, 3, 3, 2), {}),
]


@pytest.mark.parametrize("mask", [(True, True, True), (False, True, False)])
@pytest.mark.parametrize(("shape", "kernel", "options"), CONVOLUTIONS)
def test_convolution_backward(
    shape: tuple[int, ...], kernel: tuple[int, ...], options: dict[str, Any], mask: tuple[bool, ...]
) -> None:
    spatial = len(shape) - 2
    ones, zeros = [1] * spatial, [0] * spatial
    x, w = torch.randn(shape), torch.randn(kernel)
    arguments = (
        options.get("stride", ones),
        options.get("padding", zeros),
        options.get("dilation", ones),
        options.get("transposed", False),
        options.get("extra", zeros),
        options.get("groups", 1),
    )
    y = torch.ops.aten.convolution(x, w, None, *arguments)

    def backward(grad: torch.Tensor, x: torch.Tensor, w: torch.Tensor) -> list[torch.Tensor]:
        grads = torch.ops.aten.convolution_backward(grad, x, w, [y.shape[1]], *arguments, list(mask))
        return [grad for grad in grads if grad is not None]

    check(backward, torch.randn_like(y), x, w, rtol=1e-4, atol=1e-5)


f = nn.functional
POOLINGS: dict[str, tuple[Callable[..., Any], tuple[int, ...]]] = {
    "max 1d": (lambda x: f.max_pool1d(x, 3, 2, 1), (2, 3, 9)),
    "max 2d, windows overlap": (lambda x: f.max_pool2d(x, 3, 1, 1), (2, 3, 6, 5)),
    "max 2d, dilated": (lambda x: f.max_pool2d(x, 2, 2, 0, 2, ceil_mode=True), (2, 3, 7, 8)),
    "max 3d": (lambda x: f.max_pool3d(x, 2, 2, 1), (3, 4, 5, 6)),
    "average 1d": (lambda x: f.avg_pool1d(x, 3, 2, 1), (2, 3, 9)),
    "average 2d": (lambda x: f.avg_pool2d(x, 3, 2, 1, ceil_mode=True), (2, 3, 8, 6)),
    "average 2d, without padding": (
        lambda x: f.avg_pool2d(x, 3, 2, 1, ceil_mode=True, count_include_pad=False),
        (2, 3, 8, 6),
    ),
    "average 3d, own divisor": (lambda x: f.avg_pool3d(x, 2, 2, 0, divisor_override=3), (2, 4, 5, 6)),
    "adaptive average 2d": (lambda x: f.adaptive_avg_pool2d(x, (3, 4)), (2, 3, 9, 7)),
    "adaptive average 3d": (lambda x: f.adaptive_avg_pool3d(x, (3, 2, 3)), (2, 3, 4, 7)),
    "adaptive maximum 2d": (lambda x: f.adaptive_max_pool2d(x, (3, 4)), (2, 3, 9, 7)),
    "adaptive maximum 2d, even": (lambda x: f.adaptive_max_pool2d(x, (3, 1)), (3, 9, 7)),
    "adaptive maximum 3d": (lambda x: f.adaptive_max_pool3d(x, (3, 2, 3)), (2, 3, 4, 7)),
}


def test_pooling() -> None:
    def pool(*inputs: torch.Tensor) -> list[torch.Tensor]:
        return [function(x) for x, (function, _) in zip(inputs, POOLINGS.values(), strict=True)]

    gradients(pool, *(torch.randn(shape) for _, shape in POOLINGS.values()))


ACTIVATIONS = ["gelu", "silu", "mish", "elu", "leaky_relu", "hardswish", "hardsigmoid", "softplus", "logsigmoid"]


def test_activations() -> None:
    def activate(x: torch.Tensor) -> list[torch.Tensor]:
        return [getattr(f, name)(x) for name in ACTIVATIONS]

    gradients(activate, torch.linspace(-5, 5, 50))


MASKS = {
    "none": None,
    "bool": torch.tensor([[True, False, True, True], [False] * 4, [True] * 4]),
    "float": torch.tensor([[0.5, -1, 2, float("-inf")], [0.0, 0, 0, 0], [1.0, 2, 3, 4]]),
}


@pytest.mark.parametrize(("mask", "causal"), [("none", False), ("none", True), ("bool", False), ("float", False)])
def test_attention(mask: str, causal: bool) -> None:
    shapes = [(2, 2, 3, 8), (2, 2, 4, 8), (2, 2, 4, 8)]

    def attention(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        return f.scaled_dot_product_attention(q, k, v, MASKS[mask], is_causal=causal)

    gradients(attention, *(torch.randn(shape) for shape in shapes))


# Operator, output size, input shape and what else it takes.
RESIZINGS: list[tuple[str, list[int], list[int], tuple[Any, ...]]] = [
    ("upsample_nearest1d", [11], [2, 3, 7], ()),
    ("upsample_nearest2d", [10, 8], [2, 3, 5, 4], (2.0, 2.0)),
    ("upsample_nearest3d", [3, 7, 4], [1, 2, 3, 4, 5], ()),
    ("_upsample_nearest_exact2d", [7, 3], [2, 3, 5, 4], ()),
    ("upsample_linear1d", [11], [2, 3, 7], (False,)),
    ("upsample_bilinear2d", [9, 3], [2, 3, 5, 4], (False,)),
    ("upsample_bilinear2d", [9, 1], [2, 3, 5, 4], (True,)),
    ("upsample_bilinear2d", [8, 6], [2, 3, 5, 4], (False, 1.7, 1.7)),
    ("upsample_trilinear3d", [5, 2, 7], [1, 2, 3, 4, 5], (False,)),
    ("upsample_bicubic2d", [9, 3], [2, 3, 5, 4], (False,)),
    ("upsample_bicubic2d", [9, 3], [2, 3, 5, 4], (True,)),
    ("_upsample_bilinear2d_aa", [9, 2], [2, 3, 5, 7], (False,)),
    ("_upsample_bilinear2d_aa", [3, 9], [2, 3, 5, 7], (True,)),
    ("_upsample_bicubic2d_aa", [9, 2], [2, 3, 5, 7], (False,)),
]


def test_gradients_of_resizing() -> None:
    def backward(*grads: torch.Tensor) -> list[torch.Tensor]:
        return [
            getattr(torch.ops.aten, f"{name}_backward")(grad, size, shape, *options)
            for grad, (name, size, shape, options) in zip(grads, RESIZINGS, strict=True)
        ]

    check(backward, *(torch.randn(*shape[:2], *size) for _, size, shape, _ in RESIZINGS))


def test_resizing_with_antialiasing() -> None:
    def resize(x: torch.Tensor, image: torch.Tensor) -> list[torch.Tensor]:
        sizes = [(9, 2), (3, 7), (2, 12)]
        modes = ["bilinear", "bicubic"]
        found = [f.interpolate(x, size, mode=mode, antialias=True) for size in sizes for mode in modes]
        return [*found, f.interpolate(image, (3, 4), mode="bilinear", antialias=True)]

    check(resize, torch.randn(2, 3, 5, 7), torch.rand(1, 3, 6, 9).double())


BAGS: list[dict[str, Any]] = [
    {"mode": "sum"},
    {"mode": "mean", "padding_idx": 2},
    {"mode": "max"},
    {"mode": "sum", "include_last_offset": True},
    {"mode": "sum", "padding_idx": 1, "per_sample_weights": torch.tensor([0.5, 2, 3, -1, 4, 1])},
]


def test_bags_of_embeddings() -> None:
    indices, offsets = torch.tensor([1, 2, 1, 4, 0, 2]), torch.tensor([0, 3, 3, 4, 6])

    def bags(*weights: torch.Tensor) -> list[torch.Tensor]:
        return [f.embedding_bag(indices, w, offsets, **options) for w, options in zip(weights, BAGS, strict=True)]

    weights = [torch.randn(5, 3) for _ in BAGS]
    check(bags, *weights)
    gradients(bags, *weights)


def test_what_bags_keep_for_their_gradients() -> None:
    indices, offsets = torch.tensor([1, 2, 1, 4, 0, 2]), torch.tensor([0, 3, 3, 4])

    def bags(w: torch.Tensor) -> list[torch.Tensor]:
        given = (w, indices, offsets, False)
        return [
            x
            for mode in range(3)
            for pad in (-1, 4)
            for x in torch.ops.aten._embedding_bag(*given, mode, padding_idx=pad)
        ]

    check(bags, torch.randn(5, 3))


def test_bags_whose_gradients_are_scaled_by_frequency() -> None:
    """As PyTorch documents it and its other embedding does it; its bags on the CPU take counts of other indices."""
    indices, offsets = torch.tensor([1, 2, 1, 4, 0, 2]), torch.tensor([0, 3])
    weight = torch.randn(5, 3, requires_grad=True)
    reference = weight.detach().clone().requires_grad_()

    @torch.compile(backend="oxide")
    def bags(w: torch.Tensor) -> torch.Tensor:
        return f.embedding_bag(indices, w, offsets, mode="sum", scale_grad_by_freq=True)

    bags(weight).square().sum().backward()
    rows = f.embedding(indices, reference, scale_grad_by_freq=True)
    torch.stack([rows[:3].sum(0), rows[3:].sum(0)]).square().sum().backward()
    torch.testing.assert_close(weight.grad, reference.grad)


PADS: list[tuple[str, list[int], tuple[int, ...]]] = [
    ("replicate", [2, 3], (2, 3, 4)),
    ("replicate", [1, 0, -1, 2], (2, 3, 4, 5)),
    ("replicate", [1, 2, 0, 1, 3, 0], (1, 2, 3, 4, 5)),
    ("reflect", [2, 3], (2, 3, 4)),
    ("reflect", [1, 0, 2, 2], (2, 3, 4, 5)),
    ("circular", [1, 0, 2, 2], (2, 3, 4, 5)),
    ("constant", [1, -1, 2, 2], (2, 3, 4, 5)),
]


def test_padding() -> None:
    def pad(*inputs: torch.Tensor) -> list[torch.Tensor]:
        return [f.pad(x, amounts, mode=mode) for x, (mode, amounts, _) in zip(inputs, PADS, strict=True)]

    gradients(pad, *(torch.randn(shape) for _, _, shape in PADS))
