"""Quantised linear layers: a product of dequantised 8-bit integers becomes a product of the integers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxlib.mlir import ir
from jaxlib.mlir.dialects import stablehlo

from oxide.dialects import hlo
from oxide.dialects.constants import constant_value, different_elements
from oxide.passes.canonicalize.matching import Declined, number, producer, shape_of
from oxide.passes.raise_.matching import Rebuilt, rule
from oxide.passes.raise_.norms import either
from oxide.passes.raise_.views import View

_LOWEST, _HIGHEST = -128, 127
# int32 and int64 hold every int8 and uint8 and their differences, float32 too.
EXACT = frozenset(np.dtype(name) for name in ("int16", "int32", "int64", "float32"))
# Above it no int32 is sure to hold the sum.
LARGEST = 2**31 - 1


@dataclass(frozen=True)
class Quantised:
    """(integers - zero) * scale: `integers` are int8, uint8 or a constant of floats that are such integers."""

    integers: ir.Value
    zero: int
    scale: View

    @property
    def zero_of_int8(self) -> int:
        """The zero of the integers as int8."""
        return self.zero - self.shift

    @property
    def shift(self) -> int:
        """What makes the integers int8."""
        return 128 if hlo.dtype(self.integers) == np.uint8 else 0

    @property
    def magnitude(self) -> int:
        return max(abs(_LOWEST - self.zero_of_int8), abs(_HIGHEST - self.zero_of_int8))

    def build(self) -> ir.Value:
        """The integers as int8."""
        if not self.shift:
            return hlo.convert(self.integers, np.int8)
        return hlo.convert(hlo.subtract(hlo.convert(self.integers, np.int32), self.shift), np.int8)


def quantised(value: ir.Value) -> Quantised | None:
    for this, factor in either(value, "stablehlo.multiply"):
        found = _centred(this)
        if found is not None:
            return Quantised(found[0], found[1], View.whole(factor).source())
    return None


def _centred(value: ir.Value) -> tuple[ir.Value, int] | None:
    """(integers, zero) of a float32 value that is integers - zero."""
    inner = unconverted(value)
    if is_integers(inner):
        return inner, 0
    difference = producer(inner, "stablehlo.subtract")
    if difference is None or hlo.dtype(inner) not in EXACT:
        return None
    integers, zero = unconverted(difference.operands[0]), number(difference.operands[1])
    if not is_integers(integers) or zero is None or not np.isfinite(zero) or zero != int(zero):
        return None
    low, high = (0, 255) if hlo.dtype(integers) == np.uint8 else (_LOWEST, _HIGHEST)
    return (integers, int(zero)) if low <= int(zero) <= high else None


def _has_unknown_zero(value: ir.Value) -> bool:
    """True of (integers - zero) * scale where nothing says what the zero is."""
    for this, _ in either(value, "stablehlo.multiply"):
        difference = producer(unconverted(this), "stablehlo.subtract")
        if difference is not None and is_integers(unconverted(difference.operands[0])):
            return number(difference.operands[1]) is None
    return False


def unconverted(value: ir.Value) -> ir.Value:
    """What a value is a conversion of, to types that hold all 8-bit integers and their differences."""
    while hlo.dtype(value) in EXACT and (op := producer(value, "stablehlo.convert")) is not None:
        value = op.operands[0]
    return value


def is_integers(value: ir.Value) -> bool:
    """8-bit integers, or what constant folding made of them."""
    if hlo.dtype(value) in (np.int8, np.uint8):
        return True
    array = constant_value(value)
    if array is None or array.dtype != np.float32 or array.size < 2:
        return False
    elements = different_elements(array)
    return bool(((elements >= _LOWEST) & (elements <= _HIGHEST) & (elements == np.round(elements))).all())


def _integer_product(op: ir.Operation) -> Rebuilt | Declined | None:
    """dot((q - z) * s, (r - y) * t) of 8-bit q and r -> convert(dot(q, r) - z sum r - y sum q + z y k) * s t

    The sums are exact: int32 must hold them.  Scales are the same along what is summed.
    """
    left, right = (quantised(v) for v in op.operands)
    if hlo.dtype(op.results[0]) != np.float32 or "algorithm" in op.attributes:
        return None
    if left is None or right is None:
        found = all(quantised(v) or _has_unknown_zero(v) for v in op.operands)
        return Declined("the zero point of an operand is not in the module") if found else None
    numbers = stablehlo.DotDimensionNumbers(op.attributes["dot_dimension_numbers"])
    contract = list(numbers.lhs_contracting_dimensions), list(numbers.rhs_contracting_dimensions)
    batch = list(numbers.lhs_batching_dimensions), list(numbers.rhs_batching_dimensions)
    terms = math.prod(shape_of(op.operands[0])[a] for a in contract[0])
    if terms * left.magnitude * right.magnitude > LARGEST:
        return Declined(f"int32 may not hold the sum of {terms} products")
    placed = _placements(op, batch, contract)
    along = [_along_result(q.scale, place) for q, place in zip((left, right), placed, strict=True)]
    if along[0] is None or along[1] is None:
        return Declined("a scale of its operands differs along what is summed")
    axes = along[0], along[1]

    def build() -> ir.Value:
        q, r = left.build(), right.build()
        z, y = left.zero_of_int8, right.zero_of_int8
        total = hlo.dot_general(q, r, contract=contract, batch=batch, result_dtype=np.int32)
        shape = shape_of(total)

        def spread(x: ir.Value, place: Sequence[int | None]) -> ir.Value:
            return hlo.broadcast_in_dim(x, shape, [p for p in place if p is not None])

        def summed(x: ir.Value, axes: Sequence[int]) -> ir.Value:
            return hlo.reduce_sum(hlo.convert(x, np.int32), axes)

        if z:
            total = hlo.subtract(total, hlo.multiply(spread(summed(r, contract[1]), placed[1]), z))
        if y:
            total = hlo.subtract(total, hlo.multiply(spread(summed(q, contract[0]), placed[0]), y))
        if z and y:
            total = hlo.add(total, terms * z * y)
        factors = [_spread(q.scale, shape, a) for q, a in zip((left, right), axes, strict=True)]
        return hlo.multiply(hlo.convert(total, np.float32), hlo.multiply(*factors))

    return Rebuilt(build)


def _placements(
    op: ir.Operation, batch: tuple[list[int], list[int]], contract: tuple[list[int], list[int]]
) -> list[list[int | None]]:
    """For each operand, where its dimensions lie in the result; None for those summed."""
    placed: list[list[int | None]] = []
    free = len(batch[0])
    for operand, own, summed in zip(op.operands, batch, contract, strict=True):
        place: list[int | None] = []
        for axis in range(hlo.rank(operand)):
            if axis in own:
                place.append(own.index(axis))
            elif axis in summed:
                place.append(None)
            else:
                place.append(free)
                free += 1
        placed.append(place)
    return placed


def _along_result(scale: View, place: Sequence[int | None]) -> list[int] | None:
    """The dimensions of the result along which a scale differs; None where it differs along what is summed."""
    axes = [place[scale.along[a]] for a in differing(scale.value)]
    found = [a for a in axes if a is not None]
    return found if len(found) == len(axes) and found == sorted(set(found)) else None


def differing(value: ir.Value) -> list[int]:
    """The dimensions along which a value differs, as far as is known."""
    array, sizes = constant_value(value), shape_of(value)
    if array is None:
        return [a for a, size in enumerate(sizes) if size != 1]
    return [a for a, step in enumerate(array.strides) if step and (array != array.take([0], a)).any()]


def _spread(scale: View, shape: Sequence[int], axes: Sequence[int]) -> ir.Value:
    array = constant_value(scale.value)
    if array is not None:
        kept = differing(scale.value)
        value = hlo.constant(array[tuple(slice(None) if a in kept else 0 for a in range(array.ndim))])
    else:
        value = hlo.reshape(scale.value, [shape[a] for a in axes])
    return hlo.broadcast_in_dim(value, shape, axes)


PATTERNS = [rule("integer-product", ["stablehlo.dot_general"], _integer_product)]
