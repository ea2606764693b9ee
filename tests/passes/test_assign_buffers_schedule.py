"""The order that assign-buffers gives the operations: how near it comes to the best one, and what it keeps."""

from functools import cache
from typing import Literal

import numpy as np
import pytest
from jaxlib.mlir import ir
from random_programs import random_program
from reference_interpreter import evaluate

from oxide.dialects.context import parse_module
from oxide.passes.assign_buffers import AssignBuffers
from oxide.passes.base import PassLog
from oxide.passes.functions import body

UNIT = 64


def random_graph(seed: int, operations: int) -> tuple[ir.Module, list[int], list[list[int]]]:
    """A program of calls, which are neither views nor in place; sizes of results in units; what each reads."""
    rng = np.random.default_rng(seed)
    sizes = [int(size) for size in rng.integers(1, 16, operations)]
    reads = [
        sorted({int(i) for i in rng.integers(max(0, new - 6), new, rng.integers(0, 3))}) if new else []
        for new in range(operations)
    ]
    returned = [index for index in range(operations) if not any(index in read for read in reads)]
    functions = [_function(new, sizes, read) for new, read in enumerate(reads)]
    calls = [_call(new, sizes, read) for new, read in enumerate(reads)]
    kinds = ", ".join(_kind(sizes[index]) for index in returned)
    values = ", ".join(f"%v{index}" for index in returned)
    body = "\n".join([*calls, f"return {values} : {kinds}"])
    text = "\n".join([*functions, f"func.func @main() -> ({kinds}) {{\n{body}\n}}"])
    return parse_module(text), sizes, reads


def _kind(size: int) -> str:
    return f"tensor<{size}x16xf32>"


def _function(new: int, sizes: list[int], read: list[int]) -> str:
    arguments = ", ".join(f"%a{index}: {_kind(sizes[index])}" for index in read)
    kind = _kind(sizes[new])
    return (
        f"func.func private @f{new}({arguments}) -> {kind} {{\n"
        f"%c = stablehlo.constant dense<0.0> : {kind}\nreturn %c : {kind}\n}}"
    )


def _call(new: int, sizes: list[int], read: list[int]) -> str:
    operands = ", ".join(f"%v{index}" for index in read)
    kinds = ", ".join(_kind(sizes[index]) for index in read)
    return f"%v{new} = func.call @f{new}({operands}) : ({kinds}) -> {_kind(sizes[new])}"


def least_peak(sizes: list[int], reads: list[list[int]]) -> int:
    """The lowest peak of any order, by search over the sets of operations that can have run."""
    count = len(sizes)
    users = [[user for user, read in enumerate(reads) if index in read] for index in range(count)]

    def held(done: int) -> int:
        return sum(
            sizes[index]
            for index in range(count)
            if done >> index & 1 and (not users[index] or any(not done >> user & 1 for user in users[index]))
        )

    @cache
    def peak(done: int) -> int:
        if done == (1 << count) - 1:
            return 0
        ready = [
            index
            for index in range(count)
            if not done >> index & 1 and all(done >> operand & 1 for operand in reads[index])
        ]
        before = held(done)
        return min(max(before + sizes[index], peak(done | 1 << index)) for index in ready)

    return peak(0)


def counts(module: ir.Module, schedule: Literal["best", "given"] = "best") -> dict[str, int]:
    log = PassLog()
    AssignBuffers(schedule=schedule, results="arena").run(module, log)
    assert module.operation.verify()
    return log.counts


def names(module: ir.Module) -> list[str]:
    main = ir.SymbolTable(module.operation)["main"].operation
    return [view.operation.name.removeprefix("stablehlo.") for view in body(main).operations]


def test_schedules_of_small_graphs_are_optimal() -> None:
    """Not proved, so a few may miss; the first version of the heuristics, without the search, missed 15 of 60."""
    better = 0
    for seed in range(60):
        module, sizes, reads = random_graph(seed, operations=11)
        given = counts(module, "given")["lower bound bytes"]
        found = counts(module)["lower bound bytes"]
        assert found == least_peak(sizes, reads) * UNIT, seed
        better += found < given
    assert better > 20


def test_larger_graphs_need_less_than_in_the_given_order() -> None:
    for seed in range(3):
        module, _, _ = random_graph(seed, operations=60)
        given = counts(module, "given")
        assert counts(module)["arena bytes"] < given["arena bytes"]


def test_large_values_are_made_one_after_the_other() -> None:
    module = parse_module("""func.func @main(%x: tensor<f32>) -> tensor<f32> {
      %a = stablehlo.broadcast_in_dim %x, dims = [] : (tensor<f32>) -> tensor<1000xf32>
      %y = stablehlo.negate %x : tensor<f32>
      %b = stablehlo.broadcast_in_dim %y, dims = [] : (tensor<f32>) -> tensor<1000xf32>
      %c = stablehlo.dot_general %a, %a, contracting_dims = [0] x [0]
        : (tensor<1000xf32>, tensor<1000xf32>) -> tensor<f32>
      %d = stablehlo.dot_general %b, %b, contracting_dims = [0] x [0]
        : (tensor<1000xf32>, tensor<1000xf32>) -> tensor<f32>
      %e = stablehlo.add %c, %d : tensor<f32>
      return %e : tensor<f32>
    }""")
    assert counts(module, "given")["lower bound bytes"] > 2 * 4000
    assert counts(module)["lower bound bytes"] < 2 * 4000
    order = [name for name in names(module) if name in ("broadcast_in_dim", "dot_general")]
    assert order == ["broadcast_in_dim", "dot_general"] * 2


def test_the_given_schedule_stays() -> None:
    module, _ = random_program(3, operations=30)
    before = names(module)
    counts(module, "given")
    assert names(module) == before


def test_operations_with_effects_keep_their_order() -> None:
    module = parse_module("""func.func @main(%x: tensor<f32>) -> tensor<f32> {
      %a = stablehlo.broadcast_in_dim %x, dims = [] : (tensor<f32>) -> tensor<1000xf32>
      %0 = stablehlo.custom_call @first(%a) {has_side_effect = true} : (tensor<1000xf32>) -> tensor<1000xf32>
      %1 = stablehlo.custom_call @second(%x) {has_side_effect = true} : (tensor<f32>) -> tensor<f32>
      %2 = stablehlo.custom_call @third(%0) {has_side_effect = true} : (tensor<1000xf32>) -> tensor<f32>
      %3 = stablehlo.custom_call @fourth(%x) {has_side_effect = true} : (tensor<f32>) -> tensor<f32>
      return %1 : tensor<f32>
    }""")
    counts(module)
    text = str(module)
    places = [text.index(f"@{name}") for name in ("first", "second", "third", "fourth")]
    assert places == sorted(places)


def test_the_order_inside_loops_is_chosen_too() -> None:
    module = parse_module("""func.func @main(%n: tensor<f32>) -> tensor<f32> {
      %0 = stablehlo.while(%x = %n) : tensor<f32>
        cond {
          %p = stablehlo.compare LT, %x, %n : (tensor<f32>, tensor<f32>) -> tensor<i1>
          stablehlo.return %p : tensor<i1>
        } do {
          %a = stablehlo.broadcast_in_dim %x, dims = [] : (tensor<f32>) -> tensor<1000xf32>
          %y = stablehlo.negate %x : tensor<f32>
          %b = stablehlo.broadcast_in_dim %y, dims = [] : (tensor<f32>) -> tensor<1000xf32>
          %c = stablehlo.dot_general %a, %a, contracting_dims = [0] x [0]
            : (tensor<1000xf32>, tensor<1000xf32>) -> tensor<f32>
          %d = stablehlo.dot_general %b, %b, contracting_dims = [0] x [0]
            : (tensor<1000xf32>, tensor<1000xf32>) -> tensor<f32>
          %e = stablehlo.add %c, %d : tensor<f32>
          stablehlo.return %e : tensor<f32>
        }
      return %0 : tensor<f32>
    }""")
    assert counts(module, "given")["lower bound bytes"] > 2 * 4000
    assert counts(module)["lower bound bytes"] < 2 * 4000


@pytest.mark.parametrize("seed", range(20))
def test_a_new_order_computes_the_same(seed: int) -> None:
    module, arguments = random_program(seed, operations=40)
    expected = evaluate(module, arguments)
    counts(module)
    for wanted, found in zip(expected, evaluate(module, arguments), strict=True):
        np.testing.assert_array_equal(found, wanted)
