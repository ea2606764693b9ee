"""Progress of long work: one line on a terminal, erased when the work ends; nothing anywhere else."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO


class Progress:
    """Says what a command is doing on `stream`, when that is a terminal."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._shown = self._stream.isatty()

    @contextmanager
    def stage(self, what: str) -> Iterator[None]:
        """Show `what` while the block runs."""
        if not self._shown:
            yield
            return
        self._stream.write(f"\r\x1b[K{what} ...")
        self._stream.flush()
        try:
            yield
        finally:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
