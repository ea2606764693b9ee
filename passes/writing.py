"""Where the reports of passes go."""

from __future__ import annotations

import sys

from oxide.dialects.files import write_file


def write_report(text: str, destination: str) -> None:
    """Write to a file, whole or not at all, or to standard error for `-`.  Raises OxideError when it cannot."""
    if destination == "-":
        sys.stderr.write(text)
    else:
        write_file(destination, text)
