"""Canonicalisation keeps every bit of every result, has nothing left to do the second time, and does not care in
which order operations stand."""

from collections import Counter

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxlib.mlir import ir
from models.zoo import ZOO
from random_programs import DTYPES, random_program
from reference_interpreter import evaluate

import oxide
from oxide.dialects.context import parse_module
from oxide.passes.base import PassLog
from oxide.passes.canonicalize import Canonicalize
from oxide.passes.manager import run_pipeline

BOOL = np.dtype(np.bool_)
TYPES = {
    "f32 and i32": DTYPES,
    "f16 and i8": [np.dtype(np.float16), np.dtype(np.int8), BOOL],
    "bf16 and ui8": [np.dtype(ml_dtypes.bfloat16), np.dtype(np.uint8), BOOL],
    "f64 and i64": [np.dtype(np.float64), np.dtype(np.int64), BOOL],
    "f32 and ui32": [np.dtype(np.float32), np.dtype(np.uint32), BOOL],
}


def changes(module: ir.Module) -> dict[str, int]:
    """What a run of the pass does, by rule."""
    log = PassLog()
    Canonicalize().run(module, log)
    counts = {name: rule.hits for name, rule in log.rules.items()} | log.counts
    return {name: count for name, count in counts.items() if count}


def assert_same_bits(old: np.ndarray, new: np.ndarray) -> None:
    """The same bits but for those of NaN."""
    nans = [each != each for each in (old, new)]
    np.testing.assert_array_equal(*nans)
    assert old[~nans[0]].tobytes() == new[~nans[0]].tobytes()


@pytest.mark.parametrize("types", TYPES)
@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_results_are_bitwise_the_same_and_a_second_run_changes_nothing(types: str, seed: int) -> None:
    module, arguments = random_program(seed, dtypes=TYPES[types], wide=True)
    before = evaluate(module, arguments)
    Canonicalize().run(module, PassLog())
    module.operation.verify()
    for old, new in zip(before, evaluate(module, arguments), strict=True):
        assert_same_bits(old, new)
    once = str(module)
    assert not changes(module)
    assert str(module) == once


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_the_order_of_operations_does_not_matter(seed: int) -> None:
    (module, _), (shuffled, _) = random_program(seed, wide=True), random_program(seed, wide=True)
    shuffle(shuffled, seed)
    Canonicalize().run(module, PassLog())
    Canonicalize().run(shuffled, PassLog())
    assert names(module) == names(shuffled)


def shuffle(module: ir.Module, seed: int) -> None:
    """Put the operations of @main in a random order that still defines every value before its uses."""
    rng = np.random.default_rng(seed)
    *operations, end = (view.operation for view in module.body.operations[0].regions[0].blocks[0].operations)
    made = {result: number for number, op in enumerate(operations) for result in op.results}
    needs: list[set[int]] = []
    for number, op in enumerate(operations):
        read: set[int] = set()

        def visit(inner: ir.Operation, read: set[int] = read) -> ir.WalkResult:
            read.update(made[value] for value in inner.operands if value in made)
            return ir.WalkResult.ADVANCE

        op.walk(visit)
        needs.append(read - {number})
    waiting = set(range(len(operations)))
    while waiting:
        number = int(rng.choice([number for number in sorted(waiting) if not needs[number] & waiting]))
        waiting.remove(number)
        operations[number].move_before(end)
    assert module.operation.verify()


def names(module: ir.Module) -> Counter[str]:
    found: Counter[str] = Counter()

    def visit(op: ir.Operation) -> ir.WalkResult:
        found[op.name] += 1
        return ir.WalkResult.ADVANCE

    module.operation.walk(visit)
    return found


@pytest.mark.parametrize("name", ZOO)
def test_a_second_run_over_a_model_changes_nothing(name: str) -> None:
    module = run_pipeline(oxide.load(ZOO[name].path()).module, "decompose-composites,inline,canonicalize")
    assert not changes(module)


CHAINS = {
    # One step from %{old} to %{new} of a chain, and how many operations a chain of any length ends as.
    "reshape": (
        "%{new}r = stablehlo.reshape %{old} : (tensor<4xf32>) -> tensor<2x2xf32>\n"
        "%{new} = stablehlo.reshape %{new}r : (tensor<2x2xf32>) -> tensor<4xf32>",
        "tensor<4xf32>",
        0,
    ),
    "add constant": (
        "%{new}c = stablehlo.constant dense<[1, 2, 3, 4]> : tensor<4xi32>\n"
        "%{new} = stablehlo.add %{new}c, %{old} : tensor<4xi32>",
        "tensor<4xi32>",
        2,
    ),
    "split and join": (
        "%{new}a = stablehlo.slice %{old} [0:2] : (tensor<4xf32>) -> tensor<2xf32>\n"
        "%{new}b = stablehlo.slice %{old} [2:4] : (tensor<4xf32>) -> tensor<2xf32>\n"
        "%{new} = stablehlo.concatenate %{new}a, %{new}b, dim = 0 : "
        "(tensor<2xf32>, tensor<2xf32>) -> tensor<4xf32>",
        "tensor<4xf32>",
        0,
    ),
    "select of not": (
        "%{new}n = stablehlo.not %{old} : tensor<4xi1>\n"
        "%{new}t = stablehlo.constant dense<true> : tensor<4xi1>\n"
        "%{new}f = stablehlo.constant dense<false> : tensor<4xi1>\n"
        "%{new} = stablehlo.select %{new}n, %{new}f, %{new}t : tensor<4xi1>, tensor<4xi1>",
        "tensor<4xi1>",
        0,
    ),
}


@pytest.mark.parametrize("name", CHAINS)
def test_a_long_chain_collapses_in_one_run(name: str) -> None:
    step, kind, left = CHAINS[name]
    steps = "\n".join(step.format(old=f"v{i}", new=f"v{i + 1}") for i in range(400))
    module = parse_module(f"func.func @main(%v0: {kind}) -> {kind} {{\n{steps}\nreturn %v400 : {kind}\n}}")
    Canonicalize().run(module, PassLog())
    assert len(list(module.body.operations[0].regions[0].blocks[0].operations)) == left + 1
