"""RoiAlign and MaxRoiPool: pooling over boxes given at run time.

R boxes, C channels, H by W elements, bins of the output PH by PW, samples S a bin and dimension.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.frontends.onnx.ops import sampling
from oxide.frontends.onnx.registry import Node, lowering

# ---------------------------------------------------------------------------------------------- RoiAlign


@dataclass(frozen=True)
class Side:
    """One dimension of all boxes: where they start and how large a bin is ([R] each), in elements of x."""

    length: int
    bins: int
    start: ir.Value
    bin_size: ir.Value

    def samples(self, number: ir.Value, count: ir.Value) -> sampling.Taps:
        """Taps of the samples `number` [S] of `count` [R] evenly spread ones in every bin, [R, bins, S, 2].

        Samples up to one element outside of x count as its edge, those further away have the weight 0.
        """
        kind = hlo.dtype(self.start)
        start, size, count = (hlo.expand_dims(v, [1, 2]) for v in (self.start, self.bin_size, count))
        index = hlo.reshape(hlo.iota([self.bins], 0, kind), [1, self.bins, 1])
        within = hlo.divide(hlo.multiply(hlo.add(number, 0.5), size), count)
        position = hlo.add(hlo.add(start, hlo.multiply(index, size)), within)
        near = hlo.and_(hlo.greater_equal(position, -1), hlo.less_equal(position, self.length))
        last = self.length - 1
        taps = sampling.taps(
            hlo.clamp(0, position, last), self.length, "linear", lambda spot: hlo.clamp(0, spot, last)
        )
        return sampling.Taps(taps.indices, hlo.select(hlo.expand_dims(near, [-1]), taps.weights, 0))


@lowering("RoiAlign", 10)
def roi_align_10(
    node: Node,
    x: ir.Value,
    rois: ir.Value,
    batch_indices: ir.Value,
    *,
    mode: str = "avg",
    output_height: int = 1,
    output_width: int = 1,
    sampling_ratio: int = 0,
    spatial_scale: float = 1.0,
) -> ir.Value:
    return roi_align(
        node,
        x,
        rois,
        batch_indices,
        coordinate_transformation_mode="output_half_pixel",
        mode=mode,
        output_height=output_height,
        output_width=output_width,
        sampling_ratio=sampling_ratio,
        spatial_scale=spatial_scale,
    )


@lowering("RoiAlign", 16, 22)
def roi_align(
    node: Node,
    x: ir.Value,
    rois: ir.Value,
    batch_indices: ir.Value,
    *,
    coordinate_transformation_mode: str = "half_pixel",
    mode: str = "avg",
    output_height: int = 1,
    output_width: int = 1,
    sampling_ratio: int = 0,
    spatial_scale: float = 1.0,
) -> ir.Value:
    """[R, C, PH, PW] from boxes (x1, y1, x2, y2) [R, 4] (He et al., 2017).

    With sampling_ratio 0 a box has ceil(bin size) samples a bin: a loop runs to the largest of them.
    """
    half_pixel = coordinate_transformation_mode == "half_pixel"
    if not half_pixel and coordinate_transformation_mode != "output_half_pixel":
        raise node.error(
            f"coordinate_transformation_mode is {coordinate_transformation_mode!r}, expected half_pixel or "
            "output_half_pixel"
        )
    if mode not in ("avg", "max"):
        raise node.error(f"mode is {mode!r}, expected avg or max")
    boxes = hlo.shape(rois)
    if hlo.rank(x) != 4 or len(boxes) != 2 or boxes[1] != 4 or hlo.shape(batch_indices) != boxes[:1]:
        raise node.error(
            f"x of shape {hlo.shape(x)}, rois of shape {boxes} and batch_indices of shape "
            f"{hlo.shape(batch_indices)}: [N, C, H, W], [R, 4] and [R] are needed"
        )
    if min(output_height, output_width) < 1 or 0 in hlo.shape(x)[2:]:
        raise node.error(f"cannot pool {hlo.shape(x)} to {output_height} by {output_width}")
    kind = sampling.compute_dtype(x)
    corners = hlo.multiply(hlo.convert(rois, kind), spatial_scale)
    if half_pixel:
        corners = hlo.subtract(corners, 0.5)
    height, width = hlo.shape(x)[2:]
    vertical = _side(corners, 1, height, output_height, at_least_one=not half_pixel)
    horizontal = _side(corners, 0, width, output_width, at_least_one=not half_pixel)
    image = hlo.convert(hlo.transpose(x, [0, 2, 3, 1]), kind)
    reader = Reader(image, batch_indices, vertical, horizontal, mode)
    pooled = reader.fixed(sampling_ratio) if sampling_ratio > 0 else reader.adaptive()
    return hlo.convert(hlo.transpose(pooled, [0, 3, 1, 2]), hlo.dtype(x))


def _side(corners: ir.Value, column: int, length: int, bins: int, *, at_least_one: bool) -> Side:
    start, end = (hlo.squeeze(hlo.slice_axis(corners, 1, c, c + 1), [1]) for c in (column, column + 2))
    extent = hlo.subtract(end, start)
    if at_least_one:
        extent = hlo.maximum(extent, 1)
    return Side(length, bins, start, hlo.divide(extent, bins))


@dataclass(frozen=True)
class Reader:
    """Pools samples of an image [N, H, W, C] for boxes on the images `batch` [R]; results are [R, PH, PW, C]."""

    image: ir.Value
    batch: ir.Value
    vertical: Side
    horizontal: Side
    mode: str

    def fixed(self, ratio: int) -> ir.Value:
        """`ratio` by `ratio` samples a bin, all at once."""
        count = hlo.full_like(self.vertical.start, ratio)
        number = hlo.iota([ratio], 0, hlo.dtype(count))
        terms = self._terms(self.vertical.samples(number, count), self.horizontal.samples(number, count))
        if self.mode == "max":
            return hlo.reduce_max(terms, [3, 4, 5])
        return hlo.divide(hlo.reduce_sum(terms, [3, 4, 5]), ratio * ratio)

    def adaptive(self) -> ir.Value:
        """ceil(bin size) samples a bin: one sample of every bin of every box an iteration."""
        rows, columns = (hlo.maximum(hlo.ceil(s.bin_size), 0) for s in (self.vertical, self.horizontal))
        kind = hlo.dtype(rows)
        most_rows, most_columns = (hlo.convert(hlo.reduce_max(v), np.int32) for v in (rows, columns))
        dims = [hlo.size(rows), self.vertical.bins, self.horizontal.bins, hlo.shape(self.image)[3]]
        start = hlo.lowest(kind) if self.mode == "max" else 0
        one = hlo.maximum(rows, 1), hlo.maximum(columns, 1)

        def body(index: ir.Value, total: ir.Value) -> hlo.Step:
            row = hlo.convert(hlo.divide(index, most_columns), kind)
            column = hlo.convert(hlo.remainder(index, most_columns), kind)
            terms = self._terms(
                self.vertical.samples(hlo.reshape(row, [1]), one[0]),
                self.horizontal.samples(hlo.reshape(column, [1]), one[1]),
            )
            taken = hlo.reshape(hlo.and_(hlo.less(row, rows), hlo.less(column, columns)), [dims[0], 1, 1, 1])
            if self.mode == "max":
                found = hlo.maximum(total, hlo.reduce_max(terms, [3, 4, 5]))
            else:
                found = hlo.add(total, hlo.reduce_sum(terms, [3, 4, 5]))
            return hlo.Step([hlo.select(taken, found, total)])

        (total,) = hlo.loop(hlo.multiply(most_rows, most_columns), body, [hlo.full(dims, start, kind)]).state
        samples = hlo.reshape(hlo.multiply(rows, columns), [dims[0], 1, 1, 1])
        if self.mode == "max":
            return hlo.select(hlo.greater(samples, 0), total, 0)
        return hlo.divide(total, hlo.maximum(samples, 1))

    def _terms(self, rows: sampling.Taps, columns: sampling.Taps) -> ir.Value:
        """Weighted elements [R, PH, PW, S, S, 4, C] from taps [R, PH, S, 2] and [R, PW, S, 2]."""
        boxes, high, samples = hlo.shape(rows.indices)[:3]
        wide = hlo.shape(columns.indices)[1]
        full = [boxes, high, wide, samples, samples, 2]

        def spread(taps: sampling.Taps, mapping: list[int]) -> sampling.Taps:
            fields = [hlo.broadcast_in_dim(v, full, mapping) for v in (taps.indices, taps.weights)]
            return sampling.Taps(*fields)

        places, weights = sampling.combined([spread(rows, [0, 1, 3, 5]), spread(columns, [0, 2, 4, 5])])
        images = hlo.broadcast_in_dim(hlo.convert(self.batch, np.int32), [*hlo.shape(places)[:-1], 1], [0])
        values = hlo.gather_nd(self.image, hlo.concatenate([images, places], -1))
        return hlo.multiply(values, hlo.expand_dims(weights, [-1]))


# -------------------------------------------------------------------------------------------- MaxRoiPool


@lowering("MaxRoiPool", 1, 22)
def max_roi_pool(
    node: Node, x: ir.Value, rois: ir.Value, *, pooled_shape: list[int], spatial_scale: float = 1.0
) -> ir.Value:
    """[R, C, PH, PW]: the largest element of every bin of boxes (image, x1, y1, x2, y2) (Girshick, 2015).

    One box an iteration, so that memory does not grow with the number of boxes times the size of the image.
    """
    if hlo.rank(x) != 4 or hlo.shape(rois)[1:] != (5,) or len(pooled_shape) != 2 or min(pooled_shape) < 1:
        raise node.error(
            f"x of shape {hlo.shape(x)}, rois of shape {hlo.shape(rois)} and pooled_shape {pooled_shape}: "
            "[N, C, H, W], [R, 5] and two positive sizes are needed"
        )
    height, width = hlo.shape(x)[2:]
    kind = sampling.compute_dtype(x)
    boxes = hlo.convert(rois, kind)
    lowest = float(hlo.lowest(hlo.dtype(x)))

    def body(index: ir.Value) -> hlo.Step:
        box = hlo.element_at(boxes, index)
        number, *edges = (hlo.reshape(hlo.slice_axis(box, 0, i, i + 1), []) for i in range(5))
        left, top, right, bottom = (hlo.round_half_away(hlo.multiply(e, spatial_scale)) for e in edges)
        image = hlo.element_at(x, hlo.convert(number, np.int32))
        rows = _in_bins(top, bottom, height, pooled_shape[0])
        columns = _in_bins(left, right, width, pooled_shape[1])
        # [PH, C, W], then [PH, PW, C]
        strips = hlo.reduce_max(hlo.select(hlo.expand_dims(rows, [1, 3]), hlo.expand_dims(image, [0]), lowest), [2])
        bins = hlo.reduce_max(
            hlo.select(hlo.expand_dims(columns, [0, 2]), hlo.expand_dims(strips, [1]), lowest), [3]
        )
        filled = hlo.and_(hlo.reduce(hlo.expand_dims(rows, [1]), "or", [2]), hlo.reduce(columns, "or", [1]))
        pooled = hlo.select(hlo.expand_dims(filled, [2]), bins, 0)
        return hlo.Step([], [hlo.Element(hlo.transpose(pooled, [2, 0, 1]))])

    return hlo.loop(hlo.shape(rois)[0], body, []).stacked[0]


def _in_bins(first: ir.Value, last: ir.Value, length: int, bins: int) -> ir.Value:
    """Which positions [length] belong to which bins of [first, last]: bool [bins, length].  Bins overlap."""
    kind = hlo.dtype(first)
    size = hlo.divide(hlo.maximum(hlo.add(hlo.subtract(last, first), 1), 1), bins)
    number = hlo.iota([bins, 1], 0, kind)
    begin = hlo.add(hlo.floor(hlo.multiply(number, size)), first)
    end = hlo.add(hlo.ceil(hlo.multiply(hlo.add(number, 1), size)), first)
    place = hlo.iota([1, length], 1, kind)
    return hlo.and_(hlo.greater_equal(place, begin), hlo.less(place, end))
