"""How every tool ends: what it says when its work cannot be done, and the exit status."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

INTERRUPTED = 130


def exit_status(tool: str, work: Callable[[], int]) -> int:
    """The status `work` returns: 1 after an OxideError, which is told, or when the reader of the output has gone.

    130 when the user interrupted it.
    """
    try:
        # Inside, because loading MLIR takes a moment that may be interrupted, too.
        from oxide.dialects.diagnostics import OxideError
        from oxide.tools.diagnostic_text import render_error

        return work()
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        return INTERRUPTED
    except BrokenPipeError:
        # A second error while Python flushes at exit helps nobody.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OxideError as error:
        sys.stderr.write(render_error(error, tool) + "\n")
        return 1
