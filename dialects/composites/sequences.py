"""The composites of positions and sequences: rotary embedding, one-hot, running reductions."""

from __future__ import annotations

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import dims, dtypes, hlo
from oxide.dialects.composites.registry import composite
from oxide.dialects.composites.verifiers import Types, require_axis, require_float, sizes
from oxide.dialects.diagnostics import OxideError

CUMULATIVE = ("add", "multiply", "max", "min")


def _rotary_tables(types: Types, interleaved: bool) -> None:
    require_float(types)
    x, *tables = types
    if not x.rank or any(t.rank != x.rank or t.element_type != x.element_type for t in tables):
        raise OxideError(f"rotary needs a cosine and a sine of the rank and element type of {x}, not {tables}")
    *leading, size = sizes(x)
    dims.require_equal(size % 2, 0, f"{x} has no pairs of elements to rotate")
    for table in tables:
        width = sizes(table)[-1]
        if width != sizes(tables[0])[-1] or width not in (size, size // 2):
            raise OxideError(f"rotary of {x} needs an angle for each element or each pair, not {table}")
        wide = hlo.broadcast_shapes(sizes(table), (*leading, width))
        for have, want in zip(wide, leading, strict=False):
            dims.require_equal(have, want, f"{table} does not broadcast to {x}")


@composite("rotary", operands=(3, 3), verify=_rotary_tables, interleaved=bool)
def rotary(x: ir.Value, cos: ir.Value, sin: ir.Value, *, interleaved: bool) -> ir.Value:
    """Pairs (a, b) of the last dimension of x become (a cos - b sin, a sin + b cos) (Su et al., RoFormer, 2021).

    A pair is two neighbours where `interleaved`, else one element of each half.  Cosine and sine broadcast against
    x, and have an entry for each pair or for each element.
    """
    size = hlo.shape(x)[-1]
    last, half = hlo.rank(x) - 1, size // 2
    if interleaved:
        first, second = (hlo.slice_axis(x, last, start, size, 2) for start in (0, 1))
    else:
        first, second = hlo.split(x, last, [half, half])

    def paired(a: ir.Value, b: ir.Value) -> ir.Value:
        return (
            hlo.reshape(hlo.stack([a, b], last + 1), hlo.shape(x)) if interleaved else hlo.concatenate([a, b], last)
        )

    if hlo.shape(cos)[-1] == size:
        return hlo.add(hlo.multiply(x, cos), hlo.multiply(paired(hlo.negate(second), first), sin))
    return paired(
        hlo.subtract(hlo.multiply(first, cos), hlo.multiply(second, sin)),
        hlo.add(hlo.multiply(first, sin), hlo.multiply(second, cos)),
    )


def _one_hot_axis(types: Types, depth: int, axis: int, dtype: str) -> None:
    (indices,) = types
    if not dtypes.is_integer(dtypes.to_numpy(indices.element_type)):
        raise OxideError(f"integer indices are needed, not {indices}")
    if depth < 0 or not 0 <= axis <= indices.rank:
        raise OxideError(f"depth {depth} or axis {axis} is out of range for indices {indices}")
    dtypes.from_spelling(dtype)


@composite("one_hot", operands=(1, 1), verify=_one_hot_axis, depth=int, axis=int, dtype=str)
def one_hot(indices: ir.Value, *, depth: int, axis: int, dtype: str) -> ir.Value:
    """1 where the position along a new dimension of size `depth` at `axis` is the index, else 0.

    `dtype` is the result's element type as StableHLO spells it.
    """
    return hlo.convert(hlo.one_hot(indices, depth, axis), dtypes.from_spelling(dtype))


def _cumulative_kind(types: Types, kind: str, axis: int, reverse: bool) -> None:
    require_axis(types[0], axis)
    dtype = dtypes.to_numpy(types[0].element_type)
    if kind not in CUMULATIVE or dtype == np.bool_ or (dtypes.is_complex(dtype) and kind in ("max", "min")):
        raise OxideError(f"cumulative {kind} of {types[0]} is none of {', '.join(CUMULATIVE)} of numbers")


@composite("cumulative", operands=(1, 1), verify=_cumulative_kind, kind=str, axis=int, reverse=bool)
def cumulative(x: ir.Value, *, kind: str, axis: int, reverse: bool) -> ir.Value:
    """Sum, product, maximum or minimum of the elements up to each one along an axis, from its end if `reverse`."""
    return hlo.cumulative(x, kind, axis, reverse=reverse)
