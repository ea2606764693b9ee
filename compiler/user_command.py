"""A shell command of the user's that judges modules: what `oxide-reduce` and `oxide-bisect` call `--test`."""

from __future__ import annotations

import io
import os
import shlex
import signal
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from jaxlib.mlir import ir

from oxide.passes.printing import PrintOptions

BYTECODE = ".mlirbc"
_PLACEHOLDER = "{}"
_SHOWN_BYTES = 2000


@dataclass(frozen=True)
class Verdict:
    """How a command ended: its exit status (as the shell gives it), or None when the time was up."""

    status: int | None
    output: str

    def __str__(self) -> str:
        ended = "ran out of time" if self.status is None else f"ended with status {self.status}"
        return f"the test {ended}" + (f":\n{self.output}" if self.output else "")


@dataclass(frozen=True)
class UserCommand:
    """`command` is run by the shell with `{}` replaced by the path of a module, or the path behind it.

    It finds a module interesting when it exits with `status`.  One that takes longer than `seconds` is ended, with
    the processes it started, and finds nothing.  `suffix` names the form of the module: `.mlir` or `.mlirbc`.
    """

    command: str
    status: int = 0
    seconds: float = 60.0
    suffix: str = ".mlir"

    def __call__(self, module: ir.Module) -> bool:
        return self.judge(module).status == self.status

    def judge(self, module: ir.Module) -> Verdict:
        with tempfile.TemporaryDirectory(prefix="oxide-") as folder:
            path = Path(folder, "module" + self.suffix)
            path.write_bytes(module_bytes(module, self.suffix))
            return self._run(shlex.quote(str(path)))

    def _run(self, path: str) -> Verdict:
        text = self.command if _PLACEHOLDER in self.command else f"{self.command} {_PLACEHOLDER}"
        # Output goes to a file: a pipe would stay open for as long as any process the command left behind.
        with tempfile.TemporaryFile() as output:
            child = subprocess.Popen(
                text.replace(_PLACEHOLDER, path),
                shell=True,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                status: int | None = child.wait(self.seconds)
            except subprocess.TimeoutExpired:
                status = None
            finally:
                if child.poll() is None:  # out of time, or interrupted
                    os.killpg(child.pid, signal.SIGKILL)
                    child.wait()
            output.seek(max(0, output.seek(0, os.SEEK_END) - _SHOWN_BYTES))
            return Verdict(status, output.read().decode(errors="replace").strip())


def module_bytes(module: ir.Module, suffix: str) -> bytes:
    """The module as MLIR bytecode for `.mlirbc`, as text for any other suffix."""
    if suffix != BYTECODE:
        return PrintOptions().text(module).encode()
    buffer = io.BytesIO()
    module.operation.write_bytecode(buffer)
    return buffer.getvalue()
