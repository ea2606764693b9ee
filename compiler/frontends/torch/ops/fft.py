"""Fourier transforms: the three ATen operators that all of torch.fft is made of, stft and istft."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.dims import Size, minimum
from oxide.frontends.torch.promotion import category, complex_of, real_of
from oxide.frontends.torch.registry import Node, lowering

Value = ir.Value

# ATen's normalisation modes, and the exponent of the number of points n they multiply by.
_NONE, _BY_ROOT_N, _BY_N = range(3)
_EXPONENTS = {_NONE: 0.0, _BY_ROOT_N: -0.5, _BY_N: -1.0}
# StableHLO transforms 1 to 3 dimensions at a time.
_MOST_DIMENSIONS = 3


@lowering("aten.fft_fftfreq.default", "aten.fft_rfftfreq.default")
def fft_frequencies(
    node: Node,
    n: Any,
    d: float = 1.0,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: Any = None,
) -> Value:
    """Of each point of a transform of n points `d` apart: 0, 1, ... over n d, then the negative ones."""
    positions = hlo.iota(node.shape, 0, np.int64)
    if node.op == "aten.fft_fftfreq.default":
        positions = hlo.select(hlo.less(positions, (n + 1) // 2), positions, hlo.subtract(positions, n))
    return hlo.divide(node.cast(positions, node.dtype), hlo.multiply(hlo.constant(n, node.dtype), d))


@lowering("aten._fft_c2c.default")
def fft_c2c(node: Node, self: Value, dim: Sequence[int], normalization: int, forward: bool) -> Value:
    y = _transformed(self, dim, "FFT" if forward else "IFFT")
    points = _points(self, dim)
    return _scaled(y, points, _EXPONENTS[normalization] + (0 if forward else 1))


@lowering("aten._fft_r2c.default")
def fft_r2c(node: Node, self: Value, dim: Sequence[int], normalization: int, onesided: bool) -> Value:
    """The last of `dim` is halved where the result is onesided."""
    if onesided:
        y = _transformed(_transformed(self, dim[-1:], "RFFT"), dim[:-1], "FFT")
    else:
        wide = hlo.convert(self, complex_of(hlo.dtype(self)))
        y = _transformed(wide, dim, "FFT")
    return _scaled(y, _points(self, dim), _EXPONENTS[normalization])


@lowering("aten._fft_c2r.default")
def fft_c2r(node: Node, self: Value, dim: Sequence[int], normalization: int, last_dim_size: int) -> Value:
    """The inverse of a onesided transform with `last_dim_size` real points along the last of `dim`."""
    y = _transformed(self, dim[:-1], "IFFT")
    y = _transformed(y, dim[-1:], "IRFFT", last_dim_size)
    return _scaled(y, _points(y, dim), _EXPONENTS[normalization] + 1)


def _transformed(x: Value, dim: Sequence[int], kind: str, length: int | None = None) -> Value:
    """`stablehlo.fft` along any dimensions, a few at a time; IRFFT takes the `length` of its result."""
    rank = hlo.rank(x)
    axes = hlo.normalize_axes(dim, rank)
    for first in range(0, len(axes), _MOST_DIMENSIONS):
        chosen = axes[first : first + _MOST_DIMENSIONS]
        order = [*(a for a in range(rank) if a not in chosen), *chosen]
        moved = hlo.transpose(x, order)
        lengths = [length] if length is not None else [hlo.shape(x)[a] for a in chosen]
        x = hlo.transpose(hlo.fft(moved, kind, lengths), [order.index(a) for a in range(rank)])
    return x


def _points(x: Value, dim: Sequence[int]) -> int:
    return math.prod(hlo.shape(x)[d] for d in dim)


def _scaled(x: Value, points: int, exponent: float) -> Value:
    return hlo.multiply(x, float(points) ** exponent) if exponent else x


# ----------------------------------------------------------------------------- short-time Fourier transforms


@lowering("aten.stft.default", "aten.stft.center")
def stft(
    node: Node,
    self: Value,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Value | None = None,
    center: bool = False,
    pad_mode: str = "reflect",
    normalized: bool = False,
    onesided: bool | None = None,
    return_complex: bool | None = None,
    align_to_window: bool | None = None,
) -> Value:
    """[samples] or [batch, samples] to [..., bins, frames], with a last dimension of two parts where not complex.

    Frames of `n_fft` samples, `hop_length` apart, are windowed and transformed.
    """
    if align_to_window:
        raise node.error("align_to_window moves the first frame, which is not supported; leave it out and pad")
    signal = hlo.expand_dims(self, [0]) if hlo.rank(self) == 1 else self
    if center:
        signal = _centered(node, signal, n_fft // 2, pad_mode)
    hop = n_fft // 4 if hop_length is None else hop_length
    count = (hlo.shape(signal)[1] - n_fft) // hop + 1
    frames = hlo.take(signal, _positions(count, hop, n_fft), 1)
    taper = _window(node, window, n_fft, n_fft if win_length is None else win_length)
    if taper is not None:
        frames = node.call("aten.mul.Tensor", frames, taper)
    real = category(hlo.dtype(frames)) < 3
    mode = _BY_ROOT_N if normalized else _NONE
    if real:
        y = fft_r2c(node, frames, [2], mode, True if onesided is None else onesided)
    else:
        y = fft_c2c(node, frames, [2], mode, True)
    y = hlo.swap_axes(y, 1, 2)
    y = hlo.squeeze(y, [0]) if hlo.rank(self) == 1 else y
    return y if return_complex else hlo.stack([hlo.real(y), hlo.imag(y)], hlo.rank(y))


def _centered(node: Node, signal: Value, amount: int, mode: str) -> Value:
    """Padded on both sides; the reflecting modes count on a third dimension."""
    padded = node.call("aten.pad.default", hlo.expand_dims(signal, [1]), [amount, amount], mode)
    return hlo.squeeze(padded, [1])


@lowering("aten.istft.default")
def istft(
    node: Node,
    self: Value,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Value | None = None,
    center: bool = True,
    normalized: bool = False,
    onesided: bool | None = None,
    length: int | None = None,
    return_complex: bool = False,
) -> Value:
    """Frames transformed back, added where they overlap, over the sum of squared windows there.

    Samples that no window reaches, which PyTorch refuses when it runs, are NaN or infinite.
    """
    spectrum = hlo.expand_dims(self, [0]) if hlo.rank(self) == 2 else self
    frames = hlo.swap_axes(spectrum, 1, 2)  # [batch, frames, bins]
    mode = _BY_ROOT_N if normalized else _BY_N
    if return_complex:
        signals = fft_c2c(node, frames, [2], mode, False)
    else:
        signals = fft_c2r(node, hlo.slice_axis(frames, 2, 0, n_fft // 2 + 1), [2], mode, n_fft)
    taper = _window(node, window, n_fft, n_fft if win_length is None else win_length)
    if taper is None:
        taper = hlo.full([n_fft], 1, real_of(hlo.dtype(signals)))
    count = hlo.shape(signals)[1]
    hop = n_fft // 4 if hop_length is None else hop_length
    total = n_fft + hop * (count - 1)
    positions = _positions(count, hop, n_fft)
    y = _overlapped(node.call("aten.mul.Tensor", signals, taper), positions, total)
    squares = hlo.broadcast_to(hlo.square(taper), [1, count, n_fft])
    envelope = _overlapped(squares, positions, total)
    start = n_fft // 2 if center else 0
    end = start + length if length is not None else total - start
    reached = minimum(end, total)
    y = node.call(
        "aten.div.Tensor", hlo.slice_axis(y, 1, start, reached), hlo.slice_axis(envelope, 1, start, reached)
    )
    y = hlo.pad(y, 0, [0, 0], [0, end - reached])
    return hlo.reshape(y, [end - start]) if hlo.rank(self) == 2 else y


def _positions(count: Size, hop: int, length: int) -> Value:
    """Where in a signal the samples of frames are: int32 [count, length]."""
    starts = hlo.multiply(hlo.iota([count, 1], 0, np.int32), hop)
    return hlo.add(starts, hlo.iota([1, length], 1, np.int32))


def _window(node: Node, window: Value | None, n_fft: int, length: int) -> Value | None:
    """The window with zeros on both sides up to n_fft; ones where none is given; None where it is all ones."""
    if window is None:
        if length == n_fft:
            return None
        window = hlo.full([length], 1, real_of(node.dtype))
    left = (n_fft - length) // 2
    return hlo.pad(window, 0, [left], [n_fft - length - left])


def _overlapped(frames: Value, positions: Value, total: Size) -> Value:
    """[batch, frames, samples] added up to [batch, total] at their positions."""
    batch, count, length = hlo.shape(frames)
    rows = hlo.reshape(hlo.transpose(frames, [1, 2, 0]), [count * length, batch])
    silence = hlo.full([total, batch], 0, hlo.dtype(frames))
    sums = hlo.scatter_nd(silence, hlo.reshape(positions, [count * length, 1]), rows, "add")
    return hlo.swap_axes(sums, 0, 1)
