"""`--verify-diagnostics` has MLIR's semantics: every directive and every diagnostic must find its partner."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oxide.dialects.diagnostics import Diagnostic
from oxide.tools.split_input import split_input
from oxide.tools.verify_diagnostics import verify_diagnostics


def _error(line: int, message: str = "bad shape 2x3", severity: str = "error") -> Diagnostic:
    return Diagnostic(severity, message, f"f.mlir:{line}:7")


def _problems(text: str, *produced: Diagnostic, only_expected: bool = False) -> list[str]:
    return [d.message for d in verify_diagnostics(text, "f.mlir", produced, only_expected)]


@pytest.mark.parametrize(
    "text",
    [
        "\n\nop // expected-error {{bad shape}}",
        "\n\nop // expected-error@+0 {{bad shape 2x3}}",
        "\n// expected-error@+1 {{shape}}\nop",
        "\n\nop\n// expected-error@-1 {{shape}}",
        "\n\nop\n// expected-error@above {{shape}}",
        "\n// expected-error@below {{shape}}\nop",
        "// expected-error@3 {{shape}}\n\nop",
        "\n\nop // expected-error-re {{bad {{s...e}} {{[0-9]+}}x3}}",
        "\n\nop // expected-error-re {{{{^bad}} shape}}",
        "\n\nop // expected-error  1  {{shape}}",
    ],
)
def test_a_directive_finds_its_diagnostic(text: str) -> None:
    assert _problems(text, _error(3)) == []


@pytest.mark.parametrize(
    "text",
    [
        "\n\nop // expected-error {{good shape}}",
        "\n\nop // expected-error@+1 {{shape}}",
        "\n\nop // expected-error {{bad {{s...e}}}}",  # a regular expression needs -re
        "\n\nop // expected-error-re {{{{^shape}}}}",
        "\n\nop // expected-error@unknown {{shape}}",
    ],
)
def test_a_mismatch_is_reported_from_both_sides(text: str) -> None:
    problems = _problems(text, _error(3))
    assert len(problems) == 2
    assert problems[0] == "unexpected error: bad shape 2x3"
    assert problems[1].endswith("was not produced")


def test_a_missing_diagnostic_is_reported_where_it_was_expected() -> None:
    (problem,) = verify_diagnostics("op\n  // expected-warning@-1 {{old}}", "f.mlir", [])
    assert (problem.location, problem.message) == ("f.mlir:2:6", 'expected warning "old" was not produced')


def test_severities_are_told_apart() -> None:
    problems = _problems("op // expected-warning {{bad}}", _error(1))
    assert problems[0] == "'error' emitted where a 'warning' was expected: bad shape 2x3"
    assert len(problems) == 2


def test_counts() -> None:
    text = "op // expected-error 2 {{bad}}"
    assert _problems(text, _error(1), _error(1)) == []
    assert _problems(text, _error(1)) == ['expected error "bad" was not produced']
    assert _problems(text, _error(1), _error(1), _error(1)) == ["unexpected error: bad shape 2x3"]


def test_two_directives_on_one_line_and_braces_in_the_message() -> None:
    text = "op // expected-error {{a {x}}} expected-note {{b}}"
    assert _problems(text, _error(1, "a {x}"), _error(1, "b", "note")) == []


def test_notes_are_diagnostics_of_their_own() -> None:
    note = _error(2, "see here", "note")
    diagnostic = Diagnostic("error", "bad", "f.mlir:1:1", (note,))
    text = "op // expected-error {{bad}}\n"
    assert _problems(text, diagnostic) == ["unexpected note: see here"]
    assert _problems(text + "// expected-note {{see here}}", diagnostic) == []


def test_locations_in_other_files_and_unknown_ones() -> None:
    elsewhere = Diagnostic("error", "bad", "g.mlir:1:1")
    nowhere = Diagnostic("error", "bad", 'loc("conv1")')
    assert _problems("op // expected-error {{bad}}", elsewhere)[0] == "unexpected error: bad"
    assert _problems("op // expected-error@unknown {{bad}}", nowhere) == []
    assert _problems("op // expected-error {{bad}}", Diagnostic("error", "bad", 'loc("conv1"("f.mlir":1:2))')) == []


def test_only_expected_lets_others_pass() -> None:
    assert _problems("op", _error(1), only_expected=True) == []
    assert _problems("op // expected-note {{x}}", _error(1), only_expected=True) == [
        'expected note "x" was not produced'
    ]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("// expected-error {{never closed", "not closed"),
        ("// expected-error-re {{ {{(}} }}", "unterminated subpattern"),
        ("// expected-error 0 {{x}}", "count of 0"),
        ("// expected-error@above {{x}}", "no line above"),
    ],
)
def test_a_directive_that_makes_no_sense_is_an_error(text: str, complaint: str) -> None:
    problems = _problems(text)
    assert len(problems) == 1
    assert complaint in problems[0]


@given(
    st.lists(
        st.sampled_from(["expected-error", "-re", "@+1", "@above", "@below", " 2 ", "{{", "}}", "(", "x", "\n"])
    )
)
def test_any_text_is_searched_for_directives(words: list[str]) -> None:
    verify_diagnostics("".join(words), "f.mlir", [_error(1, "x")])


def test_chunks_keep_the_line_numbers_of_the_file() -> None:
    text = "a\nb\n// -----\nc\n  // -----  \nd // ----- e\n"
    assert split_input(text) == ["a\nb", "\n\n\nc", "\n\n\n\n\nd // ----- e\n"]
    assert split_input("a\n//===\nb", "//===") == ["a", "\n\nb"]
    assert split_input("") == [""]
