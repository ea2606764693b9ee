"""Folded batch norms stay within the bound that the pass states."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from reference_interpreter import evaluate

from oxide.dialects.context import parse_module
from oxide.passes.base import PassLog
from oxide.passes.fold_batch_norm import FoldBatchNorm

EPSILON = 1e-3
CONVOLUTION = """stablehlo.convolution(%x, %w) dim_numbers = [b, f, 0, 1]x[o, i, 0, 1]->[b, f, 0, 1],
  window = {stride = [2, 2], pad = [[1, 0], [1, 0]]}
  {batch_group_count = 1 : i64, feature_group_count = 2 : i64}"""
CHANNELS_LAST = """stablehlo.convolution(%x, %w) dim_numbers = [b, 0, 1, f]x[0, 1, i, o]->[b, 0, 1, f],
  window = {lhs_dilate = [2, 1]} {batch_group_count = 1 : i64, feature_group_count = 1 : i64}"""
PRODUCT = "stablehlo.dot_general %x, %w, batching_dims = [] x [], contracting_dims = [2] x [1]"
# The operation, shapes of x, w and y, the axis of the features, and the number of products in a sum.
CASES = {
    "grouped convolution": (CONVOLUTION, (2, 4, 6, 6), (6, 2, 3, 3), (2, 6, 3, 3), 1, 18),
    "dilated convolution, channels last": (CHANNELS_LAST, (1, 4, 5, 3), (2, 2, 3, 4), (1, 6, 4, 4), 3, 12),
    "product": (PRODUCT, (2, 3, 8), (5, 8), (2, 3, 5), 2, 8),
}
NORMALISED = """%z = "stablehlo.batch_norm_inference"(%y, %scale, %bias, %mean, %variance)
  <{{epsilon = {epsilon} : f32, feature_index = {axis} : i64}}>
  : ({y}, {p}, {p}, {p}, {p}) -> {y}"""
# The same with the factor given as the scale.
AFFINE = """%centre = stablehlo.broadcast_in_dim %mean, dims = [{axis}] : ({p}) -> {y}
  %factor = stablehlo.broadcast_in_dim %scale, dims = [{axis}] : ({p}) -> {y}
  %offset = stablehlo.broadcast_in_dim %bias, dims = [{axis}] : ({p}) -> {y}
  %1 = stablehlo.subtract %y, %centre : {y}
  %2 = stablehlo.multiply %1, %factor : {y}
  %z = stablehlo.add %2, %offset : {y}"""


def text_of(case: str, element: str, normalisation: str) -> str:
    operation, *shapes, axis, _ = CASES[case]
    x, w, y = (f"tensor<{'x'.join(map(str, shape))}x{element}>" for shape in shapes)
    p = f"tensor<{shapes[2][axis]}x{element}>"
    names = ["b", "scale", "bias", "mean", "variance"]
    weights = ", ".join(f'%{name}: {p} {{oxide.param = "{name}"}}' for name in names)
    return f"""func.func @main(%x: {x}, %w: {w} {{oxide.param = "w"}}, {weights}) -> {y} {{
      %product = {operation} : ({x}, {w}) -> {y}
      %0 = stablehlo.broadcast_in_dim %b, dims = [{axis}] : ({p}) -> {y}
      %y = stablehlo.add %0, %product : {y}
      {normalisation.format(epsilon=EPSILON, axis=axis, y=y, p=p)}
      return %z : {y}
    }}"""


@pytest.mark.parametrize("case", CASES)
def test_within_the_stated_bound(case: str) -> None:
    _, x_shape, w_shape, y_shape, axis, products = CASES[case]
    rng = np.random.default_rng(0)
    shapes = [x_shape, w_shape, *[(y_shape[axis],)] * 4]
    x, w, b, scale, bias, mean = (rng.standard_normal(shape, np.float32) for shape in shapes)
    variance = rng.random(y_shape[axis], np.float32)

    module = parse_module(text_of(case, "f32", NORMALISED))
    log = PassLog()
    FoldBatchNorm().run(module, log)
    assert log.counts == {"batch norms folded": 1}
    assert module.operation.verify()
    (folded,) = evaluate(module, [x, w, b, scale, bias, mean, variance])

    factor = scale * (np.float32(1) / np.sqrt(variance + np.float32(EPSILON)))
    values = [array.astype(np.float64) for array in (x, w, b, factor, bias, mean, variance)]
    affine = parse_module(text_of(case, "f64", AFFINE))
    (exact,) = evaluate(affine, values)
    *sizes, mean_size, variance_size = map(abs, values)
    (sums,) = evaluate(affine, [*sizes, -mean_size, variance_size])
    # The bound is for one factor; the interpreter's rsqrt rounds once where numpy's quotient of a root does twice.
    count = products + 3 + 2
    unit = np.finfo(np.float32).eps / 2
    assert (abs(folded - exact) <= count * unit / (1 - count * unit) * sums).all()
    assert abs(folded - exact).max() > 0


def test_every_batch_norm_of_a_chain_folds() -> None:
    layers = 4
    body = "\n".join(
        f"""%y{i} = stablehlo.dot_general %x{i}, %w, contracting_dims = [1] x [0]
          : (tensor<2x2xf32>, tensor<2x2xf32>) -> tensor<2x2xf32>
        %x{j} = "stablehlo.batch_norm_inference"(%y{i}, %p, %p, %p, %p)
          <{{epsilon = {EPSILON} : f32, feature_index = 1 : i64}}>
          : (tensor<2x2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<2x2xf32>"""
        for i, j in pairwise(range(layers + 1))
    )
    module = parse_module(
        f"""func.func @main(%x0: tensor<2x2xf32>, %w: tensor<2x2xf32> {{oxide.param = "w"}},
          %p: tensor<2xf32> {{oxide.param = "p"}}) -> tensor<2x2xf32> {{ {body}
          return %x{layers} : tensor<2x2xf32> }}"""
    )
    x, w, p = np.eye(2, dtype=np.float32), np.array([[1, 2], [3, 4]], np.float32), np.array([1, 2], np.float32)
    log = PassLog()
    FoldBatchNorm().run(module, log)
    assert log.counts == {"batch norms folded": layers}
    (folded,) = evaluate(module, [x, w, p])
    for _ in range(layers):
        x = (x @ w - p) / np.sqrt(p + EPSILON) * p + p
    np.testing.assert_allclose(folded, x, rtol=1e-5)
