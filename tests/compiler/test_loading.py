"""`oxide.load` goes by content, and says what a file that is no model looks like."""

import io
import json
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import oxide
from oxide.artefacts import serialize
from oxide.dialects.context import parse_module
from oxide.dialects.diagnostics import OxideError
from oxide.loading import looks_like
from oxide.safetensors import write_safetensors

IDENTITY = "func.func @main(%x: tensor<2xf32>) -> tensor<2xf32> { return %x : tensor<2xf32> }"


def onnx_bytes() -> bytes:
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [2])
    result = helper.make_tensor_value_info("y", TensorProto.FLOAT, [2])
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", [value], [result])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10).SerializeToString()


@pytest.mark.parametrize("name", ["m.mlir", "m.onnx", "m.bin", "m"])
@pytest.mark.parametrize("form", ["text", "commented text", "artefact", "onnx"])
def test_content_tells_the_form(tmp_path: Path, form: str, name: str) -> None:
    data = {
        "text": IDENTITY.encode(),
        "commented text": b"// a model\n\n" + IDENTITY.encode(),
        "artefact": serialize(parse_module(IDENTITY)),
        "onnx": onnx_bytes(),
    }[form]
    (tmp_path / name).write_bytes(data)
    model = oxide.load(tmp_path / name)
    assert [spec.shape for spec in model.inputs] == [(2,)]
    assert model.name == "m"
    assert oxide.load(data, name="given").name == "given"


def zip_bytes() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("a", "b")
    return stream.getvalue()


def npy_bytes() -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.zeros(3))
    return stream.getvalue()


@pytest.mark.parametrize(
    ("data", "looks"),
    [
        (b"", "an empty file"),
        (b"  \n", "an empty file"),
        (zip_bytes(), "a zip archive"),
        (pickle.dumps({}), "a Python pickle"),
        (npy_bytes(), "a numpy array"),
        (json.dumps({"a": 1}).encode(), "JSON"),
        (b"<!DOCTYPE html><html>", "HTML"),
        (b"import jax\n", "Python source"),
        (b"HloModule m\n", "XLA HLO text"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer"),
        (onnx.printer.to_text(onnx.load_from_string(onnx_bytes())).encode(), "ONNX as text"),
        (bytes(range(200, 256)) + bytes(8), "binary data of an unknown kind"),
    ],
)
def test_other_files_are_named(data: bytes, looks: str) -> None:
    with pytest.raises(OxideError, match=looks):
        oxide.load(data)


def test_weights_alone_are_no_model(tmp_path: Path) -> None:
    write_safetensors(tmp_path / "w", {"a": np.zeros(3)})
    with pytest.raises(OxideError, match="a safetensors file: weights without a model"):
        oxide.load(tmp_path / "w")


@pytest.mark.parametrize("length", [1, 2, 10, 30])
def test_truncated_onnx_is_refused(length: int) -> None:
    with pytest.raises(OxideError):
        oxide.load(onnx_bytes()[:length])


@pytest.mark.parametrize("path", ["missing.onnx", ".", "a\0b"])
def test_unreadable_paths_are_refused(tmp_path: Path, path: str) -> None:
    with pytest.raises(OxideError, match="cannot read"):
        oxide.load(tmp_path / path)


def test_syntax_errors_are_located(tmp_path: Path) -> None:
    (tmp_path / "m.mlir").write_text("func.func @main() {\n  stablehlo.nothing\n}")
    with pytest.raises(OxideError, match=r"m\.mlir: not a valid MLIR module") as caught:
        oxide.load(tmp_path / "m.mlir")
    assert caught.value.diagnostics[0].location.endswith("m.mlir:2:3")


RESOURCES = """func.func @main(%x: tensor<2xi32>) -> (tensor<2xi32>, tensor<3xf32>) {
  %a = stablehlo.constant dense_resource<a> : tensor<2xi32>
  %b = stablehlo.constant dense_resource<"the b"> : tensor<3xf32>
  %r = stablehlo.add %x, %a : tensor<2xi32>
  return %r, %b : tensor<2xi32>, tensor<3xf32>
}
{-# dialect_resources: { builtin: {
  a: "0x040000000100000002000000", "the b": "0x040000000000803F0000004000004040" } } #-}
"""


@pytest.mark.parametrize("bytecode", [False, True])
def test_constants_get_the_bytes_of_resources(bytecode: bool) -> None:
    data = RESOURCES.encode()
    if bytecode:
        stream = io.BytesIO()
        parse_module(data).operation.write_bytecode(stream)
        data = stream.getvalue()
    total, constant = oxide.load(data).compile("cpu", cache=False)(np.array([10, 20], np.int32))
    np.testing.assert_array_equal(total, [11, 22])
    np.testing.assert_array_equal(constant, [1, 2, 3])


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [("a: ", "c: ", "is not in the module"), ("02000000", "0200", "has 6 bytes")],
)
def test_damaged_resources_are_refused(old: str, new: str, found: str) -> None:
    with pytest.raises(OxideError, match=found):
        oxide.load(RESOURCES.replace(old, new).encode())


def test_operations_of_unknown_dialects_are_refused() -> None:
    with pytest.raises(OxideError, match=r"unregistered operation nobody\.knows"):
        oxide.load(b'func.func @main() { "nobody.knows"() : () -> ()  return }')


@pytest.mark.parametrize("data", [b"\x08", b"\x0a\xff", b"\x12" * 40, b"\x08\x08\x12\x04"])
def test_noise_that_begins_as_onnx_does(data: bytes) -> None:
    assert looks_like(data) == ""
    with pytest.raises(OxideError):
        oxide.load(data)


def test_mlir_needs_neither_jax_nor_onnx(tmp_path: Path) -> None:
    (tmp_path / "m.mlir").write_text(IDENTITY)
    program = (
        "import sys, oxide\n"
        "oxide.load('m.mlir').run_passes('canonicalize').save('m.mlirbc')\n"
        "sys.exit(', '.join({'jax', 'onnx', 'torch'} & sys.modules.keys()) or 0)"
    )
    subprocess.run([sys.executable, "-P", "-c", program], cwd=tmp_path, check=True)
