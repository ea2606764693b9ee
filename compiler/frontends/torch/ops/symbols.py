"""Operators on sizes, numbers and assertions: what graphs hold besides tensors."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import dims, hlo
from oxide.frontends.torch.numbers import Condition
from oxide.frontends.torch.promotion import category
from oxide.frontends.torch.registry import Node, lowering

Value = ir.Value


@lowering("aten.sym_size.int")
def sym_size(node: Node, self: Value, dim: int) -> Any:
    return hlo.shape(self)[dim]


@lowering("aten.sym_numel.default")
def sym_numel(node: Node, self: Value) -> Any:
    return hlo.size(self)


@lowering("aten.item.default", "aten._local_scalar_dense.default")
def item(node: Node, self: Value) -> Any:
    """A Python number when the tensor is known at import; otherwise one that is computed (`numbers`)."""
    known = hlo.constant_value(self)
    if known is not None:
        return known.item()
    kind = category(hlo.dtype(self))
    return hlo.convert(hlo.reshape(self, []), (np.bool_, np.int64, np.float64, np.complex128)[kind])


@lowering("aten._assert_tensor_metadata.default")
def assert_tensor_metadata(
    node: Node,
    a: Value,
    size: Any = None,
    stride: Any = None,
    dtype: Any = None,
    device: Any = None,
    layout: Any = None,
) -> None:
    """Metadata were checked when the program was exported and cannot change."""


@lowering("aten._assert_async.msg", "aten._assert_async.default")
def assert_async(node: Node, self: Value, assert_msg: str = "") -> None:
    """Assertions on values are left out: StableHLO has none, and they do not change a right program's results."""


@lowering("aten._assert_scalar.default")
def assert_scalar(node: Node, self: Any, assert_msg: str) -> None:
    """Assertions on sizes become constraints of the model; those on values are left out."""
    if self is False:
        raise node.error(f"the program asserts what is not so: {assert_msg}")
    if isinstance(self, Condition):
        for constraint in self.constraints or ():
            dims.require(constraint)


@lowering("aten.sym_constrain_range_for_size.default", "aten.sym_constrain_range.default")
def sym_constrain_range(node: Node, size: Any, min: Any = None, max: Any = None) -> None:
    """Bounds of a size, which its value has to keep."""
