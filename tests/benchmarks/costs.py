"""What `cost-analysis` counts for the twelve reference models, beside what XLA's analysis does.

    python tests/benchmarks/costs.py [--device h100] [NAME...]

Millions of FLOPs and of bytes.  Ours are those of the module lowered to plain StableHLO, bytes also after `fuse`;
XLA's are its own `cost_analysis` of the program it compiled from that module for the CPU.  XLA counts the body of a
loop once, ours as often as it runs: of the twelve, the LSTM has loops.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import oxide
from oxide.backends.pjrt.client import DEFAULT_OPTIONS, find_device
from oxide.passes.cost_analysis import module_cost
from oxide.passes.manager import run_pipeline

sys.path.insert(0, str(Path(__file__).parents[1]))

from models.twelve import TWELVE

TITLES = ["FLOPs", "XLA", "ratio", "transc.", "bytes", "fused", "XLA", "ratio"]
MILLION = 1e6


def row(name: str, cells: list[str]) -> str:
    return f"{name:18}" + "".join(f"{cell:>12}" for cell in cells)


def counted(path: Path, device: str) -> list[str]:
    module = run_pipeline(oxide.load(path).module, "lower")
    executable = find_device("cpu").compile(str(module).encode(), DEFAULT_OPTIONS["cpu"])
    found = executable.cost_analysis()
    theirs = found[0] if isinstance(found, list) else found
    ours = module_cost(module)
    fused = module_cost(run_pipeline(module, f"fuse{{device={device}}}"))
    assert fused.flops >= ours.flops  # copied producers are computed again
    numbers = [ours.flops, theirs["flops"], ours.transcendentals, ours.bytes, fused.bytes, theirs["bytes accessed"]]
    cells = [f"{number / MILLION:.3f}" for number in numbers]
    cells.insert(2, f"{ours.flops / theirs['flops']:.4f}")
    return [*cells, f"{fused.bytes / theirs['bytes accessed']:.3f}"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(TWELVE)}; all by default")
    parser.add_argument("--device", default="h100", help="the device option of fuse")
    arguments = parser.parse_args()
    print(row("model", TITLES))
    for name in arguments.names or TWELVE:
        print(row(name, counted(TWELVE[name].path(), arguments.device)), flush=True)


if __name__ == "__main__":
    main()
