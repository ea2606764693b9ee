"""Every dtype round-trips, maps without a copy, and damaged headers are refused."""

import json
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from oxide.dialects.diagnostics import OxideError
from oxide.safetensors import open_safetensors, write_safetensors

NUMPY = "bool_ int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64 complex64 complex128"
ML_DTYPES = (
    "bfloat16 int2 int4 uint2 uint4 float4_e2m1fn float6_e2m3fn float6_e3m2fn float8_e3m4 float8_e4m3 "
    "float8_e4m3fn float8_e4m3fnuz float8_e4m3b11fnuz float8_e5m2 float8_e5m2fnuz float8_e8m0fnu"
)
DTYPES = [
    *(np.dtype(getattr(np, name)) for name in NUMPY.split()),
    *(np.dtype(getattr(ml_dtypes, name)) for name in ML_DTYPES.split()),
]


def sample(dtype: np.dtype, shape: tuple[int, ...] = (3, 5)) -> np.ndarray:
    rng = np.random.default_rng(0)
    values = rng.integers(0, 2, shape)
    if dtype.kind == "c":
        return (values + 1j * rng.standard_normal(shape)).astype(dtype)
    return values.astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_dtype_round_trips(dtype: np.dtype, tmp_path: Path) -> None:
    array = sample(dtype)
    arrays = {"w": array, "scalar": sample(dtype, ()), "empty": sample(dtype, (0, 2))}
    write_safetensors(tmp_path / "w", arrays)
    read = open_safetensors(tmp_path / "w")
    for name, written in arrays.items():
        assert (read[name].dtype, read[name].shape) == (dtype, written.shape)
    assert read["w"].tobytes() == array.tobytes()
    assert not read["w"].flags.writeable, "must be a view of the mapped file"
    assert not read["w"].flags.owndata


def test_what_is_written_is_plain_safetensors(tmp_path: Path) -> None:
    arrays = {
        "a": np.arange(3, dtype=np.int8),
        "b.c": np.arange(4.0).reshape(2, 2).T,
        "d": np.float32(2).reshape(()),
    }
    write_safetensors(tmp_path / "w", arrays, {"note": "x"})
    read = safetensors.numpy.load_file(tmp_path / "w")
    assert read.keys() == arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(read[name], array)


def test_wide_tensors_are_aligned(tmp_path: Path) -> None:
    write_safetensors(tmp_path / "w", {"a": np.zeros(3, np.int8), "b": np.zeros(3, np.float64)})
    assert open_safetensors(tmp_path / "w")["b"].flags.aligned


def test_what_torch_writes_is_read(tmp_path: Path) -> None:
    codes = torch.arange(8, dtype=torch.uint8)
    tensors = {
        "bf16": torch.tensor([1.5, -2.0], dtype=torch.bfloat16),
        "e8m0": codes.view(torch.float8_e8m0fnu),
        "packed": (codes | (codes << 4)).view(torch.float4_e2m1fn_x2),
    }
    save_file(tensors, tmp_path / "w")
    read = open_safetensors(tmp_path / "w")
    np.testing.assert_array_equal(read["bf16"].astype(np.float32), [1.5, -2.0])
    assert read["e8m0"].dtype == ml_dtypes.float8_e8m0fnu
    # Two codes a byte, the low one first; the codes of f4E2M1FN from 0 to 7.
    expected = np.repeat([0, 0.5, 1, 1.5, 2, 3, 4, 6], 2)
    np.testing.assert_array_equal(read["packed"].astype(np.float32), expected)


def test_a_tensor_may_be_called_as_the_metadata(tmp_path: Path) -> None:
    write_safetensors(tmp_path / "w", {"__metadata__": np.arange(2), "__metadata___": np.arange(3)})
    read = open_safetensors(tmp_path / "w")
    assert {name: array.size for name, array in read.items()} == {"__metadata__": 2, "__metadata___": 3}


def file_with(header: Any, data: bytes = bytes(8)) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def entry(dtype: str = "F32", shape: Any = (2,), offsets: Any = (0, 8)) -> dict[str, Any]:
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


DAMAGED = {
    "empty": b"",
    "short": b"\x01\x02",
    "header beyond the file": (1 << 20).to_bytes(8, "little") + b"{}",
    "header of 2^63": (1 << 63).to_bytes(8, "little") + b"{}",
    "not JSON": file_with(b"{'a': 1}"),
    "not UTF-8": file_with(b'{"\xff": 1}'),
    "JSON list": file_with([1]),
    "deep JSON": file_with(b"[" * 100_000),
    "duplicate name": file_with(b'{"a": %b, "a": %b}' % ((json.dumps(entry()).encode(),) * 2)),
    "entry no object": file_with({"a": 3}),
    "negative dimension": file_with({"a": entry(shape=(-2,))}),
    "huge shape": file_with({"a": entry(shape=(1 << 40, 1 << 40))}),
    "rank 10000": file_with({"a": entry(shape=(1,) * 10_000)}),
    "fractional shape": file_with({"a": entry(shape=(2.0,))}),
    "negative offset": file_with({"a": entry(offsets=(-8, 0))}),
    "offsets reversed": file_with({"a": entry(offsets=(8, 0))}),
    "offset beyond the file": file_with({"a": entry(offsets=(1 << 40, (1 << 40) + 8))}),
    "size does not fit": file_with({"a": entry(shape=(3,))}),
    "overlap": file_with({"a": entry(), "b": entry()}),
    "hole": file_with({"a": entry(offsets=(8, 16))}, bytes(16)),
    "bytes left over": file_with({"a": entry()}, bytes(12)),
    "metadata of numbers": file_with({"__metadata__": {"a": 1}}, b""),
    "unknown dtype": file_with({"a": entry("F7")}),
    "false true dtype": file_with({"__metadata__": {"oxide.dtypes": '{"a": "complex<f64>"}'}, "a": entry()}),
    "names folded": file_with(
        {
            "__metadata__": {"oxide.names": '{"b": "a"}'},
            "a": entry("I8", (4,), (0, 4)),
            "b": entry("I8", (4,), (4, 8)),
        }
    ),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_damaged_file_is_refused(case: str, tmp_path: Path) -> None:
    (tmp_path / "w").write_bytes(DAMAGED[case])
    with pytest.raises(OxideError):
        open_safetensors(tmp_path / "w")


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 400))
def test_no_bytes_do_more_than_be_refused(
    tmp_path_factory: pytest.TempPathFactory, junk: bytes, where: int
) -> None:
    path = tmp_path_factory.mktemp("junk") / "w"
    write_safetensors(path, {"a": np.arange(6, dtype=np.float32), "b": np.arange(3)})
    data = bytearray(path.read_bytes())
    data[where : where + len(junk)] = junk
    path.write_bytes(data)
    try:
        for array in open_safetensors(path).values():
            array.sum()
    except OxideError:
        pass


def test_failure_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "w"
    write_safetensors(path, {"a": np.arange(3)})
    before = path.read_bytes()
    with pytest.raises(OxideError, match="no StableHLO counterpart"):
        write_safetensors(path, {"a": np.array(["text"])})
    assert path.read_bytes() == before
    assert [child.name for child in tmp_path.iterdir()] == ["w"]
