"""Which keys a query sees: causal and window bands, lengths, and their combination with given masks."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.dims import Size, is_at_least


@dataclass(frozen=True)
class Band:
    """Query i sees key j where position - left <= j <= position + right, with position = i + offset.

    A bound of None is open.  `offset` counts the keys before the first query: a number, or int64 [batch].
    """

    left: int | None
    right: int | None
    offset: Size | ir.Value

    def is_causal(self) -> bool:
        """Whether it is the mask that oxide.attention's `causal` stands for."""
        return self.left is None and self.right == 0 and isinstance(self.offset, int) and self.offset == 0

    def keep_mask(self, queries: Size, keys: Size) -> ir.Value | None:
        """bool [queries, keys], or [batch, 1, queries, keys] for an offset per batch; None keeps everything."""
        position = hlo.iota([queries, keys], 0, np.int64)
        if isinstance(self.offset, ir.Value):
            position = hlo.add(position, hlo.reshape(self.offset, [hlo.size(self.offset), 1, 1, 1]))
        elif self._keeps_all(queries, keys, self.offset):
            return None
        else:
            position = hlo.add(position, self.offset)
        key = hlo.iota([queries, keys], 1, np.int64)
        return all_of(
            None if self.right is None else hlo.less_equal(key, hlo.add(position, self.right)),
            None if self.left is None else hlo.greater_equal(key, hlo.subtract(position, self.left)),
        )

    def _keeps_all(self, queries: Size, keys: Size, offset: Size) -> bool:
        right_is_open = self.right is None or is_at_least(offset + self.right - keys, -1)
        left_is_open = self.left is None or is_at_least(self.left - offset - queries, -1)
        return right_is_open and left_is_open


def all_of(*conditions: ir.Value | None) -> ir.Value | None:
    """The conjunction of the bool masks that are present, in the shape they broadcast to."""
    total: ir.Value | None = None
    for condition in conditions:
        if condition is not None:
            total = condition if total is None else hlo.and_(total, condition)
    return total


def shorter_than(lengths: ir.Value, keys: Size) -> ir.Value:
    """bool [batch, 1, 1, keys]: the first lengths[b] keys."""
    batch = hlo.size(lengths)
    return hlo.less(hlo.iota([batch, 1, 1, keys], 3, hlo.dtype(lengths)), hlo.reshape(lengths, [batch, 1, 1, 1]))


def merge_masks(keep: ir.Value | None, bias: ir.Value | None) -> ir.Value | None:
    """One mask for oxide.attention: the bool one, or the additive one with -inf where nothing is kept."""
    if bias is None or keep is None:
        return keep if bias is None else bias
    return hlo.select(keep, bias, -math.inf)
