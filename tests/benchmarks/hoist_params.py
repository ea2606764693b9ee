"""What prepared weights bring: latency, bytes of weights and time to load, raw and prepared.

    python tests/benchmarks/hoist_params.py [--seconds 4] [NAME | FILE]...

Calls of the forms take turns, so that other work on the machine meets all of them; `ratio` is the median, over
the rounds, of a form's time to the raw form's.  `MB moved` is what a call reads and writes by XLA's cost analysis.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from time import perf_counter

import numpy as np

import oxide
from oxide.samples import random_inputs
from oxide.signature import TensorSpec

sys.path.insert(0, str(Path(__file__).parents[1]))

from models.twelve import TWELVE

DEFAULT = ("light_resnet50", "light_densenet121", "bert_base", "gpt2_prefill", "lstm")
FORMS = {
    "raw": "",
    "hoisted": "hoist-params{max-growth=1073741824}",
    "folded and hoisted": "fold-batch-norm,hoist-params{max-growth=1073741824}",
    "simplified as well": "fold-batch-norm,simplify{layout=auto},hoist-params{max-growth=1073741824}",
}


def megabytes(specs: tuple[TensorSpec, ...]) -> float:
    return sum(np.prod(spec.sizes) * spec.dtype.itemsize for spec in specs) / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", nargs="*", default=DEFAULT, help="models of the twelve, or ONNX files")
    parser.add_argument("--seconds", type=float, default=4.0, help="how long to time each form")
    parser.add_argument("--platform", default="cpu", help="where to run")
    options = parser.parse_args()
    columns = ("median ms", "p10", "ratio", "MB taken", "MB moved", "load s", "prepared")
    print(f"{'model':24}{'form':20}" + "".join(f"{column:>10}" for column in columns))
    for name in options.name:
        path = TWELVE[name].path() if name in TWELVE else Path(name)
        executables = {}
        for form, pipeline in FORMS.items():
            model = oxide.load(path).run_passes("default").run_passes(pipeline)
            start = perf_counter()
            executable = model.compile(options.platform, pipeline="", cache=False)
            seconds = perf_counter() - start
            signature = model.signature
            prepared = len(signature.preparation.results) if signature.preparation else 0
            executables[form] = (executable, seconds, megabytes(signature.parameters), prepared)
        inputs = TWELVE[name].inputs() if name in TWELVE else random_inputs(executable.inputs, 0)
        times: dict[str, list[float]] = {form: [] for form in FORMS}
        end = perf_counter() + options.seconds * len(FORMS)
        while len(times["raw"]) < 10 or perf_counter() < end:
            for form, (executable, *_) in executables.items():
                start = perf_counter()
                for value in executable.run(inputs).values():
                    np.asarray(value)
                times[form].append(perf_counter() - start)
        for form, (executable, seconds, size, prepared) in executables.items():
            moved = executable.cost_analysis()["bytes accessed"] / 1e6
            calls, raw = np.array(times[form][3:]), np.array(times["raw"][3:])
            median, p10 = np.percentile(calls, (50, 10)) * 1e3
            ratio = np.median(calls / raw)
            numbers = "".join(f"{number:10.2f}" for number in (median, p10, ratio, size, moved, seconds))
            print(f"{path.stem:24}{form:20}{numbers}{prepared:10}")


if __name__ == "__main__":
    main()
