"""What the passes do to the twelve reference models, a line each: the sum of the benchmarks beside this one.

    python tests/benchmarks/passes.py [--peer torch-mlir-opt] [--platform cpu] [--device h100] [NAME...]

ops      operations of the imported module, after `canonicalize`, and after the peer's
         `--stablehlo-aggressive-simplification` (`canonicalize.py` has more forms and the rules that fired)
kernels  before and after `fuse`, and in XLA's optimised HLO; MB are what those kernels read and write, without what
         dots and convolutions move by themselves (`fusion.py`); `--device` decides what is computed again
arena    MB of `assign-buffers` after `fuse`, over its lower bound, over XLA's temporaries, and, with results, over
         XLA's temporaries and results (`buffers.py`)
CPU ms   the `default` pipeline, least of three runs in this process
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from time import process_time

import oxide
from oxide.passes.assign_buffers import AssignBuffers
from oxide.passes.base import PassLog
from oxide.passes.manager import run_pipeline

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.canonicalize import find_peer, operations, simplified_by_peer
from benchmarks.fusion import fused, xla_counts
from models.twelve import TWELVE

COLUMNS = (
    ("ops", ("before", "ours", "peer")),
    ("kernels", ("before", "ours", "XLA")),
    ("MB", ("before", "ours", "XLA")),
    ("arena MB", ("ours", "/bound", "/temp", "total")),
    ("CPU ms", ("default",)),
)
WIDTH = 9
MEGABYTE = 1e6


def heading() -> str:
    groups = "".join(f"  {title:<{WIDTH * len(names) - 2}}" for title, names in COLUMNS)
    return f"{'':18}{groups}\n{'model':18}" + "".join(f"{name:>{WIDTH}}" for _, names in COLUMNS for name in names)


def operation_counts(imported: oxide.Model, peer: str | None) -> list[str]:
    module = run_pipeline(imported.module, "symbol-dce")
    counts = [operations(module).total(), operations(run_pipeline(module, "canonicalize")).total()]
    if peer is None:
        return [*map(str, counts), "-"]
    theirs = simplified_by_peer(peer, ["--stablehlo-aggressive-simplification"], module)
    return [*map(str, counts), str(operations(theirs).total())]


def fusion_counts(imported: oxide.Model, device: str) -> list[str]:
    module = run_pipeline(imported.module, "lower")
    theirs = xla_counts(module)
    report = fused(module, device=device)
    before, after = report["before"], report["after"]
    contractions = before["by_kind"]["output"]["bytes"]
    moved = [before["bytes"] - contractions, after["bytes"] - contractions, theirs.rest]
    kernels = [before["kernels"], after["kernels"], theirs.kernels]
    return [*map(str, kernels), *(f"{count / MEGABYTE:.2f}" for count in moved)]


def arena_sizes(imported: oxide.Model, platform: str, device: str) -> list[str]:
    log = PassLog()
    AssignBuffers().run(run_pipeline(imported.module, f"lower,fuse{{device={device}}}"), log)
    arena, bound = log.counts["arena bytes"], log.counts["lower bound bytes"]
    stats = imported.compile(platform, pipeline="", cache=False).memory_analysis()
    temp = stats["temp_size_in_bytes"]
    results = stats["output_size_in_bytes"] - stats["alias_size_in_bytes"]
    total = (arena + log.counts["bytes outside the arena"]) / (temp + results)
    return [f"{arena / MEGABYTE:.3f}", f"{arena / bound:.3f}", f"{arena / temp:.3f}", f"{total:.3f}"]


def pipeline_milliseconds(imported: oxide.Model) -> str:
    times = []
    for _ in range(3):
        start = process_time()
        run_pipeline(imported.module, "default")
        times.append(process_time() - start)
    return f"{1000 * min(times):.0f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(TWELVE)}; all by default")
    parser.add_argument("--peer", default=find_peer(), help="path of torch-mlir-opt")
    parser.add_argument("--platform", default="cpu", help="what XLA compiles for")
    parser.add_argument("--device", default="h100", help="the device option of fuse")
    arguments = parser.parse_args()
    print(heading())
    for name in arguments.names or TWELVE:
        imported = oxide.load(TWELVE[name].path())
        cells = [
            *operation_counts(imported, arguments.peer),
            *fusion_counts(imported, arguments.device),
            *arena_sizes(imported, arguments.platform, arguments.device),
            pipeline_milliseconds(imported),
        ]
        print(f"{name:18}" + "".join(f"{cell:>{WIDTH}}" for cell in cells), flush=True)


if __name__ == "__main__":
    main()
