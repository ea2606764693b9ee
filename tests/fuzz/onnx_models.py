"""Mutate sound ONNX models for a stated time and count what becomes of the mutants.

    python tests/fuzz/onnx_models.py --seconds 300 --seed 0
    python tests/fuzz/onnx_models.py --first 4711 --count 1         that mutant again
    python tests/fuzz/onnx_models.py --models FOLDER                its .onnx files are mutated, too

Every mutant is imported in a process whose address space is limited.  It must be imported, and then its module
verifies (every --run-every'th is also printed, parsed, compiled and run); or be refused with an OxideError that
names a node, a value or what is wrong with the file.  Everything else is a find, and kept in --finds: an internal
error, another exception, a message without a name, a crash, more than --time-limit seconds or more than
--memory-limit MiB.  Mutant number N of a seed is the same in every run.  Exit code 1 when there are finds.
"""

from __future__ import annotations

import argparse
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from fuzz.corpus import Seed, seeds
from fuzz.graph_mutations import EXTERNAL_FILE
from fuzz.mutations import mutant
from fuzz.worker import GOOD, Outcome, request

TESTS = Path(__file__).resolve().parents[1]
# XLA's threads reserve address space for their stacks; what they use is far less.
RUNNER_MEMORY = 8 << 30
# Contexts and compiled programs add up in a process.
MUTANTS_A_WORKER = 2000


@dataclass
class Settings:
    seed: int
    folder: Path
    time_limit: float
    memory_limit: int


class Worker:
    """A process that examines mutants one after the other; a new one when it has died or is old."""

    def __init__(self, settings: Settings, memory: int) -> None:
        self._settings = settings
        self._memory = memory
        self._process: subprocess.Popen[bytes] | None = None
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as this does
        self._age = 0

    def examine(self, data: bytes, run: bool) -> Outcome:
        process = self._ready()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(request(data, run))
            process.stdin.flush()
        except BrokenPipeError:
            return self._died(process)
        # Wall time is wider than CPU time where the machine is busy.
        if not select.select([process.stdout], [], [], 3 * self._settings.time_limit)[0]:
            self.close()
            return Outcome("hang", f"no answer within {3 * self._settings.time_limit:.0f} s")
        line = process.stdout.readline()
        return Outcome(**json.loads(line)) if line else self._died(process)

    def _ready(self) -> subprocess.Popen[bytes]:
        self._age += 1
        if self._process is None or self._age > MUTANTS_A_WORKER:
            self.close()
            self._age = 1
            self._errors.truncate(0)
            command = [sys.executable, "-m", "fuzz.worker", str(self._settings.folder), str(self._memory)]
            path = os.pathsep.join(filter(None, (str(TESTS), os.environ.get("PYTHONPATH"))))
            environment = {**os.environ, "PYTHONPATH": path, "JAX_PLATFORMS": "cpu"}
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, env=environment
            )
        return self._process

    def _died(self, process: subprocess.Popen[bytes]) -> Outcome:
        status = process.wait()
        self._process = None
        self._errors.seek(0)
        said = self._errors.read().decode(errors="replace")[-3000:]
        out_of_memory = "out of memory" in said or "bad_alloc" in said or "MemoryError" in said
        name = signal.Signals(-status).name if status < 0 else f"status {status}"
        return Outcome("memory" if out_of_memory else "crash", f"{name}\n{said}", name)

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@dataclass(frozen=True)
class Find:
    number: int
    seed_name: str
    mutations: list[str]
    outcome: Outcome

    def __str__(self) -> str:
        made = "+".join(self.mutations)
        where = f"\n    {self.outcome.where}" if self.outcome.where else ""
        return (
            f"{self.outcome.kind}: mutant {self.number} of {self.seed_name} by {made}{where}\n{self.outcome.detail}"
        )


def mutants(corpus: list[Seed], seed: int, first: int) -> Iterator[tuple[int, str, bytes, list[str]]]:
    number = first
    while True:
        rng = Random(f"{seed}:{number}")
        # Half of the mutants are of models, which have more to break than a case of one node.
        source = rng.choice(corpus)
        data, applied = mutant(source.data, rng)
        yield number, source.name, data, applied
        number += 1


def judged(outcome: Outcome, settings: Settings) -> Outcome:
    """Time and memory count whatever the outcome."""
    if outcome.kind in GOOD and outcome.cpu_seconds > settings.time_limit:
        return Outcome("slow", f"{outcome.cpu_seconds:.1f} s of CPU; {outcome.kind} {outcome.detail}")
    if outcome.kind in GOOD and outcome.peak_bytes > settings.memory_limit:
        return Outcome("memory", f"{outcome.peak_bytes >> 20} MiB; {outcome.kind} {outcome.detail}")
    return outcome


def main() -> int:
    options = _parser().parse_args()
    corpus = seeds(options.models)
    options.finds.mkdir(parents=True, exist_ok=True)
    counts: Counter[str] = Counter()
    finds: dict[tuple[str, str], list[Find]] = {}
    with tempfile.TemporaryDirectory() as folder:
        _write_external_files(Path(folder))
        memory = options.memory_limit << 20
        settings = Settings(options.seed, Path(folder), options.time_limit, memory)
        importer, runner = Worker(settings, memory), Worker(settings, RUNNER_MEMORY)
        print(f"{len(corpus)} models, seed {options.seed}, {options.seconds:.0f} s", flush=True)
        end = time.monotonic() + options.seconds
        last = options.first + options.count if options.count else sys.maxsize
        try:
            for number, name, data, applied in mutants(corpus, options.seed, options.first):
                if number >= last or time.monotonic() > end:
                    break
                run = options.count == 1 or number % options.run_every == 0
                outcome = judged((runner if run else importer).examine(data, run), settings)
                counts[outcome.kind] += 1
                if outcome.kind not in GOOD:
                    _keep(Find(number, name, applied, outcome), data, finds, options.finds)
                elif options.count == 1:
                    print(outcome.kind, outcome.detail)
        finally:
            importer.close()
            runner.close()
    _report(counts, finds)
    return 1 if finds else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="number of the first mutant")
    parser.add_argument("--count", type=int, default=0, help="stop after so many mutants")
    parser.add_argument("--run-every", type=int, default=50, help="run every N-th mutant, not only import it")
    parser.add_argument("--time-limit", type=float, default=10.0, help="seconds of CPU for one mutant")
    parser.add_argument(
        "--memory-limit", type=int, default=2048, help="MiB of address space of an importing process"
    )
    parser.add_argument("--models", type=Path, help="folder of more models")
    parser.add_argument("--finds", type=Path, default=TESTS.parent / "build" / "fuzz", help="where finds are kept")
    return parser


def _write_external_files(folder: Path) -> None:
    """What mutants with external data may find beside them."""
    (folder / EXTERNAL_FILE).write_bytes(bytes(range(256)) * 64)
    (folder / "link").symlink_to("/etc/passwd")


def _keep(find: Find, data: bytes, finds: dict[tuple[str, str], list[Find]], folder: Path) -> None:
    """Save the first find of its kind and place."""
    known = finds.setdefault((find.outcome.kind, find.outcome.where or find.outcome.detail[:60]), [])
    if not known:
        stem = folder / f"{find.outcome.kind}_{find.number}"
        stem.with_suffix(".onnx").write_bytes(data)
        stem.with_suffix(".txt").write_text(f"{find}\n")
    known.append(find)


def _report(counts: Counter[str], finds: dict[tuple[str, str], list[Find]]) -> None:
    for same in sorted(finds.values(), key=len, reverse=True):
        print(f"{len(same)} x {same[0]}\n")
    total = sum(counts.values())
    print(f"{total} mutants: " + ", ".join(f"{count} {kind}" for kind, count in counts.most_common()))
    print(f"{len(finds)} different finds")


if __name__ == "__main__":
    sys.exit(main())
