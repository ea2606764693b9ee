"""One operand or another, element by element: where, masked_fill, clamp."""

from __future__ import annotations

from typing import Any

from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.frontends.torch.ops.elementwise import as_bool, prepared
from oxide.frontends.torch.promotion import common_dtype
from oxide.frontends.torch.registry import Node, lowering

Value = ir.Value


@lowering("aten.where.self", "aten.where.ScalarOther", "aten.where.ScalarSelf", "aten.where.Scalar")
def where(node: Node, condition: Value, self: Any, other: Any) -> Value:
    x, y = prepared(self, other)
    if not isinstance(x, ir.Value) and not isinstance(y, ir.Value):
        x = hlo.constant(x, common_dtype([x, y]))
    return hlo.select(as_bool(condition), x, y)


@lowering("aten.masked_fill.Scalar", "aten.masked_fill.Tensor")
def masked_fill(node: Node, self: Value, mask: Value, value: Any) -> Value:
    if isinstance(value, ir.Value):
        value = hlo.convert(value, hlo.dtype(self))
    return hlo.select(mask, value, self)


@lowering("aten.clamp.default", "aten.clamp.Tensor", "aten.clip.default", "aten.clip.Tensor")
def clamp(node: Node, self: Value, min: Any = None, max: Any = None) -> Value:
    """minimum(maximum(self, min), max); NaN in any operand gives NaN."""
    x, low, high = prepared(self, min, max)
    x = x if low is None else hlo.maximum(x, low)
    return x if high is None else hlo.minimum(x, high)


@lowering("aten.clamp_min.default", "aten.clamp_min.Tensor")
def clamp_min(node: Node, self: Value, min: Any) -> Value:
    return clamp(node, self, min)


@lowering("aten.clamp_max.default", "aten.clamp_max.Tensor")
def clamp_max(node: Node, self: Value, max: Any) -> Value:
    return clamp(node, self, None, max)
