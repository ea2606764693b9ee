"""Sums and products in another order, of integers: they wrap, so that every order gives the same bits."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxlib.mlir import ir
from jaxlib.mlir.dialects import func
from reference_interpreter import evaluate

from oxide.dialects import hlo
from oxide.dialects.context import make_context, parse_module
from oxide.passes.base import PassLog
from oxide.passes.simplify import Simplify


def chain(rng: np.random.Generator) -> tuple[ir.Module, list[np.ndarray]]:
    """dot(dot(x, y), z) or dot(z, dot(x, y)) over any dimensions of x and y, in any order."""
    sizes: dict[str, int] = {}

    def names(letter: str, least: int) -> list[str]:
        found = [f"{letter}{number}" for number in range(rng.integers(least, 3))]
        sizes.update((name, int(rng.integers(1, 6))) for name in found)
        return found

    summed, again, of_x, of_y, of_z = names("s", 1), names("t", 1), names("x", 0), names("y", 0), names("z", 0)
    left, near_left = rng.random() < 0.5, rng.random() < 0.5
    x = rng.permutation([*summed, *of_x, *(again if near_left else [])]).tolist()
    y = rng.permutation([*summed, *of_y, *([] if near_left else again)]).tolist()
    z = rng.permutation([*again, *of_z]).tolist()
    arguments = [
        rng.integers(-(1 << 31), 1 << 31, [sizes[name] for name in dims]).astype(np.int32) for dims in (x, y, z)
    ]
    with make_context(), ir.Location.unknown():
        module = ir.Module.create()
        types = [hlo.make_type(array.shape, np.dtype(np.int32)) for array in arguments]
        with ir.InsertionPoint(module.body):
            main = func.FuncOp("main", (types, types[:1]))
        with ir.InsertionPoint(main.add_entry_block()):
            first, second, third = main.arguments
            inner = hlo.dot_general(
                first, second, contract=([x.index(s) for s in summed], [y.index(s) for s in summed])
            )
            rest = [name for name in (*x, *y) if name not in summed]
            pair = [(inner, [rest.index(t) for t in again]), (third, [z.index(t) for t in again])]
            (a, over_a), (b, over_b) = pair if left else pair[::-1]
            result = hlo.dot_general(a, b, contract=(over_a, over_b))
            func.ReturnOp([result])
        main.attributes["function_type"] = ir.TypeAttr.get(ir.FunctionType.get(types, [result.type]))
        assert module.operation.verify()
    return module, arguments


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_chains_of_integers_keep_every_bit(seed: int) -> None:
    module, arguments = chain(np.random.default_rng(seed))
    text, (expected,) = str(module), evaluate(module, arguments)
    log = PassLog()
    Simplify().run(module, log)
    assert module.operation.verify()
    (found,) = evaluate(module, arguments)
    np.testing.assert_array_equal(expected, found)
    again = PassLog()
    Simplify().run(module, again)
    assert not any(rule.hits for rule in again.rules.values())
    assert log.rules["product-chain"].hits or str(module) == text


def test_many_chains_turn_round() -> None:
    hits = 0
    for seed in range(60):
        log = PassLog()
        Simplify().run(chain(np.random.default_rng(seed))[0], log)
        hits += log.rules["product-chain"].hits
    assert hits > 10


def test_biases_of_pieces_keep_every_bit() -> None:
    text = """func.func @main(%x: tensor<2x3xf32>, %w: tensor<3x6xf32> {oxide.param = "w"},
        %b: tensor<4xf32> {oxide.param = "b"}, %c: tensor<2xf32> {oxide.param = "c"})
        -> (tensor<2x4xf32>, tensor<2x2xf32>) {
      %0 = stablehlo.dot_general %x, %w, contracting_dims = [1] x [0]
        : (tensor<2x3xf32>, tensor<3x6xf32>) -> tensor<2x6xf32>
      %1 = stablehlo.slice %0 [0:2, 2:6] : (tensor<2x6xf32>) -> tensor<2x4xf32>
      %2 = stablehlo.slice %0 [0:2, 0:2] : (tensor<2x6xf32>) -> tensor<2x2xf32>
      %3 = stablehlo.broadcast_in_dim %b, dims = [1] : (tensor<4xf32>) -> tensor<2x4xf32>
      %4 = stablehlo.add %1, %3 : tensor<2x4xf32>
      %5 = stablehlo.broadcast_in_dim %c, dims = [1] : (tensor<2xf32>) -> tensor<2x2xf32>
      %6 = stablehlo.add %5, %2 : tensor<2x2xf32>
      return %4, %6 : tensor<2x4xf32>, tensor<2x2xf32>
    }"""
    before, after, log = parse_module(text), parse_module(text), PassLog()
    Simplify().run(after, log)
    assert log.rules["merge-biases"].hits == 1
    assert str(after).count("stablehlo.add") == 1
    rng = np.random.default_rng(0)
    arguments = [rng.standard_normal(shape).astype(np.float32) for shape in ((2, 3), (3, 6), (4,), (2,))]
    for old, new in zip(evaluate(before, arguments), evaluate(after, arguments), strict=True):
        np.testing.assert_array_equal(old, new)


def test_terms_and_factors_of_integers_need_no_option() -> None:
    text = """func.func @main(%x: tensor<4x3xi8>, %b: tensor<3xi8> {oxide.param = "b"},
        %c: tensor<3xi8> {oxide.param = "c"}) -> (tensor<4x3xi8>, tensor<4x3xi8>) {
      %0 = stablehlo.broadcast_in_dim %b, dims = [1] : (tensor<3xi8>) -> tensor<4x3xi8>
      %1 = stablehlo.broadcast_in_dim %c, dims = [1] : (tensor<3xi8>) -> tensor<4x3xi8>
      %2 = stablehlo.add %x, %0 : tensor<4x3xi8>
      %3 = stablehlo.add %1, %2 : tensor<4x3xi8>
      %4 = stablehlo.add %3, %0 : tensor<4x3xi8>
      %5 = stablehlo.multiply %0, %x : tensor<4x3xi8>
      %6 = stablehlo.multiply %5, %1 : tensor<4x3xi8>
      return %4, %6 : tensor<4x3xi8>, tensor<4x3xi8>
    }"""
    before, after, log = parse_module(text), parse_module(text), PassLog()
    Simplify().run(after, log)
    assert log.rules["merge-terms"].hits == 3
    rng = np.random.default_rng(0)
    arguments = [rng.integers(-128, 128, shape).astype(np.int8) for shape in ((4, 3), (3,), (3,))]
    for old, new in zip(evaluate(before, arguments), evaluate(after, arguments), strict=True):
        np.testing.assert_array_equal(old, new)
