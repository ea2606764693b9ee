"""Programs exported with dynamic shapes: one import, called with several shapes, against eager PyTorch."""

from __future__ import annotations

import copy
from typing import Any

import jax
import numpy as np
import pytest
import torch
import torch.nn.functional as f
from jax_source_oracle import load, nested
from torch import nn
from torch.export import Dim
from torch_oracle import Function, compare

import oxide
from oxide.dialects.diagnostics import OxideError
from oxide.sizes import read_constraints

BATCH, SEQ, PAST = Dim("batch", max=64), Dim("seq"), Dim("past", min=0, max=30)


def imported(module: Any, args: tuple[Any, ...], shapes: Any) -> tuple[nn.Module, oxide.Model]:
    module = module if isinstance(module, nn.Module) else Function(module)
    if isinstance(module, Function):
        shapes = (shapes,)
    program = torch.export.export(module, args, dynamic_shapes=shapes)
    return module, oxide.import_torch(program)


def check_calls(module: nn.Module, model: oxide.Model, *calls: tuple[Any, ...], rtol: float = 1e-5) -> None:
    executable = model.compile(cache=False)
    for args in calls:
        with torch.no_grad():
            eager = module(*args)
        expected = [torch.as_tensor(x) for x in (eager if isinstance(eager, tuple) else (eager,))]
        inputs = {spec.name: np.asarray(a) for spec, a in zip(executable.inputs, args, strict=True)}
        for actual, tensor in zip(executable.run(inputs).values(), expected, strict=True):
            compare(np.asarray(actual), tensor, rtol, 1e-5)


class Block(nn.Module):
    """Attention with a cache of keys and values, as a decoder's layer has it."""

    def __init__(self, width: int = 16, heads: int = 4) -> None:
        super().__init__()
        self.heads = heads
        self.norm, self.qkv, self.out = nn.LayerNorm(width), nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x, keys, values):
        batch, length, width = x.shape
        heads = self.qkv(self.norm(x)).view(batch, length, 3, self.heads, width // self.heads)
        q, k, v = heads.permute(2, 0, 3, 1, 4)
        k, v = torch.cat([keys, k], 2), torch.cat([values, v], 2)
        mask = torch.ones(length, k.shape[2], dtype=torch.bool).tril(k.shape[2] - length)
        y = nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        return x + self.out(y.transpose(1, 2).reshape(batch, length, width)), k, v


def decoder(batch: int, length: int, past: int) -> tuple[torch.Tensor, ...]:
    cache = (batch, 4, past, 4)
    return torch.randn(batch, length, 16), torch.randn(cache), torch.randn(cache)


def decoder_model() -> tuple[nn.Module, oxide.Model]:
    torch.manual_seed(0)
    cache = {0: BATCH, 2: PAST}
    return imported(Block(), decoder(2, 3, 5), ({0: BATCH, 1: SEQ}, cache, cache))


def test_a_decoder_with_a_cache_of_any_length():
    module, model = decoder_model()
    assert [str(spec) for spec in model.inputs][:2] == [
        "x: batch x seq x 16 x f32",
        "keys: batch x 4 x past x 4 x f32",
    ]
    assert model.outputs[1].dimensions == "batch x 4 x past + seq x 4"
    check_calls(module, model, decoder(2, 3, 5), decoder(3, 1, 7), decoder(1, 4, 0))


def test_dynamic_models_leave_as_source_and_artefact(tmp_path):
    module, model = decoder_model()
    source = model.to_jax_source()
    namespace = load(source)
    values = {name: np.asarray(value) for name, value in model.parameters.items()}
    for call in (decoder(2, 3, 5), decoder(4, 1, 2)):
        with jax.enable_x64(namespace["_x64"]):
            found = namespace["forward"](nested({**values, **source.constants}), *(x.numpy() for x in call))
        with torch.no_grad():
            for actual, tensor in zip(found, module(*call), strict=True):
                compare(np.asarray(actual), tensor, 1e-5, 1e-5)
    model.save(tmp_path / "decoder.mlirbc")
    check_calls(module, oxide.load(tmp_path / "decoder.mlirbc"), decoder(3, 2, 4))


def test_a_cnn_of_any_batch_and_image_size():
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(3, 2, 1), nn.Conv2d(8, 8, 3)]
    cnn = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5)).eval()
    sizes = {0: BATCH, 2: Dim.DYNAMIC, 3: Dim.DYNAMIC}
    module, model = imported(cnn, (torch.randn(2, 3, 32, 40),), (sizes,))
    check_calls(module, model, *((torch.randn(n, 3, h, w),) for n, h, w in ((2, 32, 40), (1, 33, 27))))


def test_an_encoder_of_any_batch_and_length():
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(16, 4, 32, batch_first=True, dropout=0.0)
    # In training mode the layer is not the fused operator, whose inference path needs fixed sizes.
    module, model = imported(layer.train(), (torch.randn(2, 5, 16),), ({0: BATCH, 1: SEQ},))
    check_calls(module, model, (torch.randn(2, 5, 16),), (torch.randn(7, 3, 16),))


def arithmetic(x, past):
    y = torch.cat([past, x], 1)
    return (
        *(y[:, :5], y.reshape(-1), y.flatten(1), y.unflatten(0, (-1, 1)), y[:, ::2]),
        *(x / x.shape[0], x * x.shape[1] ** 0.5, x.sum(1) / (x.shape[1] + 1), x.new_ones((x.shape[0] + 1) // 2)),
        *(torch.arange(x.shape[1]), torch.arange(x.shape[0], dtype=torch.float32), torch.zeros(x.shape[1] // 3)),
        *(torch.rot90(x, 1, [0, 1]), torch.outer(x[0, :, 0], x[0, :, 1]), x.expand(2, -1, -1, -1), y.mean((0, 1))),
        *(x.shape[0] * 2, x.numel(), x.repeat(2, 1, 1), torch.stack([x, x], 1), x.roll(1, 1), x.flip(0)),
    )


def test_arithmetic_of_sizes_in_operators():
    def tensors(batch: int, seq: int, past: int) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.randn(batch, seq, 8), torch.randn(batch, past, 8)

    shapes = ({0: Dim.DYNAMIC, 1: Dim.DYNAMIC}, {0: Dim.DYNAMIC, 1: PAST})
    module, model = imported(arithmetic, tensors(5, 7, 4), shapes)
    check_calls(module, model, tensors(5, 7, 4), tensors(3, 9, 2))
    with pytest.raises(OxideError, match="is needed here"):
        model.compile(cache=False).run({"args_0": np.ones((2, 2, 8), "f"), "args_1": np.ones((2, 2, 8), "f")})


def guarded(x):
    if x.shape[0] > 3:
        x = x + 1
    if x.shape[1] != 7:
        x = x * 2
    torch._check(x.shape[0] < 100)
    return x


def test_comparisons_the_program_was_traced_with_are_constraints():
    module, model = imported(guarded, (torch.ones(6, 8),), ({0: Dim.DYNAMIC, 1: Dim.DYNAMIC},))
    rows, columns = model.inputs[0].symbolic or (None, None)
    found = {str(c) for c in read_constraints(model.module)}
    assert {f"{rows} >= 4", f"99 >= {rows}", f"{columns} != 7"} <= found
    check_calls(module, model, (torch.ones(4, 3),))
    executable = model.compile(cache=False)
    for shape, broken in (((3, 8), f"{rows} >= 4"), ((6, 7), f"{columns} != 7"), ((101, 8), f"99 >= {rows}")):
        with pytest.raises(OxideError, match=broken):
            executable.run({"args_0": np.ones(shape, "f")})


def test_inputs_that_share_a_dimension_must_agree():
    def add(a, b):
        return a + b

    _, model = imported(add, (torch.ones(3, 2), torch.ones(3, 2)), ({0: BATCH}, {0: BATCH}))
    with pytest.raises(OxideError, match="dimension 0 is batch, which is 3"):
        model.compile(cache=False).run({"args_0": np.ones((3, 2), "f"), "args_1": np.ones((4, 2), "f")})


def test_numbers_as_inputs_and_from_tensors():
    def scaled(x, n):
        return x * n, x + (n * 2 - 1), x / x.sum().item(), n // 2

    module, model = imported(scaled, (torch.arange(3.0), 7), (None, Dim.DYNAMIC))
    assert str(model.inputs[1]) == "args_1: i64"
    check_calls(module, model, (torch.arange(3.0), 7), (torch.arange(3.0), 4))


def test_sizes_that_depend_on_values_are_refused():
    def grown(x, n):
        return x.view(n, -1)

    with pytest.raises(OxideError) as caught:
        imported(grown, (torch.ones(6), 3), (None, Dim.DYNAMIC))
    assert "must be known when the model is imported" in str(caught.value)


def statistics(x):
    return (
        x.var(0),
        x.std((0, 2), correction=2),
        *torch.var_mean(x, 1, correction=0.5),
        x.norm(dim=1) / len(x[0, 0]),
    )


def test_variances_over_open_sizes():
    module, model = imported(statistics, (torch.randn(4, 5, 6),), ({0: Dim.AUTO, 1: Dim.AUTO, 2: Dim.AUTO},))
    check_calls(module, model, (torch.randn(4, 5, 6),), (torch.randn(2, 7, 6),))


def test_batch_statistics_over_open_sizes():
    norm = nn.BatchNorm2d(3).train()
    _, model = imported(norm, (torch.randn(4, 3, 5, 6),), ({0: BATCH, 2: Dim.DYNAMIC, 3: Dim.DYNAMIC},))
    for shape in ((4, 3, 5, 6), (2, 3, 7, 2)):
        x, eager = torch.randn(shape), copy.deepcopy(norm)
        found = model.compile(cache=False).run({"input": x})
        compare(np.asarray(found["output"]), eager(x).detach(), 1e-5, 1e-5)
        compare(np.asarray(found["running_var"]), dict(eager.named_buffers())["running_var"], 1e-5, 1e-6)


POOLS: dict[str, Any] = {
    "maximum": lambda x: f.max_pool2d(x, 3, 2, 1, ceil_mode=True),
    "maximum with positions": lambda x: f.max_pool2d(x, (3, 2), 2, ceil_mode=True, return_indices=True),
    "average": lambda x: f.avg_pool2d(x, 3, 2, 1, ceil_mode=True),
    "average without padding": lambda x: f.avg_pool2d(x, (2, 3), 2, 1, ceil_mode=True, count_include_pad=False),
    "response": lambda x: f.local_response_norm(x, 3),
}


@pytest.mark.parametrize("name", POOLS)
def test_windows_over_open_sizes(name):
    module, model = imported(POOLS[name], (torch.randn(2, 3, 8, 9),), ({2: Dim.DYNAMIC, 3: Dim.DYNAMIC},))
    check_calls(module, model, *((torch.randn(2, 3, h, w),) for h, w in ((8, 9), (10, 11), (6, 13))))


def test_operators_that_pytorch_decomposes_for_fixed_sizes_only():
    def values(x, w):
        return (
            x.diag(1),
            x[0].diag(),
            f.bilinear(x, x, w),
            torch.native_channel_shuffle(x[None].view(1, 4, 1, -1), 2),
            f.multilabel_margin_loss(x, x.argsort(1) - 1),
            torch.diff(x, 3, dim=0),
        )

    module, model = imported(values, (torch.randn(8, 5), torch.randn(3, 5, 5)), ({0: Dim.DYNAMIC}, None))
    check_calls(module, model, *((torch.randn(rows, 5), torch.randn(3, 5, 5)) for rows in (8, 12)))


def test_resizing_by_factors_of_open_sizes():
    def values(x):
        by = {
            m: f.interpolate(x, scale_factor=s, mode=m)
            for m, s in (("nearest", 2), ("bilinear", 1.5), ("bicubic", 0.5))
        }
        return (*by.values(), f.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True))

    module, model = imported(values, (torch.randn(1, 2, 6, 8),), ({2: Dim.DYNAMIC, 3: Dim.DYNAMIC},))
    check_calls(module, model, *((torch.randn(1, 2, h, w),) for h, w in ((6, 8), (7, 5))))
    with pytest.raises(OxideError, match="rounded, has no counterpart"):
        imported(lambda x: f.interpolate(x, scale_factor=2.3), (torch.randn(1, 2, 6, 8),), ({2: Dim.DYNAMIC},))
