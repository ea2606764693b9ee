"""Values that follow from constants and positions alone, such as causal masks too large to be folded."""

from __future__ import annotations

import math

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects.fold import fold
from oxide.passes.canonicalize.matching import is_static, shape_of

# What is computed to look at it: a mask of 8192 x 8192.  Deeper expressions than this make no mask.
_ELEMENTS = 1 << 26
_DEPTH = 32


def known_array(value: ir.Value) -> np.ndarray | None:
    """The elements of a value computed from constants and `iota` only, or None; they must not be written to."""
    return _Evaluation().array(value, _DEPTH)


class _Evaluation:
    def __init__(self) -> None:
        self._arrays: dict[ir.Value, np.ndarray | None] = {}

    def array(self, value: ir.Value, depth: int) -> np.ndarray | None:
        if value not in self._arrays:
            self._arrays[value] = self._computed(value, depth)
        return self._arrays[value]

    def _computed(self, value: ir.Value, depth: int) -> np.ndarray | None:
        if isinstance(value.owner, ir.Block) or not depth:
            return None
        op = value.owner.operation
        if not is_static(op) or len(op.regions) or math.prod(shape_of(op.results[0])) > _ELEMENTS:
            return None
        operands: list[np.ndarray] = []
        for operand in op.operands:
            array = self.array(operand, depth - 1)
            if array is None:
                return None
            operands.append(array)
        results = fold(op, operands)
        return None if results is None else results[0]
