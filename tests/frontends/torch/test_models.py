"""Small models of every kind against eager PyTorch: the executable, and the emitted JAX source."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
import pytest
import torch
from conformance.torch_adapter import run
from exported_modules import (
    CachedDecoder,
    ConvNet,
    DetectionHead,
    DiffusionBlock,
    Experts,
    LogMel,
    StateSpace,
    WindowAttention,
)
from jax_source_oracle import load, nested
from torch import nn
from torch.func import functional_call, grad, vmap
from torch.fx.experimental.proxy_tensor import make_fx
from torch.nn import functional as F
from torch.utils import _pytree as pytree
from torch_oracle import check, compare, compare_buffers

import oxide
from oxide.effects import read_checks, read_updates
from oxide.parameters import torch_array

RTOL, ATOL = 1e-4, 1e-5


def normal(*shape: int) -> torch.Tensor:
    return torch.randn(*shape)


def decoder_inputs() -> tuple[torch.Tensor, ...]:
    batch, length, past = 2, 3, 4
    mask = torch.ones(batch, past + length, dtype=torch.int64)
    mask[0, :2] = 0
    positions = torch.arange(past, past + length).expand(batch, length)
    return torch.randint(0, 20, (batch, length)), mask, positions, normal(2, 2, past, 4), normal(2, 2, past, 4)


class SpectralLayer(nn.Module):
    """A Fourier neural operator's layer: complex weights on the lowest frequencies."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(3, 3, 2, dtype=torch.complex64))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        spectrum = torch.fft.rfft(x, norm="ortho")
        low = torch.einsum("bif,iof->bof", spectrum[..., :2], self.weight)
        return torch.fft.irfft(F.pad(low, (0, spectrum.shape[-1] - 2)), n=x.shape[-1], norm="ortho")


class Codebook(nn.Module):
    """Vector quantisation whose codes follow a moving average of what they stand for."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("codes", torch.randn(8, 6))
        self.register_buffer("counts", torch.ones(8), persistent=False)
        self.codes: torch.Tensor
        self.counts: torch.Tensor

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        flat = x.reshape(-1, 6)
        chosen = torch.cdist(flat, self.codes).argmin(1)
        hot = F.one_hot(chosen, 8).to(x.dtype)
        self.counts.mul_(0.9).add_(hot.sum(0), alpha=0.1)
        sums = hot.sum(0)[:, None]
        self.codes.copy_(torch.where(sums > 0, hot.t() @ flat / sums.clamp(min=1), self.codes))
        return F.embedding(chosen, self.codes).view_as(x), chosen


class StaticCache(nn.Module):
    """One step of decoding into buffers of fixed length, read under a mask."""

    def __init__(self) -> None:
        super().__init__()
        self.keys = nn.Buffer(torch.zeros(2, 2, 8, 4))
        self.values = nn.Buffer(torch.zeros(2, 2, 8, 4))

    def forward(self, q, k, v, position):
        self.keys[:, :, position] = k
        self.values.index_copy_(2, position, v)
        seen = torch.arange(8)[None] <= position[:, None]
        return F.scaled_dot_product_attention(q, self.keys, self.values, attn_mask=seen, enable_gqa=True)


MODELS: dict[str, tuple[Callable[[], nn.Module], Callable[[], tuple[Any, ...]]]] = {
    "convolutions": (ConvNet, lambda: (normal(2, 3, 20, 24),)),
    "windows of attention": (WindowAttention, lambda: (normal(2, 8, 8, 8),)),
    "detection head": (DetectionHead, lambda: (normal(2, 3, 16, 16),)),
    "diffusion block": (DiffusionBlock, lambda: (normal(2, 8, 4, 4), torch.tensor([3, 500]), normal(2, 5, 6))),
    "decoder with cache": (CachedDecoder, decoder_inputs),
    "experts": (Experts, lambda: (normal(5, 6),)),
    "selective scan": (StateSpace, lambda: (normal(2, 6, 4),)),
    "log-mel spectrogram": (LogMel, lambda: (normal(2, 64),)),
    "spectral layer": (SpectralLayer, lambda: (normal(2, 3, 10),)),
    "decoder of an encoder's output": (
        lambda: nn.TransformerDecoderLayer(8, 2, 16, norm_first=True),
        lambda: (normal(5, 2, 8), normal(4, 2, 8)),
    ),
    "recurrent": (lambda: nn.LSTM(6, 8, 2, bidirectional=True), lambda: (normal(2, 5, 6),)),
    "static cache": (
        StaticCache,
        lambda: (normal(2, 4, 1, 4), normal(2, 2, 1, 4), normal(2, 2, 1, 4), torch.tensor([3])),
    ),
    "codebook": (Codebook, lambda: (normal(2, 3, 6),)),
}


# torch.export says this of every recurrent module.
@pytest.mark.filterwarnings("ignore:The tensor attributes .*_flat_weights:UserWarning")
@pytest.mark.parametrize("name", MODELS)
def test_model(name: str):
    build, inputs = MODELS[name]
    torch.manual_seed(0)
    agrees(build().eval(), inputs())


def agrees(module: nn.Module, args: tuple[Any, ...], *, decompose: bool = False) -> None:
    """The executable and the JAX source give what eager PyTorch does, the new values of buffers included."""
    program = torch.export.export(copy.deepcopy(module), args, strict=False)
    if decompose:
        program = program.run_decompositions()
    found = run(program, args, {})
    eager = copy.deepcopy(module)
    with torch.no_grad():
        expected = pytree.tree_leaves(eager(*copy.deepcopy(args)))
    for actual, tensor in zip(found["outputs"], expected, strict=True):
        compare(actual, tensor, RTOL, ATOL)
    buffers = dict(eager.named_buffers())
    compare_buffers(found["buffers"] or {}, dict(module.named_buffers()), buffers, RTOL, ATOL)
    model = oxide.import_torch(program)
    passed = [torch.tensor(0, dtype=torch.int32)] if read_checks(model.module) else []
    wanted = [*expected, *(buffers[name] for name in read_updates(model.module).values()), *passed]
    for actual, tensor in zip(by_jax(model, args), wanted, strict=True):
        compare(actual, tensor, RTOL, ATOL)


def by_jax(model: oxide.Model, args: tuple[Any, ...]) -> list[np.ndarray]:
    source = model.to_jax_source()
    namespace = load(source)
    weights = {spec.name: np.asarray(model.parameters[spec.name]) for spec in model.parameter_specs}
    with jax.enable_x64(namespace["_x64"]):
        params = nested({**weights, **source.constants})
        results = jax.jit(namespace["forward"])(params, *(torch_array(x) for x in pytree.tree_leaves(args)))
    return [np.asarray(x) for x in pytree.tree_leaves(results)]


# ------------------------------------------------------------------------------------------------ training

State = dict[str, torch.Tensor]


def network() -> nn.Sequential:
    body = [nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*body, nn.Flatten(), nn.Linear(36, 5))


def images() -> tuple[torch.Tensor, torch.Tensor]:
    return normal(4, 3, 8, 8), torch.randint(0, 5, (4,))


class TrainingStep(nn.Module):
    """One step of an optimiser traced by make_fx: weights, its state and buffers come in and go out."""

    def __init__(self, optimiser: str, states: int) -> None:
        super().__init__()
        net = network()
        self.states = states
        self.step = getattr(self, optimiser)
        self.net = net
        self.weights = {name: p.detach() for name, p in net.named_parameters()}
        self.buffers_of = dict(net.named_buffers())

    def example(self) -> tuple[Any, ...]:
        zeros = [{name: torch.zeros_like(w) for name, w in self.weights.items()} for _ in range(self.states)]
        return self.weights, zeros, self.buffers_of, torch.tensor(1.0), *images()

    def sgd(
        self, weights: State, state: list[State], gradients: State, _: torch.Tensor
    ) -> tuple[State, list[State]]:
        momentum = {name: 0.9 * state[0][name] + g for name, g in gradients.items()}
        return {name: w - 0.1 * momentum[name] for name, w in weights.items()}, [momentum]

    def adam(
        self, weights: State, state: list[State], gradients: State, t: torch.Tensor
    ) -> tuple[State, list[State]]:
        first = {name: torch.lerp(state[0][name], g, 0.1) for name, g in gradients.items()}
        second = {name: (0.999 * state[1][name]).addcmul(g, g, value=0.001) for name, g in gradients.items()}
        rates = 0.01 / (1 - 0.9**t), (1 - 0.999**t).sqrt()
        new = {n: w - rates[0] * first[n] / (second[n].sqrt() / rates[1] + 1e-8) for n, w in weights.items()}
        return new, [first, second]

    def forward(self, weights: State, state: list[State], buffers: State, t, x, labels):
        leaves = {name: w.detach().requires_grad_() for name, w in weights.items()}
        with torch.enable_grad():
            loss = F.cross_entropy(functional_call(self.net, {**leaves, **buffers}, (x,)), labels)
            gradients = dict(zip(leaves, torch.autograd.grad(loss, list(leaves.values())), strict=True))
        return loss.detach(), self.step(weights, state, gradients, t), buffers


class Flat(nn.Module):
    """A function of a pytree of tensors as the graph that make_fx leaves, of its leaves."""

    def __init__(self, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
        super().__init__()
        leaves, spec = pytree.tree_flatten(args)
        self.graph = make_fx(lambda *xs: pytree.tree_leaves(function(*pytree.tree_unflatten(list(xs), spec))))(
            *leaves
        )

    def forward(self, *leaves: torch.Tensor) -> Any:
        return self.graph(*leaves)


@pytest.mark.parametrize(("optimiser", "states"), [("sgd", 1), ("adam", 2)])
def test_training_step(optimiser: str, states: int):
    torch.manual_seed(0)
    step = TrainingStep(optimiser, states).train()
    args = step.example()
    traced = Flat(step, copy.deepcopy(args))
    check(traced, *pytree.tree_leaves(args), rtol=1e-4, atol=1e-5)


def test_gradients_of_each_sample():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.GroupNorm(2, 4), nn.ReLU(), nn.Flatten(), nn.Linear(144, 5))
    weights = {name: p.detach() for name, p in net.named_parameters()}

    def loss(weights: State, x: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        return F.cross_entropy(functional_call(net, weights, (x[None],)), label[None])

    args = weights, *images()
    check(Flat(vmap(grad(loss), in_dims=(None, 0, 0)), args), *pytree.tree_leaves(args), rtol=1e-4, atol=1e-5)


# run_decompositions makes pickled specs of pytrees itself.
@pytest.mark.filterwarnings("ignore:.*LeafSpec.*is deprecated:FutureWarning")
def test_training_mode_decomposed():
    """Mutations that a decomposed program returns are new values of buffers, not outputs."""
    torch.manual_seed(0)
    agrees(network().train(), images()[:1], decompose=True)


def test_autocast():
    class Region(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = nn.Sequential(nn.Linear(6, 8), nn.GELU(), nn.Linear(8, 6))

        def forward(self, x):
            with torch.autocast("cpu", dtype=torch.bfloat16):
                y = self.net(x)
            return y, y.softmax(-1) + x

    torch.manual_seed(0)
    # bfloat16 keeps 8 bits, and PyTorch's products round at other places.
    check(Region(), normal(4, 6), rtol=2e-2, atol=2e-2)


# ------------------------------------------------------------------------------------------------ arguments


class Past:
    """A cache that can only be made of tensors, as those of libraries of models."""

    def __init__(self, keys: Sequence[torch.Tensor]) -> None:
        self.keys = [key.clone() for key in keys]


def labels_of(past: Past) -> list[str]:
    return [f"layer_{index}" for index in range(len(past.keys))]


def keyed(past: Past) -> tuple[list[tuple[Any, Any]], Any]:
    labels = labels_of(past)
    return [(pytree.MappingKey(label), key) for label, key in zip(labels, past.keys, strict=True)], labels


pytree.register_pytree_node(
    Past,
    lambda past: (past.keys, labels_of(past)),
    lambda keys, _: Past(list(keys)),
    serialized_type_name="oxide.tests.Past",
    flatten_with_keys_fn=keyed,
)


class Cached(nn.Module):
    def forward(self, x: torch.Tensor, past: Past, *, absent: None = None, scale: torch.Tensor):
        return {"y": x * scale, "past": Past([key + x for key in past.keys])}


def test_a_cache_goes_in_and_comes_out():
    args = normal(3), Past([normal(3), normal(3)])
    model = oxide.import_torch(Cached(), args, {"absent": None, "scale": normal(3)})
    assert [spec.name for spec in model.inputs] == ["x", "past.layer_0", "past.layer_1", "scale"]
    assert [spec.name for spec in model.outputs] == ["y", "past.layer_0", "past.layer_1"]
    check(Cached(), *args, scale=normal(3))
