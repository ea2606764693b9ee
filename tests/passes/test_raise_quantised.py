"""Products of dequantised integers become products of integers, exactly; near misses stay."""

from __future__ import annotations

from collections.abc import Callable

import jax.numpy as jnp
import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from raise_oracle import FLAT, LOWERED, check, of_jax, raised, run
from reference_interpreter import evaluate

from oxide.frontends.onnx import import_onnx

ROWS, COLUMNS = np.linspace(0.01, 0.4, 5, dtype=np.float32), np.linspace(0.02, 0.3, 7, dtype=np.float32)


def dequantised(q, scale, zero: float = 0):
    return (q.astype(jnp.int32) - zero).astype(jnp.float32) * scale


def through_float(q, scale, zero: float = 0):
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
    "wider integers": ("", (3, 7), lambda x: dequantised(x.astype(jnp.int16) * 300, 0.1) @ dequantised(x, 0.2).T),
}  # fmt: skip


@pytest.mark.parametrize("miss", NEAR_MISSES)
def test_near_miss_stays(miss: str) -> None:
    reason, shape, function = NEAR_MISSES[miss]
    module = run(FLAT, of_jax(function, np.zeros(shape, np.int8)))
    before = str(module)
    log = raised(module)
    assert str(module) == before
    assert reason in " / ".join(remark.message for remark in log.remarks)
    assert bool(reason) == bool(log.remarks)


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
