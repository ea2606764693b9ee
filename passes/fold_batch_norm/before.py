"""A batch norm before a convolution or product becomes part of that one's weights, where nothing is padded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxlib.mlir import ir
from jaxlib.mlir.dialects import stablehlo

from oxide.dialects import hlo
from oxide.dialects.attributes import integer
from oxide.passes.canonicalize.matching import Declined, has_one_use
from oxide.passes.fold_batch_norm.norms import BatchNorm
from oxide.passes.fold_batch_norm.products import sides


@dataclass(frozen=True)
class Consumer:
    """A convolution or product that reads a norm's result; operand `number` is the kernel.

    `channels` are the kernel's dimensions that a channel's number depends on, of `groups` groups, `summed` those it
    is summed over, and `results` the dimensions of the result that the others become.
    """

    op: ir.Operation
    number: int
    channels: Sequence[int]
    groups: int
    summed: Sequence[int]
    results: Sequence[int]

    @property
    def kernel(self) -> ir.Value:
        return self.op.operands[self.number]


def consumer_after(norm: BatchNorm) -> Consumer | Declined | None:
    """What alone reads a norm's result and sums over its axis; None where nothing does."""
    result = norm.op.results[0]
    if not has_one_use(result):
        return None
    use = next(iter(result.uses))
    reader, number = use.owner.operation, use.operand_number
    if reader.name == "stablehlo.convolution" and number == 0:
        return _convolution(reader, norm.axis)
    return _dot(reader, number, norm.axis) if reader.name == "stablehlo.dot_general" else None


def fold(norm: BatchNorm, consumer: Consumer) -> list[ir.Value]:
    """Scale the kernel by channel, and add what it makes of the offsets to every element; answers both, which
    depend on weights alone."""
    result = consumer.op.results[0]
    with norm.op.location, ir.InsertionPoint(consumer.op):
        factor = norm.factor()
        scaled = hlo.multiply(consumer.kernel, _spread(factor, consumer))
        added = hlo.multiply(consumer.kernel, _spread(norm.offset(factor), consumer))
    with consumer.op.location, ir.InsertionPoint(consumer.op):
        copy = consumer.op.clone().operation
        copy.operands[1 - consumer.number], copy.operands[consumer.number] = norm.x, scaled
        constant = hlo.reduce_sum(added, consumer.summed)
        y = hlo.add(copy.results[0], hlo.broadcast_in_dim(constant, hlo.shape(result), consumer.results))
    result.replace_all_uses_with(y)
    consumer.op.erase()
    norm.op.erase()
    return [scaled, constant]


def _spread(channels: ir.Value, consumer: Consumer) -> ir.Value:
    """A number for each channel, for each element of the kernel."""
    shape = hlo.shape(consumer.kernel)
    if consumer.groups > 1:
        # A feature of the result reads the channels of its group.
        features, count = (shape[dimension] for dimension in consumer.channels)
        table = hlo.reshape(channels, [consumer.groups, count])
        wide = hlo.broadcast_in_dim(table, [consumer.groups, features // consumer.groups, count], [0, 2])
        channels = hlo.reshape(wide, [features, count])
    return hlo.broadcast_in_dim(channels, shape, consumer.channels)


def _convolution(op: ir.Operation, axis: int) -> Consumer | Declined | None:
    layout = stablehlo.ConvDimensionNumbers(op.attributes["dimension_numbers"])
    if layout.input_feature_dimension != axis:
        return None
    if not _pads_nothing(op):
        return Declined("what it feeds pads with zeros, which it would not normalise")
    if integer(op, "batch_group_count") > 1:
        return Declined("what it feeds has groups of batches")
    features, inputs = layout.kernel_output_feature_dimension, layout.kernel_input_feature_dimension
    groups = integer(op, "feature_group_count")
    channels = [features, inputs] if groups > 1 else [inputs]
    summed = [d for d in range(hlo.rank(op.operands[1])) if d != features]
    return Consumer(op, 1, channels, groups, summed, [layout.output_feature_dimension])


def _pads_nothing(op: ir.Operation) -> bool:
    """Whether every element that a window covers is one of the operand's."""
    padding, dilation = op.attributes.get("padding"), op.attributes.get("lhs_dilation")
    spread = dilation is not None and any(step != 1 for step in ir.DenseI64ArrayAttr(dilation))
    return not spread and (padding is None or not np.any(np.array(ir.DenseIntElementsAttr(padding))))


def _dot(op: ir.Operation, number: int, axis: int) -> Consumer | None:
    """A product that contracts `axis` of its operand `number`; the other is the kernel."""
    own, other = sides(op)[number], sides(op)[1 - number]
    if axis not in own.contracting:
        return None
    first = len(own.batching) + (len(own.free) if number == 0 else 0)
    results = [
        other.batching.index(d) if d in other.batching else first + other.free.index(d)
        for d in range(hlo.rank(op.operands[1 - number]))
        if d not in other.contracting
    ]
    channels = [other.contracting[own.contracting.index(axis)]]
    return Consumer(op, 1 - number, channels, 1, other.contracting, results)
