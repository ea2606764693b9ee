"""External tensor data: read-only maps of files below the model's folder, and of nothing else.

A location in a model is a stranger's text.  It is refused when it is absolute, has a `..` or an empty
component, or passes through a symbolic link; files are opened one component at a time relative to the
folder, so that nothing can be swapped in between the check and the use.
"""

from __future__ import annotations

import mmap
import os
import stat
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from oxide.dialects.diagnostics import OxideError

# Offsets and lengths are decimal 64-bit integers; longer digit strings would cost quadratic time to read.
MAX_DIGITS = 19


class ExternalFiles:
    """The data files beside one model, each mapped once.  `folder` None means there can be none."""

    def __init__(self, folder: str | os.PathLike[str] | None) -> None:
        self.folder = None if folder is None else Path(folder)
        self._maps: dict[str, memoryview] = {}

    def read(self, entries: Mapping[str, str]) -> memoryview:
        """The bytes an `external_data` entry stands for.  Raises OxideError."""
        location = entries.get("location", "")
        if not isinstance(location, str) or not location:  # bytes when it is not UTF-8
            raise OxideError("external data without a location, or with one that is not UTF-8")
        data = self._map(location)
        offset = _integer(entries, "offset", default=0)
        length = _integer(entries, "length", default=len(data) - offset)
        if length < 0 or offset + length > len(data):
            raise OxideError(
                f"external data at offset {offset}, length {length} is outside of the file "
                f"{location!r} of {len(data)} bytes"
            )
        return data[offset : offset + length]

    def _map(self, location: str) -> memoryview:
        if location not in self._maps:
            if self.folder is None:
                raise OxideError(
                    f"it lies in the external file {location!r}, but a model that does not come "
                    "from a file has no folder; import it by path or give base_dir"
                )
            descriptor = _open_below(self.folder, location)
            try:
                self._maps[location] = _map_file(descriptor)
            except (OSError, ValueError) as error:
                raise OxideError(f"cannot read external file {location!r}: {error}") from error
            finally:
                os.close(descriptor)
        return self._maps[location]


def _integer(entries: Mapping[str, str], key: str, default: int) -> int:
    text = entries.get(key, "")
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS):
        raise OxideError(f"external data {key} {text[:40]!r} is not a non-negative integer")
    return int(text)


def _open_below(folder: Path, location: str) -> int:
    """An open descriptor of a regular file below `folder`, reached through no symbolic link."""
    parts = PurePosixPath(location).parts
    bad = location.startswith("/") or "\\" in location or "\0" in location or ".." in parts or not parts
    if bad or ":" in parts[0]:
        raise OxideError(f"external file {location!r} must be a relative path inside the model's folder")
    opened: list[int] = []
    try:
        opened.append(os.open(folder, os.O_RDONLY | os.O_DIRECTORY))
        for part in parts[:-1]:
            opened.append(os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=opened[-1]))
        # O_NONBLOCK: opening a pipe must not wait for its writer.
        file = os.open(parts[-1], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=opened[-1])
    except OSError as error:
        hint = "; symbolic links are not followed" if _is_link(folder, parts) else ""
        raise OxideError(
            f"cannot open external file {location!r} in the model's folder: {error.strerror or error}{hint}"
        ) from error
    finally:
        for descriptor in opened:
            os.close(descriptor)
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise OxideError(f"external file {location!r} is not a regular file")
    return file


def _is_link(folder: Path, parts: tuple[str, ...]) -> bool:
    """Whether a component is a symbolic link; for the message only."""
    return any(folder.joinpath(*parts[: i + 1]).is_symlink() for i in range(len(parts)))


def _map_file(descriptor: int) -> memoryview:
    if os.fstat(descriptor).st_size == 0:
        return memoryview(b"")
    return memoryview(mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ))
