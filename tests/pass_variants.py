"""Every pass with each of its options at every value that matters, as pipelines."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Literal, get_args, get_origin

from oxide.passes.base import Pass
from oxide.passes.catalog import REGISTRY
from oxide.passes.options import OptionSpec, option_specs
from oxide.passes.pipelines import PIPELINES

# What an option of this type is set to; those of text have values of their own.
_NUMBERS = {int: ("0", "1", "1000000"), float: ("0.0", "1.0")}
_TEXTS = {
    ("canonicalize", "fast-math"): ("nnan,nsz,reassoc",),
    ("decompose-composites", "names"): ("test.unary",),
    ("decompose-composites", "keep"): ("test.unary",),
    ("fuse", "kinds"): ("loop", "input", "output"),
    ("inline", "only"): ("f0",),
}
# Passes and options that let numbers be rounded differently.  MLIR's own refinement takes sign(-0) for 0.
_APPROXIMATE = {"fold-batch-norm", "fast-math", "reassociate", "drop-rounding", "convolutions", "refine-shapes"}


def _values(name: str, spec: OptionSpec) -> tuple[str, ...]:
    if spec.type is bool:
        return ("true",)
    if get_origin(spec.type) is Literal:
        return tuple(value for value in get_args(spec.type) if value != spec.default)
    if spec.name == "output":
        return ()
    return _NUMBERS[spec.type] if spec.type in _NUMBERS else _TEXTS[name, spec.name]


def _variants(name: str, kind: type[Pass]) -> Iterator[tuple[str, bool]]:
    """Pipelines of one pass, each with whether it is exact."""
    specs = option_specs(kind)
    quiet = [f"output={os.devnull}"] if any(spec.name == "output" for spec in specs) else []
    for option, value in [("", ""), *((spec.name, value) for spec in specs for value in _values(name, spec))]:
        given = [*quiet, *([f"{option}={value}"] if option else [])]
        yield f"{name}{{{' '.join(given)}}}" if given else name, not {name, option} & _APPROXIMATE


_ALL: list[tuple[str, bool]] = [
    *(variant for name, kind in sorted(REGISTRY.items()) for variant in _variants(name, kind)),
    *((name, name not in _APPROXIMATE) for name in PIPELINES),
    ("outline{min-ops=1},roll{min-repeats=2},hoist-params", True),
    ("simplify,fuse{expand},assign-buffers", True),
]
EXACT = tuple(pipeline for pipeline, exact in _ALL if exact)
VARIANTS = tuple(pipeline for pipeline, _ in _ALL)
