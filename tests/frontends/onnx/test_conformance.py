"""ONNX's official backend tests, case by case: each passes, but those no tensor compiler can do are refused."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from conformance.official import REFUSED, Case, official_cases, refusal, unjudged
from conformance.table import expected_verdicts, markdown

from oxide import OxideError

TABLE = Path(__file__).parents[3] / "docs" / "onnx_ops.md"


@pytest.fixture(scope="module", autouse=True)
def data_of_light_models(tmp_path_factory) -> Iterator[None]:
    """The official runner writes what it computes of them into its user's home, or here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ONNX_HOME", str(tmp_path_factory.mktemp("onnx_home")))
        yield


@pytest.mark.parametrize("case", official_cases(), ids=lambda case: f"{case.kind}-{case.name}")
def test_official_case(case: Case) -> None:
    if unjudged(case.name):
        pytest.skip(unjudged(case.name))
    if refusal(case.name):
        with pytest.raises(OxideError):
            case.run()
    else:
        case.run()


def test_every_refusal_is_about_some_case() -> None:
    names = [case.name for case in official_cases()]
    assert [pattern for pattern, _ in REFUSED if not any(re.fullmatch(pattern, name) for name in names)] == []


def test_the_table_of_operators_is_up_to_date() -> None:
    """It says of every case what `test_official_case` demands, and of every operator what the registry holds."""
    wanted = markdown(expected_verdicts())
    command = "python tests/conformance/report.py --table docs/onnx_ops.md"
    assert TABLE.read_text(encoding="utf-8") == wanted, f"run `{command}` (--no-run writes what the tests demand)"
