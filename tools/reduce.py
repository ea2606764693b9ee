"""oxide-reduce: the smallest module that a test of yours still finds interesting.

    oxide-reduce bug.mlir --test 'oxide-opt {} --canonicalize 2>&1 | grep -q "internal error"' -o small.mlir

The test is a shell command; {} stands for a file that holds a valid module.  Exit status 0 means that the module is
interesting.  The output file always holds the smallest interesting module so far.

Exit status: 0 reduced, 1 the job could not be done, 2 wrong usage, 130 interrupted.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from oxide import __version__
from oxide.tools.command import exit_status

TOOL = "oxide-reduce"


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns the exit status."""
    options = _parser().parse_args(arguments)
    return exit_status(TOOL, lambda: _reduce(options))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        TOOL, description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("input", nargs="?", default="-", help="MLIR text or bytecode, - for standard input")
    parser.add_argument("--test", required=True, metavar="COMMAND", help="shell command that judges the file {}")
    parser.add_argument(
        "-o",
        dest="output",
        type=Path,
        required=True,
        metavar="FILE",
        help=".mlirbc for bytecode, which the test then gets too; text otherwise",
    )
    parser.add_argument(
        "--status", type=int, default=0, metavar="N", help="exit status that means interesting (default: 0)"
    )
    parser.add_argument(
        "--test-timeout", type=float, default=60, metavar="S", help="seconds for one test (default: 60)"
    )
    parser.add_argument(
        "--time-limit", type=float, default=float("inf"), metavar="S", help="seconds after which no test begins"
    )
    parser.add_argument(
        "--allow-unregistered-dialect", action="store_true", help="accept operations of unknown dialects"
    )
    parser.add_argument("--version", action="version", version=f"{TOOL} {__version__}")
    return parser


def _reduce(options: argparse.Namespace) -> int:
    from jaxlib.mlir import ir

    from oxide.dialects.diagnostics import OxideError
    from oxide.dialects.files import write_file
    from oxide.frontends.mlir import read_module
    from oxide.reduction import reduce_module
    from oxide.reduction.edits import operations
    from oxide.tools.opt_driver import read_input
    from oxide.tools.progress import Progress
    from oxide.user_command import UserCommand, module_bytes

    source = read_input(options.input)
    module = read_module(source.data, source.name, allow_unregistered=options.allow_unregistered_dialect)
    test = UserCommand(options.test, options.status, options.test_timeout, options.output.suffix)
    verdict = test.judge(module)
    if verdict.status != options.status:
        raise OxideError(f"{source.name} is not interesting: {verdict}")

    def keep(smaller: ir.Module) -> None:
        write_file(options.output, module_bytes(smaller, options.output.suffix))

    keep(module)
    with Progress().stage(f"reducing {source.name}"):
        result = reduce_module(module, test, seconds=options.time_limit, on_better=keep)
    print(
        f"{len(operations(module))} -> {len(operations(result.module))} operations after {result.tests} tests"
        + ("" if result.finished else "; the time limit ended the search"),
        file=sys.stderr,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
