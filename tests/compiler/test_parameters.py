"""Weights come from arrays, files and torch without copies, and only from inside their files."""

from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
import torch

from oxide.dialects.diagnostics import OxideError
from oxide.parameters import FileSlice, ParameterStore, check_parameters, map_bytes
from oxide.signature import TensorSpec

F32 = np.dtype(np.float32)


def test_file_slice_is_a_view_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "data"
    path.write_bytes(b"abcd" + np.arange(6, dtype=np.float32).tobytes())
    array = FileSlice(str(path), 4, 24, F32, (2, 3)).array()
    np.testing.assert_array_equal(array, [[0, 1, 2], [3, 4, 5]])
    assert not array.flags.owndata
    assert not array.flags.writeable


def test_slices_of_one_file_share_its_mapping(tmp_path: Path) -> None:
    path = tmp_path / "data"
    path.write_bytes(bytes(64))
    whole = map_bytes(path, 0, 64)
    assert np.shares_memory(whole, map_bytes(path, 8, 8))


def test_a_rewritten_file_is_mapped_anew(tmp_path: Path) -> None:
    path = tmp_path / "data"
    path.write_bytes(b"old!")
    old = map_bytes(path, 0, 4)
    (tmp_path / "new").write_bytes(b"new!")
    (tmp_path / "new").replace(path)
    assert map_bytes(path, 0, 4).tobytes() == b"new!"
    assert old.tobytes() == b"old!"


def test_packed_slice(tmp_path: Path) -> None:
    path = tmp_path / "data"
    path.write_bytes(bytes([0x21, 0xF8, 0x07]))
    array = FileSlice(str(path), 0, 3, np.dtype(ml_dtypes.int4), (5,)).array()
    np.testing.assert_array_equal(array.astype(int), [1, 2, -8, -1, 7])


@pytest.mark.parametrize(
    ("offset", "length", "shape"),
    [(-4, 4, (1,)), (0, -4, (1,)), (8, 12, (3,)), (1 << 62, 4, (1,)), (0, 4, (2,)), (0, 8, (1 << 61,))],
)
def test_slice_outside_of_its_file_is_refused(
    tmp_path: Path, offset: int, length: int, shape: tuple[int, ...]
) -> None:
    path = tmp_path / "data"
    path.write_bytes(bytes(16))
    with pytest.raises(OxideError, match="data: "):
        FileSlice(str(path), offset, length, F32, shape).array()


def test_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OxideError, match="No such file"):
        FileSlice(str(tmp_path / "gone"), 0, 4, F32, (1,)).array()


def test_state_dict_shares_memory_with_its_tensors() -> None:
    tensor = torch.zeros(3, requires_grad=True)
    half = torch.tensor([1.5, -2.0], dtype=torch.bfloat16)
    store = ParameterStore({"w": tensor, "half": half})
    with torch.no_grad():
        tensor[1] = 7
        half[0] = 3
    np.testing.assert_array_equal(store["w"], [0, 7, 0])
    assert store["half"].dtype == ml_dtypes.bfloat16
    np.testing.assert_array_equal(store["half"].astype(np.float32), [3, -2])


def test_strided_and_scalar_tensors() -> None:
    base = torch.arange(6, dtype=torch.bfloat16).reshape(2, 3)
    store = ParameterStore({"t": base.T, "s": torch.tensor(2, dtype=torch.bfloat16)})
    np.testing.assert_array_equal(store["t"].astype(np.float32), [[0, 3], [1, 4], [2, 5]])
    assert store["s"].shape == ()


def test_what_is_no_array_is_refused() -> None:
    with pytest.raises(OxideError, match=r"parameter 'w': dict is not an array"):
        ParameterStore({"w": {}})["w"]


def test_looking_for_a_name_reads_nothing(tmp_path: Path) -> None:
    store = ParameterStore({"w": FileSlice(str(tmp_path / "gone"), 0, 4, F32, (1,))})
    assert "w" in store
    assert "v" not in store


def test_all_weights_that_do_not_fit_are_listed() -> None:
    specs = [TensorSpec(name, (2,), F32) for name in ("good", "gone", "shape", "type")]
    values = {"good": np.zeros(2, F32), "shape": np.zeros(3, F32), "type": np.zeros(2), "extra": np.zeros(1)}
    with pytest.raises(OxideError, match="3 of 4 weights") as caught:
        check_parameters(specs, values)
    text = str(caught.value)
    assert "weight gone: 2xf32 has no value" in text
    assert "weight shape: 2xf32 has a value of 3xf32" in text
    assert "weight type: 2xf32 has a value of 2xf64" in text
