"""Operators that move whole blocks of images: Col2Im, CenterCropPad, DepthToSpace, SpaceToDepth."""

from __future__ import annotations

import math

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.frontends.onnx.ops.windows import check
from oxide.frontends.onnx.registry import Node, lowering


@lowering("Col2Im", 18)
def col2im(
    node: Node,
    x: ir.Value,
    image_shape: ir.Value,
    block_shape: ir.Value,
    *,
    dilations: list[int] | None = None,
    pads: list[int] | None = None,
    strides: list[int] | None = None,
) -> ir.Value:
    """Columns [N, C * prod(block), L] added into an image [N, C, image...], the L blocks in row-major order.

    One scatter: what a block has in the padding is outside of the image and dropped.
    """
    image = node.numbers(image_shape, "image_shape")
    block = node.numbers(block_shape, "block_shape")
    rank = len(image)
    check(node, "image_shape", image, rank, 0)
    check(node, "block_shape", block, rank, 1)
    steps = check(node, "strides", strides or [1] * rank, rank, 1)
    spread = check(node, "dilations", dilations or [1] * rank, rank, 1)
    padding = check(node, "pads", pads or [0] * 2 * rank, 2 * rank, 0)
    counts = [
        (n + padding[i] + padding[i + rank] - (b - 1) * d - 1) // s + 1
        for i, (n, b, d, s) in enumerate(zip(image, block, spread, steps, strict=True))
    ]
    size = math.prod(block)
    if hlo.rank(x) != 3 or hlo.shape(x)[1] % size or min(counts) < 0 or hlo.shape(x)[2] != math.prod(counts):
        raise node.error(
            f"an input of shape {hlo.shape(x)} does not hold {counts} blocks of {block} for an image of {image}"
        )
    batch, rows, blocks = hlo.shape(x)
    elements = np.indices(block).reshape(rank, size, 1) * np.array(spread).reshape(rank, 1, 1)
    corners = np.indices(counts).reshape(rank, 1, blocks) * np.array(steps).reshape(rank, 1, 1)
    places = elements + corners - np.array(padding[:rank]).reshape(rank, 1, 1)
    channels = rows // size
    return hlo.scatter(
        hlo.full([batch, channels, *image], 0, hlo.dtype(x)),
        hlo.constant(np.ascontiguousarray(np.moveaxis(places, 0, -1)).astype(np.int64)),
        hlo.reshape(x, [batch, channels, size, blocks]),
        kind="or" if hlo.dtype(x) == np.bool_ else "add",
        update_window_dims=[0, 1],
        inserted=range(2, 2 + rank),
        scattered=range(2, 2 + rank),
        index_vector_dim=2,
    )


@lowering("CenterCropPad", 18)
def center_crop_pad(node: Node, x: ir.Value, shape: ir.Value, *, axes: list[int] | None = None) -> ir.Value:
    """Axes cut or filled with zeros about their centre; an odd element is dropped or added at the end."""
    rank = hlo.rank(x)
    chosen = hlo.normalize_axes(range(rank) if axes is None else axes, rank)
    sizes = node.numbers(shape, "shape")
    if len(sizes) != len(chosen) or min(sizes, default=0) < 0:
        raise node.error(f"shape {sizes} does not fit the axes {chosen}")
    low, high = [0] * rank, [0] * rank
    for axis, size in zip(chosen, sizes, strict=True):
        excess = hlo.shape(x)[axis] - size
        before = excess // 2 if excess > 0 else -(-excess // 2)
        low[axis], high[axis] = -before, before - excess
    return hlo.pad(x, 0, low, high)


def _blocks(node: Node, mode: str, blocksize: int, x: ir.Value) -> None:
    if mode not in ("DCR", "CRD"):
        raise node.error(f"mode is {mode!r}, expected DCR or CRD")
    if hlo.rank(x) != 4 or blocksize < 1:
        raise node.error(f"blocks of {blocksize} in an input of shape {hlo.shape(x)}: [N, C, H, W] is needed")


@lowering("DepthToSpace", 1, 11, 13, 28)
def depth_to_space(node: Node, x: ir.Value, *, blocksize: int, mode: str = "DCR") -> ir.Value:
    """[N, C, H, W] to [N, C / b^2, H b, W b]; channels are (row, column, depth) in DCR, depth first in CRD."""
    _blocks(node, mode, blocksize, x)
    n, c, h, w = hlo.shape(x)
    depth, rest = divmod(c, blocksize * blocksize)
    if rest:
        raise node.error(f"{c} channels do not divide by {blocksize} * {blocksize}")
    if mode == "DCR":
        parts = hlo.transpose(hlo.reshape(x, [n, blocksize, blocksize, depth, h, w]), [0, 3, 4, 1, 5, 2])
    else:
        parts = hlo.transpose(hlo.reshape(x, [n, depth, blocksize, blocksize, h, w]), [0, 1, 4, 2, 5, 3])
    return hlo.reshape(parts, [n, depth, h * blocksize, w * blocksize])


@lowering("SpaceToDepth", 1, 13, 28)
def space_to_depth(node: Node, x: ir.Value, *, blocksize: int, mode: str = "DCR") -> ir.Value:
    """[N, C, H, W] to [N, C b^2, H / b, W / b], the inverse of DepthToSpace."""
    _blocks(node, mode, blocksize, x)
    n, c, h, w = hlo.shape(x)
    if h % blocksize or w % blocksize:
        raise node.error(f"an image of {h} by {w} does not divide into blocks of {blocksize}")
    parts = hlo.reshape(x, [n, c, h // blocksize, blocksize, w // blocksize, blocksize])
    order = [0, 3, 5, 1, 2, 4] if mode == "DCR" else [0, 1, 3, 5, 2, 4]
    return hlo.reshape(hlo.transpose(parts, order), [n, c * blocksize**2, h // blocksize, w // blocksize])
