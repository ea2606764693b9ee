"""Whether every pass, with every value of its options, keeps what modules compute; prints what was tried.

    python tests/conformance/pass_soundness.py [--seconds 600] [--seed 0]     random programs
    python tests/conformance/pass_soundness.py --first 4711 --count 1         that program again
    python tests/conformance/pass_soundness.py --open                         JAX programs of open sizes
    python tests/conformance/pass_soundness.py --models [NAME...]             the twelve models
    python tests/conformance/pass_soundness.py --models --no-options          each pass once, without options

A random program is run before and after each pass, and after some pairs of passes: by StableHLO's interpreter,
where all bits must be equal, or, for operations that the interpreter lacks, by XLA.  Models and programs of open
sizes are run by XLA and compared as `oxide verify` does.  A pass may refuse a module; an internal error is a find,
and so is a crash.  The modules of finds are kept under --finds.  Exit code 1 when there are finds.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from every_operation import OPERATIONS, program, runnable_by_xla
from pass_variants import EXACT, VARIANTS
from soundness import INTERPRETER, XLA, Find, Oracle, finds

import oxide
from oxide.bisection import results_check
from oxide.child import Child
from oxide.dialects.diagnostics import OxideError
from oxide.passes.manager import run_pipeline

BUILD = Path(__file__).parents[2] / "build"
# What passes with reports are given, whatever else.
_QUIET = f"{{output={os.devnull}}}"
# One program in this many is run by XLA, which takes a hundred times longer.
XLA_EVERY = 12
PAIRS = 8
BY_INTERPRETER = {name: list(row.elements) for name, row in OPERATIONS.items()}
BY_XLA = runnable_by_xla()
# What changes the rounding is run on random values, infinities among them, only to see that it works.
UNJUDGED = Oracle(lambda module, arguments: [], lambda found, expected: "")


@dataclass
class Tally:
    """What was tried, and what was found by it."""

    modules: int = 0
    runs: int = 0
    operations: Counter[str] = field(default_factory=Counter)
    elements: Counter[str] = field(default_factory=Counter)
    finds: list[Find] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        self.modules += other.modules
        self.runs += other.runs
        self.operations += other.operations
        self.elements += other.elements
        self.finds += other.finds

    def __str__(self) -> str:
        kinds = len({name.partition("/")[0] for name in self.operations})
        return (
            f"{self.modules} modules of {self.operations.total()} random operations ({kinds} kinds at "
            f"{len(self.elements)} element types), {self.runs} runs of {len(VARIANTS)} passes with options and "
            f"pairs of them: {len(self.finds)} finds"
        )


def examine(seed: int, number: int) -> Tally:
    """One random program."""
    rng = np.random.default_rng([seed, number])
    oracle, elements = (XLA, BY_XLA) if number % XLA_EVERY == 0 else (INTERPRETER, BY_INTERPRETER)
    names = [str(name) for name in rng.choice(list(elements), int(rng.integers(2, 24)))]
    cells = [(name, str(rng.choice(elements[name]))) for name in names]
    module, arguments = program(int(rng.integers(2**32)), cells)
    pairs = [",".join(map(str, rng.choice(EXACT, 2))) for _ in range(PAIRS)]
    unjudged = [pipeline for pipeline in VARIANTS if pipeline not in EXACT]
    with contextlib.redirect_stderr(io.StringIO()):  # reports
        found = [*finds(module, arguments, [*EXACT, *pairs], oracle), *finds(module, arguments, unjudged, UNJUDGED)]
    counts = Counter(names), Counter(element for _, element in cells)
    return Tally(1, len(VARIANTS) + len(pairs), *counts, found)


def random_programs(options: argparse.Namespace) -> Tally:
    tally, child = Tally(), Child(examine)
    end, number = time.monotonic() + options.seconds, options.first
    while time.monotonic() < end and (not options.count or number < options.first + options.count):
        try:
            tally.add(child(options.seed, number))
        except OxideError as error:
            tally.finds.append(Find("", f"program {number}: {error}", "", ""))
        number += 1
    return tally


def models(names: list[str], pipelines: Sequence[str]) -> Iterator[Find]:
    from models.twelve import TWELVE

    for name in names or TWELVE:
        model = oxide.load(TWELVE[name].path())
        yield from _through_all_passes(name, [(model, TWELVE[name].inputs())], pipelines)


def open_programs(pipelines: Sequence[str]) -> Iterator[Find]:
    from dynamic_programs import PROGRAMS

    for name, one in PROGRAMS.items():
        model = one.model()
        inputs = [
            {spec.name: value for spec, value in zip(model.inputs, one.arguments(sizes), strict=True)}
            for sizes in one.sizes
        ]
        yield from _through_all_passes(name, [(model, given) for given in inputs], pipelines)


def _through_all_passes(
    name: str, cases: list[tuple[oxide.Model, dict[str, np.ndarray]]], pipelines: Sequence[str]
) -> Iterator[Find]:
    module = cases[0][0].module
    checks = [results_check(model, inputs) for model, inputs in cases]
    seen, refused, start = {str(module)}, 0, time.monotonic()
    for pipeline in pipelines:
        try:
            with contextlib.redirect_stderr(io.StringIO()):
                changed = run_pipeline(module, pipeline)
        except OxideError as error:
            refused += 1
            if "internal error" in error.message:
                yield Find(pipeline, f"{name}: {error}", str(module), "")
            continue
        if str(changed) in seen:
            continue
        seen.add(str(changed))
        for complaint in filter(None, (check(changed) for check in checks)):
            yield Find(pipeline, f"{name}: {complaint}", str(module), str(changed))
    print(
        f"{name}: {len(pipelines)} passes with options, {len(seen) - 1} different modules, {refused} refused, "
        f"{time.monotonic() - start:.0f} s",
        flush=True,
    )


def main() -> int:
    options = _parser().parse_args()
    pipelines = (
        [text for text in VARIANTS if "{" not in text.replace(_QUIET, "")] if options.no_options else VARIANTS
    )
    if options.models is not None:
        found = list(models(options.models, pipelines))
    elif options.open:
        found = list(open_programs(pipelines))
    else:
        tally = random_programs(options)
        found = tally.finds
        print(tally)
    _keep(found, options.finds)
    return 1 if found else 0


def _keep(found: list[Find], folder: Path) -> None:
    """The smallest module of each kind of find: by internal error, or by the pipeline that changes results."""
    kinds: dict[str, list[Find]] = {}
    for find in found:
        internal = "internal error" in find.why
        kinds.setdefault(find.why.partition("; a reproducer")[0] if internal else find.pipeline, []).append(find)
    folder.mkdir(parents=True, exist_ok=True)
    for number, same in enumerate(kinds.values()):
        smallest = min(same, key=lambda find: len(find.before))
        path = folder / f"{number}.mlir"
        path.write_text(smallest.before)
        print(f"{len(same)} x {smallest.pipeline}: {smallest.why[:500]}\n    {path}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="number of the first program")
    parser.add_argument("--count", type=int, default=0, help="stop after so many programs")
    parser.add_argument("--open", action="store_true", help="programs of open sizes instead")
    parser.add_argument("--models", nargs="*", metavar="NAME", help="the twelve models instead, or these")
    parser.add_argument(
        "--no-options", action="store_true", help="models and open programs through bare passes only"
    )
    parser.add_argument("--finds", type=Path, default=BUILD / "soundness", help="where finds are kept")
    return parser


if __name__ == "__main__":
    sys.exit(main())
