"""Convolutions of one to three spatial dimensions, plain, transposed and grouped."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.frontends.torch.registry import Node, lowering

Value = ir.Value


def per_dimension(values: Any, count: int) -> list[Any]:
    """One entry for each spatial dimension: a number or a list of one stands for all."""
    listed = values if isinstance(values, list | tuple) else [values]
    return list(listed) * count if len(listed) == 1 else list(listed)


@lowering("aten.conv1d.default", "aten.conv2d.default", "aten.conv3d.default")
def conv(
    node: Node,
    input: Value,
    weight: Value,
    bias: Value | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Value:
    """Cross-correlation of [N, C, spatial...] (N may be missing) with [out, C / groups, kernel...]."""
    return _convolution(input, weight, bias, stride, padding, dilation, False, 0, groups)


@lowering("aten.conv1d.padding", "aten.conv2d.padding", "aten.conv3d.padding")
def conv_padded(
    node: Node,
    input: Value,
    weight: Value,
    bias: Value | None = None,
    stride: Any = 1,
    padding: str = "valid",
    dilation: Any = 1,
    groups: int = 1,
) -> Value:
    """`same` keeps the spatial sizes (the odd element of padding goes to the end), `valid` does not pad."""
    kernel = hlo.shape(weight)[2:]
    spread = per_dimension(dilation, len(kernel))
    totals = [d * (k - 1) if padding == "same" else 0 for k, d in zip(kernel, spread, strict=True)]
    return _plain(input, weight, bias, stride, [(t // 2, t - t // 2) for t in totals], dilation, groups)


@lowering("aten.conv_transpose1d.default", "aten.conv_transpose2d.input", "aten.conv_transpose3d.input")
def conv_transpose(
    node: Node,
    input: Value,
    weight: Value,
    bias: Value | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Value:
    return _convolution(input, weight, bias, stride, padding, dilation, True, output_padding, groups)


@lowering("aten.convolution.default")
def convolution(
    node: Node,
    input: Value,
    weight: Value,
    bias: Value | None,
    stride: Any,
    padding: Any,
    dilation: Any,
    transposed: bool,
    output_padding: Any,
    groups: int,
) -> Value:
    return _convolution(input, weight, bias, stride, padding, dilation, transposed, output_padding, groups)


@lowering("aten._convolution.default")
def convolution_with_flags(
    node: Node,
    input: Value,
    weight: Value,
    bias: Value | None,
    stride: Any,
    padding: Any,
    dilation: Any,
    transposed: bool,
    output_padding: Any,
    groups: int,
    benchmark: bool,
    deterministic: bool,
    cudnn_enabled: bool,
    allow_tf32: bool,
) -> Value:
    """The flags choose among cuDNN's kernels."""
    return _convolution(input, weight, bias, stride, padding, dilation, transposed, output_padding, groups)


def _convolution(
    x: Value,
    weight: Value,
    bias: Value | None,
    stride: Any,
    padding: Any,
    dilation: Any,
    transposed: bool,
    output_padding: Any,
    groups: int,
) -> Value:
    if transposed:
        return _transposed(x, weight, bias, stride, padding, output_padding, dilation, groups)
    pads = per_dimension(padding, hlo.rank(weight) - 2)
    return _plain(x, weight, bias, stride, [(p, p) for p in pads], dilation, groups)


def _plain(
    x: Value,
    weight: Value,
    bias: Value | None,
    stride: Any,
    padding: Sequence[tuple[int, int]],
    dilation: Any,
    groups: int,
) -> Value:
    spatial = hlo.rank(weight) - 2
    y = hlo.convolution(
        _batched(x, weight),
        weight,
        strides=per_dimension(stride, spatial),
        padding=padding,
        kernel_dilation=per_dimension(dilation, spatial),
        groups=groups,
    )
    return _finished(y, x, bias)


def _transposed(
    x: Value,
    weight: Value,
    bias: Value | None,
    stride: Any,
    padding: Any,
    output_padding: Any,
    dilation: Any,
    groups: int,
) -> Value:
    """The gradient of a convolution by its input: the dilated input with the mirrored kernel.

    The weight is [C, out / groups, kernel...]; it is brought to [C / groups, out, kernel...] so that one grouped
    convolution does all groups.
    """
    channels, per_group, *kernel = hlo.shape(weight)
    spatial = len(kernel)
    steps, spread = per_dimension(stride, spatial), per_dimension(dilation, spatial)
    growth, crop = per_dimension(output_padding, spatial), per_dimension(padding, spatial)
    reach = [(k - 1) * d for k, d in zip(kernel, spread, strict=True)]
    pads = [(r - c, r - c + g) for r, c, g in zip(reach, crop, growth, strict=True)]
    mirrored = hlo.reverse(weight, range(2, hlo.rank(weight)))
    if groups > 1:
        grouped = hlo.reshape(mirrored, [groups, channels // groups, per_group, *kernel])
        mirrored = hlo.reshape(hlo.swap_axes(grouped, 0, 1), [channels // groups, groups * per_group, *kernel])
    letters = "".join(chr(ord("a") + i) for i in range(spatial))
    y = hlo.convolution(
        _batched(x, weight),
        mirrored,
        strides=[1] * spatial,
        padding=pads,
        input_dilation=steps,
        kernel_dilation=spread,
        groups=groups,
        layout=(f"NC{letters}", f"IO{letters}", f"NC{letters}"),
    )
    return _finished(y, x, bias)


def _batched(x: Value, weight: Value) -> Value:
    return x if hlo.rank(x) == hlo.rank(weight) else hlo.reshape(x, [1, *hlo.shape(x)])


def _finished(y: Value, x: Value, bias: Value | None) -> Value:
    """Plus a bias for each channel, and without the batch dimension the input did not have."""
    if bias is not None:
        y = hlo.add(y, hlo.broadcast_in_dim(bias, hlo.shape(y), [1]))
    return y if hlo.rank(y) == hlo.rank(x) else hlo.reshape(y, hlo.shape(y)[1:])
