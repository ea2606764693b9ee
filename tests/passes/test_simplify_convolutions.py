"""Convolutions taken apart give what they gave whole: on small integers every order of summation is exact."""

from __future__ import annotations

from collections.abc import Sequence

import ml_dtypes
import numpy as np
from hypothesis import event, given, settings
from hypothesis import strategies as st
from jaxlib.mlir import ir
from reference_interpreter import evaluate

from oxide.dialects import hlo
from oxide.dialects.context import make_context
from oxide.passes.base import PassLog
from oxide.passes.simplify import Simplify

FLOATS = [np.float32, np.float64, np.float16, ml_dtypes.bfloat16]
INTEGERS = [np.int32, np.uint8]


def network(x: Sequence[int], kernel: Sequence[int], dtype: type, copies: int = 1, **attributes) -> ir.Module:
    """A convolution of arguments; of its result again, if there are to be more."""
    with make_context(), ir.Location.unknown():
        module = ir.Module.create()

        def body(value: ir.Value, weight: ir.Value) -> list[ir.Value]:
            for _ in range(copies):
                value = hlo.convolution(value, weight, **attributes)
            return [value]

        hlo.function(module, "main", [hlo.make_type(shape, np.dtype(dtype)) for shape in (x, kernel)], body)
        assert module.operation.verify()
    return module


def simplified(module: ir.Module) -> dict[str, int]:
    """How often each rule rewrote something."""
    log = PassLog()
    Simplify(convolutions="auto").run(module, log)
    assert module.operation.verify()
    return {name: rule.hits for name, rule in log.rules.items() if rule.hits}


def arguments(module: ir.Module, rng: np.random.Generator, special: bool = False) -> list[np.ndarray]:
    """Integers small enough for eight bits, and with `special` some of what has no order."""
    made: list[np.ndarray] = []
    for argument in module.body.operations[0].regions[0].blocks[0].arguments:
        dtype = hlo.dtype(argument)
        array = rng.integers(0 if dtype.kind == "u" else -2, 3, hlo.shape(argument)).astype(dtype)
        if special and dtype.kind not in "iu":
            array = np.where(rng.random(array.shape) < 0.1, rng.choice([np.inf, -np.inf, np.nan]), array).astype(
                dtype
            )
        made.append(array)
    return made


def check(module: ir.Module, rng: np.random.Generator, special: bool = False) -> dict[str, int]:
    values = arguments(module, rng, special)
    (expected,) = evaluate(module, values)
    hits = simplified(module)
    (found,) = evaluate(module, values)
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found.astype(np.float64), expected.astype(np.float64))
    once = str(module)
    simplified(module)
    assert str(module) == once
    return hits


@st.composite
def convolutions(draw: st.DrawFn) -> ir.Module:
    letters = "abc"[: draw(st.integers(0, 3))]
    groups, batch_groups = draw(st.sampled_from([(1, 1), (2, 1), (3, 1), (3, 1), (1, 2)]))
    depth, multiples, batch = draw(st.integers(1, 3)), draw(st.integers(1, 2)), draw(st.integers(1, 2))
    x = {"N": batch * batch_groups, "C": groups * depth}
    kernel = {"O": groups * batch_groups * multiples, "I": depth}
    strides, padding, input_dilation, kernel_dilation = [], [], [], []
    for letter in letters:
        x[letter], kernel[letter] = draw(st.integers(1, 5)), draw(st.integers(1, 3))
        strides.append(draw(st.integers(1, 3)))
        input_dilation.append(draw(st.sampled_from([1, 1, 2])))
        kernel_dilation.append(draw(st.integers(1, 2)))
        low, high = draw(st.integers(-1, 2)), draw(st.integers(-1, 2))
        missing = kernel_dilation[-1] * (kernel[letter] - 1) - input_dilation[-1] * (x[letter] - 1) - low
        padding.append((low, max(high, missing)))
    # The interpreter wants the result's batch first and its features second or last.
    result = draw(st.sampled_from([f"NC{letters}", f"N{letters}C"]))
    places = draw(st.permutations(range(len(letters) + 2)))
    # Spatial dimensions are numbered as they come in the input.
    spatial = iter(letters)
    layout = (
        "".join({0: "N", 1: "C"}.get(place) or next(spatial) for place in places),
        "".join(draw(st.permutations("OI" + letters))),
        result,
    )
    return network(
        [x[letter] for letter in layout[0]],
        [kernel[letter] for letter in layout[1]],
        draw(st.sampled_from(FLOATS + INTEGERS)),
        strides=strides,
        padding=padding,
        input_dilation=input_dilation,
        kernel_dilation=kernel_dilation,
        groups=groups,
        batch_groups=batch_groups,
        layout=layout,
        reverse_kernel=draw(st.booleans()),
    )


@settings(max_examples=150, deadline=None)
@given(module=convolutions(), seed=st.integers(0, 2**32 - 1), special=st.booleans())
def test_random_convolutions(module: ir.Module, seed: int, special: bool) -> None:
    for rule in check(module, np.random.default_rng(seed), special) or {"none": 1}:
        event(rule)
