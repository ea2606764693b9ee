"""The arithmetic of Resize along one axis: output length, source coordinates, taps and their weights.

Pure numpy on values known at import; `resize_open` is for lengths that are not.  `scale` is output length over
input length.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np

from oxide.dialects.dims import Dim, Size

# n * scale is exact in float32 for lengths below 2^16 and fractions up to this one.
MAX_DENOMINATOR = 1 << 8


@dataclass(frozen=True)
class Axis:
    """One axis: `length` in, `size` out.  `roi` is the (start, end) of the crop, normalised to the input.

    Lengths are `Size`s and `scale` a float, or None where it is known at a call only, as size / length.  They are
    typed as Any for numpy, which gets those that are numbers.  `fractional` says whether the formulas' output
    length is `scale * length` or `size`, the integer it was made.
    """

    length: Any
    size: Any
    scale: Any
    roi: tuple[float, float] = (0.0, 1.0)
    fractional: bool = True

    @property
    def target(self) -> float:
        """The output length in the formulas."""
        return self.scale * self.length if self.fractional else float(self.size)

    @property
    def is_identity(self) -> bool:
        return (
            self.scale is not None
            and math.isclose(self.scale, 1.0)
            and self.size == self.length
            and self.roi == (0.0, 1.0)
        )

    @property
    def is_open(self) -> bool:
        """Whether it changes in a way that is known at a call only."""
        return not self.is_identity and (isinstance(self.length, Dim) or isinstance(self.size, Dim))


# ------------------------------------------------------------------------------------------------- sizes


def sizes_from_scales(lengths: Sequence[Size], scales: Sequence[float]) -> list[Size]:
    """floor(length * scale) in float32, as shape inference rounds it: 1/3 of 3 is 1.

    An open length can be multiplied by fractions that float32 has no rounding for, such as 2 and 0.75.
    """
    return [_scaled(n, s) for n, s in zip(lengths, scales, strict=True)]


def _scaled(length: Size, scale: float) -> Size:
    factor = Fraction(float(scale))
    if isinstance(length, Dim) and factor.denominator <= MAX_DENOMINATOR:
        return length * factor.numerator // factor.denominator
    return int(np.float32(length) * np.float32(scale))  # pyright: ignore[reportArgumentType]


def scale_of(length: Size, size: Size) -> float | None:
    """size / length, None where it depends on open lengths; 1 for a length of 0."""
    if length == 0:
        return 1.0
    if isinstance(length, int) and isinstance(size, int):
        return size / length
    times, rest = divmod(size, length)
    return float(times) if isinstance(times, int) and rest == 0 else None


def repeats_of_open_axis(coordinates: str, nearest_mode: str, axis: Axis) -> int:
    """How many times nearest repeats each element of an axis of unknown length; 0 when that is not what it does.

    Positions of these modes advance by one whenever the output advances by the scale, so one length tells all.
    """
    periodic = ("half_pixel", "pytorch_half_pixel", "asymmetric", "tf_half_pixel_for_nn")
    if isinstance(axis.length, int) or axis.scale is None or not float(axis.scale).is_integer():
        return 0
    if coordinates not in periodic:
        return 0
    times = int(axis.scale)
    sample = nearest_indices(coordinates, nearest_mode, Axis(4, 4 * times, axis.scale))
    return times if np.array_equal(sample, np.repeat(np.arange(4), times)) else 0


def keep_aspect_ratio(lengths: Sequence[int], sizes: Sequence[int], policy: str) -> tuple[list[int], float]:
    """The sizes one common scale gives, and that scale; `policy` is not_larger or not_smaller."""
    choose = min if policy == "not_larger" else max
    scale = choose(s / n for s, n in zip(sizes, lengths, strict=True))
    return [math.floor(scale * n + 0.5) for n in lengths], scale


# ------------------------------------------------------------------------------------------- coordinates


def _half_pixel(x: np.ndarray, axis: Axis) -> np.ndarray:
    return (x + 0.5) / axis.scale - 0.5


def _pytorch_half_pixel(x: np.ndarray, axis: Axis) -> np.ndarray:
    return _half_pixel(x, axis) if axis.size > 1 else np.zeros_like(x)


def _half_pixel_symmetric(x: np.ndarray, axis: Axis) -> np.ndarray:
    """Half pixel about the centre of the input, which matters where the output length was rounded."""
    return axis.length / 2 * (1 - axis.size / axis.target) + _half_pixel(x, axis)


def _align_corners(x: np.ndarray, axis: Axis) -> np.ndarray:
    return x * (axis.length - 1) / (axis.target - 1) if axis.target != 1 else np.zeros_like(x)


def _asymmetric(x: np.ndarray, axis: Axis) -> np.ndarray:
    return x / axis.scale


def _half_pixel_for_nearest(x: np.ndarray, axis: Axis) -> np.ndarray:
    return (x + 0.5) / axis.scale


def _crop(x: np.ndarray, axis: Axis) -> np.ndarray:
    start, end = axis.roi
    last = axis.length - 1
    if axis.target == 1:
        return np.full_like(x, 0.5 * (start + end) * last)
    return start * last + x * (end - start) * last / (axis.target - 1)


# coordinate_transformation_mode: output positions to positions in the input
COORDINATES: dict[str, Callable[[np.ndarray, Axis], np.ndarray]] = {
    "half_pixel": _half_pixel,
    "half_pixel_symmetric": _half_pixel_symmetric,
    "pytorch_half_pixel": _pytorch_half_pixel,
    "align_corners": _align_corners,
    "asymmetric": _asymmetric,
    "tf_half_pixel_for_nn": _half_pixel_for_nearest,
    "tf_crop_and_resize": _crop,
}


def source_positions(mode: str, axis: Axis) -> np.ndarray:
    return COORDINATES[mode](np.arange(axis.size, dtype=np.float64), axis)


def single_positions(mode: str, axis: Axis) -> np.ndarray:
    """Positions computed in float32 where being just off an integer would matter, as runtimes do.

    With the scale 1/3 they land on integers, in float64 just below them.
    """
    start, end = map(np.float32, axis.roi)
    single = replace(axis, scale=np.float32(axis.scale), roi=(start, end))  # pyright: ignore[reportArgumentType]
    return COORDINATES[mode](np.arange(axis.size, dtype=np.float32), single).astype(np.float32)


# ---------------------------------------------------------------------------------------------- nearest

# nearest_mode: a position to an index.  `simple` is what runtimes do before opset 11.
NEAREST: dict[str, Callable[[np.ndarray, Axis], np.ndarray]] = {
    "round_prefer_floor": lambda x, axis: np.ceil(x - 0.5),
    "round_prefer_ceil": lambda x, axis: np.floor(x + 0.5),
    "floor": lambda x, axis: np.floor(x),
    "ceil": lambda x, axis: np.ceil(x),
    "simple": lambda x, axis: np.ceil(x) if axis.scale < 1 else np.floor(x),
}


def nearest_indices(mode: str, nearest_mode: str, axis: Axis) -> np.ndarray:
    """The input element of each output element, int64."""
    positions = single_positions(mode, axis)
    return np.clip(NEAREST[nearest_mode](positions, axis), 0, axis.length - 1).astype(np.int64)


# -------------------------------------------------------------------------------------- linear and cubic


@dataclass(frozen=True)
class Kernel:
    """An interpolation kernel: its weight at a distance, zero from `radius` on."""

    radius: int
    weight: Callable[[np.ndarray], np.ndarray]


LINEAR = Kernel(1, lambda t: np.maximum(1 - t, 0))


def cubic(a: float) -> Kernel:
    """Keys' cubic convolution (IEEE ASSP 29, 1981), equation (4)."""

    def weight(t: np.ndarray) -> np.ndarray:
        near = ((a + 2) * t - (a + 3)) * t * t + 1
        far = ((a * t - 5 * a) * t + 8 * a) * t - 4 * a
        return np.where(t <= 1, near, np.where(t < 2, far, 0))

    return Kernel(2, weight)


def taps(
    kernel: Kernel, mode: str, axis: Axis, *, antialias: bool, exclude_outside: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Indices (int64) and weights (float64), both [size, taps]: y[i] = sum_k weights[i, k] x[indices[i, k]].

    `antialias` stretches the kernel when the axis shrinks.  Elements outside count as the edge's, or not at
    all with `exclude_outside`.
    """
    positions = source_positions(mode, axis)
    stretch = max(1.0, 1 / axis.scale) if antialias else 1.0
    reach = math.ceil(kernel.radius * stretch)
    indices = np.floor(positions).astype(np.int64)[:, None] + np.arange(1 - reach, reach + 1)
    weights = kernel.weight(np.abs(indices - positions[:, None]) / stretch)
    if exclude_outside:
        weights = np.where((indices < 0) | (indices >= axis.length), 0, weights)
    total = weights.sum(axis=1, keepdims=True)
    return np.clip(indices, 0, axis.length - 1), weights / np.where(total == 0, 1, total)


def dense(indices: np.ndarray, weights: np.ndarray, length: int) -> np.ndarray:
    """The [size, length] matrix of the taps; taps on one element add up."""
    matrix = np.zeros((len(indices), length))
    np.add.at(matrix, (np.arange(len(indices))[:, None], indices), weights)
    return matrix


def outside(mode: str, axis: Axis) -> np.ndarray:
    """Which output elements a crop takes from outside of the input; bool [size]."""
    positions = single_positions(mode, axis)
    return (positions < 0) | (positions > axis.length - 1)
