"""Latency of whole models: Oxide's executable, the generated JAX source under jax.jit, and onnxruntime.

    python tests/benchmarks/run_speed.py [NAME...]

All three start from numpy arrays and end in numpy arrays, on the same number of threads.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

import oxide
from oxide.benchmarking import Timing, measure, measure_model, measure_oracle
from oxide.oracles import onnxruntime_oracle
from oxide.tools.oxide_text import timing_text

sys.path.insert(0, str(Path(__file__).parents[1]))

from models.zoo import ZOO, ZooModel

DEFAULT = ("light_resnet50", "resnet18", "deit_small", "text_classifier", "mlp")


def generated(model: oxide.Model, folder: Path) -> Any:
    """The model's JAX source, imported as a module."""
    path = folder / f"{model.name}.py"
    model.save(path)
    spec = importlib.util.spec_from_file_location(model.name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def jitted(source: Any, inputs: Mapping[str, np.ndarray]) -> Callable[[], None]:
    forward, params = jax.jit(source.forward), source.load_params()
    arguments = [inputs[name] for name in source.INPUT_NAMES]

    def call() -> None:
        for value in jax.tree.leaves(forward(params, *arguments)):
            np.asarray(value)

    return call


def timings(entry: ZooModel, seconds: float) -> list[Timing]:
    inputs = entry.inputs()
    model = oxide.load(entry.path()).run_passes("default")
    with tempfile.TemporaryDirectory() as folder:
        call = jitted(generated(model, Path(folder)), inputs)
    return [
        measure_oracle(onnxruntime_oracle(entry.path()), inputs, seconds=seconds),
        measure_model(model, inputs, seconds=seconds),
        measure("generated source, jax.jit", call, seconds=seconds),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", nargs="*", default=DEFAULT, help=f"models of the zoo (default {' '.join(DEFAULT)})")
    parser.add_argument("--seconds", type=float, default=2.0, help="how long to time each")
    options = parser.parse_args()
    for name in options.name:
        print(f"{name}\n{timing_text(timings(ZOO[name], options.seconds))}\n")


if __name__ == "__main__":
    main()
