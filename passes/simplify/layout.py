"""Which transposes cancel when operations work on permuted tensors instead, and what that saves.

One walk over a block tries to keep every value that is a transpose, or the result of a convolution in a foreign
layout, as its twin before the transpose (`carriers`).  What belongs together by sharing twins is a region; it is
taken where fewer bytes are transposed than before.
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
from oxide.passes.simplify import carriers
from oxide.passes.simplify.carriers import Permutation
from oxide.passes.weight_values import WeightValues, nbytes

LAYOUT = (
    "layout",
    "f(transpose(x, p)) -> transpose(f(x), p), where fewer bytes are transposed in all; convolutions change layout",
)
Layout = Literal["keep", "nchw", "nhwc"]
Kind = Literal["transpose", "convolution", "carried", "absorbed"]
# Bytes of the transposes there are, of those a region needs where values enter and leave it, and of what a back end
# that wants another layout transposes for each convolution.
Account = Literal["transposes", "entering", "leaving", "convolutions"]


@dataclass(frozen=True)
class Step:
    """One operation of a region: where it stands, how it is rewritten, and the permutation of what it reads."""

    position: int
    op: ir.Operation
    kind: Kind
    p: Permutation


@dataclass
class Region:
    """Operations in order, and the bytes that say whether they are worth rewriting."""

    steps: list[Step] = field(default_factory=list)
    nbytes: Counter[Account] = field(default_factory=Counter)


def regions(program: WeightValues, layout: Layout) -> list[Region]:
    """The regions of `@main`, in the order of their first operations."""
    walk = _Walk(program, layout)
    for position, op in enumerate(program.operations):
        walk.visit(position, op)
    return walk.found()


class _Walk:
    """Twins so far: each value's permutation, and the position of the operation whose region made it."""

    def __init__(self, program: WeightValues, layout: Layout) -> None:
        self._program = program
        self._layout: Layout = layout
        self._sets = Sets()
        self._steps: dict[int, Step] = {}
        self._twins: dict[ir.Value, tuple[Permutation, int]] = {}
        self._entries: dict[tuple[ir.Value, Permutation], int] = {}
        self._kept: dict[ir.Value, int] = {}
        self._bytes: list[tuple[int, Account, int]] = []

    def visit(self, position: int, op: ir.Operation) -> None:
        if self._program.is_known(position):
            return
        if op.name == "stablehlo.transpose" and is_static(op):
            self._transpose(position, op)
        elif self._is_foreign(op):
            self._convolution(position, op)
        else:
            self._follow(position, op)

    def found(self) -> list[Region]:
        found: dict[int, Region] = {}
        for position, step in sorted(self._steps.items()):
            found.setdefault(self._sets.find(position), Region()).steps.append(step)
        for position, account, amount in self._bytes:
            found[self._sets.find(position)].nbytes[account] += amount
        for value, (p, position) in self._twins.items():
            uses = sum(1 for _ in value.uses)
            if uses > self._kept.get(value, 0) and carriers.is_transpose(shape_of(value), p):
                found[self._sets.find(position)].nbytes["leaving"] += nbytes(value)
        return list(found.values())

    def _transpose(self, position: int, op: ir.Operation) -> None:
        x, result = op.operands[0], op.results[0]
        order = tuple(integers(op, "permutation"))
        p, origin = self._twins.get(x, (tuple(range(len(order))), position))
        self._step(position, op, "transpose", p)
        if origin != position:
            self._read(position, x)
        if carriers.is_transpose(shape_of(result), order):
            self._bytes.append((position, "transposes", nbytes(result)))
        composed = carriers.after(p, order)
        if composed != tuple(range(len(order))):
            self._twins[result] = composed, position

    def _is_foreign(self, op: ir.Operation) -> bool:
        """True of a convolution in another layout than the one wanted."""
        if self._layout == "keep" or op.name != "stablehlo.convolution" or not is_static(op):
            return False
        identity = tuple(range(hlo.rank(op.results[0])))
        both = carriers.convolution_permutations(op, self._layout == "nhwc")
        return integer(op, "batch_group_count") == 1 and both != (identity, identity)

    def _convolution(self, position: int, op: ir.Operation) -> None:
        p, q = carriers.convolution_permutations(op, self._layout == "nhwc")
        x, y = op.operands[0], op.results[0]
        self._step(position, op, "convolution", p)
        self._enter(position, x, p)
        self._twins[y] = q, position
        if not _is_pointwise(op):
            self._bytes.append((position, "convolutions", nbytes(x) + nbytes(y)))

    def _follow(self, position: int, op: ir.Operation) -> None:
        """An operation that reads twins: on twins where it can."""
        twins = [value for value in op.operands if value in self._twins]
        if not twins:
            return
        p, _ = self._twins[twins[0]]
        images = [value for value in op.operands if hlo.rank(value) == len(p)] if is_static(op) else []
        if images and carriers.carries(op) and hlo.rank(op.results[0]) == len(p):
            self._step(position, op, "carried", p)
            self._twins.update((result, (p, position)) for result in op.results)
        elif carriers.absorbs(op, p) and all(self._twins.get(value, (p,))[0] == p for value in images):
            self._step(position, op, "absorbed", p)
        else:
            return
        for value in images:
            self._enter(position, value, p)

    def _step(self, position: int, op: ir.Operation, kind: Kind, p: Permutation) -> None:
        self._steps[position] = Step(position, op, kind, p)
        self._sets.unite([position, position])

    def _read(self, position: int, value: ir.Value) -> None:
        self._sets.unite([position, self._twins[value][1]])
        self._kept[value] = self._kept.get(value, 0) + 1

    def _enter(self, position: int, value: ir.Value, p: Permutation) -> None:
        """The operation at `position` reads the twin of a value, which may have to be made."""
        if self._twins.get(value, (None,))[0] == p:
            self._read(position, value)
        elif (value, p) in self._entries:
            self._sets.unite([position, self._entries[value, p]])
        else:
            self._entries[value, p] = position
            if not _is_free(value, p, self._program.known):
                self._bytes.append((position, "entering", nbytes(value)))


def _is_pointwise(op: ir.Operation) -> bool:
    """True of a convolution by windows of one element: a product, which needs no layout."""
    layout = stablehlo.ConvDimensionNumbers(op.attributes["dimension_numbers"])
    shape = shape_of(op.operands[1])
    return all(shape[axis] == 1 for axis in layout.kernel_spatial_dimensions)


def _is_free(value: ir.Value, p: Permutation, known: Mapping[ir.Value, bool]) -> bool:
    """True of values whose twin is made without moving bytes in each call."""
    return (
        not carriers.is_transpose(shape_of(value), p)
        or value in known
        or splat(value) is not None
        or producer(value, "stablehlo.broadcast_in_dim") is not None
    )
