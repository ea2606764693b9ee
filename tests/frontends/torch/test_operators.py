"""Every operator of PyTorch's database ends as docs/torch_ops.md says."""

from __future__ import annotations

from pathlib import Path

import pytest
from conformance.opinfo import NotApplicable, case_names, run_case
from conformance.torch_report import table_verdicts

TABLE = Path(__file__).parents[3] / "docs" / "torch_ops.md"
STATED = table_verdicts(TABLE.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", sorted(STATED))
def test_operator(name: str) -> None:
    outcome = run_case(name)
    assert outcome.verdict == STATED[name], outcome.detail


@pytest.mark.parametrize("name", sorted(set(case_names()) - set(STATED)))
def test_what_is_not_in_the_table_is_not_applicable(name: str) -> None:
    with pytest.raises(NotApplicable):
        run_case(name)
