"""Group and instance norm: a layer norm within groups of channels, then one scale and one bias a channel."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.attributes import integers, string
from oxide.dialects.composites import attributes_of
from oxide.passes.canonicalize.matching import number, producer, shape_of
from oxide.passes.raise_.matching import Raised, rule
from oxide.passes.raise_.norms import either, normal_of, rounded, squared
from oxide.passes.raise_.views import View, mean, narrowed, parameter, same, widened


def _group_norm(op: ir.Operation) -> Raised | None:
    """layer norm of [batch, groups, ...], reshaped to [batch, channels, ...], * scale + bias -> group_norm(x)

    Scale and bias are one number a channel.  With as many groups as channels it is instance norm.
    """
    for this, bias in either(op.results[0], "stablehlo.add"):
        for normal, scale in either(this, "stablehlo.multiply"):
            if (found := _raised(normal, scale, bias)) is not None:
                return found
        if (found := _raised(this, None, bias)) is not None:
            return found
    return None


def _scaled_group_norm(op: ir.Operation) -> Raised | None:
    """layer norm of [batch, groups, ...], reshaped to [batch, channels, ...], * scale -> group_norm(x, scale, 0)"""
    for normal, scale in either(op.results[0], "stablehlo.multiply"):
        if (found := _raised(normal, scale, None)) is not None:
            return found
    return None


def _bare_group_norm(op: ir.Operation) -> Raised | None:
    """layer norm of [batch, groups, ...], reshaped to [batch, channels, ...] -> group_norm(x, 1, 0)"""
    return _raised(op.results[0], None, None)


@dataclass(frozen=True)
class _Groups:
    """x [batch, channels, ...] that is normalised within groups of channels as elements of `dtype`."""

    x: ir.Value
    groups: int
    epsilon: float
    dtype: np.dtype


def _raised(normal: ir.Value, scale: ir.Value | None, bias: ir.Value | None) -> Raised | None:
    """The group norm by weights of which one or both may be missing: a scale of 1 and a bias of 0."""
    found = _grouped(normal)
    if found is None:
        return None
    given = [None if v is None else parameter(View.whole(v), (1,)) for v in (scale, bias)]
    if any(v is not None and p is None for v, p in zip((scale, bias), given, strict=True)):
        return None

    def operands() -> list[ir.Value]:
        x = hlo.convert(found.x, found.dtype)
        channels = shape_of(x)[1]
        weights = zip(given, (1, 0), strict=True)
        return [x, *(hlo.full([channels], n, found.dtype) if p is None else p.build(x) for p, n in weights)]

    inputs = [found.x, *(p.view.value for p in given if p is not None)]
    return Raised("group_norm", inputs, {"groups": found.groups, "epsilon": found.epsilon}, operands)


def _grouped(value: ir.Value) -> _Groups | None:
    """A value [batch, channels, ...] that is normal within groups of channels, which a reshape splits."""
    shape, wide = shape_of(value), narrowed(value)
    back = producer(wide, "stablehlo.reshape")
    inner = wide if back is None else _without_zero(back.operands[0])
    found = rounded(inner) if wide == value else normal_of(inner)
    if found is None or not found.centred or len(shape) < 2:
        return None
    split = shape_of(found.x)
    if found.axes != tuple(range(2, len(split))) or split[0] != shape[0] or not split[1] or shape[1] % split[1]:
        return None
    x = _unsplit(found.x, shape)
    if x is None or (wide != value and hlo.dtype(x) != hlo.dtype(value)):
        return None
    return _Groups(x, split[1], found.epsilon, hlo.dtype(value))


def _unsplit(x: ir.Value, shape: list[int]) -> ir.Value | None:
    """The value of this shape that x is a reshape of, before it is widened if it is."""
    found = None
    while True:
        found = x if shape_of(x) == shape else found
        reshape = producer(x, "stablehlo.reshape")
        before = widened(x) if reshape is None else reshape.operands[0]
        if before == x:
            return found
        x = before


def _without_zero(value: ir.Value) -> ir.Value:
    """x of x + 0: the bias of an instance norm that has none."""
    total = producer(value, "stablehlo.add")
    return total.operands[0] if total is not None and number(total.operands[1]) == 0 else value


def _instance_norm(op: ir.Operation) -> Raised | None:
    """batch_norm of [1, batch * channels, ...] by its own moments -> group_norm of [batch, channels, ...]

    The statistics of a batch of one are those of its channels.
    """
    if string(op, "name") != "oxide.batch_norm":
        return None
    attributes = attributes_of(op)
    x, scale, bias, average, variance = op.operands
    if attributes["axis"] != 1 or shape_of(x)[0] != 1 or not _are_moments(x, average, variance):
        return None
    for whole in (_unmerged(x), x):
        channels = shape_of(whole)[1]
        weights = [found for v in (scale, bias) if (found := _once(v, channels)) is not None]
        if len(weights) == 2:
            return Raised(
                "group_norm",
                [whole, *(value for value, _ in weights)],
                {"groups": channels, "epsilon": attributes["epsilon"]},
                lambda whole=whole, weights=weights: [whole, *(build() for _, build in weights)],
            )
    return None


def _are_moments(x: ir.Value, average: ir.Value, variance: ir.Value) -> bool:
    """The mean and the population variance of x over every dimension but 1."""
    axes = tuple(a for a in range(hlo.rank(x)) if a != 1)
    first, second = mean(View(average, (1,)), x), mean(View(variance, (1,)))
    if first is None or second is None or (first.axes, second.axes) != (axes, axes):
        return False
    centred = squared(second.operand)
    difference = None if centred is None else producer(centred, "stablehlo.subtract")
    middle = None if difference is None else mean(View.whole(difference.operands[1]))
    return difference is not None and same(x, difference.operands[0]) and middle == first


def _unmerged(x: ir.Value) -> ir.Value:
    """[batch, channels, ...] of its reshape to [1, batch * channels, ...]."""
    op = producer(x, "stablehlo.reshape")
    if op is None:
        return x
    before, after = shape_of(op.operands[0]), shape_of(x)
    fits = len(before) == len(after) and before[2:] == after[2:] and math.prod(before[:2]) == after[1]
    return op.operands[0] if fits else x


def _once(value: ir.Value, channels: int) -> tuple[ir.Value, Callable[[], ir.Value]] | None:
    """How to build the `channels` weights that `value` repeats for every instance."""
    if shape_of(value) == [channels]:
        return value, lambda: value
    if (element := number(value)) is not None:
        return value, lambda: hlo.full([channels], element, hlo.dtype(value))
    merged = producer(value, "stablehlo.reshape")
    spread = None if merged is None else producer(merged.operands[0], "stablehlo.broadcast_in_dim")
    if spread is None or integers(spread, "broadcast_dimensions") != [1]:
        return None
    source = spread.operands[0]
    fits = len(shape_of(spread.results[0])) == 2 and shape_of(source) == [channels]
    return (source, lambda: source) if fits else None


# The larger patterns first: each contains the next.
AFFINE = [rule("raise-group-norm", ["stablehlo.add"], _group_norm)]
SCALED = [
    rule("raise-scaled-group-norm", ["stablehlo.multiply"], _scaled_group_norm),
    rule("raise-instance-norm", ["stablehlo.composite"], _instance_norm),
]
BARE = [rule("raise-bare-group-norm", ["stablehlo.reshape"], _bare_group_norm)]
