"""CPU time of imports, in process and warm.

    python tests/benchmarks/import_speed.py

Prints medians in milliseconds for every light model of the onnx package, ONNX to canonical StableHLO, and for a
two-layer MLP, ONNX to JAX source.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import process_time

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import oxide
from oxide.tools.oxide_text import table

ROUNDS = 15
LIGHT = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"
# ONNX to canonical StableHLO, for scale: torch-mlir takes 355 ms of CPU for light_resnet50.
CANONICAL = "canonicalize"


def cpu_milliseconds(call: Callable[[], object]) -> float:
    """The median over rounds of the CPU time of all threads."""
    call()
    times = []
    for _ in range(ROUNDS):
        start = process_time()
        call()
        times.append((process_time() - start) * 1e3)
    return median(times)


def two_layer_mlp() -> bytes:
    """(1, 64) -> (1, 10): Gemm, Relu, Gemm."""
    rng = np.random.default_rng(0)
    shapes = {"w1": (128, 64), "b1": (128,), "w2": (10, 128), "b2": (10,)}
    graph = helper.make_graph(
        [
            helper.make_node("Gemm", ["x", "w1", "b1"], ["h"], transB=1),
            helper.make_node("Relu", ["h"], ["r"]),
            helper.make_node("Gemm", ["r", "w2", "b2"], ["y"], transB=1),
        ],
        "mlp",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 64])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 10])],
        [
            numpy_helper.from_array(rng.standard_normal(shape).astype(np.float32), name)
            for name, shape in shapes.items()
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    return model.SerializeToString()


def main() -> None:
    mlp = two_layer_mlp()
    rows = [
        ("two-layer MLP", "ONNX to JAX source", lambda: oxide.import_onnx(mlp).to_jax_source()),
        ("two-layer MLP", "ONNX to StableHLO", lambda: oxide.import_onnx(mlp)),
    ]
    for path in sorted(LIGHT.glob("light_*.onnx")):
        data = path.read_bytes()
        rows.append((path.stem, "ONNX to StableHLO", lambda data=data: oxide.import_onnx(data)))
        rows.append(
            (path.stem, "the same, canonical", lambda data=data: oxide.import_onnx(data).run_passes(CANONICAL))
        )
    cells = [(model, job, f"{cpu_milliseconds(call):.2f}") for model, job, call in rows]
    print(table([("model", "job", "CPU ms"), *cells], numbers=1))


if __name__ == "__main__":
    main()
