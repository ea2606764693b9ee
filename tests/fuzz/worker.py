"""The process that imports mutants: bytes on standard input, one line of JSON on standard output for each.

Its address space is limited: an allocation beyond the limit is a MemoryError here and nothing to the machine.
"""

from __future__ import annotations

import faulthandler
import json
import math
import re
import resource
import struct
import sys
import time
import traceback
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import BinaryIO

from jaxlib.mlir import ir

import oxide
from oxide.samples import random_inputs

# Tensors up to this many elements may be allocated by a mutant that is run.
RUNNABLE_ELEMENTS = 1 << 20
RUNNABLE_OPERATIONS = 400
OPEN_SIZE = 2
GOOD = ("imported", "compiled", "ran", "not compiled", "refused")
# What is wrong with a whole file names no node.
_ABOUT_THE_FILE = re.compile(
    "not an ONNX model|imports no opset|newer onnx package|imported in (version|two versions)|nested too deeply"
)
_NAMED = re.compile(r'"(?:[^"\\]|\\.)*"|loc\(')


@dataclass(frozen=True)
class Outcome:
    """What became of one mutant: its kind and why.

    `where` is the innermost frame of Oxide, which tells finds apart.
    """

    kind: str
    detail: str = ""
    where: str = ""
    cpu_seconds: float = 0.0
    peak_bytes: int = 0


def main() -> None:
    folder, memory = Path(sys.argv[1]), int(sys.argv[2])
    faulthandler.enable()
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    source, sink = sys.stdin.buffer, sys.stdout
    while (request := _read(source)) is not None:
        run, data = request
        sink.write(json.dumps(asdict(examine(data, folder, run))) + "\n")
        sink.flush()


def _read(source: BinaryIO) -> tuple[bool, bytes] | None:
    head = source.read(9)
    if len(head) < 9:
        return None
    length, run = struct.unpack("<Q?", head)
    return run, source.read(length)


def request(data: bytes, run: bool) -> bytes:
    """What the worker reads for one mutant."""
    return struct.pack("<Q?", len(data), run) + data


def examine(data: bytes, folder: Path, run: bool) -> Outcome:
    """Import a model; with `run`, also print and parse it again, compile it and call it with zeros."""
    start = time.process_time()
    try:
        kind, detail = _outcome(data, folder, run)
        where = ""
    except MemoryError as error:
        kind, detail, where = "memory", "MemoryError", _frame(error)
    except oxide.OxideError as error:
        kind, detail = _judge(error)
        where = _frame(error) if kind != "refused" else ""
    except Exception as error:
        kind, detail, where = "exception", f"{type(error).__name__}: {error}"[:2000], _frame(error)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
    return Outcome(kind, detail, where, time.process_time() - start, peak)


def _outcome(data: bytes, folder: Path, run: bool) -> tuple[str, str]:
    model = oxide.import_onnx(data, base_dir=folder)
    model.module.operation.verify()
    if not run:
        return "imported", ""
    text = str(model.module.operation.get_asm(enable_debug_info=True))
    with model.module.context:
        again = ir.Module.parse(text).operation.get_asm(enable_debug_info=True)
    if again != text:
        return "unstable", "the printed module is another one when parsed"
    return _run(model)


def _run(model: oxide.Model) -> tuple[str, str]:
    operations = _operations(model.module.operation)
    inputs = [_sized(spec) for spec in model.inputs]
    largest = max([*map(_elements, operations), *(math.prod(spec.shape) for spec in inputs)])
    if len(operations) > RUNNABLE_OPERATIONS or largest > RUNNABLE_ELEMENTS:
        return "imported", "too large to be run"
    try:
        executable = model.compile(cache=False)
        # A loop may have been given a count that no machine finishes.
        if any(op.name == "stablehlo.while" for op in operations):
            return "compiled", ""
        executable.run(random_inputs(inputs))
    except oxide.OxideError as error:
        return "not compiled", str(error)[:2000]
    return "ran", ""


def _sized(spec: oxide.TensorSpec) -> oxide.TensorSpec:
    """An input whose open dimensions have a size."""
    return replace(spec, shape=tuple(OPEN_SIZE if d is None else d for d in spec.shape))


def _operations(root: ir.Operation) -> list[ir.Operation]:
    found: list[ir.Operation] = []
    pending = [root]
    while pending:
        op = pending.pop()
        found.append(op)
        pending.extend(inner.operation for region in op.regions for block in region for inner in block)
    return found


def _elements(op: ir.Operation) -> int:
    """Of the largest result."""
    largest = 0
    for result in op.results:
        if isinstance(result.type, ir.RankedTensorType) and result.type.has_static_shape:
            largest = max(largest, math.prod(result.type.shape))
    return largest


def _judge(error: oxide.OxideError) -> tuple[str, str]:
    text = str(error)
    if "MemoryError" in text:
        return "memory", text[:2000]
    if "internal error" in text:
        return "internal", text[:2000]
    if _NAMED.search(text) or _ABOUT_THE_FILE.search(text):
        return "refused", text[:200]
    return "unnamed", text[:2000]


def _frame(error: BaseException) -> str:
    """The innermost frame, of the exception at the root, that lies in Oxide."""
    while error.__cause__ is not None:
        error = error.__cause__
    frames = traceback.extract_tb(error.__traceback__)
    ours = [f for f in frames if Path(f.filename).is_relative_to(_SOURCES)] or frames
    if not ours:
        return type(error).__name__
    last = ours[-1]
    return f"{type(error).__name__} in {Path(last.filename).name}:{last.lineno} {last.name}"


_SOURCES = Path(__file__).parents[2]

if __name__ == "__main__":
    main()
