"""Weights that are scaled instead of values: the same up to the rounding of a regrouped sum."""

from __future__ import annotations

import re

import numpy as np
import pytest
from jaxlib.mlir import ir
from reference_interpreter import evaluate

from oxide.dialects.attributes import tensor
from oxide.dialects.context import parse_module
from oxide.passes.base import PassLog
from oxide.passes.simplify import Simplify

# A body, and how many factors go; %s has the features, %g what is summed over.
CASES = {
    "features of a convolution, through other dimensions": (
        """%0 = stablehlo.convolution(%x, %w) dim_numbers = [b, 0, f]x[0, i, o]->[b, 0, f],
             window = {pad = [[1, 1]]} {batch_group_count = 1 : i64, feature_group_count = 1 : i64}
             : (tensor<2x6x4xf32>, tensor<3x4x5xf32>) -> tensor<2x6x5xf32>
           %1 = stablehlo.broadcast_in_dim %b, dims = [2] : (tensor<5xf32>) -> tensor<2x6x5xf32>
           %2 = stablehlo.add %0, %1 : tensor<2x6x5xf32>
           %3 = stablehlo.transpose %2, dims = [2, 0, 1] : (tensor<2x6x5xf32>) -> tensor<5x2x6xf32>
           %4 = stablehlo.reshape %3 : (tensor<5x2x6xf32>) -> tensor<5x12xf32>
           %5 = stablehlo.pad %4, %zero, low = [0, 1], high = [0, 0], interior = [0, 1]
             : (tensor<5x12xf32>, tensor<f32>) -> tensor<5x24xf32>
           %6 = stablehlo.broadcast_in_dim %s, dims = [0] : (tensor<5xf32>) -> tensor<5x24xf32>
           %7 = stablehlo.multiply %5, %6 : tensor<5x24xf32>
           return %7 : tensor<5x24xf32>""",
        1,
    ),
    "channels of a convolution, and features behind them": (
        """%0 = stablehlo.broadcast_in_dim %g, dims = [2] : (tensor<4xf32>) -> tensor<2x6x4xf32>
           %1 = stablehlo.divide %x, %0 : tensor<2x6x4xf32>
           %2 = stablehlo.reverse %1, dims = [1] : tensor<2x6x4xf32>
           %3 = stablehlo.convolution(%2, %w) dim_numbers = [b, 0, f]x[0, i, o]->[b, 0, f],
             window = {pad = [[1, 1]]} {batch_group_count = 1 : i64, feature_group_count = 1 : i64}
             : (tensor<2x6x4xf32>, tensor<3x4x5xf32>) -> tensor<2x6x5xf32>
           %4 = stablehlo.broadcast_in_dim %s, dims = [2] : (tensor<5xf32>) -> tensor<2x6x5xf32>
           %5 = stablehlo.multiply %4, %3 : tensor<2x6x5xf32>
           return %5 : tensor<2x6x5xf32>""",
        2,
    ),
    "a batch norm behind a bias": (
        """%0 = stablehlo.dot_general %x, %u, contracting_dims = [2] x [0]
             : (tensor<2x6x4xf32>, tensor<4x5xf32>) -> tensor<2x6x5xf32>
           %1 = stablehlo.broadcast_in_dim %b, dims = [2] : (tensor<5xf32>) -> tensor<2x6x5xf32>
           %2 = stablehlo.add %0, %1 : tensor<2x6x5xf32>
           %3 = stablehlo.broadcast_in_dim %s, dims = [2] : (tensor<5xf32>) -> tensor<2x6x5xf32>
           %4 = stablehlo.multiply %2, %3 : tensor<2x6x5xf32>
           %5 = stablehlo.add %4, %3 : tensor<2x6x5xf32>
           return %5 : tensor<2x6x5xf32>""",
        1,
    ),
    "two products that read one value": (
        """%0 = stablehlo.broadcast_in_dim %g, dims = [2] : (tensor<4xf32>) -> tensor<2x6x4xf32>
           %1 = stablehlo.multiply %x, %0 : tensor<2x6x4xf32>
           %2 = stablehlo.dot_general %1, %u, contracting_dims = [2] x [0]
             : (tensor<2x6x4xf32>, tensor<4x5xf32>) -> tensor<2x6x5xf32>
           %3 = stablehlo.transpose %1, dims = [0, 2, 1] : (tensor<2x6x4xf32>) -> tensor<2x4x6xf32>
           %4 = stablehlo.dot_general %v, %3, contracting_dims = [0] x [1]
             : (tensor<4x5xf32>, tensor<2x4x6xf32>) -> tensor<5x2x6xf32>
           return %2, %4 : tensor<2x6x5xf32>, tensor<5x2x6xf32>""",
        1,
    ),
    "a batch of products, and numbers": (
        """%0 = stablehlo.multiply %x, %number : tensor<2x6x4xf32>
           %1 = stablehlo.dot_general %0, %k, batching_dims = [1] x [0], contracting_dims = [2] x [2]
             : (tensor<2x6x4xf32>, tensor<6x3x4xf32>) -> tensor<6x2x3xf32>
           %2 = stablehlo.broadcast_in_dim %n, dims = [0] : (tensor<6xf32>) -> tensor<6x2x3xf32>
           %3 = stablehlo.multiply %1, %2 : tensor<6x2x3xf32>
           return %3 : tensor<6x2x3xf32>""",
        2,
    ),
    "a rectified sum, by positive numbers": (
        """%0 = stablehlo.dot_general %x, %u, contracting_dims = [2] x [0]
             : (tensor<2x6x4xf32>, tensor<4x5xf32>) -> tensor<2x6x5xf32>
           %z = stablehlo.constant dense<0.0> : tensor<2x6x5xf32>
           %1 = stablehlo.maximum %0, %z : tensor<2x6x5xf32>
           %c = stablehlo.constant dense<[0.3, 2.1, 0.7, 1.3, 9.1]> : tensor<5xf32>
           %2 = stablehlo.broadcast_in_dim %c, dims = [2] : (tensor<5xf32>) -> tensor<2x6x5xf32>
           %3 = stablehlo.multiply %1, %2 : tensor<2x6x5xf32>
           return %3 : tensor<2x6x5xf32>""",
        1,
    ),
    "pieces side by side": (
        """%0 = stablehlo.dot_general %x, %u, contracting_dims = [2] x [0]
             : (tensor<2x6x4xf32>, tensor<4x5xf32>) -> tensor<2x6x5xf32>
           %1 = stablehlo.dot_general %y, %v, contracting_dims = [2] x [0]
             : (tensor<2x6x4xf32>, tensor<4x5xf32>) -> tensor<2x6x5xf32>
           %2 = stablehlo.concatenate %0, %1, dim = 1 : (tensor<2x6x5xf32>, tensor<2x6x5xf32>) -> tensor<2x12x5xf32>
           %3 = stablehlo.slice %2 [0:2, 3:11, 0:5] : (tensor<2x12x5xf32>) -> tensor<2x8x5xf32>
           %4 = stablehlo.negate %3 : tensor<2x8x5xf32>
           %5 = stablehlo.broadcast_in_dim %s, dims = [2] : (tensor<5xf32>) -> tensor<2x8x5xf32>
           %6 = stablehlo.divide %4, %5 : tensor<2x8x5xf32>
           return %6 : tensor<2x8x5xf32>""",
        1,
    ),
}
WEIGHTS = {
    "w": "3x4x5", "u": "4x5", "v": "4x5", "k": "6x3x4", "b": "5", "s": "5", "g": "4", "n": "6",
}  # fmt: skip
# What a vector along another dimension, of signs that are not known, or read elsewhere does not do.
KEPT = {
    "space of a convolution": """%0 = stablehlo.convolution(%x, %w) dim_numbers = [b, 0, f]x[0, i, o]->[b, 0, f],
             window = {pad = [[1, 1]]} {batch_group_count = 1 : i64, feature_group_count = 1 : i64}
             : (tensor<2x6x4xf32>, tensor<3x4x5xf32>) -> tensor<2x6x5xf32>
           %1 = stablehlo.broadcast_in_dim %n, dims = [1] : (tensor<6xf32>) -> tensor<2x6x5xf32>
           %2 = stablehlo.multiply %0, %1 : tensor<2x6x5xf32>
           return %2 : tensor<2x6x5xf32>""",
    "rows that are no weights": """%0 = stablehlo.dot_general %x, %u, contracting_dims = [2] x [0]
             : (tensor<2x6x4xf32>, tensor<4x5xf32>) -> tensor<2x6x5xf32>
           %1 = stablehlo.broadcast_in_dim %n, dims = [1] : (tensor<6xf32>) -> tensor<2x6x5xf32>
           %2 = stablehlo.multiply %0, %1 : tensor<2x6x5xf32>
           return %2 : tensor<2x6x5xf32>""",
    "a rectified sum, by a weight": """%0 = stablehlo.dot_general %x, %u, contracting_dims = [2] x [0]
             : (tensor<2x6x4xf32>, tensor<4x5xf32>) -> tensor<2x6x5xf32>
           %z = stablehlo.constant dense<0.0> : tensor<2x6x5xf32>
           %1 = stablehlo.maximum %0, %z : tensor<2x6x5xf32>
           %2 = stablehlo.broadcast_in_dim %s, dims = [2] : (tensor<5xf32>) -> tensor<2x6x5xf32>
           %3 = stablehlo.multiply %1, %2 : tensor<2x6x5xf32>
           return %3 : tensor<2x6x5xf32>""",
    "a value that is read elsewhere": """
           %0 = stablehlo.broadcast_in_dim %g, dims = [2] : (tensor<4xf32>) -> tensor<2x6x4xf32>
           %1 = stablehlo.multiply %x, %0 : tensor<2x6x4xf32>
           %2 = stablehlo.dot_general %1, %u, contracting_dims = [2] x [0]
             : (tensor<2x6x4xf32>, tensor<4x5xf32>) -> tensor<2x6x5xf32>
           return %1, %2 : tensor<2x6x4xf32>, tensor<2x6x5xf32>""",
    "padding by something": """%one = stablehlo.constant dense<1.0> : tensor<f32>
           %0 = stablehlo.broadcast_in_dim %g, dims = [2] : (tensor<4xf32>) -> tensor<2x6x4xf32>
           %1 = stablehlo.multiply %x, %0 : tensor<2x6x4xf32>
           %2 = stablehlo.pad %1, %one, low = [0, 1, 0], high = [0, 0, 0], interior = [0, 0, 0]
             : (tensor<2x6x4xf32>, tensor<f32>) -> tensor<2x7x4xf32>
           %3 = stablehlo.dot_general %2, %u, contracting_dims = [2] x [0]
             : (tensor<2x7x4xf32>, tensor<4x5xf32>) -> tensor<2x7x5xf32>
           return %3 : tensor<2x7x5xf32>""",
}


def module_of(body: str, element: str = "f32") -> ir.Module:
    """@main of x and y, which are inputs, and all weights."""
    results = body[body.rindex("return") :].split(":", 1)[1].strip()
    weights = "".join(f', %{name}: tensor<{size}xf32> {{oxide.param = "{name}"}}' for name, size in WEIGHTS.items())
    return parse_module(
        f"""func.func @main(%x: tensor<2x6x4xf32>, %y: tensor<2x6x4xf32>{weights}) -> ({results}) {{
          %zero = stablehlo.constant dense<0.0> : tensor<f32>
          %number = stablehlo.constant dense<0.3> : tensor<2x6x4xf32>
          {body}
        }}""".replace("f32", element)
    )


def arguments(module: ir.Module, seed: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    block = module.body.operations[0].regions[0].blocks[0]
    shapes = [list(tensor(argument).shape) for argument in block.arguments]
    return [(rng.uniform(0.5, 2, shape) * rng.choice([-1, 1], shape)).astype(np.float32) for shape in shapes]


def simplified(body: str) -> tuple[ir.Module, int]:
    module, log = module_of(body), PassLog()
    Simplify(reassociate=True).run(module, log)
    assert module.operation.verify()
    return module, log.rules["scaled-product"].hits


@pytest.mark.parametrize("case", CASES)
def test_factors_of_weights(case: str) -> None:
    """Within gamma_20 of the sum of all terms' magnitudes: 12 terms and a few factors (Higham, section 3.1)."""
    body, factors = CASES[case]
    module, hits = simplified(body)
    assert hits == factors
    once = str(module)
    Simplify(reassociate=True).run(module, PassLog())
    assert str(module) == once
    # Nothing but weights is scaled.
    assert not re.findall(r"stablehlo\.(?:multiply|divide) %arg[01]\b", str(module))
    values = arguments(module, 0)
    exact = evaluate(module_of(body, "f64"), [value.astype(np.float64) for value in values])
    magnitudes = evaluate(module_of(body, "f64"), [abs(value).astype(np.float64) for value in values])
    unit = 20 * np.finfo(np.float32).eps / 2
    for new, old, magnitude in zip(evaluate(module, values), exact, magnitudes, strict=True):
        assert (abs(new - old) <= unit / (1 - unit) * abs(magnitude)).all()


@pytest.mark.parametrize("case", KEPT)
def test_what_does_not_reach_a_weight_stays(case: str) -> None:
    assert simplified(KEPT[case])[1] == 0
