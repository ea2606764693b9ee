"""Convolutions by windows of one element are products of matrices."""

from __future__ import annotations

import math

import numpy as np
from jaxlib.mlir import ir
from jaxlib.mlir.dialects import stablehlo

from oxide.dialects import hlo
from oxide.dialects.attributes import integer, integers
from oxide.passes.canonicalize.matching import Declined, is_static, pattern, producer


def _pointwise_convolution(op: ir.Operation) -> ir.Value | Declined | None:
    """convolution(x, w) -> dot(x, w), where the window has one element; of every s-th element of x with strides s

    Groups, padding and a dilated x stay convolutions, and so does what a product would give in another order of
    dimensions.
    """
    if not is_static(op):
        return None
    kernel, layout = op.operands[1], stablehlo.ConvDimensionNumbers(op.attributes["dimension_numbers"])
    if math.prod(hlo.shape(kernel)[axis] for axis in layout.kernel_spatial_dimensions) != 1:
        return None
    if integer(op, "feature_group_count") != 1 or integer(op, "batch_group_count") != 1:
        return Declined("it has groups")
    if "padding" in op.attributes and np.asarray(op.attributes["padding"]).any():
        return Declined("it pads its input")
    if any(step != 1 for step in _steps(op, "lhs_dilation")):
        return Declined("it dilates its input")
    leads = _kernel_leads(op, layout)
    if leads is None:
        return Declined("a product would give another order of dimensions")
    return _product(op, layout, leads)


def _steps(op: ir.Operation, name: str) -> list[int]:
    return integers(op, name) if name in op.attributes else []


def _kernel_leads(op: ir.Operation, layout: stablehlo.ConvDimensionNumbers) -> bool | None:
    """Whether dot(w, x) has the convolution's dimensions in order, or else dot(x, w); None where neither has.

    Dimensions of size 1 may stand anywhere.
    """
    sizes = hlo.shape(op.results[0])
    feature = layout.output_feature_dimension
    places = {layout.input_batch_dimension: layout.output_batch_dimension} | dict(
        zip(layout.input_spatial_dimensions, layout.output_spatial_dimensions, strict=True)
    )
    rest = [places[axis] for axis in sorted(places)]
    for leads, order in ((False, [*rest, feature]), (True, [feature, *rest])):
        wide = [axis for axis in order if sizes[axis] != 1]
        if wide == sorted(wide):
            return leads
    return None


def _product(op: ir.Operation, layout: stablehlo.ConvDimensionNumbers, kernel_leads: bool) -> ir.Value:
    x, kernel = op.operands
    strides = [1] * hlo.rank(x)
    for axis, step in zip(layout.input_spatial_dimensions, _steps(op, "window_strides"), strict=False):
        strides[axis] = step
    x = hlo.slice(x, [0] * len(strides), hlo.shape(x), strides)
    inputs, outputs = layout.kernel_input_feature_dimension, layout.kernel_output_feature_dimension
    matrix = hlo.reshape(kernel, [hlo.shape(kernel)[axis] for axis in sorted([inputs, outputs])])
    operands = [(x, layout.input_feature_dimension), (matrix, int(inputs > outputs))]
    precision = list(ir.ArrayAttr(op.attributes["precision_config"])) if "precision_config" in op.attributes else []
    if kernel_leads:
        operands.reverse()
        precision.reverse()
    (left, left_axis), (right, right_axis) = operands
    product = hlo.dot_general(
        left, right, contract=([left_axis], [right_axis]), result_dtype=hlo.dtype(op.results[0])
    )
    dot = producer(product, "stablehlo.dot_general")
    if dot is not None and precision:
        dot.attributes["precision_config"] = ir.ArrayAttr.get(precision)
    return hlo.reshape(product, hlo.shape(op.results[0]))


PATTERNS = [pattern("pointwise-convolution", "convolution", _pointwise_convolution)]
