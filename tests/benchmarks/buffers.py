"""Memory of buffer plans: arena, lower bound and XLA's temporaries, on the twelve models and the light ones.

    python tests/benchmarks/buffers.py [--without-xla] [--device h100] [NAME | FILE]...

All sizes in MB.  `arena` holds what is neither argument nor result; `peak` is the most of it that is needed at one
time, below which the plan's order of operations cannot go, `given` the same for the given order; `separate` what
all values take without sharing.  XLA compiles the same program for `--platform`: its `temp` compares with the
arena, and `XLA` with `total`, where results are added.  `one` is the arena with results in it (`results=arena`),
over XLA's total.  `seconds` is CPU time of the pass.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from time import process_time

import oxide
from oxide.passes.assign_buffers import AssignBuffers
from oxide.passes.base import PassLog
from oxide.passes.manager import clone_module, run_pipeline

sys.path.insert(0, str(Path(__file__).parents[1]))

from models.twelve import TWELVE
from models.zoo import ZOO

MEGABYTE = 1e6


def models() -> dict[str, Path]:
    """The twelve and the light models; building one takes up to a minute, once."""
    light = {name: model for name, model in ZOO.items() if name.startswith("light_")}
    return {name: model.path() for name, model in {**TWELVE, **light}.items()}


def row(name: str, cells: list[str]) -> str:
    return f"{name:20}" + "".join(f"{cell:>10}" for cell in cells)


def measured(path: Path, platform: str | None, device: str) -> list[str]:
    model = oxide.load(path)
    module = run_pipeline(model.module, f"lower,fuse{{device={device}}}")
    given = PassLog()
    AssignBuffers(schedule="given").run(clone_module(module), given)
    one = PassLog()
    AssignBuffers(results="arena").run(clone_module(module), one)
    log = PassLog()
    start = process_time()
    AssignBuffers().run(module, log)
    seconds = process_time() - start
    arena, bound = log.counts["arena bytes"], log.counts["lower bound bytes"]
    sizes = [arena, bound, given.counts["lower bound bytes"], log.counts["bytes without reuse"]]
    cells = [f"{size / MEGABYTE:.3f}" for size in sizes]
    cells.insert(2, f"{arena / bound:.3f}")
    if platform is not None:
        stats = model.compile(platform, pipeline="", cache=False).memory_analysis()
        temp = stats["temp_size_in_bytes"]
        theirs = temp + stats["output_size_in_bytes"] - stats["alias_size_in_bytes"]
        ours = arena + log.counts["bytes outside the arena"]
        cells += [f"{temp / MEGABYTE:.3f}", f"{arena / temp:.3f}"]
        cells += [f"{ours / MEGABYTE:.3f}", f"{theirs / MEGABYTE:.3f}", f"{ours / theirs:.3f}"]
        cells.append(f"{one.counts['arena bytes'] / theirs:.3f}")
    return [*cells, f"{seconds:.2f}"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="models, or ONNX files; all by default")
    parser.add_argument("--without-xla", action="store_true", help="do not compile, which takes most of the time")
    parser.add_argument("--platform", default="cpu", help="what XLA compiles for")
    parser.add_argument("--device", default="h100", help="the device option of fuse, which runs before")
    options = parser.parse_args()
    files = bool(options.names) and all(Path(name).exists() for name in options.names)
    known = {} if files else models()
    titles = ["arena", "peak", "ratio", "given", "separate"]
    titles += [] if options.without_xla else ["temp", "/temp", "total", "XLA", "/XLA", "one"]
    print(row("model", [*titles, "seconds"]))
    for name in options.names or known:
        path = known.get(name, Path(name))
        platform = None if options.without_xla else options.platform
        print(row(path.stem, measured(path, platform, options.device)), flush=True)


if __name__ == "__main__":
    main()
