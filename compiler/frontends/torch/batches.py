"""Tensors [..., rows, columns] as the one batch of matrices [batch, rows, columns] that `dialects.linalg` takes."""

from __future__ import annotations

import math
from collections.abc import Sequence

from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.dims import Size

Value = ir.Value
Lead = tuple[Size, ...]


def matrices(*tensors: Value) -> tuple[Lead, list[Value]]:
    """The leading dimensions, broadcast against each other, and the tensors with them as one."""
    lead = hlo.broadcast_shapes(*(hlo.shape(x)[:-2] for x in tensors))
    return lead, [_flat(x, lead, 2) for x in tensors]


def vectors(lead: Lead, x: Value) -> Value:
    """[..., n] as [batch, n]."""
    return _flat(x, lead, 1)


def restored(lead: Lead, *values: Value) -> list[Value]:
    """Results with their leading dimensions again."""
    return [hlo.reshape(x, [*lead, *hlo.shape(x)[1:]]) for x in values]


def _flat(x: Value, lead: Sequence[Size], kept: int) -> Value:
    rest = hlo.shape(x)[-kept:]
    return hlo.reshape(hlo.broadcast_to(x, [*lead, *rest]), [math.prod(lead), *rest])
