"""Reading tensors between their elements at run-time positions: taps, weights, gathers.

Positions are floating point tensors, one for each spatial dimension; a tap is one element that contributes.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import dtypes, hlo


@dataclass(frozen=True)
class Taps:
    """Along one dimension: indices (int32, inside the tensor) and weights, both of the positions' shape [*P, K]."""

    indices: ir.Value
    weights: ir.Value


# From an unrounded tap position (float) to the position of the element that is read, still float.
Boundary = Callable[[ir.Value], ir.Value]


def compute_dtype(x: ir.Value) -> np.dtype:
    """Where weighted sums of x are taken: its own dtype or a wider float one."""
    kind = hlo.dtype(x)
    if kind.kind in "fc" and kind.itemsize >= 4:
        return kind
    return np.dtype(np.float64 if dtypes.is_integer(kind) and kind.itemsize >= 4 else np.float32)


# ------------------------------------------------------------------------------------------------ kernels


def _linear(t: ir.Value) -> list[ir.Value]:
    return [hlo.subtract(1, t), t]


def _cubic(t: ir.Value) -> list[ir.Value]:
    """Keys' cubic convolution with a = -0.75 at the distances t + 1, t, 1 - t, 2 - t."""
    a = -0.75

    def near(d: ir.Value) -> ir.Value:
        inner = hlo.subtract(hlo.multiply(d, a + 2), a + 3)
        return hlo.add(hlo.multiply(hlo.multiply(inner, d), d), 1)

    def far(d: ir.Value) -> ir.Value:
        inner = hlo.add(hlo.multiply(hlo.subtract(hlo.multiply(d, a), 5 * a), d), 8 * a)
        return hlo.subtract(hlo.multiply(inner, d), 4 * a)

    return [far(hlo.add(t, 1)), near(t), near(hlo.subtract(1, t)), far(hlo.subtract(2, t))]


# name: offset of the first tap from the floor of the position, weights of the taps by the fraction
KERNELS: dict[str, tuple[int, Callable[[ir.Value], list[ir.Value]]]] = {
    "linear": (0, _linear),
    "cubic": (-1, _cubic),
}


def taps(position: ir.Value, length: int, kernel: str, boundary: Boundary | None = None) -> Taps:
    """The taps of `kernel` around each position, in a new last dimension.

    `nearest` has one tap and takes positions as they are, rounded by the caller.  A tap outside of the tensor
    reads what `boundary` maps it to; without one it has the weight 0.
    """
    if kernel == "nearest":
        spots, weights = hlo.expand_dims(position, [-1]), None
    else:
        first, weigh = KERNELS[kernel]
        base = hlo.floor(position)
        weights = hlo.stack(weigh(hlo.subtract(position, base)), -1)
        offsets = np.arange(first, first + hlo.shape(weights)[-1]).astype(hlo.dtype(position))
        spots = hlo.add(hlo.expand_dims(base, [-1]), hlo.constant(offsets))
    if weights is None:
        weights = hlo.full_like(spots, 1)
    if boundary is None:
        inside = hlo.and_(hlo.greater_equal(spots, 0), hlo.less(spots, length))
        weights = hlo.select(inside, weights, 0)
    else:
        spots = boundary(spots)
    # Clamped as floats: the conversion of a far position would not be defined.
    return Taps(hlo.convert(hlo.clamp(0, spots, max(length - 1, 0)), np.int32), weights)


# ------------------------------------------------------------------------------------------------ reading


def combined(along: Sequence[Taps]) -> tuple[ir.Value, ir.Value]:
    """Coordinates [*P, K1 * ... * Kr, r] and weights [*P, K1 * ... * Kr] of all combinations of taps."""
    lead = hlo.shape(along[0].indices)[:-1]
    counts = [hlo.shape(t.indices)[-1] for t in along]
    indices, weights = [], []
    for i, tap in enumerate(along):
        dims = [*lead, *[n if j == i else 1 for j, n in enumerate(counts)]]
        full = [*lead, *counts]
        indices.append(hlo.broadcast_to(hlo.reshape(tap.indices, dims), full))
        weights.append(hlo.broadcast_to(hlo.reshape(tap.weights, dims), full))
    total = int(np.prod(counts))
    product = functools.reduce(hlo.multiply, weights)
    return (
        hlo.reshape(hlo.stack(indices, -1), [*lead, total, len(along)]),
        hlo.reshape(product, [*lead, total]),
    )


def read(x: ir.Value, coordinates: ir.Value, weights: ir.Value, batch_dims: int) -> ir.Value:
    """Weighted sums [*B, P, C] of x [*B, spatial..., C] at coordinates [*B, P, K, r] with weights [*B, P, K]."""
    values = hlo.gather_nd(x, coordinates, batch_dims)
    weights = hlo.expand_dims(hlo.convert(weights, hlo.dtype(x)), [-1])
    return hlo.reduce_sum(hlo.multiply(values, weights), [hlo.rank(values) - 2])


def channels_last(x: ir.Value, batch_dims: int) -> ir.Value:
    """[*B, C, spatial...] to [*B, spatial..., C]."""
    return hlo.move_axis(x, batch_dims, hlo.rank(x) - 1)
