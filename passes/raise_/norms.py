"""Layer and RMS norm: a tensor divided by its deviation over some axes, then scaled and moved."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.passes.canonicalize.matching import Declined, number, producer, shape_of
from oxide.passes.raise_.matching import Raised, rule
from oxide.passes.raise_.views import Parameter, View, mean, narrowed, parameter, same, shortest, widened


@dataclass(frozen=True)
class Normal:
    """x / sqrt(mean(x^2) + epsilon) over axes, of x - mean(x) where `centred`."""

    x: ir.Value
    axes: tuple[int, ...]
    epsilon: float
    centred: bool


def normal_of(value: ir.Value) -> Normal | None:
    """A multiplication by rsqrt, or a division by sqrt, of the mean square."""
    for centred, power in _over_root(value):
        terms = power.operands("stablehlo.add")
        epsilon = 0.0
        if terms is not None and (constant := terms[1].number()) is not None:
            power, epsilon = terms[0], shortest(constant)
        average = mean(power)
        if average is None or not average.axes or epsilon < 0 or not np.isfinite(epsilon):
            continue
        if not same(squared(average.operand), centred):
            continue
        difference = producer(centred, "stablehlo.subtract")
        x, subtracted = (centred, None) if difference is None else difference.operands
        middle = None if subtracted is None else mean(View.whole(subtracted), x)
        if middle is None:
            return Normal(centred, average.axes, epsilon, centred=False)
        if middle.axes == average.axes:
            return Normal(x, average.axes, epsilon, centred=True)
    return None


def _over_root(value: ir.Value) -> Iterator[tuple[ir.Value, View]]:
    """(a, b) when the value is a / sqrt(b)."""
    quotient = producer(value, "stablehlo.divide")
    root = None if quotient is None else View.whole(quotient.operands[1]).operands("stablehlo.sqrt")
    if quotient is not None and root is not None:
        yield quotient.operands[0], root[0]
    for this, other in either(value, "stablehlo.multiply"):
        factor = View.whole(other)
        inverse = factor.operands("stablehlo.divide")
        under = factor.operands("stablehlo.rsqrt")
        if inverse is not None and inverse[0].number() == 1:
            under = inverse[1].operands("stablehlo.sqrt")
        if under is not None:
            yield this, under[0]


def either(value: ir.Value, name: str) -> Iterator[tuple[ir.Value, ir.Value]]:
    """The operands of a commutative operation, both ways."""
    op = producer(value, name)
    if op is not None:
        yield op.operands[0], op.operands[1]
        yield op.operands[1], op.operands[0]


def squared(value: ir.Value) -> ir.Value | None:
    """x of x * x, x^2 and square(x)."""
    product = producer(value, "stablehlo.multiply")
    if product is not None:
        return product.operands[0] if product.operands[0] == product.operands[1] else None
    power = producer(value, "stablehlo.power")
    if power is not None:
        return power.operands[0] if number(power.operands[1]) == 2 else None
    square = producer(value, "chlo.square")
    return None if square is None else square.operands[0]


def rounded(value: ir.Value) -> Normal | None:
    """A normal whose result is rounded to the half precision that x has, or that is not rounded at all.

    Squares in float16 overflow where those in float32, as the composites compute them, do not.
    """
    wide = narrowed(value)
    found = normal_of(wide)
    if found is None or wide == value:
        return None if hlo.dtype(value) == np.float16 else found
    x = widened(found.x)
    return Normal(x, found.axes, found.epsilon, found.centred) if x.type == value.type else None


def _raised(normal: Normal, scale: Parameter | None, bias: Parameter | None) -> Raised:
    parameters = [p for p in (scale, bias) if p is not None]

    def operands() -> list[ir.Value]:
        ones = hlo.full([shape_of(normal.x)[a] for a in normal.axes], 1, hlo.dtype(normal.x))
        first = ones if scale is None else scale.build(normal.x)
        return [normal.x, first, *([] if bias is None else [bias.build(normal.x)])]

    return Raised(
        "layer_norm" if normal.centred else "rms_norm",
        [normal.x, *(p.view.value for p in parameters)],
        {"axes": normal.axes, "epsilon": normal.epsilon},
        operands,
    )


def _scaled(value: ir.Value) -> Iterator[tuple[Normal, Parameter]]:
    for this, other in either(value, "stablehlo.multiply"):
        found = rounded(this)
        scale = None if found is None else parameter(View.whole(other), found.axes)
        if found is not None and scale is not None:
            yield found, scale


def _layer_norm(op: ir.Operation) -> Raised | None:
    """(x - mean) / sqrt(variance + epsilon) * scale + bias -> layer_norm(x, scale, bias)

    A scale that is missing is 1.  The variance is the mean of the squares of the same difference; that of Bessel,
    and mean(x^2) - mean(x)^2, are other numbers.
    """
    for this, other in either(op.results[0], "stablehlo.add"):
        bare = rounded(this)
        for found, scale in [*_scaled(this), *([] if bare is None else [(bare, None)])]:
            bias = parameter(View.whole(other), found.axes)
            if found.centred and bias is not None:
                return _raised(found, scale, bias)
    return None


def _scaled_norm(op: ir.Operation) -> Raised | None:
    """x / sqrt(mean(x^2) + epsilon) * scale -> rms_norm(x, scale), and layer_norm without a bias likewise"""
    for found, scale in _scaled(op.results[0]):
        return _raised(found, scale, None)
    return None


def _bare_norm(op: ir.Operation) -> Raised | Declined | None:
    """x / sqrt(mean(x^2) + epsilon) -> rms_norm(x, 1), and layer_norm likewise"""
    found = rounded(op.results[0])
    if found is not None:
        return _raised(found, None, None)
    if hlo.dtype(op.results[0]) == np.float16 and normal_of(op.results[0]) is not None:
        return Declined("its squares in float16 overflow where those of a composite, in float32, do not")
    return None


# The larger patterns first: each contains the next.
AFFINE = [rule("raise-layer-norm", ["stablehlo.add"], _layer_norm)]
SCALED = [rule("raise-scaled-norm", ["stablehlo.multiply"], _scaled_norm)]
BARE = [rule("raise-bare-norm", ["stablehlo.multiply", "stablehlo.divide"], _bare_norm)]
