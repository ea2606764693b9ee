"""Gradients of padding that PyTorch does not decompose: what the copies of the edges got goes to the edges."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.frontends.torch.registry import Node, lowering

Value = ir.Value


@lowering(*(f"aten.replication_pad{spatial}d_backward.default" for spatial in (1, 2, 3)))
def replication_pad_backward(node: Node, grad_output: Value, self: Value, padding: Sequence[Any]) -> Value:
    """`padding` has low and high amounts from the last dimension on; negative ones have cropped."""
    grad = grad_output
    rank = hlo.rank(self)
    for number in range(len(padding) // 2):
        axis = rank - 1 - number
        grad = _along(grad, axis, hlo.shape(self)[axis], *padding[2 * number : 2 * number + 2])
    return grad


def _along(grad: Value, axis: int, length: Any, low: Any, high: Any) -> Value:
    """The middle, zeros where it was cropped, and at each end the sum of its copies."""
    total = hlo.shape(grad)[axis]
    start, stop = max(low, 0), total - max(high, 0)
    middle = hlo.slice_axis(grad, axis, start, stop)
    middle = _placed(middle, axis, max(-low, 0), max(-high, 0))
    for begin, end, place in ((0, start, 0), (stop, total, length - 1)):
        if begin != end:
            edge = hlo.reduce_sum(hlo.slice_axis(grad, axis, begin, end), [axis], keepdims=True)
            middle = hlo.add(middle, _placed(edge, axis, place, length - 1 - place))
    return middle


def _placed(x: Value, axis: int, before: Any, after: Any) -> Value:
    """x with zeros before and after it along an axis."""
    low, high = [0] * hlo.rank(x), [0] * hlo.rank(x)
    low[axis], high[axis] = before, after
    return hlo.pad(x, 0, low, high)
