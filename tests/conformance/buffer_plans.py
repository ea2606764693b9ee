"""Buffer plans of the twelve reference models at full size: executed in their memory, and changed until they are
wrong.

    python tests/conformance/buffer_plans.py [--pipeline lower,fuse] [--mutants 100] [--seed 0] [NAME...]

A line for each model: the largest difference between what the arena executor and XLA compute from the same random
inputs (of integers 0 and 1), over the largest element; how many changed plans the checker rejected; how many it
accepted as good as the planned one; and how many of these, executed, gave the planned one's bits.  Any other is a
hole in the checker.  `WRONG` behind a line makes the exit status 1.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxlib.mlir import ir

import oxide
from oxide.dialects.diagnostics import OxideError
from oxide.passes.assign_buffers import AssignBuffers
from oxide.passes.assign_buffers.checker import check_plan
from oxide.passes.assign_buffers.executor import execute
from oxide.passes.base import PassLog
from oxide.passes.manager import clone_module, run_pipeline
from oxide.samples import random_inputs

sys.path.insert(0, str(Path(__file__).parents[1]))

from models.twelve import TWELVE
from operations_by_xla import Evaluator
from plan_mutations import mutate

TOLERANCE = 1e-3
TITLES = ("difference", "rejected", "accepted", "harmless")


def row(name: str, cells: Sequence[str]) -> str:
    return f"{name:18}" + "".join(f"{cell:>12}" for cell in cells)


def difference(have: Sequence[np.ndarray], want: Sequence[np.ndarray]) -> float:
    """The largest difference of all outputs, each over its largest element."""
    found = [np.abs(a.astype(np.float64) - b).max(initial=0) / max(np.abs(b).max(initial=0), 1e-30)
             for a, b in zip(have, want, strict=True)]  # fmt: skip
    return float(max(found, default=0))


def is_accepted(module: ir.Module) -> bool:
    try:
        check_plan(module)
    except OxideError:
        return False
    return True


def measured(name: str, pipeline: str, mutants: int, seed: int) -> tuple[list[str], bool]:
    """The cells of a model's line, and whether all is well."""
    model = oxide.load(TWELVE[name].path())
    inputs = {
        name: np.abs(array) % 2 if np.issubdtype(array.dtype, np.integer) else array
        for name, array in random_inputs(model.inputs, seed).items()
    }
    outputs = model.compile("cpu", cache=False).run(inputs)
    module = run_pipeline(model.module, pipeline)
    AssignBuffers().run(module, PassLog())
    weights = [np.asarray(model.parameters[spec.name]) for spec in model.signature.parameters]
    arguments, evaluate = [*inputs.values(), *weights], Evaluator()
    planned = execute(module, arguments, evaluate)
    found = difference(planned, [np.asarray(outputs[spec.name]) for spec in model.outputs])
    rng, accepted, harmless = np.random.default_rng(seed), 0, 0
    for _ in range(mutants):
        mutant = clone_module(module)
        mutate(mutant, rng)
        if is_accepted(mutant):
            accepted += 1
            again = execute(mutant, arguments, evaluate)
            harmless += all(a.tobytes() == b.tobytes() for a, b in zip(again, planned, strict=True))
    cells = [f"{found:.1e}", str(mutants - accepted), str(accepted), str(harmless)]
    return cells, found <= TOLERANCE and harmless == accepted


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(TWELVE)}; all by default")
    parser.add_argument("--pipeline", default="lower,fuse", help="what runs before assign-buffers")
    parser.add_argument("--mutants", type=int, default=100, help="changed plans of each model")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    print(row("model", TITLES))
    fine = True
    for name in arguments.names or TWELVE:
        cells, is_fine = measured(name, arguments.pipeline, arguments.mutants, arguments.seed)
        print(row(name, [*cells, "" if is_fine else "WRONG"]), flush=True)
        fine = fine and is_fine
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
