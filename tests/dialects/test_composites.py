"""Composites: what each decomposition computes (against torch), and what the schema refuses."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from jaxlib.mlir import ir
from jaxlib.mlir.dialects import stablehlo
from jaxlib.mlir.passmanager import PassManager

from oxide.dialects import composites, constants, hlo
from oxide.dialects.context import make_context, parse_module
from oxide.dialects.diagnostics import OxideError


def module_of(name: str, arrays: list[np.ndarray], attributes: dict) -> ir.Module:
    with make_context(), ir.Location.unknown():
        module = ir.Module.create()
        types = [hlo.make_type(a.shape, a.dtype) for a in arrays]
        with composites.library(module):
            hlo.function(module, "main", types, lambda *xs: composites.build(name, xs, **attributes))
        main = next(op for op in module.body.operations if ir.StringAttr(op.attributes["sym_name"]).value == "main")
        main.attributes["sym_visibility"] = ir.StringAttr.get("public")
        module.operation.verify()
    return module


def run(module: ir.Module, arrays: list[np.ndarray]) -> np.ndarray:
    """Through the reference interpreter, after the native passes that inline composites and CHLO."""
    with module.context, ir.Location.unknown():
        PassManager.parse(
            "builtin.module(func.func(stablehlo-legalize-composite-to-call,chlo-legalize-to-stablehlo))"
        ).run(module.operation)
        (result,) = stablehlo.eval_module(module, [constants.dense(a) for a in arrays])
        return np.array(result)


def tensors(*shapes: tuple[int, ...]) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.standard_normal(s).astype(np.float32) for s in shapes]


def sdpa(q, k, v, mask=None, **options) -> torch.Tensor:
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, enable_gqa=True, **options)


def turned_halves(x, cos, sin) -> torch.Tensor:
    """As Hugging Face writes it."""
    first, second = x.chunk(2, -1)
    return x * cos + torch.cat([-second, first], -1) * sin


def turned_pairs(x, cos, sin) -> torch.Tensor:
    """As LLaMA writes it: by complex numbers."""
    pairs = torch.view_as_complex(x.reshape(*x.shape[:-1], -1, 2))
    return torch.view_as_real(pairs * torch.complex(cos, sin)).flatten(-2)


X = (2, 3, 5)
QKV = [(2, 4, 6, 8), (2, 2, 7, 8), (2, 2, 7, 5)]


def capped(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    k, v = (x.repeat_interleave(q.shape[1] // x.shape[1], 1) for x in (k, v))
    scores = torch.tanh(q @ k.mT * 0.3 / 0.5) * 0.5
    return torch.softmax(scores + mask, -1) @ v


CASES: dict[str, tuple[str, list, dict, Callable]] = {
    "softmax": ("softmax", [X], {"axis": 1}, lambda x: torch.softmax(x, 1)),
    "log_softmax": ("log_softmax", [X], {"axis": 2}, lambda x: torch.log_softmax(x, 2)),
    "cumlogsumexp": ("cumlogsumexp", [X], {"axis": 1}, lambda x: torch.logcumsumexp(x, 1)),
    "cumlogsumexp_last": ("cumlogsumexp", [X], {"axis": 2}, lambda x: torch.logcumsumexp(x, 2)),
    "cumulative": (
        "cumulative",
        [X],
        {"kind": "multiply", "axis": 1, "reverse": False},
        lambda x: torch.cumprod(x, 1),
    ),
    "cumulative_reverse": (
        "cumulative",
        [X],
        {"kind": "add", "axis": 2, "reverse": True},
        lambda x: x.flip(2).cumsum(2).flip(2),
    ),
    "rotary": ("rotary", [(2, 3, 8), (1, 3, 8), (1, 3, 8)], {"interleaved": False}, turned_halves),
    "rotary_of_neighbours": ("rotary", [(2, 3, 8), (1, 3, 4), (1, 3, 4)], {"interleaved": True}, turned_pairs),
    "gelu": ("gelu", [X], {"approximate": "none"}, lambda x: F.gelu(x)),
    "gelu_tanh": ("gelu", [X], {"approximate": "tanh"}, lambda x: F.gelu(x, approximate="tanh")),
    "silu": ("silu", [X], {}, F.silu),
    "layer_norm": (
        "layer_norm",
        [X, (3, 5), (3, 5)],
        {"axes": (1, 2), "epsilon": 1e-5},
        lambda x, s, b: F.layer_norm(x, (3, 5), s, b, 1e-5),
    ),
    "layer_norm_without_bias": (
        "layer_norm",
        [X, (5,)],
        {"axes": (2,), "epsilon": 0.1},
        lambda x, s: F.layer_norm(x, (5,), s, None, 0.1),
    ),
    "rms_norm": (
        "rms_norm",
        [X, (5,)],
        {"axes": (2,), "epsilon": 1e-6},
        lambda x, s: F.rms_norm(x, (5,), s, 1e-6),
    ),
    "group_norm": (
        "group_norm",
        [(2, 6, 4, 3), (6,), (6,)],
        {"groups": 3, "epsilon": 0.1},
        lambda x, s, b: F.group_norm(x, 3, s, b, 0.1),
    ),
    "group_norm_channels_last": (
        "group_norm",
        [(2, 4, 3, 6), (6,), (6,)],
        {"groups": 3, "epsilon": 0.1, "axis": 3},
        lambda x, s, b: F.group_norm(x.permute(0, 3, 1, 2), 3, s, b, 0.1).permute(0, 2, 3, 1),
    ),
    "batch_norm": (
        "batch_norm",
        [(2, 3, 4, 4), (3,), (3,), (3,), (3,)],
        {"axis": 1, "epsilon": 2.0},
        lambda x, s, b, m, v: F.batch_norm(x, m, v, s, b, eps=2.0),
    ),
    "attention_grouped": ("attention", QKV, {"scale": 0.3, "causal": False}, lambda *a: sdpa(*a, scale=0.3)),
    "attention_causal": (
        "attention",
        QKV,
        {"scale": 0.3, "causal": True},
        lambda *a: sdpa(*a, scale=0.3, is_causal=True),
    ),
    "attention_float_mask": (
        "attention",
        [*QKV, (1, 1, 6, 7)],
        {"scale": 0.3, "causal": False},
        lambda *a: sdpa(*a, scale=0.3),
    ),
    "attention_soft_cap": (
        "attention",
        [*QKV, (1, 1, 6, 7)],
        {"scale": 0.3, "causal": False, "soft_cap": 0.5},
        capped,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_decomposition_agrees_with_torch(case: str) -> None:
    name, shapes, attributes, oracle = CASES[case]
    arrays = tensors(*shapes)
    if name == "batch_norm":
        arrays[4] = np.abs(arrays[4])
    expected = oracle(*[torch.from_numpy(a) for a in arrays]).numpy()
    np.testing.assert_allclose(run(module_of(name, arrays, attributes), arrays), expected, rtol=2e-5, atol=2e-6)


def test_a_query_that_may_see_nothing_gives_zeros() -> None:
    arrays = tensors(*QKV)
    mask = np.ones((6, 7), bool)
    mask[2] = False
    arrays.append(mask)
    result = run(module_of("attention", arrays, {"scale": 1.0, "causal": False}), arrays)
    expected = sdpa(*[torch.from_numpy(a) for a in arrays], scale=1.0).numpy()
    assert not result[:, :, 2].any()
    np.testing.assert_allclose(result, expected, rtol=2e-5, atol=2e-6)


def test_equal_composites_share_one_decomposition() -> None:
    (x,) = tensors(X)

    def twice(value: ir.Value) -> list[ir.Value]:
        (once,) = composites.build("softmax", [value], axis=1)
        (again,) = composites.build("softmax", [once], axis=1)
        return composites.build("softmax", [again], axis=2)

    with make_context(), ir.Location.unknown():
        module = ir.Module.create()
        with composites.library(module):
            hlo.function(module, "main", [hlo.make_type(x.shape, x.dtype)], twice)
    symbols = [ir.StringAttr(op.attributes["sym_name"]).value for op in module.body.operations]
    assert sorted(symbols) == ["main", "oxide.softmax.impl", "oxide.softmax.impl_1"]


@pytest.mark.parametrize(
    ("name", "shapes", "attributes", "message"),
    [
        ("softmax", [X], {"axis": 3}, "axis 3 is out of range"),
        ("softmax", [X], {}, "takes attributes"),
        ("softmax", [X], {"axis": 1.0}, "expected int"),
        ("softmax", [X], {"axis": True}, "expected int"),
        ("gelu", [X], {"approximate": "fast"}, '"none" or "tanh"'),
        ("layer_norm", [X, (3,)], {"axes": (2,), "epsilon": 1e-5}, "need shape [5]"),
        ("layer_norm", [X, (5,)], {"axes": (2, 1), "epsilon": 1e-5}, "ascending"),
        ("rms_norm", [X], {"axes": (2,), "epsilon": 1e-5}, "takes 2 to 2 operands"),
        ("group_norm", [X, (5,), (5,)], {"groups": 1, "epsilon": 0.1, "axis": 0}, "behind the batch"),
        ("group_norm", [X, (5,), (5,)], {"groups": 2, "epsilon": 0.1, "axis": 2}, "no multiple of 2 groups"),
        ("batch_norm", [X, (3,), (3,), (3,), (5,)], {"axis": 1, "epsilon": 1e-5}, "over 3 features"),
        ("attention", [(2, 3, 6, 8), *QKV[1:]], {"scale": 1.0, "causal": False}, "no multiple"),
        ("attention", QKV, {"scale": float("inf"), "causal": False}, "finite"),
        ("attention", QKV, {"scale": 1.0, "causal": False, "soft_cap": -1.0}, "soft_cap"),
        ("lu", [(3, 3)], {}, "matrices [batch, rows, columns]"),
        ("eigh", [X], {"vectors": True}, "square matrices"),
    ],
)
def test_the_schema_refuses(name: str, shapes: list, attributes: dict, message: str) -> None:
    with pytest.raises(OxideError) as error:
        module_of(name, tensors(*shapes), attributes)
    assert message in str(error.value)


WINDOW = {"strides": (2,), "padding": (1, 0), "dilation": (1,), "groups": 2, "layout": "NCW,OIW,NCW"}


def quantised(**changed: np.ndarray) -> list[np.ndarray]:
    """Operands of a quantized_convolution: x [2, 4, 9], a kernel [6, 2, 3] and their numbers."""
    rng = np.random.default_rng(0)
    arrays = {
        "x": rng.integers(0, 256, (2, 4, 9)).astype(np.uint8),
        "x_scale": np.float32(0.25),
        "x_zero": np.int32(130),
        "kernel": rng.integers(-128, 128, (6, 2, 3)).astype(np.int8),
        "kernel_scale": np.linspace(0.1, 0.6, 6, dtype=np.float32),
        "kernel_zero": np.arange(-3, 3),
    }
    return [np.asarray(array) for array in (arrays | changed).values()]


def test_quantized_convolution() -> None:
    arrays = quantised()
    x, s, z, w, t, y = (torch.from_numpy(array).double() for array in arrays)
    padded = F.pad((x - z) * s, (1, 0))
    expected = F.conv1d(padded, (w - y[:, None, None]) * t[:, None, None], stride=2, groups=2)
    result = run(module_of("quantized_convolution", arrays, WINDOW), arrays)
    np.testing.assert_allclose(result, expected.numpy(), rtol=2e-6)


@pytest.mark.parametrize(
    ("operands", "attributes", "message"),
    [
        ({"x": np.zeros((2, 4, 9), np.int16)}, {}, "8-bit integers"),
        ({"x_scale": np.float64(1)}, {}, "a scale is a float32"),
        ({"x_zero": np.int8(1)}, {}, "does not hold the differences"),
        ({"x_zero": np.zeros(4, np.int32)}, {}, "one number"),
        ({"kernel_scale": np.zeros(4, np.float32)}, {}, "each of 6 features"),
        ({}, {"layout": "NCW,OIW"}, "does not fit"),
        ({}, {"strides": (1, 1)}, "1 strides"),
        ({}, {"groups": 0}, "number of groups"),
        ({}, {"groups": 1}, "the input needs 2 channels"),
    ],
)
def test_quantized_convolution_refuses(operands: dict, attributes: dict, message: str) -> None:
    with pytest.raises(OxideError) as error:
        module_of("quantized_convolution", quantised(**operands), WINDOW | attributes)
    assert message in str(error.value)


def test_quantized_linear_refuses() -> None:
    x, s, z, w, t, y = quantised()
    with pytest.raises(OxideError, match="make no linear layer"):
        module_of("quantized_linear", [x, s, z, w, t, y], {"axis": 0})
    with pytest.raises(OxideError, match="does not fit dimension 0"):
        module_of("quantized_linear", [x, s, z, w[:, :, 0], t, y], {"axis": 0})


def test_parsed_composites_are_checked() -> None:
    text = """
    func.func @main(%x: tensor<2xf32>) -> tensor<2xf32> {
      %0 = stablehlo.composite "oxide.softmax" %x
        {composite_attributes = {axis = 1 : i64}, decomposition = @f} : (tensor<2xf32>) -> tensor<2xf32>
      return %0 : tensor<2xf32>
    }
    func.func private @f(%x: tensor<2xf32>) -> tensor<2xf32> { return %x : tensor<2xf32> }
    """
    module = parse_module(text)
    (op, _) = module.body.operations[0].regions[0].blocks[0].operations
    with pytest.raises(OxideError, match="out of range"):
        composites.verify_composite(op.operation)
