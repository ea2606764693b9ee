"""The default pipeline's work grows no faster than the module: counted, as time on a shared machine varies."""

from __future__ import annotations

from benchmarks.pipeline_speed import long_module

from oxide.passes.manager import PassManager
from oxide.passes.pipeline import parse_pipeline


def tries(links: int) -> dict[str, int]:
    """How often the rules of each pass were tried."""
    manager = PassManager(parse_pipeline("default"))
    manager.run(long_module(links))
    counts: dict[str, int] = {}
    for step in manager.report.steps:
        counts[step.title] = counts.get(step.title, 0) + sum(rule.tries for rule in step.log.rules.values())
    return {title: count for title, count in counts.items() if count}


def test_twice_the_module_is_twice_the_work():
    single, double = tries(200), tries(400)
    assert set(single) == set(double)
    assert single
    for title, count in single.items():
        assert double[title] <= 2.05 * count, title
