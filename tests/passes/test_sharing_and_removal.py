"""cse, dce, inline and decompose-composites: what goes, what stays, and the values."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxlib.mlir import ir
from random_programs import random_program
from reference_interpreter import evaluate

from oxide.dialects.context import parse_module
from oxide.dialects.diagnostics import OxideError
from oxide.passes.base import Pass, PassLog
from oxide.passes.cse import CommonSubexpressions
from oxide.passes.dce import DeadCode
from oxide.passes.decompose_composites import DecomposeComposites
from oxide.passes.inline import Inline


def run(text: str, *passes: Pass) -> str:
    module = parse_module(text)
    apply(module, *passes)
    return str(module)


def apply(module: ir.Module, *passes: Pass) -> dict[str, int]:
    log = PassLog()
    for one in passes:
        one.run(module, log)
    assert module.operation.verify()
    return log.counts


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_cse_and_dce_keep_every_bit_and_leave_nothing_to_do(seed: int) -> None:
    module, arguments = random_program(seed)
    before = evaluate(module, arguments)
    apply(module, CommonSubexpressions(), DeadCode())
    for old, new in zip(before, evaluate(module, arguments), strict=True):
        assert old.tobytes() == new.tobytes() or np.array_equal(old, new, equal_nan=True)
    assert apply(module, CommonSubexpressions(), DeadCode()) == {}


def test_cse_merges_equal_reductions_and_keeps_different_ones() -> None:
    text = """func.func @main(%x: tensor<4xf32>, %c: tensor<f32>) -> (tensor<f32>, tensor<f32>, tensor<f32>) {
      %a = stablehlo.reduce(%x init: %c) applies stablehlo.add across dimensions = [0]
        : (tensor<4xf32>, tensor<f32>) -> tensor<f32>
      %b = stablehlo.reduce(%x init: %c) applies stablehlo.add across dimensions = [0]
        : (tensor<4xf32>, tensor<f32>) -> tensor<f32>
      %d = stablehlo.reduce(%x init: %c) applies stablehlo.maximum across dimensions = [0]
        : (tensor<4xf32>, tensor<f32>) -> tensor<f32>
      return %a, %b, %d : tensor<f32>, tensor<f32>, tensor<f32>
    }"""
    module = parse_module(text)
    assert apply(module, CommonSubexpressions()) == {"operations merged": 1}
    assert str(module).count("stablehlo.reduce(") == 2


@pytest.mark.parametrize(
    "operation",
    [
        "%{n} = stablehlo.custom_call @f(%x) {{has_side_effect = true}} : (tensor<4xf32>) -> tensor<4xf32>",
        "%{n} = stablehlo.custom_call @f(%x) : (tensor<4xf32>) -> tensor<4xf32>",
        "%{n} = stablehlo.rng %s, %s, %d, distribution = UNIFORM : "
        "(tensor<f32>, tensor<f32>, tensor<1xi64>) -> tensor<4xf32>",
        "%{n} = func.call @declared(%x) : (tensor<4xf32>) -> tensor<4xf32>",
        "%{n} = func.call @noisy(%x) : (tensor<4xf32>) -> tensor<4xf32>",
        "%{n} = func.call @endless(%x) : (tensor<4xf32>) -> tensor<4xf32>",
    ],
)
def test_operations_with_effects_are_neither_merged_nor_erased(operation: str) -> None:
    text = f"""func.func @main(%x: tensor<4xf32>, %s: tensor<f32>, %d: tensor<1xi64>) -> tensor<4xf32> {{
      {operation.format(n=0)}
      {operation.format(n=1)}
      return %x : tensor<4xf32>
    }}
    func.func private @declared(tensor<4xf32>) -> tensor<4xf32>
    func.func private @noisy(%x: tensor<4xf32>) -> tensor<4xf32> {{
      %0 = stablehlo.custom_call @f(%x) : (tensor<4xf32>) -> tensor<4xf32>
      return %0 : tensor<4xf32>
    }}
    func.func private @endless(%x: tensor<4xf32>) -> tensor<4xf32> {{
      %0 = func.call @endless(%x) : (tensor<4xf32>) -> tensor<4xf32>
      return %0 : tensor<4xf32>
    }}"""
    assert apply(parse_module(text), CommonSubexpressions(), DeadCode()) == {}


def test_generators_with_the_same_state_are_not_merged() -> None:
    types = "(tensor<2xui64>) -> (tensor<2xui64>, tensor<4xui32>)"
    draw = f"stablehlo.rng_bit_generator %s, algorithm = THREE_FRY : {types}"
    text = f"""func.func @main(%s: tensor<2xui64>) -> (tensor<4xui32>, tensor<4xui32>) {{
      %a, %b = {draw}
      %c, %d = {draw}
      return %b, %d : tensor<4xui32>, tensor<4xui32>
    }}"""
    assert apply(parse_module(text), CommonSubexpressions()) == {}


def test_dce_erases_a_chain_that_ends_in_a_dead_loop() -> None:
    text = """func.func @main(%x: tensor<i32>) -> tensor<i32> {
      %n = stablehlo.add %x, %x : tensor<i32>
      %w = stablehlo.while(%a = %n) : tensor<i32>
        cond { %f = stablehlo.compare LT, %a, %n : (tensor<i32>, tensor<i32>) -> tensor<i1>
               stablehlo.return %f : tensor<i1> }
        do { %y = stablehlo.negate %n : tensor<i32>
             stablehlo.return %a : tensor<i32> }
      %k = stablehlo.negate %w : tensor<i32>
      return %x : tensor<i32>
    }"""
    module = parse_module(text)
    assert apply(module, DeadCode()) == {"operations erased": 3}


CALLS = """func.func @main(%x: tensor<2xi32>) -> tensor<2xi32> {
  %0 = func.call @twice(%x) : (tensor<2xi32>) -> tensor<2xi32> loc("site")
  %1 = func.call @branchy(%0) : (tensor<2xi32>) -> tensor<2xi32>
  return %1 : tensor<2xi32>
}
func.func private @branchy(%x: tensor<2xi32>) -> tensor<2xi32> {
  %p = stablehlo.constant dense<true> : tensor<i1>
  %0 = "stablehlo.if"(%p) ({
    %1 = func.call @twice(%x) : (tensor<2xi32>) -> tensor<2xi32>
    stablehlo.return %1 : tensor<2xi32>
  }, { stablehlo.return %x : tensor<2xi32> }) : (tensor<i1>) -> tensor<2xi32>
  return %0 : tensor<2xi32>
}
func.func private @twice(%x: tensor<2xi32>) -> tensor<2xi32> {
  %0 = stablehlo.add %x, %x : tensor<2xi32> loc("inside")
  return %0 : tensor<2xi32>
}"""


def test_inline_reaches_calls_in_regions_and_keeps_the_values() -> None:
    module = parse_module(CALLS)
    x = np.array([1, 2], np.int32)
    (before,) = evaluate(module, [x])
    assert apply(module, Inline()) == {"calls inlined": 3}
    main = str(module.body.operations[0])
    assert "call" not in main
    assert "stablehlo.if" in main
    np.testing.assert_array_equal(evaluate(module, [x])[0], before)


def test_inlined_operations_say_where_they_come_from_and_where_they_were_called() -> None:
    module = parse_module(CALLS)
    apply(module, Inline())
    first = module.body.operations[0].regions[0].blocks[0].operations[0].operation
    assert str(first.location) == 'loc(callsite("inside" at "site"))'


def test_inline_of_named_functions_only() -> None:
    module = parse_module(CALLS)
    assert apply(module, Inline(only=("branchy",))) == {"calls inlined": 1}


def test_recursion_is_refused_with_the_place() -> None:
    text = """func.func @main(%x: tensor<i32>) -> tensor<i32> {
      %0 = func.call @ping(%x) : (tensor<i32>) -> tensor<i32>
      return %0 : tensor<i32>
    }
    func.func private @ping(%x: tensor<i32>) -> tensor<i32> {
      %0 = func.call @pong(%x) : (tensor<i32>) -> tensor<i32>
      return %0 : tensor<i32>
    }
    func.func private @pong(%x: tensor<i32>) -> tensor<i32> {
      %0 = func.call @ping(%x) : (tensor<i32>) -> tensor<i32> loc("back")
      return %0 : tensor<i32>
    }"""
    with pytest.raises(OxideError, match='loc\\("back"\\): error: @pong calls @ping') as error:
        run(text, Inline())
    assert "recursive" in error.value.message


COMPOSITES = """func.func @main(%x: tensor<2xf32>) -> tensor<2xf32> {
  %0 = stablehlo.composite "oxide.outer" %x {decomposition = @outer} : (tensor<2xf32>) -> tensor<2xf32>
  %1 = stablehlo.composite "oxide.inner" %0 {decomposition = @inner} : (tensor<2xf32>) -> tensor<2xf32>
  return %1 : tensor<2xf32>
}
func.func private @outer(%x: tensor<2xf32>) -> tensor<2xf32> {
  %0 = stablehlo.composite "oxide.inner" %x {decomposition = @inner} : (tensor<2xf32>) -> tensor<2xf32>
  return %0 : tensor<2xf32>
}
func.func private @inner(%x: tensor<2xf32>) -> tensor<2xf32> {
  %0 = stablehlo.negate %x : tensor<2xf32>
  return %0 : tensor<2xf32>
}"""


@pytest.mark.parametrize(
    ("options", "left"),
    [
        ({}, []),
        ({"names": ("oxide.outer",)}, ["inner", "inner"]),
        ({"keep": ("oxide.inner",)}, ["inner", "inner"]),
        ({"names": ("oxide.inner",)}, ["outer"]),
    ],
)
def test_composites_are_expanded_by_name(options: dict[str, tuple[str, ...]], left: list[str]) -> None:
    module = parse_module(COMPOSITES)
    apply(module, DecomposeComposites(**options))
    main = module.body.operations[0].regions[0].blocks[0].operations
    names = [op.operation.attributes["name"].value for op in main if op.operation.name == "stablehlo.composite"]
    assert names == [f"oxide.{name}" for name in left]
