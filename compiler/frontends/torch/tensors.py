"""What a tensor of the program is while it is lowered: a value, or a view of another tensor.

PyTorch's programs write into tensors and see the writes through every view; StableHLO's values never change.  A
`Tensor` therefore holds its current value.  A view holds how it is read from its base and how a changed view is
written back into it; it is read again when its base has changed since.  So programs become functional
while they are walked, one node at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.dims import Size

Forward = Callable[[ir.Value], ir.Value]
Inverse = Callable[[ir.Value, ir.Value], ir.Value]


@dataclass(frozen=True)
class View:
    """One step from a base to a view of it.

    `forward(base)` gives the view; `inverse(base, view)` the base with the view's elements replaced.  Without
    `inverse` the positions of the view's elements are found by viewing an array of positions: right for
    every view that moves whole elements, and less direct than an inverse of its own.
    """

    forward: Forward
    inverse: Inverse | None = None

    def write_back(self, base: ir.Value, view: ir.Value) -> ir.Value:
        return (self.inverse or self._by_position)(base, view)

    def _by_position(self, base: ir.Value, view: ir.Value) -> ir.Value:
        count = hlo.size(base)
        positions = self.forward(hlo.reshape(hlo.iota([count], 0, np.int64), hlo.shape(base)))
        flat = hlo.scatter_nd(
            hlo.reshape(base, [count]),
            hlo.reshape(positions, [hlo.size(positions), 1]),
            hlo.reshape(view, [hlo.size(view)]),
            "set",
        )
        return hlo.reshape(flat, hlo.shape(base))


def bijection(forward: Forward, backward: Forward) -> View:
    """A view of all elements of its base: written back without looking at the base."""
    return View(forward, lambda base, view: backward(view))


# The tensor itself under another name (detach, alias, a reshape to its own shape).
SAME = bijection(lambda x: x, lambda x: x)


class Tensor:
    """A tensor of the program: `read` gives its value now, `write` changes it and all that shares its memory."""

    __slots__ = ("_base", "_seen", "_value", "_version", "_view", "number", "sizes")

    def __init__(self, value: ir.Value, base: Tensor | None = None, view: View = SAME) -> None:
        # The shape of a tensor whose value is a larger buffer, since its sizes depend on data (`data_sizes`).
        self.sizes: tuple[Size, ...] | None = None
        # The size that a tensor of rank 0 stands for, a number that depends on data.
        self.number: Size | None = None
        self._value = value
        self._base = base
        self._view = view
        self._version = 0
        self._seen = base.version if base is not None else 0

    @property
    def version(self) -> int:
        """How often the memory of this tensor has been written to."""
        return self._version if self._base is None else self._base.version

    @property
    def owner(self) -> Tensor:
        """The tensor whose memory this one is a view of, itself if it is none."""
        return self if self._base is None else self._base.owner

    def read(self) -> ir.Value:
        base = self._base
        if base is not None and base.version != self._seen:
            self._value = self._view.forward(base.read())
            self._seen = base.version
        return self._value

    def write(self, value: ir.Value) -> None:
        """Replace the elements; the value has this tensor's shape and dtype."""
        if self._base is None:
            self._version += 1
        else:
            self._base.write(self._view.write_back(self._base.read(), value))
            self._seen = self._base.version
        self._value = value

    def alias(self, view: View) -> Tensor:
        """A view of this tensor."""
        return Tensor(view.forward(self.read()), self, view)


def read(value: Any) -> Any:
    """Tensors as their values now."""
    if isinstance(value, Tensor):
        return value.read()
    if isinstance(value, list | tuple):
        return [read(element) for element in value]
    if isinstance(value, dict):
        return {key: read(element) for key, element in value.items()}
    return value


def wrap(value: Any) -> Any:
    """Values as tensors of their own."""
    if isinstance(value, ir.Value):
        return Tensor(value)
    return [wrap(element) for element in value] if isinstance(value, list | tuple) else value


def write_all(targets: Sequence[Any], results: Sequence[Any]) -> None:
    """Write new values into tensors (or lists of them), in the tensors' dtypes and shapes."""
    for target, result in zip(targets, results, strict=True):
        if isinstance(target, list | tuple):
            write_all(target, result)
            continue
        old, new = target.read(), result.read()
        if hlo.dtype(new) != hlo.dtype(old):
            new = hlo.not_equal(new, 0) if hlo.dtype(old) == np.bool_ else hlo.convert(new, hlo.dtype(old))
        target.write(hlo.broadcast_to(new, hlo.shape(old)))
