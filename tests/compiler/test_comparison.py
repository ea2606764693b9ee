"""What counts as equal, and what `oxide verify` reports about values that are not."""

import ml_dtypes
import numpy as np
import pytest

from oxide.comparison import compare, compare_all, cosine
from oxide.dialects.diagnostics import OxideError


def array(*values, dtype: type = np.float32) -> np.ndarray:
    return np.array(values, dtype)


def test_relative_error_is_measured_against_the_largest_reference():
    result = compare("y", array(1e-6, 10.0), array(0.0, 10.0))
    assert result.max_absolute == pytest.approx(1e-6)
    assert result.max_relative == pytest.approx(1e-7)
    assert result.passed


@pytest.mark.parametrize(
    ("dtype", "error", "passed"),
    [
        (np.float32, 0.9e-4, True),
        (np.float32, 1.2e-4, False),
        (np.float64, 1e-5, False),
        (np.float16, 0.5e-2, True),
        (ml_dtypes.bfloat16, 0.03, True),
    ],
)
def test_tolerance_follows_the_dtype(dtype, error, passed):
    reference = array(1.0, 0.5, dtype=dtype)
    ours = (reference.astype(np.float64) + np.array([0, error])).astype(dtype)
    assert compare("y", ours, reference).passed is passed


def test_integers_must_be_equal_however_large():
    assert compare("y", array(2**62, dtype=np.int64), array(2**62, dtype=np.int64)).passed
    result = compare("y", array(2**62 + 1, dtype=np.int64), array(2**62, dtype=np.int64))
    assert result.max_absolute == 1
    assert not result.passed


def test_booleans_are_compared_by_value():
    assert compare("y", array(True, False, dtype=bool), array(True, False, dtype=bool)).passed
    assert not compare("y", array(True, True, dtype=bool), array(True, False, dtype=bool)).passed


def test_nan_and_infinity_equal_themselves_only():
    reference = array(np.nan, np.inf, -np.inf, 2.0)
    assert compare("y", reference.copy(), reference).passed
    assert compare("y", array(0.0, np.inf, -np.inf, 2.0), reference).max_absolute == np.inf
    assert compare("y", array(np.nan, -np.inf, -np.inf, 2.0), reference).max_absolute == np.inf
    assert compare("y", array(1.0), array(np.nan)).max_relative == np.inf


def test_a_wrong_shape_or_dtype_is_said():
    assert "float32[2] where the reference has float32[1, 2]" in compare("y", array(1, 2), array([1, 2])).problem
    assert not compare("y", array(1.0), array(1.0, dtype=np.float64)).passed


def test_empty_outputs_are_equal():
    assert compare("y", np.zeros((0, 3), np.float32), np.zeros((0, 3), np.float32)).passed


def test_complex_values():
    reference = array(1 + 1j, 2, dtype=np.complex64)
    assert compare("y", reference.copy(), reference).passed
    assert compare("y", reference + np.complex64(1j), reference).max_absolute == pytest.approx(1)


def test_cosine():
    assert cosine(array(1, 0), array(0, 1)) == 0
    assert cosine(array(1, 2), array(-2, -4)) == pytest.approx(-1)
    assert cosine(array(0, 0), array(0, 0)) == 1


def test_outputs_are_matched_by_name():
    ours = {"a": array(1.0), "b": array(2.0)}
    assert [c.name for c in compare_all(ours, {"b": array(2.0), "a": array(1.0)})] == ["b", "a"]
    with pytest.raises(OxideError, match="the reference has"):
        compare_all(ours, {"a": array(1.0)})
