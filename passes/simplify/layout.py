"""Which transposes cancel when operations work on permuted tensors instead, and what that saves.

One walk over a block tries to keep every value that is a transpose, or the result of a convolution in a foreign
layout, as its twin before the transpose (`permutations`).  What belongs together by sharing twins is a region; it
is taken where fewer bytes are transposed than before.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from jaxlib.mlir import ir
from jaxlib.mlir.dialects import stablehlo

from oxide.dialects import hlo
from oxide.dialects.attributes import integer, integers
from oxide.passes.canonicalize.matching import is_static, producer, shape_of, splat
from oxide.passes.sets import Sets
from oxide.passes.simplify import carriers, layouts
from oxide.passes.simplify.permutations import (
    Carriage,
    Permutation,
    after,
    between,
    identity,
    is_transpose,
    permuted,
)
from oxide.passes.weight_values import WeightValues, nbytes

LAYOUT = (
    "layout",
    "f(transpose(x, p)) -> transpose(f(x), q), where fewer bytes are transposed in all; convolutions change layout",
)
Layout = Literal["keep", "nchw", "nhwc"]
Kind = Literal["transpose", "convolution", "carried"]
# Bytes that transposes and the back end transpose as things are; and on twins, the back end and where values enter
# and leave a region.
Account = Literal["before", "after"]


@dataclass(frozen=True)
class Step:
    """One operation of a region: where it stands, how it is rewritten, and on which permutations."""

    position: int
    op: ir.Operation
    kind: Kind
    how: Carriage


@dataclass
class Region:
    """Operations in order, and the bytes that say whether they are worth rewriting."""

    steps: list[Step] = field(default_factory=list)
    nbytes: Counter[Account] = field(default_factory=Counter)

    def saved(self) -> int:
        return self.nbytes["before"] - self.nbytes["after"]


def regions(program: WeightValues, layout: Layout) -> list[Region]:
    """The regions of `@main`, in the order of their first operations: those of the walk that saves most."""
    first = _Walk(program, layout, Choice())
    regroups, turns = [False, True][: 1 + first.stopped], [False, True][: 1 + first.divided]
    others = [Choice(regroup, turn) for regroup in regroups for turn in turns if regroup or turn]
    walks = [first, *(_Walk(program, layout, other) for other in others)]
    return max((walk.found() for walk in walks), key=lambda found: sum(max(0, each.saved()) for each in found))


@dataclass(frozen=True)
class Choice:
    """What to do where twins do not suit.

    With `regroup` a reshape brings together the dimensions that it merges; otherwise it reads what the twin is of.
    With `turn` an operation does so where at least as many bytes have no twin yet as have one.
    """

    regroup: bool = False
    turn: bool = False


class _Walk:
    """Twins so far: each value's permutation, and the position of the operation whose region made it.

    `stopped` and `divided` say whether another choice would have made a difference.
    """

    def __init__(self, program: WeightValues, layout: Layout, choice: Choice) -> None:
        self._program = program
        self._layout: Layout = layout
        self._choice = choice
        self._sets = Sets()
        self._steps: dict[int, Step] = {}
        self._twins: dict[ir.Value, tuple[Permutation, int]] = {}
        self._entries: dict[tuple[ir.Value, Permutation], int] = {}
        self._kept: Counter[ir.Value] = Counter()
        self._bytes: list[tuple[int, Account, int]] = []
        self.stopped = False
        self.divided = False
        for position, op in enumerate(program.operations):
            if not program.is_known(position):
                self._visit(position, op)

    def _visit(self, position: int, op: ir.Operation) -> None:
        if op.name == "stablehlo.transpose" and is_static(op):
            self._transpose(position, op)
        elif self._is_foreign(op):
            self._convolution(position, op)
        elif any(value in self._twins for value in op.operands):
            self._follow(position, op)

    def found(self) -> list[Region]:
        self._leave()
        found: dict[int, Region] = {}
        for position, step in sorted(self._steps.items()):
            found.setdefault(self._sets.find(position), Region()).steps.append(step)
        for position, account, amount in self._bytes:
            found[self._sets.find(position)].nbytes[account] += amount
        return list(found.values())

    def _leave(self) -> None:
        """Count what is used outside of its region."""
        for value, (p, position) in reversed(self._twins.items()):
            if sum(1 for _ in value.uses) <= self._kept[value]:
                continue
            spread = producer(value, "stablehlo.broadcast_in_dim")
            if spread is not None:  # which is done again from what it reads
                self._kept[spread.operands[0]] -= 1
            elif is_transpose(shape_of(value), p):
                self._bytes.append((position, "after", nbytes(value)))

    def _transpose(self, position: int, op: ir.Operation) -> None:
        x, result = op.operands[0], op.results[0]
        order = tuple(integers(op, "permutation"))
        p, origin = self._twins.get(x, (identity(len(order)), position))
        composed = after(p, order)
        self._step(position, op, "transpose", Carriage([p], composed))
        if origin != position:
            self._read(position, x)
        if is_transpose(shape_of(result), order):
            self._bytes.append((position, "before", nbytes(result)))

    def _is_foreign(self, op: ir.Operation) -> bool:
        """True of a convolution in another layout than the one wanted."""
        if self._layout == "keep" or op.name != "stablehlo.convolution" or not is_static(op):
            return False
        own = identity(hlo.rank(op.results[0]))
        both = layouts.convolution_permutations(op, self._layout == "nhwc")
        return integer(op, "batch_group_count") == 1 and both != (own, own)

    def _convolution(self, position: int, op: ir.Operation) -> None:
        p, q = layouts.convolution_permutations(op, self._layout == "nhwc")
        x, y = op.operands[0], op.results[0]
        self._step(position, op, "convolution", Carriage([p, None], q))
        self._enter(position, x, p)
        if not _is_pointwise(op):
            self._bytes.append((position, "before", nbytes(x) + nbytes(y)))

    def _follow(self, position: int, op: ir.Operation) -> None:
        """An operation that reads twins: on twins where it can."""
        twins = [self._twins[value][0] if value in self._twins else None for value in op.operands]
        how = carriers.carriage(op, twins, self._choice.regroup)
        if how is None:
            self.stopped |= op.name == "stablehlo.reshape"
            return
        if self._is_mostly_new(op, how):
            self.divided = True
            if self._choice.turn:
                return
        self._step(position, op, "carried", how)
        self._bytes.append((position, "before", how.before))
        self._bytes.append((position, "after", how.after))
        for value, p in zip(op.operands, how.reads, strict=True):
            if p is not None:
                self._enter(position, value, p)

    def _is_mostly_new(self, op: ir.Operation, how: Carriage) -> bool:
        """True where at least as many bytes have no twin yet as have one."""
        sizes = Counter[bool]()
        for value, p in zip(op.operands, how.reads, strict=True):
            if p is not None and (value in self._twins or not _is_free(value, self._program.known)):
                sizes[value in self._twins] += nbytes(value)
        return sizes[False] >= sizes[True]

    def _step(self, position: int, op: ir.Operation, kind: Kind, how: Carriage) -> None:
        self._steps[position] = Step(position, op, kind, how)
        self._sets.unite([position, position])
        if how.result != identity(len(how.result)):
            self._twins.update((result, (how.result, position)) for result in op.results)

    def _read(self, position: int, value: ir.Value) -> None:
        self._sets.unite([position, self._twins[value][1]])
        self._kept[value] += 1

    def _enter(self, position: int, value: ir.Value, p: Permutation) -> None:
        """The operation at `position` reads the twin of a value, which may have to be made."""
        have, _ = self._twins.get(value, (identity(len(p)), position))
        if value in self._twins:
            self._read(position, value)
        if have == p:
            return
        if (value, p) in self._entries:
            self._sets.unite([position, self._entries[value, p]])
            return
        self._entries[value, p] = position
        shape = permuted(have, shape_of(value))
        moves = is_transpose([shape[axis] for axis in between(have, p)], between(have, p))
        if moves and not _is_free(value, self._program.known):
            self._bytes.append((position, "after", nbytes(value)))


def _is_pointwise(op: ir.Operation) -> bool:
    """True of a convolution by windows of one element: a product, which needs no layout."""
    layout = stablehlo.ConvDimensionNumbers(op.attributes["dimension_numbers"])
    shape = shape_of(op.operands[1])
    return all(shape[axis] == 1 for axis in layout.kernel_spatial_dimensions)


def _is_free(value: ir.Value, known: Mapping[ir.Value, bool]) -> bool:
    """True of values whose twin is made without moving bytes in each call."""
    return (
        value in known
        or splat(value) is not None
        or any(producer(value, f"stablehlo.{name}") is not None for name in ("broadcast_in_dim", "iota"))
    )
