"""Cut one input into several at marker lines, as mlir-opt's `--split-input-file` does."""

from __future__ import annotations

DEFAULT_MARKER = "// -----"


def split_input(text: str, marker: str = DEFAULT_MARKER) -> list[str]:
    """The chunks between lines that consist of `marker` (blanks around it do not count).

    Every chunk begins with as many empty lines as lie before it in the file, so that line numbers in
    diagnostics and locations are the file's own.
    """
    chunks: list[str] = []
    lines: list[str] = []
    start = 0
    # Only "\n" ends a line: str.splitlines also cuts at form feeds and unicode separators.
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip() == marker.strip():
            chunks.append("\n" * start + "\n".join(lines))
            lines, start = [], number
        else:
            lines.append(line)
    chunks.append("\n" * start + "\n".join(lines))
    return chunks
