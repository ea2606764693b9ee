"""The Python in the documentation runs: the blocks of a file one after another, in one namespace."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
# Others show fragments that need a model of the reader's.
COMPLETE = ("custom_operators.md", "onnx_backend.md", "torch.md")


@pytest.mark.parametrize("name", COMPLETE)
def test_python_blocks_run(name: str) -> None:
    text = (DOCS / name).read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    assert blocks
    namespace: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, name, "exec"), namespace)
