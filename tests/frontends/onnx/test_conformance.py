"""ONNX's own node tests, operator by operator: every case passes but those no tensor compiler can do."""

from __future__ import annotations

import pytest
from conformance.cases import Case, node_cases
from conformance.runner import run_case

# How many cases end in a diagnostic: strings and image files are no tensors, and Bernoulli's data is informational.
REFUSED = {
    "bernoulli": 6,
    "equal": 2,
    "imagedecoder": 9,
    "labelencoder": 4,
    "regexfullmatch": 3,
    "stringconcat": 5,
    "stringnormalizer": 6,
    "stringsplit": 6,
}


def by_operator() -> dict[str, list[Case]]:
    """The node cases by the operator they are about; multi-node ones by the first word of their name."""
    groups: dict[str, list[Case]] = {}
    for case in node_cases():
        nodes = case.model.graph.node
        key = nodes[0].op_type if len(nodes) == 1 else case.name.split("_")[1]
        groups.setdefault(key.lower(), []).append(case)
    return groups


GROUPS = by_operator()


@pytest.mark.parametrize("operator", sorted(GROUPS))
def test_operator(operator: str) -> None:
    verdicts = [run_case(case) for case in GROUPS[operator]]
    wrong = [f"{v.case}: {v.status}: {v.detail}" for v in verdicts if v.status not in ("pass", "unsupported")]
    refused = [f"{v.case}: {v.detail}" for v in verdicts if v.status == "unsupported"]
    assert wrong == []
    assert len(refused) == REFUSED.get(operator, 0), refused
