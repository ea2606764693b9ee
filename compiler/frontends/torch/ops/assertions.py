"""Assertions: on metadata checked here, on sizes constraints of the model, on values checked when it runs.

`effects.Effects.require` says how.  An operator that asserts is among `effects.ASSERTIONS`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxlib.mlir import ir

from oxide.dialects import dims, hlo
from oxide.frontends.torch.dtypes import to_numpy
from oxide.frontends.torch.numbers import Condition, value_of
from oxide.frontends.torch.registry import Node, lowering

Value = ir.Value


@lowering("aten._assert_tensor_metadata.default")
def assert_tensor_metadata(
    node: Node,
    a: Value,
    size: Sequence[Any] | None = None,
    stride: Sequence[Any] | None = None,
    dtype: torch.dtype | None = None,
    device: Any = None,
    layout: torch.layout | None = None,
) -> None:
    """The device is the one the program was exported on, which says nothing about where the model runs."""
    fake = node.fake("a")
    if size is not None:
        dims.require_same(hlo.shape(a), size, f"a tensor of shape {hlo.shape(a)}, asserted to be {list(size)}")
    if dtype is not None and to_numpy(dtype) != hlo.dtype(a):
        raise node.error(f"a tensor of {hlo.dtype(a)}, asserted to be {dtype}")
    if fake is None:
        return
    if stride is not None and list(fake.stride()) != list(stride):
        raise node.error(f"a tensor of strides {fake.stride()}, asserted to be {list(stride)}")
    if layout is not None and fake.layout != layout:
        raise node.error(f"a tensor of layout {fake.layout}, asserted to be {layout}")


@lowering("aten._assert_async.msg", "aten._assert_async.default", "aten._functional_assert_async.msg")
def assert_async(node: Node, self: Value, assert_msg: str = "", dep_token: Value | None = None) -> Value | None:
    """A tensor of one element is not 0.  The functional form returns the token that orders it."""
    holds = hlo.reshape(node.cast(self, np.dtype(np.bool_)), [])
    node.effects.require(holds, assert_msg or f"{node.name} is true")
    return dep_token


@lowering("aten._assert_scalar.default", "aten._functional_assert_scalar.default")
def assert_scalar(node: Node, self: Any, assert_msg: str, dep_token: Value | None = None) -> Value | None:
    if isinstance(self, Condition):
        constraints = self.constraints
        for constraint in constraints or ():
            dims.require(constraint)
        holds: Any = True if constraints is not None or node.effects.failed is None else self.value()
    else:
        holds = value_of(self)
    node.effects.require(node.cast(value_of(holds), np.dtype(np.bool_)), assert_msg)
    return dep_token


@lowering(
    "aten.sym_constrain_range.default",
    "aten.sym_constrain_range_for_size.default",
    "aten._functional_sym_constrain_range.default",
    "aten._functional_sym_constrain_range_for_size.default",
)
def sym_constrain_range(
    node: Node, size: Any, min: int | None = None, max: int | None = None, dep_token: Value | None = None
) -> Value | None:
    """`size` is within bounds; of a size, from 0."""
    low = 0 if min is None and "for_size" in node.op else min
    if low is not None:
        _require_at_least(node, size, low, f"a number of at least {low}")
    if max is not None:
        _require_at_least(node, max, size, f"a number of at most {max}")
    return dep_token


def _require_at_least(node: Node, larger: Any, smaller: Any, message: str) -> None:
    if isinstance(larger, ir.Value) or isinstance(smaller, ir.Value):
        node.effects.require(hlo.greater_equal(value_of(larger), value_of(smaller)), f"{node.name}: {message}")
    else:
        dims.require_at_least(larger, smaller, f"{message} is needed")


@lowering("aten._linalg_check_errors.default")
def linalg_check_errors(node: Node, info: Value, api_name: str, is_matrix: bool) -> None:
    """`info` is 0 for every matrix: none is singular, or lacks what else is asked of it."""
    require_solved(node, info, api_name)


def require_solved(node: Node, info: Value, name: str) -> None:
    """Assert what PyTorch raises LinAlgError for; `info` is LAPACK's, int32, a number for each matrix."""
    failures = hlo.reduce_sum(hlo.convert(hlo.not_equal(info, 0), np.int32))
    node.effects.require(hlo.equal(failures, 0), f"{name}: no matrix is singular or fails to be positive definite")
