"""`_foreach_*`: an operator on every tensor of a list, as optimizers update all weights at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from inspect import Parameter, Signature
from typing import Any

import torch
from jaxlib.mlir import ir

from oxide.frontends.torch.registry import Node, lowering
from oxide.frontends.torch.schemas import Schema, schema_of

# The operator for one element, where it is not `aten.<name>.default`: of two tensors, and of a tensor and a number.
_BINARY = {
    "add": ("aten.add.Tensor", "aten.add.Tensor"),
    "sub": ("aten.sub.Tensor", "aten.sub.Tensor"),
    "mul": ("aten.mul.Tensor", "aten.mul.Tensor"),
    "div": ("aten.div.Tensor", "aten.div.Tensor"),
    "maximum": ("aten.maximum.default", "aten.clamp_min.default"),
    "minimum": ("aten.minimum.default", "aten.clamp_max.default"),
    "clamp_min": ("aten.clamp_min.Tensor", "aten.clamp_min.default"),
    "clamp_max": ("aten.clamp_max.Tensor", "aten.clamp_max.default"),
    "copy": ("aten.copy.default", "aten.copy.default"),
}


def _one(node: Node, name: str, values: Sequence[Any]) -> ir.Value:
    if name in _BINARY:
        of_tensor, of_number = _BINARY[name]
        return node.call(of_tensor if isinstance(values[1], ir.Value) else of_number, *values)
    if name == "pow":
        kinds = "_".join("Tensor" if isinstance(value, ir.Value) else "Scalar" for value in values)
        return node.call("aten.pow.Scalar" if kinds == "Scalar_Tensor" else f"aten.pow.{kinds}", *values)
    if name == "lerp":
        kind = "Tensor" if isinstance(values[2], ir.Value) else "Scalar"
        return node.call(f"aten.lerp.{kind}", *values)
    if name in ("addcmul", "addcdiv"):
        *tensors, factor = values
        if isinstance(factor, ir.Value):
            raise node.error("factors given as a tensor are not supported; give a list of numbers")
        return node.call(f"aten.{name}.default", *tensors, value=factor)
    if name == "norm":
        tensor, order, dtype = values
        return node.call("aten.linalg_vector_norm.default", tensor, order, dtype=dtype)
    return node.call(f"aten.{name}.default", *values)


def _register(packet: str) -> None:
    name = packet.removeprefix("_foreach_")
    family = getattr(torch.ops.aten, packet)
    for overload in family.overloads():
        schema = schema_of(getattr(family, overload))
        if not schema.mutated:
            lowering(f"aten.{packet}.{overload}")(_lowering(name, schema))


def _lowering(name: str, schema: Schema) -> Callable[..., list[ir.Value]]:
    order = schema.names

    def lower(node: Node, **arguments: Any) -> list[ir.Value]:
        values = [arguments[argument] for argument in order]
        count = max(len(value) for value in values if isinstance(value, list))
        rows = [value if isinstance(value, list) else [value] * count for value in values]
        return [_one(node, name, row) for row in zip(*rows, strict=True)]

    # The registry compares parameters with the schema.
    parameters = [Parameter(argument, Parameter.POSITIONAL_OR_KEYWORD) for argument in ("node", *order)]
    lower.__signature__ = Signature(parameters)  # pyright: ignore[reportFunctionMemberAccess]
    return lower


def _packets() -> set[str]:
    """All of `_foreach_add`, ... that are functional; the others are found through them."""
    names = (name.removeprefix("aten::").partition(".")[0] for name in torch._C._dispatch_get_all_op_names())
    return {name for name in names if name.startswith("_foreach_") and not name.endswith("_")}


for _packet in sorted(_packets()):
    _register(_packet)
