"""Models as PyTorch's two exporters write them, against PyTorch itself."""

from __future__ import annotations

import io
import math
import runpy
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils import _pytree as pytree

from oxide import Model, import_onnx

# The exporters announce what is to come in their next versions.
pytestmark = pytest.mark.filterwarnings("ignore")
DYNAMO, TORCHSCRIPT = "dynamo", "torchscript"


@pytest.fixture(autouse=True)
def for_export(monkeypatch):
    torch.manual_seed(3)
    # The TorchScript exporter has no form for the kernel that attention layers take in inference.
    monkeypatch.setattr(torch.backends.mha, "_is_fastpath_enabled", False)
    with torch.no_grad():
        yield


def export(
    exporter: str, module: Any, arguments: tuple, opset: int | None = None, **options: Any
) -> onnx.ModelProto:
    module.eval()
    if exporter == DYNAMO:
        program = torch.onnx.export(module, arguments, dynamo=True, opset_version=opset, verbose=False, **options)
        assert program is not None
        return program.model_proto
    file: Any = io.BytesIO()
    torch.onnx.export(module, arguments, file, dynamo=False, opset_version=opset or 17, **options)
    return onnx.load_from_string(file.getvalue())


def tensors(values: Any) -> list[torch.Tensor]:
    return [leaf for leaf in pytree.tree_leaves(values) if isinstance(leaf, torch.Tensor)]


def as_numpy(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().numpy()


def agree(model: Model, module: Any, arguments: tuple, rtol: float = 1e-4, atol: float = 1e-5) -> None:
    """The compiled model gives what the module gives."""
    wanted = [as_numpy(t) for t in tensors(module(*arguments))]
    given = [as_numpy(t) for t in tensors(arguments)]
    feeds = {spec.name: array for spec, array in zip(model.inputs, given, strict=True)}
    compare(list(model.compile(cache=False).run(feeds).values()), wanted, rtol, atol)


def compare(results: list[Any], wanted: list[np.ndarray], rtol: float, atol: float) -> None:
    assert len(results) == len(wanted)
    for result, want in zip(map(np.asarray, results), wanted, strict=True):
        assert (result.shape, result.dtype) == (want.shape, want.dtype)
        np.testing.assert_allclose(result, want, rtol=rtol, atol=atol)


def check(exporter: str, module: Any, *arguments: Any, opset: int | None = None, **options: Any) -> onnx.ModelProto:
    proto = export(exporter, module, arguments, opset, **options)
    agree(import_onnx(proto), module, arguments)
    return proto


both = pytest.mark.parametrize("exporter", [DYNAMO, TORCHSCRIPT])


# ------------------------------------------------------------------------------------------------- vision


class ConvNet(nn.Module):
    """A stem, an inverted residual with squeeze and excitation, dense connections, a decoder with upsampling."""

    def __init__(self) -> None:
        super().__init__()
        norm = nn.BatchNorm2d(8)
        norm.load_state_dict({"running_mean": torch.randn(8), "running_var": torch.rand(8) + 0.5}, strict=False)
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1, bias=False), norm, nn.Hardswish())
        self.wide = nn.Sequential(nn.Conv2d(8, 16, 1), nn.ReLU6(), nn.Conv2d(16, 16, 3, padding=1, groups=16))
        self.gate = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(16, 16, 1), nn.Hardsigmoid())
        self.narrow = nn.Conv2d(16, 8, 1)
        self.pool = nn.MaxPool2d(3, 2, 1, ceil_mode=True)
        self.up = nn.ConvTranspose2d(16, 4, 4, 2, 1)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        x = self.stem(x)
        wide = self.wide(x)
        x = torch.cat([x, self.narrow(wide * self.gate(wide))], 1)
        small = self.pool(x)
        mask = F.interpolate(self.up(small), size=(20, 24), mode="bilinear", align_corners=False)
        shuffled = F.pixel_shuffle(small, 2)
        return (
            mask.argmax(1),
            F.normalize(x.flatten(2).mean(2), dim=1),
            F.pad(shuffled, (1, 2, 0, 1), mode="reflect"),
        )


@pytest.mark.parametrize(("exporter", "opset"), [(DYNAMO, None), (TORCHSCRIPT, 11), (TORCHSCRIPT, 18)])
def test_convolutional_network(exporter, opset):
    check(exporter, ConvNet(), torch.randn(2, 3, 17, 16), opset=opset)


class WindowAttention(nn.Module):
    """Attention in shifted windows with relative positions (Swin)."""

    index: torch.Tensor

    def __init__(self, size: int = 4, width: int = 8, heads: int = 2) -> None:
        super().__init__()
        self.size, self.heads, self.qkv, self.norm = size, heads, nn.Linear(width, 3 * width), nn.LayerNorm(width)
        self.table = nn.Parameter(torch.randn((2 * size - 1) ** 2, heads))
        coords = torch.stack(torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")).flatten(1)
        steps = coords[:, :, None] - coords[:, None, :] + size - 1
        self.register_buffer("index", steps[0] * (2 * size - 1) + steps[1])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, height, width, channels = x.shape
        n = self.size
        shifted = torch.roll(self.norm(x), (-n // 2, -n // 2), (1, 2))
        windows = shifted.view(batch, height // n, n, width // n, n, channels).permute(0, 1, 3, 2, 4, 5)
        tokens = windows.reshape(-1, n * n, channels)
        q, k, v = self.qkv(tokens).reshape(-1, n * n, 3, self.heads, channels // self.heads).permute(2, 0, 3, 1, 4)
        bias = self.table[self.index.view(-1)].view(n * n, n * n, -1).permute(2, 0, 1)
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=bias).transpose(1, 2).reshape(-1, n, n, channels)
        y = y.view(batch, height // n, width // n, n, n, channels).permute(0, 1, 3, 2, 4, 5)
        return x + torch.roll(y.reshape(batch, height, width, channels), (n // 2, n // 2), (1, 2))


@both
def test_shifted_windows(exporter):
    check(exporter, WindowAttention(), torch.randn(2, 8, 8, 8))


class DetectionHead(nn.Module):
    """Anchors on a grid, scores by class, the best boxes, features sampled at their centres (deformable DETR)."""

    anchors: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3 * 6, 3, 2, 1)
        self.register_buffer("anchors", torch.rand(3, 2))

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, ...]:
        y = self.conv(image)
        batch, _, height, width = y.shape
        y = y.view(batch, 3, 6, height, width).permute(0, 1, 3, 4, 2)
        rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
        centres = (y[..., :2].sigmoid() * 2 - 0.5 + torch.stack([columns, rows], -1)) * 2
        sizes = (y[..., 2:4].sigmoid() * 2) ** 2 * self.anchors[None, :, None, None]
        boxes = torch.cat([centres - sizes / 2, centres + sizes / 2], -1).view(batch, -1, 4)
        scores, chosen = y[..., 4:].sigmoid().reshape(batch, -1).topk(8)
        boxes = torch.gather(boxes, 1, (chosen // 2)[..., None].expand(-1, -1, 4))
        grid = (boxes[:, :, None, :2] + boxes[:, :, None, 2:]) / image.shape[-1] - 1
        return boxes, scores, chosen % 2, F.grid_sample(image, grid, align_corners=False)[..., 0]


@both
def test_detection_head(exporter):
    check(exporter, DetectionHead(), torch.randn(2, 3, 12, 16))


class DiffusionBlock(nn.Module):
    """A residual block that a timestep modulates, and attention to a context."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(8, 16, 3, padding=1), nn.Conv2d(16, 16, 3, padding=1)
        self.norms = nn.ModuleList([nn.GroupNorm(4, 8), nn.GroupNorm(4, 16), nn.LayerNorm(16)])
        self.time, self.short = nn.Linear(8, 32), nn.Conv2d(8, 16, 1)
        self.q, self.kv = nn.Linear(16, 16), nn.Linear(6, 32)

    def forward(self, x: torch.Tensor, step: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
        angles = step[:, None].float() * torch.exp(-math.log(1e4) * torch.arange(4) / 4)[None]
        scale, shift = self.time(torch.cat([angles.sin(), angles.cos()], -1))[:, :, None, None].chunk(2, 1)
        y = self.norms[1](self.first(F.silu(self.norms[0](x)))) * (1 + scale) + shift
        y = self.short(x) + self.second(F.silu(y))
        batch, channels = y.shape[:2]
        tokens = y.flatten(2).transpose(1, 2)
        q = self.q(self.norms[2](tokens)).view(batch, -1, 2, 8).transpose(1, 2)
        k, v = self.kv(context).view(batch, -1, 2, 2, 8).permute(2, 0, 3, 1, 4)
        tokens = tokens + F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(batch, -1, channels)
        return F.interpolate(tokens.transpose(1, 2).view_as(y), scale_factor=2.0, mode="nearest")


@both
def test_diffusion_block(exporter):
    check(exporter, DiffusionBlock(), torch.randn(2, 8, 6, 4), torch.tensor([3, 700]), torch.randn(2, 5, 6))


# --------------------------------------------------------------------------------------------------- text


class CachedDecoder(nn.Module):
    """A LLaMA layer: RMS norm, rotary positions, grouped heads with a cache, a gated feed-forward network."""

    def __init__(self, width: int = 16, heads: int = 4, shared: int = 2) -> None:
        super().__init__()
        self.heads, self.shared, self.size = heads, shared, width // heads
        self.embed = nn.Embedding(20, width)
        self.qkv = nn.Linear(width, (heads + 2 * shared) * self.size, bias=False)
        self.out, self.gate = nn.Linear(width, width, bias=False), nn.Linear(width, 2 * width)
        self.down, self.weight = nn.Linear(width, width), nn.Parameter(torch.rand(width) + 0.5)

    def norm(self, x: torch.Tensor) -> torch.Tensor:
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * self.weight

    def rotated(self, x: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        steps = 1e4 ** (-torch.arange(0, self.size, 2).float() / self.size)
        angles = torch.cat([positions[:, None, :, None] * steps] * 2, -1)
        left, right = x.chunk(2, -1)
        return x * angles.cos() + torch.cat([-right, left], -1) * angles.sin()

    def forward(self, ids, mask, positions, past_key, past_value):
        x = self.embed(ids)
        batch, length, width = x.shape
        packed = self.qkv(self.norm(x)).view(batch, length, -1, self.size).transpose(1, 2)
        q, k, v = packed.split([self.heads, self.shared, self.shared], 1)
        q, k = self.rotated(q, positions), torch.cat([past_key, self.rotated(k, positions)], 2)
        v = torch.cat([past_value, v], 2)
        total = k.shape[2]
        causal = torch.arange(total)[None] <= torch.arange(total - length, total)[:, None]
        seen = causal[None, None] & mask[:, None, None, :].bool()
        wide = [t[:, :, None].expand(-1, -1, 2, -1, -1).reshape(batch, self.heads, total, -1) for t in (k, v)]
        y = F.scaled_dot_product_attention(q, *wide, attn_mask=seen)
        x = x + self.out(y.transpose(1, 2).reshape(batch, length, width))
        gate, up = self.gate(self.norm(x)).chunk(2, -1)
        return (x + self.down(F.silu(gate) * up)) @ self.embed.weight.t(), k, v


@both
def test_decoder_with_cache(exporter):
    mask = torch.ones(2, 7, dtype=torch.long)
    mask[0, 0] = 0
    positions = torch.arange(4, 7)[None].repeat(2, 1)
    caches = torch.randn(2, 2, 4, 4), torch.randn(2, 2, 4, 4)
    check(exporter, CachedDecoder(), torch.randint(0, 20, (2, 3)), mask, positions, *caches)


@both
def test_encoder_and_decoder(exporter):
    class Translator(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed = nn.Embedding(20, 8)
            self.encoder, self.cross = nn.MultiheadAttention(8, 2, batch_first=True), nn.MultiheadAttention(8, 2)
            self.bias = nn.Embedding(8, 2)

        def forward(self, source, padding, target):
            x, y = self.embed(source), self.embed(target)
            memory = x + self.encoder(x, x, x, key_padding_mask=padding)[0]
            mixed, weights = self.cross(y.transpose(0, 1), memory.transpose(0, 1), memory.transpose(0, 1))
            # T5's buckets of relative positions
            steps = torch.arange(4)[None] - torch.arange(4)[:, None]
            far = (torch.log(steps.abs().clamp(min=1).float()) / math.log(4) * 4).long().clamp(max=3)
            buckets = torch.where(steps > 0, 4, 0) + torch.where(steps.abs() < 2, steps.abs(), far)
            return mixed, weights, self.bias(buckets).permute(2, 0, 1)

    padding = torch.tensor([[False] * 5, [False] * 3 + [True] * 2])
    check(exporter, Translator(), torch.randint(0, 20, (2, 5)), padding, torch.randint(0, 20, (2, 4)))


class Experts(nn.Module):
    """Two of four experts a token, all computed and weighted."""

    def __init__(self) -> None:
        super().__init__()
        self.router = nn.Linear(6, 4)
        self.up, self.down = nn.Parameter(torch.randn(4, 6, 8)), nn.Parameter(torch.randn(4, 8, 6))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        weights, chosen = self.router(x).softmax(-1).topk(2)
        gates = torch.zeros(x.shape[0], 4).scatter(1, chosen, weights / weights.sum(-1, keepdim=True))
        return torch.einsum("teh,ehd,te->td", F.gelu(torch.einsum("td,edh->teh", x, self.up)), self.down, gates)


@both
def test_mixture_of_experts(exporter):
    check(exporter, Experts(), torch.randn(5, 6))


# ---------------------------------------------------------------------------------------- recurrence and control


@pytest.mark.parametrize(
    ("exporter", "layer"),
    [(DYNAMO, nn.LSTM), (TORCHSCRIPT, nn.LSTM), (TORCHSCRIPT, nn.GRU), (TORCHSCRIPT, nn.RNN)],
)
def test_recurrent_layers(exporter, layer):
    check(exporter, layer(4, 3, num_layers=2, bidirectional=True, batch_first=True), torch.randn(2, 5, 4))


@pytest.mark.parametrize("layer", [nn.LSTM, nn.GRU])
def test_packed_sequences(layer):
    class Packed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = layer(4, 3, bidirectional=True, batch_first=True)

        def forward(self, x, lengths):
            packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True)
            return nn.utils.rnn.pad_packed_sequence(self.layer(packed)[0], batch_first=True, total_length=5)[0]

    check(TORCHSCRIPT, Packed(), torch.randn(2, 5, 4), torch.tensor([5, 3]))


class StateSpace(nn.Module):
    """A selective scan, step by step (Mamba)."""

    def __init__(self) -> None:
        super().__init__()
        self.decay, self.project = nn.Parameter(-torch.rand(4, 3)), nn.Linear(4, 7)
        self.conv = nn.Conv1d(4, 4, 3, groups=4, padding=2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        length = x.shape[1]
        x = F.silu(self.conv(x.transpose(1, 2))[..., :length].transpose(1, 2))
        step, b, c = self.project(x).split([1, 3, 3], -1)
        step = F.softplus(step)
        state, outputs = torch.zeros(x.shape[0], 4, 3), []
        for t in range(length):
            state = torch.exp(step[:, t, :, None] * self.decay) * state + (step * x)[:, t, :, None] * b[:, t, None]
            outputs.append((state * c[:, t, None]).sum(-1))
        return torch.stack(outputs, 1)


@both
def test_state_space(exporter):
    check(exporter, StateSpace(), torch.randn(2, 4, 4))


class Looping(nn.Module):
    """What scripting leaves as Loop and If: a count that data decide, a branch on the index, a list of steps."""

    def forward(self, x: torch.Tensor, times: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        total = torch.zeros_like(x[0])
        for i in range(int(times)):
            if i % 2 == 0:
                total = total + x[i]
            else:
                total = total * 0.5
                total = total - 1
        steps = 0
        while bool(total.abs().sum() < 50.0) and steps < 20:
            total = total * 1.5 + 0.1
            steps += 1
        return total, torch.tensor(steps)


@pytest.mark.parametrize("times", [1, 4])
def test_scripted_loops(times):
    arguments = torch.randn(6, 3), torch.tensor(times)
    check(TORCHSCRIPT, torch.jit.script(Looping()), *arguments)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_conditional(sign):
    class Branches(nn.Module):
        def forward(self, x):
            return torch.cond(x.sum() > 0, lambda x: x * 2, lambda x: x - 1, (x,))

    check(DYNAMO, Branches(), torch.full((2, 3), sign))


# ------------------------------------------------------------------------------------------------- signals


class LogMel(nn.Module):
    """Whisper's input features."""

    filters: torch.Tensor
    window: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("filters", torch.rand(5, 9))
        self.register_buffer("window", torch.hann_window(16))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        spectrum = torch.stft(x, 16, 4, window=self.window, return_complex=True)
        mel = torch.clamp(self.filters @ spectrum[..., :-1].abs() ** 2, min=1e-10).log10()
        return (torch.maximum(mel, mel.amax((1, 2), keepdim=True) - 8.0) + 4.0) / 4.0


def test_log_mel():
    check(DYNAMO, LogMel(), torch.randn(2, 64))


def test_short_time_fourier_transform_without_a_last_dimension():
    class Frames(nn.Module):
        def forward(self, x):
            return torch.stft(x, 8, 4, window=torch.hann_window(8), return_complex=False, center=False)

    check(TORCHSCRIPT, Frames(), torch.randn(2, 32))


# ------------------------------------------------------------------------------------------- dtypes and forms


@pytest.mark.parametrize(
    ("exporter", "dtype", "rtol"),
    # One unit in the last place of a half is 1e-3, and every layer rounds.
    [(DYNAMO, torch.float16, 5e-3), (TORCHSCRIPT, torch.float16, 5e-3), (TORCHSCRIPT, torch.float64, 1e-9)],
)
def test_other_precisions(exporter, dtype, rtol):
    module = nn.Sequential(nn.Linear(6, 8), nn.LayerNorm(8), nn.GELU(), nn.Linear(8, 4), nn.Softmax(-1)).to(dtype)
    x = torch.randn(3, 6, dtype=dtype)
    agree(import_onnx(export(exporter, module.eval(), (x,))), module, (x,), rtol=rtol, atol=rtol)


@pytest.mark.parametrize("make", [ConvNet, DiffusionBlock])
def test_onnxruntime_optimized_form(make: Callable[[], nn.Module], tmp_path):
    """With FusedConv, FusedMatMul, QuickGelu and SkipLayerNormalization in it."""
    module = make()
    arguments = (torch.randn(2, 3, 17, 16),)
    if make is DiffusionBlock:
        arguments = (torch.randn(2, 8, 6, 4), torch.tensor([3, 700]), torch.randn(2, 5, 6))
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimized.onnx")
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.log_severity_level = 4
    proto = export(TORCHSCRIPT, module, arguments)
    onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
    optimized = onnx.load(options.optimized_model_filepath)
    assert "com.microsoft" in {node.domain for node in optimized.graph.node}
    agree(import_onnx(optimized), module, arguments)


def test_jax_source_of_an_exported_model(tmp_path):
    module, x = WindowAttention().eval(), torch.randn(2, 8, 8, 8)
    import_onnx(export(TORCHSCRIPT, module, (x,))).save(tmp_path / "model.py")
    generated = runpy.run_path(str(tmp_path / "model.py"))
    compare([generated["forward"](generated["load_params"](), x.numpy())], [module(x).numpy()], 1e-4, 1e-5)
