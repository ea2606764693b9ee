"""A convolution with its attributes spelled out, and the parts of its input that the windows read."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxlib.mlir import ir
from jaxlib.mlir.dialects import stablehlo

from oxide.dialects import hlo
from oxide.dialects.attributes import integer, integers


@dataclass(frozen=True)
class Convolution:
    """A convolution of static shape; lists have a number for each spatial dimension.

    Attributes that the operation leaves out have their defaults here (StableHLO specification, convolution).
    """

    op: ir.Operation
    layout: stablehlo.ConvDimensionNumbers
    window: list[int]
    strides: list[int]
    padding: list[tuple[int, int]]
    input_dilation: list[int]
    kernel_dilation: list[int]
    reversed: list[bool]
    groups: int
    batch_groups: int

    @property
    def depth(self) -> int:
        """How many features of the input one of the result reads."""
        return hlo.shape(self.op.operands[1])[self.layout.kernel_input_feature_dimension]

    @property
    def multiples(self) -> int:
        """How many features of the result a group has."""
        features = hlo.shape(self.op.operands[1])[self.layout.kernel_output_feature_dimension]
        return features // (self.groups * self.batch_groups)

    @property
    def terms(self) -> int:
        """How many products are summed up in an element of the result."""
        return math.prod(self.window) * self.depth

    @property
    def sizes(self) -> list[int]:
        """Of the result's spatial dimensions."""
        shape = hlo.shape(self.op.results[0])
        return [shape[axis] for axis in self.layout.output_spatial_dimensions]

    @property
    def order(self) -> list[int]:
        """The dimension of the input, its windows counted, that each dimension of the result is."""
        layout = self.layout
        places = dict(zip(layout.output_spatial_dimensions, layout.input_spatial_dimensions, strict=True))
        places[layout.output_batch_dimension] = layout.input_batch_dimension
        places[layout.output_feature_dimension] = layout.input_feature_dimension
        return [places[axis] for axis in range(len(places))]

    def padded(self, x: ir.Value) -> ir.Value:
        """The input with the zeros of padding and dilation."""
        low, high, inner = ([0] * hlo.rank(x) for _ in range(3))
        for place, axis in enumerate(self.layout.input_spatial_dimensions):
            low[axis], high[axis] = self.padding[place]
            inner[axis] = self.input_dilation[place] - 1
        return hlo.pad(x, 0, low, high, inner)

    def spatial_slice(
        self, x: ir.Value, starts: Sequence[int], counts: Sequence[int], steps: Sequence[int]
    ) -> ir.Value:
        """Every so many elements of an input in each spatial dimension."""
        begin, end, every = [0] * hlo.rank(x), list(hlo.shape(x)), [1] * hlo.rank(x)
        for axis, start, count, step in zip(
            self.layout.input_spatial_dimensions, starts, counts, steps, strict=True
        ):
            begin[axis], end[axis], every[axis] = start, start + (count - 1) * step + 1, step
        return hlo.slice(x, begin, end, every)

    def kernel_index(self, tap: Sequence[int]) -> list[int]:
        """Where in the kernel an element of the window is, by spatial dimension."""
        window = zip(tap, self.window, self.reversed, strict=True)
        return [size - 1 - place if is_reversed else place for place, size, is_reversed in window]


def read_convolution(op: ir.Operation) -> Convolution:
    layout = stablehlo.ConvDimensionNumbers(op.attributes["dimension_numbers"])
    kernel = hlo.shape(op.operands[1])
    count = len(layout.kernel_spatial_dimensions)

    def numbers(name: str) -> list[int]:
        return integers(op, name) if name in op.attributes else [1] * count

    padding = np.asarray(op.attributes["padding"]).tolist() if "padding" in op.attributes else [(0, 0)] * count
    reversal = "window_reversal"
    return Convolution(
        op=op,
        layout=layout,
        window=[kernel[axis] for axis in layout.kernel_spatial_dimensions],
        strides=numbers("window_strides"),
        padding=[(low, high) for low, high in padding],
        input_dilation=numbers("lhs_dilation"),
        kernel_dilation=numbers("rhs_dilation"),
        reversed=list(ir.DenseBoolArrayAttr(op.attributes[reversal]))
        if reversal in op.attributes
        else [False] * count,
        groups=integer(op, "feature_group_count"),
        batch_groups=integer(op, "batch_group_count"),
    )
