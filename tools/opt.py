"""oxide-opt: run passes on a module, with mlir-opt's manners.

IR goes to standard output, everything else to standard error.  Exit status: 0 fine, 1 diagnostics, 2 wrong usage.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from time import perf_counter
from typing import TYPE_CHECKING

from oxide import __version__
from oxide.tools.command import exit_status
from oxide.tools.opt_arguments import TOOL

if TYPE_CHECKING:
    from oxide.tools.opt_arguments import CommandLine


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns the exit status."""
    arguments = sys.argv[1:] if arguments is None else arguments
    # Loading MLIR takes most of a short run, and these need none of it.
    if any(argument in ("--version", "-version") for argument in arguments):
        return _print_version()
    return exit_status(TOOL, lambda: _run(arguments))


def _print_version() -> int:
    from importlib.metadata import version

    print(f"oxide-opt {__version__} (jaxlib {version('jaxlib')})")
    return 0


def _run(arguments: Sequence[str]) -> int:
    from oxide.passes import reference
    from oxide.tools.opt_arguments import parse_command_line

    command = parse_command_line(arguments, reference.pass_names(), epilog=reference.listing(with_options=True))
    if command.options.list_passes:
        sys.stdout.write(reference.listing())
        return 0
    if command.options.show_dialects:
        return _show_dialects()
    return _process(command)


def _show_dialects() -> int:
    from oxide.tools.dialect_list import dialect_names

    print("Available dialects:", *dialect_names(), sep="\n")
    return 0


def _process(command: CommandLine) -> int:
    from oxide.tools.opt_driver import Driver, UsageError, read_input, write_output

    try:
        start = perf_counter()
        driver = Driver(command, read_input(command.options.input))
        succeeded = driver.run()
        if succeeded or command.options.output == "-":
            write_output(command.options.output, driver.output())
        driver.print_timing(perf_counter() - start)
    except UsageError as error:
        sys.stderr.write(f"{TOOL}: error: {error}\n")
        return 2
    return 0 if succeeded else 1


if __name__ == "__main__":
    sys.exit(main())
