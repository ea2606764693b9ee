"""The fourteen ONNX models that Oxide must get right, and inputs for them.

Nine are the `light_*` architectures of the onnx package with seeded random weights, five are exported from
PyTorch.  `light_as_shipped` gives the nine without new weights.  Building takes seconds to a minute, so the
files are kept under build/zoo, in a folder named by the content of the sources that made them.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import logging
import os
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnx
from models.random_weights import image_like, randomized

if TYPE_CHECKING:
    import torch

REPOSITORY = Path(__file__).parents[2]
CACHE = REPOSITORY / "build" / "zoo"
SOURCES = ("zoo.py", "architectures.py", "sequence_architectures.py", "random_weights.py")
MAKERS = ("onnx", "onnxscript", "torch", "numpy")

LIGHT = (
    "bvlc_alexnet",
    "densenet121",
    "inception_v1",
    "inception_v2",
    "resnet50",
    "shufflenet",
    "squeezenet",
    "vgg19",
    "zfnet512",
)


@dataclass(frozen=True)
class ZooModel:
    """A model that `build` makes; integer inputs are token ids below `vocabulary`."""

    name: str
    build: Callable[[], onnx.ModelProto]
    vocabulary: int = 2

    def path(self) -> Path:
        """The model's file, built when it is not in the cache."""
        target = CACHE / fingerprint() / f"{self.name}.onnx"
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            model = self.build()
            with tempfile.NamedTemporaryFile(dir=target.parent, delete=False) as part:
                part.write(model.SerializeToString())
            os.replace(part.name, target)
        return target

    def inputs(self, seed: int = 0) -> dict[str, np.ndarray]:
        """Seeded inputs by name: images, normal vectors, or token ids below `vocabulary`."""
        graph = onnx.load(self.path(), load_external_data=False).graph
        weights = {tensor.name for tensor in graph.initializer}
        rng = np.random.default_rng(seed)
        made: dict[str, np.ndarray] = {}
        for value in graph.input:
            if value.name in weights:
                continue
            tensor = value.type.tensor_type
            shape = [dim.dim_value for dim in tensor.shape.dim]
            if tensor.elem_type == onnx.TensorProto.INT64:
                made[value.name] = rng.integers(0, self.vocabulary, shape)
            elif len(shape) == 4:
                made[value.name] = image_like(rng, tuple(shape))
            else:
                made[value.name] = rng.standard_normal(shape, dtype=np.float32)
        return made


@cache
def fingerprint() -> str:
    """Changes with the sources of the zoo and with the packages that make the models."""
    digest = hashlib.sha256()
    for source in SOURCES:
        digest.update((Path(__file__).parent / source).read_bytes())
    for package in MAKERS:
        digest.update(f"{package}={importlib.metadata.version(package)};".encode())
    return digest.hexdigest()[:12]


def light_as_shipped(name: str) -> Path:
    """`name` without its `light_`: the file in the onnx package, constant weights and all."""
    return Path(onnx.__file__).parent / "backend" / "test" / "data" / "light" / f"light_{name}.onnx"


def light(name: str) -> onnx.ModelProto:
    return randomized(onnx.load(light_as_shipped(name)), seed=LIGHT.index(name))


def exported(architecture: str, *shape: int) -> onnx.ModelProto:
    """`models.architectures.<architecture>` as PyTorch's current exporter writes it."""
    import torch
    from models import architectures

    build = getattr(architectures, architecture)
    example = torch.randint(0, 1000, shape) if build is architectures.TextClassifier else torch.randn(shape)
    return exported_program(architectures.seeded(build), (example,))


def exported_program(model: torch.nn.Module, example: tuple[torch.Tensor, ...]) -> onnx.ModelProto:
    """A torch model at the shapes of `example` as PyTorch's current exporter writes it."""
    import torch

    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            program = torch.onnx.export(model, example, dynamo=True, verbose=False)
    finally:
        torch.backends.mha.set_fastpath_enabled(True)
    assert program is not None
    return program.model_proto


LIGHT_MODELS = [ZooModel(f"light_{name}", lambda name=name: light(name)) for name in LIGHT]
EXPORTED_MODELS = [
    ZooModel("mlp", lambda: exported("Mlp", 1, 64)),
    ZooModel("small_cnn", lambda: exported("SmallCnn", 1, 3, 16, 16)),
    ZooModel("resnet18", lambda: exported("ResNet18", 1, 3, 224, 224)),
    ZooModel("deit_small", lambda: exported("DeitSmall", 1, 3, 224, 224)),
    ZooModel("text_classifier", lambda: exported("TextClassifier", 1, 15), vocabulary=1000),
]
ZOO = {model.name: model for model in LIGHT_MODELS + EXPORTED_MODELS}
