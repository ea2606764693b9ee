"""FLOPs and bytes, checked against counts by hand and against XLA's own where both count alike."""

import jax
import jax.numpy as jnp
import pytest

from oxide.costs import module_cost
from oxide.dialects.context import parse_module


def cost_of(function, *shapes, dtype=jnp.float32):
    arguments = [jax.ShapeDtypeStruct(shape, dtype) for shape in shapes]
    return module_cost(parse_module(jax.jit(function).lower(*arguments).as_text()))


def test_matrix_product_counts_a_multiply_and_an_add_for_each_term():
    cost = cost_of(jnp.matmul, (4, 8), (8, 16))
    assert cost.flops == 2 * 4 * 8 * 16
    assert cost.bytes == 4 * (4 * 8 + 8 * 16 + 4 * 16)


def test_batched_contraction():
    assert cost_of(lambda a, b: jnp.einsum("bij,bkj->bik", a, b), (3, 4, 5), (3, 6, 5)).flops == 2 * 3 * 4 * 6 * 5


def test_grouped_convolution_sums_over_the_channels_of_one_group():
    def convolution(x, kernel):
        return jax.lax.conv_general_dilated(x, kernel, (1, 1), "VALID", feature_group_count=2)

    cost = cost_of(convolution, (1, 8, 10, 10), (6, 4, 3, 3))
    assert cost.flops == 2 * (6 * 8 * 8) * (4 * 3 * 3)


def test_reduction_applies_its_region_once_for_each_element():
    assert cost_of(lambda x: x.sum(axis=1), (4, 32)).flops == 4 * 32


def test_pooling_applies_its_region_to_each_window():
    def pool(x):
        return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 2, 2), (1, 2, 2), "VALID")

    # The window's 4 values are combined with the initial value; jax prints broadcasts only besides.
    assert cost_of(pool, (3, 8, 8)).flops == 3 * 4 * 4 * 4


def test_movement_costs_bytes_but_no_flops():
    cost = cost_of(lambda x: x.T.reshape(-1), (8, 16))
    assert cost.flops == 0
    assert cost.bytes == 2 * 2 * 4 * 8 * 16


def test_called_functions_count_at_each_call_and_branches_by_the_dearest():
    double = jax.jit(lambda x: x * x)
    assert cost_of(lambda x: double(double(x)), (10,)).flops == 20
    branch = cost_of(lambda p, x: jax.lax.cond(p.sum() > 0, lambda v: v * v * v, lambda v: v, x), (1,), (100,))
    assert 200 <= branch.flops < 210


COMPOSITE = """
func.func private @impl(%x: tensor<4xf32>) -> tensor<4xf32> {
  %y = stablehlo.exponential %x : tensor<4xf32>
  %z = stablehlo.add %y, %x : tensor<4xf32>
  return %z : tensor<4xf32>
}
func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  %y = stablehlo.composite "oxide.thing" %x {decomposition = @impl} : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}
"""


def test_a_composite_counts_under_its_own_name_at_the_cost_of_its_decomposition():
    cost = module_cost(parse_module(COMPOSITE))
    assert cost.operations == {"oxide.thing": 1, "func.return": 1}
    assert cost.flops == 8


DYNAMIC = """
func.func @main(%x: tensor<?xf32>, %y: tensor<3xi4>) -> (tensor<?xf32>, tensor<3xi4>) {
  %0 = stablehlo.add %x, %x : tensor<?xf32>
  %1 = stablehlo.add %y, %y : tensor<3xi4>
  return %0, %1 : tensor<?xf32>, tensor<3xi4>
}
"""


def test_what_cannot_be_counted_is_named_and_narrow_types_are_packed():
    cost = module_cost(parse_module(DYNAMIC))
    assert cost.dynamic == {"stablehlo.add": 1}
    assert (cost.flops, cost.bytes) == (3, 6)


def test_recursion_ends():
    text = """
    func.func @main(%x: tensor<f32>) -> tensor<f32> {
      %y = call @main(%x) : (tensor<f32>) -> tensor<f32>
      return %y : tensor<f32>
    }"""
    assert module_cost(parse_module(text)).flops == 0


@pytest.mark.parametrize("shapes", [((16, 32), (32, 8)), ((1, 256), (256, 256))])
def test_agrees_with_xla_on_a_linear_layer(shapes):
    def layer(x, w):
        return jnp.maximum(x @ w, 0)

    arguments = [jax.ShapeDtypeStruct(shape, jnp.float32) for shape in shapes]
    analysis = jax.jit(layer).lower(*arguments).compile().cost_analysis()
    assert analysis is not None
    assert cost_of(layer, *shapes).flops == pytest.approx(analysis["flops"], rel=0.02)
