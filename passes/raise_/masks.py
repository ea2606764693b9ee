"""Masks of attention scores: what is kept, what is added, and whether a query always keeps a key."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.attributes import integer, integers, keyword
from oxide.dialects.constants import constant_value
from oxide.dialects.fold.contraction import reducer
from oxide.passes.canonicalize.matching import Declined, number, producer, shape_of
from oxide.passes.raise_.views import View, parameter, same


@dataclass(frozen=True)
class Guard:
    """What the weights are set to zero by after the softmax: a kept mask, or rows whose scores are all -inf."""

    weights: ir.Value
    kept: ir.Value | None = None
    empty_rows_of: ir.Value | None = None


@dataclass(frozen=True)
class Mask:
    """The scores before masking, and how the composite says the mask.

    `operand` is a view of a bool or float mask, or an array that is a constant one; `negated` when it says what is
    not kept.
    """

    scores: ir.Value
    operand: View | np.ndarray | None = None
    causal: bool = False
    negated: bool = False

    @property
    def source(self) -> ir.Value | None:
        """The value a mask that is none of constants repeats."""
        return self.operand.source().value if isinstance(self.operand, View) else None

    def build(self, shape: Sequence[int]) -> ir.Value | None:
        """The mask for scores of shape [batch, heads, length, span], with dimensions of size 1 where it repeats."""
        mask = self._placed(shape)
        return hlo.not_(mask) if mask is not None and self.negated else mask

    def _placed(self, shape: Sequence[int]) -> ir.Value | None:
        if self.operand is None:
            return None
        if isinstance(self.operand, np.ndarray):
            return hlo.constant(self.operand.reshape(shape))
        weight = parameter(self.operand, range(hlo.rank(self.scores)))
        full = shape_of(self.scores)
        if weight is not None and full == list(shape):
            along = weight.view.lies_along()
            return hlo.reshape(weight.view.value, [size if a in along else 1 for a, size in enumerate(shape)])
        spread = self.operand.value if weight is None else weight.build(self.scores)
        return hlo.reshape(spread, shape)


def guarded(value: ir.Value) -> Guard:
    """select(kept, weights, 0), where `kept` is a mask or says which rows have a score above -inf."""
    op = producer(value, "stablehlo.select")
    if op is None or number(op.operands[2]) != 0:
        return Guard(value)
    kept, weights = op.operands[0], op.operands[1]
    source = View.whole(kept).source()
    some = producer(source.value, "stablehlo.reduce")
    compared = None if some is None else producer(some.operands[0], "stablehlo.compare")
    if some is None or compared is None:
        return Guard(weights, kept=kept)
    rank = hlo.rank(weights)
    full = shape_of(weights)
    rows = tuple(a for a in range(rank - 1) if full[a] != 1)
    low, initial = number(compared.operands[1]), number(some.operands[1])
    if (
        reducer(some) == "stablehlo.or"
        and initial is not None
        and not initial
        and integers(some, "dimensions") == [rank - 1]
        and source.lies_along() == rows
        and keyword(compared, "comparison_direction") == "NE"
        and low is not None
        and float(low) == -math.inf
    ):
        return Guard(weights, empty_rows_of=compared.operands[0])
    return Guard(weights, kept=kept)


def masked(value: ir.Value, guard: Guard) -> Mask | Declined | None:
    """The mask of a softmax's operand."""
    if guard.empty_rows_of is not None and not same(guard.empty_rows_of, value):
        return None
    chosen = producer(value, "stablehlo.select")
    if chosen is not None and number(chosen.operands[1]) is not None:
        return _filled(chosen, guard)
    if chosen is not None:
        return _selected(View.whole(chosen.operands[0]), chosen.operands[1], number(chosen.operands[2]), guard)
    if guard.kept is not None:
        return None
    total = producer(value, "stablehlo.add")
    return Mask(value) if total is None else _added(total, guard)


def _filled(chosen: ir.Operation, guard: Guard) -> Mask | None:
    """select(masked, -inf, scores) where `masked` is a constant that leaves each query a key."""
    source = View.whole(chosen.operands[0]).source()
    rank = hlo.rank(chosen.results[0])
    masked_out = constant_value(source.value)
    if masked_out is None or not _is_lowest(number(chosen.operands[1])) or guard.kept is not None:
        return None
    kept = np.logical_not(masked_out)
    if source.along[-2:] != (rank - 2, rank - 1) or not _is_triangle(kept):
        return None
    return Mask(chosen.operands[2], None, causal=True)


def _selected(kept: View, scores: ir.Value, fill: np.generic | None, guard: Guard) -> Mask | Declined | None:
    if fill is None:
        return None
    rank = len(kept.along)
    lowest = hlo.lowest_finite(fill.dtype)
    if not float(fill) <= float(lowest) / 2:
        return Declined(f"masked scores are {fill}, which other scores may fall below")
    same_guard = same(guard.kept, kept.value) or (guard.empty_rows_of is not None and float(fill) == -math.inf)
    if guard.kept is not None and not same(guard.kept, kept.value):
        return None
    causal, rest = _without_causal(kept, rank)
    if not same_guard and not (causal and rest is None) and not _keeps_some(rest, rank):
        return Declined("a query may keep no key: its weights are equal or NaN, those of oxide.attention zero")
    return Mask(scores, rest, causal)


def _added(total: ir.Operation, guard: Guard) -> Mask | Declined | None:
    """Scores plus a mask: the sum's operand that is no product."""
    from_product = [_is_score(v) for v in total.operands]
    if from_product == [False, False] or from_product == [True, True]:
        return None
    scores, added = (total.operands[i] for i in ((0, 1) if from_product[0] else (1, 0)))
    view, rank = View.whole(added), hlo.rank(added)
    parts = view.operands("stablehlo.select")
    if parts is not None and _is_zero(parts[1].number()) and _is_lowest(parts[2].number()):
        causal, rest = _without_causal(parts[0], rank)
        if guard.empty_rows_of is not None or (causal and rest is None) or _keeps_some(rest, rank):
            return Mask(scores, rest, causal)
    if (
        parts is not None
        and _is_lowest(parts[1].number())
        and _is_zero(parts[2].number())
        and guard.empty_rows_of is not None
    ):
        return Mask(scores, parts[0], negated=True)
    array = constant_value(view.source().value)
    if (
        array is not None
        and set(np.unique(array).tolist()) <= {0.0, -np.inf}
        and array.shape == tuple(hlo.shape(added))
    ):
        kept = array == 0
        if guard.empty_rows_of is not None or kept.any(axis=-1).all():
            causal = _is_triangle(kept)
            return Mask(scores, None if causal else kept, causal)
    if guard.empty_rows_of is not None:
        return Declined("rows whose added mask is -inf give zeros, those of oxide.attention NaN")
    return Mask(scores, view)


def _is_score(value: ir.Value) -> bool:
    for _ in range(4):
        if isinstance(value.owner, ir.Block):
            return False
        op = value.owner.operation
        if op.name == "stablehlo.dot_general":
            return True
        if op.name not in ("stablehlo.multiply", "stablehlo.divide", "stablehlo.reshape", "stablehlo.transpose"):
            return False
        value = op.operands[0]
    return False


def _is_zero(element: np.generic | None) -> bool:
    return element is not None and bool(element == 0)


def _is_lowest(element: np.generic | None) -> bool:
    return element is not None and float(element) == -math.inf


def _without_causal(kept: View, rank: int) -> tuple[bool, View | None]:
    """Whether a mask keeps only keys up to the query, and what else it asks for."""
    if _is_causal(kept, rank):
        return True, None
    parts = kept.operands("stablehlo.and")
    if parts is not None:
        for this, other in (parts, reversed(parts)):
            if _is_causal(this, rank):
                return True, other
    return False, kept


def _is_causal(view: View, rank: int) -> bool:
    """A triangle along the last two dimensions of the scores: constant, or row >= column."""
    length, span = rank - 2, rank - 1
    source = view.source()
    array = constant_value(source.value)
    if array is not None:
        return source.along[-2:] == (length, span) and array.ndim >= 2 and _is_triangle(array)
    compared = view.operands("stablehlo.compare")
    if compared is None:
        return False
    op = source.value.owner.operation  # pyright: ignore[reportAttributeAccessIssue]
    axes = [_position_along(operand) for operand in compared]
    return (keyword(op, "comparison_direction"), axes) in (("GE", [length, span]), ("LE", [span, length]))


def _is_triangle(array: np.ndarray) -> bool:
    return array.ndim >= 2 and bool((array == np.tri(*array.shape[-2:], dtype=bool)).all())


def _position_along(view: View) -> int | None:
    """The dimension whose positions a view counts."""
    source = view.source()
    op = producer(source.value, "stablehlo.iota")
    return None if op is None else source.along[integer(op, "iota_dimension")]


def _keeps_some(view: View | None, rank: int) -> bool:
    """Whether a constant mask keeps a key for every query; of an unknown one nothing is known."""
    if view is None:
        return True
    array = constant_value(view.source().value)
    spans = array is not None and view.source().along[-1:] == (rank - 1,)
    return array is not None and spans and bool(array.any(axis=-1).all())
