"""Composites: known ones read as one call and agree with their decomposition, others are what they are made of."""

# ruff: noqa: E501  (MLIR is easier to read unbroken)
from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from jax_source_oracle import body_of, check
from jaxlib.mlir import ir

from oxide.dialects import composites, hlo
from oxide.dialects.context import make_context


def module_of(
    shapes: Sequence[tuple[int, ...]], element: str, build: Callable[..., Sequence[ir.Value]]
) -> ir.Module:
    """A module whose main applies `build` to arguments of these shapes."""
    context = make_context()
    with context, ir.Location.unknown():
        module = ir.Module.create()
        types = [ir.RankedTensorType.get(s, ir.Type.parse(element)) for s in shapes]
        with composites.library(module):
            hlo.function(module, "main", types, build)
        main = next(op for op in module.body.operations if ir.StringAttr(op.attributes["sym_name"]).value == "main")
        del main.attributes["sym_visibility"]
    return module


CASES = {
    "softmax": (
        [(3, 5)],
        {"axis": 1},
        "return jax.nn.softmax(arg0, axis=-1)",
    ),
    "log_softmax": ([(3, 5)], {"axis": 0}, "return jax.nn.log_softmax(arg0, axis=0)"),
    "cumlogsumexp": ([(3, 7)], {"axis": 1}, "return lax.cumlogsumexp(arg0, axis=1)"),
    "gelu": ([(3, 5)], {"approximate": "none"}, "return jax.nn.gelu(arg0, approximate=False)"),
    "gelu tanh": ([(3, 5)], {"approximate": "tanh"}, "return jax.nn.gelu(arg0, approximate=True)"),
    "silu": ([(3, 5)], {}, "return jax.nn.silu(arg0)"),
    "layer_norm": (
        [(2, 3, 5), (5,), (5,)],
        {"axes": (2,), "epsilon": 1e-5},
        "return layer_norm(arg0, arg1, arg2, axes=(-1,), epsilon=1e-05)",
    ),
    "layer_norm without bias": (
        [(2, 3, 5), (3, 5)],
        {"axes": (1, 2), "epsilon": 1e-5},
        "return layer_norm(arg0, arg1, axes=(-2, -1), epsilon=1e-05)",
    ),
    "layer_norm over inner axes": (
        [(2, 3, 5), (2, 3)],
        {"axes": (0, 1), "epsilon": 1e-5},
        "return layer_norm(arg0, arg1, axes=(0, 1), epsilon=1e-05)",
    ),
    "rms_norm": (
        [(2, 3, 5), (5,)],
        {"axes": (2,), "epsilon": 1e-6},
        "return rms_norm(arg0, arg1, axes=(-1,), epsilon=1e-06)",
    ),
    "group_norm": (
        [(2, 6, 3, 4), (6,), (6,)],
        {"groups": 3, "epsilon": 1e-5},
        "return group_norm(arg0, arg1, arg2, groups=3, epsilon=1e-05)",
    ),
    "group_norm of channels last": (
        [(2, 3, 4, 6), (6,), (6,)],
        {"groups": 3, "epsilon": 1e-5, "axis": 3},
        "return group_norm(arg0, arg1, arg2, groups=3, epsilon=1e-05, axis=3)",
    ),
    "rotary": (
        [(2, 3, 5, 8), (1, 1, 5, 4), (1, 1, 5, 4)],
        {"interleaved": False},
        "return rotary(arg0, arg1, arg2)",
    ),
    "rotary of neighbours": (
        [(2, 5, 3, 8), (1, 5, 1, 8), (1, 5, 1, 8)],
        {"interleaved": True},
        "return rotary(arg0, arg1, arg2, interleaved=True)",
    ),
    "cumulative": ([(3, 7)], {"kind": "add", "axis": 1, "reverse": False}, "return lax.cumsum(arg0, axis=1)"),
    "cumulative from the end": (
        [(3, 7)],
        {"kind": "max", "axis": 0, "reverse": True},
        "return lax.cummax(arg0, axis=0, reverse=True)",
    ),
    "attention": (
        [(2, 4, 3, 8), (2, 2, 5, 8), (2, 2, 5, 6)],
        {"scale": 0.25, "causal": False},
        "return attention(arg0, arg1, arg2, scale=0.25)",
    ),
    "attention with a mask": (
        [(2, 4, 3, 8), (2, 4, 5, 8), (2, 4, 5, 6), (1, 1, 3, 5)],
        {"scale": 0.25, "causal": True},
        "return attention(arg0, arg1, arg2, arg3, scale=0.25, causal=True)",
    ),
    "attention with a soft cap": (
        [(2, 4, 3, 8), (2, 4, 5, 8), (2, 4, 5, 6)],
        {"scale": 0.25, "causal": False, "soft_cap": 2.0},
        "return attention(arg0, arg1, arg2, scale=0.25, soft_cap=2.0)",
    ),
}


@pytest.mark.parametrize("element", ["f32", "f64", "bf16"])
@pytest.mark.parametrize("case", CASES)
def test_composite(case: str, element: str) -> None:
    shapes, attributes, line = CASES[case]
    kind = case.split(" ")[0]
    module = module_of(shapes, element, lambda *xs: composites.build(kind, xs, **attributes))
    text = check(module, tolerance=2e-6)
    if element != "bf16":
        assert line in text


def test_batch_norm() -> None:
    def build(x: ir.Value, *rest: ir.Value) -> Sequence[ir.Value]:
        scale, bias, mean, variance = rest
        positive = hlo.multiply(variance, variance)
        return composites.build("batch_norm", [x, scale, bias, mean, positive], axis=1, epsilon=1e-3)

    module = module_of([(2, 3, 4, 4), (3,), (3,), (3,), (3,)], "f32", build)
    text = check(module)
    assert "return batch_norm(arg0, arg1, arg2, arg3, arg4 * arg4, axis=1, epsilon=0.001)" in text


@pytest.mark.parametrize("axis", [0, 2])
def test_one_hot(axis: int) -> None:
    def build(x: ir.Value) -> Sequence[ir.Value]:
        indices = hlo.convert(hlo.multiply(x, 3), "int32")
        return composites.build("one_hot", [indices], depth=3, axis=axis, dtype="f32")

    text = check(module_of([(4, 5)], "f32", build))
    assert "jax.nn.one_hot(" in text
    assert ("axis=0" in text) == (axis == 0)


@pytest.mark.parametrize(
    ("layout", "x", "w", "function"),
    [
        ("NCHW,OIHW,NCHW", (2, 4, 7, 7), (6, 2, 3, 3), "conv"),
        ("NHWC,HWIO,NHWC", (2, 7, 7, 4), (3, 3, 2, 6), "lax.conv_general_dilated"),
    ],
)
def test_quantized_convolution(layout: str, x: tuple[int, ...], w: tuple[int, ...], function: str) -> None:
    def build(x: ir.Value, w: ir.Value, scale: ir.Value) -> Sequence[ir.Value]:
        q, r = (hlo.convert(hlo.multiply(v, 30), "int8") for v in (x, w))
        numbers = hlo.constant(0.5, "float32"), hlo.constant(3, "int32")
        window = {"strides": (2, 1), "padding": (1, 0, 1, 1), "dilation": (1, 2), "groups": 2, "layout": layout}
        operands = [q, *numbers, r, scale, numbers[1]]
        return composites.build("quantized_convolution", operands, **window)

    text = check(module_of([x, w, (6,)], "f32", build), tolerance=2e-6)
    assert text.count("dequantized(") == 3
    assert f"return {function}(" in text


@pytest.mark.parametrize("axis", [0, 1])
def test_quantized_linear(axis: int) -> None:
    def build(x: ir.Value, w: ir.Value, scale: ir.Value) -> Sequence[ir.Value]:
        q, r = (hlo.convert(hlo.multiply(v, 30), "int8") for v in (x, w))
        numbers = hlo.constant(0.5, "float32"), hlo.constant(3, "int32")
        return composites.build("quantized_linear", [q, *numbers, r, scale, numbers[1]], axis=axis)

    text = check(module_of([(2, 3, 4), (4, 6) if axis == 0 else (6, 4), (6,)], "f32", build), tolerance=2e-6)
    assert text.count("dequantized(") == 3
    assert (").T" in text) == bool(axis)


def test_bool_mask_keeps_where_true_and_gives_zeros_for_nothing() -> None:
    def build(q: ir.Value, k: ir.Value, v: ir.Value, m: ir.Value) -> Sequence[ir.Value]:
        keep = hlo.greater_equal(m, 0.7)
        return composites.build("attention", [q, k, v, keep], scale=0.5, causal=False)

    module = module_of([(1, 2, 3, 4), (1, 2, 5, 4), (1, 2, 5, 4), (1, 1, 3, 5)], "f32", build)
    check(module)


def test_unknown_composite_becomes_a_function() -> None:
    check(
        text := """
        func.func @main(%x: tensor<3xf32>) -> tensor<3xf32> {
          %0 = stablehlo.composite "vendor.op" %x {decomposition = @impl} : (tensor<3xf32>) -> tensor<3xf32>
          return %0 : tensor<3xf32> }
        func.func private @impl(%x: tensor<3xf32>) -> tensor<3xf32> {
          %0 = stablehlo.exponential %x : tensor<3xf32>
          %1 = stablehlo.add %0, %x : tensor<3xf32>
          %2 = stablehlo.multiply %1, %0 : tensor<3xf32>
          %3 = stablehlo.divide %2, %1 : tensor<3xf32>
          return %3 : tensor<3xf32> }"""
    )
    assert "return impl(arg0)" in body_of(text)


def test_fusion_is_written_in_place() -> None:
    text = """
        func.func @main(%x: tensor<3xf32>) -> (tensor<3xf32>, tensor<3xf32>) {
          %0:2 = stablehlo.composite "oxide.fusion" %x {composite_attributes = {kind = "loop"}, decomposition = @f} : (tensor<3xf32>) -> (tensor<3xf32>, tensor<3xf32>)
          return %0#0, %0#1 : tensor<3xf32>, tensor<3xf32> }
        func.func private @f(%x: tensor<3xf32>) -> (tensor<3xf32>, tensor<3xf32>) {
          %0 = stablehlo.exponential %x : tensor<3xf32>
          %1 = stablehlo.add %0, %x : tensor<3xf32>
          %2 = stablehlo.tanh %1 : tensor<3xf32>
          %3 = stablehlo.negate %2 : tensor<3xf32>
          return %3, %0 : tensor<3xf32>, tensor<3xf32> }"""
    check(text)
    assert "return -jnp.tanh(powers + arg0), powers" in body_of(text)
