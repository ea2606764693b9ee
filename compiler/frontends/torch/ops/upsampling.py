"""Resizing that PyTorch does not decompose: with antialiasing, and the gradients of all resizing.

Every mode is separable: each axis is a product with a matrix [input length, output length] of weights, known when
the sizes are, and its gradient the product with the transposed one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import dtypes, hlo
from oxide.frontends.torch.promotion import compute_dtype
from oxide.frontends.torch.registry import Node, lowering

Value = ir.Value


@dataclass(frozen=True)
class _Axis:
    """`scale` is what the caller gave as output size over input size, None or 0 when only sizes count."""

    length: int
    count: int
    scale: float | None
    align_corners: bool

    @property
    def step(self) -> float:
        """Input elements from one output element to the next."""
        if self.align_corners:
            return (self.length - 1) / (self.count - 1) if self.count > 1 else 0.0
        return 1 / self.scale if self.scale else self.length / self.count

    @property
    def centres(self) -> np.ndarray:
        """float64[count]: where output elements lie among input elements."""
        numbers = np.arange(self.count)
        return numbers * self.step if self.align_corners else (numbers + 0.5) * self.step - 0.5

    def matrix(self, places: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """float64[length, count] from places and weights [count, taps]; places outside are those at the edge."""
        result = np.zeros((self.length, self.count))
        columns = np.broadcast_to(np.arange(self.count)[:, None], places.shape)
        np.add.at(result, (np.clip(places, 0, self.length - 1), columns), weights)
        return result


def _nearest(axis: _Axis) -> np.ndarray:
    return _nearest_from(axis, 0.0)


def _nearest_exact(axis: _Axis) -> np.ndarray:
    return _nearest_from(axis, 0.5)


def _nearest_from(axis: _Axis, shift: float) -> np.ndarray:
    """PyTorch computes these positions in float32, and rounding decides which element is taken."""
    numbers = np.arange(axis.count, dtype=np.float32) + np.float32(shift)
    places = np.floor(numbers * np.float32(axis.step)).astype(np.int64)
    return axis.matrix(places[:, None], np.ones((axis.count, 1)))


def _linear(axis: _Axis) -> np.ndarray:
    centres = np.maximum(axis.centres, 0)
    first = np.floor(centres).astype(np.int64)
    share = centres - first
    return axis.matrix(np.stack([first, first + 1], 1), np.stack([1 - share, share], 1))


def _cubic(axis: _Axis) -> np.ndarray:
    """Keys' kernel with a = -0.75."""
    first = np.floor(axis.centres).astype(np.int64)
    taps = first[:, None] + np.arange(-1, 3)
    return axis.matrix(taps, _keys(axis.centres[:, None] - taps, -0.75))


def _linear_antialiased(axis: _Axis) -> np.ndarray:
    return _filtered(axis, lambda x: np.maximum(1 - np.abs(x), 0), 1)


def _cubic_antialiased(axis: _Axis) -> np.ndarray:
    return _filtered(axis, lambda x: _keys(x, -0.5), 2)


def _filtered(axis: _Axis, kernel: Callable[[np.ndarray], np.ndarray], radius: float) -> np.ndarray:
    """A kernel as wide as the step where that shrinks, over the elements inside, normalised."""
    spread = max(axis.step, 1.0)
    centres = (np.arange(axis.count) + 0.5) * axis.step
    low = np.maximum((centres - radius * spread + 0.5).astype(np.int64), 0)
    high = np.minimum((centres + radius * spread + 0.5).astype(np.int64), axis.length)
    numbers = np.arange(axis.length)[:, None]
    weights = np.where((numbers >= low) & (numbers < high), kernel((numbers - centres + 0.5) / spread), 0)
    total = weights.sum(0)
    return weights / np.where(total == 0, 1, total)


def _keys(x: np.ndarray, a: float) -> np.ndarray:
    """The cubic convolution kernel.  Keys 1981, "Cubic Convolution Interpolation for Digital Image Processing"."""
    x = np.abs(x)
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = (((x - 5) * x + 8) * x - 4) * a
    return np.where(x <= 1, near, np.where(x < 2, far, 0))


MODES: dict[str, Callable[[_Axis], np.ndarray]] = {
    "upsample_nearest": _nearest,
    "_upsample_nearest_exact": _nearest_exact,
    "upsample_linear": _linear,
    "upsample_bilinear": _linear,
    "upsample_trilinear": _linear,
    "upsample_bicubic": _cubic,
    "_upsample_bilinear_aa": _linear_antialiased,
    "_upsample_bicubic_aa": _cubic_antialiased,
}


@lowering("aten._upsample_bilinear2d_aa.default", "aten._upsample_bicubic2d_aa.default")
def upsample(
    node: Node,
    self: Value,
    output_size: Sequence[Any],
    align_corners: bool,
    scales_h: float | None = None,
    scales_w: float | None = None,
) -> Value:
    """[N, C, spatial...] to other spatial sizes."""
    if not dtypes.is_float(hlo.dtype(self)):
        raise node.error("PyTorch resizes integers with weights of 16 bits; convert the tensor to float before")
    matrices = _matrices(node, hlo.shape(self)[2:], output_size, [scales_h, scales_w], align_corners)
    return _products(self, matrices, 0)


@lowering(
    *(f"aten.upsample_nearest{n}d_backward.default" for n in (1, 2, 3)),
    *(f"aten._upsample_nearest_exact{n}d_backward.default" for n in (1, 2, 3)),
    "aten.upsample_linear1d_backward.default",
    "aten.upsample_bilinear2d_backward.default",
    "aten.upsample_trilinear3d_backward.default",
    "aten.upsample_bicubic2d_backward.default",
    "aten._upsample_bilinear2d_aa_backward.default",
    "aten._upsample_bicubic2d_aa_backward.default",
)
def upsample_backward(
    node: Node,
    grad_output: Value,
    output_size: Sequence[Any],
    input_size: Sequence[Any],
    align_corners: bool = False,
    scales: float | None = None,
    scales_d: float | None = None,
    scales_h: float | None = None,
    scales_w: float | None = None,
) -> Value:
    """The gradient by the input, whose whole shape is `input_size`."""
    factors = [scales_d, scales_h, scales_w][-len(output_size) :] if len(output_size) > 1 else [scales]
    matrices = _matrices(node, input_size[2:], output_size, factors, align_corners)
    return _products(grad_output, matrices, 1)


def _matrices(
    node: Node,
    lengths: Sequence[Any],
    counts: Sequence[Any],
    scales: Sequence[float | None],
    align_corners: bool,
) -> list[np.ndarray]:
    """The weights of each spatial axis, in the operator's mode."""
    if not hlo.is_static([*lengths, *counts]):
        raise node.error("this resizing needs known spatial sizes; export with fixed ones")
    name = node.op.split(".")[1].removesuffix("_backward")
    mode = MODES[name.replace(f"{len(counts)}d", "")]
    axes = zip(lengths, counts, scales, strict=True)
    return [mode(_Axis(length, count, scale, align_corners)) for length, count, scale in axes]


def _products(x: Value, matrices: Sequence[np.ndarray], inner: int) -> Value:
    """x with each spatial axis multiplied by its matrix, contracted over the matrix' dimension `inner`."""
    dtype = hlo.dtype(x)
    y = hlo.convert(x, compute_dtype(dtype))
    for axis, matrix in enumerate(matrices, 2):
        product = hlo.dot_general(y, hlo.constant(matrix, hlo.dtype(y)), contract=([axis], [inner]))
        y = hlo.move_axis(product, hlo.rank(y) - 1, axis)
    return hlo.convert(y, dtype)
