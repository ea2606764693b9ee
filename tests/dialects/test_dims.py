"""Symbolic sizes against plain integers: whatever an expression answers holds for every value of its symbols."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oxide import OxideError
from oxide.dialects import dims
from oxide.dialects.dims import Dim, SymbolicSizeError, symbol

NAMES = ("a", "b", "c")
a, b, c = map(symbol, NAMES)
values = st.fixed_dictionaries({name: st.integers(0, 12) for name in NAMES})
positive = st.fixed_dictionaries({name: st.integers(1, 12) for name in NAMES})

# Nested forms, evaluated both as sizes and as numbers.
leaves = st.one_of(st.sampled_from(NAMES), st.integers(-3, 9))
forms = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.tuples(st.sampled_from(["+", "-", "*", "max", "min"]), inner, inner),
        st.tuples(st.sampled_from(["//", "%"]), inner, st.integers(1, 6)),
        st.tuples(st.sampled_from(["//", "%"]), inner, st.sampled_from(NAMES)),
    ),
    max_leaves=6,
)
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "//": operator.floordiv,
    "%": operator.mod,
    "max": max,
    "min": min,
}


def number(form, sizes):
    if isinstance(form, str):
        return sizes[form]
    if isinstance(form, int):
        return form
    operation, left, right = form
    return FUNCTIONS[operation](number(left, sizes), number(right, sizes))


@given(forms, positive)
def test_arithmetic_is_that_of_integers(form, sizes):
    assert dims.rename(dims.build(form), sizes) == number(form, sizes)


@given(forms)
def test_text_is_read_back(form):
    size = dims.build(form)
    assert dims.parse_size(str(size)) == size


@given(forms, values)
def test_bounds_hold(form, sizes):
    try:
        exact = number(form, sizes)
    except ZeroDivisionError:
        return
    with dims.collected() as assumed:
        size = dims.build(form)
    if not all(constraint.holds(sizes) for constraint in assumed):
        return
    low, high = dims.lower(size, 0), dims.upper(size, 0)
    assert low is None or low <= exact
    assert high is None or exact <= high


@given(forms, forms, values)
def test_what_a_comparison_answers_holds_where_its_assumptions_do(left, right, sizes):
    try:
        exact = number(left, sizes) < number(right, sizes)
    except ZeroDivisionError:
        return
    with dims.collected() as assumed:
        try:
            answer = dims.build(left) < dims.build(right)
        except SymbolicSizeError:
            return
    if all(constraint.holds(sizes) for constraint in assumed):
        assert answer == exact


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (2 * a % 2, "0"),
        (a * b // b, "a"),
        ((a * b + b) // b, "a + 1"),
        ((2 * a + 1) // 2, "a"),
        (a // 2 // 3, "(a // 6)"),
        (12 * a * b // (4 * a), "3*b"),
        ((a + b) - b, "a"),
        ((a + b) * (a - b), "a*a - b*b"),
        (dims.maximum(a, a + 1, 0), "a + 1"),
        (dims.minimum(1, a), "1"),
        (dims.maximum(a, b), "max(a, b)"),
        (FUNCTIONS["*"](np.int64(3), a) + np.int64(1), "3*a + 1"),
        (symbol("two words") + 1, "'two words' + 1"),
    ],
)
def test_normal_form(size, text):
    assert str(size) == text


def test_equality_is_of_expressions():
    assert a + b == b + a
    assert hash(2 * a) == hash(a + a)
    assert a != b
    assert a != 3
    assert {a: 1}[symbol("a")] == 1


@pytest.mark.parametrize(
    "use",
    [
        int,
        range,
        bool,
        float,
        lambda size: size < b,
        lambda size: [0][size],
        lambda size: np.zeros(size),
        lambda size: np.array([size, 1], np.int64),
        lambda size: 1 / size,
        lambda size: 3.0 * size,
    ],
)
def test_no_number_is_made_of_a_symbol(use):
    """Neither silently nor by numpy: the error says what to give."""
    with pytest.raises((SymbolicSizeError, TypeError)) as raised:
        use(a % 5)
    if isinstance(raised.value, OxideError):
        assert "--dim a=N" in str(raised.value)


def test_assumptions_are_recorded():
    with dims.collected() as found:
        assert a + b > 0
        assert dims.minimum(a, 1) == 1
        assert a >= 0  # follows from being a size
    assert [str(constraint) for constraint in found] == ["a + b >= 1", "a >= 1"]


def test_requirements_are_decided_or_recorded():
    with dims.collected() as found:
        dims.require_equal(a, b, "")
        dims.require_equal(b, a, "")
        dims.require_equal(2 * a, a + a, "")
        dims.require_equal(dims.minimum(a, 64), a, "")
        dims.require_at_least(a, 3, "")
        with pytest.raises(OxideError, match="never"):
            dims.require_equal(a, a + 1, "never")
        with pytest.raises(OxideError, match="never"):
            dims.require_at_least(a, a + 1, "never")
    assert [str(constraint) for constraint in found] == ["a == b", "64 >= a", "a >= 3"]


@pytest.mark.parametrize("text", ["", "a +", "a / 2", "a ** 2", "f(a)", "a // 0", "1.5", "a < b", "(" * 500])
def test_other_text_is_no_size(text):
    with pytest.raises(OxideError, match="is no size"):
        dims.parse_size(text)


@given(st.lists(forms, min_size=1, max_size=4), positive)
def test_symbols_are_solved_for(shape, sizes):
    shape = [dims.build(form) for form in shape]
    known: dict[str, int] = {}
    for source in dims.find_sources([shape]):
        have = dims.rename(shape[source.axis], sizes)
        assert isinstance(have, int)
        known[source.symbol] = source.value(have, known)
    assert known.items() <= sizes.items()
    assert all(isinstance(size, int | Dim) for size in shape)
