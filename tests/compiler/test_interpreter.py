"""The reference interpreter in its child: values of every kind, and refusals that do not end this process."""

import ml_dtypes
import numpy as np
import pytest

from oxide.dialects.context import parse_module
from oxide.dialects.diagnostics import OxideError
from oxide.interpreter import interpret, parse_arguments


def test_values_of_several_dtypes() -> None:
    source = """
    func.func @main(%a: tensor<2xcomplex<f64>>, %b: tensor<i1>, %c: tensor<2xbf16>, %d: tensor<3xi4>)
        -> (tensor<2xcomplex<f64>>, tensor<i1>, tensor<2xbf16>, tensor<3xi4>) {
      %0 = stablehlo.multiply %a, %a : tensor<2xcomplex<f64>>
      %1 = stablehlo.not %b : tensor<i1>
      %2 = stablehlo.add %c, %c : tensor<2xbf16>
      %3 = stablehlo.negate %d : tensor<3xi4>
      return %0, %1, %2, %3 : tensor<2xcomplex<f64>>, tensor<i1>, tensor<2xbf16>, tensor<3xi4>
    }"""
    a = np.array([1 + 2j, -1j])
    c = np.array([1.5, -2]).astype(ml_dtypes.bfloat16)
    d = np.array([1, -2, 7]).astype(ml_dtypes.int4)
    results = interpret(parse_module(source), [a, np.array(True), c, d])
    for result, wanted in zip(
        results, [a * a, np.array(False), np.add(c, c), np.negative(d).astype(d.dtype)], strict=True
    ):
        assert result.dtype == wanted.dtype
        np.testing.assert_array_equal(result, wanted)


def test_unknown_operation_is_refused() -> None:
    module = parse_module(
        "func.func @main(%x: tensor<2xf32>) -> tensor<2xf32> {"
        "  %0 = stablehlo.custom_call @nobody(%x) : (tensor<2xf32>) -> tensor<2xf32>\n return %0 : tensor<2xf32> }"
    )
    with pytest.raises(OxideError, match=r"cannot run this module: Unsupported op: .*@nobody"):
        interpret(module, [np.zeros(2, np.float32)])


def test_arguments_must_fit() -> None:
    module = parse_module("func.func @main(%x: tensor<2xf32>) -> tensor<2xf32> { return %x : tensor<2xf32> }")
    with pytest.raises(OxideError, match="0 values for the 1 arguments"):
        interpret(module, [])
    with pytest.raises(OxideError, match=r"argument arg0: 2xf32 of @main got a value of shape 2 and dtype float64"):
        interpret(module, [np.zeros(2)])


def test_arguments_as_text() -> None:
    first, second, third = parse_arguments(
        "[dense<[1, 2]> : tensor<2xi32>, dense<(1.0, -2.0)> : tensor<complex<f32>>, dense<true> : tensor<i1>]"
    )
    np.testing.assert_array_equal(first, np.array([1, 2], np.int32))
    assert second == np.complex64(1 - 2j)
    assert third
    assert parse_arguments("") == parse_arguments(" [ ] ") == []


@pytest.mark.parametrize(
    "text",
    [
        "[1 : i32]",
        "[dense<1>]",
        "[",
        "x",
        "[dense<1> : tensor<2xi32>,]",
        "[" * 100_000,
        "[dense<1> : tensor<2xi32>\n return }",
    ],
)
def test_arguments_that_are_no_list_are_refused(text: str) -> None:
    with pytest.raises(OxideError, match="--args"):
        parse_arguments(text)
