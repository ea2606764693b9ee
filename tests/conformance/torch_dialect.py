"""The same programs through torch-mlir's `torch` dialect and Oxide, and through torch-mlir's lowering to StableHLO.

    python tests/conformance/torch_dialect.py                      every sixth case of PyTorch's operator database
    python tests/conformance/torch_dialect.py --every 1 'linalg'   all cases whose name matches

torch-mlir writes each exported program as it is (`raw`, without decompositions), which Oxide reads and lowers; and
lowers it to StableHLO, the peer.  Both run in XLA for the CPU and are compared with eager PyTorch.  Programs that
torch-mlir cannot write are no cases.  Cases run in a process of their own, since the peer can end it.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from conformance.opinfo import PASS, REFUSED, NotApplicable, case_names, run_case

import oxide
from oxide.frontends.torch.importer import RANDOM_STATE
from oxide.tools.oxide_text import table

LEFT_OUT, CRASH = "left out", "crash"


def write(program: torch.export.ExportedProgram, output: str = "raw", **options: Any) -> str:
    """The program as torch-mlir writes it: `raw` or `torch` for the dialect, or `stablehlo`."""
    from torch_mlir import fx

    module = fx.export_and_import(program, output_type=output, **options)
    return module.operation.get_asm(enable_debug_info=True)


def run_text(text: str, args: tuple[Any, ...]) -> dict[str, Any]:
    """Load a module, compile it for the CPU and call it; results as `torch_adapter.run` gives them."""
    model = oxide.load(text.encode())
    given = (*args, np.zeros(2, np.uint64)) if model.inputs[-1].name == RANDOM_STATE else args
    named = {spec.name: value for spec, value in zip(model.inputs, given, strict=True)}
    results = model.compile(cache=False).run(named)
    return {"outputs": [np.asarray(v) for k, v in results.items() if k != RANDOM_STATE], "buffers": None}


def inline_resources(text: str) -> str:
    """Resources become dense constants, which XLA takes."""
    code, _, section = text.partition("\n{-#")
    for key, digits in re.findall(r'([\w.]+): "0x[0-9A-F]{8}([0-9A-F]*)"', section):
        code = code.replace(f"dense_resource<{key}>", f'dense<"0x{digits}">')
    return code


def by_oxide(
    program: torch.export.ExportedProgram, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> dict[str, Any]:
    try:
        text = write(program, decomposition_table={})
    except Exception as error:  # torch-mlir has no class of its own for it
        raise NotApplicable("torch-mlir cannot write it") from error
    return run_text(text, args)


def by_peer(program: torch.export.ExportedProgram, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    try:
        text = inline_resources(write(program, "stablehlo"))
    except Exception as error:
        raise oxide.OxideError(f"{type(error).__name__}: {' '.join(str(error).split())}") from error
    return run_text(text, args)


WAYS: dict[str, Callable[..., dict[str, Any]]] = {"Oxide": by_oxide, "torch-mlir": by_peer}


def judge(name: str, way: str) -> tuple[str, str, float]:
    """Verdict, detail and seconds of one case by one way."""
    start = time.perf_counter()
    try:
        outcome = run_case(name, WAYS[way])
        verdict, detail = outcome.verdict, outcome.detail
    except NotApplicable as reason:
        verdict, detail = LEFT_OUT, str(reason)
    except Exception as error:  # a bug, which the other cases should not suffer from
        verdict, detail = CRASH, f"{type(error).__name__}: {error}"
    return verdict, detail, time.perf_counter() - start


class Worker:
    """Judges cases in a process, a new one after each that died or hung."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.pool = self._pool()

    def judge(self, name: str, way: str) -> tuple[str, str, float]:
        try:
            return self.pool.submit(judge, name, way).result(timeout=self.seconds)
        except (BrokenProcessPool, TimeoutError) as error:
            self.stop()
            self.pool = self._pool()
            return CRASH, f"{type(error).__name__}: the process died or hung", 0.0

    def stop(self) -> None:
        for process in list(self.pool._processes.values()):
            process.kill()
        self.pool.shutdown(cancel_futures=True)

    @staticmethod
    def _pool() -> ProcessPoolExecutor:
        return ProcessPoolExecutor(1, mp_context=get_context("spawn"))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pattern", nargs="?", default="", help="cases whose name matches")
    parser.add_argument("--every", type=int, default=6, help="each n-th case of those (default 6)")
    parser.add_argument("--seconds", type=float, default=120, help="time limit of a case")
    options = parser.parse_args()
    names = [name for name in case_names() if re.search(options.pattern, name)][:: options.every]
    counts = {way: Counter[str]() for way in WAYS}
    seconds = dict.fromkeys(WAYS, 0.0)
    worker = Worker(options.seconds)
    for name in names:
        for way in WAYS:
            verdict, detail, spent = worker.judge(name, way)
            if verdict == LEFT_OUT:
                break  # for both ways
            counts[way][verdict] += 1
            seconds[way] += spent
            if verdict != PASS:
                print(f"{name}, {way}: {verdict}: {detail[:300]}", flush=True)
    worker.stop()
    verdicts = [PASS, REFUSED, "wrong", CRASH]
    rows = [[way, *(str(counts[way][v]) for v in verdicts), f"{seconds[way]:.0f}"] for way in WAYS]
    print(table([["", *verdicts, "seconds"], *rows], numbers=5))
    return 1 if counts["Oxide"]["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
