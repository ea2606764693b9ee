"""CPU time of the default pipeline: on long modules, where it must be linear, and on reference models.

    python tests/benchmarks/pipeline_speed.py [--largest 100000] [NAME...]

Names are those of `tests/models/twelve.py`; by default ResNet-50 and BERT-base.  Models are measured three times in
this process, and the least time counts; a long module once.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from time import process_time

from jaxlib.mlir import ir

import oxide
from oxide.dialects.context import parse_module
from oxide.passes.manager import run_pipeline

sys.path.insert(0, str(Path(__file__).parents[1]))

from models.twelve import TWELVE

_TYPE = "tensor<8x4xf32>"
# Operations that stay, and some that rules take away: two negations, a multiplication by one, a transpose and back.
_LINK = """%a{n} = stablehlo.add %v{n}, %w : {t}
%b{n} = stablehlo.tanh %a{n} : {t}
%c{n} = stablehlo.negate %b{n} : {t}
%d{n} = stablehlo.negate %c{n} : {t}
%e{n} = stablehlo.multiply %d{n}, %one : {t}
%f{n} = stablehlo.transpose %e{n}, dims = [1, 0] : ({t}) -> tensor<4x8xf32>
%g{n} = stablehlo.transpose %f{n}, dims = [1, 0] : (tensor<4x8xf32>) -> {t}
%v{next} = stablehlo.subtract %g{n}, %a{n} : {t}
"""
_OPERATIONS_A_LINK = len(_LINK.splitlines())


def long_module(links: int) -> ir.Module:
    """A chain of `links` times the same operations."""
    body = "".join(_LINK.format(n=n, next=n + 1, t=_TYPE) for n in range(links))
    return parse_module(
        f"func.func @main(%v0: {_TYPE}, %w: {_TYPE}) -> {_TYPE} {{\n"
        f"%one = stablehlo.constant dense<1.0> : {_TYPE}\n{body}return %v{links} : {_TYPE}\n}}"
    )


def cpu_seconds(module: ir.Module, runs: int = 3) -> float:
    """Least CPU time of the default pipeline."""
    times = []
    for _ in range(runs):
        start = process_time()
        run_pipeline(module, "default")
        times.append(process_time() - start)
    return min(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=["light_resnet50", "bert_base"], metavar="NAME")
    parser.add_argument("--largest", type=int, default=100_000, help="operations of the longest module")
    arguments = parser.parse_args()
    for count in (arguments.largest // 4, arguments.largest // 2, arguments.largest):
        seconds = cpu_seconds(long_module(count // _OPERATIONS_A_LINK), runs=1)
        print(f"{count:>8} operations  {seconds:8.2f} s  {1e6 * seconds / count:6.1f} us each", flush=True)
    for name in arguments.names:
        model = oxide.load(TWELVE[name].path())
        print(f"{name:<20} {1000 * cpu_seconds(model.module):8.1f} ms", flush=True)


if __name__ == "__main__":
    main()
