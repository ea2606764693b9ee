"""Reshapes and broadcasts to sizes known at run time only."""

from __future__ import annotations

from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.attributes import integer, integers, tensor
from oxide.dialects.constants import constant_value
from oxide.passes.canonicalize.matching import again, defining, pattern, producer

_BROADCASTS = ("stablehlo.broadcast_in_dim", "stablehlo.dynamic_broadcast_in_dim")
_RESHAPES = ("stablehlo.reshape", "stablehlo.dynamic_reshape")
# A size: a number, or a dimension of a value.
Known = int | tuple[ir.Value, int]


def _broadcast_of_broadcast(op: ir.Operation) -> ir.Value | None:
    """dynamic_broadcast(broadcast(x, d), s, e) -> dynamic_broadcast(x, s, e∘d), of dynamic broadcasts too"""
    inner = defining(op.operands[0])
    if inner is None or inner.name not in _BROADCASTS:
        return None
    outer = integers(op, "broadcast_dimensions")
    mapping = hlo.i64_array([outer[axis] for axis in integers(inner, "broadcast_dimensions")])
    # Which dimensions are known to expand, an optional hint, is another question for x.
    attributes = {"broadcast_dimensions": mapping}
    operands = [inner.operands[0], op.operands[1]]
    return hlo.create(op.name, operands, [op.results[0].type], attributes).results[0]


def _reshape_of_reshape(op: ir.Operation) -> ir.Value | None:
    """dynamic_reshape(reshape(x), s) -> dynamic_reshape(x, s), of dynamic reshapes too"""
    inner = defining(op.operands[0])
    if inner is None or inner.name not in _RESHAPES:
        return None
    return again(op, [inner.operands[0], op.operands[1]])


def _to_own_shape(op: ir.Operation) -> ir.Value | None:
    """dynamic_reshape(x, sizes of x) -> x, and so for dynamic_broadcast that keeps the order of dimensions"""
    x = op.operands[0]
    kind = tensor(x)
    if x.type != op.results[0].type:
        return None
    axes = list(range(kind.rank))
    if op.name == "stablehlo.dynamic_broadcast_in_dim" and integers(op, "broadcast_dimensions") != axes:
        return None
    own: list[Known] = [(x, axis) if kind.is_dynamic_dim(axis) else kind.shape[axis] for axis in axes]
    return x if _sizes(op.operands[1]) == own else None


def _sizes(value: ir.Value) -> list[Known] | None:
    """The elements of a vector of sizes, or None where one is neither a number nor a dimension's size."""
    whole = producer(value, "stablehlo.concatenate")
    sizes: list[Known] = []
    for piece in [value] if whole is None else whole.operands:
        array, size = constant_value(piece), _dimension(piece)
        if array is not None:
            sizes.extend(map(int, array))
        elif size is not None:
            sizes.append(size)
        else:
            return None
    return sizes


def _dimension(value: ir.Value) -> tuple[ir.Value, int] | None:
    """The dimension whose size a value is, reshaped or converted."""
    op = defining(value)
    while op is not None and op.name in ("stablehlo.reshape", "stablehlo.convert"):
        op = defining(op.operands[0])
    if op is None or op.name != "stablehlo.get_dimension_size":
        return None
    return op.operands[0], integer(op, "dimension")


PATTERNS = [
    pattern(
        "dynamic-broadcast-of-broadcast",
        "dynamic_broadcast_in_dim",
        _broadcast_of_broadcast,
        reads=["broadcast_in_dim", "dynamic_broadcast_in_dim"],
    ),
    pattern(
        "dynamic-reshape-of-reshape", "dynamic_reshape", _reshape_of_reshape, reads=["dynamic_reshape", "reshape"]
    ),
    pattern("to-own-shape", ["dynamic_broadcast_in_dim", "dynamic_reshape"], _to_own_shape),
]
