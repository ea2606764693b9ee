"""Tensors made of numbers: full, zeros, arange and their *_like kin; casts and copies."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.dims import Dim, Size, maximum
from oxide.frontends.torch.promotion import category, number_dtype
from oxide.frontends.torch.registry import Node, lowering

Value = ir.Value

# layout, device, pin_memory and memory_format say where and how a tensor lies, which the executable decides.
_ZEROS = ("zeros", "empty", "new_zeros", "new_empty", "_efficientzerotensor")
_FILLS = {"ones": 1, "new_ones": 1, **dict.fromkeys(_ZEROS, 0)}


@lowering(
    "aten.zeros.default",
    "aten.ones.default",
    "aten.empty.memory_format",
    "aten.new_zeros.default",
    "aten.new_ones.default",
    "aten.new_empty.default",
    "aten._efficientzerotensor.default",
)
def filled(
    node: Node,
    size: Sequence[Any],
    self: Value | None = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: Any = None,
    memory_format: Any = None,
) -> Value:
    """Of the dtype PyTorch gives the result; `empty` is zeros, which every program that is right may get."""
    return hlo.full(size, _FILLS[node.op.split(".")[1]], node.dtype)


@lowering("aten._new_zeros_with_same_feature_meta.default")
def zeros_of_a_tangent(node: Node, self: Value, other: Value, self_num_batch_dims: int = 0) -> Value:
    """A tangent of `other` for each of the leading dimensions of `self`."""
    return hlo.full([*hlo.shape(self)[:self_num_batch_dims], *hlo.shape(other)], 0, hlo.dtype(other))


@lowering("aten.zeros_like.default", "aten.ones_like.default", "aten.empty_like.default")
def filled_like(
    node: Node,
    self: Value,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: Any = None,
    memory_format: Any = None,
) -> Value:
    return hlo.full(hlo.shape(self), _FILLS[node.op.split(".")[1].removesuffix("_like")], node.dtype)


@lowering("aten.empty_strided.default", "aten.new_empty_strided.default")
def empty_strided(
    node: Node,
    size: Sequence[Any],
    stride: Sequence[Any],
    self: Value | None = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: Any = None,
) -> Value:
    return hlo.full(size, 0, node.dtype)


@lowering("aten.empty_permuted.default")
def empty_permuted(
    node: Node,
    size: Sequence[Any],
    physical_layout: Any,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: Any = None,
) -> Value:
    return hlo.full(size, 0, node.dtype)


@lowering("aten.full.default", "aten.new_full.default", "aten.full_like.default")
def full(
    node: Node,
    fill_value: Any,
    self: Value | None = None,
    size: Any = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: Any = None,
    memory_format: Any = None,
) -> Value:
    dims = node.shape if size is None else size
    if isinstance(fill_value, ir.Value):
        return hlo.broadcast_to(hlo.reshape(node.cast(fill_value, node.dtype), []), dims)
    return hlo.full(dims, fill_value, node.dtype)


@lowering("aten.fill.Scalar", "aten.fill.Tensor")
def fill(node: Node, self: Value, value: Any) -> Value:
    return full(node, value, size=hlo.shape(self)) if node.meta is not None else hlo.full_like(self, value)


@lowering("aten.zero.default")
def zero(node: Node, self: Value) -> Value:
    return hlo.full_like(self, 0)


@lowering("aten.scalar_tensor.default")
def scalar_tensor(
    node: Node, s: Any, dtype: Any = None, layout: Any = None, device: Any = None, pin_memory: Any = None
) -> Value:
    return node.cast(s, node.dtype) if isinstance(s, ir.Value) else hlo.constant(s, node.dtype)


@lowering("aten.arange.default", "aten.arange.start", "aten.arange.start_step")
def arange(
    node: Node,
    end: Any,
    start: Any = 0,
    step: Any = 1,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: Any = None,
) -> Value:
    """start, start + step, ... before end."""
    target = node.dtype
    whole = all(isinstance(v, int | Dim) for v in (start, end, step))
    count = maximum(-(-(end - start) // step), 0) if whole else max(math.ceil((end - start) / step), 0)
    if category(target) < 2:
        first, stride = (v if isinstance(v, Dim) else int(v) for v in (start, step))
        return hlo.convert(_counted(count, first, stride, np.dtype(np.int64)), target)
    return hlo.convert(_counted(count, start, step, np.dtype(np.float64)), target)


def _counted(count: Size, start: Any, step: Any, dtype: np.dtype) -> Value:
    counts = hlo.iota([count], 0, dtype)
    scaled = counts if step == 1 else hlo.multiply(counts, step)
    return scaled if start == 0 else hlo.add(scaled, start)


@lowering("aten.clone.default")
def clone(node: Node, self: Value, memory_format: Any = None) -> Value:
    return self


@lowering("aten.lift_fresh_copy.default", "aten.alias_copy.default", "aten.detach_copy.default")
def copied(node: Node, self: Value) -> Value:
    return self


@lowering("aten._to_copy.default")
def to_copy(
    node: Node,
    self: Any,
    dtype: torch.dtype | None = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: Any = None,
    non_blocking: bool = False,
    memory_format: Any = None,
) -> Value:
    """vmap leaves Python numbers in the place of tensors."""
    return node.cast(self if isinstance(self, Value) else hlo.constant(self, number_dtype(self)), dtype)


@lowering("prims.convert_element_type.default")
def convert_element_type(node: Node, a: Value, dtype: torch.dtype) -> Value:
    return node.cast(a, dtype)


@lowering("aten.copy.default")
def copy(node: Node, self: Value, src: Value, non_blocking: bool = False) -> Value:
    """src in the shape and dtype of self."""
    return hlo.broadcast_to(node.cast(src, hlo.dtype(self)), hlo.shape(self))
