"""How far two results are apart, and whether that is close enough."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import ml_dtypes
import numpy as np

from oxide.dialects.diagnostics import OxideError

# Largest relative error by the coarsest floating type that took part; integers must be equal.
TOLERANCE: dict[np.dtype, float] = {
    np.dtype(np.float64): 1e-7,
    np.dtype(np.complex128): 1e-7,
    np.dtype(np.float32): 1e-4,
    np.dtype(np.complex64): 1e-4,
    np.dtype(np.float16): 1e-2,
    np.dtype(ml_dtypes.bfloat16): 5e-2,
}
NARROW_TOLERANCE = 0.2  # the floating types of eight bits and fewer


@dataclass(frozen=True)
class Comparison:
    """One output against its reference.

    `max_absolute` is max |ours - reference|; `max_relative` the same over max |reference|, so that values
    near zero do not dominate; `cosine` the cosine similarity of both as vectors.  `problem` says why they
    cannot be compared at all.
    """

    name: str
    max_absolute: float
    max_relative: float
    cosine: float
    tolerance: float
    problem: str = ""

    @property
    def passed(self) -> bool:
        return not self.problem and self.max_relative <= self.tolerance


def compare(name: str, ours: np.ndarray, reference: np.ndarray, tolerance: float | None = None) -> Comparison:
    """Compare two arrays; without a tolerance the dtype's own applies.

    NaN equals NaN, and infinities equal those of the same sign; anywhere else they make the error infinite.
    """
    limit = default_tolerance(ours.dtype) if tolerance is None else tolerance
    if ours.shape != reference.shape or ours.dtype != reference.dtype:
        problem = f"{describe(ours)} where the reference has {describe(reference)}"
        return Comparison(name, np.inf, np.inf, np.nan, limit, problem)
    a, b = _wide(ours), _wide(reference)
    same = (ours == reference) | (np.isnan(a) & np.isnan(b))
    comparable = np.isfinite(a) & np.isfinite(b)
    difference = np.abs(np.subtract(a, b, where=comparable & ~same, out=np.zeros_like(a)))
    absolute = float(difference.max(initial=0.0)) if (same | comparable).all() else np.inf
    if absolute == 0 and not same.all():  # 64-bit integers that float64 does not tell apart
        absolute = 1.0
    scale = float(np.abs(b[np.isfinite(b)]).max(initial=0.0))
    relative = absolute / scale if scale else absolute
    return Comparison(name, absolute, relative, cosine(ours, reference), limit)


def compare_all(
    ours: Mapping[str, np.ndarray], reference: Mapping[str, np.ndarray], tolerance: float | None = None
) -> list[Comparison]:
    """One comparison for each output, in the reference's order.  OxideError when the names differ."""
    if set(ours) != set(reference):
        raise OxideError(f"the outputs are {sorted(ours)}, the reference has {sorted(reference)}")
    return [compare(name, ours[name], expected, tolerance) for name, expected in reference.items()]


def default_tolerance(dtype: np.dtype) -> float:
    """The largest relative error that rounding in this dtype explains; zero for integers and bools."""
    return 0.0 if dtype.kind in "biu" else TOLERANCE.get(dtype, NARROW_TOLERANCE)


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    """Cosine similarity over the places where both are finite; 1 for two vectors of zeros."""
    x, y = (_wide(array).ravel() for array in (a, b))
    finite = np.isfinite(x) & np.isfinite(y)
    x, y = x[finite], y[finite]
    norms = float(np.linalg.norm(x) * np.linalg.norm(y))
    if norms == 0:
        return 1.0 if not x.any() and not y.any() else 0.0
    return float(np.real(np.vdot(x, y))) / norms


def _wide(array: np.ndarray) -> np.ndarray:
    return array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)


def describe(array: np.ndarray) -> str:
    return f"{array.dtype}{list(array.shape)}"
