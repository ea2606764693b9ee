"""Evaluate one StableHLO operation on numpy arrays, exactly as its specification says, or decline.

The evaluator behind constant folding, import-time shape arithmetic and the buffer plan's executor.  A rule
declines (answers None) rather than guess: integer division by zero, floats outside an integer's range and
formats numpy computes differently are left in the program.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects.constants import read_constant
from oxide.dialects.fold import contraction, elementwise, movement, windows
from oxide.dialects.fold.elementwise import COMPUTED, Rule, is_splat

__all__ = ["COMPUTED", "RULES", "fold", "is_splat"]


def _constant(op: ir.Operation, operands: Sequence[np.ndarray]) -> np.ndarray:
    return read_constant(op)


# One rule an operation; each answers the operation's only result.
RULES: dict[str, Rule] = {
    "stablehlo.constant": _constant,
    **elementwise.RULES,
    **movement.RULES,
    **contraction.RULES,
    **windows.RULES,
}


def fold(op: ir.Operation, operands: Sequence[np.ndarray]) -> list[np.ndarray] | None:
    """The results of `op` on `operands`, or None when there is no rule or the rule declines.

    `operands` have the shapes and dtypes of the operation's operands; zero-stride views (splats) are cheap
    and elementwise results of splats are splats again.  Results may be views of operands and must not be
    written to.  Where a result type is dynamic the array has the shape the operands give.
    """
    rule = RULES.get(op.name)
    if rule is None or len(op.results) != 1:
        return None
    with np.errstate(all="ignore"):
        result = rule(op, operands)
    return None if result is None else [np.asarray(result)]
