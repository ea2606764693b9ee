"""Networks exported by torch with dynamic axes: imported once, onnxruntime's numbers at every size."""

from __future__ import annotations

import io
import warnings

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from oxide import OxideError, import_onnx

WIDTH, HEADS, VOCABULARY, POSITIONS = 32, 4, 50, 64


class Convolutions(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm = nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8)
        self.second, self.out = nn.Conv2d(8, 16, 3, padding=1, groups=4), nn.Linear(16, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.max_pool2d(F.relu(self.norm(self.first(x))), 2)
        x = F.avg_pool2d(F.silu(self.second(x)), 2)
        return self.out(F.adaptive_avg_pool2d(x, 1).flatten(1)).softmax(-1)


class Block(nn.Module):
    """A transformer block with an optional cache of keys and values; gives the grown cache too."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv, self.mix = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.before, self.between = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.mlp = nn.Sequential(nn.Linear(WIDTH, 64), nn.GELU(), nn.Linear(64, WIDTH))

    def forward(self, x: torch.Tensor, mask: torch.Tensor, past: torch.Tensor | None = None):
        batch, length, _ = x.shape
        split = self.qkv(self.before(x)).view(batch, length, 3, HEADS, WIDTH // HEADS)
        q, k, v = split.permute(2, 0, 3, 1, 4)
        if past is not None:
            k, v = torch.cat([past[0], k], 2), torch.cat([past[1], v], 2)
        weights = (q @ k.transpose(-1, -2) / (WIDTH // HEADS) ** 0.5 + mask).softmax(-1)
        x = x + self.mix((weights @ v).transpose(1, 2).reshape(batch, length, WIDTH))
        return x + self.mlp(self.between(x)), torch.stack([k, v])


class Encoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.words, self.positions = nn.Embedding(VOCABULARY, WIDTH), nn.Embedding(POSITIONS, WIDTH)
        self.blocks = nn.ModuleList([Block(), Block()])

    def forward(self, ids: torch.Tensor, attention: torch.Tensor):
        x = self.words(ids) + self.positions(torch.arange(ids.shape[1])[None])
        mask = (1.0 - attention[:, None, None, :].float()) * -1e4
        for block in self.blocks:
            x, _ = block(x, mask)
        return x, x[:, 0].tanh()


class Decoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.words, self.positions = nn.Embedding(VOCABULARY, WIDTH), nn.Embedding(POSITIONS, WIDTH)
        self.blocks = nn.ModuleList([Block(), Block()])
        self.register_buffer("seen", torch.ones(1, 1, POSITIONS, POSITIONS, dtype=torch.bool).tril())

    def forward(self, ids: torch.Tensor, past: torch.Tensor):
        length, before = ids.shape[1], past.shape[4]
        x = self.words(ids) + self.positions(torch.arange(before, before + length)[None])
        seen = self.seen[:, :, before : before + length, : before + length]  # pyright: ignore[reportIndexIssue]
        mask, caches = torch.where(seen, 0.0, -1e9), []
        for number, block in enumerate(self.blocks):
            x, cache = block(x, mask, past[number])
            caches.append(cache)
        return x[:, -1:] @ self.words.weight.T, torch.stack(caches)


def images(batch: int, height: int = 32, width: int = 32) -> list[np.ndarray]:
    return [np.random.default_rng(0).standard_normal((batch, 3, height, width)).astype(np.float32)]


def sentences(batch: int, length: int) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, VOCABULARY, (batch, length)), (rng.random((batch, length)) > 0.2).astype(np.int64)]


def prompts(batch: int, length: int, past: int) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    cache = rng.standard_normal((2, 2, batch, HEADS, past, WIDTH // HEADS))
    return [rng.integers(0, VOCABULARY, (batch, length)), cache.astype(np.float32)]


IMAGE = {"x": {0: "batch", 2: "height", 3: "width"}}
TEXT = {"ids": {0: "batch", 1: "seq"}, "attention": {0: "batch", 1: "seq"}, "states": {0: "batch", 1: "seq"}}
CACHED = {
    "ids": {0: "batch", 1: "seq"},
    "past": {2: "batch", 4: "past_len"},
    "present": {2: "batch", 4: "past_len + seq"},
}
# name: module, dynamic axes, names of the results, and inputs, of which the first are the example.
MODELS = {
    "batch of images": (Convolutions, {"x": {0: "batch"}}, ["y"], [images(2), images(1), images(5)]),
    "images of any size": (Convolutions, IMAGE, ["y"], [images(2), images(1, 48, 33), images(3, 64, 32)]),
    "encoder": (Encoder, TEXT, ["states", "pooled"], [sentences(2, 5), sentences(1, 1), sentences(3, 64)]),
    "decoder": (Decoder, CACHED, ["y", "present"], [prompts(2, 3, 4), prompts(1, 5, 0), prompts(3, 1, 9)]),
}


def export(name: str) -> bytes:
    make, axes, outputs, calls = MODELS[name]
    torch.manual_seed(0)
    example = tuple(torch.from_numpy(array) for array in calls[0])
    names = [key for key in axes if key not in outputs]
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's, of the exporter that needs no further package
        torch.onnx.export(
            make().eval(),
            example,
            buffer,  # pyright: ignore[reportArgumentType]
            input_names=names,
            output_names=outputs,
            dynamic_axes=axes,
            dynamo=False,
        )
    return buffer.getvalue()


@pytest.mark.parametrize("name", MODELS)
def test_one_import_serves_every_size(name):
    data = export(name)
    executable = import_onnx(data).compile(cache=False)
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    for arrays in MODELS[name][3]:
        inputs = dict(zip((spec.name for spec in executable.inputs), arrays, strict=True))
        results = executable.run(inputs)
        for have, want in zip(results.values(), session.run(None, inputs), strict=True):
            np.testing.assert_allclose(np.asarray(have), np.asarray(want), rtol=2e-4, atol=2e-5)


def test_what_the_decoder_says_of_its_sizes():
    model = import_onnx(export("decoder"))
    assert str(model.outputs[1]) == "present: 2 x 2 x batch x 4 x past_len + seq x 8 x f32"
    executable = model.compile(cache=False)
    with pytest.raises(OxideError, match="seq = 30") as raised:
        executable(*prompts(1, 30, 40))
    assert f"{POSITIONS} >= past_len + seq is needed here" in str(raised.value)
