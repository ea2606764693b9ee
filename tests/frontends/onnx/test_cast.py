"""Cast and BitCast over all pairs of types, against ml_dtypes and the tables of the specification."""

from __future__ import annotations

import itertools
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from onnx import TensorProto
from onnx_builders import import_and_run, model, node, value

from oxide.dialects.diagnostics import OxideError
from oxide.frontends.onnx.initializers import DATA_TYPES

FLOATS = [np.float32, np.float16, np.float64, ml_dtypes.bfloat16]
FP8 = [ml_dtypes.float8_e4m3fn, ml_dtypes.float8_e4m3fnuz, ml_dtypes.float8_e5m2, ml_dtypes.float8_e5m2fnuz]
INTEGERS = [np.int8, np.uint8, np.int32, np.int64, ml_dtypes.int4, ml_dtypes.uint4]
NARROW = [np.bool_, ml_dtypes.float4_e2m1fn, *INTEGERS, *FLOATS, *FP8]
SMALL = np.array([0, 1, 2, 3, 0.5, 1.5, 6], np.float32)
EDGES = np.array([0, 1, -1.3, 240, 448, 449, 460, 480, 6e4, 1e5, -1e5, np.inf, -np.inf, np.nan], np.float32)


def cast(array: np.ndarray, to: type, **attributes: Any) -> np.ndarray:
    target = DATA_TYPES[np.dtype(to)]
    source = value("x", array.shape, DATA_TYPES[array.dtype])
    proto = model(
        [node("Cast", ["x"], ["y"], to=target, **attributes)],
        [source],
        [value("y", array.shape, target)],
        opset=24,
    )
    (result,) = import_and_run(proto, array)
    return np.asarray(result)


@pytest.mark.parametrize("source", NARROW, ids=lambda t: np.dtype(t).name)
def test_representable_values_keep_their_value(source: type) -> None:
    """Small numbers that both types hold; all targets in one model, since each compilation costs."""
    start = SMALL.astype(source)
    targets = [t for t in NARROW if t is not source]
    types = [DATA_TYPES[np.dtype(t)] for t in targets]
    proto = model(
        [node("Cast", ["x"], [f"y{i}"], to=to) for i, to in enumerate(types)],
        [value("x", start.shape, DATA_TYPES[start.dtype])],
        [value(f"y{i}", start.shape, to) for i, to in enumerate(types)],
        opset=24,
    )
    for target, result in zip(targets, import_and_run(proto, start), strict=True):
        expected = start.astype(np.float32).astype(target)
        assert np.asarray(result).dtype == np.dtype(target)
        np.testing.assert_array_equal(np.asarray(result).astype(np.float32), expected.astype(np.float32))


@pytest.mark.parametrize(("source", "target"), list(itertools.product(FLOATS, FP8)), ids=lambda t: np.dtype(t).name)
def test_float8_saturates_or_overflows(source: type, target: type) -> None:
    with np.errstate(over="ignore"):
        start = EDGES.astype(source)
    limits = ml_dtypes.finfo(target)
    clipped = np.clip(start.astype(np.float64), float(limits.min), float(limits.max)).astype(target)
    np.testing.assert_array_equal(cast(start, target).astype(np.float32), clipped.astype(np.float32))
    overflowing = start.astype(target)
    plain = cast(start, target, saturate=0)
    np.testing.assert_array_equal(plain.astype(np.float32), overflowing.astype(np.float32))


@pytest.mark.parametrize(
    ("mode", "saturate", "expected"),
    [
        ("up", 1, [2.0**-127, 1, 2, 4, 4, 2.0**127, 2.0**127]),
        ("down", 1, [2.0**-127, 1, 1, 2, 2, 2.0**127, 2.0**127]),
        ("nearest", 1, [2.0**-127, 1, 1, 4, 2, 2.0**127, 2.0**127]),
        ("nearest", 0, [np.nan, 1, 1, 4, 2, np.nan, np.nan]),
    ],
)
def test_float8_e8m0_rounding(mode: str, saturate: int, expected: list[float]) -> None:
    start = np.array([0, 1, 1.1, 3, 2.9, 3.3e38, np.inf], np.float32)
    result = cast(start, ml_dtypes.float8_e8m0fnu, round_mode=mode, saturate=saturate)
    np.testing.assert_array_equal(result.astype(np.float64), expected)


def test_integers_drop_high_bits_and_floats_truncate() -> None:
    np.testing.assert_array_equal(cast(np.array([200, -129, 256], np.int16), np.int8), [-56, 127, 0])
    np.testing.assert_array_equal(cast(np.array([2.9, -2.9], np.float32), np.int32), [2, -2])
    np.testing.assert_array_equal(cast(np.array([-0.0, 0.1, np.nan], np.float32), np.bool_), [False, True, True])


def test_cast_1_names_its_type() -> None:
    proto = model([node("Cast", ["x"], ["y"], to="INT32")], ["x"], [value("y", (2, 3), 6)], opset=1, ir_version=3)
    (result,) = import_and_run(proto, np.full((2, 3), 1.7, np.float32))
    np.testing.assert_array_equal(result, np.ones((2, 3), np.int32))


def test_strings_and_unknown_round_modes_are_refused() -> None:
    with pytest.raises(OxideError, match="STRING"):
        import_and_run(model([node("Cast", ["x"], ["y"], to=TensorProto.STRING)]), SMALL)
    with pytest.raises(OxideError, match="round_mode"):
        cast(SMALL, ml_dtypes.float8_e8m0fnu, round_mode="sideways")


@pytest.mark.parametrize(
    ("source", "target"), [(np.float16, np.int16), (np.bool_, np.uint8), (np.uint64, np.float64)]
)
def test_bit_cast(source: type, target: type) -> None:
    start = np.array([0, 1, 1], source)
    proto = model(
        [node("BitCast", ["x"], ["y"], to=DATA_TYPES[np.dtype(target)])],
        [value("x", (3,), DATA_TYPES[start.dtype])],
        [value("y", (3,), DATA_TYPES[np.dtype(target)])],
        opset=26,
    )
    np.testing.assert_array_equal(import_and_run(proto, start)[0], start.view(target))


def test_bit_cast_needs_one_width() -> None:
    proto = model([node("BitCast", ["x"], ["y"], to=DATA_TYPES[np.dtype(np.int64)])], opset=26)
    with pytest.raises(OxideError, match="32 bits as int64 of 64"):
        import_and_run(proto, SMALL)
