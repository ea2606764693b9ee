"""Pooling: MaxPool with indices, AveragePool, LpPool, the global ones, MaxUnpool."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.diagnostics import OxideError
from oxide.dialects.dims import Size, require_same
from oxide.frontends.onnx.ops.windows import Window, check, window
from oxide.frontends.onnx.registry import Node, lowering, register

# How many elements each window covers is counted at import, in memory that grows with the padded length.
MAX_COUNTED = 1 << 24


def _reduce(x: ir.Value, kind: str, win: Window) -> ir.Value:
    """One windowed reduction over the spatial dimensions; padding counts as the identity."""
    return hlo.reduce_window(
        x,
        kind,
        (1, 1, *win.size),
        strides=(1, 1, *win.strides),
        padding=[(0, 0), (0, 0), *win.full_padding],
        window_dilation=(1, 1, *win.dilations),
    )


# ------------------------------------------------------------------------------------------------ max


@lowering("MaxPool", 1, 8, 10, 11, 12, 22)
def max_pool(
    node: Node,
    x: ir.Value,
    *,
    auto_pad: str = "NOTSET",
    ceil_mode: int = 0,
    dilations: list[int] | None = None,
    kernel_shape: list[int],
    pads: list[int] | None = None,
    storage_order: int = 0,
    strides: list[int] | None = None,
) -> ir.Value | list[ir.Value]:
    win = window(node, x, kernel_shape, strides, pads, dilations, auto_pad, ceil_mode)
    return _max_pool(node, x, win, storage_order)


def _max_pool(node: Node, x: ir.Value, win: Window, storage_order: int) -> ir.Value | list[ir.Value]:
    if not node.wants(1):
        return _reduce(x, "max", win)
    return hlo.max_window_with_index(
        x,
        _flat_positions(hlo.shape(x), storage_order),
        (1, 1, *win.size),
        strides=(1, 1, *win.strides),
        padding=[(0, 0), (0, 0), *win.full_padding],
        window_dilation=(1, 1, *win.dilations),
    )


def _flat_positions(dims: Sequence[Size], storage_order: int) -> ir.Value:
    """Every element's position in the whole tensor; storage order 1 counts spatial dimensions column first."""
    if storage_order == 0:
        return hlo.reshape(hlo.iota([math.prod(dims)], 0, np.int64), dims)
    order = [0, 1, *range(len(dims) - 1, 1, -1)]
    flat = hlo.reshape(hlo.iota([math.prod(dims)], 0, np.int64), [dims[i] for i in order])
    return hlo.transpose(flat, order)


@lowering("MaxUnpool", 9, 11, 22)
def max_unpool(
    node: Node,
    x: ir.Value,
    indices: ir.Value,
    output_shape: ir.Value | None = None,
    *,
    kernel_shape: list[int],
    pads: list[int] | None = None,
    strides: list[int] | None = None,
) -> ir.Value:
    """Put values back where MaxPool found them; `indices` are positions in the pooled tensor."""
    dims = hlo.shape(x)
    node.check_rank(x, "X", least=3)
    require_same(hlo.shape(indices), dims, f"X {dims} and I {hlo.shape(indices)} differ in shape")
    count = len(dims) - 2
    check(node, "kernel_shape", kernel_shape, count, 1)
    steps = check(node, "strides", [1] * count if strides is None else strides, count, 1)
    flat_pads = check(node, "pads", [0] * (2 * count) if pads is None else pads, 2 * count, 0)
    inferred = [
        (n - 1) * s + k - flat_pads[i] - flat_pads[i + count]
        for i, (n, s, k) in enumerate(zip(dims[2:], steps, kernel_shape, strict=True))
    ]
    small = [*dims[:2], *inferred]
    target = small if output_shape is None else node.numbers(output_shape, "output_shape")
    if len(target) != len(dims):
        raise node.error(f"output_shape {target} has another rank than X {dims}")
    # Indices count in the inferred shape; in a larger output shape the same coordinates are meant.
    empty = hlo.full([math.prod(small)], 0, hlo.dtype(x))
    flat = hlo.scatter_nd(empty, hlo.reshape(indices, [hlo.size(indices), 1]), hlo.reshape(x, [hlo.size(x)]), "set")
    y = hlo.reshape(flat, small)
    return hlo.pad(y, 0, [0] * len(dims), [t - s for t, s in zip(target, small, strict=True)])


# ---------------------------------------------------------------------------------------------- average


@lowering("AveragePool", 1, 7, 10, 11, 19, 22)
def average_pool(
    node: Node,
    x: ir.Value,
    *,
    auto_pad: str = "NOTSET",
    ceil_mode: int = 0,
    count_include_pad: int = 0,
    dilations: list[int] | None = None,
    kernel_shape: list[int],
    pads: list[int] | None = None,
    strides: list[int] | None = None,
) -> ir.Value:
    win = window(node, x, kernel_shape, strides, pads, dilations, auto_pad, ceil_mode)
    return _average(x, win, bool(count_include_pad))


def _average(x: ir.Value, win: Window, include_padding: bool) -> ir.Value:
    """Window sums over window counts; padding counts as elements only if asked, ceil_mode's extra never."""
    total = _reduce(x, "add", win)
    spatial = hlo.shape(x)[2:]
    if not any(amount != 0 for pair in win.full_padding for amount in pair):
        return hlo.divide(total, math.prod(win.size))
    if not hlo.is_static(spatial):
        return hlo.divide(total, _counts_at_run_time(x, win, include_padding))
    counts = [_window_counts(length, i, win, include_padding) for i, length in enumerate(spatial)]
    table = functools.reduce(np.multiply.outer, counts)
    if table.size and (table == table.flat[0]).all():
        return hlo.divide(total, int(table.flat[0]))
    return hlo.divide(total, hlo.constant(table[None, None], hlo.dtype(x)))


def _counts_at_run_time(x: ir.Value, win: Window, include_padding: bool) -> ir.Value:
    """How many counted elements each window covers: the same windows over ones."""
    padding = [pair if include_padding else (0, 0) for pair in win.padding]
    dims = [low + n + high for n, (low, high) in zip(hlo.shape(x)[2:], padding, strict=True)]
    around = [
        (0, more) if include_padding else (low, high + more)
        for (low, high), more in zip(win.padding, win.extra, strict=True)
    ]
    return hlo.reduce_window(
        hlo.full([1, 1, *dims], 1, hlo.dtype(x)),
        "add",
        (1, 1, *win.size),
        strides=(1, 1, *win.strides),
        padding=[(0, 0), (0, 0), *around],
        window_dilation=(1, 1, *win.dilations),
    )


def _window_counts(length: int, axis: int, win: Window, include_padding: bool) -> np.ndarray:
    """How many counted elements each window position covers along one axis."""
    low, high = win.padding[axis]
    if low + length + high > MAX_COUNTED:
        raise OxideError(f"a padded dimension of {low + length + high} elements is over the limit of {MAX_COUNTED}")
    counted = np.zeros(low + length + high + win.extra[axis], np.int64)
    counted[0 if include_padding else low : low + length + (high if include_padding else 0)] = 1
    taps = np.arange(win.size[axis]) * win.dilations[axis]
    positions = np.arange(0, len(counted) - taps[-1], win.strides[axis])
    return counted[positions[:, None] + taps].sum(1)


# --------------------------------------------------------------------------------------------------- Lp


def _lp_reduced(x: ir.Value, p: float, reduce: Callable[[ir.Value], ir.Value]) -> ir.Value:
    """(sum |x|^p)^(1/p), with plain operations for p of 1 and 2."""
    if p < 1:
        raise OxideError(f"p is {p}, expected 1 or more")
    if p == 1:
        return reduce(hlo.abs(x))
    if p == 2:
        return hlo.sqrt(reduce(hlo.multiply(x, x)))
    return hlo.power(reduce(hlo.power(hlo.abs(x), p)), 1 / p)


@lowering("LpPool", 1)
def lp_pool_1(
    node: Node,
    x: ir.Value,
    *,
    auto_pad: str = "NOTSET",
    kernel_shape: list[int] | None = None,
    p: float = 2.0,
    pads: list[int] | None = None,
    strides: list[int] | None = None,
) -> ir.Value:
    if kernel_shape is None:
        raise node.error("attribute kernel_shape is missing")
    win = window(node, x, kernel_shape, strides, pads, None, auto_pad)
    return _lp_reduced(x, p, lambda v: _reduce(v, "add", win))


@lowering("LpPool", 2, 11, 18, 22)
def lp_pool(
    node: Node,
    x: ir.Value,
    *,
    auto_pad: str = "NOTSET",
    ceil_mode: int = 0,
    dilations: list[int] | None = None,
    kernel_shape: list[int],
    p: int = 2,
    pads: list[int] | None = None,
    strides: list[int] | None = None,
) -> ir.Value:
    win = window(node, x, kernel_shape, strides, pads, dilations, auto_pad, ceil_mode)
    return _lp_reduced(x, p, lambda v: _reduce(v, "add", win))


# ----------------------------------------------------------------------------------------------- global


def _spatial(x: ir.Value) -> range:
    return range(2, hlo.rank(x))


register("GlobalAveragePool", (1, 22), lambda node, x: hlo.reduce_mean(x, _spatial(x), keepdims=True))
register("GlobalMaxPool", (1, 22), lambda node, x: hlo.reduce_max(x, _spatial(x), keepdims=True))


@lowering("GlobalLpPool", 1)
def global_lp_pool_1(node: Node, x: ir.Value, *, p: float = 2.0) -> ir.Value:
    return _lp_reduced(x, p, lambda v: hlo.reduce_sum(v, _spatial(v), keepdims=True))


@lowering("GlobalLpPool", 2, 22)
def global_lp_pool(node: Node, x: ir.Value, *, p: int = 2) -> ir.Value:
    return _lp_reduced(x, p, lambda v: hlo.reduce_sum(v, _spatial(v), keepdims=True))
