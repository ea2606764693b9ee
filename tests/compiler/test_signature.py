"""What `@main`'s arguments and results are called, and which signatures are refused."""

import numpy as np
import pytest

from oxide.dialects.context import parse_module
from oxide.dialects.diagnostics import OxideError
from oxide.frontends.mlir import import_module
from oxide.signature import TensorSpec, read_signature, require_static


def main(arguments: str, results: str = "") -> str:
    return f"func.func private @main({arguments}) -> ({results})"


def test_names_come_from_attributes_or_positions() -> None:
    signature = read_signature(
        parse_module(
            main(
                'tensor<2x?xf32> {oxide.name = "x.1"}, tensor<i1>, tensor<3xbf16> {oxide.param = "layer.w"}',
                'tensor<f32>, tensor<ui8> {oxide.name = "y"}',
            )
        )
    )
    assert [str(spec) for spec in signature.inputs] == ["x.1: 2x?xf32", "arg1: i1"]
    assert [str(spec) for spec in signature.parameters] == ["layer.w: 3xbf16"]
    assert [str(spec) for spec in signature.outputs] == ["result0: f32", "y: ui8"]
    assert signature.inputs[0] == TensorSpec("x.1", (2, None), np.dtype(np.float32))
    with pytest.raises(OxideError, match=r"running needs fixed shapes, but these are dynamic: x\.1: 2x\?xf32"):
        require_static(signature, "running")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("func.func private @f()", "no @main function; it has @f"),
        ("module {}", "no @main function; it has no function"),
        (main('tensor<f32> {oxide.param = "w"}, tensor<f32>'), "input 'arg1' comes after a weight"),
        (main('tensor<f32> {oxide.name = "x"}, tensor<f32> {oxide.name = "x"}'), "two inputs are called 'x'"),
        (main("", 'tensor<f32> {oxide.name = "result1"}, tensor<f32>'), "two outputs are called 'result1'"),
        (main("i32"), "'arg0' is i32"),
        (main("tensor<*xf32>"), "must be ranked tensors"),
        (main("!stablehlo.token"), "must be ranked tensors"),
        (main("tensor<f32> {oxide.name = 3 : i32}"), "must be a string"),
        (main("tensor<!quant.uniform<i8:f32, 0.5>>"), "no numpy counterpart"),
    ],
)
def test_unusable_signature_is_refused(source: str, message: str) -> None:
    with pytest.raises(OxideError, match=message.replace("*", r"\*")):
        read_signature(parse_module(source))


def test_the_sole_public_function_becomes_main() -> None:
    module = import_module(b"func.func @forward(%x: tensor<f32>) -> tensor<f32> { return %x : tensor<f32> }", "f")
    assert [spec.name for spec in read_signature(module).inputs] == ["arg0"]


def test_among_several_functions_none_is_chosen() -> None:
    with pytest.raises(OxideError, match=r"^f: the module has no @main function; it has @a, @b"):
        import_module(b"func.func @a() { return } func.func @b() { return }", "f")


def test_composites_that_break_their_schema_are_refused() -> None:
    source = b"""
    func.func @main(%x: tensor<2xf32>) -> tensor<2xf32> {
      %0 = stablehlo.composite "oxide.softmax" %x {decomposition = @f} : (tensor<2xf32>) -> tensor<2xf32>
      return %0 : tensor<2xf32>
    }
    func.func private @f(%x: tensor<2xf32>) -> tensor<2xf32> { return %x : tensor<2xf32> }"""
    with pytest.raises(OxideError, match="f: not a valid module") as caught:
        import_module(source, "f")
    assert "axis" in str(caught.value)
