"""Every canonicalisation rule fires on its example and keeps the values; unsound look-alikes stay."""

import numpy as np
import pytest
from jaxlib.mlir import ir
from reference_interpreter import evaluate
from rule_files import CHUNKS, rule_of

from oxide.dialects import dtypes
from oxide.dialects.attributes import tensor
from oxide.dialects.context import parse_module
from oxide.passes.base import PassLog
from oxide.passes.canonicalize import Canonicalize, patterns

# Rule: arguments, body, result.  The body defines %r.
EXAMPLES = {
    "constant-fold": (
        "",
        "%c = stablehlo.constant dense<[1, 2]> : tensor<2xi32>\n%r = stablehlo.add %c, %c : tensor<2xi32>",
        "tensor<2xi32>",
    ),
    "static-dimension-size": (
        "%x: tensor<3x4xf32>",
        "%r = stablehlo.get_dimension_size %x, dim = 1 : (tensor<3x4xf32>) -> tensor<i32>",
        "tensor<i32>",
    ),
    "unit-iota": ("", "%r = stablehlo.iota dim = 0 : tensor<1x3xi32>", "tensor<1x3xi32>"),
    "constant-right": (
        "%x: tensor<2xf32>",
        "%c = stablehlo.constant dense<2.0> : tensor<2xf32>\n%r = stablehlo.add %c, %x : tensor<2xf32>",
        "tensor<2xf32>",
    ),
    "neutral-element": (
        "%x: tensor<2xf32>",
        "%c = stablehlo.constant dense<-0.0> : tensor<2xf32>\n%r = stablehlo.add %x, %c : tensor<2xf32>",
        "tensor<2xf32>",
    ),
    "absorbing-element": (
        "%x: tensor<2xi32>",
        "%c = stablehlo.constant dense<0> : tensor<2xi32>\n%r = stablehlo.multiply %x, %c : tensor<2xi32>",
        "tensor<2xi32>",
    ),
    "same-operands": ("%x: tensor<2xf32>", "%r = stablehlo.maximum %x, %x : tensor<2xf32>", "tensor<2xf32>"),
    "self-cancelling": ("%x: tensor<2xi32>", "%r = stablehlo.subtract %x, %x : tensor<2xi32>", "tensor<2xi32>"),
    "associate-constants": (
        "%x: tensor<2xi32>",
        "%c = stablehlo.constant dense<[1, 2]> : tensor<2xi32>\n%d = stablehlo.constant dense<5> : tensor<2xi32>\n"
        "%y = stablehlo.add %x, %c : tensor<2xi32>\n%r = stablehlo.add %y, %d : tensor<2xi32>",
        "tensor<2xi32>",
    ),
    "involution": (
        "%x: tensor<2xf32>",
        "%y = stablehlo.negate %x : tensor<2xf32>\n%r = stablehlo.negate %y : tensor<2xf32>",
        "tensor<2xf32>",
    ),
    "idempotent": (
        "%x: tensor<2xf32>",
        "%y = stablehlo.sign %x : tensor<2xf32>\n%r = stablehlo.sign %y : tensor<2xf32>",
        "tensor<2xf32>",
    ),
    "abs-of-negate": (
        "%x: tensor<2xf32>",
        "%y = stablehlo.negate %x : tensor<2xf32>\n%r = stablehlo.abs %y : tensor<2xf32>",
        "tensor<2xf32>",
    ),
    "parts-of-complex": (
        "%x: tensor<2xf32>",
        "%z = stablehlo.complex %x, %x : tensor<2xcomplex<f32>>\n"
        "%r = stablehlo.imag %z : (tensor<2xcomplex<f32>>) -> tensor<2xf32>",
        "tensor<2xf32>",
    ),
    # The interpreter takes no complex arguments.
    "complex-of-parts": (
        "%a: tensor<2xf32>",
        "%b = stablehlo.complex %a, %a : tensor<2xcomplex<f32>>\n"
        "%z = stablehlo.multiply %b, %b : tensor<2xcomplex<f32>>\n"
        "%x = stablehlo.real %z : (tensor<2xcomplex<f32>>) -> tensor<2xf32>\n"
        "%y = stablehlo.imag %z : (tensor<2xcomplex<f32>>) -> tensor<2xf32>\n"
        "%w = stablehlo.complex %x, %y : tensor<2xcomplex<f32>>\n"
        "%r = stablehlo.abs %w : (tensor<2xcomplex<f32>>) -> tensor<2xf32>",
        "tensor<2xf32>",
    ),
    "identity-convert": (
        "%x: tensor<2xf32>",
        "%r = stablehlo.convert %x : (tensor<2xf32>) -> tensor<2xf32>",
        "tensor<2xf32>",
    ),
    "convert-of-widening": (
        "%x: tensor<2xbf16>",
        "%y = stablehlo.convert %x : (tensor<2xbf16>) -> tensor<2xf32>\n"
        "%r = stablehlo.convert %y : (tensor<2xf32>) -> tensor<2xbf16>",
        "tensor<2xbf16>",
    ),
    "compare-with-self": (
        "%x: tensor<2xi32>",
        "%r = stablehlo.compare LE, %x, %x : (tensor<2xi32>, tensor<2xi32>) -> tensor<2xi1>",
        "tensor<2xi1>",
    ),
    "compare-constant-right": (
        "%x: tensor<2xf32>",
        "%c = stablehlo.constant dense<1.0> : tensor<2xf32>\n"
        "%r = stablehlo.compare LT, %c, %x, FLOAT : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xi1>",
        "tensor<2xi1>",
    ),
    "compare-bool-with-constant": (
        "%x: tensor<2xi1>",
        "%c = stablehlo.constant dense<true> : tensor<2xi1>\n"
        "%r = stablehlo.compare NE, %x, %c : (tensor<2xi1>, tensor<2xi1>) -> tensor<2xi1>",
        "tensor<2xi1>",
    ),
    "not-of-compare": (
        "%x: tensor<2xf32>",
        "%c = stablehlo.compare EQ, %x, %x : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xi1>\n"
        "%r = stablehlo.not %c : tensor<2xi1>",
        "tensor<2xi1>",
    ),
    "select-known": (
        "%x: tensor<2xf32>, %y: tensor<2xf32>",
        "%c = stablehlo.constant dense<false> : tensor<i1>\n"
        "%r = stablehlo.select %c, %x, %y : tensor<i1>, tensor<2xf32>",
        "tensor<2xf32>",
    ),
    "select-of-not": (
        "%p: tensor<2xi1>, %x: tensor<2xf32>, %y: tensor<2xf32>",
        "%q = stablehlo.not %p : tensor<2xi1>\n%r = stablehlo.select %q, %x, %y : tensor<2xi1>, tensor<2xf32>",
        "tensor<2xf32>",
    ),
    "select-of-bools": (
        "%p: tensor<2xi1>",
        "%t = stablehlo.constant dense<true> : tensor<2xi1>\n%f = stablehlo.constant dense<false> : tensor<2xi1>\n"
        "%r = stablehlo.select %p, %f, %t : tensor<2xi1>, tensor<2xi1>",
        "tensor<2xi1>",
    ),
    "identity-reshape": (
        "%x: tensor<2xf32>",
        "%r = stablehlo.reshape %x : (tensor<2xf32>) -> tensor<2xf32>",
        "tensor<2xf32>",
    ),
    "reshape-of-reshape": (
        "%x: tensor<2x3xf32>",
        "%y = stablehlo.reshape %x : (tensor<2x3xf32>) -> tensor<6xf32>\n"
        "%r = stablehlo.reshape %y : (tensor<6xf32>) -> tensor<3x2xf32>",
        "tensor<3x2xf32>",
    ),
    "identity-transpose": (
        "%x: tensor<2x3xf32>",
        "%r = stablehlo.transpose %x, dims = [0, 1] : (tensor<2x3xf32>) -> tensor<2x3xf32>",
        "tensor<2x3xf32>",
    ),
    "transpose-of-transpose": (
        "%x: tensor<2x3x4xf32>",
        "%y = stablehlo.transpose %x, dims = [1, 2, 0] : (tensor<2x3x4xf32>) -> tensor<3x4x2xf32>\n"
        "%r = stablehlo.transpose %y, dims = [1, 0, 2] : (tensor<3x4x2xf32>) -> tensor<4x3x2xf32>",
        "tensor<4x3x2xf32>",
    ),
    "transpose-of-broadcast": (
        "%x: tensor<3xf32>",
        "%y = stablehlo.broadcast_in_dim %x, dims = [1] : (tensor<3xf32>) -> tensor<2x3xf32>\n"
        "%r = stablehlo.transpose %y, dims = [1, 0] : (tensor<2x3xf32>) -> tensor<3x2xf32>",
        "tensor<3x2xf32>",
    ),
    "identity-broadcast": (
        "%x: tensor<2x3xf32>",
        "%r = stablehlo.broadcast_in_dim %x, dims = [0, 1] : (tensor<2x3xf32>) -> tensor<2x3xf32>",
        "tensor<2x3xf32>",
    ),
    "broadcast-that-reshapes": (
        "%x: tensor<2x3xf32>",
        "%r = stablehlo.broadcast_in_dim %x, dims = [0, 2] : (tensor<2x3xf32>) -> tensor<2x1x3xf32>",
        "tensor<2x1x3xf32>",
    ),
    "broadcast-that-transposes": (
        "%x: tensor<2x3xf32>",
        "%r = stablehlo.broadcast_in_dim %x, dims = [2, 0] : (tensor<2x3xf32>) -> tensor<3x4x2xf32>",
        "tensor<3x4x2xf32>",
    ),
    "broadcast-of-broadcast": (
        "%x: tensor<3xf32>",
        "%y = stablehlo.broadcast_in_dim %x, dims = [1] : (tensor<3xf32>) -> tensor<2x3xf32>\n"
        "%r = stablehlo.broadcast_in_dim %y, dims = [1, 2] : (tensor<2x3xf32>) -> tensor<4x2x3xf32>",
        "tensor<4x2x3xf32>",
    ),
    "broadcast-of-unit-reshape": (
        "%x: tensor<3xf32>",
        "%y = stablehlo.reshape %x : (tensor<3xf32>) -> tensor<1x3x1xf32>\n"
        "%r = stablehlo.broadcast_in_dim %y, dims = [0, 1, 2] : (tensor<1x3x1xf32>) -> tensor<2x3x4xf32>",
        "tensor<2x3x4xf32>",
    ),
    "reverse-of-unit-dimensions": (
        "%x: tensor<1x3xf32>",
        "%r = stablehlo.reverse %x, dims = [0] : tensor<1x3xf32>",
        "tensor<1x3xf32>",
    ),
    "reverse-of-reverse": (
        "%x: tensor<2x3x4xf32>",
        "%y = stablehlo.reverse %x, dims = [0, 1] : tensor<2x3x4xf32>\n"
        "%r = stablehlo.reverse %y, dims = [1, 2] : tensor<2x3x4xf32>",
        "tensor<2x3x4xf32>",
    ),
    "identity-bitcast": (
        "%x: tensor<3xf32>",
        "%r = stablehlo.bitcast_convert %x : (tensor<3xf32>) -> tensor<3xf32>",
        "tensor<3xf32>",
    ),
    "identity-slice": (
        "%x: tensor<3xf32>",
        "%r = stablehlo.slice %x [0:3:1] : (tensor<3xf32>) -> tensor<3xf32>",
        "tensor<3xf32>",
    ),
    "slice-of-slice": (
        "%x: tensor<20xf32>",
        "%y = stablehlo.slice %x [2:20:3] : (tensor<20xf32>) -> tensor<6xf32>\n"
        "%r = stablehlo.slice %y [1:6:2] : (tensor<6xf32>) -> tensor<3xf32>",
        "tensor<3xf32>",
    ),
    "slice-of-concatenate": (
        "%x: tensor<3xf32>, %y: tensor<4xf32>",
        "%c = stablehlo.concatenate %x, %y, dim = 0 : (tensor<3xf32>, tensor<4xf32>) -> tensor<7xf32>\n"
        "%r = stablehlo.slice %c [4:7:2] : (tensor<7xf32>) -> tensor<2xf32>",
        "tensor<2xf32>",
    ),
    "single-concatenate": (
        "%x: tensor<3xf32>",
        "%r = stablehlo.concatenate %x, dim = 0 : (tensor<3xf32>) -> tensor<3xf32>",
        "tensor<3xf32>",
    ),
    "concatenate-without-empty": (
        "%x: tensor<3xf32>, %y: tensor<0xf32>",
        "%r = stablehlo.concatenate %x, %y, %x, dim = 0 : "
        "(tensor<3xf32>, tensor<0xf32>, tensor<3xf32>) -> tensor<6xf32>",
        "tensor<6xf32>",
    ),
    "concatenate-of-slices": (
        "%x: tensor<2x6xf32>",
        "%a = stablehlo.slice %x [0:2:1, 1:3:1] : (tensor<2x6xf32>) -> tensor<2x2xf32>\n"
        "%b = stablehlo.slice %x [0:2:1, 3:6:1] : (tensor<2x6xf32>) -> tensor<2x3xf32>\n"
        "%r = stablehlo.concatenate %a, %b, dim = 1 : (tensor<2x2xf32>, tensor<2x3xf32>) -> tensor<2x5xf32>",
        "tensor<2x5xf32>",
    ),
    "concatenate-of-concatenate": (
        "%x: tensor<3xf32>, %y: tensor<4xf32>",
        "%c = stablehlo.concatenate %x, %y, dim = 0 : (tensor<3xf32>, tensor<4xf32>) -> tensor<7xf32>\n"
        "%r = stablehlo.concatenate %y, %c, dim = 0 : (tensor<4xf32>, tensor<7xf32>) -> tensor<11xf32>",
        "tensor<11xf32>",
    ),
    "identity-pad": (
        "%x: tensor<3xf32>, %v: tensor<f32>",
        "%r = stablehlo.pad %x, %v, low = [0], high = [0], interior = [0] : "
        "(tensor<3xf32>, tensor<f32>) -> tensor<3xf32>",
        "tensor<3xf32>",
    ),
    "pad-of-pad": (
        "%x: tensor<3xf32>, %v: tensor<f32>",
        "%y = stablehlo.pad %x, %v, low = [1], high = [0], interior = [0] : "
        "(tensor<3xf32>, tensor<f32>) -> tensor<4xf32>\n"
        "%r = stablehlo.pad %y, %v, low = [2], high = [3], interior = [0] : "
        "(tensor<4xf32>, tensor<f32>) -> tensor<9xf32>",
        "tensor<9xf32>",
    ),
    "static-dynamic-slice": (
        "%x: tensor<5xf32>",
        "%i = stablehlo.constant dense<9> : tensor<i32>\n"
        "%r = stablehlo.dynamic_slice %x, %i, sizes = [2] : (tensor<5xf32>, tensor<i32>) -> tensor<2xf32>",
        "tensor<2xf32>",
    ),
    "full-update": (
        "%x: tensor<5xf32>, %y: tensor<5xf32>, %i: tensor<i32>",
        "%r = stablehlo.dynamic_update_slice %x, %y, %i : "
        "(tensor<5xf32>, tensor<5xf32>, tensor<i32>) -> tensor<5xf32>",
        "tensor<5xf32>",
    ),
    "known-gather": (
        "%x: tensor<5x4xf32>",
        "%i = stablehlo.constant dense<[7]> : tensor<1xi32>\n"
        '%r = "stablehlo.gather"(%x, %i) {dimension_numbers = #stablehlo.gather<offset_dims = [0], '
        "collapsed_slice_dims = [0], start_index_map = [0], index_vector_dim = 0>, "
        "slice_sizes = array<i64: 1, 4>} : (tensor<5x4xf32>, tensor<1xi32>) -> tensor<4xf32>",
        "tensor<4xf32>",
    ),
    "consecutive-take": (
        "%x: tensor<4x5xf32>",
        "%i = stablehlo.constant dense<[[0], [2], [4]]> : tensor<3x1xi32>\n"
        '%r = "stablehlo.gather"(%x, %i) {dimension_numbers = #stablehlo.gather<offset_dims = [0], '
        "collapsed_slice_dims = [1], start_index_map = [1], index_vector_dim = 1>, "
        "slice_sizes = array<i64: 4, 1>} : (tensor<4x5xf32>, tensor<3x1xi32>) -> tensor<4x3xf32>",
        "tensor<4x3xf32>",
    ),
    "known-branch": (
        "%x: tensor<2xf32>",
        "%i = stablehlo.constant dense<-1> : tensor<i32>\n"
        '%r = "stablehlo.case"(%i) ({ stablehlo.return %x : tensor<2xf32> }, '
        "{ %y = stablehlo.negate %x : tensor<2xf32>\n stablehlo.return %y : tensor<2xf32> }) "
        ": (tensor<i32>) -> tensor<2xf32>",
        "tensor<2xf32>",
    ),
    "single-branch": (
        "%x: tensor<2xf32>, %i: tensor<i32>",
        '%r = "stablehlo.case"(%i) ({ %y = stablehlo.negate %x : tensor<2xf32>\n '
        "stablehlo.return %y : tensor<2xf32> }) : (tensor<i32>) -> tensor<2xf32>",
        "tensor<2xf32>",
    ),
    "while-never-entered": (
        "%x: tensor<2xf32>",
        "%r = stablehlo.while(%a = %x) : tensor<2xf32>\n"
        "cond { %f = stablehlo.constant dense<false> : tensor<i1>\n stablehlo.return %f : tensor<i1> }\n"
        "do { %y = stablehlo.negate %a : tensor<2xf32>\n stablehlo.return %y : tensor<2xf32> }",
        "tensor<2xf32>",
    ),
    "tuple-element": (
        "%x: tensor<2xf32>, %y: tensor<3xf32>",
        "%t = stablehlo.tuple %x, %y : tuple<tensor<2xf32>, tensor<3xf32>>\n"
        "%r = stablehlo.get_tuple_element %t[1] : (tuple<tensor<2xf32>, tensor<3xf32>>) -> tensor<3xf32>",
        "tensor<3xf32>",
    ),
}

UNSOUND = {
    "adding +0 turns -0 into +0": (
        "%x: tensor<2xf32>",
        "%c = stablehlo.constant dense<0.0> : tensor<2xf32>\n%r = stablehlo.add %x, %c : tensor<2xf32>",
        "tensor<2xf32>",
    ),
    "infinity times 0 is NaN": (
        "%x: tensor<2xf32>",
        "%c = stablehlo.constant dense<0.0> : tensor<2xf32>\n%r = stablehlo.multiply %x, %c : tensor<2xf32>",
        "tensor<2xf32>",
    ),
    "NaN differs from itself": (
        "%x: tensor<2xf32>",
        "%r = stablehlo.compare EQ, %x, %x : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xi1>",
        "tensor<2xi1>",
    ),
    "infinity minus itself is NaN": (
        "%x: tensor<2xf32>",
        "%r = stablehlo.subtract %x, %x : tensor<2xf32>",
        "tensor<2xf32>",
    ),
    "float32 does not hold every int32": (
        "%x: tensor<2xi32>",
        "%y = stablehlo.convert %x : (tensor<2xi32>) -> tensor<2xf32>\n"
        "%r = stablehlo.convert %y : (tensor<2xf32>) -> tensor<2xi32>",
        "tensor<2xi32>",
    ),
    "float64 does not hold every int64": (
        "%x: tensor<2xi64>",
        "%y = stablehlo.convert %x : (tensor<2xi64>) -> tensor<2xf64>\n"
        "%r = stablehlo.convert %y : (tensor<2xf64>) -> tensor<2xi64>",
        "tensor<2xi64>",
    ),
    "not less is not greater-or-equal when NaN": (
        "%x: tensor<2xf32>, %y: tensor<2xf32>",
        "%c = stablehlo.compare LT, %x, %y : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xi1>\n"
        "%r = stablehlo.not %c : tensor<2xi1>",
        "tensor<2xi1>",
    ),
    "integer division by zero is the machine's": (
        "",
        "%c = stablehlo.constant dense<0> : tensor<2xi32>\n%r = stablehlo.divide %c, %c : tensor<2xi32>",
        "tensor<2xi32>",
    ),
    "a reshape between dynamic shapes is no identity": (
        "%x: tensor<?x?xf32>, %s: tensor<2xi32>",
        "%r = stablehlo.dynamic_reshape %x, %s : (tensor<?x?xf32>, tensor<2xi32>) -> tensor<?x?xf32>",
        "tensor<?x?xf32>",
    ),
}


def module_of(example: tuple[str, str, str]) -> ir.Module:
    arguments, body, result = example
    return parse_module(f"func.func @main({arguments}) -> {result} {{\n{body}\nreturn %r : {result}\n}}")


def hits(module: ir.Module) -> dict[str, int]:
    log = PassLog()
    Canonicalize().run(module, log)
    assert module.operation.verify()
    return {name: rule.hits for name, rule in log.rules.items() if rule.hits}


def arguments_of(module: ir.Module) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    block = module.body.operations[0].regions[0].blocks[0]
    arrays = []
    for argument in block.arguments:
        dtype = dtypes.to_numpy(tensor(argument).element_type)
        values = rng.integers(-9, 9, tuple(tensor(argument).shape))
        arrays.append((values > 0) if dtype == np.bool_ else values.astype(dtype))
    return arrays


def test_every_rule_has_an_example() -> None:
    shown = {rule_of(chunk) for chunk in CHUNKS.values()}
    assert set(EXAMPLES) | shown == {rule.name for rule in patterns(4096)}


@pytest.mark.parametrize("name", EXAMPLES)
def test_rule_fires_and_keeps_the_values(name: str) -> None:
    module = module_of(EXAMPLES[name])
    arguments = arguments_of(module)
    (before,) = evaluate(module, arguments)
    assert name in hits(module)
    (after,) = evaluate(module, arguments)
    np.testing.assert_array_equal(before, after)


def test_product_over_nothing_is_zero() -> None:
    """The interpreter ends the process on such a product."""
    product = "%r = stablehlo.dot_general %x, %y, contracting_dims = [1] x [0] : "
    types = "(tensor<2x0xf32>, tensor<0x4xf32>) -> tensor<2x4xf32>"
    module = module_of(("%x: tensor<2x0xf32>, %y: tensor<0x4xf32>", product + types, "tensor<2x4xf32>"))
    assert hits(module) == {"dot-with-zero": 1}
    (result,) = evaluate(module, arguments_of(module))
    np.testing.assert_array_equal(result, np.zeros((2, 4), np.float32))


@pytest.mark.parametrize("reason", UNSOUND)
def test_unsound_rewrite_is_not_made(reason: str) -> None:
    assert not hits(module_of(UNSOUND[reason]))
