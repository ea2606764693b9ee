"""Fourier transforms, window functions and the mel weight matrix."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.frontends.onnx.initializers import element_dtype
from oxide.frontends.onnx.registry import Node, lowering, register

FLOAT = 1  # TensorProto.FLOAT


# -------------------------------------------------------------------------------------- Fourier transforms


@lowering("DFT", 17)
def dft_17(
    node: Node,
    x: ir.Value,
    dft_length: ir.Value | None = None,
    *,
    axis: int = 1,
    inverse: int = 0,
    onesided: int = 0,
) -> ir.Value:
    return _dft(node, x, _scalar(node, dft_length, "dft_length"), axis, bool(inverse), bool(onesided))


@lowering("DFT", 20)
def dft(
    node: Node,
    x: ir.Value,
    dft_length: ir.Value | None = None,
    axis: ir.Value | None = None,
    *,
    inverse: int = 0,
    onesided: int = 0,
) -> ir.Value:
    along = _scalar(node, axis, "axis")
    length = _scalar(node, dft_length, "dft_length")
    return _dft(node, x, length, -2 if along is None else along, bool(inverse), bool(onesided))


@lowering("STFT", 17)
def stft(
    node: Node,
    signal: ir.Value,
    frame_step: ir.Value,
    window: ir.Value | None = None,
    frame_length: ir.Value | None = None,
    *,
    onesided: int = 1,
) -> ir.Value:
    """Frames of [batch, samples, 1 or 2], windowed and transformed: [batch, frames, bins, 2]."""
    step, length = _scalar(node, frame_step, "frame_step"), _scalar(node, frame_length, "frame_length")
    if hlo.rank(signal) == 2:  # as torch.onnx writes real signals, and onnxruntime reads them
        signal = hlo.expand_dims(signal, [2])
    if hlo.rank(signal) != 3:
        raise node.error(f"the signal has shape {hlo.shape(signal)}, expected [batch, samples, 1 or 2]")
    samples = hlo.shape(signal)[1]
    if length is None:
        length = samples if window is None else hlo.size(window)
    if step is None or step < 1 or not 1 <= length <= samples:
        raise node.error(f"frames of length {length} and step {step} do not fit {samples} samples")
    if window is not None and hlo.shape(window) != (length,):
        raise node.error(f"the window has shape {hlo.shape(window)}, the frames have length {length}")
    count = (samples - length) // step + 1
    positions = np.arange(count)[:, None] * step + np.arange(length)
    frames = hlo.take(signal, hlo.constant(positions.astype(np.int32)), 1)
    if window is not None:
        frames = hlo.multiply(frames, hlo.reshape(window, [length, 1]))
    return _dft(node, frames, length, 2, False, bool(onesided))


def _dft(node: Node, x: ir.Value, length: int | None, axis: int, inverse: bool, onesided: bool) -> ir.Value:
    """The last dimension is 1 (real) or 2 (real and imaginary part); half precision is computed in float32."""
    node.check_rank(x, "input", least=2)
    parts = hlo.shape(x)[-1]
    axis = hlo.normalize_axis(axis, hlo.rank(x))
    if axis == hlo.rank(x) - 1 or parts not in (1, 2):
        raise node.error(
            f"a DFT along axis {axis} of shape {hlo.shape(x)}: the last dimension must hold 1 or 2 parts"
        )
    if onesided and parts != (2 if inverse else 1):
        raise node.error(f"a onesided {'inverse' if inverse else 'forward'} DFT of {parts} parts is not defined")
    size = hlo.shape(x)[axis]
    if length is None:
        length = 2 * (size - 1) if inverse and onesided else size
    if length < 1:
        raise node.error(f"dft_length is {length}, expected 1 or more")
    wide = hlo.convert(x, np.promote_types(hlo.dtype(x), np.float32))
    planes = [hlo.move_axis(hlo.squeeze(p, [-1]), axis, -1) for p in hlo.split(wide, -1, [1] * parts)]
    planes = [_resized(p, length // 2 + 1 if inverse and onesided else length) for p in planes]
    if parts == 1 and not inverse:
        planes = _real_dft(planes[0], length, onesided)
    else:
        source = hlo.complex(planes[0], planes[1] if parts == 2 else hlo.full_like(planes[0], 0))
        kind = ("IRFFT" if onesided else "IFFT") if inverse else "FFT"
        y = hlo.fft(source, kind, [length])
        planes = [y] if kind == "IRFFT" else [hlo.real(y), hlo.imag(y)]
    planes = [hlo.move_axis(p, -1, axis) for p in planes]
    return hlo.convert(hlo.stack(planes, hlo.rank(planes[0])), hlo.dtype(x))


def _real_dft(x: ir.Value, length: int, onesided: bool) -> list[ir.Value]:
    """Real and imaginary part; the second half of the bins mirrors the first."""
    half = hlo.fft(x, "RFFT", [length])
    re, im = hlo.real(half), hlo.imag(half)
    if onesided:
        return [re, im]
    last = hlo.rank(x) - 1
    mirrored = [hlo.reverse(hlo.slice_axis(p, last, 1, (length + 1) // 2), [last]) for p in (re, im)]
    return [hlo.concatenate([re, mirrored[0]], last), hlo.concatenate([im, hlo.negate(mirrored[1])], last)]


def _resized(x: ir.Value, length: int) -> ir.Value:
    """The last dimension cropped or padded with zeros to a length."""
    high = [0] * (hlo.rank(x) - 1) + [length - hlo.shape(x)[-1]]
    return hlo.pad(x, 0, [0] * hlo.rank(x), high)


def _scalar(node: Node, value: ir.Value | None, what: str) -> int | None:
    return None if value is None else node.number(value, what)


# ------------------------------------------------------------------------------------------------- windows

# The elements of a table that is computed at import.
MAX_TABLE = 1 << 24

# operator -> the window at an angle that goes once around the circle
WINDOWS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "BlackmanWindow": lambda angle: 0.42 - 0.5 * np.cos(angle) + 0.08 * np.cos(2 * angle),
    "HammingWindow": lambda angle: 25 / 46 - 21 / 46 * np.cos(angle),
    "HannWindow": lambda angle: 0.5 - 0.5 * np.cos(angle),
}


def _window(shape: Callable[[np.ndarray], np.ndarray]) -> Callable:
    def lower(node: Node, size: ir.Value, *, output_datatype: int = FLOAT, periodic: int = 1) -> ir.Value:
        count = _scalar(node, size, "size")
        if count is None or not 0 <= count <= MAX_TABLE:
            raise node.error(f"size is {count}, expected 0 to {MAX_TABLE}")
        angles = 2 * np.pi * np.arange(count) / max(count if periodic else count - 1, 1)
        return node.constant(shape(angles).astype(element_dtype(output_datatype, "output_datatype")))

    return lower


for _name, _shape in WINDOWS.items():
    register(_name, (17,), _window(_shape))


# ------------------------------------------------------------------------------------------ mel weight matrix


@lowering("MelWeightMatrix", 17)
def mel_weight_matrix(
    node: Node,
    num_mel_bins: ir.Value,
    dft_length: ir.Value,
    sample_rate: ir.Value,
    lower_edge_hertz: ir.Value,
    upper_edge_hertz: ir.Value,
    *,
    output_datatype: int = FLOAT,
) -> ir.Value:
    """Triangles of height 1 over spectrogram bins, evenly spaced in mel(f) = 2595 log10(1 + f / 700)."""
    inputs = {
        "num_mel_bins": num_mel_bins,
        "dft_length": dft_length,
        "sample_rate": sample_rate,
        "lower_edge_hertz": lower_edge_hertz,
        "upper_edge_hertz": upper_edge_hertz,
    }
    bins, length, rate, low, high = (node.number(v, name) for name, v in inputs.items())
    if bins < 1 or length < 1 or rate < 1 or not 0 <= low <= high or bins * length > MAX_TABLE:
        raise node.error(
            f"{bins} bins from {low} to {high} Hz of a DFT of length {length} at {rate} Hz is not defined"
        )
    edges_mel = _mel(low) + np.arange(bins + 2) * (_mel(high) - _mel(low)) / (bins + 2)
    edges = ((length + 1) * 700 * np.expm1(edges_mel / 2595 * np.log(10)) // rate).astype(np.int64)
    return node.constant(
        _triangles(edges, length // 2 + 1).astype(element_dtype(output_datatype, "output_datatype"))
    )


def _mel(hertz: float) -> float:
    return 2595 * float(np.log10(1 + hertz / 700))


def _triangles(edges: np.ndarray, rows: int) -> np.ndarray:
    """[rows, columns]: column i rises from edges[i] to edges[i + 1] and falls to edges[i + 2]."""
    left, centre, right = edges[:-2], edges[1:-1], edges[2:]
    row = np.arange(rows)[:, None]
    rising = (row - left) / np.maximum(centre - left, 1)
    falling = (right - row) / np.maximum(right - centre, 1)
    weights = np.where((row >= left) & (row < centre), rising, 0.0)
    weights = np.where((row >= centre) & (row < right), falling, weights)
    return np.where(row == centre, 1.0, weights)
