"""Resize along an axis whose length is known at a call only: positions and weights are computed by the program.

The formulas are those of `resize_coordinates`, in float32 as runtimes compute them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.dims import needed_as_number
from oxide.frontends.onnx.ops.resize_coordinates import Axis

# An index beside a position, as offsets from its floor, by mode.
OFFSETS = {"linear": (0, 1), "cubic": (-1, 0, 1, 2)}


def nearest(x: ir.Value, dimension: int, axis: Axis, coordinates: str, nearest_mode: str) -> ir.Value:
    positions = _positions(coordinates, axis)
    rounded = _NEAREST[nearest_mode](positions, axis)
    return hlo.take(x, _inside(rounded, axis), dimension)


def interpolate(x: ir.Value, dimension: int, axis: Axis, coordinates: str, mode: str, a: float) -> ir.Value:
    """The weighted sum of 2 or 4 gathers, linear or cubic with coefficient `a`; x is float32 or float64."""
    positions = _positions(coordinates, axis)
    floor = hlo.floor(positions)
    dims = [axis.size if i == dimension else 1 for i in range(hlo.rank(x))]
    parts: list[ir.Value] = []
    for offset in OFFSETS[mode]:
        index = hlo.add(floor, offset)
        distance = hlo.abs(hlo.subtract(index, positions))
        weight = hlo.subtract(1, distance) if mode == "linear" else _cubic(distance, a, near=offset in (0, 1))
        factor = hlo.convert(hlo.reshape(weight, dims), hlo.dtype(x))
        parts.append(hlo.multiply(hlo.take(x, _inside(index, axis), dimension), factor))
    total = parts[0]
    for part in parts[1:]:
        total = hlo.add(total, part)
    return total


def _cubic(t: ir.Value, a: float, near: bool) -> ir.Value:
    """Keys' kernel at distances up to 1 (`near`) or from 1 to 2, as `resize_coordinates.cubic`."""
    coefficients = (a + 2, -(a + 3), 0, 1) if near else (a, -5 * a, 8 * a, -4 * a)
    value = hlo.full_like(t, coefficients[0])
    for coefficient in coefficients[1:]:
        value = hlo.add(hlo.multiply(value, t), coefficient)
    return value


def _inside(index: ir.Value, axis: Axis) -> ir.Value:
    """Indices as int32; what lies outside is the edge's."""
    last = hlo.constant(axis.length - 1, np.int32)
    return hlo.maximum(hlo.minimum(hlo.convert(index, np.int32), last), 0)


# ------------------------------------------------------------------------------------------- coordinates


def _number(size: Any) -> ir.Value:
    return hlo.constant(size, np.float32)


def _quotient(a: ir.Value, b: ir.Value) -> ir.Value:
    """The correctly rounded float32 quotient, on which depends where ties go.

    XLA makes division by a constant multiplication by its reciprocal; in float64 that loses nothing.
    """
    wide = hlo.divide(hlo.convert(a, np.float64), hlo.convert(b, np.float64))
    return hlo.convert(wide, np.float32)


def _scale(axis: Axis) -> ir.Value:
    if axis.scale is not None:
        return _number(axis.scale)
    return _quotient(_number(axis.size), _number(axis.length))


def _target(axis: Axis) -> ir.Value:
    """The output length in the formulas."""
    if axis.scale is None or not axis.fractional:
        return _number(axis.size)
    return hlo.multiply(_number(axis.length), axis.scale)


def _half_pixel(x: ir.Value, axis: Axis) -> ir.Value:
    return hlo.subtract(_quotient(hlo.add(x, 0.5), _scale(axis)), 0.5)


def _pytorch_half_pixel(x: ir.Value, axis: Axis) -> ir.Value:
    return hlo.select(hlo.greater(_number(axis.size), 1), _half_pixel(x, axis), 0.0)


def _align_corners(x: ir.Value, axis: Axis) -> ir.Value:
    gaps = hlo.subtract(_target(axis), 1)
    positions = _quotient(hlo.multiply(x, _number(axis.length - 1)), gaps)
    return hlo.select(hlo.equal(gaps, 0), 0.0, positions)


def _asymmetric(x: ir.Value, axis: Axis) -> ir.Value:
    return _quotient(x, _scale(axis))


COORDINATES: dict[str, Callable[[ir.Value, Axis], ir.Value]] = {
    "half_pixel": _half_pixel,
    "pytorch_half_pixel": _pytorch_half_pixel,
    "align_corners": _align_corners,
    "asymmetric": _asymmetric,
}


def _positions(coordinates: str, axis: Axis) -> ir.Value:
    """Where each output element lies in the input; float32 [size].  Raises SymbolicSizeError for other modes."""
    if coordinates not in COORDINATES:
        raise needed_as_number(axis.length if not hlo.is_static([axis.length]) else axis.size)
    return COORDINATES[coordinates](hlo.iota([axis.size], 0, np.float32), axis)


def _simple(x: ir.Value, axis: Axis) -> ir.Value:
    return hlo.select(hlo.less(_scale(axis), 1), hlo.ceil(x), hlo.floor(x))


_NEAREST: dict[str, Callable[[ir.Value, Axis], ir.Value]] = {
    "round_prefer_floor": lambda x, axis: hlo.ceil(hlo.subtract(x, 0.5)),
    "round_prefer_ceil": lambda x, axis: hlo.floor(hlo.add(x, 0.5)),
    "floor": lambda x, axis: hlo.floor(x),
    "ceil": lambda x, axis: hlo.ceil(x),
    "simple": _simple,
}
