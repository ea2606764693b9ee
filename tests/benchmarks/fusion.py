"""Kernels and bytes moved after fuse and after XLA's own fusion, on the twelve reference models.

    python tests/benchmarks/fusion.py [--device h100] [NAME...]
    python tests/benchmarks/fusion.py --chains

Both start from the same module, lowered to plain StableHLO.  XLA's numbers are read off its optimised HLO for the
CPU, compiled as Oxide does (without YNN fusions), with the same rules as the pass's report: a kernel is an
instruction that moves something, reads each operand once (or the parts that its slices and gathers take) and writes
its result.  `rest` is what is left without what dots and convolutions move by themselves, which no fusion changes:
the elementwise operations and reductions.

XLA's CPU back end has few fusions with a contraction, so `loops` is ours without output fusions.  It also copies
operands into the layouts that its convolutions want; `layout` kernels do nothing else and are counted apart, not in
`rest`.  Bodies of loops count once on both sides.  `--chains` measures how the time of the pass grows.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from time import process_time
from typing import Any

from jaxlib.mlir import ir

import oxide
from oxide.backends.pjrt.client import DEFAULT_OPTIONS, find_device, optimized_hlo
from oxide.dialects.context import parse_module
from oxide.passes.base import PassLog
from oxide.passes.fuse import Fuse
from oxide.passes.manager import clone_module, run_pipeline

sys.path.insert(0, str(Path(__file__).parents[1]))

from models.twelve import TWELVE

_SHAPE = re.compile(r"\b(pred|[a-z]+\d+\w*)\[([\d,]*)\]")
_INSTRUCTION = re.compile(r"^\s+(?:ROOT )?%(\S+) = (\(.*?\)|\S+) ([\w-]+)\((.*)$")
_NAMES = re.compile(r"%([\w.-]+)")
_CALLED = re.compile(r"(?:calls|to_apply|body|condition)=%([\w.-]+)|branch_computations=\{([^}]*)\}")
_FREE = frozenset(("parameter", "constant", "bitcast", "reshape", "tuple", "get-tuple-element", "after-all"))
_PARTS = frozenset(("slice", "dynamic-slice", "gather"))
_CONTRACTIONS = frozenset(("dot", "convolution"))
_LAYOUT = frozenset(("copy", "transpose")) | _FREE
_RUNS_OTHERS = frozenset(("while", "conditional", "call"))


@dataclass
class Instruction:
    name: str
    bytes: int
    opcode: str
    operands: list[str]
    called: list[str]


@dataclass
class Counts:
    kernels: int = 0
    bytes: int = 0
    contractions: int = 0
    layout_kernels: int = 0
    layout_bytes: int = 0

    @property
    def rest(self) -> int:
        return self.bytes - self.contractions


@dataclass
class Hlo:
    """The computations of an HLO text."""

    computations: dict[str, dict[str, Instruction]] = field(default_factory=dict)
    entry: str = ""

    def counts(self) -> Counts:
        found = Counts()
        for computation in self._run():
            for instruction in computation.values():
                if instruction.opcode not in _FREE and instruction.opcode not in _RUNS_OTHERS:
                    self._count(instruction, computation, found)
        return found

    def _run(self) -> Iterator[dict[str, Instruction]]:
        """The entry and the computations of loops, branches and calls in it."""
        pending = [self.entry]
        while pending:
            computation = self.computations[pending.pop()]
            yield computation
            pending += [c for i in computation.values() if i.opcode in _RUNS_OTHERS for c in i.called]

    def _count(self, kernel: Instruction, around: dict[str, Instruction], found: Counts) -> None:
        inside = self.computations[kernel.called[0]] if kernel.opcode == "fusion" else {kernel.name: kernel}
        names = around if kernel.opcode != "fusion" else inside
        moved = self._moved(kernel, around, inside)
        if all(i.opcode in _LAYOUT for i in inside.values()):
            found.layout_kernels += 1
            found.layout_bytes += moved
            return
        found.kernels += 1
        found.bytes += moved
        for instruction in inside.values():
            if instruction.opcode in _CONTRACTIONS:
                found.contractions += instruction.bytes + sum(names[o].bytes for o in instruction.operands)

    def _moved(self, kernel: Instruction, around: dict[str, Instruction], inside: dict[str, Instruction]) -> int:
        written = kernel.bytes
        if kernel.opcode != "fusion":
            read = [min(around[o].bytes, kernel.bytes) if kernel.opcode in _PARTS and not n else around[o].bytes
                    for n, o in enumerate(kernel.operands)]  # fmt: skip
            return written + sum(read)
        parameters = [i for i in inside.values() if i.opcode == "parameter"]
        read = []
        for parameter in parameters:
            users = [i for i in inside.values() if parameter.name in i.operands]
            if all(u.opcode in _PARTS and u.operands[0] == parameter.name for u in users):
                read.append(min(parameter.bytes, sum(u.bytes for u in users)))
            elif all(u.opcode == "dynamic-update-slice" and u.operands[0] == parameter.name for u in users):
                # In place: only the update is written.
                written += sum(inside[u.operands[1]].bytes - u.bytes for u in users)
            else:
                read.append(parameter.bytes)
        return written + sum(read)


def parse_hlo(text: str) -> Hlo:
    hlo, current = Hlo(), {}
    for line in text.splitlines():
        if line.startswith(("%", "ENTRY")):
            name = line.removeprefix("ENTRY ").split()[0].removeprefix("%")
            current = hlo.computations.setdefault(name, {})
            hlo.entry = name if line.startswith("ENTRY") else hlo.entry
        elif match := _INSTRUCTION.match(line):
            name, kind, opcode, rest = match.groups()
            operands, _, attributes = rest.partition(")")
            found = _CALLED.findall(attributes)
            called = [name for one, many in found for name in ([one] if one else _NAMES.findall(many))]
            current[name] = Instruction(name, _bytes(kind), opcode, _NAMES.findall(operands), called)
    return hlo


def _bytes(kind: str) -> int:
    total = 0
    for element, sizes in _SHAPE.findall(kind):
        width = 8 if element == "pred" else int(re.findall(r"\d+", element)[0])
        total += math.prod(int(size) for size in sizes.split(",") if size) * width // 8
    return total


def xla_counts(module: ir.Module) -> Counts:
    executable = find_device("cpu").compile(str(module).encode(), DEFAULT_OPTIONS["cpu"])
    return parse_hlo(optimized_hlo(executable)).counts()


def fused(module: ir.Module, **options: Any) -> dict[str, Any]:
    """The report of the pass; the module is fused."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder, "report.json")
        Fuse(report="json", output=str(target), **options).run(module, PassLog())
        return json.loads(target.read_text(encoding="utf-8"))


COLUMNS = (
    ("kernels", ("before", "ours", "XLA", "layout")),
    ("MB moved", ("before", "ours", "XLA", "layout")),
    ("MB moved, rest", ("before", "ours", "loops", "XLA")),
    ("", ("copied", "CPU ms")),
)
WIDTH = 9


def heading() -> str:
    groups = "".join(f"  {title:<{WIDTH * len(names) - 2}}" for title, names in COLUMNS)
    return f"{'':18}{groups}\n{'model':18}" + "".join(f"{name:>{WIDTH}}" for _, names in COLUMNS for name in names)


def row(name: str, device: str) -> str:
    module = run_pipeline(oxide.load(TWELVE[name].path()).module, "lower")
    theirs = xla_counts(module)
    loops = fused(clone_module(module), device=device, kinds=("loop", "input"))["after"]
    start = process_time()
    ours = fused(module, device=device)
    milliseconds = 1000 * (process_time() - start)
    before, after = ours["before"], ours["after"]
    alone = before["by_kind"]["output"]["bytes"]
    rest = [side["bytes"] - alone for side in (before, after, loops)]
    kernels = (before["kernels"], after["kernels"], theirs.kernels, theirs.layout_kernels)
    moved = (before["bytes"], after["bytes"], theirs.bytes, theirs.layout_bytes, *rest, theirs.rest)
    cells = [*map(str, kernels), *(f"{count / 1e6:.2f}" for count in moved)]
    cells += [str(ours["copied_operations"]), f"{milliseconds:.1f}"]
    return f"{name:18}" + "".join(f"{cell:>{WIDTH}}" for cell in cells)


def chain_seconds(operations: int) -> float:
    kind = "tensor<8xf32>"
    lines = [f"%{i} = stablehlo.add %{i - 1}, %{max(i - 7, 0)} : {kind}" for i in range(1, operations + 1)]
    body = "\n".join(["%0 = stablehlo.negate %x : " + kind, *lines, f"return %{operations} : {kind}"])
    module = parse_module(f"func.func @main(%x: {kind}) -> {kind} {{\n{body}\n}}")
    start = process_time()
    Fuse().run(module, PassLog())
    return process_time() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(TWELVE)}; all by default")
    parser.add_argument("--device", default="h100", help="the device option of fuse")
    parser.add_argument("--chains", action="store_true", help="measure chains of growing length instead")
    arguments = parser.parse_args()
    if arguments.chains:
        for size in (1_000, 10_000, 100_000):
            seconds = chain_seconds(size)
            print(f"{size:7} operations {seconds:7.3f} s {1e6 * seconds / size:6.2f} us/operation")
        return
    print(heading())
    for name in arguments.names or TWELVE:
        print(row(name, arguments.device), flush=True)


if __name__ == "__main__":
    main()
