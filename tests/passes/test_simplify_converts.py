"""Conversions that change places, or go, change no bit."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest
from jaxlib.mlir import ir
from reference_interpreter import evaluate

from oxide.dialects.context import parse_module
from oxide.passes.base import PassLog
from oxide.passes.simplify import Simplify

DTYPES = {
    "i1": np.bool_,
    "i8": np.int8,
    "ui8": np.uint8,
    "i32": np.int32,
    "f16": np.float16,
    "bf16": ml_dtypes.bfloat16,
    "f32": np.float32,
}
# A, B: A is converted to B around what places elements.
WIDENED = [("i1", "i32"), ("i1", "f32"), ("i8", "i32"), ("ui8", "f32"), ("f16", "f32"), ("bf16", "f32")]
NARROWED = [("f32", "bf16"), ("f32", "i1"), ("i32", "i8"), ("i32", "f16"), ("f32", "f16")]
FIRST = """func.func @main(%x: tensor<6x8x{a}>) -> tensor<4x6x{b}> {{
  %0 = stablehlo.convert %x : (tensor<6x8x{a}>) -> tensor<6x8x{b}>
  %1 = stablehlo.reshape %0 : (tensor<6x8x{b}>) -> tensor<6x2x4x{b}>
  %2 = stablehlo.transpose %1, dims = [1, 2, 0] : (tensor<6x2x4x{b}>) -> tensor<2x4x6x{b}>
  %3 = stablehlo.reverse %2, dims = [1] : tensor<2x4x6x{b}>
  %4 = stablehlo.slice %3 [1:2, 0:4, 0:6] : (tensor<2x4x6x{b}>) -> tensor<1x4x6x{b}>
  %5 = stablehlo.reshape %4 : (tensor<1x4x6x{b}>) -> tensor<4x6x{b}>
  return %5 : tensor<4x6x{b}>
}}"""
LAST = """func.func @main(%x: tensor<6x8x{a}>) -> tensor<2x6x4x{b}> {{
  %0 = stablehlo.reshape %x : (tensor<6x8x{a}>) -> tensor<6x2x4x{a}>
  %1 = stablehlo.reverse %0, dims = [0, 2] : tensor<6x2x4x{a}>
  %2 = stablehlo.transpose %1, dims = [1, 0, 2] : (tensor<6x2x4x{a}>) -> tensor<2x6x4x{a}>
  %3 = stablehlo.convert %2 : (tensor<2x6x4x{a}>) -> tensor<2x6x4x{b}>
  return %3 : tensor<2x6x4x{b}>
}}"""
COMPARED = """func.func @main(%x: tensor<48x{a}>, %y: tensor<48x{a}>) -> (tensor<48xi1>, tensor<48xi1>) {{
  %c = stablehlo.constant dense<{one}> : tensor<48x{b}>
  %0 = stablehlo.convert %x : (tensor<48x{a}>) -> tensor<48x{b}>
  %1 = stablehlo.convert %y : (tensor<48x{a}>) -> tensor<48x{b}>
  %2 = stablehlo.compare {direction}, %0, %1 : (tensor<48x{b}>, tensor<48x{b}>) -> tensor<48xi1>
  %3 = stablehlo.compare {direction}, %0, %c : (tensor<48x{b}>, tensor<48x{b}>) -> tensor<48xi1>
  return %2, %3 : tensor<48xi1>, tensor<48xi1>
}}"""


def elements(element: str, seed: int) -> np.ndarray:
    """48 elements, special floats and the integers' limits among them; all are in the range of 8-bit integers."""
    rng = np.random.default_rng(seed)
    dtype = np.dtype(DTYPES[element])
    if dtype == np.bool_:
        return rng.random(48) < 0.5
    if dtype.kind in "iu":
        limits = np.iinfo(np.uint8 if element == "ui8" else np.int8)
        return rng.choice(np.array([limits.min, 0, 1, 2, limits.max]), 48).astype(dtype)
    return rng.choice(np.array([0.0, -0.0, 1, 1.0009765625, -2.5, 1e-3, np.inf, -np.inf, np.nan]), 48).astype(dtype)


def simplified(text: str) -> tuple[ir.Module, ir.Module, dict[str, int]]:
    before, after = parse_module(text), parse_module(text)
    log = PassLog()
    Simplify().run(after, log)
    assert after.operation.verify()
    again = PassLog()
    Simplify().run(after, again)
    assert not any(rule.hits for rule in again.rules.values())
    return before, after, {name: rule.hits for name, rule in log.rules.items() if rule.hits}


def assert_same(before: ir.Module, after: ir.Module, arguments: list[np.ndarray]) -> None:
    for old, new in zip(evaluate(before, arguments), evaluate(after, arguments), strict=True):
        assert (old.dtype, old.shape) == (new.dtype, new.shape)
        missing = old != old
        np.testing.assert_array_equal(missing, new != new)
        assert old[~missing].tobytes() == new[~missing].tobytes()


@pytest.mark.parametrize(
    ("a", "b", "text", "rule"),
    [
        *((a, b, FIRST, "convert-later") for a, b in WIDENED),
        *((a, b, LAST, "convert-earlier") for a, b in NARROWED),
    ],
)
def test_converts_among_what_places_elements(a: str, b: str, text: str, rule: str) -> None:
    before, after, hits = simplified(text.format(a=a, b=b))
    assert rule in hits
    # None is moved as the wider type.
    wide = b if rule == "convert-later" else a
    assert not [line for line in str(after).splitlines() if "reverse" in line and f"x{wide}>" in line]
    assert str(after).count("stablehlo.convert") == 1
    assert_same(before, after, [elements(a, 0).reshape(6, 8)])


@pytest.mark.parametrize("direction", ["EQ", "NE", "LT", "LE", "GT", "GE"])
@pytest.mark.parametrize(("a", "b"), WIDENED)
def test_comparisons_of_widened_elements(a: str, b: str, direction: str) -> None:
    one = "1" if b == "i32" else "1.0"
    before, after, hits = simplified(COMPARED.format(a=a, b=b, one=one, direction=direction))
    assert hits == {"compare-narrow": 2}
    assert_same(before, after, [elements(a, 1), elements(a, 2)])
