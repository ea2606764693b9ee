"""An independent check of a buffer plan: replay the program and watch what every byte of the arena holds.

The checker reads nothing but the IR and its attributes, and uses no live ranges.  Every computed value is a new
symbol, every view the part of its operand's symbols that it is; an operation writes symbols where its results
lie and must find those of its operands where they lie.  What a loop carries is a new symbol in each iteration,
and loops are replayed twice, so that what one iteration destroys is missed by the next.  A called function is
replayed on its own; where it is called, its arena is bytes that it may leave in any state.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import pairwise
from sys import maxsize

from jaxlib.mlir import ir

from oxide.dialects.attributes import string
from oxide.dialects.diagnostics import Diagnostic, OxideError, location_text
from oxide.passes.assign_buffers.aliasing import REGION_OPS, InPlace, byte_size, pieces, reads_in, views
from oxide.passes.assign_buffers.attributes import (
    arena_size,
    argument_slices,
    result_slices,
    scratch_of,
    slices_of,
)
from oxide.passes.assign_buffers.calls import planned_functions
from oxide.passes.assign_buffers.contents import Arena, Content, fresh, joined, part
from oxide.passes.assign_buffers.copies import Slice, ordered, scratch_bytes
from oxide.passes.assign_buffers.liveness import ALIGNMENT
from oxide.passes.assign_buffers.program import callee
from oxide.passes.functions import body, terminator


def check_plan(module: ir.Module) -> None:
    """Raise OxideError listing every violation in the plan that @main and the functions it calls carry."""
    in_place, arenas = InPlace(module), dict[str, int]()
    problems: list[Diagnostic] = []
    for function in planned_functions(module):
        name, size = string(function, "sym_name"), arena_size(function)
        if size is None:
            raise OxideError(f"@{name} carries no buffer plan; run assign-buffers first")
        replay = _Replay(function, size, in_place, arenas)
        replay.check()
        problems += replay.problems
        arenas[name] = size
    if problems:
        raise OxideError("the buffer plan is wrong", list(dict.fromkeys(problems)))


class _Replay:
    def __init__(self, function: ir.Operation, size: int, in_place: InPlace, arenas: Mapping[str, int]) -> None:
        self._function = function
        self._size = size
        self._in_place = in_place
        # Those of the functions that this one calls.
        self._arenas = arenas
        self._contents: dict[ir.Value, Content] = {}
        # Where values lie; None is memory of the caller, which nothing writes to.
        self._places: dict[ir.Value, Slice | None] = {}
        self.problems: list[Diagnostic] = []
        self._memories = self._disjoint_memories()

    def check(self) -> None:
        arena, function = Arena(), self._function
        block = body(function)
        occupied: list[Slice] = []
        for argument, place in zip(block.arguments, argument_slices(function), strict=True):
            self._places[argument] = place
            self._contents[argument] = fresh(_size_if_known(argument))
            if place is None:
                continue
            self._check_place(function, argument, place, ALIGNMENT)
            if any(place.overlaps(other) for other in occupied):
                self._complain(function, f"has two arguments at {place.offset}")
            occupied.append(place)
            arena.write(place, self._contents[argument])
        self._run(block, arena)
        for number, place in enumerate(result_slices(function)):
            returned = terminator(function).operands[number]
            if place is not None and self._places[returned] != place:
                self._complain(terminator(function), f"returns result {number} from elsewhere than its memory")

    def _disjoint_memories(self) -> list[Slice]:
        """The arena, and what lies outside of it: the memory of results, which a donated argument may have too."""
        arguments, results = (
            [place for place in slices if place is not None]
            for slices in (argument_slices(self._function), result_slices(self._function))
        )
        if len(set(results)) < len(results) or any(place.offset < self._size for place in results):
            self._complain(self._function, "has results without memory of their own")
        if self._size < 0:
            self._complain(self._function, f"has an arena of {self._size} bytes")
        outside = (place for place in (*arguments, *results) if place.offset >= self._size)
        memories = sorted({Slice(0, self._size), *outside})
        for first, second in pairwise(memories):
            if first.overlaps(second) or second.offset % ALIGNMENT:
                self._complain(self._function, f"memory {tuple(second)} is misaligned or overlaps other memory")
        return memories

    def _run(self, block: ir.Block, arena: Arena) -> None:
        for view in block.operations:
            op = view.operation
            for number, value in enumerate(self._read(op)):
                if not self._is_intact(value, arena):
                    self._complain(op, f"reads {_name(op, number)} after its bytes were overwritten")
            self._step(op, arena)

    def _read(self, op: ir.Operation) -> list[ir.Value]:
        """The operands, and what regions that are not replayed read from outside."""
        inner = [] if op.name in REGION_OPS else [value for region in op.regions for value in reads_in(region)]
        return [*op.operands, *(value for value in inner if value in self._places)]

    def _is_intact(self, value: ir.Value, arena: Arena) -> bool:
        place = self._places[value]
        return place is None or arena.read(place) == self._contents[value]

    def _step(self, op: ir.Operation, arena: Arena) -> None:
        places = slices_of(op)
        if len(places) != len(op.results):
            self._complain(op, f"has {len(op.results)} results and {len(places)} slices")
            places = [None] * len(op.results)
        if op.name == "stablehlo.while":
            self._loop(op, places, arena)
            return
        if op.name in REGION_OPS:
            self._branch(op, places, arena)
            return
        sources = views(op)
        overwritable = self._in_place.operands(op)
        for number, (result, place) in enumerate(zip(op.results, places, strict=True)):
            self._places[result] = place
            source = sources[number]
            if place is None:
                self._contents[result] = fresh(_size_if_known(result))
                if source is not None and self._places[op.operands[source[0]]] is None:
                    self._contents[result] = part(self._contents[op.operands[source[0]]], source[1], _size(result))
                elif op.name != "stablehlo.constant" and byte_size(result.type) is not None:
                    self._complain(op, f"result {number} has no slice")
                continue
            self._contents[result] = self._computed(op, source, place)
            if source is not None and arena.read(place) == self._contents[result]:
                self._check_place(op, result, place, 1)
                continue
            self._check_place(op, result, place, ALIGNMENT)
            self._check_against_operands(op, result, place, overwritable[number], arena)
        self._call(op, places, arena)
        self._write(op, places, arena)

    def _call(self, op: ir.Operation, places: Sequence[Slice | None], arena: Arena) -> None:
        """The arena of a called function is written while operands are read and results written."""
        function = callee(op)
        scratch = self._scratch(op, 0 if function is None else self._arenas[function])
        if scratch is None:
            return
        if any(place is not None and place.overlaps(scratch) for place in (*places, *self._places_of(op))):
            self._complain(op, f"works in bytes of its own operands or results at {scratch.offset}")
        arena.write(scratch, fresh(scratch.size))

    def _places_of(self, op: ir.Operation) -> list[Slice | None]:
        return [self._places[operand] for operand in op.operands]

    def _scratch(self, op: ir.Operation, needed: int) -> Slice | None:
        """The memory that an operation works in, when it needs any."""
        scratch = scratch_of(op) if needed else None
        if scratch is not None:
            self._check_bytes(op, scratch, ALIGNMENT)
        if needed and (scratch is None or scratch.size < needed):
            self._complain(op, f"needs {needed} bytes of scratch memory and has {scratch.size if scratch else 0}")
            return None
        return scratch

    def _hand_over(self, op: ir.Operation, places: Sequence[Slice | None], arena: Arena) -> None:
        """Copy what a body returns to where it is wanted, and see that it arrives."""
        sources = self._places_of(op)
        wanted = list(zip(sources, places, strict=True))
        scratch = self._scratch(op, scratch_bytes(wanted))
        for number, aside in ordered(wanted):
            source, target = sources[number], places[number]
            content = self._contents[op.operands[number]] if source is None else arena.read(source)
            if aside and scratch is not None and target is not None:
                target = sources[number] = Slice(scratch.offset, target.size)
            if target is not None:
                arena.write(target, content)
        for number, (value, place) in enumerate(zip(op.operands, places, strict=True)):
            if place is not None and arena.read(place) != self._contents[value]:
                self._complain(op, f"loses operand {number} when it hands its values over")

    def _computed(self, op: ir.Operation, source: tuple[int, int] | None, place: Slice) -> Content:
        """What a result holds: bytes of operands, or something new."""
        if source is not None:
            return part(self._contents[op.operands[source[0]]], source[1], place.size)
        if pieces(op):
            return joined(self._contents[operand] for operand in op.operands)
        return fresh(place.size)

    def _write(self, op: ir.Operation, places: Sequence[Slice | None], arena: Arena) -> None:
        """Write all results at once, and see that none destroyed another."""
        for result, place in zip(op.results, places, strict=True):
            if place is not None and arena.read(place) != self._contents[result]:
                arena.write(place, self._contents[result])
        for result, place in zip(op.results, places, strict=True):
            if place is not None and not self._is_intact(result, arena):
                self._complain(op, f"writes two results over each other at {place.offset}")

    def _check_place(self, op: ir.Operation, value: ir.Value, place: Slice, alignment: int) -> None:
        self._check_bytes(op, place, alignment)
        if place.size != byte_size(value.type):
            self._complain(op, f"slice of {place.size} bytes for a value of {byte_size(value.type)}")

    def _check_bytes(self, op: ir.Operation, place: Slice, alignment: int) -> None:
        memory = self._memories[max(bisect_right(self._memories, Slice(place.offset, maxsize)) - 1, 0)]
        if place.offset % alignment or not memory.holds(place):
            self._complain(op, f"slice {tuple(place)} is misaligned or outside the arena of {self._size} bytes")

    def _check_against_operands(
        self, op: ir.Operation, result: ir.Value, place: Slice, overwritable: Sequence[int], arena: Arena
    ) -> None:
        """A result may lie over an operand where it leaves the bytes as they are, or may be computed in place."""
        for number, value in enumerate(self._read(op)):
            other = self._places[value]
            if other is None or not place.overlaps(other) or (number in overwritable and other == place):
                continue
            first = max(place.offset, other.offset)
            shared = Slice(first, min(place.offset + place.size, other.offset + other.size) - first)
            if part(self._contents[result], first - place.offset, shared.size) != arena.read(shared):
                self._complain(op, f"writes over its own {_name(op, number)}")

    def _branch(self, op: ir.Operation, places: Sequence[Slice | None], arena: Arena) -> None:
        """Replay the branches; what every one leaves intact survives, and the results are new."""
        self._new_results(op, places)
        after = [arena.copy() for _ in op.regions]
        for region, branch in zip(op.regions, after, strict=True):
            self._run(region.blocks[0], branch)
            self._hand_over(_terminator(region.blocks[0]), places, branch)
        arena.keep_common(after)
        self._write(op, places, arena)

    def _loop(self, op: ir.Operation, places: Sequence[Slice | None], arena: Arena) -> None:
        condition, body = (region.blocks[0] for region in op.regions)
        returned = list(_terminator(body).operands)
        carried = [number for number in range(len(op.results)) if returned[number] != body.arguments[number]]
        constant = sorted(set(range(len(op.results))) - set(carried))
        self._check_initial(op, places, carried)
        self._new_results(op, places, carried)
        for number in constant:
            self._hand_on(op, number, places[number], arena)
        for _ in range(2):
            self._enter(op, places, carried, constant, (condition, body), arena)
            self._run(condition, arena)
            self._check_carried(op, body, arena)
            self._run(body, arena)
            self._hand_over(_terminator(body), places, arena)
        self._enter(op, places, carried, constant, (condition, body), arena)
        self._run(condition, arena)
        self._check_carried(op, body, arena)
        for number in carried:
            self._contents[op.results[number]] = self._contents[body.arguments[number]]

    def _check_initial(self, op: ir.Operation, places: Sequence[Slice | None], carried: Sequence[int]) -> None:
        """Operands are copied to where results lie, unless they are there; none may be overwritten before."""
        for number in carried:
            place = places[number]
            for other, operand in enumerate(op.operands):
                found = self._places[operand]
                if (
                    place is None
                    or found is None
                    or not place.overlaps(found)
                    or self._places[op.operands[number]] == place
                ):
                    continue
                self._complain(op, f"writes over its own operand {other}")

    def _new_results(
        self, op: ir.Operation, places: Sequence[Slice | None], numbers: Sequence[int] | None = None
    ) -> None:
        for number in range(len(op.results)) if numbers is None else numbers:
            result, place = op.results[number], places[number]
            self._places[result] = place
            self._contents[result] = fresh(_size_if_known(result))
            if place is not None:
                self._check_place(op, result, place, ALIGNMENT)
            elif byte_size(result.type) is not None:
                self._complain(op, f"result {number} has no slice")

    def _hand_on(self, op: ir.Operation, number: int, place: Slice | None, arena: Arena) -> None:
        """A value that every iteration returns as it is: the operand, under another name."""
        result, operand = op.results[number], op.operands[number]
        self._places[result], self._contents[result] = place, self._contents[operand]
        if place is None and self._places[operand] is not None:
            self._complain(op, f"result {number} has no slice")
        elif place is not None:
            there = arena.read(place) == self._contents[result]
            self._check_place(op, result, place, 1 if there else ALIGNMENT)

    def _enter(
        self,
        op: ir.Operation,
        places: Sequence[Slice | None],
        carried: Sequence[int],
        constant: Sequence[int],
        blocks: Sequence[ir.Block],
        arena: Arena,
    ) -> None:
        """Give the loop's arguments what an iteration starts with."""
        for number, place in enumerate(places):
            result = op.results[number]
            if number in carried:
                self._contents[result] = fresh(_size_if_known(result))
            for block in blocks:
                self._places[block.arguments[number]] = place
                self._contents[block.arguments[number]] = self._contents[result]
        self._write(op, places, arena)

    def _check_carried(self, op: ir.Operation, body: ir.Block, arena: Arena) -> None:
        if not all(self._is_intact(argument, arena) for argument in body.arguments):
            self._complain(op, "carried value is overwritten inside the loop")

    def _complain(self, op: ir.Operation, what: str) -> None:
        self.problems.append(Diagnostic("error", f"{op.name} {what}", location_text(op.location)))


def _terminator(block: ir.Block) -> ir.Operation:
    return list(block.operations)[-1].operation


def _name(op: ir.Operation, number: int) -> str:
    return f"operand {number}" if number < len(op.operands) else "a value from outside"


def _size(value: ir.Value) -> int:
    return byte_size(value.type) or 0


def _size_if_known(value: ir.Value) -> int:
    """Bytes of a value that lies outside the arena, where it may have any size."""
    try:
        return _size(value)
    except OxideError:
        return 0
