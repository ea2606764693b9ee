"""Passes on modules with open sizes: what they make of them runs at any sizes and computes the same."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from dynamic_programs import PROGRAMS

from oxide.dialects.diagnostics import OxideError
from oxide.passes.manager import run_pipeline

PIPELINES = ["default,fuse", "lower"]


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("pipeline", PIPELINES)
def test_values_stay_for_all_sizes(name: str, pipeline: str) -> None:
    program = PROGRAMS[name]
    model = program.model().run_passes(pipeline)
    executable = model.compile(pipeline="", cache=False)
    for sizes in program.sizes:
        arguments = program.arguments(sizes)
        got = jax.tree.leaves(executable(*arguments))
        for actual, wanted in zip(got, program.expected(arguments), strict=True):
            assert np.asarray(actual).dtype == wanted.dtype
            np.testing.assert_allclose(np.asarray(actual), wanted, rtol=2e-5, atol=2e-5)


def test_buffers_of_open_sizes_are_refused() -> None:
    with pytest.raises(OxideError, match="buffers cannot be assigned"):
        run_pipeline(PROGRAMS["attention"].model().module, "assign-buffers")
