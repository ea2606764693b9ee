"""oxide: compile, inspect, run, verify and measure models.

Reports go to standard output, errors and progress to standard error.  Exit status: 0 fine, 1 the job could not
be done or a check failed, 2 wrong usage, 130 interrupted.
"""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Sequence

from oxide import __version__
from oxide.tools.command import exit_status
from oxide.tools.oxide_arguments import make_parser


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns the exit status."""
    parser = make_parser()
    try:
        options = parser.parse_args(arguments)
    except SystemExit as stop:  # argparse has said why
        return stop.code if isinstance(stop.code, int) else 2
    if options.version:
        return _print_version()
    if options.command is None:
        parser.print_usage(sys.stderr)
        return 2
    # XLA's informational log lines say nothing about the model; TF_CPP_MIN_LOG_LEVEL=0 brings them back.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
    return exit_status("oxide", lambda: _run(options))


def _print_version() -> int:
    from importlib.metadata import version

    print(f"oxide {__version__} (jax {version('jax')}, jaxlib {version('jaxlib')})")
    return 0


def _run(options: argparse.Namespace) -> int:
    from oxide.dialects.diagnostics import OxideError

    debug = options.debug or os.environ.get("OXIDE_DEBUG", "0") not in ("", "0")
    try:
        from oxide.tools.oxide_commands import COMMANDS, Session

        status = COMMANDS[options.command](Session(options))
        sys.stdout.flush()
        return status
    except OxideError as error:
        _print_traceback(debug)
        sys.stderr.write(f"error: {error}\n")
    except (KeyboardInterrupt, BrokenPipeError):
        raise
    except Exception as error:
        _print_traceback(debug)
        sys.stderr.write(
            f"error: internal error: {type(error).__name__}: {error}\n"
            "This is a bug in Oxide; please report it with the model and this command "
            "(--debug shows the traceback).\n"
        )
    return 1


def _print_traceback(debug: bool) -> None:
    if debug:
        traceback.print_exc()


if __name__ == "__main__":
    sys.exit(main())
