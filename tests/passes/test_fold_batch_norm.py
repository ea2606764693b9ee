"""Folded batch norms stay within the bound that the pass states."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from jaxlib.mlir import ir
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
DEPTHWISE = """stablehlo.convolution(%x, %w) dim_numbers = [b, f, 0]x[o, i, 0]->[b, f, 0], window = {stride = [2]}
  {batch_group_count = 1 : i64, feature_group_count = 4 : i64}"""
VOLUME = """stablehlo.convolution(%x, %w) dim_numbers = [b, f, 0, 1, 2]x[o, i, 0, 1, 2]->[b, f, 0, 1, 2],
  window = {} {batch_group_count = 1 : i64, feature_group_count = 1 : i64}"""
TRANSPOSED = """stablehlo.convolution(%x, %w) dim_numbers = [b, f, 0, 1]x[i, o, 0, 1]->[b, f, 0, 1],
  window = {pad = [[1, 1], [1, 1]], lhs_dilate = [2, 2]}
  {batch_group_count = 1 : i64, feature_group_count = 2 : i64}"""
PRODUCT = "stablehlo.dot_general %x, %w, contracting_dims = [2] x [1]"
WEIGHTS_FIRST = "stablehlo.dot_general %w, %x, contracting_dims = [1] x [1]"
BATCHES = "stablehlo.dot_general %x, %w, batching_dims = [0] x [0], contracting_dims = [2] x [1]"
# The operation, shapes of x, w and y, the axis of the features, and the number of products in a sum.
CASES = {
    "grouped convolution": (CONVOLUTION, (2, 4, 6, 6), (6, 2, 3, 3), (2, 6, 3, 3), 1, 18),
    "dilated convolution, channels last": (CHANNELS_LAST, (1, 4, 5, 3), (2, 2, 3, 4), (1, 6, 4, 4), 3, 12),
    "depthwise convolution in 1-D": (DEPTHWISE, (2, 4, 7), (8, 1, 3), (2, 8, 3), 1, 3),
    "convolution in 3-D": (VOLUME, (1, 2, 3, 3, 3), (3, 2, 2, 2, 2), (1, 3, 2, 2, 2), 1, 16),
    "grouped transposed convolution": (TRANSPOSED, (1, 4, 3, 3), (2, 6, 2, 2), (1, 6, 6, 6), 1, 8),
    "product": (PRODUCT, (2, 3, 8), (5, 8), (2, 3, 5), 2, 8),
    "product, weights first": (WEIGHTS_FIRST, (2, 8), (5, 8), (5, 2), 0, 8),
    "batches of products": (BATCHES, (3, 2, 4), (3, 4, 5), (3, 2, 5), 0, 4),
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


def operands(operation: str, x: str, w: str) -> str:
    return f"({w}, {x})" if operation.index("%w") < operation.index("%x") else f"({x}, {w})"


def weights_of(type: str, *names: str) -> str:
    return ", ".join(f'%{name}: {type} {{oxide.param = "{name}"}}' for name in names)


def text_of(case: str, element: str, normalisation: str) -> str:
    operation, *shapes, axis, _ = CASES[case]
    x, w, y = (f"tensor<{'x'.join(map(str, shape))}x{element}>" for shape in shapes)
    p = f"tensor<{shapes[2][axis]}x{element}>"
    weights = weights_of(p, "b", "scale", "bias", "mean", "variance")
    return f"""func.func @main(%x: {x}, %w: {w} {{oxide.param = "w"}}, {weights}) -> {y} {{
      %product = {operation} : {operands(operation, x, w)} -> {y}
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

    affine = parse_module(text_of(case, "f64", AFFINE))
    assert_within_bound(folded, affine, [x, w, b, scale, bias, mean, variance], products)


def assert_within_bound(folded: np.ndarray, affine: ir.Module, arrays: list[np.ndarray], products: int) -> None:
    """`folded` of these float32 arrays, the last four of them a norm's, is near what `affine` gives exactly."""
    *values, scale, bias, mean, variance = arrays
    factor = scale * (np.float32(1) / np.sqrt(variance + np.float32(EPSILON)))
    wide = [array.astype(np.float64) for array in (*values, factor, bias, mean, variance)]
    (exact,) = evaluate(affine, wide)
    *sizes, mean_size, variance_size = map(abs, wide)
    (sums,) = evaluate(affine, [*sizes, -mean_size, variance_size])
    # The bound is for one factor; the interpreter's rsqrt rounds once where numpy's quotient of a root does twice.
    count = products + 3 + 2
    unit = np.finfo(np.float32).eps / 2
    assert (abs(folded - exact) <= count * unit / (1 - count * unit) * sums).all()
    assert abs(folded - exact).max() > 0


UNPADDED = CONVOLUTION.replace("stride = [2, 2], pad = [[1, 0], [1, 0]]", "stride = [2, 1]")
DILATED = VOLUME.replace("window = {}", "window = {rhs_dilate = [1, 2, 1]}")
BOTH_BATCHED = "stablehlo.dot_general %w, %x, batching_dims = [1] x [0], contracting_dims = [0, 3] x [2, 1]"
# The operation that reads the norm, shapes of x, w and the result, the axis normalised, products in a sum.
BEFORE = {
    "grouped convolution": (UNPADDED, (2, 4, 6, 6), (6, 2, 3, 3), (2, 6, 2, 4), 1, 18),
    "depthwise convolution in 1-D": (DEPTHWISE, (2, 4, 7), (8, 1, 3), (2, 8, 3), 1, 3),
    "dilated convolution in 3-D": (DILATED, (1, 2, 3, 3, 3), (3, 2, 2, 2, 2), (1, 3, 2, 1, 2), 1, 16),
    "product": (PRODUCT, (2, 3, 8), (5, 8), (2, 3, 5), 2, 8),
    "product, weights first": (WEIGHTS_FIRST, (2, 8), (5, 8), (5, 2), 1, 8),
    "batches of products": (BOTH_BATCHED, (3, 2, 4, 5), (4, 3, 6, 2), (3, 6, 5), 2, 8),
}


def text_before(case: str, element: str, normalisation: str) -> str:
    operation, *shapes, axis, _ = BEFORE[case]
    x, w, y = (f"tensor<{'x'.join(map(str, shape))}x{element}>" for shape in shapes)
    p = f"tensor<{shapes[0][axis]}x{element}>"
    weights = ", ".join(
        f'%{name}: {p} {{oxide.param = "{name}"}}' for name in ("scale", "bias", "mean", "variance")
    )
    return f"""func.func @main(%y: {x}, %w: {w} {{oxide.param = "w"}}, {weights}) -> {y} {{
      {normalisation.format(epsilon=EPSILON, axis=axis, y=x, p=p)}
      %product = {operation.replace("%x", "%z")} : {operands(operation, x, w)} -> {y}
      return %product : {y}
    }}"""


@pytest.mark.parametrize("case", BEFORE)
def test_norms_before_are_within_the_stated_bound(case: str) -> None:
    _, x_shape, w_shape, _, axis, products = BEFORE[case]
    rng = np.random.default_rng(0)
    shapes = [x_shape, w_shape, *[(x_shape[axis],)] * 3]
    arrays = [rng.standard_normal(shape, np.float32) for shape in shapes]
    arrays.append(rng.random(x_shape[axis], np.float32))
    module = parse_module(text_before(case, "f32", NORMALISED))
    log = PassLog()
    FoldBatchNorm().run(module, log)
    assert log.counts == {"batch norms folded": 1}
    assert module.operation.verify()
    assert "batch_norm" not in str(module)
    (folded,) = evaluate(module, arrays)
    assert_within_bound(folded, parse_module(text_before(case, "f64", AFFINE)), arrays, products)


VIEWS = """func.func @main(%x: tensor<2x12x8xf32>, %w: tensor<5x8xf32> {{oxide.param = "w"}}, {weights}) -> {y} {{
  %v0 = {product} : (tensor<2x12x8xf32>, tensor<5x8xf32>) -> tensor<2x12x5xf32>
  %v1 = stablehlo.transpose %v0, dims = [0, 2, 1] : (tensor<2x12x5xf32>) -> tensor<2x5x12xf32>
  %v2 = stablehlo.broadcast_in_dim %b, dims = [1] : (tensor<5xf32>) -> tensor<2x5x12xf32>
  %v3 = stablehlo.add %v1, %v2 : tensor<2x5x12xf32>
  %y = stablehlo.reshape %v3 : (tensor<2x5x12xf32>) -> {y}
  {norm}
  return %z : {y}
}}"""


def test_views_between() -> None:
    """Product, transpose, bias, reshape, norm."""
    y, p = "tensor<2x5x3x4xf32>", "tensor<5xf32>"
    weights = weights_of(p, "b", "scale", "bias", "mean", "variance")
    module, affine = (
        parse_module(
            VIEWS.format(weights=weights, y=y, product=PRODUCT, norm=norm.format(epsilon=EPSILON, axis=1, y=y, p=p))
        )
        for norm in (NORMALISED, AFFINE)
    )
    log = PassLog()
    FoldBatchNorm().run(module, log)
    assert log.counts == {"batch norms folded": 1}
    assert str(module).count("stablehlo.reshape") == 1
    rng = np.random.default_rng(0)
    shapes = [(2, 12, 8), (5, 8), *[(5,)] * 4]
    *values, scale, bias, mean = (rng.standard_normal(shape, np.float32) for shape in shapes)
    variance = rng.random(5, np.float32)
    (folded,) = evaluate(module, [*values, scale, bias, mean, variance])
    (expected,) = evaluate(affine, [*values, scale / np.sqrt(variance + np.float32(EPSILON)), bias, mean, variance])
    np.testing.assert_allclose(folded, expected, rtol=1e-4, atol=1e-5)


def test_norms_around_a_product() -> None:
    """One before it and two after it: all become part of its weights."""
    p = "tensor<2xf32>"
    x, norm = "tensor<2x2xf32>", NORMALISED.replace("%scale, %bias, %mean, %variance", "%p, %p, %p, %p")
    norms = [
        norm.format(epsilon=EPSILON, axis=1, y=x, p=p).replace("%z", to).replace("%y", of)
        for of, to in (("%x", "%a"), ("%b", "%c"), ("%c", "%d"))
    ]
    module = parse_module(
        f"""func.func @main(%x: {x}, %w: {x} {{oxide.param = "w"}}, %p: {p} {{oxide.param = "p"}}) -> {x} {{
          {norms[0]}
          %b = stablehlo.dot_general %a, %w, contracting_dims = [1] x [0] : ({x}, {x}) -> {x}
          {norms[1]}
          {norms[2]}
          return %d : {x}
        }}"""
    )
    log = PassLog()
    FoldBatchNorm().run(module, log)
    assert log.counts == {"batch norms folded": 3}
    values = (
        np.array([[1, 2], [3, 5]], np.float32),
        np.array([[2, 1], [1, 3]], np.float32),
        np.array([1, 2], np.float32),
    )

    def normalised(y: np.ndarray) -> np.ndarray:
        return (y - values[2]) / np.sqrt(values[2] + EPSILON) * values[2] + values[2]

    expected = normalised(normalised(normalised(values[0]) @ values[1]))
    np.testing.assert_allclose(evaluate(module, values)[0], expected, rtol=1e-5)


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
