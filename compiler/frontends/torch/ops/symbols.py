"""Operators on sizes and numbers: what graphs hold besides tensors."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.frontends.torch.promotion import category
from oxide.frontends.torch.registry import Node, lowering

Value = ir.Value


@lowering("aten.sym_size.int")
def sym_size(node: Node, self: Value, dim: int) -> Any:
    return hlo.shape(self)[dim]


@lowering("aten.sym_numel.default")
def sym_numel(node: Node, self: Value) -> Any:
    return hlo.size(self)


@lowering("aten._has_same_storage_numel.default")
def has_same_storage_numel(node: Node, self: Value, other: Value) -> bool:
    """What forward-mode derivatives ask of a tensor and its tangent, and torch.func has seen to."""
    return True


@lowering("aten.item.default", "aten._local_scalar_dense.default")
def item(node: Node, self: Value) -> Any:
    """A Python number when the tensor is known at import; otherwise one that is computed (`numbers`)."""
    known = hlo.constant_value(self)
    if known is not None:
        return known.item()
    kind = category(hlo.dtype(self))
    return hlo.convert(hlo.reshape(self, []), (np.bool_, np.int64, np.float64, np.complex128)[kind])
