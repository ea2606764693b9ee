"""The functions of lit_tests/canonicalize/rules, each named after the rule it shows."""

import re
from pathlib import Path

from jaxlib.mlir import ir

from oxide.dialects.context import parse_module

FOLDER = Path(__file__).parents[1] / "lit_tests" / "canonicalize" / "rules"
CHUNKS = {
    f"{path.stem}-{number}": chunk
    for path in sorted(FOLDER.glob("*.mlir"))
    for number, chunk in enumerate(path.read_text(encoding="utf-8").split("// -----"))
}


def rule_of(chunk: str) -> str:
    match = re.search(r"^func\.func @(\w+)", chunk, re.MULTILINE)
    assert match is not None
    return match.group(1).replace("_", "-")


def module_of(chunk: str) -> ir.Module:
    """The function as the @main of a module."""
    return parse_module(re.sub(r"^func\.func @\w+", "func.func @main", chunk, flags=re.MULTILINE))
