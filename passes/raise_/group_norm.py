"""Group and instance norm: a layer norm within groups of channels, then one scale and one bias a channel."""

from __future__ import annotations

import math
from collections.abc import Callable

from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.attributes import integers, string
from oxide.dialects.composites import attributes_of
from oxide.passes.canonicalize.matching import number, producer, shape_of
from oxide.passes.raise_.matching import Raised, rule
from oxide.passes.raise_.norms import either, normal_of, rounded, squared
from oxide.passes.raise_.views import Parameter, View, mean, narrowed, parameter, same, widened


def _group_norm(op: ir.Operation) -> Raised | None:
    """layer norm of [batch, groups, ...], reshaped to [batch, channels, ...], * scale + bias -> group_norm(x)

    Scale and bias are one number a channel.  With as many groups as channels it is instance norm.
    """
    for this, other in either(op.results[0], "stablehlo.add"):
        for normal, factor in either(this, "stablehlo.multiply"):
            scale, bias = parameter(View.whole(factor), (1,)), parameter(View.whole(other), (1,))
            found = _grouped(normal)
            if scale is None or bias is None or found is None:
                continue
            x, groups, epsilon = found

            def operands(x: ir.Value = x, scale: Parameter = scale, bias: Parameter = bias) -> list[ir.Value]:
                return [x, scale.build(x), bias.build(x)]

            inputs = [x, scale.view.value, bias.view.value]
            return Raised("group_norm", inputs, {"groups": groups, "epsilon": epsilon}, operands)
    return None


def _grouped(value: ir.Value) -> tuple[ir.Value, int, float] | None:
    """x, groups and epsilon of a value [batch, channels, ...] that is normal within groups of channels."""
    shape, wide = shape_of(value), narrowed(value)
    back = producer(wide, "stablehlo.reshape")
    inner = _without_zero(wide if back is None else back.operands[0])
    found = rounded(inner) if wide == value else normal_of(inner)
    if found is None or not found.centred or len(shape) < 2:
        return None
    split = shape_of(found.x)
    if found.axes != tuple(range(2, len(split))) or split[0] != shape[0] or not split[1] or shape[1] % split[1]:
        return None
    apart = producer(found.x, "stablehlo.reshape")
    x = found.x if back is None or apart is None else apart.operands[0]
    x = x if wide == value else widened(x)
    return (x, split[1], found.epsilon) if x.type == value.type else None


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
    first, second = mean(View(average, (1,))), mean(View(variance, (1,)))
    if first is None or second is None or first.operand != x or (first.axes, second.axes) != (axes, axes):
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


AFFINE = [rule("raise-group-norm", ["stablehlo.add"], _group_norm)]
INSTANCE = [rule("raise-instance-norm", ["stablehlo.composite"], _instance_norm)]
