"""Output files appear whole or not at all: written under a temporary name, then renamed."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from oxide.dialects.diagnostics import OxideError


class OutputFiles:
    """The files one command writes.  They replace what was there only when all are complete.

    Use `writing()`; a temporary file lies beside its target, so that the rename stays on one file system.
    """

    def __init__(self) -> None:
        self._pending: dict[Path, Path] = {}

    def open(self, path: str | os.PathLike[str]) -> BinaryIO:
        """A binary file that becomes `path` at the end.  The caller closes it (or uses it in `with`)."""
        try:
            # A link is written through, as a plain open() would; otherwise the rename would replace the link.
            target = Path(os.path.realpath(path))
            if target.is_dir():
                raise OxideError(f"cannot write {path}: it is a folder")
            if target in self._pending:
                raise OxideError(f"cannot write {path} twice in one go")
            if target.exists() and not target.is_file():
                return open(target, "wb")  # a device or a pipe: there is nothing to rename onto
            temporary = target.with_name(f".oxide-{secrets.token_hex(8)}.part")
            stream = open(temporary, "xb")  # noqa: SIM115 - handed to the caller
        except (OSError, ValueError) as error:
            raise OxideError(f"cannot write {path}: {getattr(error, 'strerror', None) or error}") from error
        self._pending[target] = temporary
        return stream

    def write(self, path: str | os.PathLike[str], data: bytes | str) -> None:
        """Write one file whole; text as UTF-8."""
        with self.open(path) as stream:
            stream.write(data.encode() if isinstance(data, str) else data)

    def commit(self) -> None:
        while self._pending:
            target, temporary = self._pending.popitem()
            os.replace(temporary, target)

    def discard(self) -> None:
        while self._pending:
            _, temporary = self._pending.popitem()
            temporary.unlink(missing_ok=True)


@contextmanager
def writing() -> Iterator[OutputFiles]:
    """Files opened inside the block take their names when it ends; after an exception none does."""
    files = OutputFiles()
    try:
        yield files
        files.commit()
    except OSError as error:
        raise OxideError(f"cannot write the output: {error}") from error
    finally:
        files.discard()


def write_file(path: str | os.PathLike[str], data: bytes | str) -> None:
    """Replace one file with `data` in one step.  Raises OxideError; the old file then stays as it was."""
    with writing() as files:
        files.write(path, data)
