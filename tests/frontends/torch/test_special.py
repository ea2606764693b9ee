"""Special functions against mpmath in 40 digits and, for edges and promotion, against eager PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest
import torch
from conformance.torch_adapter import run
from torch_oracle import Function, check

INF, NAN = float("inf"), float("nan")
aten = torch.ops.aten


def lowered(function: Callable[..., Any], *args: torch.Tensor) -> list[np.ndarray]:
    return run(torch.export.export(Function(function), args), args, {})["outputs"]


# operator -> its definition for x > 0; PyTorch's own float64 Bessel functions are good to 1e-6 only.
FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "i0": lambda x: mpmath.besseli(0, x),
    "special_i0e": lambda x: mpmath.besseli(0, x) * mpmath.exp(-x),
    "special_i1": lambda x: mpmath.besseli(1, x),
    "special_i1e": lambda x: mpmath.besseli(1, x) * mpmath.exp(-x),
    "special_airy_ai": mpmath.airyai,
    "special_bessel_j0": lambda x: mpmath.besselj(0, x),
    "special_bessel_j1": lambda x: mpmath.besselj(1, x),
    "special_bessel_y0": lambda x: mpmath.bessely(0, x),
    "special_bessel_y1": lambda x: mpmath.bessely(1, x),
    "special_modified_bessel_k0": lambda x: mpmath.besselk(0, x),
    "special_modified_bessel_k1": lambda x: mpmath.besselk(1, x),
    "special_scaled_modified_bessel_k1": lambda x: mpmath.besselk(1, x) * mpmath.exp(x),
    "special_erfcx": lambda x: mpmath.erfc(x) * mpmath.exp(x * x),
    "special_spherical_bessel_j0": mpmath.sinc,
}
# Of an even or odd function's other half, and of what is defined below 0.
NEGATIVE = {
    "special_airy_ai": mpmath.airyai,
    "special_bessel_j1": lambda x: mpmath.besselj(1, x),
    "special_erfcx": lambda x: mpmath.erfc(x) * mpmath.exp(x * x),
    "special_i1e": lambda x: mpmath.besseli(1, x) * mpmath.exp(x),
    "special_log_ndtr": lambda x: mpmath.log(mpmath.erfc(-x / mpmath.sqrt(2)) / 2),
}
POSITIVE_ARGUMENTS = np.concatenate(
    [np.geomspace(1e-4, 0.5, 12), np.linspace(0.6, 12, 40), np.linspace(13, 80, 15)]
)
NEGATIVE_ARGUMENTS = -np.concatenate([np.geomspace(1e-3, 0.5, 8), np.linspace(0.6, 5, 30)])


@pytest.mark.parametrize(("dtype", "bound"), [(torch.float64, 64), (torch.float32, 64)])
@pytest.mark.parametrize("below_0", [False, True])
def test_values_are_those_of_the_definition(dtype: torch.dtype, bound: int, below_0: bool) -> None:
    """To `bound` units of rounding of the value, or of 1 where the function oscillates through 0."""
    functions = NEGATIVE if below_0 else FUNCTIONS
    x = torch.from_numpy(NEGATIVE_ARGUMENTS if below_0 else POSITIVE_ARGUMENTS).to(dtype)
    found = lowered(lambda x: [getattr(aten, name)(x) for name in functions], x)
    epsilon = torch.finfo(dtype).eps
    with mpmath.workdps(40):
        for (name, function), values in zip(functions.items(), found, strict=True):
            exact = np.array([float(function(mpmath.mpf(v.item()))) for v in x])
            oscillates = "_j" in name or "_y" in name or "airy" in name
            scale = np.maximum(np.abs(exact), 1 if oscillates else torch.finfo(dtype).tiny)
            error = np.abs(values - exact) / scale / epsilon
            assert error.max() < bound, f"{name} at {x[int(error.argmax())]}: {error.max()} units"


def test_normal_quantiles() -> None:
    p = np.concatenate(
        [np.geomspace(1e-300, 0.1, 40), np.linspace(0.11, 0.999, 40), 1 - np.geomspace(1e-12, 1e-3, 8)]
    )
    (found,) = lowered(lambda x: [torch.special.ndtri(x)], torch.from_numpy(p))
    with mpmath.workdps(40):
        back = [mpmath.log(mpmath.ncdf(mpmath.mpf(v))) for v in found]
        exact = [mpmath.log(mpmath.mpf(q)) for q in p]
        errors = [abs(b - e) / (1 + abs(v) ** 2) for b, e, v in zip(back, exact, found, strict=True)]
    assert max(errors) < 4e-15  # 18 units of rounding


def test_incomplete_gamma_functions() -> None:
    """Small and large shapes, both tails, and the uniform expansion's border at 200."""
    shapes = [1e-3, 0.1, 0.9, 1.0, 5.0, 30.0, 199.0, 201.0, 3e3]
    pairs = [(a, a * f) for a in shapes for f in (1e-3, 0.3, 0.71, 0.95, 1.0, 1.02, 1.29, 1.31, 3.0)]
    a, x = (torch.tensor(column, dtype=torch.float64) for column in zip(*pairs, strict=True))
    lower, upper = lowered(lambda a, x: [torch.igamma(a, x), torch.igammac(a, x)], a, x)
    with mpmath.workdps(30):
        for (shape, at), p, q in zip(pairs, lower, upper, strict=True):
            big = mpmath.gammainc(shape, at, mpmath.inf, regularized=True)
            small = mpmath.gammainc(shape, 0, at, regularized=True)
            for found, exact in ((p, small), (q, big)):
                if exact > 1e-290:
                    assert abs(found - exact) < 3e-12 * exact, (shape, at, found, exact)


def test_edges() -> None:
    def values(a: torch.Tensor, x: torch.Tensor, s: torch.Tensor) -> list[torch.Tensor]:
        incomplete = [torch.igamma(a, x), torch.igammac(a, x)]
        gammas = [torch.polygamma(n, s) for n in (0, 2, 3)]
        return [*incomplete, *gammas, torch.special.zeta(s, 2.0), torch.special.ndtri(x), torch.sinc(s)]

    a = torch.tensor([0.0, 0.0, 1.0, 1.0, INF, 1.0, -1.0, INF])
    x = torch.tensor([0.0, 1.0, 0.0, INF, 1.0, -1.0, 1.0, INF])
    check(values, a, x, torch.tensor([0.5, 3.0, -0.5, -2.25, 10.0, 1.0, 0.0, -8.478]), rtol=2e-5)


POLYNOMIALS = [
    *(f"{prefix}chebyshev_polynomial_{kind}" for prefix in ("", "shifted_") for kind in "tuvw"),
    *("hermite_polynomial_h", "hermite_polynomial_he", "laguerre_polynomial_l", "legendre_polynomial_p"),
]


def test_polynomials() -> None:
    """Degrees from -1, fractions of one, the ends of the interval, and outside of it."""

    def values(x: torch.Tensor, n: torch.Tensor) -> list[torch.Tensor]:
        of_tensors = [getattr(torch.special, name)(x, n) for name in POLYNOMIALS]
        return [*of_tensors, torch.special.legendre_polynomial_p(x, 3), torch.special.hermite_polynomial_h(2.0, n)]

    x = torch.tensor([-2.5, -1, -0.3, 0, 0.5, 1, 1.7], dtype=torch.float64)[:, None]
    n = torch.tensor([-1, 0, 1, 2, 2.7, 5, 7, 8, 9, 12], dtype=torch.float64)
    check(values, *(v.contiguous() for v in torch.broadcast_tensors(x, n)), rtol=1e-12, atol=1e-12)


def test_integers_become_floats_and_halves_are_rounded_once() -> None:
    def values(n: torch.Tensor, h: torch.Tensor) -> list[torch.Tensor]:
        return [
            torch.i0(n),
            torch.special.erfcx(n),
            torch.i0(h),
            torch.special.bessel_j0(h.float()),
            torch.logit(h),
        ]

    half = torch.tensor([0.1, 0.5, 0.75], dtype=torch.bfloat16)
    check(values, torch.tensor([0, 1, 3]), half, rtol=1e-2, atol=1e-5)
