"""MLIR and StableHLO passes, written in C++ inside jaxlib, that a pipeline may name.

MLIR ends the process when a pass that works on one operation is put under another, so each row says where its
pass belongs; a `func.func` pass named at module level is nested by the runner.  A pass of Oxide's own takes
precedence over a native one of the same name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Anchor = Literal["builtin.module", "func.func", "any"]


@dataclass(frozen=True)
class NativePassInfo:
    """Where a native pass may run (`any`: on a module or on each function) and what it does."""

    anchor: Anchor
    summary: str


_ROWS: tuple[tuple[str, Anchor, str], ...] = (
    ("chlo-legalize-to-stablehlo", "func.func", "Decompose CHLO operations into StableHLO"),
    ("remove-dead-values", "builtin.module", "Remove dead values, function arguments and results included"),
    ("shape-legalize-to-stablehlo", "func.func", "Turn shape and tensor.dim arithmetic into StableHLO"),
    ("stablehlo-canonicalize-dynamism", "func.func", "Dynamic operations with constant operands become static"),
    ("stablehlo-check-shape-assertions", "func.func", "Check the shape assertions JAX exports as custom calls"),
    (
        "stablehlo-compatibility-expander",
        "builtin.module",
        "Expand operations newer than a given StableHLO version",
    ),
    ("stablehlo-complex-math-expander", "func.func", "Expand complex math into real StableHLO operations"),
    (
        "stablehlo-convert-to-signless",
        "builtin.module",
        "Replace signed and unsigned integer types by signless ones",
    ),
    ("stablehlo-legalize-composite-to-call", "func.func", "Replace composites by calls of their decomposition"),
    ("stablehlo-legalize-deprecated-ops", "func.func", "Replace deprecated StableHLO operations"),
    ("stablehlo-legalize-qdq-to-quantized-op", "func.func", "Fuse dequantize, op, quantize into a quantized op"),
    ("stablehlo-legalize-quant-to-math", "func.func", "Express quantized operations by integer arithmetic"),
    ("stablehlo-legalize-quantized-op-to-qdq", "func.func", "Split quantized ops into dequantize, op, quantize"),
    ("stablehlo-legalize-to-vhlo", "builtin.module", "Turn StableHLO into versioned VHLO"),
    ("stablehlo-refine-arguments", "builtin.module", "Give @main the argument types in `types`"),
    ("stablehlo-refine-shapes", "builtin.module", "Propagate static shapes through a dynamic module"),
    ("strip-debuginfo", "any", "Replace every location by the unknown one"),
    ("symbol-dce", "builtin.module", "Remove private functions that nothing uses"),
    ("symbol-privatize", "builtin.module", "Make symbols private, except those in `exclude`"),
    ("topological-sort", "any", "Order operations so that definitions come before uses"),
    ("trivial-dce", "any", "Remove operations without uses and side effects"),
    ("vhlo-legalize-to-stablehlo", "builtin.module", "Turn versioned VHLO into StableHLO"),
    ("vhlo-to-version", "any", "Convert VHLO to the StableHLO version `target`"),
)

NATIVE_PASSES: dict[str, NativePassInfo] = {name: NativePassInfo(anchor, text) for name, anchor, text in _ROWS}
