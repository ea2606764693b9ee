"""Products of dequantised integers become products of integers, exactly, and convolutions of them get a name."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import onnx
import onnxruntime.quantization as ort
import pytest
import torch
import torch.ao.quantization.fx._decomposed  # registers the operators
from conformance.xla import Program
from onnx import helper, numpy_helper
from raise_oracle import FLAT, LOWERED, check, composites_of, names_of, of_jax, raised, run
from reference_interpreter import evaluate
from torch_exporters import decomposed
from torch_oracle import Function

from oxide.dialects import hlo
from oxide.dialects.composites import attributes_of
from oxide.frontends.onnx import import_onnx
from oxide.passes.raise_ import Raise

ROWS, COLUMNS = np.linspace(0.01, 0.4, 5, dtype=np.float32), np.linspace(0.02, 0.3, 7, dtype=np.float32)


def dequantised(q, scale, zero: float | np.ndarray = 0):
    return (q.astype(jnp.int32) - zero).astype(jnp.float32) * scale


def through_float(q, scale, zero: float | np.ndarray = 0):
    return (q.astype(jnp.float32) - zero) * scale


CASES: dict[str, tuple[str, str, Callable]] = {
    "symmetric": ("int8", "int8", lambda x, w: dequantised(x, 0.1) @ dequantised(w, 0.3)),
    "by column": ("int8", "int8", lambda x, w: dequantised(x, 0.1, 3) @ dequantised(w, COLUMNS)),
    "by row": ("int8", "int8", lambda x, w: dequantised(x, ROWS[:, None], -7) @ dequantised(w, COLUMNS, 1)),
    "unsigned": ("uint8", "int8", lambda x, w: dequantised(x, 0.1, 130) @ dequantised(w, COLUMNS)),
    "both unsigned": ("uint8", "uint8", lambda x, w: dequantised(x, 0.1) @ dequantised(w, 0.2, 255)),
    "through float": ("int8", "uint8", lambda x, w: through_float(x, 0.1, 3) @ through_float(w, COLUMNS, 9)),
    "transposed": ("int8", "int8", lambda x, w: (dequantised(w, COLUMNS).T @ dequantised(x, 0.1, 3).T).T),
}


def integers(dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    limits = np.iinfo(dtype)
    return np.random.default_rng(0).integers(limits.min, limits.max + 1, shape).astype(dtype)


@pytest.mark.parametrize("case", CASES)
def test_product_of_integers(case: str) -> None:
    left, right, function = CASES[case]
    arguments = [integers(left, (5, 300)), integers(right, (300, 7))]
    module = run(FLAT, of_jax(function, *arguments))
    raised(module)
    run("canonicalize,dce", module)
    (product,) = (line for line in str(module).splitlines() if "dot_general" in line)
    assert "xi8>" in product
    assert "xi32>" in product
    found = evaluate(run(LOWERED, module), arguments)[0]
    wide = [a.astype(np.float64) for a in arguments]
    exact = np.asarray(function(*(Wide(a) for a in wide)))
    # Three roundings are left: of the sum, of the scales' product, and of their product.
    np.testing.assert_allclose(found, exact, rtol=3 * 2.0**-23, atol=0)


class Wide(np.ndarray):
    """float64, whatever type is asked for."""

    def __new__(cls, array: np.ndarray) -> Wide:
        return array.view(cls)

    def astype(self, *_: object) -> Wide:  # pyright: ignore[reportIncompatibleMethodOverride]
        return self


NEAR_MISSES: dict[str, tuple[str, tuple[int, int], Callable]] = {
    "too many terms": (
        "int32 may not hold",
        (2, 50000),
        lambda x: dequantised(x, 0.1, 127) @ dequantised(x, 0.2, 127).T,
    ),
    "a scale of summed elements": (
        "a scale of its operands differs",
        (3, 7),
        lambda x: dequantised(x, COLUMNS) @ dequantised(x, 1.5).T,
    ),
    "no integral zero": ("", (3, 7), lambda x: through_float(x, 0.1, 0.5) @ through_float(x, 0.2).T),
    "no number": ("", (3, 7), lambda x: through_float(x, 0.1, float("nan")) @ through_float(x, 0.2).T),
    "a zero of no int8": ("", (3, 7), lambda x: dequantised(x, 0.1, 300) @ dequantised(x, 0.2).T),
    "a sum": ("", (3, 7), lambda x: (dequantised(x, 0.1) + 0.5) @ dequantised(x, 0.2).T),
    "a zero of the input": (
        "the zero point of an operand is not in the module",
        (3, 7),
        lambda x: dequantised(x, 0.1, x[0, 0]) @ dequantised(x, 0.2).T,
    ),
    "wider integers": ("", (3, 7), lambda x: dequantised(x.astype(jnp.int16) * 300, 0.1) @ dequantised(x, 0.2).T),
}  # fmt: skip


# What stands for zero may be any number where sums are floats.
IN_FLOATS = {"too many terms", "no integral zero", "no number", "a zero of no int8", "a zero of the input"}


@pytest.mark.parametrize("miss", NEAR_MISSES)
def test_near_miss_stays_in_floats(miss: str) -> None:
    reason, shape, function = NEAR_MISSES[miss]
    module = run(FLAT, of_jax(function, np.zeros(shape, np.int8)))
    before = str(module)
    log = raised(module)
    assert names_of(module) == ["quantized_linear"] * (miss in IN_FLOATS)
    assert miss in IN_FLOATS or str(module) == before
    found = [remark.message for remark in log.remarks if "rewritten" not in remark.message]
    assert reason in " / ".join(found)
    assert bool(reason) == bool(found)


def test_onnx_quantize_and_dequantize() -> None:
    weights = {
        "s": np.float32(0.02),
        "z": np.uint8(130),
        "w": integers("int8", (64, 80)),
        "t": np.linspace(0.01, 0.2, 80, dtype=np.float32),
        "y": np.zeros(80, np.int8),
    }
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["d"]),
        helper.make_node("DequantizeLinear", ["w", "t", "y"], ["e"], axis=1),
        helper.make_node("MatMul", ["d", "e"], ["product"]),
    ]
    x = helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [4, 64])
    product = helper.make_tensor_value_info("product", onnx.TensorProto.FLOAT, [4, 80])
    initializers = [numpy_helper.from_array(np.asarray(a), name) for name, a in weights.items()]
    graph = helper.make_graph(nodes, "linear", [x], [product], initializers)
    module = import_onnx(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])).module
    assert "(tensor<4x64xi8>, tensor<64x80xi8>) -> tensor<4x80xi32>" in str(check(module, []))


@pytest.mark.parametrize("transposed", [False, True])
def test_product_by_a_matrix_whose_zeros_are_weights(transposed: bool) -> None:
    """As PyTorch's quantiser leaves them: buffers of int64, whose values are not in the module."""

    def linear(x, w, zero):
        kernel = (
            dequantised(w.T, COLUMNS[:, None], zero[:, None]).T if transposed else dequantised(w, COLUMNS, zero)
        )
        return dequantised(x, 0.1, 3) @ kernel

    arguments = integers("int8", (2, 5, 30)), integers("int8", (30, 7)), np.zeros(7, np.int32)
    module = check(of_jax(linear, *arguments), ["quantized_linear"], rtol=0)
    assert attributes_of(composites_of(module)[0]) == {"axis": 1 if transposed else 0}


# ------------------------------------------------------------------------------------------ convolutions

CONVOLUTION = "quantized_convolution"
FEATURES = np.linspace(0.01, 0.3, 6, dtype=np.float32)[:, None, None, None]
ZEROS = np.arange(-3, 3)[:, None, None, None]


def convolve(x, w, *, strides=(1, 1), padding=((0, 0), (0, 0)), **options):
    return jax.lax.conv_general_dilated(x, w, strides, padding, **options)


CONVOLUTIONS: dict[str, tuple[str, dict, Callable]] = {
    "symmetric": ("int8", {}, lambda x, w: convolve(dequantised(x, 0.1), dequantised(w, 0.3))),
    "by feature": (
        "int8",
        {"strides": (2, 1), "padding": (1, 2, 0, 1), "dilation": (1, 2)},
        lambda x, w: convolve(
            dequantised(x, 0.1, 3),
            dequantised(w, FEATURES),
            strides=(2, 1),
            padding=[(1, 2), (0, 1)],
            rhs_dilation=(1, 2),
        ),
    ),
    "zeros by feature": (
        "uint8",
        {},
        lambda x, w: convolve(dequantised(x, 0.1, 130), dequantised(w, FEATURES, ZEROS)),
    ),
    "through float": (
        "uint8",
        {},
        lambda x, w: convolve(through_float(x, 0.1, 3), through_float(w, FEATURES, ZEROS.astype(np.float32))),
    ),
    "channels last": (
        "int8",
        {"layout": "NHWC,OIHW,NHWC"},
        lambda x, w: convolve(
            dequantised(x.transpose(0, 2, 3, 1), 0.1, 3),
            dequantised(w, FEATURES),
            dimension_numbers=("NHWC", "OIHW", "NHWC"),
        ),
    ),
    "an operand used elsewhere": (
        "int8",
        {},
        lambda x, w: (convolve(d := dequantised(x, 0.1, 3), dequantised(w, FEATURES)), d),
    ),
}


@pytest.mark.parametrize("case", CONVOLUTIONS)
def test_convolution(case: str) -> None:
    dtype, attributes, function = CONVOLUTIONS[case]
    arguments = integers(dtype, (2, 4, 7, 7)), integers("int8", (6, 4, 3, 3))
    module = check(of_jax(function, *arguments), [CONVOLUTION], rtol=0)
    (op,) = composites_of(module)
    assert attributes_of(op).items() >= attributes.items()
    assert [hlo.dtype(op.operands[i]) for i in (0, 3)] == [dtype, np.int8]


NO_CONVOLUTIONS: dict[str, tuple[str, Callable]] = {
    "a scale for each channel": (
        "",
        lambda x, w: convolve(dequantised(x, FEATURES[:4, 0]), dequantised(w, 0.3)),
    ),
    "a scale for each channel of the kernel": (
        "",
        lambda x, w: convolve(dequantised(x, 0.1), dequantised(w, FEATURES[:4, 0])),
    ),
    "wider integers": ("", lambda x, w: convolve(dequantised(x.astype(jnp.int16) * 300, 0.1), dequantised(w, 0.3))),
    "a real kernel": ("", lambda x, w: convolve(dequantised(x, 0.1), jnp.sin(w.astype(jnp.float32)))),
    "a dilated input": (
        "has no dilated input",
        lambda x, w: convolve(dequantised(x, 0.1), dequantised(w, 0.3), lhs_dilation=(2, 2)),
    ),
    "more precision": (
        "has no dilated input, groups of batches or precision",
        lambda x, w: convolve(dequantised(x, 0.1), dequantised(w, 0.3), precision="highest"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("miss", NO_CONVOLUTIONS)
def test_other_convolutions_stay(miss: str) -> None:
    reason, function = NO_CONVOLUTIONS[miss]
    module = run(FLAT, of_jax(function, np.zeros((2, 4, 7, 7), np.int8), np.zeros((6, 4, 3, 3), np.int8)))
    before = str(module)
    log = raised(module)
    found = [remark.message for remark in log.remarks]
    assert reason in " / ".join(found)
    assert (str(module) == before, bool(found)) == (True, bool(reason))


HALVES = 2.0 ** -np.arange(6, dtype=np.float32)[:, None, None, None]
INTEGERS: dict[str, tuple[str, str, Callable]] = {
    "symmetric": ("int8", "int8", lambda x, w: convolve(dequantised(x, 0.25), dequantised(w, 0.5))),
    "by feature": (
        "int8",
        "int8",
        lambda x, w: convolve(
            dequantised(x, 0.25, 3),
            dequantised(w, HALVES),
            strides=(2, 1),
            padding=[(1, 2), (-1, 1)],
            rhs_dilation=(1, 2),
        ),
    ),
    "unsigned": (
        "uint8",
        "uint8",
        lambda x, w: convolve(dequantised(x, 0.25, 250), dequantised(w, 0.5, 128), padding=[(1, 1), (1, 1)]),
    ),
    "groups": (
        "uint8",
        "int8",
        lambda x, w: convolve(dequantised(x, 0.25), dequantised(w[:, :2], HALVES), feature_group_count=2),
    ),
}


@pytest.mark.parametrize("case", INTEGERS)
def test_convolution_of_integers(case: str) -> None:
    """Scales are powers of two and all sums below 2^24: floats are exact, and so every bit is the same."""
    left, right, function = INTEGERS[case]
    arguments = [integers(left, (2, 4, 7, 7)), integers(right, (6, 4, 3, 3))]
    module = run(FLAT, of_jax(function, *arguments))
    before = evaluate(module, arguments)[0]
    raised(module, Raise(integer_convolutions=True))
    (convolution,) = (line for line in str(module).splitlines() if "stablehlo.convolution" in line)
    assert convolution.count("xi8>") == 2
    assert "xi32>" in convolution
    # The interpreter multiplies as int8.
    np.testing.assert_array_equal(Program(run(LOWERED, module))(arguments)[0], before)


NO_INTEGERS: dict[str, tuple[str, tuple[int, ...], Callable]] = {
    "a kernel around another zero": (
        "is not the middle of the range",
        (6, 4, 3, 3),
        lambda x, w: convolve(dequantised(x, 0.25), dequantised(w, 0.5, 1)),
    ),
    "too many terms": (
        "int32 may not hold the sum",
        (1, 80000, 1, 1),
        lambda x, w: convolve(dequantised(w, 0.25, 127), dequantised(w, 0.5)),
    ),
}


@pytest.mark.parametrize("miss", NO_INTEGERS)
def test_other_convolutions_stay_in_floats(miss: str) -> None:
    reason, shape, function = NO_INTEGERS[miss]
    module = run(FLAT, of_jax(function, np.zeros((2, 4, 7, 7), np.int8), np.zeros(shape, np.int8)))
    log = raised(module, Raise(integer_convolutions=True))
    assert any(reason in remark.message for remark in log.remarks)
    assert [attributes_of(op)["groups"] for op in composites_of(module)] == [1]


class Samples(ort.CalibrationDataReader):
    """What the quantiser runs the model on to see which numbers come up."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        rng = np.random.default_rng(0)
        self.samples = iter([{"x": rng.standard_normal(shape).astype(np.float32)} for _ in range(2)])

    def get_next(self) -> dict[str, np.ndarray] | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        return next(self.samples, None)


@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_model_that_onnxruntime_quantised(per_channel: bool, tmp_path) -> None:
    """Two convolutions, one of them depthwise with weights that become constants; biases stay beside them."""
    rng = np.random.default_rng(0)
    shapes = {"w": (16, 8, 3, 3), "b": (16,), "v": (16, 1, 3, 3)}
    weights = {name: rng.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["c"], pads=[1, 1, 1, 1], strides=[2, 2]),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("Conv", ["r", "v"], ["y"], group=16),
    ]
    x = helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1, 8, 8, 8])
    y = helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1, 16, 2, 2])
    initializers = [numpy_helper.from_array(a, name) for name, a in weights.items()]
    graph = helper.make_graph(nodes, "two", [x], [y], initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, tmp_path / "m.onnx")
    reader = Samples((1, 8, 8, 8))
    ort.quantize_static(tmp_path / "m.onnx", tmp_path / "q.onnx", reader, per_channel=per_channel)
    module = import_onnx(onnx.load(tmp_path / "q.onnx")).module
    # One scale for all of 144 weights: constant folding has made floats of them.
    found = composites_of(check(module, [CONVOLUTION] * (2 if per_channel else 1), rtol=0))
    assert [attributes_of(op)["groups"] for op in found] == [1, 16][: len(found)]
    assert all(hlo.shape(op.operands[4]) == ((16,) if per_channel else ()) for op in found)


def test_zeros_of_a_pytorch_kernel_are_weights() -> None:
    """As PyTorch's quantiser leaves them: buffers of int64, whose values are not in the module."""
    quantised = torch.ops.quantized_decomposed

    def convolution(x, w, scale, zero):
        q = quantised.quantize_per_tensor(x, 0.05, 3, -128, 127, torch.int8)
        d = quantised.dequantize_per_tensor(q, 0.05, 3, -128, 127, torch.int8)
        kernel = quantised.dequantize_per_channel(w, scale, zero, 0, -127, 127, torch.int8)
        return torch.conv2d(d, kernel, padding=1)

    kernel = torch.randint(-127, 128, (6, 4, 3, 3), dtype=torch.int8)
    numbers = torch.linspace(0.01, 0.2, 6), torch.zeros(6, dtype=torch.int64)
    module = decomposed(Function(convolution), (torch.rand(2, 4, 7, 7), kernel, *numbers))
    (op,) = composites_of(check(module, [CONVOLUTION], rtol=0))
    assert attributes_of(op)["padding"] == (1, 1, 1, 1)
    assert hlo.dtype(op.operands[5]) == np.int64
