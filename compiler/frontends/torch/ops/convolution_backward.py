"""Gradients of convolutions by input, weight and bias.

With y = conv(x, w), the gradient by x is a transposed convolution of y's gradient.  The one by w is a convolution
of x with y's gradient as kernel, in which the batch takes the part of the channels, and strides and dilations
change places.  A transposed convolution is the gradient of a plain one by its input, so its own gradients are these
two with input and output exchanged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.frontends.torch.ops.convolution import per_dimension
from oxide.frontends.torch.registry import Node, lowering

Value = ir.Value


@dataclass(frozen=True)
class _Geometry:
    """One entry for each spatial dimension, those of the plain convolution; `groups` of channels."""

    strides: list[int]
    padding: list[int]
    dilation: list[int]
    groups: int

    @property
    def letters(self) -> str:
        return "".join(chr(ord("a") + i) for i in range(len(self.strides)))

    def apply(self, x: Value, weight: Value, target: Sequence[Any]) -> Value:
        """The convolution of x [N, C, ...] with weight [O, C / groups, ...] to the spatial sizes `target`."""
        high = [
            (count - 1) * stride + spread * (kernel - 1) + 1 - length - pad
            for length, kernel, count, stride, spread, pad in self._along(x, weight, target)
        ]
        return hlo.convolution(
            x,
            weight,
            strides=self.strides,
            padding=list(zip(self.padding, high, strict=True)),
            kernel_dilation=self.dilation,
            groups=self.groups,
        )

    def input_gradient(self, grad: Value, weight: Value, target: Sequence[Any]) -> Value:
        """From the gradient [N, O, ...] and the weight to [N, C, *target]: the mirrored kernel over the dilated."""
        outputs, per_group, *kernel = hlo.shape(weight)
        mirrored = hlo.reverse(weight, range(2, hlo.rank(weight)))
        if self.groups > 1:
            split = hlo.reshape(mirrored, [self.groups, outputs // self.groups, per_group, *kernel])
            joined = [outputs // self.groups, self.groups * per_group, *kernel]
            mirrored = hlo.reshape(hlo.swap_axes(split, 0, 1), joined)
        pads = []
        for length, size, count, stride, spread, pad in self._along(grad, weight, target):
            reach = spread * (size - 1)
            low = reach - pad
            pads.append((low, count + reach - ((length - 1) * stride + 1) - low))
        return hlo.convolution(
            grad,
            mirrored,
            strides=[1] * len(kernel),
            padding=pads,
            input_dilation=self.strides,
            kernel_dilation=self.dilation,
            groups=self.groups,
            layout=(f"NC{self.letters}", f"IO{self.letters}", f"NC{self.letters}"),
        )

    def weight_gradient(self, x: Value, grad: Value, target: Sequence[Any]) -> Value:
        """From the input [N, C, ...] and the gradient [N, O, ...] to [O, C / groups, *target]."""
        pads = []
        for length, count, size, stride, spread, pad in self._along(x, grad, target):
            pads.append((pad, (size - 1) * spread + (count - 1) * stride + 1 - length - pad))
        return hlo.convolution(
            x,
            grad,
            strides=self.dilation,
            padding=pads,
            kernel_dilation=self.strides,
            batch_groups=self.groups,
            layout=(f"CN{self.letters}", f"IO{self.letters}", f"CN{self.letters}"),
        )

    def _along(self, x: Value, y: Value, target: Sequence[Any]) -> list[tuple[Any, ...]]:
        """For each spatial dimension the sizes of two operands and of the result, stride, dilation and padding."""
        sizes = (hlo.shape(x)[2:], hlo.shape(y)[2:], target)
        return list(zip(*sizes, self.strides, self.dilation, self.padding, strict=True))


@lowering("aten.convolution_backward.default")
def convolution_backward(
    node: Node,
    grad_output: Value,
    input: Value,
    weight: Value,
    bias_sizes: Sequence[Any] | None,
    stride: Any,
    padding: Any,
    dilation: Any,
    transposed: bool,
    output_padding: Any,
    groups: int,
    output_mask: Sequence[bool],
) -> list[Value | None]:
    """[grad_input, grad_weight, grad_bias]; those not asked for by `output_mask` are None.

    The sizes of input and weight say what padding of the output there was.
    """
    spatial = hlo.rank(weight) - 2
    steps, pads, spread = (per_dimension(values, spatial) for values in (stride, padding, dilation))
    geometry = _Geometry(steps, pads, spread, groups)
    lengths, kernel = hlo.shape(input)[2:], hlo.shape(weight)[2:]
    grads: list[Value | None] = [None, None, None]
    if output_mask[0]:
        gradient = geometry.apply if transposed else geometry.input_gradient
        grads[0] = gradient(grad_output, weight, lengths)
    if output_mask[1]:
        pair = (grad_output, input) if transposed else (input, grad_output)
        grads[1] = geometry.weight_gradient(*pair, kernel)
    if output_mask[2]:
        grads[2] = hlo.reduce_sum(grad_output, [0, *range(2, hlo.rank(grad_output))])
    return grads
