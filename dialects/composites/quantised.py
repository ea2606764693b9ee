"""Operations on 8-bit integers that stand for real numbers: (integer - zero) * scale."""

from __future__ import annotations

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import dims, dtypes, hlo
from oxide.dialects.composites.registry import composite
from oxide.dialects.composites.verifiers import Types, sizes
from oxide.dialects.diagnostics import OxideError

# Element types in which zeros are subtracted.
_DIFFERENCES = tuple(np.dtype(name) for name in ("int16", "int32", "int64", "float32"))


def _quantized_shapes(
    types: Types,
    strides: tuple[int, ...],
    padding: tuple[int, ...],
    dilation: tuple[int, ...],
    groups: int,
    layout: str,
) -> None:
    x, _, _, kernel, *_ = types
    spatial = x.rank - 2
    layouts = layout.split(",")
    fits = [len(text) == x.rank == kernel.rank for text in layouts]
    if spatial < 1 or len(fits) != 3 or not all(fits):
        raise OxideError(f"layout {layout!r} does not fit a convolution of {x} by {kernel}")
    if [len(strides), len(dilation), len(padding)] != [spatial, spatial, 2 * spatial] or groups < 1:
        raise OxideError(f"{spatial} strides and dilations, {2 * spatial} paddings and a number of groups wanted")
    _require_numbers(types, sizes(kernel)[layouts[1].index("O")])


def _require_numbers(types: Types, features: dims.Size) -> None:
    """8-bit integers with their scales and zeros, twice; those of the second may be one for each feature."""
    for integers, scale, zero, count in ((*types[:3], None), (*types[3:], features)):
        if dtypes.to_numpy(integers.element_type) not in (np.int8, np.uint8):
            raise OxideError(f"8-bit integers are needed, not {integers}")
        if dtypes.to_numpy(scale.element_type) != np.float32:
            raise OxideError(f"a scale is a float32, not {scale}")
        if dtypes.to_numpy(zero.element_type) not in _DIFFERENCES:
            raise OxideError(f"{zero} does not hold the differences of 8-bit integers")
        for tensor in (scale, zero):
            if tensor.rank > (0 if count is None else 1):
                raise OxideError(f"there is one number, or one for each feature of a kernel, not {tensor}")
            if tensor.rank and count is not None:
                message = f"{tensor} is not one number for each of {count} features"
                dims.require_equal(sizes(tensor)[0], count, message)


@composite(
    "quantized_convolution",
    operands=(6, 6),
    verify=_quantized_shapes,
    strides=tuple,
    padding=tuple,
    dilation=tuple,
    groups=int,
    layout=str,
)
def quantized_convolution(
    x: ir.Value,
    x_scale: ir.Value,
    x_zero: ir.Value,
    kernel: ir.Value,
    kernel_scale: ir.Value,
    kernel_zero: ir.Value,
    *,
    strides: tuple[int, ...],
    padding: tuple[int, ...],
    dilation: tuple[int, ...],
    groups: int,
    layout: str,
) -> ir.Value:
    """Convolution of (x - x_zero) * x_scale by (kernel - kernel_zero) * kernel_scale, in float32.

    x and kernel are int8 or uint8, scales float32; zeros are of any type that holds the differences.  x has one of
    each, a kernel one or one for each feature.  `padding` is (low, high) a dimension, of real zeros, and `layout`
    names dimensions as `hlo.convolution` does, "NCHW,OIHW,NCHW".
    """
    lhs, rhs, out = layout.split(",")
    return hlo.convolution(
        _real(x, x_scale, x_zero, 0),
        _real(kernel, kernel_scale, kernel_zero, rhs.index("O")),
        strides=strides,
        padding=list(zip(padding[::2], padding[1::2], strict=True)),
        kernel_dilation=dilation,
        groups=groups,
        layout=(lhs, rhs, out),
    )


def _product_axis(types: Types, axis: int) -> None:
    x, _, _, kernel, *_ = types
    if not x.rank or kernel.rank != 2 or axis not in (0, 1):
        raise OxideError(f"{x} and dimension {axis} of {kernel} make no linear layer")
    dims.require_equal(sizes(x)[-1], sizes(kernel)[axis], f"{x} does not fit dimension {axis} of {kernel}")
    _require_numbers(types, sizes(kernel)[1 - axis])


@composite("quantized_linear", operands=(6, 6), verify=_product_axis, axis=int)
def quantized_linear(
    x: ir.Value,
    x_scale: ir.Value,
    x_zero: ir.Value,
    kernel: ir.Value,
    kernel_scale: ir.Value,
    kernel_zero: ir.Value,
    *,
    axis: int,
) -> ir.Value:
    """Product of (x - x_zero) * x_scale [..., size] and (kernel - kernel_zero) * kernel_scale, in float32.

    Operands are as those of quantized_convolution; dimension `axis` of the kernel, a matrix, is summed over.
    """
    return hlo.dot_general(
        _real(x, x_scale, x_zero, 0),
        _real(kernel, kernel_scale, kernel_zero, 1 - axis),
        contract=([hlo.rank(x) - 1], [axis]),
    )


def _real(integers: ir.Value, scale: ir.Value, zero: ir.Value, axis: int) -> ir.Value:
    """(integers - zero) * scale, with scales and zeros along `axis` where there are several."""
    shape = hlo.shape(integers)
    scale, zero = (hlo.broadcast_in_dim(v, shape, [axis][: hlo.rank(v)]) for v in (scale, zero))
    difference = hlo.subtract(hlo.convert(integers, hlo.dtype(zero)), zero)
    return hlo.multiply(hlo.convert(difference, np.float32), scale)
