"""Quantised layers: products and convolutions of dequantised 8-bit integers.

Products become products of the integers.  Convolutions get a name and stay in floats, for whoever knows better:
XLA's of integers took 50 times as long as those of floats on a CPU (int8, 64 channels of 56x56).
"""

from __future__ import annotations

import math
import string
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxlib.mlir import ir
from jaxlib.mlir.dialects import stablehlo

from oxide.dialects import hlo
from oxide.dialects.attributes import integer, integers
from oxide.dialects.composites.registry import AttributeValue
from oxide.dialects.constants import constant_value
from oxide.passes.canonicalize.matching import Declined, number, producer, shape_of
from oxide.passes.raise_.matching import Raised, Rebuilt, rule
from oxide.passes.raise_.norms import either
from oxide.passes.raise_.views import View, parameter

_LOWEST, _HIGHEST = -128, 127
# int32 and int64 hold every int8 and uint8 and their differences, float32 too.
_EXACT = frozenset(np.dtype(name) for name in ("int16", "int32", "int64", "float32"))
# Above it no int32 is sure to hold the sum.
_LARGEST = 2**31 - 1


@dataclass(frozen=True)
class _Quantised:
    """(integers - zero) * scale: `integers` are int8, uint8 or a constant of floats that are such integers."""

    integers: ir.Value
    zero: int
    scale: View

    @property
    def shift(self) -> int:
        """What makes the integers int8."""
        return 128 if hlo.dtype(self.integers) == np.uint8 else 0

    @property
    def magnitude(self) -> int:
        zero = self.zero - self.shift
        return max(abs(_LOWEST - zero), abs(_HIGHEST - zero))

    def build(self) -> ir.Value:
        """The integers as int8."""
        if not self.shift:
            return hlo.convert(self.integers, np.int8)
        return hlo.convert(hlo.subtract(hlo.convert(self.integers, np.int32), self.shift), np.int8)


def _quantised(value: ir.Value) -> _Quantised | None:
    for this, factor in either(value, "stablehlo.multiply"):
        found = _centred(this)
        if found is not None:
            return _Quantised(found[0], found[1], View.whole(factor).source())
    return None


def _centred(value: ir.Value) -> tuple[ir.Value, int] | None:
    """(integers, zero) of a float32 value that is integers - zero."""
    inner = _unconverted(value)
    if _is_integers(inner):
        return inner, 0
    difference = producer(inner, "stablehlo.subtract")
    if difference is None or hlo.dtype(inner) not in _EXACT:
        return None
    integers, zero = _unconverted(difference.operands[0]), number(difference.operands[1])
    if not _is_integers(integers) or zero is None or not np.isfinite(zero) or zero != int(zero):
        return None
    low, high = (0, 255) if hlo.dtype(integers) == np.uint8 else (_LOWEST, _HIGHEST)
    return (integers, int(zero)) if low <= int(zero) <= high else None


def _has_unknown_zero(value: ir.Value) -> bool:
    """True of (integers - zero) * scale where nothing says what the zero is."""
    for this, _ in either(value, "stablehlo.multiply"):
        difference = producer(_unconverted(this), "stablehlo.subtract")
        if difference is not None and _is_integers(_unconverted(difference.operands[0])):
            return number(difference.operands[1]) is None
    return False


def _unconverted(value: ir.Value) -> ir.Value:
    """What a value is a conversion of, to types that hold all 8-bit integers and their differences."""
    while hlo.dtype(value) in _EXACT and (op := producer(value, "stablehlo.convert")) is not None:
        value = op.operands[0]
    return value


def _is_integers(value: ir.Value) -> bool:
    """8-bit integers, or what constant folding made of them."""
    if hlo.dtype(value) in (np.int8, np.uint8):
        return True
    array = constant_value(value)
    if array is None or array.dtype != np.float32 or array.size < 2:
        return False
    return bool(((array >= _LOWEST) & (array <= _HIGHEST) & (array == np.round(array))).all())


def _integer_product(op: ir.Operation) -> Rebuilt | Declined | None:
    """dot((q - z) * s, (r - y) * t) of 8-bit q and r -> convert(dot(q, r) - z sum r - y sum q + z y k) * s t

    The sums are exact: int32 must hold them.  Scales are the same along what is summed.
    """
    left, right = (_quantised(v) for v in op.operands)
    if hlo.dtype(op.results[0]) != np.float32 or "algorithm" in op.attributes:
        return None
    if left is None or right is None:
        quantised = all(_quantised(v) or _has_unknown_zero(v) for v in op.operands)
        return Declined("the zero point of an operand is not in the module") if quantised else None
    numbers = stablehlo.DotDimensionNumbers(op.attributes["dot_dimension_numbers"])
    contract = list(numbers.lhs_contracting_dimensions), list(numbers.rhs_contracting_dimensions)
    batch = list(numbers.lhs_batching_dimensions), list(numbers.rhs_batching_dimensions)
    terms = math.prod(shape_of(op.operands[0])[a] for a in contract[0])
    if terms * left.magnitude * right.magnitude > _LARGEST:
        return Declined(f"int32 may not hold the sum of {terms} products")
    placed = _placements(op, batch, contract)
    along = [_along_result(q.scale, place) for q, place in zip((left, right), placed, strict=True)]
    if along[0] is None or along[1] is None:
        return Declined("a scale of its operands differs along what is summed")
    axes = along[0], along[1]

    def build() -> ir.Value:
        q, r = left.build(), right.build()
        z, y = left.zero - left.shift, right.zero - right.shift
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
    axes = [place[scale.along[a]] for a in _differing(scale.value)]
    found = [a for a in axes if a is not None]
    return found if len(found) == len(axes) and found == sorted(set(found)) else None


def _differing(value: ir.Value) -> list[int]:
    """The dimensions along which a value differs, as far as is known."""
    array, sizes = constant_value(value), shape_of(value)
    if array is None:
        return [a for a, size in enumerate(sizes) if size != 1]
    return [a for a, step in enumerate(array.strides) if step and (array != array.take([0], a)).any()]


def _spread(scale: View, shape: Sequence[int], axes: Sequence[int]) -> ir.Value:
    array = constant_value(scale.value)
    if array is not None:
        kept = _differing(scale.value)
        value = hlo.constant(array[tuple(slice(None) if a in kept else 0 for a in range(array.ndim))])
    else:
        value = hlo.reshape(scale.value, [shape[a] for a in axes])
    return hlo.broadcast_in_dim(value, shape, axes)


@dataclass(frozen=True)
class _Dequantised:
    """(integers - zero) * scale with zeros and scales that differ along one dimension of the integers, or none."""

    integers: ir.Value
    scale: Callable[[], ir.Value]
    zero: Callable[[], ir.Value]

    def operands(self) -> list[ir.Value]:
        whole = hlo.dtype(self.integers) in (np.int8, np.uint8)
        integers = self.integers if whole else hlo.convert(self.integers, np.int8)
        return [integers, self.scale(), self.zero()]


def _dequantised(value: ir.Value, axes: Sequence[int]) -> _Dequantised | None:
    """A float32 value as dequantised integers, by numbers that differ along `axes` at most."""
    for this, factor in either(value, "stablehlo.multiply"):
        inner = _unconverted(this)
        difference = producer(inner, "stablehlo.subtract") if hlo.dtype(inner) in _EXACT else None
        whole = inner if difference is None else _unconverted(difference.operands[0])
        if not _is_integers(whole):
            continue
        scale, zero = _along(View.whole(factor).source(), axes, whole), _no_zero
        if difference is not None:
            zero = _along(View.whole(difference.operands[1]).source(), axes, whole)
        if scale is not None and zero is not None:
            return _Dequantised(whole, scale, zero)
    return None


def _no_zero() -> ir.Value:
    return hlo.constant(0, np.int32)


def _along(view: View, axes: Sequence[int], like: ir.Value) -> Callable[[], ir.Value] | None:
    """How to build one number, or one for each element along an axis, that a view repeats over `like`."""
    array = constant_value(view.value)
    if array is not None:
        kept = _differing(view.value)
        part = array[tuple(slice(None) if a in kept else 0 for a in range(array.ndim))] if array.size else array
        return (lambda: hlo.constant(part)) if [view.along[a] for a in kept] in ([], list(axes)) else None
    found = parameter(view, ()) or parameter(view, axes)
    return None if found is None else lambda: found.build(like)


def _quantised_convolution(op: ir.Operation) -> Raised | Declined | None:
    """convolution((q - z) * s, (r - y) * t) of 8-bit q and r -> quantized_convolution(q, s, z, r, t, y)

    Its decomposition computes what was there, bit for bit.  y and t may differ by feature.
    """
    numbers = stablehlo.ConvDimensionNumbers(op.attributes["dimension_numbers"])
    x = _dequantised(op.operands[0], ())
    kernel = _dequantised(op.operands[1], [numbers.kernel_output_feature_dimension])
    if x is None or kernel is None or hlo.dtype(op.results[0]) != np.float32:
        return None
    spatial = len(numbers.input_spatial_dimensions)
    ones = [1] * spatial
    steps = {name: integers(op, name) if name in op.attributes else ones for name in _STEPS}
    flipped = "window_reversal" in op.attributes and any(ir.DenseBoolArrayAttr(op.attributes["window_reversal"]))
    exact = ir.ArrayAttr(op.attributes["precision_config"]) if "precision_config" in op.attributes else ()
    if (
        flipped
        or steps["lhs_dilation"] != ones
        or integer(op, "batch_group_count") != 1
        or any(stablehlo.PrecisionAttr(each).value != "DEFAULT" for each in exact)
    ):
        return Declined("oxide.quantized_convolution has no dilated input, groups of batches or precision")
    padding = np.zeros([spatial, 2], np.int64)
    if "padding" in op.attributes:
        padding = np.asarray(ir.DenseIntElementsAttr(op.attributes["padding"]))
    attributes: dict[str, AttributeValue] = {
        "strides": tuple(steps["window_strides"]),
        "padding": tuple(padding.reshape(-1).tolist()),
        "dilation": tuple(steps["rhs_dilation"]),
        "groups": integer(op, "feature_group_count"),
        "layout": _layout(numbers),
    }
    return Raised(
        "quantized_convolution", list(op.operands), attributes, lambda: [*x.operands(), *kernel.operands()]
    )


_STEPS = ("window_strides", "lhs_dilation", "rhs_dilation")
_SPATIAL = {1: "W", 2: "HW", 3: "DHW"}


def _layout(numbers: stablehlo.ConvDimensionNumbers) -> str:
    """The dimensions of operand, kernel and result: "NCHW,OIHW,NCHW"."""
    names = _SPATIAL.get(len(numbers.input_spatial_dimensions), string.ascii_lowercase)
    sides = (
        (numbers.input_batch_dimension, numbers.input_feature_dimension, *numbers.input_spatial_dimensions),
        (
            numbers.kernel_output_feature_dimension,
            numbers.kernel_input_feature_dimension,
            *numbers.kernel_spatial_dimensions,
        ),
        (numbers.output_batch_dimension, numbers.output_feature_dimension, *numbers.output_spatial_dimensions),
    )
    layouts = []
    for first, side in zip(("NC", "OI", "NC"), sides, strict=True):
        name_of = dict(zip(side, first + names, strict=False))
        layouts.append("".join(name_of[axis] for axis in sorted(name_of)))
    return ",".join(layouts)


PATTERNS = [
    rule("integer-product", ["stablehlo.dot_general"], _integer_product),
    rule("raise-quantised-convolution", ["stablehlo.convolution"], _quantised_convolution),
]
