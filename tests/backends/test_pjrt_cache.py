"""Executables are kept on disk under a hash of all they depend on; damage costs a compilation, nothing else."""

import os
from pathlib import Path

import numpy as np
import pytest

import oxide
from oxide.backends.pjrt.cache import ExecutableCache, cache_key, default_folder
from oxide.backends.pjrt.client import Device
from oxide.model import Model


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def compilations(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    seen: list[bytes] = []
    compile = Device.compile

    def counted(self: Device, program: bytes, options: dict[str, str | bool | int | float]) -> object:
        seen.append(program)
        return compile(self, program, options)

    monkeypatch.setattr(Device, "compile", counted)
    return seen


def model(factor: float = 2.0) -> Model:
    return oxide.load(
        f"""func.func @main(%x: tensor<3xf32>) -> tensor<3xf32> {{
          %c = stablehlo.constant dense<{factor}> : tensor<3xf32>
          %0 = stablehlo.multiply %x, %c : tensor<3xf32>
          return %0 : tensor<3xf32>
        }}""".encode()
    )


def run(model: Model, **options: object) -> np.ndarray:
    return np.asarray(model.compile(**options)(np.arange(3, dtype=np.float32)))  # pyright: ignore[reportArgumentType]


def entries() -> list[Path]:
    return sorted(default_folder().iterdir()) if default_folder().exists() else []


def test_second_compilation_comes_from_disk(compilations: list[bytes]) -> None:
    for _ in range(2):
        np.testing.assert_array_equal(run(model()), [0, 2, 4])
    assert len(compilations) == 1
    assert len(entries()) == 1


def test_programs_and_options_are_told_apart(compilations: list[bytes]) -> None:
    np.testing.assert_array_equal(run(model(2.0)), [0, 2, 4])
    np.testing.assert_array_equal(run(model(3.0)), [0, 3, 6])
    np.testing.assert_array_equal(run(model(3.0), options={"xla_backend_optimization_level": 0}), [0, 3, 6])
    assert len(compilations) == len(entries()) == 3


def test_no_cache_leaves_nothing(compilations: list[bytes]) -> None:
    for _ in range(2):
        run(model(), cache=False)
    assert len(compilations) == 2
    assert entries() == []


@pytest.mark.parametrize("damage", [b"", b"short", b"x" * 4000])
def test_damaged_entry_is_compiled_again(compilations: list[bytes], damage: bytes) -> None:
    run(model())
    entry = entries()[0]
    good = entry.read_bytes()
    entry.write_bytes(damage)
    np.testing.assert_array_equal(run(model()), [0, 2, 4])
    assert len(compilations) == 2
    assert len(entry.read_bytes()) == pytest.approx(len(good), rel=0.1), "the damaged entry is replaced"


def test_flipped_bit_is_noticed() -> None:
    run(model())
    entry = entries()[0]
    data = bytearray(entry.read_bytes())
    data[len(data) // 2] ^= 1
    entry.write_bytes(data)
    assert ExecutableCache(default_folder()).read(entry.stem) is None


def test_a_folder_others_can_write_to_is_not_trusted(compilations: list[bytes]) -> None:
    run(model())
    default_folder().chmod(0o777)
    np.testing.assert_array_equal(run(model()), [0, 2, 4])
    assert len(compilations) == 2


def test_a_cache_that_cannot_be_written_does_no_harm(home: Path, compilations: list[bytes]) -> None:
    (home / "oxide").write_text("in the way")
    np.testing.assert_array_equal(run(model()), [0, 2, 4])
    assert len(compilations) == 1


def test_key_depends_on_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = {cache_key(b"p", {}, "cpu"), cache_key(b"q", {}, "cpu"), cache_key(b"p", {"a": 1}, "cpu")}
    keys |= {cache_key(b"p", {"a": True}, "cpu"), cache_key(b"p", {}, "gpu")}
    monkeypatch.setenv("XLA_FLAGS", "--xla_something")
    keys.add(cache_key(b"p", {}, "cpu"))
    assert len(keys) == 6


def test_the_entries_used_longest_ago_go_first(tmp_path: Path) -> None:
    cache = ExecutableCache(tmp_path / "cache", max_bytes=3 * (32 + 1000))
    for number, key in enumerate("abc"):
        cache.write(key, bytes(1000))
        os.utime(cache.folder / f"{key}.xla", (number, number))
    assert cache.read("a") is not None  # now the one used last
    cache.write("d", bytes(1000))
    assert [key for key in "abcd" if cache.read(key)] == ["a", "c", "d"]
    cache.write("e", bytes(5000))
    assert [key for key in "abcde" if cache.read(key)] == ["e"]
