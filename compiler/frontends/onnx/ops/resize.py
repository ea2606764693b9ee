"""Resize and Upsample: one small contraction, gather, repeat or slice per axis.

Interpolation is separable, and its weights are known at import.  A short axis is contracted with a dense
matrix, which every back end is fast at; a long one sums weighted gathers, whose cost does not grow with its
length.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import ml_dtypes
import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import dtypes, hlo
from oxide.frontends.onnx.ops import resize_coordinates as rc
from oxide.frontends.onnx.ops import resize_open
from oxide.frontends.onnx.registry import Node, lowering

# Larger interpolation matrices than this many elements are not worth their memory.
MAX_MATRIX = 1 << 16
# The longest axis to plan for: import works through every output position.
MAX_SIZE = 1 << 22


@lowering("Resize", 11, 13, 18, 19)
def resize(
    node: Node,
    x: ir.Value,
    roi: ir.Value | None = None,
    scales: ir.Value | None = None,
    sizes: ir.Value | None = None,
    *,
    antialias: int = 0,
    axes: list[int] | None = None,
    coordinate_transformation_mode: str = "half_pixel",
    cubic_coeff_a: float = -0.75,
    exclude_outside: int = 0,
    extrapolation_value: float = 0.0,
    keep_aspect_ratio_policy: str = "stretch",
    mode: str = "nearest",
    nearest_mode: str = "round_prefer_floor",
) -> ir.Value:
    """Scaling by 0.6 makes 4 elements 2.4, of which 2 are there.  align_corners and tf_crop_and_resize count 2.4 in
    Resize-19, as the data of ONNX's own cases have it.  The versions before define them on the length of the
    resized tensor, which is 2; runtimes and PyTorch count that, too.
    """
    coordinates = _enum(node, "coordinate_transformation_mode", coordinate_transformation_mode, rc.COORDINATES)
    _enum(node, "nearest_mode", nearest_mode, rc.NEAREST)
    resized = hlo.normalize_axes(range(hlo.rank(x)) if axes is None else axes, hlo.rank(x))
    plans = _plans(node, x, resized, scales, sizes, keep_aspect_ratio_policy)
    if node.version < 19:
        plans = {a: replace(axis, fractional=False) for a, axis in plans.items()}
    if coordinates == "tf_crop_and_resize":
        plans = _with_roi(node, plans, roi)
    if _enum(node, "mode", mode, ("nearest", "linear", "cubic")) == "nearest":
        if antialias:
            raise node.error("antialias has no meaning for mode nearest")
        y = _nearest(x, plans, coordinates, nearest_mode)
    else:
        kernel = rc.LINEAR if mode == "linear" else rc.cubic(cubic_coeff_a)
        options = {"antialias": bool(antialias), "exclude_outside": bool(exclude_outside)}
        taps = {
            i: rc.taps(kernel, coordinates, axis, **options)
            for i, axis in plans.items()
            if not axis.is_identity and not axis.is_open and axis.size
        }
        if (antialias or exclude_outside) and any(axis.is_open for axis in plans.values()):
            raise node.error(
                "antialias and exclude_outside need sizes that are known at import; give them with --dim"
            )
        y = _interpolate(
            node,
            x,
            plans,
            taps,
            partial(resize_open.interpolate, coordinates=coordinates, mode=mode, a=cubic_coeff_a),
        )
    return _extrapolate(y, plans, coordinates, extrapolation_value)


@lowering("Resize", 10)
def resize_10(node: Node, x: ir.Value, scales: ir.Value, *, mode: str = "nearest") -> ir.Value:
    """Asymmetric coordinates; what nearest means is what runtimes agreed on."""
    return resize(
        node, x, None, scales, mode=mode, coordinate_transformation_mode="asymmetric", nearest_mode="simple"
    )


@lowering("Upsample", 9, 10)
def upsample(node: Node, x: ir.Value, scales: ir.Value, *, mode: str = "nearest") -> ir.Value:
    return resize_10(node, x, scales, mode=mode)


@lowering("Upsample", 7)
def upsample_7(node: Node, x: ir.Value, *, scales: list[float], mode: str = "nearest") -> ir.Value:
    return resize_10(node, x, hlo.constant(np.array(scales, np.float32)), mode=mode)


@lowering("Upsample", 1)
def upsample_1(
    node: Node, x: ir.Value, *, height_scale: float, width_scale: float, mode: str = "nearest"
) -> ir.Value:
    """Scales of the last two of four dimensions; linear is called bilinear."""
    if hlo.rank(x) != 4:
        raise node.error(f"the input must be [N, C, H, W], not of rank {hlo.rank(x)}")
    mode = "linear" if mode == "bilinear" else mode
    return upsample_7(node, x, scales=[1.0, 1.0, height_scale, width_scale], mode=mode)


def _enum(node: Node, name: str, value: str, allowed: Sequence[str] | dict) -> str:
    if value not in allowed:
        raise node.error(f"attribute {name}: {value!r} is none of {', '.join(allowed)}")
    return value


# ------------------------------------------------------------------------------------------------ sizes


def _plans(
    node: Node,
    x: ir.Value,
    axes: Sequence[int],
    scales: ir.Value | None,
    sizes: ir.Value | None,
    policy: str,
) -> dict[int, rc.Axis]:
    """What happens to each axis, from `scales` or `sizes`, of which an empty one counts as absent."""
    lengths = [hlo.shape(x)[a] for a in axes]
    given = [v if v is not None and hlo.size(v) else None for v in (scales, sizes)]
    if (given[0] is None) == (given[1] is None):
        raise node.error("exactly one of the inputs scales and sizes must be given")
    name = "sizes" if given[0] is None else "scales"
    values = node.numbers(given[0] or given[1], name)  # pyright: ignore[reportArgumentType]
    if len(values) != len(axes):
        raise node.error(f"input {name} has {len(values)} elements for {len(axes)} axes")
    if name == "scales":
        if min(values, default=1) <= 0:
            raise node.error(f"scales must be positive: {values}")
        results, factors = rc.sizes_from_scales(lengths, values), values
    elif _enum(node, "keep_aspect_ratio_policy", policy, ("stretch", "not_larger", "not_smaller")) == "stretch":
        results, factors = values, list(map(rc.scale_of, lengths, values))
    else:
        if 0 in lengths:
            raise node.error(f"an empty input {hlo.shape(x)} has no aspect ratio to keep")
        results, common = rc.keep_aspect_ratio(lengths, values, policy)
        factors = [common] * len(axes)
    if any(size < 0 or (size != 0 and length == 0) for size, length in zip(results, lengths, strict=True)):
        raise node.error(f"cannot resize {tuple(lengths)} to {tuple(results)}")
    if any(isinstance(size, int) and size > MAX_SIZE for size in results):
        raise node.error(f"a result of shape {tuple(results)} is over the limit of {MAX_SIZE} a dimension")
    return {a: rc.Axis(n, s, f) for a, n, s, f in zip(axes, lengths, results, factors, strict=True)}


def _with_roi(node: Node, plans: dict[int, rc.Axis], roi: ir.Value | None) -> dict[int, rc.Axis]:
    """The plans with their part of `roi`, [start1, ..., startN, end1, ..., endN]."""
    if roi is None:
        raise node.error("coordinate_transformation_mode tf_crop_and_resize needs the input roi")
    bounds = node.static(roi, "roi").astype(np.float64).reshape(-1)
    if bounds.size != 2 * len(plans):
        raise node.error(f"input roi has {bounds.size} elements for {len(plans)} axes")
    pairs = bounds.reshape(2, -1).T.tolist()
    return {a: replace(p, roi=(start, end)) for (a, p), (start, end) in zip(plans.items(), pairs, strict=True)}


# ---------------------------------------------------------------------------------------------- resizing


def _nearest(x: ir.Value, plans: dict[int, rc.Axis], coordinates: str, nearest_mode: str) -> ir.Value:
    for a, axis in plans.items():
        if axis.is_identity:
            continue
        times = rc.repeats_of_open_axis(coordinates, nearest_mode, axis)
        if times:
            x = _repeat(x, a, times)
        elif axis.is_open:
            x = resize_open.nearest(x, a, axis, coordinates, nearest_mode)
        else:
            x = _pick(x, a, rc.nearest_indices(coordinates, nearest_mode, axis))
    return x


def _repeat(x: ir.Value, axis: int, times: int) -> ir.Value:
    """Every element along an axis, so many times in a row."""
    dims = hlo.shape(x)
    wide = [*dims[: axis + 1], times, *dims[axis + 1 :]]
    mapping = [i for i in range(len(wide)) if i != axis + 1]
    return hlo.reshape(
        hlo.broadcast_in_dim(x, wide, mapping), [*dims[:axis], dims[axis] * times, *dims[axis + 1 :]]
    )


def _pick(x: ir.Value, axis: int, indices: np.ndarray) -> ir.Value:
    """x at ascending indices along an axis: a repeat or a slice where they are regular, a gather otherwise."""
    dims = hlo.shape(x)
    length, size = dims[axis], len(indices)
    repeats = size // length if length else 0
    if repeats * length == size and np.array_equal(indices, np.repeat(np.arange(length), repeats)):
        return _repeat(x, axis, repeats)
    steps = np.unique(np.diff(indices))
    if size and len(steps) <= 1 and (size == 1 or steps[0] > 0):
        return hlo.slice_axis(x, axis, int(indices[0]), int(indices[-1]) + 1, int(steps[0]) if size > 1 else 1)
    return hlo.take(x, hlo.constant(indices), axis)


def _interpolate(
    node: Node,
    x: ir.Value,
    plans: dict[int, rc.Axis],
    taps: dict[int, tuple[np.ndarray, np.ndarray]],
    interpolate_open: Callable[[ir.Value, int, rc.Axis], ir.Value],
) -> ir.Value:
    """Weighted sums along each axis in float32 (float64 for wide integers), rounded back at the end."""
    source = hlo.dtype(x)
    if source == np.bool_:
        raise node.error("bool tensors can only be resized with mode nearest")
    y = hlo.convert(x, _compute_dtype(source))
    for a, axis in plans.items():
        if axis.is_identity:
            continue
        if axis.is_open:
            y = interpolate_open(y, a, axis)
        elif not axis.size:
            y = hlo.slice_axis(y, a, 0, 0)
        elif a in taps:
            dense = axis.size * axis.length <= MAX_MATRIX
            y = (_contract if dense else _sum_of_gathers)(y, a, *taps[a])
    if dtypes.is_integer(source):
        limits = ml_dtypes.iinfo(source)
        y = hlo.clamp(int(limits.min), hlo.round_half_even(y), int(limits.max))
    return hlo.convert(y, source)


def _compute_dtype(source: np.dtype) -> np.dtype:
    if dtypes.is_integer(source):
        return np.dtype(np.float32 if source.itemsize < 4 else np.float64)
    return np.dtype(np.float32) if source.itemsize < 4 else source


def _contract(x: ir.Value, axis: int, indices: np.ndarray, weights: np.ndarray) -> ir.Value:
    """The axis contracted with the [size, length] matrix of weights, in full precision on any device."""
    matrix = rc.dense(indices, weights, hlo.shape(x)[axis])
    y = hlo.dot_general(x, hlo.constant(matrix.astype(hlo.dtype(x))), contract=([axis], [1]), precision="HIGHEST")
    return hlo.move_axis(y, hlo.rank(x) - 1, axis)


def _sum_of_gathers(x: ir.Value, axis: int, indices: np.ndarray, weights: np.ndarray) -> ir.Value:
    total: ir.Value | None = None
    dims = [len(indices) if i == axis else 1 for i in range(hlo.rank(x))]
    for index, weight in zip(indices.T, weights.T, strict=True):
        factor = hlo.constant(weight.astype(hlo.dtype(x)).reshape(dims))
        part = hlo.multiply(hlo.take(x, hlo.constant(np.ascontiguousarray(index)), axis), factor)
        total = part if total is None else hlo.add(total, part)
    assert total is not None
    return total


def _extrapolate(y: ir.Value, plans: dict[int, rc.Axis], coordinates: str, value: float) -> ir.Value:
    """What a crop takes from outside of the input is `value`."""
    if coordinates != "tf_crop_and_resize":
        return y
    for a, axis in plans.items():
        if axis.is_identity:
            continue
        mask = rc.outside(coordinates, axis)
        if mask.any():
            dims = [axis.size if i == a else 1 for i in range(hlo.rank(y))]
            y = hlo.select(hlo.constant(mask.reshape(dims)), value, y)
    return y
