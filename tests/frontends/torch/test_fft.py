"""Fourier transforms against eager PyTorch: all of torch.fft, norms, lengths and dimensions; stft, istft."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch_oracle import check

REAL = torch.randn(3, 4, 6, generator=torch.Generator().manual_seed(0))
COMPLEX = torch.randn(3, 4, 6, dtype=torch.complex64, generator=torch.Generator().manual_seed(1))
NORMS = ("forward", "backward", "ortho")
OF_REAL = ("rfft", "ihfft")
FUNCTIONS = ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft")


@pytest.mark.parametrize("name", FUNCTIONS)
def test_along_one_dimension(name: str) -> None:
    """Also cut, padded and of odd length; all in one module, as compiling takes longest."""
    function = getattr(torch.fft, name)
    x = REAL if name in OF_REAL else COMPLEX

    def module(x: torch.Tensor) -> list[torch.Tensor]:
        return [*(function(x, norm=norm) for norm in NORMS), function(x, n=5, dim=1), function(x, n=3, dim=-2)]

    check(module, x, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_along_several_dimensions(name: str) -> None:
    two, many = getattr(torch.fft, f"{name}2"), getattr(torch.fft, f"{name}n")
    x = REAL if name in OF_REAL else COMPLEX

    def module(x: torch.Tensor) -> list[torch.Tensor]:
        return [two(x, norm="ortho"), two(x, s=(3, 5), dim=(2, 0)), many(x), many(x, s=(2, 8), norm="forward")]

    check(module, x, rtol=1e-4, atol=1e-4)


def test_more_dimensions_than_stablehlo_transforms_at_once() -> None:
    x = torch.randn(2, 3, 2, 3, 2, generator=torch.Generator().manual_seed(0))
    check(lambda x: [torch.fft.fftn(x), torch.fft.rfftn(x), torch.fft.irfftn(x + 0j)], x, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "x",
    [torch.arange(6), torch.tensor([True, False]), REAL.double(), REAL.mT, COMPLEX.to(torch.complex128)],
)
def test_dtypes_and_layouts(x: torch.Tensor) -> None:
    check(lambda x: [torch.fft.fft(x), torch.fft.ifft(x)], x, rtol=1e-4, atol=1e-5)


WINDOW = torch.hann_window(8) + 0.1
SIGNAL = torch.randn(2, 40, generator=torch.Generator().manual_seed(0))


def stft(**options: Any) -> Callable[..., torch.Tensor]:
    return lambda x: torch.stft(x, 8, return_complex=True, window=WINDOW, **options)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"hop_length": 3, "center": False},
        {"normalized": True, "onesided": False},
        {"pad_mode": "constant"},
    ],
)
def test_stft(options: dict[str, Any]) -> None:
    check(lambda x: [stft(**options)(x), stft(**options)(x[0])], SIGNAL, rtol=1e-4, atol=1e-5)


def test_stft_with_a_short_window_or_a_complex_signal() -> None:
    short = torch.hann_window(5)

    def module(x: torch.Tensor) -> list[torch.Tensor]:
        padded = torch.stft(x, 8, win_length=5, window=short, return_complex=True)
        plain = torch.stft(x, 8, win_length=6, window=torch.ones(6), return_complex=True)
        return [padded, plain, torch.stft(torch.complex(x, x), 8, window=WINDOW, return_complex=True)]

    check(module, SIGNAL, rtol=1e-4, atol=1e-5)


@pytest.mark.filterwarnings("ignore:The length of signal is shorter than the length parameter")
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"hop_length": 3, "center": False},
        {"length": 37},
        {"length": 45},
        {"normalized": True, "onesided": False},
    ],
)
def test_istft_of_stft(options: dict[str, Any]) -> None:
    forward = {key: value for key, value in options.items() if key != "length"}

    def module(x: torch.Tensor) -> torch.Tensor:
        return torch.istft(stft(**forward)(x), 8, window=WINDOW, **options)

    check(module, SIGNAL, rtol=1e-4, atol=1e-5)


def test_frequencies_and_windows() -> None:
    names = ("hann", "hamming", "blackman", "bartlett", "kaiser")

    def values(x: torch.Tensor) -> list[torch.Tensor]:
        windows = [getattr(torch, f"{name}_window") for name in names]
        both = [window(n, periodic) for window in windows for n in (1, 6, 7) for periodic in (True, False)]
        own = [torch.hamming_window(5, True, 0.6, 0.3, dtype=torch.float64), torch.kaiser_window(5, False, 3.0)]
        frequencies = [f(n, 0.25) for f in (torch.fft.fftfreq, torch.fft.rfftfreq) for n in (5, 6)]
        return [x, *both, *own, *frequencies, torch.hann_window(0)]

    check(values, torch.ones(1))
