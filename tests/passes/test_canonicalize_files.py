"""The functions of lit_tests/canonicalize/rules: the rule each is named after fires and keeps every bit."""

import contextlib
import re
from collections.abc import Iterator

import ml_dtypes
import numpy as np
import pytest
from jaxlib.mlir import ir
from reference_interpreter import evaluate
from rule_files import CHUNKS, module_of, rule_of

from oxide.dialects import dtypes
from oxide.dialects.attributes import tensor
from oxide.dialects.diagnostics import OxideError
from oxide.passes.base import PassLog
from oxide.passes.canonicalize import Canonicalize
from oxide.passes.canonicalize.fast_math import FLAGS

EXACT = [name for name in CHUNKS if not name.startswith("fast_math")]
RELAXED = [name for name in CHUNKS if name.startswith("fast_math")]
FLOATS = [0.0, -0.0, 1.0, -1.0, 2.5, -3.5, np.inf, -np.inf, np.nan, 1e-3, 250.0]


def arguments_of(module: ir.Module, seed: int, special: bool = True) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    arrays = []
    for argument in module.body.operations[0].regions[0].blocks[0].arguments:
        dtype = dtypes.to_numpy(tensor(argument).element_type)
        shape = tuple(tensor(argument).shape)
        if dtype == np.bool_:
            values = rng.random(shape) < 0.5
        elif dtypes.is_integer(dtype):
            limits = ml_dtypes.iinfo(dtype)
            values = rng.choice(np.array([0, 1, 2, 7, limits.min, limits.max], dtype), shape)
        else:
            values = rng.choice(FLOATS, shape) if special else rng.uniform(1, 4, shape)
        arrays.append(np.asarray(values).astype(dtype))
    return arrays


def hits(module: ir.Module, flags: tuple[str, ...] = ()) -> dict[str, int]:
    log = PassLog()
    Canonicalize(fast_math=flags).run(module, log)
    assert module.operation.verify()
    return {name: rule.hits for name, rule in log.rules.items() if rule.hits}


def assert_same_bits(old: np.ndarray, new: np.ndarray) -> None:
    """The same bits but for those of NaN."""
    assert (old.shape, old.dtype) == (new.shape, new.dtype)
    unlike = [each != each for each in (old, new)]
    np.testing.assert_array_equal(*unlike)
    assert old[~unlike[0]].tobytes() == new[~unlike[0]].tobytes()


@pytest.mark.parametrize("name", EXACT)
def test_rule_fires_and_keeps_every_bit(name: str) -> None:
    before, after = module_of(CHUNKS[name]), module_of(CHUNKS[name])
    assert rule_of(CHUNKS[name]) in hits(after)
    for seed in range(8):
        arguments = arguments_of(before, seed)
        for old, new in zip(evaluate(before, arguments), evaluate(after, arguments), strict=True):
            assert_same_bits(old, new)
    assert not hits(after)


def opened(chunk: str) -> Iterator[ir.Module]:
    """The function with one of its sizes open in turn, where that makes a valid module."""
    for size in sorted(set(re.findall(r"(?<=[<x])\d+(?=x)", chunk))):
        lines = [
            line if "stablehlo.constant" in line else re.sub(rf"(?<=[<x]){size}(?=x)", "?", line)
            for line in chunk.splitlines()
        ]
        with contextlib.suppress(OxideError):
            yield module_of("\n".join(lines))


def test_open_sizes_stay_valid() -> None:
    """The interpreter ends the process on open sizes, so that the rules leave valid programs must do."""
    modules = [module for name in EXACT for module in opened(CHUNKS[name])]
    rewritten = [module for module in modules if hits(module)]
    assert len(rewritten) > 15
    assert not any(hits(module) for module in modules)


@pytest.mark.parametrize("name", RELAXED)
def test_relaxed_rule_needs_its_flags(name: str) -> None:
    chunk = CHUNKS[name]
    log = PassLog()
    Canonicalize().run(module_of(chunk), log)
    assert not log.rules[rule_of(chunk)].hits
    assert any("it needs fast-math=" in remark.message for remark in log.remarks)
    before, after = module_of(chunk), module_of(chunk)
    assert rule_of(chunk) in hits(after, FLAGS)
    arguments = arguments_of(before, 0, special=False)
    for old, new in zip(evaluate(before, arguments), evaluate(after, arguments), strict=True):
        np.testing.assert_allclose(old, new, rtol=1e-6)
