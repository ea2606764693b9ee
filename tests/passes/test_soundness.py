"""After every pass a program gives the same bits as before it, whatever it is made of."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest
from every_operation import NOT_RUN, OPERATIONS, covered, program
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxlib.mlir import ir
from jaxlib.mlir.dialects import stablehlo
from reference_interpreter import evaluate

from oxide.dialects.context import parse_module
from oxide.dialects.diagnostics import OxideError
from oxide.passes.catalog import REGISTRY
from oxide.passes.manager import run_pipeline

PIPELINES = (*sorted(REGISTRY), "default")
ROWS = [(name, element) for name, row in OPERATIONS.items() for element in row.elements]


def test_every_operation_is_run_or_said_not_to_be():
    classes = [kind for kind in vars(stablehlo).values() if isinstance(kind, type)]
    known = {kind.OPERATION_NAME.removeprefix("stablehlo.") for kind in classes if hasattr(kind, "OPERATION_NAME")}
    assert covered() | set(NOT_RUN) == known
    assert not covered() & set(NOT_RUN)


def bits(array: np.ndarray) -> np.ndarray:
    """Equal for equal bits, all NaN being one."""
    if array.dtype.kind in "fcV" or array.dtype.name.startswith(("bfloat", "float")):
        array = np.where(np.isnan(array), np.array(np.nan).astype(array.dtype), array)
    return np.frombuffer(array.tobytes(), np.uint8)


def assert_same(module: ir.Module, arguments: list[np.ndarray], pipelines: tuple[str, ...]) -> None:
    expected = [bits(value).tobytes() for value in evaluate(module, arguments)]
    for pipeline in pipelines:
        try:
            changed = run_pipeline(module, pipeline)
        except OxideError as error:
            if "internal error" in error.message:
                raise AssertionError(f"{pipeline}:\n{module}") from error
            continue  # a pass may refuse a module
        found = [
            bits(value).tobytes()
            for value in evaluate(run_pipeline(changed, "inline,decompose-composites"), arguments)
        ]
        assert found == expected, f"{pipeline}:\n{module}\n{changed}"


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_at_every_element_type(name):
    rows = [(name, element) for element in OPERATIONS[name].elements]
    for seed in range(3):
        module, arguments = program(seed, rows)
        assert_same(module, arguments, ("default", "simplify"))


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
    assert_same(parse_module(FOUND[name]), [np.array(3, ml_dtypes.int4)], PIPELINES)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32 - 1), st.lists(st.sampled_from(ROWS), min_size=2, max_size=16))
def test_every_pass_keeps_every_bit(seed, rows):
    module, arguments = program(seed, rows)
    assert_same(module, arguments, PIPELINES)
