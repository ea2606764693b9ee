"""Elementwise formulas of more than two operands, and what replaces or selects values."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import dtypes, hlo
from oxide.frontends.torch.ops.elementwise import prepared, wide
from oxide.frontends.torch.promotion import category
from oxide.frontends.torch.registry import Node, lowering

Value = ir.Value


@lowering("aten.addcmul.default")
def addcmul(node: Node, self: Value, tensor1: Value, tensor2: Value, value: Any = 1) -> Value:
    """self + value * tensor1 * tensor2."""

    def formula(x: Value, a: Value, b: Value) -> Value:
        scaled = a if value == 1 else hlo.multiply(a, value)
        return hlo.add(x, hlo.multiply(scaled, b))

    return wide(formula)(*prepared(self, tensor1, tensor2))


@lowering("aten.addcdiv.default")
def addcdiv(node: Node, self: Value, tensor1: Value, tensor2: Value, value: Any = 1) -> Value:
    """self + value * tensor1 / tensor2."""

    def formula(x: Value, a: Value, b: Value) -> Value:
        scaled = a if value == 1 else hlo.multiply(a, value)
        return hlo.add(x, hlo.divide(scaled, b))

    return wide(formula)(*prepared(self, tensor1, tensor2))


@lowering("aten.lerp.Scalar", "aten.lerp.Tensor")
def lerp(node: Node, self: Value, end: Value, weight: Any) -> Value:
    """self + weight * (end - self), from the nearer end as PyTorch's kernel has it, so that weight 1 gives end."""

    def formula(x: Value, y: Value, w: Any) -> Value:
        distance = hlo.subtract(y, x)
        if not isinstance(w, ir.Value):
            near = abs(w) < 0.5
            return hlo.add(x, hlo.multiply(distance, w)) if near else hlo.subtract(y, hlo.multiply(distance, 1 - w))
        size = hlo.abs(w)
        from_start = hlo.add(x, hlo.multiply(distance, w))
        from_end = hlo.subtract(y, hlo.multiply(distance, hlo.subtract(1, w)))
        return hlo.select(hlo.less(size, 0.5), from_start, from_end)

    return wide(formula)(self, end, weight)


@lowering("aten.nan_to_num.default")
def nan_to_num(
    node: Node, self: Value, nan: float | None = None, posinf: float | None = None, neginf: float | None = None
) -> Value:
    """NaN as 0 and infinities as the largest finite numbers, unless others are given; complex numbers by parts."""
    dtype = hlo.dtype(self)
    if category(dtype) < 2:
        return self
    if dtypes.is_complex(dtype):
        parts = [nan_to_num(node, part, nan, posinf, neginf) for part in (hlo.real(self), hlo.imag(self))]
        return hlo.complex(*parts)
    largest = float(ml_dtypes.finfo(dtype).max)
    x = hlo.select(hlo.is_nan(self), hlo.full_like(self, 0 if nan is None else nan), self)
    x = hlo.select(hlo.equal(self, np.inf), hlo.full_like(self, largest if posinf is None else posinf), x)
    return hlo.select(hlo.equal(self, -np.inf), hlo.full_like(self, -largest if neginf is None else neginf), x)


@lowering("aten.heaviside.default")
def heaviside(node: Node, self: Value, values: Value) -> Value:
    """1 above 0, 0 below and for NaN, and `values` at 0."""
    x, y = hlo.broadcast_operands(self, values)
    zero, one = hlo.full_like(x, 0), hlo.full_like(x, 1)
    return hlo.select(hlo.equal(x, zero), y, hlo.select(hlo.greater(x, zero), one, zero))
