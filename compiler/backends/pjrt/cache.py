"""Compiled executables on disk, by a hash of the program, the options and everything they were compiled for.

An entry is a SHA-256 of the executable followed by it, so damage is noticed and leads to a recompilation.
Loading an executable runs code: entries are only read from a folder that belongs to this user and that no other
can write to.
"""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from oxide.dialects.diagnostics import OxideError
from oxide.dialects.files import write_file

_DIGEST = 32
# What the cache may hold before the entries used longest ago are dropped.
MAX_BYTES = 1 << 30


def default_folder() -> Path:
    """`$XDG_CACHE_HOME/oxide/executables`, by default under `~/.cache`."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "oxide" / "executables"


@dataclass(frozen=True)
class ExecutableCache:
    """A folder of serialised executables."""

    folder: Path
    max_bytes: int = MAX_BYTES

    def read(self, key: str) -> bytes | None:
        """The entry of a key; None when there is none or it is damaged."""
        try:
            if not self._is_private():
                return None
            data = self._path(key).read_bytes()
            os.utime(self._path(key))
        except OSError:
            return None
        digest, executable = data[:_DIGEST], data[_DIGEST:]
        return executable if hashlib.sha256(executable).digest() == digest else None

    def write(self, key: str, executable: bytes) -> None:
        """Keep an entry.  A folder that cannot be written to only costs the next run a compilation."""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if self._is_private():
                write_file(self._path(key), hashlib.sha256(executable).digest() + executable)
                self._evict()
        except (OSError, OxideError):
            return

    def _evict(self) -> None:
        """Drop the entries used longest ago until the folder is small enough; the newest always stays."""
        entries = [(path.stat(), path) for path in self.folder.glob("*.xla")]
        entries.sort(key=lambda entry: entry[0].st_mtime_ns)
        total = sum(status.st_size for status, _ in entries)
        for status, path in entries[:-1]:
            if total <= self.max_bytes:
                return
            path.unlink(missing_ok=True)
            total -= status.st_size

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.xla"

    def _is_private(self) -> bool:
        status = self.folder.stat()
        return status.st_uid == os.getuid() and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def cache_key(program: bytes, options: dict[str, str | bool | int | float], fingerprint: str) -> str:
    """A hash of all that decides what the compiler makes; the environment's XLA_FLAGS is part of that."""
    digest = hashlib.sha256(program)
    for part in (repr(sorted(options.items())), fingerprint, os.environ.get("XLA_FLAGS", "")):
        digest.update(b"\0")
        digest.update(part.encode())
    return digest.hexdigest()
