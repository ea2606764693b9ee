"""Running sums, products and extremes along a dimension."""

from __future__ import annotations

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import composites, dtypes, hlo
from oxide.dialects.composites.sequences import CUMULATIVE
from oxide.dialects.hlo.reductions import KINDS


def cumulative(x: ir.Value, kind: str, axis: int, *, exclusive: bool = False, reverse: bool = False) -> ir.Value:
    """`hlo.cumulative` as oxide.cumulative, where that has the kind ("add", "multiply", "max" or "min") and type.

    An `exclusive` one leaves out the element itself: it is that of x shifted by one.
    """
    dtype = hlo.dtype(x)
    unordered = kind in ("max", "min") and dtypes.is_complex(dtype)
    if kind not in CUMULATIVE or dtype == np.bool_ or unordered:
        return hlo.cumulative(x, kind, axis, exclusive=exclusive, reverse=reverse)
    axis = hlo.normalize_axis(axis, hlo.rank(x))
    if exclusive:
        first, last = ([amount * (a == axis) for a in range(hlo.rank(x))] for amount in (1, -1))
        neutral = hlo.constant(KINDS[kind][1](dtype), dtype)  # pyright: ignore[reportArgumentType]
        x = hlo.pad(x, neutral, *((last, first) if reverse else (first, last)))
    (y,) = composites.build("cumulative", [x], kind=kind, axis=axis, reverse=reverse)
    return y
