"""Gradients of pooling: to the positions of maxima, and from averages to all elements of their windows."""

from __future__ import annotations

import math
from typing import Any

from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.frontends.torch.ops.adaptive_pooling import mean_weights
from oxide.frontends.torch.ops.pooling import mean_divisor, windows
from oxide.frontends.torch.promotion import compute_dtype
from oxide.frontends.torch.registry import Node, lowering

Value = ir.Value


@lowering(
    "aten.max_pool2d_with_indices_backward.default",
    "aten.max_pool3d_with_indices_backward.default",
    "aten.adaptive_max_pool2d_backward.default",
    "aten.adaptive_max_pool3d_backward.default",
    "aten.fractional_max_pool2d_backward.default",
    "aten.fractional_max_pool3d_backward.default",
)
def max_pool_backward(
    node: Node,
    grad_output: Value,
    self: Value,
    indices: Value,
    kernel_size: Any = None,
    stride: Any = None,
    padding: Any = None,
    dilation: Any = None,
    ceil_mode: bool = False,
    output_size: Any = None,
) -> Value:
    """What comes to each maximum, added up at its position; the windows are in the indices already."""
    spatial = 3 if "pool3d" in node.op else 2
    dims = hlo.shape(self)
    lead = dims[: len(dims) - spatial]
    count, outputs = math.prod(dims[len(lead) :]), math.prod(hlo.shape(indices)[len(lead) :])
    rows = math.prod(lead)
    wide = compute_dtype(hlo.dtype(self))
    total = hlo.scatter_along_axis(
        hlo.full([rows, count], 0, wide),
        hlo.reshape(indices, [rows, outputs]),
        hlo.convert(hlo.reshape(grad_output, [rows, outputs]), wide),
        1,
        "add",
    )
    return hlo.convert(hlo.reshape(total, dims), hlo.dtype(self))


@lowering("aten.avg_pool2d_backward.default", "aten.avg_pool3d_backward.default")
def avg_pool_backward(
    node: Node,
    grad_output: Value,
    self: Value,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: int | None,
) -> Value:
    """Each element's sum over the windows it lies in: windows of the same size over the dilated quotients."""
    spatial = 3 if "pool3d" in node.op else 2
    win = windows(self, kernel_size, stride, padding, 1, ceil_mode, spatial)
    dtype = hlo.dtype(self)
    grad = hlo.convert(grad_output, compute_dtype(dtype))
    grad = hlo.divide(grad, mean_divisor(self, win, count_include_pad, divisor_override, hlo.dtype(grad)))
    lead = hlo.rank(self) - spatial
    pads = []
    for length, count, k, s, (low, _) in zip(
        hlo.shape(self)[lead:], hlo.shape(grad)[lead:], win.size, win.strides, win.padding, strict=True
    ):
        before = k - 1 - low
        pads.append((before, length + k - 1 - ((count - 1) * s + 1) - before))
    total = hlo.reduce_window(
        grad,
        "add",
        [1] * lead + win.size,
        padding=[(0, 0)] * lead + pads,
        base_dilation=[1] * lead + win.strides,
    )
    return hlo.convert(total, dtype)


@lowering("aten._adaptive_avg_pool2d_backward.default", "aten._adaptive_avg_pool3d_backward.default")
def adaptive_avg_pool_backward(node: Node, grad_output: Value, self: Value) -> Value:
    spatial = 3 if "pool3d" in node.op else 2
    dtype = hlo.dtype(self)
    grad = hlo.convert(grad_output, compute_dtype(dtype))
    for axis in range(hlo.rank(self) - spatial, hlo.rank(self)):
        grad = _spread_mean(grad, axis, hlo.shape(self)[axis])
    return hlo.convert(grad, dtype)


def _spread_mean(grad: Value, axis: int, length: Any) -> Value:
    """The transpose of the mean along an axis: even windows repeat, others are a product with their weights."""
    dims = hlo.shape(grad)
    count: Any = dims[axis]
    if length % count == 0:
        size = length // count
        lead, tail = dims[: axis + 1], dims[axis + 1 :]
        mapping = [i if i <= axis else i + 1 for i in range(len(dims))]
        repeated = hlo.broadcast_in_dim(grad, [*lead, size, *tail], mapping)
        return hlo.divide(hlo.reshape(repeated, [*dims[:axis], length, *tail]), size)
    weights = mean_weights(length, count, hlo.dtype(grad))
    product = hlo.dot_general(grad, weights, contract=([axis], [1]))
    return hlo.move_axis(product, hlo.rank(grad) - 1, axis)
