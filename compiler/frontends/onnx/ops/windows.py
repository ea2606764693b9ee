"""Window geometry shared by convolution and pooling: strides, dilations, pads, auto_pad, ceil_mode."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.dims import Size, maximum, minimum
from oxide.frontends.onnx.registry import Node

# Padded lengths and the reach of windows are computed in 64 bits.
MAX_VALUE = (1 << 31) - 1


@dataclass(frozen=True)
class Window:
    """One entry per spatial dimension.

    `padding` is what the node asks for; `extra` is padding at the end that only `ceil_mode` adds, so that a
    last partial window fits.
    """

    size: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    padding: tuple[tuple[Size, Size], ...]
    extra: tuple[Size, ...]

    @property
    def full_padding(self) -> list[tuple[Size, Size]]:
        return [(low, high + more) for (low, high), more in zip(self.padding, self.extra, strict=True)]


def window(
    node: Node,
    x: ir.Value,
    kernel: Sequence[int],
    strides: Sequence[int] | None,
    pads: Sequence[int] | None,
    dilations: Sequence[int] | None = None,
    auto_pad: str = "NOTSET",
    ceil_mode: int = 0,
) -> Window:
    """The window of a Conv or Pool node over x of shape [N, C, spatial...].

    Raises OxideError for lists of the wrong length, non-positive sizes and unknown auto_pad.
    """
    node.check_rank(x, "X", least=3)
    spatial = hlo.shape(x)[2:]
    ones = [1] * len(spatial)
    size = check(node, "kernel_shape", kernel, len(spatial), 1)
    steps = check(node, "strides", ones if strides is None else strides, len(spatial), 1)
    spread = check(node, "dilations", ones if dilations is None else dilations, len(spatial), 1)
    reach = [(k - 1) * d + 1 for k, d in zip(size, spread, strict=True)]
    padding: list[tuple[Size, Size]]
    if auto_pad in ("SAME_UPPER", "SAME_LOWER"):
        padding = [same_padding(n, r, s, auto_pad) for n, r, s in zip(spatial, reach, steps, strict=True)]
    elif auto_pad == "VALID":
        padding = [(0, 0)] * len(spatial)
    elif auto_pad in ("NOTSET", ""):
        flat = check(node, "pads", [0] * (2 * len(spatial)) if pads is None else pads, 2 * len(spatial), 0)
        padding = list(zip(flat[: len(spatial)], flat[len(spatial) :], strict=True))
    else:
        raise node.error(f"auto_pad is {auto_pad!r}, expected NOTSET, SAME_UPPER, SAME_LOWER or VALID")
    extra: list[Size] = [0] * len(spatial)
    if ceil_mode:
        extra = [_ceil_extra(n, r, s, p) for n, r, s, p in zip(spatial, reach, steps, padding, strict=True)]
    return Window(size, steps, spread, tuple(padding), tuple(extra))


def same_padding(length: Size, reach: int, stride: int, auto_pad: str) -> tuple[Size, Size]:
    """Padding that makes ceil(length / stride) windows; SAME_UPPER puts the odd element at the end."""
    total = maximum((length - 1) // stride * stride + reach - length, 0)
    small, large = total // 2, total - total // 2
    return (small, large) if auto_pad == "SAME_UPPER" else (large, small)


def _ceil_extra(length: Size, reach: int, stride: int, padding: tuple[Size, Size]) -> Size:
    """Padding for a partial last window, unless it would start in the padding at the end."""
    low, high = padding
    steps = minimum((length + low + high - reach + stride - 1) // stride, (length + low - 1) // stride)
    return maximum(steps * stride + reach - (length + low + high), 0)


def check(node: Node, name: str, values: Sequence[int], length: int, minimum: int) -> tuple[int, ...]:
    if len(values) != length or any(v < minimum for v in values):
        raise node.error(f"{name} is {list(values)}, expected {length} values of at least {minimum}")
    if any(v > MAX_VALUE for v in values):
        raise node.error(f"{name} is {list(values)}, over the limit of {MAX_VALUE}")
    return tuple(int(v) for v in values)
