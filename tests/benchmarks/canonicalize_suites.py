"""Operations left by canonicalize and by StableHLO's own simplification, on every module of two conformance suites.

    python tests/benchmarks/canonicalize_suites.py [--peer torch-mlir-opt] [onnx | torch]

The modules are what Oxide imports of ONNX's node cases (onnx) and of PyTorch's operator database (torch),
composites and CHLO expanded.  Both sides simplify, merge equal operations and simplify again; those modules are
listed of which the peer leaves less.  What it drops against IEEE arithmetic (x + 0 is not x for x = -0) counts too.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jaxlib.mlir import ir

import oxide
from oxide.dialects.context import parse_module
from oxide.dialects.diagnostics import OxideError
from oxide.passes.manager import run_pipeline

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.canonicalize import CONTESTS, FORMS, find_peer, operations

# Weights as constants would only be printed and parsed.
MAX_CHARACTERS = 200_000
SEPARATOR = "// -----"


def onnx_modules() -> Iterator[tuple[str, ir.Module]]:
    from conformance.official import official_models

    for (kind, name), proto in official_models().items():
        if kind == "Node":
            try:
                yield name, oxide.import_onnx(proto).module
            except OxideError:
                continue  # what Oxide refuses, which the conformance tests count


def torch_modules() -> Iterator[tuple[str, ir.Module]]:
    """One sample of every operator that Oxide imports."""
    from conformance.opinfo import NotApplicable, case_names, run_case

    class Imported(Exception):
        pass

    def stop(program: Any, args: Any, kwargs: Any) -> dict[str, Any]:
        raise Imported(oxide.import_torch(program).module)

    for name in case_names():
        try:
            run_case(name, run=stop)
        except Imported as found:
            yield name, found.args[0]
        except (NotApplicable, OxideError):
            continue


def simplified_by_peer(peer: str, flags: list[str], texts: list[str]) -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "in.mlir"), Path(folder, "out.mlir")
        source.write_text(f"\n{SEPARATOR}\n".join(texts), encoding="utf-8")
        command = [peer, "--split-input-file", *flags, str(source), "-o", str(target)]
        subprocess.run(command, check=True, capture_output=True)
        return target.read_text(encoding="utf-8").split(SEPARATOR)


def main() -> None:
    suites = {"onnx": onnx_modules, "torch": torch_modules}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suite", nargs="?", choices=suites, default="onnx")
    parser.add_argument("--peer", default=find_peer(), help="path of torch-mlir-opt")
    arguments = parser.parse_args()
    if arguments.peer is None:
        parser.error("there is no torch-mlir-opt here; pip install torch-mlir")
    warnings.simplefilter("ignore")
    expanded = ((name, run_pipeline(module, FORMS["expanded"])) for name, module in suites[arguments.suite]())
    modules = {name: module for name, module in expanded if len(str(module)) < MAX_CHARACTERS}
    _, pipeline, flags = CONTESTS[-1]
    theirs = simplified_by_peer(arguments.peer, flags, [str(module) for module in modules.values()])
    totals, more = [0, 0], 0
    for (name, module), text in zip(modules.items(), theirs, strict=True):
        left = operations(run_pipeline(module, pipeline)), operations(parse_module(text))
        ours, peer = (counts.total() for counts in left)
        totals = [totals[0] + ours, totals[1] + peer]
        if ours > peer:
            more += 1
            changed = sorted(key for key in left[0] | left[1] if left[0][key] != left[1][key])
            print(f"{name} {ours}/{peer}: " + ", ".join(f"{key} {left[0][key]}/{left[1][key]}" for key in changed))
    print(f"{len(modules)} modules: {totals[0]} operations left, by the peer {totals[1]}; more than it in {more}")


if __name__ == "__main__":
    main()
