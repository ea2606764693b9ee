"""Reshape, transpose, broadcast and reverse: identities and compositions."""

from __future__ import annotations

import math

from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.attributes import integers, tensor
from oxide.passes.canonicalize.matching import is_static, pattern, static_producer


def _shape(value: ir.Value) -> list[int]:
    return list(tensor(value).shape)


def _identity_reshape(op: ir.Operation) -> ir.Value | None:
    """reshape(x) to x's own static shape -> x"""
    x = op.operands[0]
    return x if x.type == op.results[0].type and tensor(x).has_static_shape else None


def _reshape_of_reshape(op: ir.Operation) -> ir.Value | None:
    """reshape(reshape(x)) -> reshape(x)"""
    inner = static_producer(op.operands[0], "stablehlo.reshape")
    if inner is None:
        return None
    return hlo.create(op.name, [inner.operands[0]], [op.results[0].type]).results[0]


def _identity_transpose(op: ir.Operation) -> ir.Value | None:
    """transpose(x, [0, 1, ...]) -> x"""
    permutation = integers(op, "permutation")
    return op.operands[0] if permutation == list(range(len(permutation))) else None


def _transpose_of_unit_dimensions(op: ir.Operation) -> ir.Value | None:
    """transpose(x, p) that moves no dimension but those of size 1 -> reshape(x)"""
    if not is_static(op):
        return None
    shape = _shape(op.operands[0])
    moving = [axis for axis in integers(op, "permutation") if shape[axis] != 1]
    if moving != sorted(moving):
        return None
    return hlo.reshape(op.operands[0], _shape(op.results[0]))


def _transpose_of_transpose(op: ir.Operation) -> ir.Value | None:
    """transpose(transpose(x, p), q) -> transpose(x, p∘q)"""
    inner = static_producer(op.operands[0], "stablehlo.transpose")
    if inner is None or not is_static(op):
        return None
    first = integers(inner, "permutation")
    return hlo.transpose(inner.operands[0], [first[axis] for axis in integers(op, "permutation")])


def _transpose_of_broadcast(op: ir.Operation) -> ir.Value | None:
    """transpose(broadcast(x, dims)) -> broadcast(x, dims through the permutation)"""
    inner = static_producer(op.operands[0], "stablehlo.broadcast_in_dim")
    if inner is None or not is_static(op):
        return None
    permutation = integers(op, "permutation")
    mapping = [permutation.index(axis) for axis in integers(inner, "broadcast_dimensions")]
    if mapping != sorted(mapping):
        return None  # a broadcast that permutes only hides the transpose
    return hlo.broadcast_in_dim(inner.operands[0], _shape(op.results[0]), mapping)


def _identity_broadcast(op: ir.Operation) -> ir.Value | None:
    """broadcast_in_dim(x) to x's own static shape, in order -> x"""
    x = op.operands[0]
    if x.type != op.results[0].type or not tensor(x).has_static_shape:
        return None
    mapping = integers(op, "broadcast_dimensions")
    return x if mapping == list(range(len(mapping))) else None


def _broadcast_that_reshapes(op: ir.Operation) -> ir.Value | None:
    """broadcast_in_dim(x) with as many elements as x, in order -> reshape(x)"""
    if not is_static(op):
        return None
    x, mapping = op.operands[0], integers(op, "broadcast_dimensions")
    if mapping != sorted(mapping) or math.prod(_shape(x)) != math.prod(_shape(op.results[0])):
        return None
    return hlo.reshape(x, _shape(op.results[0]))


def _broadcast_that_transposes(op: ir.Operation) -> ir.Value | None:
    """broadcast_in_dim(x, dims) -> broadcast_in_dim(transpose(x), sorted dims)"""
    mapping = integers(op, "broadcast_dimensions")
    order = sorted(range(len(mapping)), key=lambda axis: mapping[axis])
    if order == list(range(len(mapping))) or not is_static(op):
        return None
    transposed = hlo.transpose(op.operands[0], order)
    return hlo.broadcast_in_dim(transposed, _shape(op.results[0]), sorted(mapping))


def _broadcast_of_broadcast(op: ir.Operation) -> ir.Value | None:
    """broadcast(broadcast(x, d), e) -> broadcast(x, e∘d)"""
    inner = static_producer(op.operands[0], "stablehlo.broadcast_in_dim")
    if inner is None or not is_static(op):
        return None
    outer = integers(op, "broadcast_dimensions")
    mapping = [outer[axis] for axis in integers(inner, "broadcast_dimensions")]
    return hlo.broadcast_in_dim(inner.operands[0], _shape(op.results[0]), mapping)


def _broadcast_of_unit_reshape(op: ir.Operation) -> ir.Value | None:
    """broadcast(reshape(x)) -> broadcast(x) when the reshape only inserts or removes dimensions of size 1"""
    inner = static_producer(op.operands[0], "stablehlo.reshape")
    if inner is None or not is_static(op):
        return None
    mapping = mapping_of_reshaped(op, inner)
    return None if mapping is None else hlo.broadcast_in_dim(inner.operands[0], _shape(op.results[0]), mapping)


def mapping_of_reshaped(broadcast: ir.Operation, reshape: ir.Operation) -> list[int] | None:
    """Which dimensions of a broadcast those of a reshaped operand are, where only dimensions of size 1 differ."""
    source, target = _shape(reshape.operands[0]), _shape(reshape.results[0])
    mapping = integers(broadcast, "broadcast_dimensions")
    if [size for size in source if size != 1] != [size for size in target if size != 1]:
        return None
    own = iter([place for size, place in zip(target, mapping, strict=True) if size != 1])
    return _placed([None if size == 1 else next(own) for size in source], len(_shape(broadcast.results[0])))


def _placed(places: list[int | None], rank: int) -> list[int] | None:
    """Places in ascending order, those not given yet (of dimensions of size 1) as far left as they fit."""
    filled: list[int] = []
    for place in places:
        following = filled[-1] + 1 if filled else 0
        if place is not None and place < following:
            return None
        filled.append(following if place is None else place)
    return filled if not filled or filled[-1] < rank else None


def _reshape_of_broadcast(op: ir.Operation) -> ir.Value | None:
    """reshape(broadcast(x)) -> broadcast(x), where the dimensions x has stay, and those it has not are regrouped"""
    inner = static_producer(op.operands[0], "stablehlo.broadcast_in_dim")
    if inner is None or not is_static(op):
        return None
    x, target = inner.operands[0], _shape(op.results[0])
    mapping, source = integers(inner, "broadcast_dimensions"), _shape(op.operands[0])
    if 0 in source or mapping != sorted(mapping):
        return None
    places: list[int | None] = []
    for size, place in zip(_shape(x), mapping, strict=True):
        # A dimension stays where as many elements come before it and after it as before.
        before = math.prod(source[:place])
        stays = [i for i, wide in enumerate(target) if wide == size and math.prod(target[:i]) == before]
        if size != 1 and not stays:
            return None
        places.append(None if size == 1 else stays[0])
    placed = _placed(places, len(target))
    return None if placed is None else hlo.broadcast_in_dim(x, target, placed)


def _reverse_nothing(op: ir.Operation) -> ir.Value | None:
    """reverse(x) along dimensions of size 1 (or none) -> x; otherwise only the others are kept"""
    if not is_static(op):
        return None
    shape, dimensions = _shape(op.operands[0]), integers(op, "dimensions")
    moving = [axis for axis in dimensions if shape[axis] > 1]
    if len(moving) == len(dimensions) and moving:
        return None
    return hlo.reverse(op.operands[0], moving) if moving else op.operands[0]


def _reverse_of_reverse(op: ir.Operation) -> ir.Value | None:
    """reverse(reverse(x, a), b) -> reverse(x, a xor b)"""
    inner = static_producer(op.operands[0], "stablehlo.reverse")
    if inner is None or not is_static(op):
        return None
    moving = sorted(set(integers(inner, "dimensions")) ^ set(integers(op, "dimensions")))
    return hlo.reverse(inner.operands[0], moving) if moving else inner.operands[0]


PATTERNS = [
    pattern("identity-reshape", "reshape", _identity_reshape),
    pattern("reshape-of-reshape", "reshape", _reshape_of_reshape, reads=["reshape"]),
    pattern("reshape-of-broadcast", "reshape", _reshape_of_broadcast, reads=["broadcast_in_dim"]),
    pattern("identity-transpose", "transpose", _identity_transpose),
    pattern("transpose-of-unit-dimensions", "transpose", _transpose_of_unit_dimensions),
    pattern("transpose-of-transpose", "transpose", _transpose_of_transpose, reads=["transpose"]),
    pattern("transpose-of-broadcast", "transpose", _transpose_of_broadcast, reads=["broadcast_in_dim"]),
    pattern("identity-broadcast", "broadcast_in_dim", _identity_broadcast),
    pattern("broadcast-that-reshapes", "broadcast_in_dim", _broadcast_that_reshapes),
    pattern("broadcast-that-transposes", "broadcast_in_dim", _broadcast_that_transposes),
    pattern("broadcast-of-broadcast", "broadcast_in_dim", _broadcast_of_broadcast, reads=["broadcast_in_dim"]),
    pattern("broadcast-of-unit-reshape", "broadcast_in_dim", _broadcast_of_unit_reshape, reads=["reshape"]),
    pattern("reverse-of-unit-dimensions", "reverse", _reverse_nothing),
    pattern("reverse-of-reverse", "reverse", _reverse_of_reverse, reads=["reverse"]),
]
