"""oxide-translate: a module from one form into another, with stablehlo-translate's manners.

    oxide-translate --serialize --target=1.9.0 f.mlir -o f.mlirbc     StableHLO portable artefact
    oxide-translate --deserialize f.mlirbc                            text again
    oxide-translate --interpret f.mlir --args='[dense<1> : tensor<2xi32>]'
    oxide-translate --emit-jax f.mlir                                 Python source

Results go to standard output or `-o`, everything else to standard error.  Exit status: 0 fine, 1 diagnostics,
2 wrong usage.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from oxide import __version__
from oxide.tools.command import exit_status

if TYPE_CHECKING:
    from jaxlib.mlir import ir

TOOL = "oxide-translate"


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns the exit status."""
    options = _parser().parse_args(arguments)
    return exit_status(TOOL, lambda: _write_translation(options))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        TOOL, description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("input", nargs="?", default="-", help="file, or - for standard input")
    parser.add_argument("-o", dest="output", default="-", metavar="FILE", help="file, or - for standard output")
    parser.add_argument("--version", action="version", version=f"{TOOL} {__version__}")
    parser.add_argument("--target", default="current", metavar="VERSION", help=_TARGET_HELP)
    parser.add_argument(
        "--args", default="", metavar="ATTRIBUTES", help="with --interpret: [dense<...> : type, ...]"
    )
    parser.add_argument(
        "--allow-unregistered-dialect", action="store_true", help="accept operations of unknown dialects"
    )
    which = parser.add_mutually_exclusive_group(required=True)
    for name, (_, help_text) in _TRANSLATIONS.items():
        which.add_argument(f"--{name}", dest="translation", action="store_const", const=name, help=help_text)
    return parser


def _write_translation(options: argparse.Namespace) -> int:
    from oxide.tools.opt_driver import write_output

    write_output(options.output, _translate(options))
    return 0


def _translate(options: argparse.Namespace) -> bytes:
    from oxide.frontends.mlir import read_module
    from oxide.tools.opt_driver import read_input

    source = read_input(options.input)
    module = read_module(source.data, source.name, allow_unregistered=options.allow_unregistered_dialect)
    if options.args and options.translation != "interpret":
        _parser().error("--args belongs to --interpret")
    translate, _ = _TRANSLATIONS[options.translation]
    with module.context:
        return translate(module, options)


def _serialize(module: ir.Module, options: argparse.Namespace) -> bytes:
    from oxide.artefacts import serialize

    return serialize(module, options.target)


def _deserialize(module: ir.Module, options: argparse.Namespace) -> bytes:
    return _text(module)


def _interpret(module: ir.Module, options: argparse.Namespace) -> bytes:
    from oxide.dialects.constants import dense
    from oxide.interpreter import interpret, parse_arguments

    return "".join(f"{dense(array)}\n" for array in interpret(module, parse_arguments(options.args))).encode()


def _emit_jax(module: ir.Module, options: argparse.Namespace) -> bytes:
    from oxide.backends.jax_source import emit_jax_source
    from oxide.dialects.diagnostics import OxideError

    name = Path(options.input).stem if options.input != "-" else "model"
    source = emit_jax_source(module, model_name=name, parameters_file=f"{name}.py.safetensors")
    if source.constants:
        raise OxideError(
            f"the module holds {len(source.constants)} constants too large for source text; "
            "use `oxide compile`, which writes them beside the .py"
        )
    return source.text.encode()


def _text(module: ir.Module) -> bytes:
    return f"{module.operation}\n".encode()


_TARGET_HELP = "with --serialize: 1.x, 1.x.y, current, minimum, 4w or 12w (default: current)"
_TRANSLATIONS: dict[str, tuple[Callable[[ir.Module, argparse.Namespace], bytes], str]] = {
    "serialize": (_serialize, "write a StableHLO portable artefact"),
    "deserialize": (_deserialize, "write MLIR text; the input may be an artefact, bytecode or text"),
    "interpret": (_interpret, "run @main in StableHLO's reference interpreter and print what it returns"),
    "emit-jax": (_emit_jax, "write JAX source"),
}

if __name__ == "__main__":
    sys.exit(main())
