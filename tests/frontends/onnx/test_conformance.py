"""ONNX's own node tests, operator by operator: every case whose operators are lowered must pass."""

from __future__ import annotations

import re

import pytest
from conformance.cases import Case, node_cases
from conformance.runner import run_case

# The reasons for which a case may end in a diagnostic instead of numbers.
REFUSALS = re.compile(
    r"no lowering|Oxide lowers|element type STRING|string tensors|the boundary of a model must be tensors"
    r"|no result would be right"
)


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
    failures = [
        f"{v.case}: {v.status}: {v.detail}"
        for v in verdicts
        if v.status != "pass" and not (v.status == "unsupported" and REFUSALS.search(v.detail))
    ]
    assert failures == []
    if all(v.status == "unsupported" for v in verdicts):
        pytest.skip(f"not lowered yet: {verdicts[0].detail}")


def test_most_cases_pass() -> None:
    """Guards against everything being skipped."""
    sampled = [case for cases in GROUPS.values() for case in cases[:1]]
    passed = sum(run_case(case).status == "pass" for case in sampled)
    assert passed > len(sampled) // 2
