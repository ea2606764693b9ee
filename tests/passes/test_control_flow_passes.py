"""sccp, loop-invariant-code-motion and control-flow-sink: what they may assume, and what they must leave."""

import numpy as np
import pytest
from jaxlib.mlir import ir
from reference_interpreter import evaluate

from oxide.dialects.context import parse_module
from oxide.passes.manager import run_pipeline

PRIVATE = """func.func private @f(%a: tensor<i32>, %b: tensor<i32>) -> tensor<i32> {
  %0 = stablehlo.add %a, %b : tensor<i32>
  return %0 : tensor<i32>
}
"""
LOOP = """func.func @main(%x: tensor<4xf32>, %n: tensor<i32>) -> tensor<4xf32> {
  %zero = stablehlo.constant dense<0> : tensor<i32>
  %one = stablehlo.constant dense<1> : tensor<i32>
  %0:2 = stablehlo.while(%i = %zero, %a = %x) : tensor<i32>, tensor<4xf32> cond {
    %p = stablehlo.compare LT, %i, %n : (tensor<i32>, tensor<i32>) -> tensor<i1>
    stablehlo.return %p : tensor<i1>
  } do {
    BODY
    %b = stablehlo.add %a, %t : tensor<4xf32>
    %j = stablehlo.add %i, %one : tensor<i32>
    stablehlo.return %j, %b : tensor<i32>, tensor<4xf32>
  }
  return %0#1 : tensor<4xf32>
}
"""


def main(body: str, functions: str = "") -> str:
    return f"{functions}func.func @main(%p: tensor<i1>, %x: tensor<i32>) -> tensor<i32> {{\n{body}\n}}"


def constant(value: int) -> str:
    return f"stablehlo.constant dense<{value}> : tensor<i32>"


def branch(predicate: str, left: str, right: str) -> str:
    arms = (f"stablehlo.return {value} : tensor<i32>" for value in (left, right))
    return f'"stablehlo.if"({predicate}) ({{ {next(arms)} }}, {{ {next(arms)} }}) : (tensor<i1>) -> tensor<i32>'


# What @main returns: a constant, or None where it depends on the arguments.
PROGRAMS = {
    "one of two branches": (
        main(f"""%a = {constant(1)}
          %b = {constant(2)}
          %q = stablehlo.compare EQ, %a, %a : (tensor<i32>, tensor<i32>) -> tensor<i1>
          %r = {branch("%q", "%a", "%b")}
          return %r : tensor<i32>"""),
        1,
    ),
    "branches that agree": (
        main(f"""%a = {constant(1)}
          %b = {constant(2)}
          %c = stablehlo.subtract %b, %a : tensor<i32>
          %r = {branch("%p", "%a", "%c")}
          return %r : tensor<i32>"""),
        1,
    ),
    "branches that differ": (
        main(f"""%a = {constant(1)}
          %b = {constant(2)}
          %r = {branch("%p", "%a", "%b")}
          return %r : tensor<i32>"""),
        None,
    ),
    "one argument is the same in all calls": (
        main(
            f"""%a = {constant(1)}
          %b = {constant(-1)}
          %0 = call @f(%a, %b) : (tensor<i32>, tensor<i32>) -> tensor<i32>
          %1 = call @f(%x, %b) : (tensor<i32>, tensor<i32>) -> tensor<i32>
          return %0 : tensor<i32>""",
            PRIVATE,
        ),
        None,
    ),
    "calls of calls": (
        main(
            f"""%a = {constant(1)}
          %0 = call @f(%a, %a) : (tensor<i32>, tensor<i32>) -> tensor<i32>
          %1 = call @g(%0) : (tensor<i32>) -> tensor<i32>
          return %1 : tensor<i32>""",
            PRIVATE
            + """func.func private @g(%a: tensor<i32>) -> tensor<i32> {
              %0 = stablehlo.multiply %a, %a : tensor<i32>
              return %0 : tensor<i32>
            }
            """,
        ),
        4,
    ),
    "a public function is called by others": (
        main(
            f"""%a = {constant(1)}
          %0 = call @f(%a, %a) : (tensor<i32>, tensor<i32>) -> tensor<i32>
          return %0 : tensor<i32>""",
            PRIVATE.replace("private ", ""),
        ),
        None,
    ),
    "a decomposition is no call": (
        main(
            f"""%a = {constant(1)}
          %0 = stablehlo.composite "my.sum" %a, %a {{decomposition = @f}}
            : (tensor<i32>, tensor<i32>) -> tensor<i32>
          %1 = call @f(%a, %a) : (tensor<i32>, tensor<i32>) -> tensor<i32>
          return %1 : tensor<i32>""",
            PRIVATE,
        ),
        None,
    ),
    "a loop that makes no turn": (
        main(f"""%a = {constant(1)}
          %r = stablehlo.while(%k = %a) : tensor<i32> cond {{
            %q = stablehlo.compare NE, %k, %a : (tensor<i32>, tensor<i32>) -> tensor<i1>
            stablehlo.return %q : tensor<i1>
          }} do {{
            stablehlo.return %x : tensor<i32>
          }}
          return %r : tensor<i32>"""),
        1,
    ),
    "a loop that may change its state": (
        main(f"""%a = {constant(1)}
          %r = stablehlo.while(%k = %a) : tensor<i32> cond {{
            %q = stablehlo.compare LT, %k, %x : (tensor<i32>, tensor<i32>) -> tensor<i1>
            stablehlo.return %q : tensor<i1>
          }} do {{
            %l = stablehlo.add %k, %a : tensor<i32>
            stablehlo.return %l : tensor<i32>
          }}
          return %r : tensor<i32>"""),
        None,
    ),
}


def entry(module: ir.Module) -> ir.Block:
    (function,) = (op for op in module.body.operations if str(op.attributes["sym_name"]) == '"main"')
    return function.regions[0].blocks[0]


def names(block: ir.Block) -> list[str]:
    return [op.operation.name.removeprefix("stablehlo.") for op in block.operations]


@pytest.mark.parametrize("name", PROGRAMS)
def test_what_sccp_finds(name: str) -> None:
    text, expected = PROGRAMS[name]
    module = parse_module(text)
    after = run_pipeline(module, "sccp,dce")
    found = entry(after).operations
    if expected is None:
        assert names(entry(after)) != ["constant", "func.return"]
    else:
        assert names(entry(after)) == ["constant", "func.return"]
        assert f"dense<{expected}>" in str(found[0])
    if "composite" not in text:
        for arguments in ([np.array(False), np.array(5, np.int32)], [np.array(True), np.array(-5, np.int32)]):
            assert evaluate(module, arguments) == evaluate(after, arguments)


def test_sccp_ends_on_functions_that_call_each_other() -> None:
    module = parse_module(
        main("call @a() : () -> ()\nreturn %x : tensor<i32>")
        + "func.func private @a() { call @b() : () -> ()\nreturn }"
        + "func.func private @b() { call @a() : () -> ()\nreturn }"
    )
    assert str(run_pipeline(module, "sccp")) == str(module)


@pytest.mark.parametrize(
    ("body", "before"),
    [
        ("%t = stablehlo.tanh %x : tensor<4xf32>", ["tanh"]),
        # The broadcast alone would only be read again in every turn.
        ("%c = stablehlo.constant dense<2.0> : tensor<f32>\n"
         "%t = stablehlo.broadcast_in_dim %c, dims = [] : (tensor<f32>) -> tensor<4xf32>", []),
        ("%f = stablehlo.convert %i : (tensor<i32>) -> tensor<f32>\n"
         "%t = stablehlo.broadcast_in_dim %f, dims = [] : (tensor<f32>) -> tensor<4xf32>", []),
        ('%t = "stablehlo.custom_call"(%x) {call_target_name = "f", has_side_effect = true} '
         ": (tensor<4xf32>) -> tensor<4xf32>", []),
        # Its body reads the counter from outside.
        ('%t = "stablehlo.map"(%x) ({ ^bb0(%v: tensor<f32>): '
         "%w = stablehlo.convert %i : (tensor<i32>) -> tensor<f32>\nstablehlo.return %w : tensor<f32> "
         "}) {dimensions = array<i64: 0>} : (tensor<4xf32>) -> tensor<4xf32>", []),
    ],
)  # fmt: skip
def test_what_leaves_a_loop(body: str, before: list[str]) -> None:
    module = parse_module(LOOP.replace("BODY", body))
    after = run_pipeline(module, "loop-invariant-code-motion")
    assert [name for name in names(entry(after)) if name not in ("constant", "while", "func.return")] == before
    if "custom_call" not in body and "map" not in body:
        for turns in (0, 3):
            arguments = [np.array([0.5, -1, np.inf, np.nan], np.float32), np.array(turns, np.int32)]
            np.testing.assert_array_equal(evaluate(module, arguments), evaluate(after, arguments))


def test_loops_take_nothing_in() -> None:
    text = LOOP.replace("BODY", "").replace("%zero =", "%t = stablehlo.tanh %x : tensor<4xf32>\n%zero =")
    assert str(run_pipeline(parse_module(text), "control-flow-sink")) == str(parse_module(text))
