"""Operators that importers keep whole, as composites that JAX source writes as one call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from jaxlib.mlir import ir
from onnx import TensorProto
from onnx_builders import model, node, value
from raise_oracle import names_of
from torch_oracle import Function

from oxide import import_onnx
from oxide.frontends.torch import import_torch

X = torch.rand(2, 4, 3)
OPERATORS: dict[str, tuple[list[str], Callable]] = {
    "cumsum": (["cumulative"], lambda x: x.cumsum(1)),
    "cumprod": (["cumulative"], lambda x: x.cumprod(-1)),
    "cummax": (["cumulative", "cumulative"], lambda x: torch.cummax(x, 0)),
    "cummin": (["cumulative", "cumulative"], lambda x: torch.cummin(x, 0)),
    "logcumsumexp": (["cumlogsumexp"], lambda x: torch.logcumsumexp(x, 1)),
    "group_norm": (["group_norm"], lambda x: F.group_norm(x, 2)),
    "instance_norm": (["group_norm"], lambda x: F.instance_norm(x)),
    # The weights of half precision are applied in float32, the composite would apply them in half precision.
    "group_norm of half precision": ([], lambda x: F.group_norm(x.half(), 2)),
    "cumsum of bools": (["cumulative"], lambda x: (x > 0.5).cumsum(0)),
    "cummax of bools": (["cumulative"], lambda x: torch.cummax(x > 0.5, 0)),
}


@pytest.mark.parametrize("name", OPERATORS)
def test_pytorch(name: str) -> None:
    wanted, function = OPERATORS[name]
    assert names_of(import_torch(torch.export.export(Function(function), (X,), strict=False)).module) == wanted


def imported(kind: str, *constants: np.ndarray, **attributes: Any) -> ir.Module:
    """A model of one node: x [2, 4, 3] of float32, or [2, 3] of int64 for OneHot, and constants."""
    x = value("x", (2, 3), TensorProto.INT64) if kind == "OneHot" else value("x", (2, 4, 3))
    weights = {f"c{place}": array for place, array in enumerate(constants)}
    nodes = [node(kind, ["x", *weights], ["y"], **attributes)]
    return import_onnx(model(nodes, [x], [value("y", None)], weights)).module


AXIS, ONES = np.array(1), np.ones(4, np.float32)
NODES: dict[str, tuple[list[str], Callable[[], ir.Module]]] = {
    "CumSum": (["cumulative"], lambda: imported("CumSum", AXIS)),
    "exclusive CumSum": (["cumulative"], lambda: imported("CumSum", AXIS, exclusive=1, reverse=1)),
    "GroupNormalization": (
        ["group_norm"],
        lambda: imported("GroupNormalization", ONES, ONES, num_groups=2),
    ),
    "InstanceNormalization": (["group_norm"], lambda: imported("InstanceNormalization", ONES, ONES)),
    "OneHot": (["one_hot"], lambda: imported("OneHot", np.array(4), np.array([0, 1], np.float32))),
    "OneHot of others": ([], lambda: imported("OneHot", np.array(4), np.array([0.1, 0.9], np.float32))),
}


@pytest.mark.parametrize("name", NODES)
def test_onnx(name: str) -> None:
    wanted, build = NODES[name]
    assert names_of(build()) == wanted
