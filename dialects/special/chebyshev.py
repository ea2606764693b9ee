"""Chebyshev series of values."""

from __future__ import annotations

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.special.series import Series


def evaluate(series: Series, t: ir.Value) -> ir.Value:
    """sum c_k T_k(t) by Clenshaw's recurrence, with the terms that count in t's dtype (f32 or f64)."""
    terms = _significant(series, hlo.dtype(t))
    double = hlo.multiply(t, 2)
    after, beyond = hlo.full_like(t, 0), hlo.full_like(t, 0)
    for coefficient in reversed(terms[1:]):
        after, beyond = hlo.add(hlo.subtract(hlo.multiply(double, after), beyond), coefficient), after
    return hlo.add(hlo.subtract(hlo.multiply(t, after), beyond), terms[0])


def _significant(series: Series, dtype: np.dtype) -> Series:
    smallest = float(np.finfo(dtype).eps) / 8 * max(map(abs, series))
    return series[: 1 + max(k for k, coefficient in enumerate(series) if abs(coefficient) > smallest)]
