"""Conv and ConvTranspose in any number of dimensions."""

from __future__ import annotations

from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.diagnostics import OxideError
from oxide.frontends.onnx.ops.windows import check, window
from oxide.frontends.onnx.registry import Node, lowering


@lowering("Conv", 1, 11, 22)
def conv(
    node: Node,
    x: ir.Value,
    w: ir.Value,
    b: ir.Value | None = None,
    *,
    auto_pad: str = "NOTSET",
    dilations: list[int] | None = None,
    group: int = 1,
    kernel_shape: list[int] | None = None,
    pads: list[int] | None = None,
    strides: list[int] | None = None,
) -> ir.Value:
    """Cross-correlation of [N, C, spatial...] with [M, C / group, kernel...]."""
    node.check_rank(x, "X", least=3)
    node.check_rank(w, "W", hlo.rank(x))
    if kernel_shape is not None and list(kernel_shape) != list(hlo.shape(w)[2:]):
        raise node.error(f"kernel_shape is {kernel_shape} but W has shape {hlo.shape(w)}")
    win = window(node, x, hlo.shape(w)[2:], strides, pads, dilations, auto_pad)
    channels, (maps, taken) = hlo.shape(x)[1], hlo.shape(w)[:2]
    if group < 1 or maps % group or channels != taken * group:
        raise node.error(f"X {hlo.shape(x)} and W {hlo.shape(w)} do not fit {group} groups")
    y = hlo.convolution(x, w, strides=win.strides, padding=win.padding, kernel_dilation=win.dilations, groups=group)
    return add_channels(y, b)


def add_channels(y: ir.Value, b: ir.Value | None) -> ir.Value:
    """y plus a bias of one value a channel (dimension 1)."""
    if b is not None and hlo.shape(b) != hlo.shape(y)[1:2]:
        raise OxideError(
            f"a bias of shape {hlo.shape(b)} does not fit {hlo.shape(y)}: one value a channel is needed"
        )
    return y if b is None else hlo.add(y, hlo.broadcast_in_dim(b, hlo.shape(y), [1]))


@lowering("ConvTranspose", 1, 11, 22)
def conv_transpose(
    node: Node,
    x: ir.Value,
    w: ir.Value,
    b: ir.Value | None = None,
    *,
    auto_pad: str = "NOTSET",
    dilations: list[int] | None = None,
    group: int = 1,
    kernel_shape: list[int] | None = None,
    output_padding: list[int] | None = None,
    output_shape: list[int] | None = None,
    pads: list[int] | None = None,
    strides: list[int] | None = None,
) -> ir.Value:
    """The gradient of Conv by its input: a convolution of the dilated input with the mirrored kernel.

    W is [C, M / group, kernel...].  The kernel is brought to [C / group, M, kernel...] so that one grouped
    convolution does all groups.
    """
    node.check_rank(x, "X", least=3)
    node.check_rank(w, "W", hlo.rank(x))
    spatial = hlo.shape(x)[2:]
    if kernel_shape is not None and list(kernel_shape) != list(hlo.shape(w)[2:]):
        raise node.error(f"kernel_shape is {kernel_shape} but W has shape {hlo.shape(w)}")
    channels, per_group, *kernel = hlo.shape(w)
    if group < 1 or hlo.shape(x)[1] != channels or channels % group:
        raise node.error(f"X {hlo.shape(x)} and W {hlo.shape(w)} do not fit {group} groups")
    ones, zeros = [1] * len(spatial), [0] * len(spatial)
    steps = check(node, "strides", ones if strides is None else strides, len(spatial), 1)
    spread = check(node, "dilations", ones if dilations is None else dilations, len(spatial), 1)
    growth = check(node, "output_padding", zeros if output_padding is None else output_padding, len(spatial), 0)
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, spread, strict=True)]
    full = [s * (n - 1) + r + g for s, n, r, g in zip(steps, spatial, reach, growth, strict=True)]
    if output_shape is not None:
        wanted = check(node, "output_shape", output_shape[-len(spatial) :], len(spatial), 1)
        crops = [_crop(f - w_, auto_pad) for f, w_ in zip(full, wanted, strict=True)]
    elif auto_pad in ("SAME_UPPER", "SAME_LOWER"):
        crops = [_crop(f - n * s, auto_pad) for f, n, s in zip(full, spatial, steps, strict=True)]
    elif auto_pad == "VALID":
        crops = [(0, 0)] * len(spatial)
    elif auto_pad in ("NOTSET", ""):
        flat = check(node, "pads", [0] * (2 * len(spatial)) if pads is None else pads, 2 * len(spatial), 0)
        crops = list(zip(flat[: len(spatial)], flat[len(spatial) :], strict=True))
    else:
        raise node.error(f"auto_pad is {auto_pad!r}, expected NOTSET, SAME_UPPER, SAME_LOWER or VALID")
    padding = [(r - 1 - low, r - 1 - high + g) for r, (low, high), g in zip(reach, crops, growth, strict=True)]
    mirrored = hlo.reverse(w, range(2, hlo.rank(w)))
    if group > 1:
        split = hlo.reshape(mirrored, [group, channels // group, per_group, *kernel])
        mirrored = hlo.reshape(hlo.swap_axes(split, 0, 1), [channels // group, group * per_group, *kernel])
    letters = "".join(chr(ord("a") + i) for i in range(len(spatial)))
    y = hlo.convolution(
        x,
        mirrored,
        strides=ones,
        padding=padding,
        input_dilation=steps,
        kernel_dilation=spread,
        groups=group,
        layout=(f"NC{letters}", f"IO{letters}", f"NC{letters}"),
    )
    return add_channels(y, b)


def _crop(total: int, auto_pad: str) -> tuple[int, int]:
    """Split the surplus: the odd element leaves at the end for SAME_UPPER, else at the begin (ONNX 11).

    A negative surplus means that zeros are appended.
    """
    small = total // 2
    return (small, total - small) if auto_pad == "SAME_UPPER" else (total - small, small)
