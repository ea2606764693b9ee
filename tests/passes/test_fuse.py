"""Fusions keep every bit, respect order and legality, and group what they should."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxlib.mlir import ir
from random_programs import random_program
from reference_interpreter import evaluate

from oxide.dialects.context import parse_module
from oxide.dialects.diagnostics import OxideError
from oxide.passes.base import PassLog
from oxide.passes.decompose_composites import DecomposeComposites
from oxide.passes.fuse import Fuse


def fused(module: ir.Module, **options) -> dict[str, int]:
    log = PassLog()
    Fuse(**options).run(module, log)
    assert module.operation.verify()
    return log.counts


def main_of(body: str, arguments: str, results: str) -> ir.Module:
    return parse_module(f"func.func @main({arguments}) -> ({results}) {{\n{body}\n}}")


def composites(module: ir.Module) -> list[ir.Operation]:
    block = module.body.operations[0].regions[0].blocks[0]
    return [op.operation for op in block.operations if op.operation.name == "stablehlo.composite"]


def names_inside(module: ir.Module, composite: ir.Operation) -> list[str]:
    symbol = ir.FlatSymbolRefAttr(composite.attributes["decomposition"]).value
    body = ir.SymbolTable(module.operation)[symbol].operation.regions[0].blocks[0]
    return [op.operation.name.removeprefix("stablehlo.") for op in body.operations][:-1]


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([2, 3, 8, 32]))
def test_values_are_bitwise_the_same(seed: int, max_ops: int) -> None:
    module, arguments = random_program(seed)
    before = evaluate(module, arguments)
    fused(module, max_ops=max_ops)
    assert all(len(names_inside(module, c)) <= max_ops + 64 for c in composites(module))
    DecomposeComposites().run(module, PassLog())
    for old, new in zip(before, evaluate(module, arguments), strict=True):
        assert old.tobytes() == new.tobytes() or np.array_equal(old, new, equal_nan=True)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_a_second_run_leaves_decompositions_alone(seed: int) -> None:
    module, _ = random_program(seed)
    fused(module)
    fused(module)
    for function in list(module.body.operations)[1:]:
        assert "stablehlo.composite" not in str(function)


def test_a_value_used_elsewhere_becomes_a_second_result() -> None:
    module = main_of(
        """%0 = stablehlo.exponential %x : tensor<4xf32>
        %1 = stablehlo.negate %0 : tensor<4xf32>
        %2 = stablehlo.dot_general %0, %1, contracting_dims = [0] x [0]
          : (tensor<4xf32>, tensor<4xf32>) -> tensor<f32>
        return %2 : tensor<f32>""",
        "%x: tensor<4xf32>",
        "tensor<f32>",
    )
    assert fused(module, kinds=("loop",)) == {"loop fusions": 1}
    (composite,) = composites(module)
    assert len(composite.results) == 2
    assert names_inside(module, composite) == ["exponential", "negate"]


def test_no_cycle_through_an_operation_between() -> None:
    # exponential feeds both dot and add, dot feeds add: fusing exponential with add would need dot first.
    module = main_of(
        """%0 = stablehlo.exponential %x : tensor<4x4xf32>
        %1 = stablehlo.dot_general %0, %0, contracting_dims = [1] x [0]
          : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
        %2 = stablehlo.add %0, %1 : tensor<4x4xf32>
        %3 = stablehlo.negate %2 : tensor<4x4xf32>
        return %3 : tensor<4x4xf32>""",
        "%x: tensor<4x4xf32>",
        "tensor<4x4xf32>",
    )
    fused(module)
    (composite,) = composites(module)
    assert names_inside(module, composite) == ["dot_general", "add", "negate"]


def test_reduction_takes_its_producers() -> None:
    module = main_of(
        """%c = stablehlo.constant dense<0.0> : tensor<f32>
        %0 = stablehlo.multiply %x, %x : tensor<4x4xf32>
        %1 = stablehlo.reduce(%0 init: %c) applies stablehlo.add across dimensions = [1]
          : (tensor<4x4xf32>, tensor<f32>) -> tensor<4xf32>
        return %1 : tensor<4xf32>""",
        "%x: tensor<4x4xf32>",
        "tensor<4xf32>",
    )
    assert fused(module) == {"input fusions": 1}
    (composite,) = composites(module)
    assert names_inside(module, composite) == ["constant", "multiply", "reduce"]
    assert len(composite.operands) == 1


ARGMAX = """%low = stablehlo.constant dense<0xFF800000> : tensor<f32>
  %zero = stablehlo.constant dense<0> : tensor<i32>
  %0 = stablehlo.negate %x : tensor<4x8xf32>
  %i = stablehlo.iota dim = 1 : tensor<4x8xi32>
  %1:2 = stablehlo.reduce(%0 init: %low), (%i init: %zero) across dimensions = [1]
      : (tensor<4x8xf32>, tensor<4x8xi32>, tensor<f32>, tensor<i32>) -> (tensor<4xf32>, tensor<4xi32>)
    reducer(%a: tensor<f32>, %b: tensor<f32>) (%k: tensor<i32>, %l: tensor<i32>) {
      %p = stablehlo.compare GE, %a, %b : (tensor<f32>, tensor<f32>) -> tensor<i1>
      %v = stablehlo.select %p, %a, %b : tensor<i1>, tensor<f32>
      %n = stablehlo.select %p, %k, %l : tensor<i1>, tensor<i32>
      stablehlo.return %v, %n : tensor<f32>, tensor<i32>
    }
  %2 = stablehlo.add %1#1, %1#1 : tensor<4xi32>"""


@pytest.mark.parametrize(
    ("returned", "kinds"),
    [
        ("%2", "tensor<4xi32>"),
        ("%1#0, %2", "tensor<4xf32>, tensor<4xi32>"),
        ("%2, %0", "tensor<4xi32>, tensor<4x8xf32>"),
    ],
)
def test_a_reduction_of_several_operands(returned: str, kinds: str) -> None:
    module = main_of(f"{ARGMAX}\nreturn {returned} : {kinds}", "%x: tensor<4x8xf32>", kinds)
    x = np.random.default_rng(0).integers(-3, 3, (4, 8)).astype(np.float32)
    before = evaluate(module, [x])
    assert fused(module) == {"input fusions": 1}
    (composite,) = composites(module)
    assert sorted(names_inside(module, composite)) == ["add", "constant", "constant", "iota", "negate", "reduce"]
    assert {str(result.type) for result in composite.results} == set(kinds.split(", "))
    for old, new in zip(before, evaluate(module, [x]), strict=True):
        np.testing.assert_array_equal(old, new)


def test_epilogue_of_a_contraction_with_broadcast_bias() -> None:
    module = main_of(
        """%c = stablehlo.constant dense<0.0> : tensor<2x3xf32>
        %0 = stablehlo.dot_general %x, %w, contracting_dims = [1] x [0]
          : (tensor<2x5xf32>, tensor<5x3xf32>) -> tensor<2x3xf32>
        %1 = stablehlo.broadcast_in_dim %b, dims = [1] : (tensor<3xf32>) -> tensor<2x3xf32>
        %2 = stablehlo.add %0, %1 : tensor<2x3xf32>
        %3 = stablehlo.maximum %2, %c : tensor<2x3xf32>
        return %3 : tensor<2x3xf32>""",
        "%x: tensor<2x5xf32>, %w: tensor<5x3xf32>, %b: tensor<3xf32>",
        "tensor<2x3xf32>",
    )
    assert fused(module) == {"output fusions": 1}
    (composite,) = composites(module)
    assert names_inside(module, composite) == ["constant", "dot_general", "broadcast_in_dim", "add", "maximum"]


def test_a_contraction_whose_result_is_broadcast_stays_outside() -> None:
    module = main_of(
        """%0 = stablehlo.dot_general %x, %w, contracting_dims = [0] x [0]
          : (tensor<5xf32>, tensor<5x3xf32>) -> tensor<3xf32>
        %1 = stablehlo.broadcast_in_dim %0, dims = [1] : (tensor<3xf32>) -> tensor<2x3xf32>
        %2 = stablehlo.add %1, %y : tensor<2x3xf32>
        return %2 : tensor<2x3xf32>""",
        "%x: tensor<5xf32>, %w: tensor<5x3xf32>, %y: tensor<2x3xf32>",
        "tensor<2x3xf32>",
    )
    fused(module)
    assert all("dot_general" not in names_inside(module, composite) for composite in composites(module))


def broadcast_of_computed(rows: int) -> ir.Module:
    return main_of(
        f"""%0 = stablehlo.exponential %x : tensor<3xf32>
        %1 = stablehlo.reshape %0 : (tensor<3xf32>) -> tensor<1x3xf32>
        %2 = stablehlo.broadcast_in_dim %1, dims = [0, 1] : (tensor<1x3xf32>) -> tensor<{rows}x3xf32>
        %3 = stablehlo.add %2, %y : tensor<{rows}x3xf32>
        return %3 : tensor<{rows}x3xf32>""",
        f"%x: tensor<3xf32>, %y: tensor<{rows}x3xf32>",
        f"tensor<{rows}x3xf32>",
    )


def test_a_computed_tensor_is_not_recomputed_for_every_copy_of_a_broadcast() -> None:
    module = broadcast_of_computed(4096)
    fused(module, device="cpu")
    (composite,) = composites(module)
    assert names_inside(module, composite) == ["reshape", "broadcast_in_dim", "add"]


def test_a_few_elements_are_recomputed_rather_than_be_a_kernel_of_their_own() -> None:
    module = broadcast_of_computed(8)
    fused(module, device="cpu")
    (composite,) = composites(module)
    assert names_inside(module, composite) == ["exponential", "reshape", "broadcast_in_dim", "add"]


@pytest.mark.parametrize("attribute", ["mhlo.sharding", "oxide.pinned"])
def test_operations_with_foreign_attributes_stay(attribute: str) -> None:
    module = main_of(
        f"""%0 = stablehlo.exponential %x {{{attribute} = "here"}} : tensor<3xf32>
        %1 = stablehlo.negate %0 : tensor<3xf32>
        return %1 : tensor<3xf32>""",
        "%x: tensor<3xf32>",
        "tensor<3xf32>",
    )
    assert fused(module) == {}


def test_values_a_loop_body_captures_leave_the_fusion() -> None:
    module = main_of(
        """%0 = stablehlo.add %i, %i : tensor<i32>
        %1 = stablehlo.multiply %0, %i : tensor<i32>
        %2 = stablehlo.while(%a = %i) : tensor<i32>
          cond { %p = stablehlo.compare LT, %a, %1 : (tensor<i32>, tensor<i32>) -> tensor<i1>
                 stablehlo.return %p : tensor<i1> }
          do { %s = stablehlo.add %a, %0 : tensor<i32>
               stablehlo.return %s : tensor<i32> }
        return %2 : tensor<i32>""",
        "%i: tensor<i32>",
        "tensor<i32>",
    )
    (before,) = evaluate(module, [np.array(3, np.int32)])
    assert fused(module) == {"loop fusions": 1}
    assert len(composites(module)[0].results) == 2
    assert evaluate(module, [np.array(3, np.int32)])[0] == before


@pytest.mark.parametrize("options", [{"kinds": ("loop", "fancy")}, {"max_ops": 1}])
def test_bad_options_are_refused(options: dict) -> None:
    module, _ = random_program(0)
    with pytest.raises(OxideError, match="kinds must be of loop, input, output"):
        fused(module, **options)


def test_a_value_every_operation_reads() -> None:
    lines = ["%0 = stablehlo.negate %x : tensor<4xf32>"]
    lines += [f"%{i} = stablehlo.add %{i - 1}, %0 : tensor<4xf32>" for i in range(1, 3200)]
    body = "\n".join([*lines, "return %3199 : tensor<4xf32>"])
    module = main_of(body, "%x: tensor<4xf32>", "tensor<4xf32>")
    assert fused(module) == {"loop fusions": 100}
    assert {len(names_inside(module, composite)) for composite in composites(module)} == {32}
