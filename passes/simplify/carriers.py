"""Operations that can work on permuted tensors: what becomes of their attributes.

Throughout, a permutation p relates a value v to its twin v' as a transpose does: v = transpose(v', p), so that
dimension i of v is dimension p[i] of v'.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxlib.mlir import ir
from jaxlib.mlir.dialects import stablehlo

from oxide.dialects import composites, hlo
from oxide.dialects.attributes import integer, integers, string
from oxide.dialects.constants import dense
from oxide.dialects.effects import ELEMENTWISE
from oxide.passes.canonicalize.matching import is_static, shape_of

Permutation = tuple[int, ...]

_ARRAYS = {
    "stablehlo.pad": ("edge_padding_low", "edge_padding_high", "interior_padding"),
    "stablehlo.reduce_window": ("window_dimensions", "window_strides", "base_dilations", "window_dilations"),
    "stablehlo.slice": ("start_indices", "limit_indices", "strides"),
}
_AXES = {"stablehlo.batch_norm_inference": "feature_index", "stablehlo.concatenate": "dimension"}
_AXIS_COMPOSITES = frozenset(f"oxide.{name}" for name in ("batch_norm", "log_softmax", "softmax"))
_ELEMENTWISE_COMPOSITES = frozenset(f"oxide.{name}" for name in ("gelu", "hard_swish", "mish", "silu"))


def inverse(p: Permutation) -> Permutation:
    return tuple(int(place) for place in np.argsort(p))


def after(p: Permutation, q: Sequence[int]) -> Permutation:
    """The permutation of transpose(v, q) for a v = transpose(v', p)."""
    return tuple(p[axis] for axis in q)


def permuted(p: Permutation, values: Sequence[int]) -> list[int]:
    """Numbers of v's dimensions in the order of those of v'."""
    return [values[axis] for axis in inverse(p)]


def is_transpose(shape: Sequence[int], p: Permutation) -> bool:
    """False where only dimensions of size 1 move, as in a reshape."""
    wide = [axis for axis, size in zip(p, shape, strict=True) if size != 1]
    return wide != sorted(wide)


def carries(op: ir.Operation) -> bool:
    """True of operations whose results are the twins' twins: those that `carried` can build."""
    if not is_static(op) or len(op.results) == 0 or len({hlo.rank(result) for result in op.results}) > 1:
        return False
    if op.name == "stablehlo.composite":
        return string(op, "name") in _AXIS_COMPOSITES | _ELEMENTWISE_COMPOSITES
    if op.name == "stablehlo.broadcast_in_dim":
        return integers(op, "broadcast_dimensions") == list(range(hlo.rank(op.results[0])))
    return op.name in ELEMENTWISE or op.name in _ARRAYS or op.name in _AXES


def carried(op: ir.Operation, operands: Sequence[ir.Value], p: Permutation) -> list[ir.Value]:
    """The twins of an operation's results, from twins of those operands that have as many dimensions."""
    if op.name == "stablehlo.composite":
        values = composites.attributes_of(op)
        axis = values.get("axis")
        if isinstance(axis, int):
            values["axis"] = p[axis]
        return composites.build(string(op, "name").removeprefix(composites.PREFIX), operands, **values)
    attributes: dict[str, ir.Attribute] = {
        name: ir.DenseI64ArrayAttr.get(permuted(p, integers(op, name)))
        for name in _ARRAYS.get(op.name, ())
        if name in op.attributes
    }
    if op.name == "stablehlo.reduce_window" and "padding" in op.attributes:
        attributes["padding"] = dense(np.asarray(op.attributes["padding"])[list(inverse(p))])
    if op.name in _AXES:
        attributes[_AXES[op.name]] = hlo.i64(p[integer(op, _AXES[op.name])])
    shapes = [permuted(p, shape_of(result)) for result in op.results]
    return _copy(op, operands, attributes, shapes)


def _copy(
    op: ir.Operation,
    operands: Sequence[ir.Value],
    attributes: dict[str, ir.Attribute],
    shapes: Sequence[Sequence[int]],
) -> list[ir.Value]:
    """An operation with its regions on other operands, with other attributes and result shapes."""
    copy = op.clone().operation
    for number, value in enumerate(operands):
        copy.operands[number] = value
    for name, attribute in attributes.items():
        copy.attributes[name] = attribute
    for result, shape in zip(copy.results, shapes, strict=True):
        result.set_type(hlo.make_type(shape, hlo.element_type(result)))
    return list(copy.results)


def absorbs(op: ir.Operation, p: Permutation) -> bool:
    """True of a reduction or reshape whose result on twins is the same: what is left is in order."""
    if not is_static(op):
        return False
    if op.name == "stablehlo.reduce":
        gone = integers(op, "dimensions")
        left = [axis for number, axis in enumerate(p) if number not in gone]
        return left == sorted(left)
    return op.name == "stablehlo.reshape" and not is_transpose(shape_of(op.operands[0]), p)


def absorbed(op: ir.Operation, operands: Sequence[ir.Value], p: Permutation) -> list[ir.Value]:
    """The results of an operation that `absorbs` p."""
    attributes: dict[str, ir.Attribute] = {}
    if op.name == "stablehlo.reduce":
        attributes["dimensions"] = ir.DenseI64ArrayAttr.get(sorted(p[axis] for axis in integers(op, "dimensions")))
    return _copy(op, operands, attributes, [shape_of(result) for result in op.results])


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
    shape = permuted(p, shape_of(op.results[0]))
    return _copy(op, [x, kernel], {"dimension_numbers": numbers}, [shape])[0]
