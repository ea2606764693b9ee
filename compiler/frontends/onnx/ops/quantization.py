"""QuantizeLinear and DequantizeLinear, and the integer arithmetic of quantised operators.

Products are accumulated in int32, exactly; scales are applied in float32 and rounded half to even.
"""

from __future__ import annotations

import ml_dtypes
import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import dtypes, hlo
from oxide.frontends.onnx.initializers import element_dtype
from oxide.frontends.onnx.ops.cast import convert
from oxide.frontends.onnx.ops.windows import window
from oxide.frontends.onnx.registry import Node, lowering


@lowering("QuantizeLinear", 10, 13, 19, 21, 23, 24, 25, 28)
def quantize_linear(
    node: Node,
    x: ir.Value,
    scale: ir.Value,
    zero_point: ir.Value | None = None,
    *,
    axis: int = 1,
    saturate: int = 1,
    block_size: int = 0,
    output_dtype: int = 0,
    precision: int = 0,
) -> ir.Value:
    """saturate(round(x / scale) + zero_point); float results are rounded by the conversion itself."""
    target = element_dtype(output_dtype, "the result") if output_dtype else None
    if zero_point is not None:
        if target not in (None, hlo.dtype(zero_point)):
            raise node.error(f"output_dtype asks for {target}, the zero point has type {hlo.dtype(zero_point)}")
        target = hlo.dtype(zero_point)
    target = target or np.dtype(np.uint8)
    division = element_dtype(precision, "the division") if precision else _division_dtype(x, scale)
    if not dtypes.is_float(division):
        raise node.error(f"precision is {division}, expected a floating point type")
    spread = _spread(node, hlo.convert(scale, division), x, axis, block_size)
    ratio = hlo.divide(hlo.convert(x, division), spread)
    zero = None if zero_point is None else _spread(node, zero_point, x, axis, block_size)
    return _quantize(ratio, zero, target, saturate=bool(saturate))


def _division_dtype(x: ir.Value, scale: ir.Value) -> np.dtype:
    """The scale's dtype; the dtypes that cannot divide (int32, float8e8m0) leave it to x, or to float32."""
    for kind in (hlo.dtype(scale), hlo.dtype(x)):
        if kind in (np.float32, np.float16, ml_dtypes.bfloat16):
            return kind
    return np.dtype(np.float32)


def _quantize(ratio: ir.Value, zero: ir.Value | None, target: np.dtype, *, saturate: bool = True) -> ir.Value:
    """Round a scaled value, add the zero point, and saturate to `target`."""
    if not dtypes.is_integer(target):
        if zero is not None:
            ratio = hlo.add(ratio, hlo.convert(zero, hlo.dtype(ratio)))
        return convert(ratio, target, saturate=saturate)
    limits = ml_dtypes.iinfo(target)
    # Half precision cannot hold the sum with a 16-bit zero point.
    rounded = hlo.convert(hlo.round_half_even(ratio), np.float32)
    if zero is not None:
        rounded = hlo.add(rounded, hlo.convert(zero, np.float32))
    return hlo.convert(hlo.clamp(int(limits.min), rounded, int(limits.max)), target)


@lowering("DequantizeLinear", 10, 13, 19, 21, 23, 24, 25, 28)
def dequantize_linear(
    node: Node,
    x: ir.Value,
    scale: ir.Value,
    zero_point: ir.Value | None = None,
    *,
    axis: int = 1,
    block_size: int = 0,
    output_dtype: int = 0,
) -> ir.Value:
    """(x - zero_point) * scale, computed in float32."""
    target = element_dtype(output_dtype, "the result") if output_dtype else hlo.dtype(scale)
    centred = x
    if zero_point is not None:
        if hlo.dtype(zero_point) != hlo.dtype(x):
            raise node.error(f"x has type {hlo.dtype(x)}, its zero point {hlo.dtype(zero_point)}")
        # The difference of integers does not fit their own type; int32 takes no zero point but 0.
        exact = np.int32 if dtypes.is_integer(hlo.dtype(x)) else np.float32
        zero = _spread(node, hlo.convert(zero_point, exact), x, axis, block_size)
        centred = hlo.subtract(hlo.convert(x, exact), zero)
    factor = _spread(node, hlo.convert(scale, np.float32), x, axis, block_size)
    return hlo.convert(hlo.multiply(hlo.convert(centred, np.float32), factor), target)


def _spread(node: Node, value: ir.Value, x: ir.Value, axis: int, block_size: int) -> ir.Value:
    """A scale or zero point in a shape that broadcasts to x: per tensor, per axis or per block."""
    if hlo.size(value) == 1 and not (block_size and hlo.rank(value) == hlo.rank(x)):
        return hlo.reshape(value, [])
    dims = hlo.shape(x)
    axis = hlo.normalize_axis(axis, len(dims))
    if not block_size:
        if hlo.shape(value) != (dims[axis],):
            raise node.error(
                f"a scale or zero point of shape {hlo.shape(value)} does not fit axis {axis} of {dims}"
            )
        return hlo.reshape(value, [d if i == axis else 1 for i, d in enumerate(dims)])
    blocks = -(-dims[axis] // block_size)
    if block_size < 0 or hlo.shape(value) != (*dims[:axis], blocks, *dims[axis + 1 :]):
        raise node.error(
            f"a scale or zero point of shape {hlo.shape(value)} does not fit blocks of {block_size} along axis "
            f"{axis} of {dims}"
        )
    repeated = hlo.broadcast_to(
        hlo.expand_dims(value, [axis + 1]), [*dims[:axis], blocks, block_size, *dims[axis + 1 :]]
    )
    whole = hlo.reshape(repeated, [*dims[:axis], blocks * block_size, *dims[axis + 1 :]])
    return hlo.slice_axis(whole, axis, 0, dims[axis])


@lowering("DynamicQuantizeLinear", 11)
def dynamic_quantize_linear(node: Node, x: ir.Value) -> tuple[ir.Value, ir.Value, ir.Value]:
    """uint8 with a scale and zero point that cover x's range, widened to include 0."""
    high = hlo.maximum(hlo.reduce_max(x), 0)
    low = hlo.minimum(hlo.reduce_min(x), 0)
    scale = hlo.divide(hlo.subtract(high, low), 255)
    # A tensor of zeros has no range; any scale represents it, and 1 divides.
    scale = hlo.select(hlo.equal(scale, 0), 1, scale)
    zero = _quantize(hlo.divide(hlo.negate(low), scale), None, np.dtype(np.uint8))
    return _quantize(hlo.divide(x, scale), zero, np.dtype(np.uint8)), scale, zero


# ------------------------------------------------------------------------------------ integer contractions


@lowering("MatMulInteger", 10)
def matmul_integer(
    node: Node,
    a: ir.Value,
    b: ir.Value,
    a_zero_point: ir.Value | None = None,
    b_zero_point: ir.Value | None = None,
) -> ir.Value:
    """(a - a_zero_point) @ (b - b_zero_point) in int32."""
    a_zero, b_zero = _nonzero(node, a_zero_point), _nonzero(node, b_zero_point)
    return hlo.matmul(*_centred(a, a_zero and _per_row(a_zero, a), b, b_zero), result_dtype=np.int32)


@lowering("QLinearMatMul", 10, 21)
def qlinear_matmul(
    node: Node,
    a: ir.Value,
    a_scale: ir.Value,
    a_zero_point: ir.Value,
    b: ir.Value,
    b_scale: ir.Value,
    b_zero_point: ir.Value,
    y_scale: ir.Value,
    y_zero_point: ir.Value,
) -> ir.Value:
    product = matmul_integer(node, a, b, a_zero_point, b_zero_point)
    factor = _factor(_per_row(a_scale, a), b_scale, y_scale)
    return _quantize(
        hlo.multiply(hlo.convert(product, np.float32), factor), _scalar(y_zero_point), hlo.dtype(y_zero_point)
    )


@lowering("ConvInteger", 10)
def conv_integer(
    node: Node,
    x: ir.Value,
    w: ir.Value,
    x_zero_point: ir.Value | None = None,
    w_zero_point: ir.Value | None = None,
    *,
    auto_pad: str = "NOTSET",
    dilations: list[int] | None = None,
    group: int = 1,
    kernel_shape: list[int] | None = None,
    pads: list[int] | None = None,
    strides: list[int] | None = None,
) -> ir.Value:
    """Convolution of (x - x_zero_point) with (w - w_zero_point) in int32: padding is x's zero point."""
    if hlo.rank(x) < 3 or hlo.rank(w) != hlo.rank(x):
        raise node.error(
            f"x of shape {hlo.shape(x)} and w of shape {hlo.shape(w)} must have one rank of at least 3"
        )
    if kernel_shape is not None and list(kernel_shape) != list(hlo.shape(w)[2:]):
        raise node.error(f"kernel_shape is {kernel_shape} but w has shape {hlo.shape(w)}")
    win = window(node, x, hlo.shape(w)[2:], strides, pads, dilations, auto_pad)
    x_zero, w_zero = _nonzero(node, x_zero_point), _nonzero(node, w_zero_point)
    return hlo.convolution(
        *_centred(x, x_zero, w, w_zero and _per_channel(w_zero, hlo.rank(w), 0)),
        strides=win.strides,
        padding=win.padding,
        kernel_dilation=win.dilations,
        groups=group,
        result_dtype=np.int32,
    )


@lowering("QLinearConv", 10)
def qlinear_conv(
    node: Node,
    x: ir.Value,
    x_scale: ir.Value,
    x_zero_point: ir.Value,
    w: ir.Value,
    w_scale: ir.Value,
    w_zero_point: ir.Value,
    y_scale: ir.Value,
    y_zero_point: ir.Value,
    bias: ir.Value | None = None,
    *,
    auto_pad: str = "NOTSET",
    dilations: list[int] | None = None,
    group: int = 1,
    kernel_shape: list[int] | None = None,
    pads: list[int] | None = None,
    strides: list[int] | None = None,
) -> ir.Value:
    """The int32 bias has the scale of the products, x_scale * w_scale, so it is added before scaling."""
    total = conv_integer(
        node,
        x,
        w,
        x_zero_point,
        w_zero_point,
        auto_pad=auto_pad,
        dilations=dilations,
        group=group,
        kernel_shape=kernel_shape,
        pads=pads,
        strides=strides,
    )
    if bias is not None:
        total = hlo.add(total, _per_channel(bias, hlo.rank(x), 1))
    factor = _factor(_scalar(x_scale), _per_channel(w_scale, hlo.rank(x), 1), y_scale)
    return _quantize(
        hlo.multiply(hlo.convert(total, np.float32), factor), _scalar(y_zero_point), hlo.dtype(y_zero_point)
    )


def _factor(x_scale: ir.Value, w_scale: ir.Value, y_scale: ir.Value) -> ir.Value:
    """What turns integer products into steps of the result: x_scale * w_scale / y_scale in float32."""
    x_scale, w_scale, y_scale = (hlo.convert(s, np.float32) for s in (x_scale, w_scale, _scalar(y_scale)))
    return hlo.divide(hlo.multiply(x_scale, w_scale), y_scale)


def _centred(
    a: ir.Value, a_zero: ir.Value | None, b: ir.Value, b_zero: ir.Value | None
) -> tuple[ir.Value, ir.Value]:
    """The factors of an integer product less their zero points, in int32.

    8-bit factors of one type without zero points stay as they are, which hardware multiplies fastest.
    """
    if a_zero is None and b_zero is None and hlo.dtype(a) == hlo.dtype(b):
        return a, b
    return _less(a, a_zero), _less(b, b_zero)


def _less(x: ir.Value, zero: ir.Value | None) -> ir.Value:
    wide = hlo.convert(x, np.int32)
    return wide if zero is None else hlo.subtract(wide, hlo.convert(_scalar(zero), np.int32))


def _nonzero(node: Node, zero_point: ir.Value | None) -> ir.Value | None:
    """A zero point, or None when it is known to be 0."""
    known = node.static_or_none(zero_point)
    return zero_point if known is None or known.any() else None


def _scalar(value: ir.Value) -> ir.Value:
    """One element as a scalar, anything larger as it is."""
    return hlo.reshape(value, []) if hlo.size(value) == 1 else value


def _per_row(value: ir.Value, a: ir.Value) -> ir.Value:
    """A vector with one element a row of `a` as a column; other shapes broadcast by themselves."""
    if hlo.size(value) == 1 or hlo.rank(value) != 1 or hlo.rank(a) < 2:
        return _scalar(value)
    return hlo.reshape(value, [hlo.size(value), 1])


def _per_channel(value: ir.Value, rank: int, axis: int) -> ir.Value:
    """A scalar, or a vector laid along one dimension of `rank`."""
    if hlo.size(value) == 1:
        return _scalar(value)
    return hlo.reshape(value, [hlo.size(value) if i == axis else 1 for i in range(rank)])
