"""Fourier transforms and factorisations."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxlib.mlir import ir
from jaxlib.mlir.dialects import stablehlo

from oxide.dialects.hlo.core import DType, create, dtype, i64_array, make_type, shape


def fft(x: ir.Value, kind: str, lengths: Sequence[int]) -> ir.Value:
    """`kind` is FFT, IFFT, RFFT or IRFFT over the last len(lengths) dimensions; the inverse ones normalise."""
    dims = list(shape(x))
    element: DType = dtype(x)
    if kind == "RFFT":
        dims[-1] = lengths[-1] // 2 + 1
        element = np.complex64 if dtype(x) == np.float32 else np.complex128
    elif kind == "IRFFT":
        dims[-1] = lengths[-1]
        element = np.float32 if dtype(x) == np.complex64 else np.float64
    attributes = {"fft_type": stablehlo.FftTypeAttr.get(kind), "fft_length": i64_array(lengths)}
    return create("stablehlo.fft", [x], [make_type(dims, element)], attributes).results[0]


def cholesky(x: ir.Value, *, lower: bool = True) -> ir.Value:
    return create("stablehlo.cholesky", [x], [x.type], {"lower": ir.BoolAttr.get(lower)}).results[0]


def triangular_solve(
    a: ir.Value,
    b: ir.Value,
    *,
    left: bool = True,
    lower: bool = True,
    unit_diagonal: bool = False,
    transpose: str = "NO_TRANSPOSE",
) -> ir.Value:
    """Solve `op(a) x = b` (or `x op(a) = b`); `transpose` is NO_TRANSPOSE, TRANSPOSE or ADJOINT."""
    attributes = {
        "left_side": ir.BoolAttr.get(left),
        "lower": ir.BoolAttr.get(lower),
        "unit_diagonal": ir.BoolAttr.get(unit_diagonal),
        "transpose_a": stablehlo.TransposeAttr.get(transpose),
    }
    return create("stablehlo.triangular_solve", [a, b], [b.type], attributes).results[0]
