"""oxide-bisect: which pass of a pipeline, and which of its rewrites, made a model wrong.

    oxide-bisect model.mlir --pass-pipeline='canonicalize,cse,fuse'                 results change
    oxide-bisect bug.mlir --pass-pipeline=default --test 'my-compiler {}' --status 134

Without --test the model runs after each pass on random inputs, or those given, and a result that differs from the
model's own is wrong, as is a pass that fails or leaves an invalid module.  With --test, a module is wrong where the
shell command, with {} for a file that holds it, exits with status 0, as for oxide-reduce.

Exit status: 0 found, 1 nothing is wrong or the job could not be done, 2 wrong usage, 130 interrupted.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from oxide import __version__
from oxide.tools.command import exit_status
from oxide.tools.oxide_arguments import DEFAULT_PIPELINE, dimension, shape, value_options

if TYPE_CHECKING:
    from jaxlib.mlir import ir

    from oxide.bisection import Check, Culprit

TOOL = "oxide-bisect"


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns the exit status."""
    options = _parser().parse_args(arguments)
    # XLA's informational log lines say nothing about the model; TF_CPP_MIN_LOG_LEVEL=0 brings them back.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
    return exit_status(TOOL, lambda: _bisect(options))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        TOOL,
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[value_options()],
        allow_abbrev=False,
    )
    parser.add_argument("model", metavar="IN", help="a model as `oxide` reads it; with --test any MLIR module")
    parser.add_argument(
        "--pass-pipeline", default=DEFAULT_PIPELINE, metavar="TEXT", help="the passes (default: %(default)s)"
    )
    parser.add_argument("--dim", type=dimension, action="append", default=[], metavar="NAME=SIZE", help="of ONNX")
    parser.add_argument("--shape", type=shape, action="append", default=[], metavar="NAME=1x3x224", help="of ONNX")
    parser.add_argument(
        "--engine", default="pjrt", metavar="ENGINE", help="what runs the model: pjrt (default) or interpreter"
    )
    parser.add_argument("--tolerance", type=float, help="largest relative error; by default it follows the dtype")
    parser.add_argument("--test", metavar="COMMAND", help="shell command that judges the file {} instead")
    parser.add_argument(
        "--status", type=int, default=0, metavar="N", help="its exit status for a wrong module (default: 0)"
    )
    parser.add_argument(
        "--test-timeout", type=float, default=60, metavar="S", help="seconds for one test (default: 60)"
    )
    parser.add_argument("-o", dest="output", metavar="FILE", help="write the last right module, the pass' input")
    parser.add_argument("--version", action="version", version=f"{TOOL} {__version__}")
    return parser


def _bisect(options: argparse.Namespace) -> int:
    from oxide.bisection import bisect
    from oxide.dialects.files import write_file
    from oxide.passes.pipeline import parse_pipeline
    from oxide.tools.progress import Progress
    from oxide.user_command import module_bytes

    pipeline = parse_pipeline(options.pass_pipeline)
    with Progress().stage(f"bisecting {options.pass_pipeline}"):
        module, check = _test_of(options) if options.test else _comparison_of(options)
        culprit = bisect(module, pipeline, check)
    if culprit is None:
        sys.stderr.write(f"{TOOL}: no pass makes {options.model} wrong\n")
        return 1
    if options.output:
        write_file(options.output, module_bytes(culprit.before, Path(options.output).suffix))
    print(report(culprit, len(list(pipeline.steps())), options.output or "FILE"))
    return 0


def report(culprit: Culprit, steps: int, before: str) -> str:
    """What was found, and how to see it again; `before` is the file that holds the pass' input."""
    lines = [f"pass {culprit.number} of {steps}: {culprit.step}", f"  {culprit.complaint}"]
    rewrite, limit = culprit.rewrite, []
    if rewrite is not None:
        place = f" at {rewrite.location}" if rewrite.location else ""
        lines.append(f"rewrite {rewrite.number} of {rewrite.total}: {rewrite.operation}{place}")
        lines.append(f"  rule {rewrite.rule}, application {rewrite.application} of it")
        limit = [f"--debug-counter=rewrite={rewrite.number}"]
    command = ["oxide-opt", before, f"--pass-pipeline={culprit.pipeline}", *limit]
    lines.append(f"to see it: {shlex.join(command)}")
    return "\n".join(lines)


def _test_of(options: argparse.Namespace) -> tuple[ir.Module, Check]:
    from oxide.frontends.mlir import read_module
    from oxide.tools.opt_driver import read_input
    from oxide.user_command import UserCommand

    source = read_input(options.model)
    test = UserCommand(options.test, options.status, options.test_timeout)

    def check(module: ir.Module) -> str:
        verdict = test.judge(module)
        return str(verdict) if verdict.status == options.status else ""

    return read_module(source.data, source.name), check


def _comparison_of(options: argparse.Namespace) -> tuple[ir.Module, Check]:
    from oxide.bisection import ENGINES, results_check
    from oxide.dialects.diagnostics import OxideError
    from oxide.loading import load
    from oxide.tools.oxide_commands import Session

    if options.engine not in ENGINES:
        raise OxideError(f"--engine takes {' or '.join(ENGINES)}, not {options.engine}")
    model = load(options.model, dims=dict(options.dim), shapes=dict(options.shape))
    inputs = Session(options).inputs(model, fill=True)
    return model.module, results_check(model, inputs, engine=options.engine, tolerance=options.tolerance)


if __name__ == "__main__":
    sys.exit(main())
