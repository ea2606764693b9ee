"""Quantised layers by name: convolutions and products of dequantised 8-bit integers that stay in floats.

Products do where `quantised` leaves them.  Convolutions of integers have to be asked for: on a CPU XLA's took 50
times as long as those of floats (int8, 64 channels of 56x56).
"""

from __future__ import annotations

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
from oxide.passes.canonicalize.matching import Declined, producer
from oxide.passes.raise_.matching import Raised, Rebuilt, rule
from oxide.passes.raise_.norms import either
from oxide.passes.raise_.quantised import EXACT, LARGEST, differing, is_integers, quantised, unconverted
from oxide.passes.raise_.views import View, parameter


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
        inner = unconverted(this)
        difference = producer(inner, "stablehlo.subtract") if hlo.dtype(inner) in EXACT else None
        whole = inner if difference is None else unconverted(difference.operands[0])
        if not is_integers(whole):
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
        kept = differing(view.value)
        part = array[tuple(slice(None) if a in kept else 0 for a in range(array.ndim))] if array.size else array
        return (lambda: hlo.constant(part)) if [view.along[a] for a in kept] in ([], list(axes)) else None
    found = parameter(view, ()) or parameter(view, axes)
    return None if found is None else lambda: found.build(like)


@dataclass(frozen=True)
class _Window:
    """The attributes of a convolution that both forms have: of `spatial` dimensions, `padding` (low, high) each."""

    strides: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    groups: int
    layout: str

    @classmethod
    def of(cls, op: ir.Operation) -> _Window | Declined:
        numbers = stablehlo.ConvDimensionNumbers(op.attributes["dimension_numbers"])
        ones = [1] * len(numbers.input_spatial_dimensions)
        steps = {name: integers(op, name) if name in op.attributes else ones for name in _STEPS}
        flipped = "window_reversal" in op.attributes and any(
            ir.DenseBoolArrayAttr(op.attributes["window_reversal"])
        )
        if flipped or steps["lhs_dilation"] != ones or integer(op, "batch_group_count") != 1 or not _is_default(op):
            return Declined("oxide.quantized_convolution has no dilated input, groups of batches or precision")
        padding = np.zeros([len(ones), 2], np.int64)
        if "padding" in op.attributes:
            padding = np.asarray(ir.DenseIntElementsAttr(op.attributes["padding"]))
        return cls(
            tuple(steps["window_strides"]),
            tuple(padding.reshape(-1).tolist()),
            tuple(steps["rhs_dilation"]),
            integer(op, "feature_group_count"),
            _layout(numbers),
        )


def _quantised_convolution(op: ir.Operation) -> Raised | Declined | None:
    """convolution((q - z) * s, (r - y) * t) of 8-bit q and r -> quantized_convolution(q, s, z, r, t, y)

    Its decomposition computes what was there, bit for bit.  y and t may differ by feature.
    """
    x = _dequantised(op.operands[0], ())
    kernel = _dequantised(op.operands[1], [_features(op)])
    if x is None or kernel is None or hlo.dtype(op.results[0]) != np.float32:
        return None
    window = _Window.of(op)
    if isinstance(window, Declined):
        return window
    attributes: dict[str, AttributeValue] = dict(vars(window))
    return Raised(
        "quantized_convolution", list(op.operands), attributes, lambda: [*x.operands(), *kernel.operands()]
    )


def _quantised_linear(op: ir.Operation) -> Raised | None:
    """dot((q - z) * s, (r - y) * t) of 8-bit q and a matrix r that is no product of integers -> quantized_linear

    Such as one where no constant of the module says what y is.  The decomposition computes what was there, bit for
    bit.
    """
    numbers = stablehlo.DotDimensionNumbers(op.attributes["dot_dimension_numbers"])
    last, contracted = hlo.rank(op.operands[0]) - 1, list(numbers.rhs_contracting_dimensions)
    if list(numbers.lhs_batching_dimensions) or list(numbers.lhs_contracting_dimensions) != [last]:
        return None
    if hlo.rank(op.operands[1]) != 2 or hlo.dtype(op.results[0]) != np.float32 or not _is_default(op):
        return None
    x, kernel = _dequantised(op.operands[0], ()), _dequantised(op.operands[1], [1 - contracted[0]])
    if x is None or kernel is None or "algorithm" in op.attributes:
        return None
    return Raised(
        "quantized_linear",
        list(op.operands),
        {"axis": contracted[0]},
        lambda: [*x.operands(), *kernel.operands()],
    )


def _is_default(op: ir.Operation) -> bool:
    """True where no precision is asked for."""
    precision = ir.ArrayAttr(op.attributes["precision_config"]) if "precision_config" in op.attributes else ()
    return all(stablehlo.PrecisionAttr(each).value == "DEFAULT" for each in precision)


def _integer_convolution(op: ir.Operation) -> Rebuilt | Declined | None:
    """convolution((q - z) * s, r * t) of 8-bit q and r -> convert(convolution(q, r) - z sum r) * s t

    With `integer-convolutions`.  The sums are exact: int32 must hold them.  What is padded is z.
    """
    x, kernel = (quantised(v) for v in op.operands)
    if x is None or kernel is None or hlo.dtype(op.results[0]) != np.float32:
        return None
    window, axis = _Window.of(op), _features(op)
    if isinstance(window, Declined):
        return window
    if kernel.zero_of_int8:
        return Declined("the zero point of its kernel is not the middle of the range")
    terms = hlo.size(op.operands[1]) // max(1, hlo.shape(op.operands[1])[axis])
    if terms * x.magnitude * kernel.magnitude > LARGEST:
        return Declined(f"int32 may not hold the sum of {terms} products")
    x_scale, kernel_scale = _along(x.scale, (), op.operands[0]), _along(kernel.scale, [axis], op.operands[1])
    if x_scale is None or kernel_scale is None:
        return Declined("a scale of its operands differs along what is summed")

    def build() -> ir.Value:
        q, r = x.build(), kernel.build()
        lhs, rhs, out = window.layout.split(",")
        shape, feature = hlo.shape(op.results[0]), out.index("C")
        spatial = [letter for letter in lhs if letter not in "NC"]
        ends = {letter: window.padding[2 * i : 2 * i + 2] for i, letter in enumerate(spatial)}
        low, high = ([ends[d][i] if d in ends else 0 for d in lhs] for i in (0, 1))
        total = hlo.convolution(
            hlo.pad(q, x.zero_of_int8, low, high),
            r,
            strides=window.strides,
            padding=[(0, 0)] * len(spatial),
            kernel_dilation=window.dilation,
            groups=window.groups,
            layout=(lhs, rhs, out),
            result_dtype=np.int32,
        )

        def spread(v: ir.Value) -> ir.Value:
            return hlo.broadcast_in_dim(v, shape, [feature][: hlo.rank(v)])

        if x.zero_of_int8:
            summed = hlo.reduce_sum(hlo.convert(r, np.int32), [a for a in range(hlo.rank(r)) if a != axis])
            total = hlo.subtract(total, spread(hlo.multiply(summed, x.zero_of_int8)))
        scale = hlo.multiply(spread(x_scale()), spread(kernel_scale()))
        return hlo.multiply(hlo.convert(total, np.float32), scale)

    return Rebuilt(build)


def _features(op: ir.Operation) -> int:
    return stablehlo.ConvDimensionNumbers(op.attributes["dimension_numbers"]).kernel_output_feature_dimension


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
    rule("raise-quantised-convolution", ["stablehlo.convolution"], _quantised_convolution),
    rule("raise-quantised-linear", ["stablehlo.dot_general"], _quantised_linear),
]
INTEGERS = [rule("integer-convolution", ["stablehlo.convolution"], _integer_convolution)]
