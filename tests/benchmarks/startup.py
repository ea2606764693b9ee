"""How long the commands take to start: medians of whole processes, in milliseconds of wall and CPU time.

python tests/benchmarks/startup.py
"""

from __future__ import annotations

import os
import subprocess
import sys
from statistics import median
from time import perf_counter

from oxide.tools.oxide_text import table

ROUNDS = 9
MODULE = b"func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> { return %x : tensor<4xf32> }"
COMMANDS = {
    "python -c pass": ["-c", "pass"],
    "import oxide": ["-c", "import oxide"],
    "oxide --version": ["-m", "oxide.tools.oxide", "--version"],
    "oxide-opt --version": ["-m", "oxide.tools.opt", "--version"],
    "oxide-opt --list-passes": ["-m", "oxide.tools.opt", "--list-passes"],
    "oxide-opt --canonicalize -": ["-m", "oxide.tools.opt", "--canonicalize", "-"],
}


def measure(arguments: list[str]) -> tuple[float, float]:
    """Wall and CPU milliseconds of one process."""
    before, start = os.times(), perf_counter()
    subprocess.run([sys.executable, *arguments], input=MODULE, stdout=subprocess.DEVNULL, check=True)
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return (perf_counter() - start) * 1e3, cpu * 1e3


def main() -> None:
    rows = []
    for name, arguments in COMMANDS.items():
        walls, cpus = zip(*(measure(arguments) for _ in range(ROUNDS)), strict=True)
        rows.append((name, f"{median(walls):.0f}", f"{median(cpus):.0f}"))
    print(table([("command", "wall ms", "CPU ms"), *rows], numbers=2))


if __name__ == "__main__":
    main()
