"""The command line of `oxide`: one subcommand a job, shared options stated once."""

from __future__ import annotations

import argparse
import re

TOOL = "oxide"
# For files, which any device may read; what runs goes through the passes for its device.
DEFAULT_PIPELINE = "default"


def make_parser() -> argparse.ArgumentParser:
    """The parser; the chosen subcommand is `options.command`."""
    parser = argparse.ArgumentParser(TOOL, description="Lower models to StableHLO and run, save and check them.")
    parser.add_argument("--version", action="store_true", help="print versions and exit")
    debug = argparse.ArgumentParser(add_help=False)
    debug.add_argument("--debug", action="store_true", help="show the traceback of an error (or set OXIDE_DEBUG=1)")
    model = _model_options()
    written = _pipeline_option(DEFAULT_PIPELINE, f"passes to run first (default {DEFAULT_PIPELINE!r};")
    compiled = _pipeline_option(None, "passes before XLA's (default: 'optimize' for the platform;")
    report = argparse.ArgumentParser(add_help=False)
    report.add_argument("--format", choices=("text", "json"), default="text", help="how to print the report")
    values = value_options()
    jobs = parser.add_subparsers(dest="command", metavar="COMMAND")

    job = jobs.add_parser(
        "compile", parents=[model, written, debug], help="write a model as .mlirbc, .mlir, .py or .hlo"
    )
    job.add_argument("-o", "--output", required=True, help="the file to write; its suffix chooses the form")
    job.add_argument("--target-version", default="current", help="of a .mlirbc: 1.x, current, minimum, 4w or 12w")
    job.add_argument("--inline-weights", action="store_true", help="weights as constants: one file, no safetensors")
    job.add_argument("--prepare-weights", action="store_true", help="write what @prepare gives, not what it takes")

    jobs.add_parser(
        "inspect", parents=[model, written, report, debug], help="inputs, outputs, operations, FLOPs and bytes"
    )

    job = jobs.add_parser(
        "run", parents=[model, compiled, values, debug], help="run a model on arrays from .npy files"
    )
    job.add_argument("--random", action="store_true", help="random values for inputs that are not given")
    job.add_argument("-o", "--output", help="write the outputs to this .npz")

    job = jobs.add_parser(
        "verify",
        parents=[model, compiled, values, report, debug],
        help="compare with onnxruntime (ONNX) or the StableHLO interpreter (MLIR)",
    )
    job.add_argument("--tolerance", type=float, help="largest relative error; by default it follows the dtype")
    job.add_argument(
        "--against", metavar="MODEL.onnx", help="the ONNX model that IN was made from, to run in onnxruntime"
    )
    job.add_argument("--layers", action="store_true", help="compare all nodes and find the first that diverges")

    job = jobs.add_parser(
        "bench", parents=[model, compiled, values, report, debug], help="median latency, against onnxruntime"
    )
    job.add_argument("--seconds", type=float, default=2.0, help="how long to measure each (default 2)")

    job = jobs.add_parser("ops", parents=[report, debug], help="the ONNX operators that can be imported")
    job.add_argument("name", nargs="*", help="only these operators")
    job.add_argument("--unsupported", action="store_true", help="those that cannot be imported instead")
    return parser


def _model_options() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(add_help=False)
    options.add_argument(
        "input", metavar="IN", help="ONNX, .pt2, .mlir, .mlirbc or package.module:factory; - is standard input"
    )
    options.add_argument(
        "--dim", type=dimension, action="append", default=[], metavar="NAME=SIZE", help="size of a named dimension"
    )
    options.add_argument(
        "--shape", type=shape, action="append", default=[], metavar="NAME=1x3x224", help="shape of an input"
    )
    options.add_argument(
        "--args",
        nargs="+",
        default=[],
        metavar="1x3x224xf32",
        help="dtypes and shapes of a factory's example arguments, by position or NAME=...",
    )
    return options


def _pipeline_option(default: str | None, help: str) -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(add_help=False)
    options.add_argument("--pipeline", default=default, help=f"{help} '' for none; oxide-opt --list-passes)")
    return options


def value_options() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(add_help=False)
    options.add_argument(
        "--input", dest="inputs", type=named_file, action="append", default=[], metavar="NAME=FILE.npy"
    )
    options.add_argument("--seed", type=int, default=0, help="of random values (default 0)")
    options.add_argument("--platform", default="cpu", help="cpu (default), gpu, tpu or a PJRT plug-in")
    return options


def dimension(text: str) -> tuple[str, int]:
    """`batch=1`."""
    name, equals, size = text.rpartition("=")
    if not equals or not name or not re.fullmatch("[0-9]+", size, re.ASCII):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=SIZE")
    return name, int(size)


def shape(text: str) -> tuple[str, tuple[int, ...]]:
    """`x=1x3x224x224`; `x=` is a scalar."""
    name, equals, sizes = text.rpartition("=")
    if not equals or not name or not re.fullmatch("([0-9]+(x[0-9]+)*)?", sizes, re.ASCII):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=SIZExSIZE...")
    return name, tuple(int(size) for size in sizes.split("x")) if sizes else ()


def named_file(text: str) -> tuple[str, str]:
    """`x=file.npy`; the first `=` ends the name."""
    name, equals, path = text.partition("=")
    if not equals or not name or not path:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=FILE")
    return name, path
