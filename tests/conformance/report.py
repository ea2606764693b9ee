"""Run ONNX's node tests through Oxide and count pass, wrong, unsupported and crash by operator.

    python tests/conformance/report.py                    everything, in one process
    python tests/conformance/report.py 'conv|pool'        cases whose name matches
    python tests/conformance/report.py --op Gemm MatMul   cases that contain one of the operators
    python tests/conformance/report.py --show wrong       with the reason of each wrong case

Exit code 1 when any case is wrong or crashes.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections import Counter, defaultdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from conformance.cases import Case, node_cases
from conformance.runner import Verdict, run_case

STATUSES = ("pass", "wrong", "crash", "unsupported")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pattern", nargs="?", default="", help="regular expression over case names")
    parser.add_argument("--op", nargs="+", default=[], help="only cases that contain one of these operators")
    parser.add_argument("--no-expanded", action="store_true", help="leave out the expanded function bodies")
    parser.add_argument("--show", choices=STATUSES, action="append", default=[], help="list cases and reasons")
    parser.add_argument("--all-ops", action="store_true", help="list operators without a failure as well")
    options = parser.parse_args()

    chosen = [case for case in node_cases() if _is_chosen(case, options)]
    start = time.monotonic()
    verdicts: list[tuple[Case, Verdict]] = []
    for number, case in enumerate(chosen, 1):
        verdicts.append((case, run_case(case)))
        if sys.stderr.isatty() and number % 20 == 0:
            print(f"\r{number}/{len(chosen)}", end="", file=sys.stderr, flush=True)
    _print_by_operator(verdicts, options.all_ops)
    for case, verdict in verdicts:
        if verdict.status in options.show:
            print(f"\n{verdict.status} {case.name}\n  " + verdict.detail[:1500].replace("\n", "\n  "))
    totals = Counter(verdict.status for _, verdict in verdicts)
    counts = ", ".join(f"{totals[status]} {status}" for status in STATUSES)
    print(f"\n{len(verdicts)} cases in {time.monotonic() - start:.0f} s: {counts}")
    return 1 if totals["wrong"] or totals["crash"] else 0


def _is_chosen(case: Case, options: argparse.Namespace) -> bool:
    if options.no_expanded and "_expanded" in case.name:
        return False
    if options.op and not case.operators & set(options.op):
        return False
    return re.search(options.pattern, case.name) is not None


def _print_by_operator(verdicts: list[tuple[Case, Verdict]], everything: bool) -> None:
    """One line an operator, for cases of a single node; `(several)` for the others."""
    table: dict[str, Counter[str]] = defaultdict(Counter)
    for case, verdict in verdicts:
        nodes = case.model.graph.node
        name = nodes[0].op_type if len(nodes) == 1 else "(several)"
        table[name][verdict.status] += 1
    print(f"{'operator':32}" + "".join(f"{status:>13}" for status in STATUSES))
    for name, counts in sorted(table.items()):
        if everything or counts["pass"] != counts.total():
            print(f"{name:32}" + "".join(f"{counts[status] or '':>13}" for status in STATUSES))


if __name__ == "__main__":
    sys.exit(main())
