"""Pooling by sliding windows: maxima with their positions, and averages."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.dims import maximum, minimum
from oxide.frontends.torch.ops.convolution import per_dimension
from oxide.frontends.torch.promotion import compute_dtype
from oxide.frontends.torch.registry import Node, lowering

Value = ir.Value


@dataclass(frozen=True)
class Windows:
    """Sliding windows over the last dimensions.

    `padding` is (low, high) for each: on both sides as asked for, and at the end what ceil_mode adds (`extra`), or
    less than asked for where no window reaches.
    """

    size: list[int]
    strides: list[int]
    dilation: list[int]
    padding: list[tuple[int, int]]
    extra: list[int]

    def reduce(self, x: Value, kind: str) -> Value:
        lead = hlo.rank(x) - len(self.size)
        return hlo.reduce_window(
            x,
            kind,
            [1] * lead + self.size,
            strides=[1] * lead + self.strides,
            padding=[(0, 0)] * lead + self.reach,
            window_dilation=[1] * lead + self.dilation,
        )

    @property
    def reach(self) -> list[tuple[int, int]]:
        return [(low, high + more) for (low, high), more in zip(self.padding, self.extra, strict=True)]


def windows(
    x: Value, size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool, spatial: int
) -> Windows:
    """Windows as PyTorch counts them; with ceil_mode the last one may go over the end but must start inside."""
    sizes = per_dimension(size, spatial)
    steps = per_dimension(stride, spatial) if stride not in (None, []) else sizes
    pads, spread = per_dimension(padding, spatial), per_dimension(dilation, spatial)
    extra = []
    for length, k, s, p, d in zip(hlo.shape(x)[-spatial:], sizes, steps, pads, spread, strict=True):
        reach = d * (k - 1) + 1
        room = length + 2 * p - reach
        count = minimum(-(-room // s) + 1, -(-(length + p) // s))  # all that cover something, and start inside
        extra.append(maximum((count - 1) * s - room, 0) if ceil_mode else 0)
    return Windows(sizes, steps, spread, [(p, p) for p in pads], extra)


def _max_pool(
    x: Value, size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool, spatial: int
) -> Value:
    return windows(x, size, stride, padding, dilation, ceil_mode, spatial).reduce(x, "max")


@lowering("aten.max_pool1d.default", "aten.max_pool2d.default", "aten.max_pool3d.default")
def max_pool(
    node: Node,
    self: Value,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
) -> Value:
    spatial = int(node.op[len("aten.max_pool")])
    return _max_pool(self, kernel_size, stride, padding, dilation, ceil_mode, spatial)


@lowering(
    "aten.max_pool1d_with_indices.default",
    "aten.max_pool2d_with_indices.default",
    "aten.max_pool3d_with_indices.default",
)
def max_pool_with_indices(
    node: Node,
    self: Value,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
) -> list[Value | None]:
    """Maxima and their positions in the flattened spatial dimensions, the first among equal ones."""
    spatial = int(node.op[len("aten.max_pool")])
    if not node.wants(1):
        return [_max_pool(self, kernel_size, stride, padding, dilation, ceil_mode, spatial), None]
    win = windows(self, kernel_size, stride, padding, dilation, ceil_mode, spatial)
    dims = hlo.shape(self)
    lead = len(dims) - spatial
    count = math.prod(dims[lead:])
    positions = hlo.reshape(hlo.iota([count], 0, np.int64), dims[lead:])
    positions = hlo.broadcast_in_dim(positions, dims, range(lead, len(dims)))
    return list(
        hlo.max_window_with_index(
            self,
            positions,
            [1] * lead + win.size,
            strides=[1] * lead + win.strides,
            padding=[(0, 0)] * lead + win.reach,
            window_dilation=[1] * lead + win.dilation,
        )
    )


@lowering("aten.avg_pool1d.default", "aten.avg_pool2d.default", "aten.avg_pool3d.default")
def avg_pool(
    node: Node,
    self: Value,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Value:
    """Sums of windows over the number of their elements: padding counts if asked, what ceil_mode adds never."""
    spatial = int(node.op[len("aten.avg_pool")])
    dtype = hlo.dtype(self)
    win = windows(self, kernel_size, stride, padding, 1, ceil_mode, spatial)
    total = win.reduce(hlo.convert(self, compute_dtype(dtype)), "add")
    divisor = mean_divisor(self, win, count_include_pad, divisor_override, hlo.dtype(total))
    return hlo.convert(hlo.divide(total, divisor), dtype)


def mean_divisor(
    x: Value, win: Windows, count_include_pad: bool, divisor_override: int | None, dtype: np.dtype
) -> Value | int:
    """What the sum of each window over x is divided by, a number where it is the same for all."""
    if divisor_override is not None:
        return divisor_override
    spatial = len(win.size)
    number, tables = 1, []
    for axis, length in enumerate(hlo.shape(x)[-spatial:]):
        counts = _window_counts(length, axis, win, count_include_pad, dtype)
        if isinstance(counts, int):
            number = number * counts
        else:
            tables.append(hlo.expand_dims(counts, [other for other in range(spatial) if other != axis]))
    return functools.reduce(hlo.multiply, tables, number) if tables else number


def _window_counts(length: Any, axis: int, win: Windows, include_padding: bool, dtype: np.dtype) -> Value | int:
    """How many counted elements each window covers along one axis, a number where it is the same for all."""
    low, high = win.padding[axis]
    if include_padding:
        length, low, high = length + low + high, 0, 0
    high = high + win.extra[axis]
    if low == 0 and high == 0:
        return win.size[axis]
    ones = hlo.full([length], 1, dtype)
    return hlo.reduce_window(ones, "add", [win.size[axis]], strides=[win.strides[axis]], padding=[(low, high)])
