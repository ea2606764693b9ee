"""Other forms of a convolution: each builds the result from the operands.

  taps     the windows' elements one by one: the padded input, shifted, times a weight a channel, summed up.  XLA's
           CPU back end makes one vectorised loop on all cores of it
  groups   a convolution of each group for itself, and their results side by side
  planes   of volumes: the planes that windows read side by side as channels, and a convolution of these images

In what order a convolution's products are summed StableHLO leaves open; by taps it is that of the window's
elements, then of the channels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.dtypes import is_float
from oxide.passes.canonicalize.matching import attributes_of, producer
from oxide.passes.simplify.convolutions import Convolution


def by_taps(convolution: Convolution, x: ir.Value, kernel: ir.Value) -> ir.Value:
    """Sum of products of shifted inputs and weights; of floats of fewer than 32 bits in float32."""
    groups, depth, feature = convolution.groups, convolution.depth, convolution.layout.input_feature_dimension
    result = hlo.dtype(convolution.op.results[0])
    dtype = np.dtype(np.float32) if is_float(result) and result.itemsize < 4 else result
    padded, kernel = convolution.padded(hlo.convert(x, dtype)), hlo.convert(kernel, dtype)
    total = None
    for tap in np.ndindex(*convolution.window):
        starts = [place * step for place, step in zip(tap, convolution.kernel_dilation, strict=True)]
        read = convolution.spatial_slice(padded, starts, convolution.sizes, convolution.strides)
        for channel in range(depth):
            part = hlo.slice_axis(read, feature, channel, groups * depth - depth + channel + 1, depth)
            term = _scaled(part, _weights(convolution, kernel, tap, channel), feature)
            total = term if total is None else hlo.add(total, term)
    assert total is not None
    ordered = hlo.transpose(_joined(total, feature, convolution), convolution.order)
    return hlo.convert(ordered, result)


def _weights(convolution: Convolution, kernel: ir.Value, tap: Sequence[int], channel: int) -> ir.Value:
    """What a channel of each group is multiplied by: a number for each group, or for each of its results."""
    layout = convolution.layout
    starts, limits = [0] * hlo.rank(kernel), list(hlo.shape(kernel))
    places = [(layout.kernel_input_feature_dimension, channel)]
    places += zip(layout.kernel_spatial_dimensions, convolution.kernel_index(tap), strict=True)
    for axis, place in places:
        starts[axis], limits[axis] = place, place + 1
    spread = [convolution.groups, convolution.multiples] if convolution.multiples > 1 else [convolution.groups]
    return hlo.reshape(hlo.slice(kernel, starts, limits), spread)


def _scaled(part: ir.Value, weight: ir.Value, feature: int) -> ir.Value:
    """A channel of each group times its weights, whose dimensions take the place of dimension `feature`."""
    sizes = list(hlo.shape(part))
    sizes[feature : feature + 1] = hlo.shape(weight)
    places = [feature + axis for axis in range(hlo.rank(weight))]
    kept = [axis for axis in range(len(sizes)) if axis not in places[1:]]
    return hlo.multiply(hlo.broadcast_in_dim(part, sizes, kept), hlo.broadcast_in_dim(weight, sizes, places))


def _joined(value: ir.Value, feature: int, convolution: Convolution) -> ir.Value:
    """Groups and their features as the one dimension of features they are."""
    rank = hlo.rank(convolution.op.results[0])
    sizes = list(hlo.shape(value))
    last = feature + 1 + len(sizes) - rank
    return hlo.reshape(value, [*sizes[:feature], math.prod(sizes[feature:last]), *sizes[last:]])


def by_groups(convolution: Convolution, x: ir.Value, kernel: ir.Value) -> ir.Value:
    op, layout, groups = convolution.op, convolution.layout, convolution.groups
    attributes = attributes_of(op) | {"feature_group_count": hlo.i64(1)}
    outputs = layout.output_feature_dimension
    sizes = list(hlo.shape(op.results[0]))
    sizes[outputs] //= groups
    kind = hlo.make_type(sizes, hlo.element_type(op.results[0]))

    def pieces(value: ir.Value, axis: int) -> Sequence[ir.Value]:
        return hlo.split(value, axis, [hlo.shape(value)[axis] // groups] * groups)

    operands = zip(
        pieces(x, layout.input_feature_dimension),
        pieces(kernel, layout.kernel_output_feature_dimension),
        strict=True,
    )
    parts = [hlo.create(op.name, pair, [kind], attributes).results[0] for pair in operands]
    return hlo.concatenate(parts, outputs)


def by_planes(convolution: Convolution, x: ir.Value, kernel: ir.Value) -> ir.Value:
    """A convolution without the first spatial dimension, of all its planes at once; without groups."""
    op, layout = convolution.op, convolution.layout
    first, *others = layout.input_spatial_dimensions
    images = hlo.transpose(x, [layout.input_batch_dimension, first, *others, layout.input_feature_dimension])
    rest = [0] * (hlo.rank(x) - 2)
    low, high = convolution.padding[0]
    padded = hlo.pad(images, 0, [0, low, *rest], [0, high, *rest], [0, convolution.input_dilation[0] - 1, *rest])
    count, step = convolution.sizes[0], convolution.strides[0]
    starts = [place * convolution.kernel_dilation[0] for place in range(convolution.window[0])]
    planes = [hlo.slice_axis(padded, 1, start, start + (count - 1) * step + 1, step) for start in starts]
    wide = hlo.concatenate(planes, hlo.rank(x) - 1)
    batch, _, *sizes = hlo.shape(wide)
    turned = hlo.reverse(
        kernel,
        [axis for axis, turn in zip(layout.kernel_spatial_dimensions, convolution.reversed, strict=True) if turn],
    )
    inputs, outputs = layout.kernel_input_feature_dimension, layout.kernel_output_feature_dimension
    depth, *window = layout.kernel_spatial_dimensions
    flat = hlo.transpose(turned, [*window, depth, inputs, outputs])
    letters = "".join(chr(ord("a") + place) for place in range(len(others)))
    result = hlo.convolution(
        hlo.reshape(wide, [batch * count, *sizes]),
        hlo.reshape(flat, [*convolution.window[1:], sizes[-1], hlo.shape(kernel)[outputs]]),
        strides=convolution.strides[1:],
        padding=convolution.padding[1:],
        input_dilation=convolution.input_dilation[1:],
        kernel_dilation=convolution.kernel_dilation[1:],
        layout=(f"N{letters}C", f"{letters}IO", f"N{letters}C"),
        result_dtype=hlo.dtype(op.results[0]),
    )
    made = producer(result, "stablehlo.convolution")
    if made is not None and "precision_config" in op.attributes:
        made.attributes["precision_config"] = op.attributes["precision_config"]
    volumes = hlo.reshape(result, [batch, count, *hlo.shape(result)[1:]])
    places = [layout.output_batch_dimension, *layout.output_spatial_dimensions, layout.output_feature_dimension]
    return hlo.transpose(volumes, [places.index(axis) for axis in range(len(places))])
