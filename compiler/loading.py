"""`oxide.load`: a model file of any form Oxide reads, told by its content and not by its name."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from oxide.artefacts import attach_parameters
from oxide.dialects.context import BYTECODE_MAGIC
from oxide.dialects.diagnostics import OxideError
from oxide.frontends.mlir import import_module
from oxide.frontends.torch_mlir.reader import is_torch_dialect
from oxide.model import Model
from oxide.signature import read_signature

if TYPE_CHECKING:
    from oxide.frontends.onnx.custom import Given

# Leading bytes of files people confuse with models, and what they are.
_FOREIGN = (
    (b"\x1f\x8b", "gzip data; unpack it first"),
    (b"\x89HDF", "an HDF5 file; only models in ONNX or StableHLO are read"),
    (b"GGUF", "a GGUF file; only models in ONNX or StableHLO are read"),
    (b"\x80\x02", "a Python pickle, which Oxide never opens; export the model to ONNX or StableHLO"),
    (b"\x80\x04", "a Python pickle, which Oxide never opens; export the model to ONNX or StableHLO"),
    (b"\x93NUMPY", "a numpy array, not a model"),
    (b"\x7fELF", "a native program, not a model"),
    (b"#!", "a script, not a model"),
    (b"HloModule", "XLA HLO text, which Oxide writes but does not read; keep the .mlirbc"),
    (b"ir_version:", "ONNX as protobuf text; save it in ONNX's binary form"),
    (b"ir_version ", "ONNX as protobuf text; save it in ONNX's binary form"),
    (b"<\n   ir_version", "ONNX as text; save it in ONNX's binary form"),
    (b'{"', "JSON, not a model"),
    (b"{\n", "JSON, not a model"),
    (b"[", "JSON, not a model"),
    (b"<", "HTML or XML, not a model (a failed download?)"),
    (b'"""', "Python source; import the function with oxide.import_jax"),
    (b"import ", "Python source; import the function with oxide.import_jax"),
    (b"from ", "Python source; import the function with oxide.import_jax"),
    (b"version https://git-lfs", "a Git LFS pointer; fetch the file itself"),
)


_ZIP = b"PK\x03\x04"
# The first byte of ONNX is the protobuf tag of one of ModelProto's fields (1-8, 14, 20, 25), nearly always of
# ir_version, which is number 1.
_ONNX_TAGS = b"\x08\x12\x1a\x22\x28\x32\x3a\x42\x72\xa2\xca"
_HEAD_BYTES = 4096


def load(
    source: str | os.PathLike[str] | bytes,
    *,
    name: str | None = None,
    weights: Path | None = None,
    dims: Mapping[str, int] | None = None,
    shapes: Mapping[str, Sequence[int]] | None = None,
    lowerings: Given | None = None,
) -> Model:
    """Load ONNX, a `.pt2` of torch.export, a portable artefact, or MLIR text or bytecode of StableHLO or `torch`.

    `source` is a path, or the bytes themselves.  The weights of a StableHLO file lie beside it, or at `weights`.
    `name` becomes the model's.  `dims` and `shapes` fix sizes that an ONNX
    model leaves open, `lowerings` are for operators that Oxide does not know, as in `import_onnx`.  Raises
    OxideError that says what is wrong, or what the file looks like instead.
    """
    head = _head_of(source)
    path = None if isinstance(source, bytes) else Path(source)
    label = str(path) if path else "<bytes>"
    foreign = looks_like(head)
    if foreign:
        raise OxideError(f"{label}: not a model: it looks like {foreign}")
    name = name or (path.stem if path else "model")
    kind = "a program of torch.export" if head.startswith(_ZIP) else "MLIR" if _is_mlir(head) else "ONNX"
    if kind != "ONNX":
        if lowerings is not None:
            raise OxideError(f"{label}: lowerings are for ONNX models; this is {kind}")
        if dims or shapes:
            raise OxideError(f"{label}: dimensions can be fixed in ONNX models only; this is {kind}")
    if head.startswith(_ZIP):
        if weights is not None:
            raise OxideError(f"{label}: a program of torch.export has its weights in itself")
        from oxide.frontends.torch import load_exported

        return load_exported(source, name=name, label=label)
    if kind == "MLIR":
        data = source if isinstance(source, bytes) else Path(source).read_bytes()
        if is_torch_dialect(data):
            if weights is not None:
                raise OxideError(f"{label}: a module in the torch dialect has its weights in itself")
            from oxide.frontends.torch_mlir.importer import import_torch_dialect

            return import_torch_dialect(data, label, name)
        module = import_module(data, label)
        if path is None and weights is None:
            return Model(module, {}, name)
        store = attach_parameters(read_signature(module), path or Path(label), data, weights)
        return Model(module, store, name)
    import_onnx = _onnx_importer(label)
    return import_onnx(source, name=name, dims=dims, shapes=shapes, lowerings=lowerings)


def is_onnx(source: str | os.PathLike[str] | bytes) -> bool:
    """Whether `load` would take a file for an ONNX model.  Raises OxideError when it cannot be read."""
    head = _head_of(source)
    return not (looks_like(head) or _is_mlir(head) or head.startswith(_ZIP))


def _head_of(source: str | os.PathLike[str] | bytes) -> bytes:
    if isinstance(source, bytes):
        return source[:_HEAD_BYTES]
    try:
        with open(source, "rb") as stream:
            return stream.read(_HEAD_BYTES)
    except (OSError, ValueError) as error:
        raise OxideError(f"cannot read {Path(source)}: {getattr(error, 'strerror', None) or error}") from error


def _is_mlir(head: bytes) -> bool:
    return head.startswith(BYTECODE_MAGIC) or _is_text(head)


def _onnx_importer(label: str) -> Callable[..., Model]:
    try:
        from oxide.frontends.onnx import import_onnx
    except ModuleNotFoundError as error:
        if error.name != "onnx":
            raise
        raise OxideError(f"{label}: reading ONNX needs the onnx package: pip install 'oxide-mlir[onnx]'") from error
    return import_onnx


def looks_like(head: bytes) -> str:
    """What a file that is no model seems to be, from its first bytes; empty when it may be one."""
    start = head.lstrip()
    if not start:
        return "an empty file"
    for magic, what in _FOREIGN:
        if start.startswith(magic):
            return what
    if int.from_bytes(head[:8], "little") < 1 << 27 and head[8:10] == b'{"':
        return "a safetensors file: weights without a model; give the .mlirbc or .mlir beside it"
    if head.startswith((BYTECODE_MAGIC, _ZIP)) or _is_text(head) or head[0] in _ONNX_TAGS:
        return ""
    return "binary data of an unknown kind"


def _is_text(head: bytes) -> bool:
    return not any(byte < 32 and byte not in b"\t\n\r\f" for byte in head)
