"""Images and signals of open sizes, resized, pooled and transformed: one import, called with several shapes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch.export import Dim
from torch.nn import functional as F
from torch_oracle import Function, compare

import oxide

Shape = tuple[int, ...]


def resized(x: torch.Tensor) -> list[torch.Tensor]:
    """To sizes that others have, and by factors."""
    height, width = x.shape[2:]
    half = F.interpolate(x, size=(height // 2, width // 2), mode="nearest")
    modes: list[dict[str, Any]] = [
        {"mode": "nearest"},
        {"mode": "nearest-exact"},
        {"mode": "bilinear"},
        {"mode": "bilinear", "align_corners": True},
        {"mode": "bicubic"},
    ]
    back = [F.interpolate(half, size=(height, width), **mode) for mode in modes]
    return [
        *back,
        F.interpolate(x, scale_factor=2, mode="nearest"),
        F.interpolate(x, scale_factor=2, mode="bilinear"),
        F.interpolate(x, scale_factor=1.7, mode="bicubic"),
        F.interpolate(x, scale_factor=0.6, mode="nearest"),
    ]


def pooled(x: torch.Tensor) -> list[torch.Tensor]:
    maximum, places = F.adaptive_max_pool2d(x, 1, return_indices=True)
    averages = [F.adaptive_avg_pool2d(x, (2, 3)), F.adaptive_avg_pool1d(x[0], 4)]
    nothing = x.where(x < 1, torch.nan)
    largest = F.adaptive_max_pool2d(nothing, (2, 3), return_indices=True)
    row = F.adaptive_max_pool1d(torch.floor(x[0]), 4, return_indices=True)
    gradient = torch.ops.aten._adaptive_avg_pool2d_backward(averages[0], x)
    return [*averages, maximum, places, *largest, *row, gradient]


def sampled(x: torch.Tensor) -> list[torch.Tensor]:
    """Mirrored at the borders, by the centres of elements and by their edges."""
    grid = 3 * x.movedim(1, -1)
    return [F.grid_sample(x, grid, padding_mode="reflection", align_corners=c) for c in (False, True)]


def spectrogram(x: torch.Tensor) -> list[torch.Tensor]:
    window = torch.hann_window(8)
    spectrum = torch.stft(x, 8, 2, window=window, return_complex=True)
    return [torch.view_as_real(spectrum), torch.istft(spectrum, 8, 2, window=window)]


CASES: dict[str, tuple[Callable[..., Any], dict[int, Any], list[Shape]]] = {
    "resized": (resized, {0: Dim.AUTO, 2: Dim.AUTO, 3: Dim.AUTO}, [(2, 3, 8, 12), (1, 3, 9, 6), (3, 3, 6, 7)]),
    "pooled": (pooled, {2: Dim.AUTO, 3: Dim.AUTO}, [(2, 3, 8, 12), (2, 3, 9, 7), (2, 3, 5, 4)]),
    "sampled": (sampled, {2: Dim.AUTO, 3: Dim.AUTO}, [(2, 2, 8, 12), (2, 2, 3, 2)]),
    "spectrogram": (spectrogram, {0: Dim.AUTO, 1: Dim.AUTO}, [(2, 32), (3, 46)]),
}


@pytest.mark.parametrize("name", CASES)
def test_open_sizes(name: str) -> None:
    function, dynamic, shapes = CASES[name]
    torch.manual_seed(0)
    program = torch.export.export(Function(function), (torch.randn(shapes[0]),), dynamic_shapes=((dynamic,),))
    executable = oxide.import_torch(program).compile(cache=False)
    for shape in shapes:
        x = torch.randn(shape)
        found = executable.run({executable.inputs[0].name: x.numpy()})
        for actual, expected in zip(found.values(), function(x), strict=True):
            compare(np.asarray(actual), expected, 1e-5, 1e-5)
