"""After every pass a program computes the same as before it, whatever it is made of."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest
from every_operation import NOT_RUN, OPERATIONS, RUN_BY_XLA, covered, program
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxlib.mlir import ir
from jaxlib.mlir.dialects import stablehlo
from pass_variants import EXACT
from soundness import INTERPRETER, XLA, Oracle, finds

from oxide.dialects.context import parse_module

CELLS = [(name, element) for name, row in OPERATIONS.items() for element in row.elements]


def test_every_operation_is_run_or_said_not_to_be():
    classes = [kind for kind in vars(stablehlo).values() if isinstance(kind, type)]
    known = {kind.OPERATION_NAME.removeprefix("stablehlo.") for kind in classes if hasattr(kind, "OPERATION_NAME")}
    assert covered() | set(NOT_RUN) == known
    assert not covered() & set(NOT_RUN)


def assert_same(
    module: ir.Module, arguments: list[np.ndarray], pipelines: tuple[str, ...], oracle: Oracle = INTERPRETER
) -> None:
    for find in finds(module, arguments, pipelines, oracle):
        raise AssertionError(str(find))


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_at_every_element_type(name):
    cells = [(name, element) for element in OPERATIONS[name].elements]
    for seed in range(3):
        assert_same(*program(seed, cells), ("default", "simplify"))


@pytest.mark.parametrize("name", RUN_BY_XLA)
def test_an_operation_of_xla_at_every_element_type(name):
    cells = [(name, element) for element in RUN_BY_XLA[name].elements]
    assert_same(*program(0, cells), EXACT, XLA)


# What random programs found, as oxide-reduce left it.
FOUND = {
    "a value that is its own update": """func.func @main(%x: tensor<i4>) -> tensor<i4> {
      %0 = stablehlo.dynamic_update_slice %x, %x : (tensor<i4>, tensor<i4>) -> tensor<i4>
      return %0 : tensor<i4>
    }""",
    "minimum and maximum of zeros": """func.func @main(%x: tensor<i4>) -> (tensor<f32>, tensor<bf16>) {
      %c = stablehlo.constant dense<[-0.0, 0.0, 3.0]> : tensor<3xf32>
      %zero = stablehlo.constant dense<0.0> : tensor<f32>
      %0 = stablehlo.reduce(%c init: %zero) applies stablehlo.minimum across dimensions = [0]
        : (tensor<3xf32>, tensor<f32>) -> tensor<f32>
      %d = stablehlo.constant dense<[-0.0, 0.0, -3.0]> : tensor<3xbf16>
      %minus = stablehlo.constant dense<-0.0> : tensor<bf16>
      %1 = stablehlo.reduce(%d init: %minus) applies stablehlo.maximum across dimensions = [0]
        : (tensor<3xbf16>, tensor<bf16>) -> tensor<bf16>
      return %0, %1 : tensor<f32>, tensor<bf16>
    }""",
    "total order of scalars": """func.func @main(%x: tensor<i4>) -> tensor<i1> {
      %c = stablehlo.constant dense<0.0> : tensor<f64>
      %0 = stablehlo.compare LE, %c, %c, TOTALORDER : (tensor<f64>, tensor<f64>) -> tensor<i1>
      %1 = stablehlo.add %0, %0 : tensor<i1>
      return %1 : tensor<i1>
    }""",
    "a type without zero": """func.func @main(%x: tensor<i4>) -> tensor<3x1xf8E8M0FNU> {
      %0 = stablehlo.iota dim = 1 : tensor<3x1xf8E8M0FNU>
      return %0 : tensor<3x1xf8E8M0FNU>
    }""",
}


@pytest.mark.parametrize("name", FOUND)
def test_what_was_found_stays_right(name):
    assert_same(parse_module(FOUND[name]), [np.array(3, ml_dtypes.int4)], EXACT)


@settings(deadline=None, max_examples=25)
@given(
    st.integers(0, 2**32 - 1),
    st.lists(st.sampled_from(CELLS), min_size=2, max_size=16),
    st.lists(st.tuples(st.sampled_from(EXACT), st.sampled_from(EXACT)), max_size=4),
)
def test_every_pass_keeps_every_bit(seed, cells, pairs):
    assert_same(*program(seed, cells), (*EXACT, *map(",".join, pairs)))
