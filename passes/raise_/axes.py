"""Following dimensions through reshapes, transposes and broadcasts, which split, merge, move and repeat them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.attributes import integers
from oxide.passes.canonicalize.matching import producer, shape_of
from oxide.passes.raise_.views import Reduction, View, reduction

PLACING = ("stablehlo.broadcast_in_dim", "stablehlo.reshape", "stablehlo.transpose")


class Axis:
    """A dimension that several tensors have, or a part of one: a reshape may split it further at any time."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._parts: tuple[Axis, ...] = ()

    def split(self, first: int) -> None:
        self._parts = (Axis(first), Axis(self.size // first))

    def leaves(self) -> Iterator[Axis]:
        if not self._parts:
            yield self
        for part in self._parts:
            yield from part.leaves()


# The axes that each dimension of a tensor is made of, in row-major order: none where its size is 1.
Layout = Sequence[Sequence[Axis]]


def layout_of(shape: Sequence[int]) -> Layout:
    return [() if size == 1 else (Axis(size),) for size in shape]


def leaves(axes: Iterable[Axis]) -> list[Axis]:
    """Axes as they are split by now."""
    return [leaf for axis in axes for leaf in axis.leaves()]


def flat(layout: Layout) -> list[Axis]:
    return leaves(axis for axes in layout for axis in axes)


def total(axes: Iterable[Axis]) -> int:
    return math.prod(axis.size for axis in axes)


def before(op: ir.Operation, layout: Layout) -> Layout | None:
    """The axes of the operand of a `PLACING` operation whose result has this layout; None where none fit."""
    shape = shape_of(op.operands[0])
    if op.name == "stablehlo.broadcast_in_dim":
        along = integers(op, "broadcast_dimensions")
        return [() if size == 1 else layout[a] for size, a in zip(shape, along, strict=True)]
    if op.name == "stablehlo.transpose":
        order = integers(op, "permutation")
        return [layout[order.index(a)] for a in range(len(shape))]
    return _regrouped(flat(layout), shape)


def _regrouped(axes: list[Axis], shape: Sequence[int]) -> Layout | None:
    regrouped: list[list[Axis]] = []
    for size in shape:
        taken: list[Axis] = []
        while (missing := size // total(taken)) > 1:
            axis = axes.pop(0)
            if axis.size > missing:
                if axis.size % missing:
                    return None
                axis.split(missing)
                axis, rest = axis.leaves()
                axes.insert(0, rest)
            taken.append(axis)
        if total(taken) != size:
            return None
        regrouped.append(taken)
    return regrouped


def moved_reduction(of: ir.Value, value: ir.Value, kind: str) -> tuple[ir.Value, Reduction] | None:
    """A value that repeats the reduction of something that `of` is made of by reshapes and transposes.

    The answer is that something, and the reduction as one of `of` itself.
    """
    whole = layout_of(shape_of(of))
    (source, kept), (inner, layout) = _unplaced(value, whole, PLACING), (of, whole)
    op = producer(source, "stablehlo.reduce")
    while op is not None and inner != op.operands[0]:
        further, layout = _unplaced(inner, layout, PLACING[1:], once=True)
        if further == inner:
            return None
        inner = further
    if op is None or reduction(View(source, tuple(_kept(op))), kind) is None:
        return None
    if [leaves(layout[a]) for a in _kept(op)] != [leaves(axes) for axes in kept]:
        return None
    reduced = leaves(axis for a in integers(op, "dimensions") for axis in layout[a])
    axes = tuple(a for a, parts in enumerate(whole) if parts and all(leaf in reduced for leaf in leaves(parts)))
    return (inner, Reduction(of, axes)) if leaves(part for a in axes for part in whole[a]) == reduced else None


def _kept(op: ir.Operation) -> list[int]:
    return [a for a in range(hlo.rank(op.operands[0])) if a not in integers(op, "dimensions")]


def _unplaced(
    value: ir.Value, layout: Layout, names: Sequence[str], *, once: bool = False
) -> tuple[ir.Value, Layout]:
    """What a value of this layout is made of by operations of these names, or by the last one of them."""
    while not isinstance(value.owner, ir.Block) and value.owner.operation.name in names:
        inner = before(value.owner.operation, layout)
        if inner is None:
            break
        value, layout = value.owner.operation.operands[0], inner
        if once:
            break
    return value, layout


@dataclass(frozen=True)
class Arrangement:
    """How a tensor becomes one whose dimensions are given groups of axes.

    It is reshaped to `narrow`, its axes (one for several that stay together), transposed by `order`, repeated to
    `wide`, where its dimension i lies along `along[i]`, and reshaped to `shape`.
    """

    narrow: Sequence[int]
    order: Sequence[int]
    wide: Sequence[int]
    along: Sequence[int]
    shape: Sequence[int]

    def _only_reshapes(self) -> bool:
        order = [a for a in self.order if self.narrow[a] != 1]
        return order == sorted(order) and math.prod(self.wide) == math.prod(self.narrow)

    def steps(self, shape: Sequence[int]) -> int:
        """How many operations it is of a tensor of this shape."""
        if self._only_reshapes():
            return int(list(shape) != list(self.shape))
        repeats = len(self.wide) != len(self.narrow)
        return 1 + repeats + (list(shape) != list(self.narrow)) + (list(self.wide) != list(self.shape))

    def build(self, value: ir.Value) -> ir.Value:
        if self._only_reshapes():
            return hlo.reshape(value, self.shape)
        turned = hlo.transpose(hlo.reshape(value, self.narrow), self.order)
        return hlo.reshape(hlo.broadcast_in_dim(turned, self.wide, self.along), self.shape)

    def apply(self, array: np.ndarray) -> np.ndarray:
        """The same of an array."""
        turned = array.reshape(self.narrow).transpose(self.order)
        placed = [turned.shape[self.along.index(a)] if a in self.along else 1 for a in range(len(self.wide))]
        return np.broadcast_to(turned.reshape(placed), self.wide).reshape(self.shape)


def arrangement(layout: Layout, groups: Sequence[Sequence[Axis]], *, repeat: bool = False) -> Arrangement:
    """A tensor of this layout with one dimension for each group of axes; it has no others.

    A group that it has no axis of is a dimension of size 1, unless `repeat` asks for all sizes.
    """
    have = flat(layout)
    wide: list[list[Axis]] = []
    shape: list[int] = []
    for group in groups:
        axes = leaves(group)
        wanted = repeat or any(axis in have for axis in axes)
        wide += (_together(axes, have) if wanted else []) or [[]]
        shape.append(total(axes) if wanted else 1)
    sizes = [total(leaves(axes)) for axes in layout]
    plans = [_arrangement(wide, have, shape), _arrangement([run for run in wide if run], have, shape, sizes)]
    return min(plans, key=lambda plan: plan.steps(sizes))


def _arrangement(
    wide: Sequence[Sequence[Axis]], have: Sequence[Axis], shape: Sequence[int], sizes: Sequence[int] = ()
) -> Arrangement:
    """Runs of axes in order; dimensions of size 1 come first, those of `sizes` where that has the others too."""
    along = [a for a, run in enumerate(wide) if not run or run[0] in have]
    narrow = sorted(along, key=lambda a: have.index(wide[a][0]) if wide[a] else -1)
    plan = Arrangement(
        [total(wide[a]) for a in narrow],
        [narrow.index(a) for a in along],
        [total(run) for run in wide],
        along,
        shape,
    )
    units = [a for a, size in enumerate(sizes) if size == 1]
    others = [a for a, size in enumerate(sizes) if size != 1]
    if not units or [sizes[a] for a in others] != plan.narrow:
        return plan
    return Arrangement(
        sizes,
        [*units, *(others[place] for place in plan.order)],
        [*(1 for _ in units), *plan.wide],
        [*range(len(units)), *(len(units) + a for a in plan.along)],
        shape,
    )


def _together(axes: Sequence[Axis], have: Sequence[Axis]) -> list[list[Axis]]:
    """Axes in runs that follow one another in `have` too."""
    runs: list[list[Axis]] = []
    for axis in axes:
        last = runs[-1][-1] if runs else None
        if last in have and axis in have and have.index(axis) == have.index(last) + 1:
            runs[-1].append(axis)
        else:
            runs.append([axis])
    return runs
