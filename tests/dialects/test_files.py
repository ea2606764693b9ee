"""Output files appear whole and together, or not at all."""

import os
from pathlib import Path

import pytest

from oxide.dialects.diagnostics import OxideError
from oxide.dialects.files import write_file, writing


def names(folder: Path) -> list[str]:
    return sorted(child.name for child in folder.iterdir())


def test_files_appear_together_at_the_end(tmp_path: Path) -> None:
    with writing() as files:
        files.write(tmp_path / "a", b"1")
        files.write(tmp_path / "b", "2")
        assert not {"a", "b"} & set(names(tmp_path))
    assert names(tmp_path) == ["a", "b"]
    assert (tmp_path / "b").read_bytes() == b"2"


def test_failure_leaves_everything_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old")

    def fail() -> None:
        with writing() as files:
            files.write(tmp_path / "a", b"new")
            files.open(tmp_path / "b").close()
            raise RuntimeError("half-way")

    with pytest.raises(RuntimeError, match="half-way"):
        fail()
    assert names(tmp_path) == ["a"]
    assert (tmp_path / "a").read_bytes() == b"old"


@pytest.mark.parametrize("path", ["missing/a", ".", "a\0b"])
def test_impossible_places_are_refused(tmp_path: Path, path: str) -> None:
    with pytest.raises(OxideError, match="cannot write"):
        write_file(tmp_path / path, b"x")
    assert names(tmp_path) == []


def test_one_file_twice_is_refused(tmp_path: Path) -> None:
    def twice() -> None:
        with writing() as files:
            files.write(tmp_path / "a", b"1")
            files.write(tmp_path / "x" / ".." / "a", b"2")

    (tmp_path / "x").mkdir()
    with pytest.raises(OxideError, match="twice"):
        twice()
    assert names(tmp_path) == ["x"]


def test_a_link_is_written_through(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to("real")
    write_file(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"


def test_new_files_have_the_usual_permissions(tmp_path: Path) -> None:
    write_file(tmp_path / "a", b"x")
    umask = os.umask(0)
    os.umask(umask)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o666 & ~umask


def test_devices_are_written_to_and_stay() -> None:
    write_file("/dev/null", b"x")
    assert not Path("/dev/null").is_file()
