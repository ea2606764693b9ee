"""The command line of oxide-opt.

Two things argparse cannot do are done before it sees the arguments.  Flags of passes keep their order among each
other and take options behind `=` only, so that `--fuse model.mlir` does not swallow the file name; the same holds
for other flags with an optional value.  And, as with mlir-opt, one dash is as good as two.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, NoReturn

from oxide.tools.split_input import DEFAULT_MARKER

TOOL = "oxide-opt"

# Flags that may stand without `=value`, and the value they then have.
_IMPLIED: dict[str, str] = {
    "split-input-file": DEFAULT_MARKER,
    "verify-diagnostics": "all",
    "mlir-timing-display": "tree",
    "print-diff": "all",
}


@dataclass
class PassFlag:
    """`--name=options` as it stood on the command line."""

    name: str
    options: str = ""


@dataclass
class CommandLine:
    """Parsed arguments: argparse's namespace and the pass flags in their order."""

    options: argparse.Namespace
    passes: list[PassFlag] = field(default_factory=list)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        sys.stderr.write(f"{TOOL}: error: {message}\n")
        raise SystemExit(2)


def parse_command_line(arguments: Sequence[str], pass_names: Sequence[str], epilog: str = "") -> CommandLine:
    """Read the arguments.  Exits with status 2 and a message on standard error for a wrong one."""
    parser, switches = _make_parser(epilog)
    flags = {name for action in parser._actions for name in action.option_strings}
    implied = _IMPLIED | dict.fromkeys(switches, "true")
    passes: list[PassFlag] = []
    rest: list[str] = []
    position = 0
    while position < len(arguments):
        argument = arguments[position]
        position += 1
        if argument == "--":
            rest += ["--", *arguments[position:]]
            break
        name, equals, value = argument.lstrip("-").partition("=")
        if argument == "-o" and position < len(arguments):  # glued on, its value may look like anything
            rest.append("-o" + arguments[position])
            position += 1
        elif not argument.startswith("-") or argument in ("-", "-o", "-h"):
            rest.append(argument)
        elif name in pass_names:
            passes.append(PassFlag(name, value))
        elif f"--{name}" not in flags:
            if argument.startswith("-o") and not argument.startswith("--"):
                rest.append(argument)
                continue
            close = get_close_matches(name, [*pass_names, *(flag.lstrip("-") for flag in flags)], n=1)
            parser.error(f"unknown flag --{name}" + (f"; did you mean --{close[0]}?" if close else ""))
        elif not equals and name in implied:
            rest.append(f"--{name}={implied[name]}")
        else:
            rest.append(f"--{name}{equals}{value}")
    return CommandLine(parser.parse_args(rest), passes)


def _make_parser(epilog: str) -> tuple[argparse.ArgumentParser, list[str]]:
    """The parser, and the names of its true-or-false flags."""
    parser = _Parser(
        prog=TOOL,
        description="Run passes on an MLIR module: text, bytecode or a StableHLO portable artefact.",
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    switches: list[str] = []

    def switch(group: Any, name: str, help: str, default: bool = False) -> None:
        switches.append(name)
        shown = f"{help} (default: {'true' if default else 'false'})" if default else help
        group.add_argument(f"--{name}", type=_boolean, default=default, metavar="BOOL", help=shown)

    parser.add_argument("input", nargs="?", default="-", help="input file, - for standard input (default)")
    parser.add_argument("-o", dest="output", default="-", metavar="FILE", help="output file, - for standard output")
    switch(parser, "version", "print the version and stop")
    switch(parser, "list-passes", "list passes and named pipelines and stop")
    switch(parser, "show-dialects", "list the dialects an input may use and stop")
    _add_running(parser.add_argument_group("passes"), switch)
    _add_input_output(parser.add_argument_group("input and output"), switch)
    _add_printing(parser.add_argument_group("printing IR between passes (to standard error)"), switch)
    _add_reports(parser.add_argument_group("reports (to standard error) and reproducers"), switch)
    return parser, switches


def _add_running(group: Any, switch: Any) -> None:
    group.add_argument(
        "--pass-pipeline", metavar="TEXT", help="passes, as builtin.module(canonicalize,fuse{max-ops=8})"
    )
    switch(group, "dump-pass-pipeline", "print the pipeline before it runs")
    switch(group, "verify-each", "verify the module after each pass", default=True)
    switch(group, "mlir-disable-threading", "run native passes in one thread")
    group.add_argument(
        "--debug-counter",
        type=_limits,
        default={},
        metavar="RULE=N,...",
        help="make the first N rewrites of a rule only, or of all with rewrite=N",
    )


def _add_input_output(group: Any, switch: Any) -> None:
    group.add_argument(
        "--split-input-file",
        metavar="MARKER",
        help=f"process the parts between marker lines one by one (marker by default: {DEFAULT_MARKER})",
    )
    group.add_argument(
        "--verify-diagnostics",
        choices=("all", "only-expected"),
        help="check diagnostics against expected-* comments; all when no value is given",
    )
    switch(group, "allow-unregistered-dialect", "accept operations of unknown dialects")
    switch(group, "no-implicit-module", "the input must be one builtin.module; it is not wrapped in one")
    switch(group, "emit-bytecode", "write MLIR bytecode")
    group.add_argument("--emit-bytecode-version", type=int, metavar="N", help="bytecode version to write")
    switch(group, "mlir-print-op-generic", "print the generic form")
    switch(group, "mlir-print-debuginfo", "print locations")
    switch(group, "mlir-pretty-debuginfo", "print locations for reading; the output cannot be parsed")
    switch(group, "mlir-print-local-scope", "print without aliases")
    switch(group, "mlir-use-nameloc-as-prefix", "name values after their named locations")
    group.add_argument(
        "--mlir-elide-elementsattrs-if-larger", type=int, metavar="N", help="leave out constants of more elements"
    )
    group.add_argument(
        "--mlir-elide-resource-strings-if-larger", type=int, metavar="N", help="leave out longer resources"
    )


def _add_printing(group: Any, switch: Any) -> None:
    for when in ("before", "after"):
        group.add_argument(
            f"--mlir-print-ir-{when}", action="append", metavar="PASS,...", help=f"print {when} these passes"
        )
        switch(group, f"mlir-print-ir-{when}-all", f"print {when} every pass")
    switch(group, "mlir-print-ir-after-change", "print after passes that changed something")
    switch(group, "mlir-print-ir-after-failure", "print after a pass failed")
    group.add_argument(
        "--print-diff",
        metavar="PASS,...",
        help="print what these passes changed as diffs; all when no value is given",
    )
    switch(group, "mlir-print-ir-module-scope", "accepted; the whole module is always printed")
    group.add_argument("--mlir-print-ir-tree-dir", metavar="DIR", help="print into files under this folder")


def _add_reports(group: Any, switch: Any) -> None:
    switch(group, "mlir-timing", "print how long each pass took")
    group.add_argument(
        "--mlir-timing-display", choices=("tree", "list"), default="tree", help="order of that table"
    )
    switch(group, "mlir-pass-statistics", "print what each pass did, with tries and hits of every rule")
    switch(group, "remarks", "print the remarks of passes")
    group.add_argument(
        "--mlir-pass-pipeline-crash-reproducer", metavar="FILE", help="leave a reproducer there when a pass fails"
    )
    switch(group, "mlir-pass-pipeline-local-reproducer", "the reproducer holds the failing pass and its input only")
    switch(group, "run-reproducer", "the input is a reproducer; run its pipeline")


def _limits(text: str) -> dict[str, int]:
    limits: dict[str, int] = {}
    for item in text.split(","):
        name, _, number = item.partition("=")
        if not name or not number.isdecimal() or name in limits:
            raise argparse.ArgumentTypeError(f"RULE=N,... expected, each rule once, not {text!r}")
        limits[name] = int(number)
    return limits


def _boolean(text: str) -> bool:
    values = {"true": True, "1": True, "false": False, "0": False}
    if text.lower() not in values:
        raise argparse.ArgumentTypeError(f"true or false expected, not {text!r}")
    return values[text.lower()]
