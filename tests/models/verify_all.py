"""The fourteen models against onnxruntime, as one table.

    python tests/models/verify_all.py [NAME...]

Each row: shape of the first input, sums of all outputs, mean squared error, max relative error
(max |a - b| / max |b|), and Oxide's median latency over onnxruntime's on the same number of threads.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import oxide
from oxide.benchmarking import measure_model, measure_oracle
from oxide.comparison import compare_all
from oxide.oracles import onnxruntime_oracle
from oxide.tools.oxide_text import table

sys.path.insert(0, str(Path(__file__).parents[1]))

from models.zoo import ZOO, ZooModel


@dataclass(frozen=True)
class Row:
    """What the table says of one model; `ratio` is None when nothing was timed."""

    model: str
    shape: str
    sum_oxide: float
    sum_onnxruntime: float
    mean_squared_error: float
    max_relative: float
    ratio: float | None
    passed: bool

    def cells(self) -> tuple[str, ...]:
        return (
            self.model,
            self.shape,
            f"{self.sum_oxide:.6f}",
            f"{self.sum_onnxruntime:.6f}",
            f"{self.mean_squared_error:.1e}",
            f"{self.max_relative:.1e}",
            "" if self.ratio is None else f"{self.ratio:.2f}",
            "ok" if self.passed else "DIFFERS",
        )


HEAD = ("model", "shape", "sum Oxide", "sum ORT", "MSE", "max rel", "time/ORT", "")


def verify_model(entry: ZooModel, *, seconds: float = 0.0) -> Row:
    """Import, compile and run one model and onnxruntime on the same inputs; time both for `seconds` each."""
    inputs = entry.inputs()
    model = oxide.load(entry.path())
    executable = model.compile()
    ours = {name: np.asarray(value) for name, value in executable.run(inputs).items()}
    oracle = onnxruntime_oracle(entry.path())
    reference = oracle.run(inputs)
    comparisons = compare_all(ours, reference)
    ratio = None
    if seconds:
        mine = measure_model(model, inputs, seconds=seconds)
        ratio = mine.median / measure_oracle(oracle, inputs, seconds=seconds).median
    return Row(
        model=entry.name,
        shape="x".join(map(str, next(iter(inputs.values())).shape)),
        sum_oxide=total(list(ours.values())),
        sum_onnxruntime=total(list(reference.values())),
        mean_squared_error=float(np.mean([np.mean((ours[name] - reference[name]) ** 2.0) for name in reference])),
        max_relative=max(comparison.max_relative for comparison in comparisons),
        ratio=ratio,
        passed=all(comparison.passed for comparison in comparisons),
    )


def total(arrays: list[np.ndarray]) -> float:
    return float(sum(array.sum(dtype=np.float64) for array in arrays))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", nargs="*", help="only these models")
    parser.add_argument("--seconds", type=float, default=2.0, help="how long to time each; 0 for not at all")
    options = parser.parse_args()
    rows = [verify_model(ZOO[name], seconds=options.seconds) for name in options.name or ZOO]
    print(table([HEAD, *(row.cells() for row in rows)], numbers=6))
    return 0 if all(row.passed for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
