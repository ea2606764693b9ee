"""Crash reproducers: a module and the pipeline that failed on it, in one file that both tools and people read.

The pipeline stands where mlir-opt puts it, in the file metadata behind the module:

    {-# external_resources: { mlir_reproducer: { pipeline: "...", verify_each: true } } #-}
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from jaxlib.mlir import ir

from oxide.dialects.diagnostics import OxideError
from oxide.passes.pipeline import Pipeline, parse_pipeline
from oxide.passes.printing import PrintOptions

_STRING = r'"((?:[^"\\\n]|\\.)*)"'
_METADATA = re.compile(
    r"\{-#\s*external_resources\s*:\s*\{\s*mlir_reproducer\s*:\s*\{(.*)\}\s*\}\s*#-\}", re.DOTALL
)
_PIPELINE = re.compile(r"\bpipeline\s*:\s*" + _STRING)
_VERIFY_EACH = re.compile(r"\bverify_each\s*:\s*(true|false)")
_ESCAPE = re.compile(r'\\([0-9A-Fa-f]{2}|["\\nt])')
_PLAIN_ESCAPES = {'"': '"', "\\": "\\", "n": "\n", "t": "\t"}


@dataclass(frozen=True)
class Reproduction:
    """What a reproducer asks to be run."""

    pipeline: Pipeline
    verify_each: bool


def reproducer_text(module: ir.Module, pipeline: Pipeline, verify_each: bool, reason: Sequence[str]) -> str:
    """A reproducer file for `module`, the input of the failed run; `reason` becomes comment lines at its top."""
    comments = [f"// {line}".rstrip() for text in reason for line in text.splitlines()]
    metadata = (
        "{-#\n  external_resources: {\n    mlir_reproducer: {\n"
        f'      pipeline: "{_escape(str(pipeline))}",\n'
        "      disable_threading: true,\n"
        f"      verify_each: {'true' if verify_each else 'false'}\n"
        "    }\n  }\n#-}\n"
    )
    body = PrintOptions(debuginfo=True).text(module)
    return "\n".join(["// Run with: oxide-opt --run-reproducer THIS_FILE", *comments, body + metadata])


def read_reproducer(text: str, name: str) -> Reproduction:
    """The pipeline a reproducer file holds.  Raises OxideError when it holds none."""
    metadata = _METADATA.search(text)
    pipeline = metadata and _PIPELINE.search(metadata[1])
    if not metadata or not pipeline:
        raise OxideError(f"{name} is no reproducer: it has no mlir_reproducer metadata with a pipeline")
    verify = _VERIFY_EACH.search(metadata[1].replace(pipeline[0], ""))
    return Reproduction(parse_pipeline(_unescape(pipeline[1])), verify is None or verify[1] == "true")


def _escape(text: str) -> str:
    """MLIR's string escapes: a backslash and two hexadecimal digits a byte."""
    return "".join(
        chr(byte) if 0x20 <= byte < 0x7F and chr(byte) not in '"\\' else f"\\{byte:02X}" for byte in text.encode()
    )


def _unescape(text: str) -> str:
    def byte(match: re.Match[str]) -> str:
        code = match[1]
        return _PLAIN_ESCAPES[code] if code in _PLAIN_ESCAPES else chr(int(code, 16))

    # Escapes are bytes of UTF-8; latin-1 maps characters to bytes one to one.
    return _ESCAPE.sub(byte, text).encode("latin-1").decode()
