"""What functions of repeated structure, and loops of their calls, bring: sizes, XLA's compile time, latency.

    python tests/benchmarks/outline.py [--seconds 4] [--compiles 3] [--platform cpu] [NAME | FILE]...

`ops` and `IR kB` are of the module's text; `source` is lines of JAX source without the helpers.  `compile s` is the
least CPU time of several compilations of @main, `prepare s` of @prepare.  Calls of the forms take turns; `ratio` is
the median, over the rounds, of a form's time to the raw form's.  `difference` is the largest of an output to the
raw form's, by the largest magnitude in that output.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from time import perf_counter, process_time

import numpy as np
from jaxlib.mlir import ir

import oxide
from oxide.backends.pjrt.client import find_device
from oxide.backends.pjrt.program import bytecode, separate
from oxide.samples import random_inputs

sys.path.insert(0, str(Path(__file__).parents[1]))

from models.twelve import TWELVE

DEFAULT = ("bert_base", "gpt2_prefill", "deit_small", "t5_small_encoder", "light_resnet50")
FORMS = {
    "raw": "",
    "outlined": "outline",
    "rolled": "outline,roll,hoist-params{max-growth=1073741824}",
}


def operations(module: ir.Module) -> int:
    count = 0

    def visit(op: ir.Operation) -> ir.WalkResult:
        nonlocal count
        count += 1
        return ir.WalkResult.ADVANCE

    module.operation.walk(visit)
    return count


def source_lines(model: oxide.Model) -> int:
    """Lines of the generated file that are of this model."""
    text = model.to_jax_source().text
    loader = text.index("def load_params")
    return text.count("\n", text.index("\n\n\n", loader))


def compile_seconds(module: ir.Module | None, platform: str, times: int) -> float:
    """The least CPU time that XLA needs: other work on the machine does not count."""
    if module is None:
        return 0.0
    device, program = find_device(platform), bytecode(module)
    seconds = []
    for _ in range(times):
        start = process_time()
        device.compile(program, {})
        seconds.append(process_time() - start)
    return min(seconds)


def difference(outputs: dict[str, np.ndarray], raw: dict[str, np.ndarray]) -> float:
    return max(
        float(np.abs(value.astype(np.float64) - raw[name]).max() / max(np.abs(raw[name]).max(), 1e-30))
        for name, value in outputs.items()
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", nargs="*", default=DEFAULT, help="models of the twelve, or ONNX files")
    parser.add_argument("--seconds", type=float, default=4.0, help="how long to time the calls of each form")
    parser.add_argument("--compiles", type=int, default=3, help="how often to compile each form")
    parser.add_argument("--platform", default="cpu", help="where to run")
    options = parser.parse_args()
    columns = ("ops", "IR kB", "source", "compile s", "prepare s", "ms", "ratio", "difference")
    print(f"{'model':20}{'form':10}" + "".join(f"{column:>11}" for column in columns))
    for name in options.name:
        path = TWELVE[name].path() if name in TWELVE else Path(name)
        executables, facts = {}, {}
        for form, pipeline in FORMS.items():
            model = oxide.load(path).run_passes("default").run_passes(pipeline)
            forward, prepare = separate(model.module, model.signature)
            facts[form] = (
                operations(model.module),
                len(str(model.module)) / 1e3,
                source_lines(model),
                compile_seconds(forward, options.platform, options.compiles),
                compile_seconds(prepare, options.platform, options.compiles),
            )
            executables[form] = model.compile(options.platform, pipeline="", cache=False)
        inputs = TWELVE[name].inputs() if name in TWELVE else random_inputs(executables["raw"].inputs, 0)
        times: dict[str, list[float]] = {form: [] for form in FORMS}
        outputs: dict[str, dict[str, np.ndarray]] = {}
        end = perf_counter() + options.seconds * len(FORMS)
        while len(times["raw"]) < 10 or perf_counter() < end:
            for form, executable in executables.items():
                start = perf_counter()
                outputs[form] = {key: np.asarray(value) for key, value in executable.run(inputs).items()}
                times[form].append(perf_counter() - start)
        for form, (count, size, lines, forward_seconds, prepare_seconds) in facts.items():
            calls, raw = np.array(times[form][3:]), np.array(times["raw"][3:])
            print(
                f"{path.stem:20}{form:10}{count:11}{size:11.1f}{lines:11}{forward_seconds:11.3f}{prepare_seconds:11.3f}"
                f"{np.median(calls) * 1e3:11.2f}{np.median(calls / raw):11.2f}"
                f"{difference(outputs[form], outputs['raw']):11.1e}",
                flush=True,
            )


if __name__ == "__main__":
    main()
