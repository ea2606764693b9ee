"""FLOPs and bytes, checked against counts by hand and against XLA's own where both count alike."""

import jax
import jax.numpy as jnp
import pytest

from oxide.dialects import dims
from oxide.dialects.context import parse_module
from oxide.passes.cost_analysis import module_cost, operation_costs


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


def test_reduction_of_nothing_applies_its_region_never():
    assert cost_of(lambda x: jnp.sum(x, axis=1), (3, 0)).flops == 0


def test_reduction_applies_its_region_to_each_further_element():
    assert cost_of(lambda x: x.sum(axis=1), (4, 32)).flops == 4 * 31


def test_pooling_applies_its_region_to_each_window():
    def pool(x):
        return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 2, 2), (1, 2, 2), "VALID")

    assert cost_of(pool, (3, 8, 8)).flops == 3 * 4 * 4 * 3


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
    assert (cost.flops, cost.transcendentals) == (4, 4)
    assert cost.bytes == 4 * (4 + 4) + 4 * (4 + 4 + 4)


def test_a_fusion_moves_what_enters_and_leaves_it():
    cost = module_cost(parse_module(COMPOSITE.replace("oxide.thing", "oxide.fusion")))
    assert (cost.flops, cost.transcendentals, cost.bytes) == (4, 4, 4 * (4 + 4))


OPEN = """
func.func @main(%x: tensor<?x8xf32> {oxide.shape = "rows, 8"}, %w: tensor<8x4xf32>, %p: tensor<3xi4>)
    -> (tensor<?x4xf32>, tensor<?x8xf32>, tensor<3xi4>) {
  %0 = stablehlo.dot_general %x, %w, contracting_dims = [1] x [0]
    : (tensor<?x8xf32>, tensor<8x4xf32>) -> tensor<?x4xf32>
  %1 = call @twice(%x) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %2 = "stablehlo.sort"(%1) <{dimension = 0 : i64}> ({
    ^bb0(%a: tensor<f32>, %b: tensor<f32>):
      %less = stablehlo.compare LT, %a, %b : (tensor<f32>, tensor<f32>) -> tensor<i1>
      stablehlo.return %less : tensor<i1>
  }) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %3 = stablehlo.add %p, %p : tensor<3xi4>
  return %0, %2, %3 : tensor<?x4xf32>, tensor<?x8xf32>, tensor<3xi4>
}
func.func private @twice(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %0 = stablehlo.exponential %x : tensor<?x8xf32>
  %1 = stablehlo.add %0, %0 : tensor<?x8xf32>
  return %1 : tensor<?x8xf32>
}
"""


def test_open_sizes_give_expressions_and_narrow_types_are_packed():
    module = parse_module(OPEN)
    with module.context:
        cost = module_cost(module)
        rows = dims.symbol("rows")
        assert cost.flops == rows * 2 * 8 * 4 + rows * 8 + 3
        assert cost.transcendentals == rows * 8
        bytes_of_product = 4 * (rows * 8 + 32 + rows * 4)
        assert cost.bytes == bytes_of_product + 4 * rows * 8 * (2 + 3) + 4 * rows * 8 * 2 + 6
        # n log n is no expression of sizes.
        assert cost.uncounted == {"stablehlo.sort": 1}


def test_a_loop_that_counts_costs_its_rounds():
    def loop(x):
        return jax.lax.fori_loop(0, 10, lambda i, v: jnp.sin(v * v), x)

    cost = cost_of(loop, (100,))
    assert (cost.transcendentals, cost.unknown_trips) == (1000, 0)
    assert 1000 <= cost.flops <= 1025  # counting and comparing besides
    until = cost_of(lambda x: jax.lax.while_loop(lambda v: v.sum() < 9, lambda v: v * v, x), (100,))
    assert (until.flops, until.unknown_trips) == (100 + 99 + 1, 1)


def test_recursion_ends():
    text = """
    func.func @main(%x: tensor<f32>) -> tensor<f32> {
      %y = call @main(%x) : (tensor<f32>) -> tensor<f32>
      return %y : tensor<f32>
    }"""
    assert module_cost(parse_module(text)).flops == 0


# ------------------------------------------------------------------------- against XLA's HloCostAnalysis


def both(function, *shapes, dtype=jnp.float32):
    """(FLOPs, transcendentals) of ours, and of XLA's for the module before it is optimised."""
    lowered = jax.jit(function).lower(*[jax.ShapeDtypeStruct(shape, dtype) for shape in shapes])
    cost = module_cost(parse_module(lowered.as_text()))
    theirs = lowered.cost_analysis() or {}
    return (cost.flops, cost.transcendentals), (theirs.get("flops", 0), theirs.get("transcendentals", 0))


FLOATS = "abs cbrt ceil cos exp expm1 floor log log1p logistic neg round rsqrt sign sin sqrt tan tanh"
PAIRS = "add atan2 div max min mul pow rem sub"
INTEGERS = "bitwise_not population_count clz"
INTEGER_PAIRS = "bitwise_and bitwise_or bitwise_xor shift_left shift_right_arithmetic shift_right_logical"


@pytest.mark.parametrize(
    ("name", "operands", "dtype"),
    [
        *((name, 1, jnp.float32) for name in FLOATS.split()),
        *((name, 2, jnp.float32) for name in PAIRS.split()),
        *((name, 1, jnp.int32) for name in INTEGERS.split()),
        *((name, 2, jnp.int32) for name in INTEGER_PAIRS.split()),
    ],
)
def test_elementwise_operations_count_as_in_xla(name, operands, dtype):
    ours, theirs = both(getattr(jax.lax, name), *[(3, 5)] * operands, dtype=dtype)
    assert ours == theirs
    assert sum(ours) > 0


def grouped(x, kernel):
    return jax.lax.conv_general_dilated(
        x, kernel, (2, 1), [(1, 1), (2, 0)], lhs_dilation=(1, 2), rhs_dilation=(2, 1), feature_group_count=2
    )


def batch_grouped(x, kernel):
    return jax.lax.conv_general_dilated(x, kernel, (1, 1), "SAME", batch_group_count=2)


def transposed(x, kernel):
    return jax.lax.conv_transpose(x, kernel, (2, 2), "SAME", dimension_numbers=("NCHW", "OIHW", "NCHW"))


@pytest.mark.parametrize(
    ("function", "shapes"),
    [
        (jnp.matmul, [(16, 32), (32, 8)]),
        (lambda a, b: jnp.einsum("bij,bkj->bik", a, b), [(3, 4, 5), (3, 6, 5)]),
        (lambda a, b: jnp.vdot(a, b), [(7,), (7,)]),
        (grouped, [(1, 8, 10, 10), (6, 4, 3, 3)]),
        (batch_grouped, [(4, 3, 8, 8), (6, 3, 5, 5)]),
        (transposed, [(2, 3, 7, 7), (5, 3, 3, 3)]),
        (lambda x: jax.nn.softmax(x), [(5, 33)]),
        (lambda x: (x - x.mean()) / jnp.sqrt(x.var() + 1e-5), [(5, 33)]),
        (lambda x, w: jnp.tanh(jax.nn.relu(x @ w)), [(16, 32), (32, 8)]),
    ],
)
def test_contractions_reductions_and_chains_count_as_in_xla(function, shapes):
    ours, theirs = both(function, *shapes)
    assert ours == pytest.approx(theirs, rel=0.01)
    assert ours[0] > 0


# ------------------------------------------------------------------------- bytes


def bytes_of_both(function, *shapes):
    """Bytes of ours, and those of XLA for the module before it is optimised."""
    lowered = jax.jit(function).lower(*[jax.ShapeDtypeStruct(shape, jnp.float32) for shape in shapes])
    theirs = lowered.cost_analysis() or {}
    return module_cost(parse_module(lowered.as_text())).bytes, theirs["bytes accessed"]


@pytest.mark.parametrize(
    ("function", "shapes"),
    [
        (lambda x: x[10:20], [(1000, 8)]),
        (lambda x: jax.lax.slice(x, (0, 0), (1000, 8), (10, 2)), [(1000, 8)]),
        (lambda x: jax.lax.dynamic_slice(x, (3, 0), (5, 8)), [(1000, 8)]),
        (lambda x, u: jax.lax.dynamic_update_slice(x, u, (3, 0)), [(1000, 8), (5, 8)]),
    ],
)
def test_of_what_is_sliced_and_updated_only_parts_move(function, shapes):
    ours, theirs = bytes_of_both(function, *shapes)
    # XLA adds the constant indices, which are operations of no traffic here.
    assert ours == pytest.approx(theirs, abs=32)
    assert ours < 4 * 1000 * 8


def test_a_gather_reads_the_rows_it_takes():
    rows = jax.ShapeDtypeStruct((16, 1), jnp.int32)
    numbers = jax.lax.GatherDimensionNumbers((1,), (0,), (0,))
    lowered = jax.jit(lambda x, i: jax.lax.gather(x, i, numbers, (1, 8), mode="clip")).lower(
        jax.ShapeDtypeStruct((1000, 8), jnp.float32), rows
    )
    gather = [
        cost for op, cost in operation_costs(parse_module(lowered.as_text())) if "gather" in op.operation.name
    ]
    assert [cost.bytes for cost in gather] == [4 * (16 * 8 + 16 * 8 + 16)]


PARTS = """
func.func private @impl(%x: tensor<1000x8xf32>, %u: tensor<1x8xf32>, %i: tensor<i32>)
    -> (tensor<5x8xf32>, tensor<1000x8xf32>) {
  %z = stablehlo.constant dense<0> : tensor<i32>
  %p = stablehlo.slice %x [0:5, 0:8] : (tensor<1000x8xf32>) -> tensor<5x8xf32>
  %n = stablehlo.negate %p : tensor<5x8xf32>
  %d = stablehlo.dynamic_update_slice %x, %u, %i, %z
    : (tensor<1000x8xf32>, tensor<1x8xf32>, tensor<i32>, tensor<i32>) -> tensor<1000x8xf32>
  return %n, %d : tensor<5x8xf32>, tensor<1000x8xf32>
}
func.func @main(%x: tensor<1000x8xf32>, %u: tensor<1x8xf32>, %i: tensor<i32>)
    -> (tensor<5x8xf32>, tensor<1000x8xf32>) {
  %0:2 = stablehlo.composite "oxide.fusion" %x, %u, %i {decomposition = @impl}
    : (tensor<1000x8xf32>, tensor<1x8xf32>, tensor<i32>) -> (tensor<5x8xf32>, tensor<1000x8xf32>)
  return %0#0, %0#1 : tensor<5x8xf32>, tensor<1000x8xf32>
}
"""


def test_a_fusion_reads_the_parts_it_takes_and_writes_its_updates():
    # The slice is read, its negation written; the update is read and written, and its index read.
    assert module_cost(parse_module(PARTS)).bytes == 4 * (40 + 40 + 8 + 8 + 1)
