"""The models that are mutated: small enough that hundreds a second can be, and at least one of every operator."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from conformance.cases import node_cases, specialize
from models.zoo import LIGHT, light_as_shipped
from onnx import ModelProto, TensorProto, ValueInfoProto

# Weights larger than this become inputs: their bytes would be most of a model's.
MAX_WEIGHT_BYTES = 1 << 14


@dataclass(frozen=True)
class Seed:
    """A sound model, serialized."""

    name: str
    data: bytes


def seeds(extra: Path | None = None) -> list[Seed]:
    """Every conformance case of the onnx package, its architectures, and the models in the folder `extra`."""
    found: dict[bytes, Seed] = {}
    for seed in (*_architectures(), *_cases(), *_files(extra)):
        found.setdefault(seed.data, seed)
    return list(found.values())


def _cases() -> Iterator[Seed]:
    """Models as they are, and with shape operands known, without which most would be refused at once."""
    for case in node_cases():
        yield Seed(case.name, case.model.SerializeToString())
        if case.data_sets:
            inputs = case.data_sets[0][0]
            known, _ = specialize(case.model, [np.asarray(v) if isinstance(v, np.generic) else v for v in inputs])
            yield Seed(f"{case.name} (specialized)", known.SerializeToString())


def _architectures() -> Iterator[Seed]:
    for name in LIGHT:
        yield Seed(f"light_{name}", light_as_shipped(name).read_bytes())


def _files(folder: Path | None) -> Iterator[Seed]:
    for path in sorted(folder.glob("*.onnx")) if folder else []:
        yield Seed(path.stem, weightless(onnx.load(path, load_external_data=False)).SerializeToString())


def weightless(model: ModelProto) -> ModelProto:
    """The model with its large weights made inputs."""
    kept: list[TensorProto] = []
    declared = {value.name for value in model.graph.input}
    for tensor in model.graph.initializer:
        if tensor.ByteSize() <= MAX_WEIGHT_BYTES:
            kept.append(tensor)
        elif tensor.name not in declared:
            model.graph.input.append(_declaration(tensor))
    kept = [TensorProto.FromString(tensor.SerializeToString()) for tensor in kept]
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)
    return model


def _declaration(tensor: TensorProto) -> ValueInfoProto:
    return onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims))
