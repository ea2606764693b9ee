"""In which order independent operations stand in the file does not matter: as many are left of each."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxlib.mlir import ir
from models.twelve import TWELVE
from models.zoo import ZOO
from random_programs import random_program

import oxide
from oxide.passes import functions
from oxide.passes.manager import run_pipeline
from oxide.passes.weight_values import values_read

MODELS = {**ZOO, **TWELVE}


def block(module: ir.Module) -> ir.Block:
    main = functions.entry_function(module)
    assert main is not None
    return functions.body(main)


def shuffle(module: ir.Module, seed: int) -> None:
    """Put the operations of @main into another order, in which each still comes after what it reads."""
    *operations, last = (view.operation for view in block(module).operations)
    position: dict[ir.Value, int] = {result: n for n, op in enumerate(operations) for result in op.results}
    waits = [{position[value] for value in values_read(op) if value in position} for op in operations]
    users: dict[int, list[int]] = {}
    for number, reads in enumerate(waits):
        for read in reads:
            users.setdefault(read, []).append(number)
    ready, rng = [number for number, reads in enumerate(waits) if not reads], np.random.default_rng(seed)
    while ready:
        number = ready.pop(rng.integers(len(ready)))
        operations[number].move_before(last)
        for user in users.get(number, []):
            waits[user].discard(number)
            ready += [user] * (not waits[user])
    assert module.operation.verify()


def counts(module: ir.Module, pipeline: str) -> Counter[str]:
    """How many operations of each kind a pipeline leaves in @main; constants are merged where they stand."""
    left = Counter(view.operation.name for view in block(run_pipeline(module, pipeline)).operations)
    del left["stablehlo.constant"]
    return left


@pytest.mark.parametrize("pipeline", ["canonicalize", "simplify", "optimize"])
@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_random_programs(pipeline: str, seed: int, order: int) -> None:
    module, _ = random_program(seed, wide=True)
    before = counts(module, pipeline)
    shuffle(module, order)
    assert counts(module, pipeline) == before


@pytest.mark.parametrize("name", ["light_shufflenet", "lstm", "t5_small_encoder", "unet_block"])
def test_models(name: str) -> None:
    module = oxide.load(MODELS[name].path()).module
    before = counts(module, "optimize")
    for order in range(2):
        shuffle(module, order)
        assert counts(module, "optimize") == before
