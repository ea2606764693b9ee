"""Bytes from strangers are parsed in a child process first, under a time and a memory limit.

MLIR's readers are native code: damaged bytecode or text nested thousands of levels deep can end the process.
`check_module_bytes` lets a child take that risk; the caller gets an OxideError and never dies.
"""

from __future__ import annotations


def check_module_bytes(data: bytes, name: str) -> None:
    """Raise OxideError when `data` is not MLIR (text, bytecode or portable artefact) that is safe to parse here.

    `name` is what diagnostics call the input (a path, `<stdin>`).  Plain text that cannot nest deeply is not
    examined: the caller's own parse gives the diagnostics.
    """
