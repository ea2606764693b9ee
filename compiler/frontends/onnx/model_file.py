"""Opening a model: from a path, bytes or a ModelProto to parsed structure and where its weights lie."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from google.protobuf.message import DecodeError
from onnx import ModelProto, TensorProto

from oxide.dialects.diagnostics import OxideError
from oxide.frontends.onnx.external_data import ExternalFiles


@dataclass
class ModelFile:
    """A parsed model.  `label` is for messages, `name` for the Model."""

    proto: ModelProto
    files: ExternalFiles
    label: str
    name: str

    def raw_data(self, tensor: TensorProto) -> memoryview | bytes:
        return tensor.raw_data


def open_model(
    source: str | os.PathLike[str] | bytes | ModelProto,
    base_dir: str | os.PathLike[str] | None,
    name: str | None,
) -> ModelFile:
    """Parse a model.  Raises OxideError when it cannot be read or is not an ONNX model."""
    if isinstance(source, ModelProto):
        label, stem, folder, proto = "ONNX model", "", base_dir, source
    elif isinstance(source, bytes | bytearray | memoryview):
        label, stem, folder = "ONNX model", "", base_dir
        proto = _parse(bytes(source), label)
    else:
        path = Path(source)
        label, stem, folder = str(path), path.stem, base_dir or path.parent
        try:
            data = path.read_bytes()
        except OSError as error:
            raise OxideError(f"cannot read {path}: {error.strerror or error}") from error
        proto = _parse(data, label)
    if not proto.HasField("graph"):
        raise OxideError(f"{label}: not an ONNX model: it has no graph")
    return ModelFile(proto, ExternalFiles(folder), label, name or stem or proto.graph.name or "model")


def _parse(data: bytes, label: str) -> ModelProto:
    if not data:
        raise OxideError(f"{label}: not an ONNX model: the file is empty")
    try:
        return ModelProto.FromString(data)
    except DecodeError as error:
        raise OxideError(f"{label}: not an ONNX model, or a damaged one: {error}") from error
