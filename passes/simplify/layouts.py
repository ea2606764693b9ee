"""Convolutions in another layout: where batch, features and space are, and the same of the kernel."""

from __future__ import annotations

from collections.abc import Sequence

from jaxlib.mlir import ir
from jaxlib.mlir.dialects import stablehlo

from oxide.dialects import hlo
from oxide.passes.simplify.carriers import copied
from oxide.passes.simplify.permutations import Permutation, inverse


def convolution_permutations(op: ir.Operation, channels_last: bool) -> tuple[Permutation, Permutation]:
    """The permutations for which the twins of a convolution's input and result are in a layout."""
    layout = stablehlo.ConvDimensionNumbers(op.attributes["dimension_numbers"])
    sides = (
        (layout.input_batch_dimension, layout.input_feature_dimension, layout.input_spatial_dimensions),
        (layout.output_batch_dimension, layout.output_feature_dimension, layout.output_spatial_dimensions),
    )
    found = [_order(batch, feature, spatial, channels_last) for batch, feature, spatial in sides]
    return inverse(found[0]), inverse(found[1])


def _order(batch: int, feature: int, spatial: Sequence[int], channels_last: bool) -> Permutation:
    return (batch, *spatial, feature) if channels_last else (batch, feature, *spatial)


def convolution(op: ir.Operation, x: ir.Value, kernel_is_weight: bool, channels_last: bool) -> ir.Value:
    """The twin of a convolution's result, from that of its input; a weight is transposed to suit it."""
    layout = stablehlo.ConvDimensionNumbers(op.attributes["dimension_numbers"])
    kernel = op.operands[1]
    inputs, outputs = layout.kernel_input_feature_dimension, layout.kernel_output_feature_dimension
    spatial = list(layout.kernel_spatial_dimensions)
    if kernel_is_weight:
        order = [*spatial, inputs, outputs] if channels_last else [outputs, inputs, *spatial]
        kernel = hlo.transpose(kernel, order)
        inputs, outputs = order.index(inputs), order.index(outputs)
        spatial = [order.index(axis) for axis in spatial]
    sizes = range(len(spatial))
    batch, feature, images = (0, len(spatial) + 1, [1 + i for i in sizes])
    if not channels_last:
        feature, images = 1, [2 + i for i in sizes]
    numbers = stablehlo.ConvDimensionNumbers.get(
        batch, feature, images, inputs, outputs, spatial, batch, feature, images
    )
    _, p = convolution_permutations(op, channels_last)
    return copied(op, [x, kernel], {"dimension_numbers": numbers}, p)[0]
