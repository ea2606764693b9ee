"""Operations left by canonicalize and by StableHLO's own simplification, on the twelve reference models.

    python tests/benchmarks/canonicalize.py [--peer torch-mlir-opt] [NAME...]
    python tests/benchmarks/canonicalize.py --chains

The peer is `torch-mlir-opt` of the torch-mlir wheel, which the project's environment has; without one Oxide is
counted alone.  Every model is measured twice: as imported, where composites keep their decompositions as private
functions, and with those expanded.  Below each model stand the rules that rewrote it.  `--chains` measures how the
time grows with the size of a module.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from time import process_time

from jaxlib.mlir import ir

import oxide
from oxide.dialects.context import parse_module
from oxide.passes.base import PassLog
from oxide.passes.canonicalize import Canonicalize
from oxide.passes.manager import clone_module, run_pipeline

sys.path.insert(0, str(Path(__file__).parents[1]))

from models.twelve import TWELVE

# What is measured, and the passes that bring the imported module into that form.
FORMS = {"imported": "symbol-dce", "expanded": "decompose-composites,inline,chlo-legalize-to-stablehlo,symbol-dce"}
# Name, Oxide's pipeline, the peer's flags.
CONTESTS = (
    ("alone", "canonicalize", ["--stablehlo-aggressive-simplification"]),
    (
        "with cse",
        "canonicalize,cse,canonicalize,dce,symbol-dce",
        ["--stablehlo-aggressive-simplification", "--cse", "--stablehlo-aggressive-simplification", "--symbol-dce"],
    ),
)
CHAINS = {
    # One link: two operations that a rule takes away, or one that none does.
    "negations": "%{new}a = stablehlo.negate %{old} : {type}\n%{new} = stablehlo.negate %{new}a : {type}",
    "reshapes": "%{new}a = stablehlo.reshape %{old} : ({type}) -> tensor<2x4xf32>\n"
    "%{new} = stablehlo.reshape %{new}a : (tensor<2x4xf32>) -> {type}",
    "nothing to do": "%{new}a = stablehlo.tanh %{old} : {type}\n%{new} = stablehlo.cosine %{new}a : {type}",
}


def find_peer() -> str | None:
    """`torch-mlir-opt` of this environment, or else on the path."""
    beside = Path(sys.executable).with_name("torch-mlir-opt")
    return str(beside) if beside.exists() else shutil.which("torch-mlir-opt")


def operations(module: ir.Module) -> Counter[str]:
    """How many operations of each name a module has, functions and terminators included."""
    found: Counter[str] = Counter()

    def visit(op: ir.Operation) -> ir.WalkResult:
        found[op.name] += 1
        return ir.WalkResult.ADVANCE

    module.operation.walk(visit)
    return found


def simplified_by_peer(peer: str, flags: list[str], module: ir.Module) -> ir.Module:
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "in.mlir"), Path(folder, "out.mlir")
        source.write_text(str(module), encoding="utf-8")
        subprocess.run([peer, *flags, str(source), "-o", str(target)], check=True, capture_output=True)
        return parse_module(target.read_text(encoding="utf-8"))


def contest(name: str, form: str, module: ir.Module, peer: str | None) -> Iterator[str]:
    before = operations(module).total()
    for title, pipeline, flags in CONTESTS:
        start = process_time()
        ours = operations(run_pipeline(module, pipeline))
        milliseconds = 1000 * (process_time() - start)
        row = f"{name:18} {form:9} {title:9} {before:7} {ours.total():7}"
        if peer is None:
            yield f"{row} {'':7} {'':6} {milliseconds:8.1f}"
            continue
        theirs = operations(simplified_by_peer(peer, flags, module))
        yield f"{row} {theirs.total():7} {ours.total() / theirs.total():6.3f} {milliseconds:8.1f}"
        changed = sorted(key for key in ours | theirs if ours[key] != theirs[key])
        yield "    ours/theirs: " + ", ".join(f"{key} {ours[key]}/{theirs[key]}" for key in changed)


def rules_used(module: ir.Module) -> str:
    log = PassLog()
    Canonicalize().run(clone_module(module), log)
    used = Counter({name: rule.hits for name, rule in log.rules.items() if rule.hits})
    used.update(log.counts)
    return "    rules: " + ", ".join(f"{name} {hits}" for name, hits in used.most_common() if hits)


def chain_seconds(link: str, operations: int) -> float:
    kind = "tensor<8xf32>"
    links = operations // 2
    body = "\n".join(link.format(old=f"v{i}", new=f"v{i + 1}", type=kind) for i in range(links))
    module = parse_module(f"func.func @main(%v0: {kind}) -> {kind} {{\n{body}\nreturn %v{links} : {kind}\n}}")
    start = process_time()
    Canonicalize().run(module, PassLog())
    return process_time() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(TWELVE)}; all by default")
    parser.add_argument("--peer", default=find_peer(), help="path of torch-mlir-opt")
    parser.add_argument("--chains", action="store_true", help="measure chains of growing length instead")
    arguments = parser.parse_args()
    if arguments.chains:
        for title, link in CHAINS.items():
            for size in (1_000, 10_000, 100_000):
                seconds = chain_seconds(link, size)
                print(f"{title:15} {size:7} operations {seconds:7.3f} s {1e6 * seconds / size:6.2f} us/operation")
        return
    print(f"{'model':18} {'form':9} {'contest':9} {'before':>7} {'ours':>7} {'peer':>7} {'ratio':>6} {'CPU ms':>8}")
    for name in arguments.names or TWELVE:
        imported = oxide.load(TWELVE[name].path()).module
        for form, preparation in FORMS.items():
            module = run_pipeline(imported, preparation)
            for line in contest(name, form, module, arguments.peer):
                print(line)
            print(rules_used(module), flush=True)


if __name__ == "__main__":
    main()
