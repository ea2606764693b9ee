"""Reducing modules: what every strategy removes, and that seeded bugs are cut down to what shows them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from jaxlib.mlir import ir
from reference_interpreter import evaluate
from seeded_bugs import MINIMUM_OF_PRODUCT

from oxide.dialects.context import parse_module
from oxide.dialects.diagnostics import OxideError
from oxide.dialects.rewrite import PatternSet
from oxide.passes.manager import clone_module, verify_module
from oxide.reduction import reduce_module
from oxide.reduction.edits import functions, operations
from oxide.reduction.strategies import STRATEGIES

BY_NAME = {strategy.name: strategy for strategy in STRATEGIES}


def names(module: ir.Module) -> list[str]:
    return [op.name for op in reversed(operations(module))]


def has(*wanted: str) -> Callable[[ir.Module], bool]:
    return lambda module: set(wanted) <= set(names(module))


def contains(*texts: str) -> Callable[[ir.Module], bool]:
    return lambda module: all(text in str(module) for text in texts)


def either(*texts: str) -> Callable[[ir.Module], bool]:
    return lambda module: any(text in str(module) for text in texts)


# For each strategy a module in which nothing else can make progress, what has to stay, and what must be gone.
CASES = {
    "erase functions": (
        """func.func private @unused() { return }
        func.func @main(%x: tensor<f32>) -> tensor<f32> { return %x : tensor<f32> }""",
        contains("@main"),
        "@unused",
    ),
    "drop results": (
        """func.func private @f(%x: tensor<f32>) -> (tensor<f32>, tensor<f32>) {
          return %x, %x : tensor<f32>, tensor<f32>
        }
        func.func @main(%x: tensor<f32>) -> (tensor<f32> {oxide.name = "a"}, tensor<f32> {oxide.name = "b"}) {
          %0:2 = call @f(%x) : (tensor<f32>) -> (tensor<f32>, tensor<f32>)
          return %0#0, %x : tensor<f32>, tensor<f32>
        }""",
        contains("call @f", '"a"'),
        '"b"',
    ),
    "erase unused operations": (
        """func.func @main(%x: tensor<f32>) -> tensor<f32> {
          stablehlo.custom_call @f(%x) {has_side_effect = true} : (tensor<f32>) -> ()
          %0 = stablehlo.sine %x : tensor<f32>
          %1 = stablehlo.cosine %0 : tensor<f32>
          return %x : tensor<f32>
        }""",
        contains("return %"),
        "stablehlo.",
    ),
    "replace by the first operand": (
        """func.func @main(%x: tensor<f32>, %y: tensor<f32>) -> tensor<f32> {
          %0 = stablehlo.sine %x : tensor<f32>
          %1 = stablehlo.add %0, %y : tensor<f32>
          %2 = stablehlo.tanh %1 : tensor<f32>
          return %2 : tensor<f32>
        }""",
        has("stablehlo.tanh"),
        "add",
    ),
    "replace by the second operand": (
        """func.func @main(%x: tensor<f32>, %y: tensor<f32>) -> tensor<f32> {
          %0 = stablehlo.add %x, %y : tensor<f32>
          return %0 : tensor<f32>
        }""",
        either("add", "return %arg1"),
        "add",
    ),
    "replace by the third operand": (
        """func.func @main(%x: tensor<f32>, %y: tensor<f32>, %z: tensor<f32>) -> tensor<f32> {
          %0 = stablehlo.clamp %x, %y, %z : tensor<f32>
          return %0 : tensor<f32>
        }""",
        either("clamp", "return %arg2"),
        "clamp",
    ),
    "replace by an argument": (
        """func.func @main(%x: tensor<4xf32> {oxide.name = "x"}) -> tensor<2x2xf32> {
          %0 = stablehlo.reshape %x : (tensor<4xf32>) -> tensor<2x2xf32>
          %1 = stablehlo.tanh %0 : tensor<2x2xf32>
          return %1 : tensor<2x2xf32>
        }""",
        has("stablehlo.tanh"),
        "reshape",
    ),
    "replace by zeros": (
        """func.func @main(%x: tensor<4xf32>) -> tensor<2x2xf32> {
          %0 = stablehlo.reshape %x : (tensor<4xf32>) -> tensor<2x2xf32>
          %1 = stablehlo.tanh %0 : tensor<2x2xf32>
          return %1 : tensor<2x2xf32>
        }""",
        has("stablehlo.tanh"),
        "tanh %0",
    ),
    "return the first operand": (
        """func.func @main(%x: tensor<4xf32>, %y: tensor<f32>) -> tensor<f32> {
          %0 = stablehlo.sine %x : tensor<4xf32>
          %1 = stablehlo.reduce(%0 init: %y) applies stablehlo.add across dimensions = [0]
            : (tensor<4xf32>, tensor<f32>) -> tensor<f32>
          return %1 : tensor<f32>
        }""",
        contains("sine"),
        "return %1",
    ),
    "return the second operand": (
        """func.func @main(%x: tensor<4xf32>, %y: tensor<f32>) -> tensor<f32> {
          %0 = stablehlo.sine %y : tensor<f32>
          %1 = stablehlo.reduce(%x init: %0) applies stablehlo.add across dimensions = [0]
            : (tensor<4xf32>, tensor<f32>) -> tensor<f32>
          return %1 : tensor<f32>
        }""",
        contains("sine"),
        "return %1",
    ),
    "take the first branch": (
        """func.func @main(%p: tensor<i1>, %x: tensor<f32>) -> tensor<f32> {
          %0 = "stablehlo.if"(%p) ({
            %1 = stablehlo.sine %x : tensor<f32>
            stablehlo.return %1 : tensor<f32>
          }, { stablehlo.return %x : tensor<f32> }) : (tensor<i1>) -> tensor<f32>
          return %0 : tensor<f32>
        }""",
        has("stablehlo.sine"),
        "stablehlo.if",
    ),
    "take the second branch": (
        """func.func @main(%i: tensor<i32>, %x: tensor<f32>) -> tensor<f32> {
          %0 = "stablehlo.case"(%i) ({ stablehlo.return %x : tensor<f32> }, {
            %1 = stablehlo.sine %x : tensor<f32>
            stablehlo.return %1 : tensor<f32>
          }) : (tensor<i32>) -> tensor<f32>
          return %0 : tensor<f32>
        }""",
        has("stablehlo.sine"),
        "stablehlo.case",
    ),
    "run loops once": (
        """func.func @main(%x: tensor<f32>) -> tensor<f32> {
          %0 = stablehlo.while(%a = %x) : tensor<f32>
          cond {
            %1 = stablehlo.compare LT, %a, %x : (tensor<f32>, tensor<f32>) -> tensor<i1>
            stablehlo.return %1 : tensor<i1>
          } do {
            %1 = stablehlo.sine %a : tensor<f32>
            stablehlo.return %1 : tensor<f32>
          }
          return %0 : tensor<f32>
        }""",
        has("stablehlo.sine"),
        "while",
    ),
    "drop loop values": (
        """func.func @main(%x: tensor<f32>, %y: tensor<f32>) -> (tensor<f32>, tensor<f32>) {
          %0:2 = stablehlo.while(%a = %x, %b = %y) : tensor<f32>, tensor<f32>
          cond {
            %1 = stablehlo.compare LT, %a, %b : (tensor<f32>, tensor<f32>) -> tensor<i1>
            stablehlo.return %1 : tensor<i1>
          } do {
            %1 = stablehlo.add %a, %b : tensor<f32>
            stablehlo.return %1, %b : tensor<f32>, tensor<f32>
          }
          return %0#0, %0#1 : tensor<f32>, tensor<f32>
        }""",
        contains("while(%iterArg = %arg"),
        ":2",
    ),
    "replace arguments by zeros": (
        """func.func @main(%x: tensor<f32>) -> tensor<f32> {
          %0 = stablehlo.tanh %x : tensor<f32>
          return %0 : tensor<f32>
        }""",
        has("stablehlo.tanh"),
        "tanh %arg0",
    ),
    "drop arguments": (
        """func.func private @f(%x: tensor<f32>, %y: tensor<f32>) -> tensor<f32> { return %y : tensor<f32> }
        func.func @main(%x: tensor<f32> {oxide.name = "a"}, %y: tensor<f32> {oxide.name = "b"}) -> tensor<f32> {
          %0 = call @f(%x, %y) : (tensor<f32>, tensor<f32>) -> tensor<f32>
          return %0 : tensor<f32>
        }""",
        contains("call @f"),
        '"a"',
    ),
    "make sizes one": (
        """func.func @main(%x: tensor<8x3xf32>) -> tensor<8xf32> {
          %c = stablehlo.constant dense<[1.0, 2.0, 3.0]> : tensor<3xf32>
          %0 = stablehlo.dot %x, %c : (tensor<8x3xf32>, tensor<3xf32>) -> tensor<8xf32>
          return %0 : tensor<8xf32>
        }""",
        has("stablehlo.dot"),
        "8",
    ),
    "halve sizes": (
        """func.func @main(%x: tensor<16x4xf32>) -> tensor<8x4xf32> {
          %0 = stablehlo.slice %x [0:8, 0:4] : (tensor<16x4xf32>) -> tensor<8x4xf32>
          return %0 : tensor<8x4xf32>
        }""",
        has("stablehlo.slice"),
        "16",
    ),
    "drop attributes": (
        """module attributes {oxide.version = 1 : i32} {
          func.func @main(%x: tensor<2x2xf32> {oxide.name = "x"}) -> (tensor<2x2xf32> {oxide.name = "y"}) {
            %0 = stablehlo.dot %x, %x, precision = [DEFAULT, DEFAULT] {oxide.mark = 1 : i32}
              : (tensor<2x2xf32>, tensor<2x2xf32>) -> tensor<2x2xf32>
            return %0 : tensor<2x2xf32>
          }
        }""",
        contains('"x"', "dot"),
        "DEFAULT",
    ),
    "make constants splats": (
        """func.func @main() -> tensor<2xf32> {
          %c = stablehlo.constant dense<[7.0, 2.0]> : tensor<2xf32>
          return %c : tensor<2xf32>
        }""",
        contains("7.0"),
        "2.0",
    ),
    "make constants zeros": (
        """func.func @main() -> tensor<2xcomplex<f32>> {
          %c = stablehlo.constant dense<(7.0, 2.0)> : tensor<2xcomplex<f32>>
          return %c : tensor<2xcomplex<f32>>
        }""",
        contains("complex"),
        "7.0",
    ),
    "inline calls": (
        """func.func private @f(%x: tensor<f32>) -> tensor<f32> {
          %0 = stablehlo.sine %x : tensor<f32>
          return %0 : tensor<f32>
        }
        func.func @main(%x: tensor<f32>) -> tensor<f32> {
          %0 = stablehlo.composite "a.b" %x {decomposition = @f} : (tensor<f32>) -> tensor<f32>
          return %0 : tensor<f32>
        }""",
        contains("sine"),
        "composite",
    ),
}


def test_every_strategy_has_a_case():
    assert set(CASES) == set(BY_NAME)


@pytest.mark.parametrize("name", CASES)
def test_one_strategy_alone(name):
    source, interesting, gone = CASES[name]
    module = parse_module(source)
    before = str(module)
    assert interesting(module)
    assert gone in before
    result = reduce_module(module, interesting, strategies=[BY_NAME[name]])
    assert str(module) == before
    assert result.finished
    assert verify_module(result.module) == []
    assert interesting(result.module)
    assert gone not in str(result.module)


def test_what_is_not_interesting_is_refused():
    with pytest.raises(OxideError, match="not find the module interesting"):
        reduce_module(parse_module("func.func @main() { return }"), lambda module: False)


def test_tests_see_valid_modules_only_and_none_twice():
    seen: list[str] = []

    def interesting(module: ir.Module) -> bool:
        assert verify_module(module) == []
        seen.append(str(module))
        return "stablehlo.reduce" in str(module)

    result = reduce_module(parse_module(MEAN), interesting)
    assert len(seen) == result.tests == len(set(seen))


def test_time_limit_keeps_what_there_is(monkeypatch):
    better: list[str] = []
    monkeypatch.setattr("oxide.reduction.search.monotonic", lambda: len(better))
    result = reduce_module(
        parse_module(MEAN),
        contains("stablehlo.reduce"),
        seconds=1,
        on_better=lambda module: better.append(str(module)),
    )
    assert not result.finished
    assert better == [str(result.module)]
    assert "stablehlo.reduce" in better[-1]


def test_a_chain_costs_few_tests():
    lines = [f"%{n + 1} = stablehlo.add %{n}, %{n} : tensor<f32>" for n in range(200)]
    lines[120] = "%121 = stablehlo.tanh %120 : tensor<f32>"
    body = "%0 = stablehlo.sine %x : tensor<f32>\n" + "\n".join(lines)
    module = parse_module(f"func.func @main(%x: tensor<f32>) -> tensor<f32> {{ {body} return %200 : tensor<f32> }}")
    result = reduce_module(module, has("stablehlo.tanh"))
    assert names(result.module) == ["func.func", "stablehlo.constant", "stablehlo.tanh", "func.return"]
    assert result.tests < 60


MEAN = """func.func @main(%x: tensor<4x8xf32>, %y: tensor<4xf32>) -> (tensor<4xf32>, tensor<4x8xf32>) {
  %zero = stablehlo.constant dense<0.0> : tensor<f32>
  %n = stablehlo.constant dense<8.0> : tensor<4xf32>
  %0 = stablehlo.exponential %x : tensor<4x8xf32>
  %1 = stablehlo.reduce(%0 init: %zero) applies stablehlo.add across dimensions = [1]
    : (tensor<4x8xf32>, tensor<f32>) -> tensor<4xf32>
  %2 = stablehlo.divide %1, %n : tensor<4xf32>
  %3 = stablehlo.add %2, %y : tensor<4xf32>
  return %3, %0 : tensor<4xf32>, tensor<4x8xf32>
}"""


def changes_a_result(module: ir.Module) -> bool:
    """Whether the seeded rule changes what `@main` gives for one input."""
    if not functions(module):
        return False
    signature = ir.FunctionType(ir.TypeAttr(functions(module)[0].attributes["function_type"]).value)
    rng = np.random.default_rng(0)
    shapes = [ir.RankedTensorType(kind).shape for kind in signature.inputs]
    arguments = [rng.standard_normal(shape).astype(np.float32) for shape in shapes]
    wrong = clone_module(module)
    PatternSet([MINIMUM_OF_PRODUCT], wrong.context).apply_greedily(wrong.operation)
    results = zip(evaluate(clone_module(module), arguments), evaluate(wrong, arguments), strict=True)
    return any(not np.array_equal(a, b, equal_nan=True) for a, b in results)


def test_a_seeded_bug_is_cut_down_to_the_wrong_rule():
    module = parse_module("""func.func @main(
      %x: tensor<4x3xf32>, %y: tensor<4x3xf32>
    ) -> (tensor<4xf32>, tensor<3x4xf32>) {
      %zero = stablehlo.constant dense<0.0> : tensor<f32>
      %0 = stablehlo.sine %x : tensor<4x3xf32>
      %1 = stablehlo.multiply %0, %y : tensor<4x3xf32>
      %2 = stablehlo.cosine %y : tensor<4x3xf32>
      %3 = stablehlo.minimum %1, %2 : tensor<4x3xf32>
      %4 = stablehlo.exponential %3 : tensor<4x3xf32>
      %5 = stablehlo.reduce(%4 init: %zero) applies stablehlo.add across dimensions = [1]
        : (tensor<4x3xf32>, tensor<f32>) -> tensor<4xf32>
      %6 = stablehlo.transpose %x, dims = [1, 0] : (tensor<4x3xf32>) -> tensor<3x4xf32>
      %7 = stablehlo.minimum %6, %6 : tensor<3x4xf32>
      return %5, %7 : tensor<4xf32>, tensor<3x4xf32>
    }""")
    result = reduce_module(module, changes_a_result)
    names_left = ["func.func", "stablehlo.constant", "stablehlo.multiply", "stablehlo.minimum", "func.return"]
    assert names(result.module) == names_left
    assert "tensor<1x1xf32>" in str(result.module)
    assert changes_a_result(result.module)
