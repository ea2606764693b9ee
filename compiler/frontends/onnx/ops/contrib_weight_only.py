"""com.microsoft operators whose weights are packed 2- to 8-bit codes with scales by block; all else is float."""

from __future__ import annotations

import math

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.dims import Size
from oxide.frontends.onnx.ops.contrib import MICROSOFT
from oxide.frontends.onnx.registry import Node, lowering


@lowering("MatMulNBits", 1, domain=MICROSOFT)
def matmul_n_bits(
    node: Node,
    a: ir.Value,
    b: ir.Value,
    scales: ir.Value,
    zero_points: ir.Value | None = None,
    g_idx: ir.Value | None = None,
    bias: ir.Value | None = None,
    *,
    K: int,
    N: int,
    accuracy_level: int = 0,
    bits: int = 4,
    block_size: int,
    weight_prepacked: int = 0,
) -> ir.Value:
    """A [..., K] times the transpose of a weight [N, K] of `bits`-bit integers, scaled by blocks along K.

    `g_idx` [K] says which block each input channel belongs to, where they were reordered by activation.
    `accuracy_level` allows coarser arithmetic; this keeps A's.
    """
    if bits not in (2, 4, 8):
        raise node.error(f"bits is {bits}, expected 2, 4 or 8")
    if weight_prepacked:
        raise node.error("weights packed for one processor are not supported; export with weight_prepacked=0")
    blocks = -(-K // block_size)
    dtype = hlo.dtype(a)
    codes = hlo.convert(_unpack(hlo.reshape(b, [N, hlo.size(b) // N]), bits, blocks * block_size), dtype)

    def spread(values: ir.Value) -> ir.Value:
        return _along(values, 1, block_size, K) if g_idx is None else hlo.take(values, g_idx, 1)

    codes = hlo.slice_axis(codes, 1, 0, K)
    if zero_points is None:
        centred = hlo.subtract(codes, 1 << (bits - 1))
    else:
        zeros = hlo.reshape(zero_points, [N, hlo.size(zero_points) // N])
        if hlo.dtype(zeros) == np.uint8:
            zeros = hlo.convert(_unpack(zeros, bits, blocks), dtype)
        centred = hlo.subtract(codes, spread(zeros))
    weight = hlo.multiply(centred, spread(hlo.reshape(scales, [N, blocks])))
    y = hlo.dot_general(a, weight, contract=([hlo.rank(a) - 1], [1]))
    return y if bias is None else hlo.add(y, bias)


def _unpack(packed: ir.Value, bits: int, count: Size) -> ir.Value:
    """uint8 [rows, bytes] as uint8 [rows, count]: the lowest bits of a byte come first."""
    rows, width = hlo.shape(packed)
    fields = [hlo.and_(hlo.shift_right_logical(packed, s), (1 << bits) - 1) for s in range(0, 8, bits)]
    return hlo.slice_axis(hlo.reshape(hlo.stack(fields, 2), [rows, width * len(fields)]), 1, 0, count)


@lowering("GatherBlockQuantized", 1, domain=MICROSOFT)
def gather_block_quantized(
    node: Node,
    data: ir.Value,
    indices: ir.Value,
    scales: ir.Value,
    zero_points: ir.Value | None = None,
    *,
    bits: int = 4,
    block_size: int = 128,
    gather_axis: int = 0,
    quantize_axis: int = 1,
) -> ir.Value:
    """Gather along `gather_axis`, then dequantise in blocks along `quantize_axis`.

    uint8 data holds `8 / bits` codes a byte along the last axis, around 2^(bits - 1) where there is no zero point.
    """
    rank = hlo.rank(data)
    gather_axis, axis = hlo.normalize_axis(gather_axis, rank), hlo.normalize_axis(quantize_axis, rank)
    packed = hlo.dtype(data) == np.uint8
    if packed and (gather_axis == rank - 1 or axis != rank - 1):
        raise node.error("uint8 data must be quantised along its last axis and gathered along another one")
    fields = 8 // bits

    def rows(values: ir.Value) -> ir.Value:
        return hlo.take(values, hlo.wrap_indices(indices, hlo.shape(data)[gather_axis]), gather_axis)

    codes, factors = _codes(rows(data), bits, hlo.shape(data)[-1] * fields), hlo.convert(rows(scales), np.float32)
    out_axis = axis if axis < gather_axis else axis + hlo.rank(indices) - 1
    length = hlo.shape(codes)[out_axis]
    if zero_points is None:
        centred = hlo.subtract(codes, 1 << (bits - 1) if packed else 0)
    else:
        zeros = _codes(rows(zero_points), bits, hlo.shape(scales)[-1])
        centred = hlo.subtract(codes, _along(zeros, out_axis, block_size, length))
    y = hlo.multiply(centred, _along(factors, out_axis, block_size, length))
    return hlo.convert(y, hlo.dtype(scales))


def _codes(values: ir.Value, bits: int, count: Size) -> ir.Value:
    """Codes as float32; uint8 holds several a byte, of which `count` are taken along the last axis."""
    if hlo.dtype(values) != np.uint8:
        return hlo.convert(values, np.float32)
    *lead, width = hlo.shape(values)
    flat = hlo.reshape(values, [math.prod(lead), width])
    return hlo.convert(hlo.reshape(_unpack(flat, bits, count), [*lead, count]), np.float32)


def _along(values: ir.Value, axis: int, block_size: int, length: Size) -> ir.Value:
    """Every value repeated `block_size` times along `axis`, cut to `length`."""
    dims = hlo.shape(values)
    repeated = hlo.broadcast_to(
        hlo.expand_dims(values, [axis + 1]), [*dims[: axis + 1], block_size, *dims[axis + 1 :]]
    )
    whole = hlo.reshape(repeated, [*dims[:axis], dims[axis] * block_size, *dims[axis + 1 :]])
    return hlo.slice_axis(whole, axis, 0, length)


# 4-bit floats of bitsandbytes by code: FP4 (sign, 2 exponent bits, mantissa; scaled to 1) and the quantiles of a
# normal distribution (NF4, https://arxiv.org/abs/2305.14314, appendix E).
_FP4 = [0, 5.208333333e-03, 0.66666667, 1.0, 0.33333333, 0.5, 0.16666667, 0.25]
BNB4 = {
    0: np.array([*_FP4, *(-value for value in _FP4)], np.float32),
    1: np.array(
        [
            -1.0,
            -0.6961928009986877,
            -0.5250730514526367,
            -0.39491748809814453,
            -0.28444138169288635,
            -0.18477343022823334,
            -0.09105003625154495,
            0.0,
            0.07958029955625534,
            0.16093020141124725,
            0.24611230194568634,
            0.33791524171829224,
            0.44070982933044434,
            0.5626170039176941,
            0.7229568362236023,
            1.0,
        ],
        np.float32,
    ),
}


@lowering("MatMulBnb4", 1, domain=MICROSOFT)
def matmul_bnb4(
    node: Node,
    a: ir.Value,
    b: ir.Value,
    absmax: ir.Value,
    *,
    K: int,
    N: int,
    block_size: int,
    quant_type: int,
    training_mode: int = 0,
    transB: int = 1,
) -> ir.Value:
    """A [..., K] times the transpose of a flat weight [N * K] of 4-bit floats, the high half of a byte first.

    `training_mode` asks for a gradient, which inference does not have.
    """
    if quant_type not in BNB4 or not transB:
        raise node.error(f"quant_type {quant_type} with transB {transB} is not supported, expected 0 or 1 with 1")
    halves = [hlo.shift_right_logical(b, 4), hlo.and_(b, 15)]
    codes = hlo.reshape(hlo.stack([hlo.reshape(h, [hlo.size(b)]) for h in halves], 1), [1, 2 * hlo.size(b)])
    levels = hlo.take(hlo.constant(BNB4[quant_type]), hlo.convert(hlo.slice_axis(codes, 1, 0, N * K), np.int32), 0)
    factors = _along(hlo.reshape(absmax, [1, hlo.size(absmax)]), 1, block_size, N * K)
    weight = hlo.reshape(hlo.multiply(levels, hlo.convert(factors, np.float32)), [N, K])
    return hlo.dot_general(a, hlo.convert(weight, hlo.dtype(a)), contract=([hlo.rank(a) - 1], [1]))
