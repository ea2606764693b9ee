"""Bytes from strangers are parsed in a child process first, under a time and a memory limit.

MLIR's readers are native code: damaged bytecode, or text nested thousands of levels deep, can end the process
that reads it.  `check_module_bytes` lets a child take that risk; the caller gets an OxideError and never dies.
Parsing is all that is risky: no code of the module is run, here or in the child.
"""

from __future__ import annotations

import json
import re
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import numpy as np

from oxide.dialects.context import BYTECODE_MAGIC
from oxide.dialects.diagnostics import Diagnostic, OxideError

MEBIBYTE = 1 << 20
# What the child may use beyond a multiple of the input's own size.
_MEMORY_BYTES = 1800 * MEBIBYTE
_CPU_SECONDS = 8
_BYTES_PER_SECOND = 20 * MEBIBYTE

# Regions nested deeper than this are refused: no model needs them, and Python code that follows regions
# recurses once a level.
MAX_REGION_DEPTH = 100
# Text whose brackets nest no deeper than this is parsed without a child.  The native parser dies at thousands.
_SAFE_TEXT_DEPTH = 200
# Aliases may refer to aliases (`!b = tuple<!a, !a>`): nesting without brackets, of exponential size when
# printed.  An alias that stands for more aliases than this sends the text to a child.
_SAFE_ALIAS_SIZE = 1000

_STRINGS_COMMENTS_ARROWS = re.compile(rb'"[^"\\\n]*(?:\\.[^"\\\n]*)*"|//[^\n]*|->|>=')
_PAIRS = ((b"(", b")"), (b"[", b"]"), (b"{", b"}"), (b"<", b">"))
_NOT_BRACKETS = bytes(set(range(256)) - set(b"()[]{}<>"))
_ALIAS_DEFINITION = re.compile(rb"([#!][\w$.-]+)\s*=")
_ALIAS_USE = re.compile(rb"[#!][\w$.-]+")
# Attributes with expressions of their own (`d0 + d0 + ...`, `---d0`), read by a recursive parser.
_EXPRESSIONS = re.compile(rb"affine_(?:map|set)|sparse_tensor")
_SHORT_TEXT = 4096


def check_module_bytes(data: bytes, name: str) -> None:
    """Raise OxideError when `data` is not MLIR (text, bytecode or portable artefact) that is safe to parse here.

    `name` is what diagnostics call the input (a path, `<stdin>`).  Text that cannot nest deeply is not examined:
    the caller's own parse gives its diagnostics.
    """
    if not data.strip():
        raise OxideError(f"{name}: empty input")
    if not data.startswith(BYTECODE_MAGIC):
        if b"\0" in data[:4096]:
            raise OxideError(f"{name}: neither MLIR text nor MLIR bytecode (starts with {data[:8]!r})")
        if _is_shallow_text(data):
            return
    run_in_child("oxide.sandbox", data, name)


def bracket_depth(text: bytes) -> int:
    """How deep the brackets of MLIR text nest, strings and comments left out; the deepest of the four kinds."""
    return _deepest_bracket(_STRINGS_COMMENTS_ARROWS.sub(b"", text))


def _deepest_bracket(code: bytes) -> int:
    brackets = np.frombuffer(code.translate(None, _NOT_BRACKETS), np.uint8)
    return max(_depth_of(brackets, opening[0], closing[0]) for opening, closing in _PAIRS)


def _depth_of(brackets: np.ndarray, opening: int, closing: int) -> int:
    ours = brackets[(brackets == opening) | (brackets == closing)]
    if not ours.size:
        return 0
    height = np.cumsum(np.where(ours == opening, 1, -1))
    # Measured from the lowest point so far: a surplus of closing brackets must hide nothing.
    floor = np.minimum.accumulate(np.minimum(height, 0))
    return int((height - floor).max())


def _is_shallow_text(text: bytes) -> bool:
    code = _STRINGS_COMMENTS_ARROWS.sub(b"", text)
    return (
        _deepest_bracket(code) <= _SAFE_TEXT_DEPTH
        and (len(code) <= _SHORT_TEXT or _EXPRESSIONS.search(code) is None)
        and _aliases_are_small(code)
    )


def _aliases_are_small(code: bytes) -> bool:
    """True when every alias, written out, stays small.  False where a line-by-line reading cannot tell."""
    sizes: dict[bytes, int] = {}
    end = 0
    for definition in _ALIAS_DEFINITION.finditer(code):
        if definition.start() < end:
            return False  # two on one line
        end = code.find(b"\n", definition.end())
        body = code[definition.end() : end if end >= 0 else len(code)]
        end = definition.end() + len(body)
        if any(body.count(opening) != body.count(closing) for opening, closing in _PAIRS):
            return False
        uses = _ALIAS_USE.findall(body)
        size = 1 + sum(sizes.get(use, 1) for use in uses)
        # A use before the definition was taken as small, so a late definition is not trusted.
        if size > _SAFE_ALIAS_SIZE or definition.group(1) in sizes:
            return False
        sizes[definition.group(1)] = size
        for use in uses:
            sizes.setdefault(use, 1)
    return True


def run_in_child(module: str, data: bytes, name: str) -> bytes:
    """What a reader of Oxide, the main program of `module` (see `child_main`), makes of a stranger's bytes.

    It runs in a child process under a time and a memory limit.  Raises OxideError, the reader's own or one that
    says how the child died.
    """
    seconds = _CPU_SECONDS + len(data) // _BYTES_PER_SECOND
    memory = _MEMORY_BYTES + 6 * len(data)
    # -P: a file named jaxlib.py in the current folder must not be imported.
    command = [sys.executable, "-P", "-m", module, name, str(seconds), str(memory)]
    try:
        # The child limits its own CPU time; on a busy machine that takes much longer.
        child = subprocess.run(command, input=data, capture_output=True, timeout=10 * seconds, check=False)
    except subprocess.TimeoutExpired as error:
        raise OxideError(f"{name}: refused: reading it takes more than {seconds} s") from error
    if child.returncode == 0:
        return child.stdout
    report = _report_of(child.stdout)
    if report is None:
        raise OxideError(f"{name}: damaged or hostile input: {_cause(child)}")
    notes = [_diagnostic(item) for item in report["diagnostics"]]
    raise OxideError(report["message"], notes)


def _report_of(output: bytes) -> dict[str, Any] | None:
    try:
        return json.loads(output)
    except ValueError:
        return None


def _diagnostic(item: dict[str, Any]) -> Diagnostic:
    notes = tuple(_diagnostic(note) for note in item["notes"])
    return Diagnostic(item["severity"], item["message"], item["location"], notes)


def _cause(child: subprocess.CompletedProcess[bytes]) -> str:
    """Why a child ended without a report."""
    if child.returncode == -signal.SIGXCPU:
        return "reading it takes too long"
    if b"bad_alloc" in child.stderr or b"MemoryError" in child.stderr or b"out of memory" in child.stderr:
        return "reading it takes too much memory"
    if child.returncode < 0:
        return f"the MLIR reader crashed on it ({signal.Signals(-child.returncode).name})"
    lines = child.stderr.decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else f"the MLIR reader ended with status {child.returncode}"


def child_main(arguments: list[str], read: Callable[[bytes, str], bytes]) -> int:
    """The child: limits itself, reads standard input and writes what comes of it, or a refusal as JSON.

    `read(data, name)` may raise OxideError.  Returns the exit status.
    """
    name, seconds, memory = arguments[0], int(arguments[1]), int(arguments[2])
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        sys.stdout.buffer.write(read(sys.stdin.buffer.read(), name))
    except OxideError as error:
        report = {"message": error.message, "diagnostics": [asdict(item) for item in error.diagnostics[:50]]}
        sys.stdout.write(json.dumps(report))
        return 1
    return 0


def check_brackets(data: bytes, name: str) -> None:
    """Raise OxideError for text that is nested too deep to be parsed, even here."""
    depth = 0 if data.startswith(BYTECODE_MAGIC) else bracket_depth(data)
    if depth > 4 * MAX_REGION_DEPTH:
        raise OxideError(f"{name}: brackets nested {depth} levels deep; no model needs that")


def check_regions(root: Any, name: str) -> None:
    """Raise OxideError for an operation whose regions are nested too deep for what comes after parsing."""
    depth = _region_depth(root)
    if depth > MAX_REGION_DEPTH:
        raise OxideError(f"{name}: regions nested {depth} levels deep, at most {MAX_REGION_DEPTH} are accepted")


def _parse(data: bytes, name: str) -> bytes:
    from oxide.dialects.context import parse_module

    check_brackets(data, name)
    module = parse_module(data, name=name)
    check_regions(module.operation, name)
    # Printing recurses over types, attributes and locations, as much of what follows does.
    module.operation.get_asm(enable_debug_info=True, large_elements_limit=16, assume_verified=True)
    return b""


def _region_depth(root: Any) -> int:
    """The deepest nesting of regions under an operation, found without recursion."""
    deepest, pending = 0, [(root, 0)]
    while pending:
        op, depth = pending.pop()
        deepest = max(deepest, depth)
        for region in op.regions:
            for block in region:
                pending.extend((inner.operation, depth + 1) for inner in block if inner.operation.regions)
    return deepest


if __name__ == "__main__":
    sys.exit(child_main(sys.argv[1:], _parse))
