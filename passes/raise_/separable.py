"""Separable convolutions: seen, and left apart.

No back end has one operation for the two, and a composite would keep fold-batch-norm, simplify (layouts, 1x1
convolutions as products) and fuse from the convolutions in it.
"""

from __future__ import annotations

from jaxlib.mlir import ir
from jaxlib.mlir.dialects import stablehlo

from oxide.dialects.attributes import integer, integers
from oxide.passes.canonicalize.matching import Declined, producer, shape_of
from oxide.passes.raise_.matching import rule


def _separable(op: ir.Operation) -> Declined | None:
    """1x1 convolution(convolution of each channel alone) stays: each of the two is simplified on its own"""
    depthwise = producer(op.operands[0], "stablehlo.convolution")
    if depthwise is None or not _is_pointwise(op):
        return None
    features = stablehlo.ConvDimensionNumbers(depthwise.attributes["dimension_numbers"]).input_feature_dimension
    groups = integer(depthwise, "feature_group_count")
    if groups == 1 or groups != shape_of(depthwise.operands[0])[features]:
        return None
    return Declined("it and the convolution of each channel before it are a separable one, simplified apart")


def _is_pointwise(op: ir.Operation) -> bool:
    numbers = stablehlo.ConvDimensionNumbers(op.attributes["dimension_numbers"])
    window = [shape_of(op.operands[1])[a] for a in numbers.kernel_spatial_dimensions]
    strides = integers(op, "window_strides") if "window_strides" in op.attributes else []
    groups = integer(op, "feature_group_count") * integer(op, "batch_group_count")
    return set(window) == {1} and set(strides) <= {1} and groups == 1


PATTERNS = [rule("separable-convolution", ["stablehlo.convolution"], _separable)]
