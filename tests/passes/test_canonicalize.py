"""Canonicalisation keeps every bit of every result, and has nothing left to do the second time."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from random_programs import random_program
from reference_interpreter import evaluate

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
