"""External data is mapped, and never read from outside of the model's folder."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from onnx import ModelProto, TensorProto, save_model
from onnx_builders import import_and_run, model, node, run, sample

from oxide import OxideError, import_onnx

WEIGHT = sample((2, 3), seed=1)


def external_model(location: str = "weights.bin", **entries: str) -> ModelProto:
    """y = x + w, with w at `location`."""
    proto = model([node("Add", ["x", "w"], ["y"], name="add")], weights={"w": WEIGHT})
    tensor = proto.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, text in {"location": location, **entries}.items():
        entry = tensor.external_data.add()
        entry.key, entry.value = key, text
    return proto


def write(folder: Path, proto: ModelProto, data: bytes = WEIGHT.tobytes(), file: str = "weights.bin") -> Path:
    (folder / file).parent.mkdir(parents=True, exist_ok=True)
    (folder / file).write_bytes(data)
    path = folder / "model.onnx"
    path.write_bytes(proto.SerializeToString())
    return path


def test_value(tmp_path):
    x = sample()
    imported = import_onnx(write(tmp_path, external_model()))
    np.testing.assert_array_equal(run(imported, x)[0], x + WEIGHT)


def test_offset_and_length_in_a_subfolder(tmp_path):
    proto = external_model("data/all.bin", offset="4096", length=str(WEIGHT.nbytes))
    path = write(tmp_path, proto, b"\xff" * 4096 + WEIGHT.tobytes() + b"\xff" * 7, "data/all.bin")
    np.testing.assert_array_equal(import_onnx(path).parameters["w"], WEIGHT)


def test_written_by_onnx(tmp_path):
    weight = sample((64, 64))
    proto = model([node("Mul", ["x", "w"], ["y"])], weights={"w": weight})
    del proto.graph.input[:], proto.graph.output[:]
    proto.graph.input.append(model([], inputs=["x"]).graph.input[0])
    proto.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 64
    proto.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 64
    proto.graph.output.append(proto.graph.input[0])
    proto.graph.output[0].name = "y"
    save_model(proto, tmp_path / "m.onnx", save_as_external_data=True, location="m.data", size_threshold=0)
    x = sample((64, 64), seed=3)
    np.testing.assert_array_equal(run(import_onnx(tmp_path / "m.onnx"), x)[0], x * weight)


def test_mapped_not_copied(tmp_path):
    array = import_onnx(write(tmp_path, external_model())).parameters["w"]
    assert not array.flags.owndata
    assert not array.flags.writeable


def test_bytes_have_no_folder_unless_given(tmp_path):
    write(tmp_path, external_model())
    data = external_model().SerializeToString()
    with pytest.raises(OxideError, match=r'tensor "w": .*has no folder; import it by path or give base_dir'):
        import_onnx(data)
    x = sample()
    np.testing.assert_array_equal(import_and_run(data, x, base_dir=tmp_path)[0], x + WEIGHT)


@pytest.mark.parametrize(
    "location",
    [
        "../weights.bin",
        "a/../../weights.bin",
        "/etc/hostname",
        "..",
        "a\\..\\b",
        "C:/weights.bin",
        "w\0.bin",
        ".",
        "./",
    ],
)
def test_paths_that_leave_the_folder(tmp_path, location):
    (tmp_path / "weights.bin").write_bytes(WEIGHT.tobytes())
    path = write(tmp_path / "inner", external_model(location))
    with pytest.raises(OxideError, match=r'tensor "w": external file .*must be a relative path inside'):
        import_onnx(path)


@pytest.mark.parametrize("link", ["file", "folder"])
def test_symbolic_links_are_not_followed(tmp_path, link):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "weights.bin").write_bytes(WEIGHT.tobytes())
    inner = tmp_path / "inner"
    inner.mkdir()
    location = "weights.bin" if link == "file" else "folder/weights.bin"
    path = inner / "model.onnx"
    path.write_bytes(external_model(location).SerializeToString())
    if link == "file":
        (inner / "weights.bin").symlink_to(outside / "weights.bin")
    else:
        (inner / "folder").symlink_to(outside, target_is_directory=True)
    with pytest.raises(OxideError, match="symbolic links are not followed"):
        import_onnx(path)


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"offset": "-4"}, "offset '-4' is not a non-negative integer"),
        ({"length": "-1"}, "length '-1' is not a non-negative integer"),
        ({"offset": "99999999999999999999999"}, "is not a non-negative integer"),
        ({"offset": "9" * 19}, "is outside of the file"),
        ({"offset": "25"}, "is outside of the file"),
        ({"length": "1000000000000"}, "is outside of the file"),
        ({"offset": "4"}, r"shape \(2, 3\) of float32 needs 24 bytes, there are 20"),
        ({"offset": "٤"}, "is not a non-negative integer"),
        ({"offset": "1e3"}, "is not a non-negative integer"),
        ({"location": ""}, "external data without a location"),
    ],
)
def test_bad_entries(tmp_path, entries, message):
    proto = external_model(**{"location": "weights.bin", **entries})
    with pytest.raises(OxideError, match=r'tensor "w": ') as raised:
        import_onnx(write(tmp_path, proto))
    assert raised.match(message)


def test_missing_file(tmp_path):
    path = write(tmp_path, external_model("elsewhere.bin"))
    with pytest.raises(OxideError, match=r"tensor \"w\": cannot open external file 'elsewhere.bin'.*No such file"):
        import_onnx(path)


def test_pipe_is_refused_without_waiting(tmp_path):
    path = write(tmp_path, external_model("pipe"))
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OxideError, match="not a regular file"):
        import_onnx(path)


def test_folder_is_refused(tmp_path):
    path = write(tmp_path, external_model("folder"))
    (tmp_path / "folder").mkdir()
    with pytest.raises(OxideError, match="not a regular file"):
        import_onnx(path)


def test_empty_file(tmp_path):
    with pytest.raises(OxideError, match="needs 24 bytes, there are 0"):
        import_onnx(write(tmp_path, external_model(), b""))
