"""GridSample, AffineGrid and DeformConv: sampling at positions computed at run time."""

from __future__ import annotations

import math

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.frontends.onnx.ops import sampling
from oxide.frontends.onnx.ops.convolution import add_channels
from oxide.frontends.onnx.ops.windows import check
from oxide.frontends.onnx.registry import Node, lowering

# -------------------------------------------------------------------------------------------- GridSample

# The names of the interpolation modes before version 20.
OLD_MODES = {"bilinear": "linear", "nearest": "nearest", "bicubic": "cubic"}


@lowering("GridSample", 16)
def grid_sample_16(
    node: Node,
    x: ir.Value,
    grid: ir.Value,
    *,
    align_corners: int = 0,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
) -> ir.Value:
    if mode not in OLD_MODES:
        raise node.error(f"mode is {mode!r}, expected bilinear, nearest or bicubic")
    return grid_sample(node, x, grid, align_corners=align_corners, mode=OLD_MODES[mode], padding_mode=padding_mode)


@lowering("GridSample", 20, 22)
def grid_sample(
    node: Node,
    x: ir.Value,
    grid: ir.Value,
    *,
    align_corners: int = 0,
    mode: str = "linear",
    padding_mode: str = "zeros",
) -> ir.Value:
    """x [N, C, d1...dr] at grid [N, D1...Dr, r], whose rows are (innermost, ..., outermost) in [-1, 1]."""
    if mode not in ("linear", "nearest", "cubic"):
        raise node.error(f"mode is {mode!r}, expected linear, nearest or cubic")
    if padding_mode not in ("zeros", "border", "reflection"):
        raise node.error(f"padding_mode is {padding_mode!r}, expected zeros, border or reflection")
    dims = hlo.shape(x)
    rank = len(dims) - 2
    if rank < 1 or hlo.rank(grid) != len(dims) or (hlo.shape(grid)[0], hlo.shape(grid)[-1]) != (dims[0], rank):
        raise node.error(f"a grid of shape {hlo.shape(grid)} does not fit an input of shape {hlo.shape(x)}")
    batch, channels, *spatial = dims
    out = hlo.shape(grid)[1:-1]
    if 0 in spatial:
        raise node.error(f"an input of shape {hlo.shape(x)} has nothing to sample")
    kind = np.float64 if hlo.dtype(grid) == np.float64 else np.float32
    rows = hlo.convert(hlo.reshape(grid, [batch, math.prod(out), rank]), kind)
    along = []
    for axis, length in enumerate(spatial):
        column = rank - 1 - axis
        normal = hlo.squeeze(hlo.slice_axis(rows, 2, column, column + 1), [2])
        position = _denormalized(normal, length, bool(align_corners))
        if mode == "nearest":
            position = hlo.round_half_even(position)
        along.append(sampling.taps(position, length, mode, _boundary(padding_mode, length, bool(align_corners))))
    wide = x if mode == "nearest" else hlo.convert(x, sampling.compute_dtype(x))
    sampled = sampling.read(sampling.channels_last(wide, 1), *sampling.combined(along), batch_dims=1)
    return hlo.convert(hlo.reshape(hlo.swap_axes(sampled, 1, 2), [batch, channels, *out]), hlo.dtype(x))


def _denormalized(normal: ir.Value, length: int, align_corners: bool) -> ir.Value:
    """Positions in elements of normalised ones; -1 and 1 are centres (aligned) or outer edges of the ends."""
    shifted = hlo.add(normal, 1)
    if align_corners:
        return hlo.multiply(shifted, (length - 1) / 2)
    return hlo.subtract(hlo.multiply(shifted, length / 2), 0.5)


def _boundary(padding_mode: str, length: int, align_corners: bool) -> sampling.Boundary | None:
    """What a tap outside of the tensor reads instead, where that is not 0."""
    if padding_mode == "border":
        return lambda spot: hlo.clamp(0, spot, length - 1)
    if padding_mode == "reflection":
        low, high = (0.0, length - 1.0) if align_corners else (-0.5, length - 0.5)
        return lambda spot: _reflected(spot, low, high)
    return None


def _reflected(position: ir.Value, low: float, high: float) -> ir.Value:
    """Positions folded into [low, high] at its ends, as often as it takes."""
    span = high - low
    if span == 0:
        return hlo.full_like(position, low)
    away = hlo.remainder(hlo.abs(hlo.subtract(position, low)), 2 * span)
    return hlo.add(hlo.minimum(away, hlo.subtract(2 * span, away)), low)


# -------------------------------------------------------------------------------------------- AffineGrid


@lowering("AffineGrid", 20)
def affine_grid(node: Node, theta: ir.Value, size: ir.Value, *, align_corners: int = 0) -> ir.Value:
    """theta [N, r, r + 1] times the homogeneous positions of an image of the given size, r being 2 or 3."""
    dims = node.numbers(size, "size")
    batch, *spatial = [dims[0], *dims[2:]]
    rank = len(spatial)
    if rank not in (2, 3) or hlo.shape(theta) != (batch, rank, rank + 1) or min(dims) < 0:
        raise node.error(f"theta of shape {hlo.shape(theta)} does not fit the size {dims}")
    hlo.make_type([batch, *spatial, rank], hlo.dtype(theta))
    kind = sampling.compute_dtype(theta)
    axes = [_positions(n, bool(align_corners)) for n in spatial]
    mesh = np.meshgrid(*axes, indexing="ij")
    rows = np.stack([*reversed(mesh), np.ones(spatial)], -1).reshape(-1, rank + 1)
    grid = hlo.dot_general(
        hlo.constant(rows.astype(kind)), hlo.convert(theta, kind), contract=([1], [2]), precision="HIGHEST"
    )
    return hlo.convert(hlo.reshape(hlo.swap_axes(grid, 0, 1), [batch, *spatial, rank]), hlo.dtype(theta))


def _positions(length: int, align_corners: bool) -> np.ndarray:
    """Centres of elements in [-1, 1]; the ends of the interval are centres (aligned) or outer edges."""
    if align_corners:
        return np.linspace(-1, 1, length) if length != 1 else np.zeros(1)
    return (2 * np.arange(length) + 1) / max(length, 1) - 1


# -------------------------------------------------------------------------------------------- DeformConv


@lowering("DeformConv", 19, 22)
def deform_conv(
    node: Node,
    x: ir.Value,
    w: ir.Value,
    offset: ir.Value,
    b: ir.Value | None = None,
    mask: ir.Value | None = None,
    *,
    dilations: list[int] | None = None,
    group: int = 1,
    kernel_shape: list[int] | None = None,
    offset_group: int = 1,
    pads: list[int] | None = None,
    strides: list[int] | None = None,
) -> ir.Value:
    """Convolution whose every tap moves by a run-time offset (Dai et al., 2017), scaled by a mask (Zhu, 2018).

    N batch, G offset groups, K kernel elements, P output positions, r spatial dimensions:
    offset [N, G * K * r, out...], mask [N, G * K, out...].
    """
    if hlo.rank(x) < 3 or not hlo.rank(x) == hlo.rank(w) == hlo.rank(offset):
        raise node.error(
            f"X of shape {hlo.shape(x)}, W of shape {hlo.shape(w)} and offset of shape {hlo.shape(offset)} must "
            "have one rank of at least 3"
        )
    batch, channels, *spatial = hlo.shape(x)
    kernel, rank = list(hlo.shape(w)[2:]), len(spatial)
    if kernel_shape is not None and kernel_shape != kernel:
        raise node.error(f"kernel_shape is {kernel_shape} but W has shape {hlo.shape(w)}")
    steps = check(node, "strides", strides or [1] * rank, rank, 1)
    spread = check(node, "dilations", dilations or [1] * rank, rank, 1)
    padding = check(node, "pads", pads or [0] * 2 * rank, 2 * rank, 0)
    out = hlo.shape(offset)[2:]
    expected = [
        (n + padding[i] + padding[i + rank] - (k - 1) * d - 1) // s + 1
        for i, (n, k, d, s) in enumerate(zip(spatial, kernel, spread, steps, strict=True))
    ]
    taps, places = math.prod(kernel), math.prod(out)
    if hlo.shape(offset) != (batch, offset_group * taps * rank, *expected):
        raise node.error(
            f"offset has shape {hlo.shape(offset)}, expected {(batch, offset_group * taps * rank, *expected)}"
        )
    if mask is not None and hlo.shape(mask) != (batch, offset_group * taps, *out):
        raise node.error(f"mask has shape {hlo.shape(mask)}, expected {(batch, offset_group * taps, *out)}")
    if channels % offset_group or channels != hlo.shape(w)[1] * group or hlo.shape(w)[0] % group:
        raise node.error(
            f"{channels} channels and W of shape {hlo.shape(w)} do not fit {group} groups and {offset_group} "
            "offset groups"
        )
    kind = sampling.compute_dtype(x)
    moved = hlo.convert(hlo.reshape(offset, [batch, offset_group, taps, rank, places]), kind)
    along = []
    for axis, length in enumerate(spatial):
        fixed = _window_positions(axis, kernel, out, steps[axis], spread[axis], padding[axis])
        shift = hlo.squeeze(hlo.slice_axis(moved, 3, axis, axis + 1), [3])
        position = hlo.reshape(
            hlo.add(shift, hlo.constant(fixed.astype(kind))), [batch, offset_group, taps * places]
        )
        along.append(sampling.taps(position, length, "linear"))
    coordinates, weights = sampling.combined(along)
    if mask is not None:
        scale = hlo.convert(hlo.reshape(mask, [batch, offset_group, taps * places, 1]), kind)
        weights = hlo.multiply(weights, scale)
    grouped = hlo.reshape(hlo.convert(x, kind), [batch, offset_group, channels // offset_group, *spatial])
    columns = sampling.read(sampling.channels_last(grouped, 2), coordinates, weights, batch_dims=2)
    columns = hlo.reshape(hlo.swap_axes(columns, 2, 3), [batch, group, channels // group, taps, places])
    rows = hlo.reshape(hlo.convert(w, kind), [group, hlo.shape(w)[0] // group, channels // group, taps])
    y = hlo.dot_general(rows, columns, contract=([2, 3], [2, 3]), batch=([0], [1]))
    y = hlo.reshape(hlo.transpose(y, [2, 0, 1, 3]), [batch, hlo.shape(w)[0], *out])
    return add_channels(hlo.convert(y, hlo.dtype(x)), b)


def _window_positions(
    axis: int, kernel: list[int], out: tuple[int, ...], stride: int, dilation: int, pad: int
) -> np.ndarray:
    """Where along one axis each kernel element lies at each output position, [K, P]."""
    element = np.indices(kernel)[axis].reshape(-1, 1) * dilation
    place = np.indices(out)[axis].reshape(1, -1) * stride
    return element + place - pad
