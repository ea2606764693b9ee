"""Convolutions taken apart give what they gave whole: on small integers every order of summation is exact."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from jaxlib.mlir import ir
from reference_interpreter import evaluate

from oxide.dialects import hlo
from oxide.dialects.context import make_context
from oxide.model import Model
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
        module.body.operations[0].operation.attributes["sym_visibility"] = ir.StringAttr.get("public")
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


@pytest.mark.parametrize(
    ("kernel", "groups", "rule"),
    [
        ((3, 3, 1, 8), 8, "convolution-by-taps"),
        ((11, 11, 1, 2), 2, "convolution-by-taps"),
        ((13, 13, 1, 2), 2, "convolution-by-groups"),
        ((3, 3, 8, 24), 2, "convolution-by-taps"),
        ((3, 3, 8, 26), 2, "convolution-by-groups"),
        ((3, 3, 3, 32), 1, "convolution-by-taps"),
        ((3, 3, 3, 33), 1, None),
        ((3, 3, 5, 8), 1, None),
        ((2, 3, 3, 4, 8), 1, "convolution-by-planes"),
        ((13, 13, 1, 65), 65, None),
    ],
)
def test_what_suits(kernel: tuple[int, ...], groups: int, rule: str | None) -> None:
    """Few channels are summed up by the window's elements, more by groups, and many groups stay."""
    letters = "DHW"[5 - len(kernel) :]
    module = network(
        (1, *(size + 1 for size in kernel[:-2]), groups * kernel[-2]),
        kernel,
        np.float32,
        strides=[1] * len(letters),
        padding=[(0, 0)] * len(letters),
        groups=groups,
        layout=(f"N{letters}C", f"{letters}IO", f"N{letters}C"),
    )
    assert check(module, np.random.default_rng(0)) == ({rule: 1} if rule else {})


def test_half_precision_is_summed_in_float32() -> None:
    module = network((1, 2, 121), (2, 1, 121), ml_dtypes.bfloat16, strides=[1], padding=[(60, 60)], groups=2)
    assert simplified(module)["convolution-by-taps"] == 1
    x, kernel = np.full((1, 2, 121), 3, ml_dtypes.bfloat16), np.ones((2, 1, 121), ml_dtypes.bfloat16)
    (found,) = evaluate(module, [x, kernel])
    assert (found[0, :, 60] == ml_dtypes.bfloat16(363)).all()


def test_xla_keeps_a_function_for_all() -> None:
    """Equal convolutions share a function, which XLA does not inline; what it computes is the convolution."""
    attributes: dict[str, Any] = {"strides": [1, 1], "padding": [(1, 1), (1, 1)], "groups": 8}
    module = network((2, 8, 7, 7), (8, 1, 3, 3), np.float32, copies=2, **attributes)
    rng = np.random.default_rng(0)
    x, kernel = rng.standard_normal((2, 8, 7, 7), np.float32), rng.standard_normal((8, 1, 3, 3), np.float32)
    inputs = {"arg0": x, "arg1": kernel}
    (expected,) = Model(module, {}).compile().run(inputs).values()
    assert simplified(module) == {"convolution-by-taps": 2}
    assert len(module.body.operations) == 2
    executable = Model(module, {}).compile()
    (found,) = executable.run(inputs).values()
    # 18 products and sums round, each by half a unit of a sum that is below 40.
    np.testing.assert_allclose(found, expected, rtol=0, atol=18 * 40 * 2.0**-24)
    assert executable.hlo().count(" call(") == 2
