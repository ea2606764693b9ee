"""Canonicalisation keeps every bit of every result, and has nothing left to do the second time."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_programs import random_program
from reference_interpreter import evaluate

from oxide.dialects.context import parse_module
from oxide.passes.base import PassLog
from oxide.passes.canonicalize import Canonicalize


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_results_are_bitwise_the_same_and_a_second_run_changes_nothing(seed: int) -> None:
    module, arguments = random_program(seed)
    before = evaluate(module, arguments)
    Canonicalize().run(module, PassLog())
    module.operation.verify()
    for old, new in zip(before, evaluate(module, arguments), strict=True):
        np.testing.assert_array_equal(old, new)
        if old.dtype.kind == "f":
            numbers = old == old
            np.testing.assert_array_equal(np.signbit(old[numbers]), np.signbit(new[numbers]))
    once = str(module)
    log = PassLog()
    Canonicalize().run(module, log)
    assert str(module) == once
    assert not {name: rule.hits for name, rule in log.rules.items() if rule.hits}


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
