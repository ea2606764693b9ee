"""`make demo`: a real architecture in, three ways out, each checked against onnxruntime.

    python tests/demo.py --output demo

Takes ResNet-50 from the onnx package, gives it seeded random weights, and uses the commands a user would.
"""

from __future__ import annotations

import argparse
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import numpy as np
from models.zoo import ZOO

from oxide.comparison import Comparison, compare
from oxide.oracles import onnxruntime_oracle
from oxide.tools.oxide_text import scaled, table

MODEL = "light_resnet50"
TOLERANCE = 1e-4

# Run in a process that has never seen Oxide: the generated file needs jax and safetensors only.
RUN_SOURCE = """
import importlib.util, sys
import jax, numpy as np
spec = importlib.util.spec_from_file_location("generated", sys.argv[1])
generated = importlib.util.module_from_spec(spec)
spec.loader.exec_module(generated)
output = jax.jit(generated.forward)(generated.load_params(), np.load(sys.argv[2]))
np.savez(sys.argv[3], output=output)
assert not any(name.split(".")[0] == "oxide" for name in sys.modules)
"""


def command(tool: str, *arguments: str | Path) -> str:
    """Show a command, run it, and return what it printed.  Ends the demo when it fails."""
    words = [str(argument) for argument in arguments]
    print("$", shlex.join([tool, *words]))
    module = {"oxide": "oxide.tools.oxide", "oxide-opt": "oxide.tools.opt"}[tool]
    return python("-m", module, *words)


def python(*arguments: str | Path) -> str:
    done = subprocess.run([sys.executable, *map(str, arguments)], stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"the demo failed: exit status {done.returncode}")
    return done.stdout


class Demo:
    """The files of one demo in `folder`, and what its steps measured."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        zoo_model = ZOO[MODEL]
        self.folder = folder
        self.onnx = folder / f"{MODEL}.onnx"
        shutil.copyfile(zoo_model.path(), self.onnx)
        ((self.input_name, self.image),) = zoo_model.inputs().items()
        self.image_file = folder / "image.npy"
        np.save(self.image_file, self.image)
        self.rows: list[tuple[str, str, str, str]] = []
        self.comparisons: list[Comparison] = []

    def file(self, suffix: str) -> Path:
        return self.onnx.with_suffix(suffix)

    def output_file(self, source: Path) -> Path:
        return source.with_name(source.name + ".output.npz")

    def compile_all(self) -> None:
        """Write the model in every form; `.mlir` is for reading and for oxide-opt."""
        for suffix in (".py", ".mlirbc", ".mlir"):
            command("oxide", "compile", self.onnx, "-o", self.file(suffix))

    def run_with_oxide(self, source: Path) -> np.ndarray:
        """Run a model file with `oxide run` on the demo's input."""
        outputs = self.output_file(source)
        command("oxide", "run", source, "--input", f"{self.input_name}={self.image_file}", "-o", outputs)
        return first_array(outputs)

    def run_generated(self) -> np.ndarray:
        """Run the generated Python file in a fresh process that does not import Oxide."""
        outputs = self.output_file(self.file(".py"))
        print(f"$ python {self.file('.py')}  # jax.jit(forward)(load_params(), image)")
        python("-c", RUN_SOURCE, self.file(".py"), self.image_file, outputs)
        return first_array(outputs)

    def check(self, what: str, path: Path, run: Callable[[], np.ndarray], reference: np.ndarray) -> None:
        start = perf_counter()
        result = compare(what, run(), reference, TOLERANCE)
        verdict = "ok" if result.passed else f"DIFFERS {result.problem}"
        self.comparisons.append(result)
        self.rows.append(
            (what, str(path), f"{perf_counter() - start:.1f} s", f"{result.max_relative:.1e} {verdict}")
        )

    def fusions(self) -> int:
        """How many fusion composites `oxide-opt --fuse` makes of the module."""
        return command("oxide-opt", "--fuse", self.file(".mlir")).count('stablehlo.composite "oxide.fusion"')


def first_array(path: Path) -> np.ndarray:
    with np.load(path) as arrays:
        return arrays[arrays.files[0]]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("demo"))
    demo = Demo(parser.parse_args().output)
    (reference,) = onnxruntime_oracle(demo.onnx).run({demo.input_name: demo.image}).values()
    demo.compile_all()
    demo.check("executable (PJRT)", demo.onnx, lambda: demo.run_with_oxide(demo.onnx), reference)
    demo.check(
        "portable artefact", demo.file(".mlirbc"), lambda: demo.run_with_oxide(demo.file(".mlirbc")), reference
    )
    demo.check("JAX source", demo.file(".py"), demo.run_generated, reference)
    fusions = demo.fusions()
    print(f"\n{MODEL} with seeded random weights, max |ours - onnxruntime| / max |onnxruntime|:\n")
    print(table([("form", "file", "load and run", "relative error"), *demo.rows]))
    print(f"\noxide-opt --fuse made {fusions} fusion composites.")
    print(f"\nfiles in {demo.folder}/:")
    print(
        table(((path.name, scaled(path.stat().st_size, "B")) for path in sorted(demo.folder.iterdir())), numbers=1)
    )
    return 0 if fusions and all(result.passed for result in demo.comparisons) else 1


if __name__ == "__main__":
    sys.exit(main())
