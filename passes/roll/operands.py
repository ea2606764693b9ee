"""How a loop comes by what its calls take: the same value in all, parts of one value, or one of several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.attributes import integers
from oxide.passes.canonicalize.matching import producer


@dataclass(frozen=True)
class Same:
    """One value for all calls."""

    value: ir.Value


@dataclass(frozen=True)
class Stack:
    """A value for each call, of one type."""

    values: Sequence[ir.Value]


@dataclass(frozen=True)
class Rows:
    """Parts of `source`: call t takes elements [first + t step, first + t step + size) along `axis`, as `shape`."""

    source: ir.Value
    axis: int
    first: int
    step: int
    size: int
    count: int
    shape: Sequence[int]

    @property
    def is_whole(self) -> bool:
        """True where the calls take all there is, one after the other or the other way round."""
        ends = {self.first, self.first + (self.count - 1) * self.step}
        return self.size == abs(self.step) == 1 and ends == {0, hlo.shape(self.source)[self.axis] - 1}


Operand = Same | Rows | Stack


def operand_of(values: Sequence[ir.Value]) -> Operand:
    """What the calls take at one place."""
    if len(set(values)) == 1:
        return Same(values[0])
    return _rows(values) or Stack(values)


def _rows(values: Sequence[ir.Value]) -> Rows | None:
    reshaped = [producer(value, "stablehlo.reshape") for value in values]
    parts = [value if op is None else op.operands[0] for value, op in zip(values, reshaped, strict=True)]
    slices = [op for part in parts if (op := producer(part, "stablehlo.slice")) is not None]
    if len(slices) < len(values) or len({op.operands[0] for op in slices}) > 1:
        return None
    starts = [integers(op, "start_indices") for op in slices]
    differing = [axis for axis, places in enumerate(zip(*starts, strict=True)) if len(set(places)) > 1]
    if len({part.type for part in parts}) > 1 or len(differing) != 1:
        return None
    (axis,) = differing
    first, step = starts[0][axis], starts[1][axis] - starts[0][axis]
    is_regular = all(start[axis] == first + turn * step for turn, start in enumerate(starts))
    others_whole = all(
        size == extent or other == axis
        for other, (size, extent) in enumerate(
            zip(hlo.shape(parts[0]), hlo.shape(slices[0].operands[0]), strict=True)
        )
    )
    if not is_regular or not others_whole or any(s != 1 for op in slices for s in integers(op, "strides")):
        return None
    size = hlo.shape(parts[0])[axis]
    return Rows(slices[0].operands[0], axis, first, step, size, len(values), hlo.shape(values[0]))
