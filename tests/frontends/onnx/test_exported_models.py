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
from exported_modules import (
    CachedDecoder,
    ConvNet,
    DetectionHead,
    DiffusionBlock,
    Experts,
    LogMel,
    Looping,
    MaskedTokens,
    StateSpace,
    WindowAttention,
)
from torch import nn
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


@pytest.mark.parametrize(("exporter", "opset"), [(DYNAMO, None), (TORCHSCRIPT, 11), (TORCHSCRIPT, 18)])
def test_convolutional_network(exporter, opset):
    check(exporter, ConvNet(), torch.randn(2, 3, 17, 16), opset=opset)


@both
def test_shifted_windows(exporter):
    check(exporter, WindowAttention(), torch.randn(2, 8, 8, 8))


@both
def test_detection_head(exporter):
    check(exporter, DetectionHead(), torch.randn(2, 3, 12, 16))


@both
def test_diffusion_block(exporter):
    check(exporter, DiffusionBlock(), torch.randn(2, 8, 6, 4), torch.tensor([3, 700]), torch.randn(2, 5, 6))


# --------------------------------------------------------------------------------------------------- text


@both
def test_decoder_with_cache(exporter):
    mask = torch.ones(2, 7, dtype=torch.long)
    mask[0, 0] = 0
    positions = torch.arange(4, 7)[None].repeat(2, 1)
    caches = torch.randn(2, 2, 4, 4), torch.randn(2, 2, 4, 4)
    check(exporter, CachedDecoder(), torch.randint(0, 20, (2, 3)), mask, positions, *caches)


@both
def test_decoder_with_open_dimensions(exporter):
    """One import serves prompts and caches of any length, and batches of any size."""

    def arguments(batch: int, past: int, length: int) -> tuple[torch.Tensor, ...]:
        positions = torch.arange(past, past + length)[None].repeat(batch, 1)
        mask = torch.ones(batch, past + length, dtype=torch.long)
        caches = torch.randn(2, batch, 2, past, 4)
        return torch.randint(0, 20, (batch, length)), mask, positions, caches[0], caches[1]

    module, names = CachedDecoder(), ["ids", "mask", "positions", "past_key", "past_value"]
    axes = dict(zip(names, [(0, 1), (0, 1), (0, 1), (0, 2), (0, 2)], strict=True))
    options: dict[str, Any] = {"dynamic_axes": {name: {i: f"{name}_{i}" for i in axes[name]} for name in names}}
    if exporter == DYNAMO:
        sizes = {0: torch.export.Dim.AUTO, 1: torch.export.Dim.AUTO, 2: torch.export.Dim("past")}
        options = {"dynamic_shapes": {name: {i: sizes[i] for i in axes[name]} for name in names}}
    proto = export(exporter, module, arguments(2, 4, 3), input_names=names, **options)
    model = import_onnx(proto)
    for batch, past, length in [(2, 4, 3), (3, 1, 5), (1, 6, 2)]:
        agree(model, module, arguments(batch, past, length))


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


@both
def test_mixture_of_experts(exporter):
    check(exporter, Experts(), torch.randn(5, 6))


def test_masks_that_select_and_assign():
    """The TorchScript exporter's form of the assignment is wrong for more than one row, in onnxruntime too."""
    check(DYNAMO, MaskedTokens(), torch.randn(4, 5), torch.randn(20), torch.randn(5))


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


@both
def test_state_space(exporter):
    check(exporter, StateSpace(), torch.randn(2, 4, 4))


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
