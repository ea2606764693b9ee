"""ONNX models with open dimensions as JAX source: one saved file, called with several sizes."""

from __future__ import annotations

import io
import runpy
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from conformance.cases import Case, as_arrays, node_cases, specialize
from conformance.open_shapes import open_dimensions
from conformance.xla import mismatch
from jax_source_oracle import load, nested
from torch import nn

import oxide
from oxide import OxideError, import_onnx

pytestmark = pytest.mark.filterwarnings("ignore")
Sizes = dict[str, int]


class Network(nn.Module):
    """Convolutions, pooling and normalisation of images of any size."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2))
        self.next = nn.Sequential(nn.Conv2d(8, 16, 3, stride=2, padding=1), nn.GELU(), nn.AdaptiveAvgPool2d(1))
        self.head = nn.Linear(16, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.next(self.stem(x)).flatten(1))


class Block(nn.Module):
    """Attention over what was seen before and what is new, then a wide layer."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv, self.out = nn.Linear(32, 96), nn.Linear(32, 32)
        self.norms = nn.ModuleList([nn.LayerNorm(32), nn.LayerNorm(32)])
        self.wide = nn.Sequential(nn.Linear(32, 64), nn.GELU(), nn.Linear(64, 32))

    def forward(self, x: torch.Tensor, mask: torch.Tensor, past: Sequence[torch.Tensor] = ()) -> tuple[Any, ...]:
        batch, length, _ = x.shape
        q, k, v = (part.view(batch, length, 4, 8).transpose(1, 2) for part in self.qkv(x).chunk(3, -1))
        if past:
            k, v = (torch.cat(pair, 2) for pair in zip(past, (k, v), strict=True))
        y = torch.softmax(q @ k.transpose(-1, -2) / 8**0.5 + mask, -1) @ v
        x = self.norms[0](x + self.out(y.transpose(1, 2).reshape(batch, length, 32)))
        return self.norms[1](x + self.wide(x)), k, v


class Encoder(nn.Module):
    """BERT in the small: embeddings, masked attention, the first token's state."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.places, self.block = nn.Embedding(50, 32), nn.Embedding(64, 32), Block()

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x = self.words(input_ids) + self.places(torch.arange(input_ids.shape[1]))
        x, *_ = self.block(x, (1.0 - attention_mask[:, None, None, :].float()) * -1e9)
        return x, x[:, 0].tanh()


class Decoder(nn.Module):
    """GPT in the small: positions go on from a cache, the mask is causal."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.places, self.block = nn.Embedding(50, 32), nn.Embedding(64, 32), Block()

    def forward(self, input_ids: torch.Tensor, *past: torch.Tensor) -> tuple[torch.Tensor, ...]:
        seen, new = past[0].shape[2], input_ids.shape[1]
        x = self.words(input_ids) + self.places(torch.arange(seen, seen + new))
        whole = torch.ones(seen + new, seen + new, dtype=torch.bool).tril()[seen:]
        return self.block(x, torch.where(whole, 0.0, -1e9), past)


@dataclass(frozen=True)
class Model:
    """A module, its inputs' shapes (`i64` for token numbers), the sizes it is called with, lines of its source."""

    module: type[nn.Module]
    inputs: dict[str, tuple[str, ...]]
    outputs: Sequence[str]
    sizes: Sequence[Sizes]
    lines: Sequence[str]
    tokens: Sequence[str] = ()

    def arguments(self, sizes: Sizes) -> dict[str, np.ndarray]:
        generator = np.random.default_rng(0)
        values: dict[str, np.ndarray] = {}
        for name, dims in self.inputs.items():
            shape = [sizes[dim] if dim in sizes else int(dim) for dim in dims]
            tokens = generator.integers(1, 2 if "mask" in name else 50, shape)
            values[name] = tokens if name in self.tokens else generator.normal(size=shape).astype(np.float32)
        return values

    def proto(self) -> onnx.ModelProto:
        torch.manual_seed(0)
        file: Any = io.BytesIO()
        arguments = tuple(torch.from_numpy(a) for a in self.arguments(self.sizes[0]).values())
        torch.onnx.export(
            self.module().eval(),
            arguments,
            file,
            dynamo=False,
            opset_version=17,
            input_names=list(self.inputs),
            output_names=list(self.outputs),
            dynamic_axes={
                name: {axis: dim for axis, dim in enumerate(dims) if not dim.isdigit()}
                for name, dims in self.inputs.items()
            },
        )
        return onnx.load_from_string(file.getvalue())


MODELS = {
    "images": Model(
        Network,
        {"x": ("batch", "3", "height", "width")},
        ["y"],
        [{"batch": 2, "height": 16, "width": 12}, {"batch": 1, "height": 9, "width": 21}],
        ["batch = x.shape[0]", "max_pool(jax.nn.relu(", ".mean("],
    ),
    "encoder": Model(
        Encoder,
        {"input_ids": ("batch", "seq"), "attention_mask": ("batch", "seq")},
        ["last", "pooled"],
        [{"batch": 2, "seq": 7}, {"batch": 1, "seq": 12}, {"batch": 3, "seq": 1}],
        ["batch, seq = input_ids.shape", ".reshape(batch, seq, 4, 8).transpose(0, 2, 1, 3)", "jax.nn.softmax("],
        tokens=("input_ids", "attention_mask"),
    ),
    "decoder": Model(
        Decoder,
        {"input_ids": ("batch", "seq"), "k": ("batch", "4", "past", "8"), "v": ("batch", "4", "past", "8")},
        ["y", "key", "value"],
        [{"batch": 2, "seq": 3, "past": 5}, {"batch": 1, "seq": 1, "past": 7}, {"batch": 3, "seq": 4, "past": 0}],
        ["past = k.shape[2]", "jnp.concatenate(", 'require(v.shape == (batch, 4, past, 8), "v has shape'],
        tokens=("input_ids",),
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_one_file_is_right_for_all_sizes(name: str, tmp_path: Path) -> None:
    model = MODELS[name]
    proto = model.proto()
    import_onnx(proto).run_passes("default").save(tmp_path / "model.py")
    text = (tmp_path / "model.py").read_text()
    assert all(line in text for line in model.lines), text
    before = jax.config.read("jax_enable_x64")
    try:
        namespace = runpy.run_path(str(tmp_path / "model.py"))
        params, forward = namespace["load_params"](), jax.jit(namespace["forward"])
        session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
        for sizes in model.sizes:
            arguments = model.arguments(sizes)
            results = jax.tree.leaves(forward(params, *arguments.values()))
            expected: list[Any] = list(session.run(None, arguments))
            for actual, wanted in zip(results, expected, strict=True):
                assert (actual.shape, actual.dtype) == (wanted.shape, wanted.dtype)
                np.testing.assert_allclose(actual, wanted, rtol=1e-4, atol=1e-5)
    finally:
        jax.config.update("jax_enable_x64", before)


def _opened(case: Case) -> tuple[oxide.Model, list[np.ndarray]] | None:
    """A case with all dimensions of its inputs open, imported; None when it cannot be."""
    model, inputs = specialize(case.model, as_arrays(case.data_sets[0][0]))
    if not all(isinstance(v, np.ndarray) for v in inputs) or not open_dimensions(model, inputs, slice(None)):
        return None
    try:
        return import_onnx(model), inputs
    except OxideError:
        return None


# Every so many of ONNX's node cases; all were run when this was written.
_STEP = 37


def test_conformance_cases_with_open_dimensions() -> None:
    checked, wrong = 0, []
    for case in node_cases()[::_STEP]:
        opened = _opened(case)
        if opened is None:
            continue
        imported, inputs = opened
        source = imported.to_jax_source()
        namespace = load(source)
        with jax.enable_x64(namespace["_x64"]):
            params = nested({**imported.parameters, **source.constants})
            outputs = jax.tree.leaves(jax.jit(namespace["forward"])(params, *inputs))
        problem = mismatch(list(map(np.asarray, outputs)), as_arrays(case.data_sets[0][1]), case.rtol, case.atol)
        checked += 1
        if problem:
            wrong.append(f"{case.name}: {problem}")
    assert not wrong
    assert checked >= 30
