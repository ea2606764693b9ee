"""Complex numbers: their parts and conjugates as views, and how they are made."""

from __future__ import annotations

import math

import numpy as np
import torch
from jaxlib.mlir import ir

from oxide.dialects import dtypes, hlo
from oxide.frontends.torch.dtypes import to_numpy
from oxide.frontends.torch.ops.elementwise import sign
from oxide.frontends.torch.promotion import default_float
from oxide.frontends.torch.registry import SAME, Kind, Node, View, bijection, elementwise, lowering, view

Value = ir.Value


def is_complex(x: Value) -> bool:
    return dtypes.is_complex(hlo.dtype(x))


def pairs(x: Value) -> Value:
    """complex [...] to real [..., 2]."""
    return hlo.stack([hlo.real(x), hlo.imag(x)], hlo.rank(x))


def from_pairs(x: Value) -> Value:
    """real [..., 2] to complex [...]."""
    last = hlo.rank(x) - 1
    re, im = (hlo.squeeze(part, [last]) for part in hlo.split(x, last, [1, 1]))
    return hlo.complex(re, im)


CONJUGATE = bijection(hlo.conj, hlo.conj)
NEGATE = bijection(hlo.negate, hlo.negate)


@view("aten.real.default")
def real(node: Node, self: Value) -> View:
    if not is_complex(self):
        return SAME
    return View(hlo.real, lambda base, changed: hlo.complex(changed, hlo.imag(base)))


@view("aten.imag.default")
def imag(node: Node, self: Value) -> View:
    if not is_complex(self):
        raise node.error("imag is for complex tensors only")
    return View(hlo.imag, lambda base, changed: hlo.complex(hlo.real(base), changed))


@view("aten.view_as_real.default")
def view_as_real(node: Node, self: Value) -> View:
    return bijection(pairs, from_pairs)


@view("aten.view_as_complex.default")
def view_as_complex(node: Node, self: Value) -> View:
    return bijection(from_pairs, pairs)


@lowering("aten.view_as_real_copy.default")
def view_as_real_copy(node: Node, self: Value) -> Value:
    return pairs(self)


@lowering("aten.view_as_complex_copy.default")
def view_as_complex_copy(node: Node, self: Value) -> Value:
    return from_pairs(self)


# PyTorch marks a tensor as conjugated or negated and works the values out later; here they are worked out at once.
# What is written into such a view reaches its base by the same function.


@view("aten._conj.default", "aten.conj.default")
def conj(node: Node, self: Value) -> View:
    return CONJUGATE if is_complex(self) else SAME


@view("aten._neg_view.default")
def neg_view(node: Node, self: Value) -> View:
    return NEGATE


@view("aten.resolve_conj.default", "aten.resolve_neg.default")
def resolved(node: Node, self: Value) -> View:
    return SAME


@lowering("aten._conj_physical.default", "aten.conj_physical.default", "aten._conj_copy.default")
def conj_physical(node: Node, self: Value) -> Value:
    return hlo.conj(self) if is_complex(self) else self


@lowering("aten._neg_view_copy.default")
def neg_view_copy(node: Node, self: Value) -> Value:
    return hlo.negate(self)


@view("aten.mH.default", "aten.matrix_H.default", "aten.adjoint.default")
def adjoint(node: Node, self: Value) -> View:
    """The conjugate transpose of the last two dimensions."""
    rank = hlo.rank(self)
    if rank < 2:
        return CONJUGATE if is_complex(self) else SAME

    def flipped(x: Value) -> Value:
        turned = hlo.swap_axes(x, -1, -2)
        return hlo.conj(turned) if is_complex(x) else turned

    return bijection(flipped, flipped)


@view("aten.view.dtype")
def view_dtype(node: Node, self: Value, dtype: torch.dtype) -> View:
    """The same bytes as another dtype; the last dimension shrinks or grows where the widths differ."""
    source, target = hlo.dtype(self), to_numpy(dtype)
    if np.bool_ in (source, target) and source != target:
        raise node.error("bools have no defined bytes in StableHLO; use .to(), which converts values")
    return bijection(lambda x: reinterpreted(x, target), lambda x: reinterpreted(x, source))


def reinterpreted(x: Value, target: np.dtype) -> Value:
    """The bytes of x's last dimension as `target`: numpy's `x.view(target)`."""
    if hlo.dtype(x) == target:
        return x
    if hlo.rank(x) == 0:
        return hlo.reshape(reinterpreted(hlo.reshape(x, [1]), target), [])
    if is_complex(x):
        return reinterpreted(_last_two_joined(pairs(x)), target)
    if dtypes.is_complex(target):
        parts = reinterpreted(x, np.dtype(f"f{target.itemsize // 2}"))
        return from_pairs(_last_split(parts, 2))
    before, after = hlo.dtype(x).itemsize, target.itemsize
    if before > after:
        return _last_two_joined(hlo.bitcast_convert(x, target))
    return hlo.bitcast_convert(x if before == after else _last_split(x, after // before), target)


def _last_two_joined(x: Value) -> Value:
    *dims, rows, columns = hlo.shape(x)
    return hlo.reshape(x, [*dims, rows * columns])


def _last_split(x: Value, size: int) -> Value:
    *dims, length = hlo.shape(x)
    return hlo.reshape(x, [*dims, length // size, size])


@lowering("aten.complex.default")
def complex_(node: Node, real: Value, imag: Value) -> Value:
    return _joined(node, *hlo.broadcast_operands(real, imag))


@lowering("aten.polar.default")
def polar(node: Node, abs: Value, angle: Value) -> Value:
    """abs * (cos(angle) + i sin(angle))."""
    length, turn = hlo.broadcast_operands(abs, angle)
    return _joined(node, hlo.multiply(length, hlo.cos(turn)), hlo.multiply(length, hlo.sin(turn)))


def _joined(node: Node, re: Value, im: Value) -> Value:
    if hlo.dtype(re).itemsize < 4:
        raise node.error("it gives complex32, which StableHLO does not have; use float32 parts")
    return hlo.complex(re, im)


def angle(x: Value) -> Value:
    """The argument in (-pi, pi]; of real numbers 0, or pi below 0, and NaN for NaN."""
    if is_complex(x):
        return hlo.atan2(hlo.imag(x), hlo.real(x))
    turned = hlo.select(hlo.less(x, 0), hlo.full_like(x, math.pi), 0)
    return hlo.select(hlo.is_nan(x), x, turned)


@lowering("aten.angle.default")
def angle_(node: Node, self: Value) -> Value:
    return angle(
        self if dtypes.is_float(hlo.dtype(self)) or is_complex(self) else hlo.convert(self, default_float())
    )


elementwise("aten.sgn.default", lambda x: hlo.sign(x) if is_complex(x) else sign(x), Kind.DEFAULT, ["self"])
