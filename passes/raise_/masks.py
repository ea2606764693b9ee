"""Masks of attention scores: what is kept, what is added, and what a query gets that keeps no key."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.attributes import integers, keyword
from oxide.dialects.constants import constant_value
from oxide.dialects.fold.contraction import reducer
from oxide.passes.canonicalize.matching import Declined, number, producer, shape_of
from oxide.passes.raise_.axes import Arrangement, Axis, Layout, arrangement, leaves, total
from oxide.passes.raise_.known import known_array
from oxide.passes.raise_.scores import Added, Kept, mask_layout
from oxide.passes.raise_.views import View


@dataclass(frozen=True)
class Guard:
    """What the weights are set to zero by after the softmax: a kept mask, or rows whose scores are all -inf."""

    weights: ir.Value
    kept: ir.Value | None = None
    empty_rows_of: ir.Value | None = None


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


# ------------------------------------------------------------------------------------------------ conditions

# The axes of the scores that are their batch, heads, length and span.
Groups = Sequence[Sequence[Axis]]


@dataclass(frozen=True)
class _Placed:
    """A mask's value among the scores [batch, heads, length, span], and its elements there if known."""

    value: ir.Value
    arrangement: Arrangement

    @classmethod
    def of(cls, view: View, layout: Layout, groups: Groups) -> _Placed:
        source = view.source()
        return cls(source.value, arrangement(mask_layout(source, layout), groups))

    def is_constant(self) -> bool:
        return constant_value(self.value) is not None

    @cached_property
    def elements(self) -> np.ndarray | None:
        array = known_array(self.value)
        return None if array is None else self.arrangement.apply(array)

    def build(self) -> ir.Value:
        return self.arrangement.build(self.value)


@dataclass(frozen=True)
class _Condition:
    """Which scores are kept: those where a bool is true (false, if `negated`), or a float above a number."""

    placed: _Placed
    negated: bool = False
    above: float | None = None

    def elements(self) -> np.ndarray | None:
        array = self.placed.elements
        if array is None:
            return None
        kept = array if self.above is None else array > self.above
        return ~kept if self.negated else kept

    def build(self) -> ir.Value:
        if self.placed.is_constant() and (array := self.elements()) is not None:
            return hlo.constant(_unrepeated(array))
        kept = self.placed.build()
        if self.above is not None:
            kept = hlo.greater(kept, self.above)
        return hlo.not_(kept) if self.negated else kept


def _unrepeated(array: np.ndarray, leading: int = 4) -> np.ndarray:
    """An array with a size of 1 for those of its leading dimensions along which it repeats itself."""
    for axis in range(leading):
        first = array.take([0], axis)
        if (array == first).all():
            array = first
    return array


def _conjuncts(view: View, negated: bool) -> list[tuple[View, bool]]:
    """The conditions that must all hold: those of an `and`, or of an `or` that is negated."""
    inner = view.operands("stablehlo.not")
    if inner is not None:
        return _conjuncts(inner[0], not negated)
    parts = view.operands("stablehlo.or" if negated else "stablehlo.and")
    return [(view, negated)] if parts is None else [c for part in parts for c in _conjuncts(part, negated)]


@dataclass(frozen=True)
class _Conditions:
    """All that must hold for a score to be kept."""

    every: Sequence[_Condition]

    @cached_property
    def known(self) -> np.ndarray | None:
        """What the known conditions keep, or None where there is none."""
        arrays = [array for c in self.every if (array := c.elements()) is not None]
        return _unrepeated(reduce(np.logical_and, arrays), leading=2) if arrays else None

    def unknown(self) -> _Conditions:
        return _Conditions([c for c in self.every if c.elements() is None])

    def always_keep_some(self) -> bool:
        known = self.known
        return not self.unknown().every and (known is None or bool(known.any(axis=-1).all()))

    def build(self) -> ir.Value:
        return reduce(hlo.and_, [c.build() for c in self.every])

    def without_causal(self, length: int, span: int) -> tuple[bool, _Conditions]:
        """Whether the known ones keep just the keys up to the query's own, or else any key; and the others."""
        known = self.known
        if known is None:
            return False, self
        if known.all():
            return False, self.unknown()
        causal = known.shape == (1, 1, length, span) and bool((known == np.tri(length, span, dtype=bool)).all())
        return causal, self.unknown() if causal else self


# ----------------------------------------------------------------------------------------------------- masks


@dataclass(frozen=True)
class _Bias:
    """`factor` times a float value placed among the scores."""

    placed: _Placed
    factor: float

    def elements(self) -> np.ndarray | None:
        array = self.placed.elements
        return None if array is None else array * np.asarray(self.factor, array.dtype)

    def is_moderate(self, lowest: float) -> bool:
        """Whether it is known and cannot raise the lowest numbers to where other scores are."""
        array = self.elements()
        return array is not None and bool((np.abs(array) < -lowest / 4).all())

    def build(self) -> ir.Value:
        if self.placed.is_constant() and (array := self.elements()) is not None:
            return hlo.constant(_unrepeated(array))
        return self.placed.build() if self.factor == 1 else hlo.multiply(self.placed.build(), self.factor)


@dataclass(frozen=True)
class Mask:
    """How oxide.attention says masks: its operand, `causal`, and what replaces rows that keep no key.

    `finish` makes what the source has of the composite's result and the values.
    """

    build: Callable[[], ir.Value | None]
    causal: bool = False
    finish: Callable[[ir.Value, ir.Value], ir.Value] | None = None


Masks = Sequence[tuple[Kept | Added, Layout]]


@dataclass(frozen=True)
class _AddedMask:
    """A mask that is added: as a bias, and as conditions where it says no more than they do."""

    bias: _Bias
    conditions: Sequence[_Condition]
    moderate: bool


def resolve(masks: Masks, groups: Groups, guard: Guard) -> Mask | Declined | None:
    """Masks of scores, the last one first, as those of oxide.attention."""
    lowest = float(hlo.lowest_finite(hlo.dtype(guard.weights)))
    added = [_added(mask, layout, groups, guard, lowest) for mask, layout in masks if isinstance(mask, Added)]
    selected = [(mask, layout) for mask, layout in masks if isinstance(mask, Kept)]
    refusal = _refusal([mask for mask, _ in masks], [a.moderate for a in added], guard, lowest)
    if refusal is not None:
        return refusal
    if guard.kept is not None and not _is_alone(guard.kept, masks):
        return None
    # What is not known may leave a query no key where the conditions do.
    split = all(a.moderate or a.conditions for a in added)
    biases = [a.bias for a in added if not (split and a.conditions)]
    of_added = [c for a in added for c in a.conditions] if split else []
    conditions = [c for m, layout in selected for c in _conditions(View.whole(m.value), layout, groups, m.negated)]
    every = _Conditions([*conditions, *of_added])
    if of_added and conditions and not every.always_keep_some():
        return Declined("what a query gets that keeps no key depends on which mask leaves it none")
    empty = "nan" if all(mask.fill == -math.inf for mask, _ in selected) else "mean"
    if guard.kept is not None or guard.empty_rows_of is not None:
        empty = "zeros"
    length, span = (total(leaves(group)) for group in groups[2:])
    return _Masking(every, biases, split, empty).mask(length, span)


def _is_alone(kept: ir.Value, masks: Masks) -> bool:
    (first, *others) = [mask for mask, _ in masks] or [None]
    return isinstance(first, Kept) and not others and not first.negated and first.value == kept


def _refusal(
    masks: Sequence[Kept | Added], moderate: Sequence[bool], guard: Guard, lowest: float
) -> Declined | None:
    """Why masks may leave weight to scores they mask, or take all from others."""
    outside = iter(moderate)
    safe = True
    for mask in masks:
        if isinstance(mask, Added):
            safe = next(outside) and safe
        elif not mask.fill <= lowest / 2:
            return Declined(f"masked scores are {mask.fill}, which other scores may fall below")
        elif mask.fill != -math.inf and guard.empty_rows_of is not None:
            return Declined("masked scores are finite, and rows of -inf give zeros")
        elif mask.fill != -math.inf and not safe:
            return Declined("what is added to masked scores may bring other scores below them")
    if len({mask.fill for mask in masks if isinstance(mask, Kept)}) > 1:
        return Declined("different numbers mask scores")
    return None


def _conditions(view: View, layout: Layout, groups: Groups, negated: bool) -> list[_Condition]:
    return [_Condition(_Placed.of(part, layout, groups), flip) for part, flip in _conjuncts(view, negated)]


def _added(mask: Added, layout: Layout, groups: Groups, guard: Guard, lowest: float) -> _AddedMask:
    view = View.whole(mask.value)
    bias = _Bias(_Placed.of(view, layout, groups), mask.factor)
    conditions = [] if mask.factor != 1 else _as_conditions(view, bias.placed, layout, groups, guard, lowest)
    return _AddedMask(bias, conditions, bias.is_moderate(lowest))


def _as_conditions(
    view: View, placed: _Placed, layout: Layout, groups: Groups, guard: Guard, lowest: float
) -> list[_Condition]:
    """What an added mask of zeros and huge negative numbers keeps, where a query that keeps no key does not matter.

    Empty where that is not sure: such a query has NaN for weights after -inf, and others after finite numbers.
    """
    parts = view.operands("stablehlo.select") if guard.empty_rows_of is not None else None
    if parts is not None:
        for kept, lost, negated in ((parts[1], parts[2], False), (parts[2], parts[1], True)):
            if _is(kept.number(), 0) and _is(lost.number(), -math.inf):
                return _conditions(parts[0], layout, groups, negated)
    array = placed.elements
    if array is None or not ((array == 0) | (array <= lowest / 2)).all():
        return []
    condition = _Condition(placed, above=lowest / 2)
    unseen = guard.empty_rows_of is not None and bool((array[array != 0] == -math.inf).all())
    return [condition] if unseen or _Conditions([condition]).always_keep_some() else []


def _is(element: np.generic | None, wanted: float) -> bool:
    return element is not None and float(element) == wanted


@dataclass(frozen=True)
class _Masking:
    """Scores plus biases where all conditions hold; `empty` is what a query gets that keeps no key."""

    conditions: _Conditions
    biases: Sequence[_Bias]
    moderate: bool
    empty: str

    def mask(self, length: int, span: int) -> Mask | Declined:
        causal, rest = self.conditions.without_causal(length, span)
        safe = (causal and not rest.every) or self.conditions.always_keep_some()
        if not self.biases:
            build = rest.build if rest.every else lambda: None
            return Mask(build, causal, None if safe or self.empty == "zeros" else self._unless_empty)
        if safe and self.moderate:
            return Mask(self._sum if not rest.every else self._merged, causal and not rest.every)
        if self.empty == "mean":
            return Declined("a query whose kept keys are masked by what is added to them has other weights")
        return Mask(self._merged, finish=self._unless_empty if self.empty == "zeros" else None)

    def _sum(self) -> ir.Value:
        return reduce(hlo.add, [bias.build() for bias in self.biases])

    def _merged(self) -> ir.Value:
        """An added mask that is -inf where nothing is kept."""
        return hlo.select(self.conditions.build(), self._sum(), -math.inf) if self.conditions.every else self._sum()

    def _unless_empty(self, y: ir.Value, values: ir.Value) -> ir.Value:
        kept = hlo.greater(self._merged(), -math.inf) if self.biases else self.conditions.build()
        some = hlo.reduce(kept, "or", [3], keepdims=True)
        other = {"zeros": 0.0, "nan": math.nan}.get(self.empty)
        return hlo.select(some, y, _mean(values, y) if other is None else other)


def _mean(values: ir.Value, like: ir.Value) -> ir.Value:
    """The mean of values [batch, key heads, span, size] over their span, for each head of `like`."""
    batch, heads, _, size = hlo.shape(like)
    shared = hlo.shape(values)[1]
    mean = hlo.reduce_mean(hlo.convert(values, hlo.dtype(like)), [2])
    spread = hlo.broadcast_in_dim(mean, [batch, shared, heads // shared, size], [0, 1, 3])
    return hlo.reshape(spread, [batch, heads, 1, size])
