"""Run ONNX's official backend tests through Oxide and count pass, wrong, refused and crash by kind.

    python tests/conformance/report.py                      everything, in one process
    python tests/conformance/report.py 'conv|pool'          cases whose name matches
    python tests/conformance/report.py --show wrong         with the reason of each wrong case
    python tests/conformance/report.py --table docs/onnx_ops.md    run everything and write the table
    python tests/conformance/report.py --table docs/onnx_ops.md --no-run   write what the test suite demands

Exit code 1 when any case does not end as `conformance.official` says.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
import time
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from conformance.official import KINDS, Case, official_cases, refusal, unjudged
from conformance.table import PASS, expected_verdicts, markdown

from oxide import OxideError

STATUSES = (PASS, "refused", "wrong", "crash")


@dataclass(frozen=True)
class Outcome:
    """How a case ended: one of STATUSES, and the message if there was one."""

    case: Case
    status: str
    detail: str = ""

    @property
    def is_expected(self) -> bool:
        return bool(unjudged(self.case.name)) or self.status == ("refused" if refusal(self.case.name) else PASS)

    @property
    def verdict(self) -> str:
        reason = refusal(self.case.name) or unjudged(self.case.name)
        return reason if reason and self.is_expected else self.status


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pattern", nargs="?", default="", help="regular expression over case names")
    parser.add_argument("--show", choices=STATUSES, action="append", default=[], help="list cases and reasons")
    parser.add_argument("--table", type=Path, help="write the operator table here; needs all cases")
    parser.add_argument("--no-run", action="store_true", help="take every case to end as it must")
    options = parser.parse_args()
    if options.no_run and options.table:
        options.table.write_text(markdown(expected_verdicts()), encoding="utf-8")
        return 0
    if options.no_run or (options.table and options.pattern):
        parser.error("--no-run goes with --table, --table with all cases")

    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["ONNX_HOME"] = folder  # where the runner puts the data of light models
        outcomes = [run(case) for case in official_cases() if re.search(options.pattern, case.name)]
    _print_by_kind(outcomes)
    for outcome in outcomes:
        if outcome.status in options.show or not outcome.is_expected:
            print(f"\n{outcome.status} {outcome.case.name}\n  " + outcome.detail[:1500].replace("\n", "\n  "))
    print(f"\n{len(outcomes)} cases in {time.monotonic() - start:.0f} s")
    if options.table:
        verdicts = {(outcome.case.kind, outcome.case.name): outcome.verdict for outcome in outcomes}
        options.table.write_text(markdown(verdicts), encoding="utf-8")
    return 0 if all(outcome.is_expected for outcome in outcomes) else 1


def run(case: Case) -> Outcome:
    try:
        case.run()
    except OxideError as error:
        return Outcome(case, "refused", str(error))
    except AssertionError as error:
        return Outcome(case, "wrong", str(error))
    except Exception as error:
        return Outcome(case, "crash", f"{type(error).__name__}: {error}")
    return Outcome(case, PASS)


def _print_by_kind(outcomes: list[Outcome]) -> None:
    table: dict[str, Counter[str]] = defaultdict(Counter)
    for outcome in outcomes:
        table[outcome.case.kind][outcome.status] += 1
    print(f"{'':20}" + "".join(f"{status:>10}" for status in STATUSES))
    for kind, folder in KINDS.items():
        if kind in table:
            print(f"{folder:20}" + "".join(f"{table[kind][status] or '':>10}" for status in STATUSES))


if __name__ == "__main__":
    sys.exit(main())
