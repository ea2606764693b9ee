"""Opening a model: from a path, bytes or a ModelProto to parsed structure and where its weights lie."""

from __future__ import annotations

import mmap
import os
from dataclasses import dataclass
from pathlib import Path

from google.protobuf.message import DecodeError
from onnx import ModelProto

from oxide.dialects.diagnostics import OxideError
from oxide.frontends.onnx.external_data import ExternalFiles
from oxide.frontends.onnx.initializers import TensorReader
from oxide.frontends.onnx.wire import RawData, take_out_tensors


@dataclass(frozen=True)
class ModelFile:
    """A parsed model.  `label` is for messages, `name` for the Model."""

    proto: ModelProto
    reader: TensorReader
    label: str
    name: str


def open_model(
    source: str | os.PathLike[str] | bytes | ModelProto,
    base_dir: str | os.PathLike[str] | None,
    name: str | None,
) -> ModelFile:
    """Parse a model.  Raises OxideError when it cannot be read or is not an ONNX model."""
    label, stem = "ONNX model", ""
    if isinstance(source, ModelProto):
        proto, raw = source, RawData()
    elif isinstance(source, bytes | bytearray | memoryview):
        proto, raw = _parse(memoryview(source).toreadonly(), label)
    else:
        path = Path(source)
        label, stem, base_dir = str(path), path.stem, base_dir or path.parent
        proto, raw = _parse(_map(path), label)
    if not proto.HasField("graph"):
        raise OxideError(f"{label}: not an ONNX model: it has no graph")
    reader = TensorReader(ExternalFiles(base_dir), raw.resolve)
    graph_name = proto.graph.name if isinstance(proto.graph.name, str) else ""
    return ModelFile(proto, reader, label, name or stem or graph_name or "model")


def _map(path: Path) -> memoryview:
    """The bytes of a file without reading them; pipes and other files without a size are read."""
    try:
        with open(path, "rb") as file:
            if os.fstat(file.fileno()).st_size == 0:
                return memoryview(file.read())
            return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    except (OSError, ValueError) as error:
        raise OxideError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from error


def _parse(data: memoryview, label: str) -> tuple[ModelProto, RawData]:
    if not data:
        raise OxideError(f"{label}: not an ONNX model: the file is empty")
    stripped, raw = take_out_tensors(data)
    try:
        return ModelProto.FromString(stripped), raw
    except (DecodeError, ValueError) as error:
        raise OxideError(f"{label}: not an ONNX model, or a damaged one: {error}") from error
