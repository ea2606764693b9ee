"""Convolutions of well-known networks: whole, as `simplify{convolutions=auto}` has them, and in onnxruntime.

    python tests/benchmarks/convolutions.py [--seconds 1] [TEXT...]

Each row is one convolution with its bias, of images with channels first; TEXT chooses rows whose name contains it.
`form` is the rule that fired.  Calls of the three take turns, so that other work on the machine meets all of them;
times are the least, ratios those of the least.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter

import numpy as np
from onnx import TensorProto, helper, numpy_helper

import oxide
from oxide.oracles import onnxruntime_oracle
from oxide.passes.base import PassLog
from oxide.passes.manager import run_pipeline
from oxide.passes.simplify import Simplify
from oxide.tools.oxide_text import table

FORMS = ("keep", "auto")
PIPELINE = "default,simplify{{layout=auto convolutions={form}}},canonicalize,hoist-params,symbol-dce"


@dataclass(frozen=True)
class Shape:
    """`images` are batch and channels, then spatial sizes; padding keeps the sizes at stride 1."""

    name: str
    images: tuple[int, ...]
    features: int
    window: tuple[int, ...]
    groups: int
    stride: int = 1

    def model(self) -> bytes:
        batch, channels, *sizes = self.images
        rng = np.random.default_rng(0)
        weights = {
            "w": rng.standard_normal((self.features, channels // self.groups, *self.window), np.float32),
            "b": rng.standard_normal(self.features, np.float32),
        }
        node = helper.make_node(
            "Conv",
            ["x", *weights],
            ["y"],
            group=self.groups,
            strides=[self.stride] * len(sizes),
            pads=[(size - 1) // 2 for size in self.window] + [size // 2 for size in self.window],
        )
        graph = helper.make_graph(
            [node],
            "convolution",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, channels, *sizes])],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
            [numpy_helper.from_array(array, name) for name, array in weights.items()],
        )
        return helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8
        ).SerializeToString()


SHAPES = [
    Shape("MobileNetV2 stem", (1, 3, 224, 224), 32, (3, 3), 1, 2),
    Shape("MobileNetV2 112", (1, 32, 112, 112), 32, (3, 3), 32),
    Shape("MobileNetV2 112/2", (1, 96, 112, 112), 96, (3, 3), 96, 2),
    Shape("MobileNetV2 28", (1, 192, 28, 28), 192, (3, 3), 192),
    Shape("MobileNetV2 7", (1, 960, 7, 7), 960, (3, 3), 960),
    Shape("MobileNetV2 28, batch 8", (8, 192, 28, 28), 192, (3, 3), 192),
    Shape("MobileNetV3 14, 5x5", (1, 480, 14, 14), 480, (5, 5), 480),
    Shape("EfficientNet 28/2, 5x5", (1, 240, 28, 28), 240, (5, 5), 240, 2),
    Shape("ConvNeXt 56, 7x7", (1, 96, 56, 56), 96, (7, 7), 96),
    Shape("ConvNeXt 7, 7x7", (1, 768, 7, 7), 768, (7, 7), 768),
    Shape("large kernel 14, 11x11", (1, 384, 14, 14), 384, (11, 11), 384),
    Shape("large kernel 14, 13x13", (1, 384, 14, 14), 384, (13, 13), 384),
    Shape("conformer, 31", (1, 512, 256), 512, (31,), 512),
    Shape("X3D, 3x3x3", (1, 54, 8, 28, 28), 54, (3, 3, 3), 54),
    Shape("depth multiplier 2", (1, 64, 56, 56), 128, (3, 3), 64),
    Shape("ResNeXt 56, 4 channels", (1, 128, 56, 56), 128, (3, 3), 32),
    Shape("ResNeXt 28, 8 channels", (1, 256, 28, 28), 256, (3, 3), 32),
    Shape("ResNeXt 14, 16 channels", (1, 512, 14, 14), 512, (3, 3), 32),
    Shape("ResNeXt 7, 32 channels", (1, 1024, 7, 7), 1024, (3, 3), 32),
    Shape("ResNeXt 14, batch 8", (8, 512, 14, 14), 512, (3, 3), 32),
    Shape("RegNetY 14, 8 channels", (1, 208, 14, 14), 208, (3, 3), 26),
    Shape("AlexNet 27, 2 groups", (1, 96, 27, 27), 256, (5, 5), 2),
    Shape("wav2vec, 48 channels", (1, 768, 250), 768, (128,), 16),
    Shape("ShuffleNet 28, 1x1", (1, 136, 28, 28), 136, (1, 1), 4),
    Shape("ShuffleNet 28, 1x1, batch 8", (8, 136, 28, 28), 136, (1, 1), 4),
    Shape("3-D ResNet 28", (1, 64, 8, 28, 28), 64, (3, 3, 3), 1),
    Shape("3-D UNet 16", (1, 64, 16, 16, 16), 64, (3, 3, 3), 1),
    Shape("VGG stem", (1, 3, 224, 224), 64, (3, 3), 1),
    Shape("ResNet 28", (1, 128, 28, 28), 128, (3, 3), 1),
]


def fired(shape: Shape) -> str:
    """The rules that rewrote the convolution, and what they are about."""
    module = run_pipeline(oxide.load(shape.model()).module, "default")
    log = PassLog()
    Simplify(layout="auto", convolutions="auto").run(module, log)
    rules = [name for name, rule in log.rules.items() if rule.hits and "convolution" in name]
    return ", ".join(rule.removeprefix("convolution-by-") for rule in rules)


def least_milliseconds(shape: Shape, seconds: float) -> list[float]:
    inputs = {"x": np.random.default_rng(1).standard_normal(shape.images, np.float32)}
    oracle = onnxruntime_oracle(shape.model())
    calls: list[Callable[[], object]] = []
    for form in FORMS:
        executable = oxide.load(shape.model()).run_passes(PIPELINE.format(form=form)).compile(cache=False)
        calls.append(lambda run=executable.run: [np.asarray(value) for value in run(inputs).values()])
    calls.append(lambda: oracle.run(inputs))
    times: list[list[float]] = [[] for _ in calls]
    end = perf_counter() + seconds
    while len(times[0]) < 5 or perf_counter() < end:
        for call, found in zip(calls, times, strict=True):
            start = perf_counter()
            call()
            found.append(perf_counter() - start)
    return [1e3 * min(found) for found in times]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text", nargs="*", help="only rows whose name contains one of these")
    parser.add_argument("--seconds", type=float, default=1.0, help="how long to time each row")
    options = parser.parse_args()
    rows: list[tuple[str, ...]] = [
        ("convolution", "form", "whole ms", "auto ms", "ORT ms", "auto/whole", "auto/ORT")
    ]
    for shape in SHAPES:
        if not options.text or any(text in shape.name for text in options.text):
            whole, auto, oracle = least_milliseconds(shape, options.seconds)
            figures = (f"{time:.3f}" for time in (whole, auto, oracle))
            rows.append((shape.name, fired(shape), *figures, f"{auto / whole:.3f}", f"{auto / oracle:.2f}"))
    print(table(rows, numbers=5))


if __name__ == "__main__":
    main()
