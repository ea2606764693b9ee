"""Prims of shapes, reductions, transforms and factories, by the operators of ATen that do the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch

from oxide.frontends.torch.registry import definition

Tensor = torch.Tensor
Dims = Sequence[int] | None


def _reduced(function: Callable[..., Tensor], inp: Tensor, dims: Dims, dtype: torch.dtype | None) -> Tensor:
    """No dims are all of them; an empty list is none."""
    axes = list(range(inp.dim())) if dims is None else list(dims)
    result = function(inp, axes) if axes else inp.clone()
    return result.to(dtype or inp.dtype)


@definition("prims.sum.default")
def sum_(inp: Tensor, dims: Dims, *, output_dtype: torch.dtype | None = None) -> Tensor:
    return _reduced(partial(torch.sum, dtype=inp.dtype), inp, dims, output_dtype)


@definition("prims.prod.default")
def prod(inp: Tensor, dims: Dims, *, output_dtype: torch.dtype | None = None) -> Tensor:
    def products(x: Tensor, axes: Sequence[int]) -> Tensor:
        for axis in sorted(axes, reverse=True):
            x = torch.prod(x, axis, dtype=inp.dtype)
        return x

    return _reduced(products, inp, dims, output_dtype)


@definition("prims.amax.default")
def amax(inp: Tensor, dims: Dims, *, output_dtype: torch.dtype | None = None) -> Tensor:
    return _reduced(torch.amax, inp, dims, output_dtype)


@definition("prims.amin.default")
def amin(inp: Tensor, dims: Dims, *, output_dtype: torch.dtype | None = None) -> Tensor:
    return _reduced(torch.amin, inp, dims, output_dtype)


@definition("prims.var.default")
def var(
    inp: Tensor, dims: Dims, correction: float | None = 1, *, output_dtype: torch.dtype | None = None
) -> Tensor:
    axes = list(range(inp.dim())) if dims is None else list(dims)
    result = torch.var(inp, axes, correction=1 if correction is None else correction)
    return result.to(output_dtype or result.dtype)


@definition("prims.broadcast_in_dim.default")
def broadcast_in_dim(a: Tensor, shape: Sequence[int], broadcast_dimensions: Sequence[int]) -> Tensor:
    for axis in range(len(shape)):
        if axis not in broadcast_dimensions:
            a = a.unsqueeze(axis)
    return a.expand(*shape)


@definition("prims.cat.default")
def cat(tensors: Sequence[Tensor], dim: int) -> Tensor:
    return torch.cat(list(tensors), dim)


@definition("prims.collapse.default", "prims.collapse_view.default")
def collapse(a: Tensor, start: int, end: int) -> Tensor:
    return a.flatten(start, end)


@definition("prims.split_dim.default")
def split_dim(a: Tensor, dim: int, outer_length: int) -> Tensor:
    return a.unflatten(dim, (outer_length, -1))


@definition("prims.squeeze.default")
def squeeze(a: Tensor, dimensions: Sequence[int]) -> Tensor:
    return a.squeeze(tuple(dimensions))


@definition("prims.reshape.default")
def reshape(a: Tensor, shape: Sequence[int]) -> Tensor:
    return a.reshape(shape)


@definition("prims.rev.default")
def rev(a: Tensor, dims: Sequence[int]) -> Tensor:
    return a.flip(list(dims))


@definition("prims.copy_strided.default")
def copy_strided(a: Tensor, stride: Sequence[int]) -> Tensor:
    """How a copy lies in memory is no matter of values."""
    return a.clone()


@definition("prims.full.default")
def full(shape: Sequence[int], fill_value: Any, *, dtype: torch.dtype, device: Any, requires_grad: bool) -> Tensor:
    return torch.full(shape, fill_value, dtype=dtype, device=device)


@definition("prims.full_like.default")
def full_like(a: Tensor, fill_value: Any, *, dtype: torch.dtype, device: Any, requires_grad: bool) -> Tensor:
    return torch.full_like(a, fill_value, dtype=dtype, device=device)


@definition("prims.empty.default")
def empty(shape: Sequence[int], *, dtype: torch.dtype, device: Any, requires_grad: bool) -> Tensor:
    return torch.zeros(shape, dtype=dtype, device=device)


@definition("prims.empty_strided.default")
def empty_strided(
    shape: Sequence[int], strides: Sequence[int], *, dtype: torch.dtype, device: Any, requires_grad: bool
) -> Tensor:
    return torch.zeros(shape, dtype=dtype, device=device)


_UNSCALED = 0  # of ATen's transforms


@definition("prims.fft_c2c.default")
def fft_c2c(self: Tensor, *, dim: Sequence[int], forward: bool) -> Tensor:
    return torch.ops.aten._fft_c2c(self, dim, _UNSCALED, forward)


@definition("prims.fft_r2c.default")
def fft_r2c(self: Tensor, *, dim: Sequence[int], onesided: bool) -> Tensor:
    return torch.ops.aten._fft_r2c(self, dim, _UNSCALED, onesided)


@definition("prims.fft_c2r.default")
def fft_c2r(self: Tensor, *, dim: Sequence[int], last_dim_size: int) -> Tensor:
    return torch.ops.aten._fft_c2r(self, dim, _UNSCALED, last_dim_size)


@definition("prims.svd.default")
def svd(A: Tensor, *, full_matrices: bool) -> tuple[Tensor, Tensor, Tensor]:
    return torch.linalg.svd(A, full_matrices=full_matrices)
