"""Uniform random bits from an explicit state."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from jaxlib.mlir import ir
from jaxlib.mlir.dialects import stablehlo

from oxide.dialects.dims import Size
from oxide.dialects.hlo.core import DType, constant, create, is_static, make_type
from oxide.dialects.hlo.elementwise import add, convert, multiply, shift_right_logical, xor
from oxide.dialects.hlo.shape_ops import concatenate, iota, reshape, slice_axis

# SplitMix64: the step between states, then shifts and factors of its output function.
_STEP = 0x9E3779B97F4A7C15
_ROUNDS = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB))
_LAST_SHIFT = 31


def rng_bits(state: ir.Value, dims: Sequence[Size], dtype: DType) -> tuple[ir.Value, ir.Value]:
    """New state and bits, ui32 or ui64; `state` is ui64[2], a key and a counter.

    Bits come from StableHLO's Threefry generator.  It has no form that takes a shape: bits of an open shape are
    SplitMix64's (Steele, Lea and Flood, 2014) of key and counter.
    """
    if not is_static(dims):
        return _counted_bits(state, dims, np.dtype(dtype))
    attributes = {"rng_algorithm": stablehlo.RngAlgorithmAttr.get("THREE_FRY")}
    op = create("stablehlo.rng_bit_generator", [state], [state.type, make_type(dims, dtype)], attributes)
    return op.results[0], op.results[1]


def _counted_bits(state: ir.Value, dims: Sequence[Size], dtype: np.dtype) -> tuple[ir.Value, ir.Value]:
    count = math.prod(dims)
    key, counter = (slice_axis(state, 0, i, i + 1) for i in range(2))
    positions = add(iota([count], 0, np.uint64), counter)
    mixed = _mix(add(multiply(positions, _word(_STEP)), _mix(key)))
    bits = mixed if dtype == np.uint64 else convert(shift_right_logical(mixed, 32), dtype)
    following = add(counter, convert(constant(count, np.int64), np.uint64))
    return concatenate([key, following], 0), reshape(bits, dims)


def _mix(x: ir.Value) -> ir.Value:
    for shift, factor in _ROUNDS:
        x = multiply(xor(x, shift_right_logical(x, shift)), _word(factor))
    return xor(x, shift_right_logical(x, _LAST_SHIFT))


def _word(number: int) -> ir.Value:
    return constant(number, np.uint64)
