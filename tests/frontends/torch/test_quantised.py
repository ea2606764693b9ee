"""Quantisation: the decomposed operators, fake quantisation, and a dynamically quantised layer, against PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.ao.quantization.fx._decomposed  # registers the operators
from conformance.torch_adapter import run
from torch_oracle import check, compare

import oxide

DECOMPOSED = torch.ops.quantized_decomposed
INT8 = (-128, 127, torch.int8)


def int8(*shape: int) -> torch.Tensor:
    return torch.randint(-127, 128, shape, dtype=torch.int8)


def per_tensor(x):
    q = DECOMPOSED.quantize_per_tensor(x, 0.05, 3, *INT8)
    return q, DECOMPOSED.dequantize_per_tensor(q, 0.05, 3, *INT8)


def per_tensor_of_tensors(x, scale, zero):
    q = DECOMPOSED.quantize_per_tensor.tensor(x, scale, zero, 0, 255, torch.uint8)
    return q, DECOMPOSED.dequantize_per_tensor.tensor(q, scale, zero, 0, 255, torch.uint8)


def per_channel(x, scale, zero):
    q = DECOMPOSED.quantize_per_channel(x, scale, zero, 0, *INT8)
    return q, DECOMPOSED.dequantize_per_channel(q, scale, zero, 0, *INT8)


def per_token(x):
    scale, zero = DECOMPOSED.choose_qparams_per_token_asymmetric(x, torch.int8)
    q = DECOMPOSED.quantize_per_token(x, scale, zero, *INT8)
    return q, DECOMPOSED.dequantize_per_token(q, scale, zero, *INT8, torch.float32)


def per_group(x, scale, zero):
    q = DECOMPOSED.quantize_per_channel_group(x, scale, zero, -8, 7, torch.int8, 3)
    return q, DECOMPOSED.dequantize_per_channel_group(q, scale, zero, -8, 7, torch.int8, 3, torch.float32)


def dynamic_linear(x, weight, scale):
    """An activation quantised by its own range, times an int8 weight."""
    s, z = DECOMPOSED.choose_qparams.tensor(x, *INT8[:2], 1e-5, torch.int8)
    q = DECOMPOSED.dequantize_per_tensor.tensor(DECOMPOSED.quantize_per_tensor.tensor(x, s, z, *INT8), s, z, *INT8)
    zero = torch.zeros(scale.shape, dtype=torch.int64)
    return torch.nn.functional.linear(q, DECOMPOSED.dequantize_per_channel(weight, scale, zero, 0, *INT8))


def symmetric(x):
    return DECOMPOSED.choose_qparams_symmetric.tensor(x, -127, 127, 1e-5, torch.int8)


X = torch.linspace(-4, 5, 24).reshape(4, 6) * torch.tensor([1.0, -1.0, 0.3, 2.0, 0.01, 1.5])
INT32_ZEROS = torch.zeros(6, dtype=torch.int32)
CASES: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "per tensor": (per_tensor, (X,)),
    "per tensor, of halves": (lambda x: DECOMPOSED.quantize_per_tensor(x, 0.1, 0, *INT8), (X.half(),)),
    "per tensor, of tensors": (per_tensor_of_tensors, (X, torch.tensor(0.1), torch.tensor(128))),
    "per channel": (per_channel, (X, torch.rand(4) + 0.1, torch.tensor([0, 3, -4, 1]))),
    "per token": (per_token, (X,)),
    "per group": (per_group, (X, torch.rand(4, 2) + 0.5, torch.zeros(4, 2))),
    "symmetric": (symmetric, (X,)),
    "symmetric, of zeros": (symmetric, (torch.zeros(3),)),
    "dynamic linear": (dynamic_linear, (X, int8(5, 6), torch.rand(5) + 0.1)),
    "fake, per tensor": (lambda x: torch.fake_quantize_per_tensor_affine(x, 0.1, 3, 0, 255), (X,)),
    "fake, of tensors": (
        lambda x, s, z: torch.fake_quantize_per_tensor_affine(x, s, z, 0, 255),
        (X, torch.tensor(0.1), torch.tensor(3, dtype=torch.int32)),
    ),
    "fake, per channel": (
        lambda x, s: torch.fake_quantize_per_channel_affine(x, s, INT32_ZEROS, 1, -128, 127),
        (X, torch.rand(6) + 0.1),
    ),
    # Sums of 64 products of up to 127 in float32: the bound is on the sum of their magnitudes.
    "int8 weight": (torch.ops.aten._weight_int8pack_mm, (torch.randn(32, 64), int8(32, 64), torch.rand(32))),
}


@pytest.mark.parametrize("case", CASES)
def test_quantised(case):
    function, args = CASES[case]
    check(function, *args, atol=1e-3 if case == "int8 weight" else 1e-6)


class Scaled(torch.Tensor):
    """A weight kept as integers and a scale for each row, as torchao keeps its own."""

    steps: torch.Tensor
    scale: torch.Tensor

    @staticmethod
    def __new__(cls, steps: torch.Tensor, scale: torch.Tensor):
        return torch.Tensor._make_wrapper_subclass(cls, steps.shape, dtype=scale.dtype)

    def __init__(self, steps: torch.Tensor, scale: torch.Tensor) -> None:
        self.steps, self.scale = steps, scale

    def __tensor_flatten__(self):
        return ["steps", "scale"], None

    @classmethod
    def __tensor_unflatten__(cls, inner, context, size, stride):
        return cls(inner["steps"], inner["scale"])

    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        if function is not torch.nn.functional.linear:
            return super().__torch_function__(function, types, args, kwargs or {})
        x, weight, bias = args
        return x @ weight.steps.to(x.dtype).t() * weight.scale + bias

    @classmethod
    def __torch_dispatch__(cls, function, types, args=(), kwargs=None):
        if function is not torch.ops.aten.detach.default:
            raise NotImplementedError(function)
        return cls(args[0].steps, args[0].scale)


def test_weights_that_hold_other_tensors():
    layer = torch.nn.Linear(6, 4)
    layer.weight = torch.nn.Parameter(Scaled(int8(4, 6), torch.rand(4)), requires_grad=False)
    program = torch.export.export(layer, (X,))
    model = oxide.import_torch(program)
    assert [spec.name for spec in model.parameter_specs] == ["weight.steps", "weight.scale", "bias"]
    compare(run(program, (X,), {})["outputs"][0], layer(X).detach(), 1e-5, 1e-6)


def test_bounds_in_tensors_and_fake_quantisation_by_channel() -> None:
    def values(
        x: torch.Tensor, scale: torch.Tensor, zero: torch.Tensor, low: torch.Tensor, high: torch.Tensor
    ) -> Any:
        given = (x, scale[0], zero[0], low, high)
        by_channel = DECOMPOSED.fake_quant_per_channel(x, scale, zero, 0, -8, 7)
        return DECOMPOSED.quantize_per_tensor.tensor2(*given, torch.int8), by_channel, torch.dequantize(x.half())

    scale, zero = torch.tensor([0.05, 0.2]), torch.tensor([3, -1], dtype=torch.int32)
    bounds = (torch.tensor(n, dtype=torch.int32) for n in (-100, 90))
    check(values, torch.randn(2, 40) * 4, scale, zero, *bounds)
