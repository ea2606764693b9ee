"""Which values share a buffer, and when each buffer is needed.

Time is the position of an operation among all of the function's and of its loops' and branches'.  A buffer is
needed from the operation that first writes it to the last one that reads any value in it, both included, so an
operation never writes over what it reads unless it may work in place.  Arguments and constants belong to the
caller and have no buffer, donated arguments excepted.

A loop carries its values in the buffers of its results; where the operand dies they are the operand's, and
where the carried value dies in the body the next one is computed in place.  What a loop reads from outside is
needed until it ends, what a branch reads until the branching ends.  Values that a loop hands on as they are
stay where they are.  Where new values trade places, the loop needs scratch memory at the end of its body; so does a
call, while the function it calls runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from jaxlib.mlir import ir

from oxide.passes.assign_buffers.copies import Slice, scratch_bytes
from oxide.passes.assign_buffers.program import Body, Program, Step

ALIGNMENT = 64


@dataclass(eq=False)
class Buffer:
    """Storage for values: `size` in bytes, needed during [start, end]; `values` with their offsets in it.

    One that is `separate` lies in memory of its own, outside of the arena: a result or a donated argument.  The
    scratch memory of an operation holds no value; `scratch` is the operation.

    While the layout is made, `busy` is when the last of the values so far is read.  A pinned buffer does not become
    part of a larger one, and one that is reserved for a value takes no other that would be in its way.
    """

    size: int
    start: int
    end: int
    busy: int
    pinned: bool = False
    reserved: int | None = None
    separate: bool = False
    scratch: ir.Operation | None = None
    values: dict[int, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Sharing:
    """Whether slices are views of their operand, which keeps all of it alive, and the concatenations (indices of
    steps) whose operands are computed in place, which allocates all of the result early."""

    slices: bool
    pieces: frozenset[int]


def buffers_of(program: Program, body: Body, sharing: Sharing) -> list[Buffer]:
    """The buffers of a program whose operations run in the order of `body`."""
    layout = _Layout(program, sharing)
    end = layout.number(body, 1) - 1
    layout.place(body, layout.donate(end))
    return list(layout.buffers)


class _Layout:
    def __init__(self, program: Program, sharing: Sharing) -> None:
        self._program = program
        self._sharing = sharing
        self._last: dict[int, int] = {}
        self._born: dict[int, int] = {}
        self._begin: dict[int, int] = {}
        self._finish: dict[Body, int] = {}
        self._home: dict[int, Buffer] = {}
        # In the order they were made; a dict, as buffers that become part of others leave it.
        self.buffers: dict[Buffer, None] = {}

    def number(self, body: Body, time: int) -> int:
        """Give operations their times from `time` on, and values their last use; answers the time after the
        body."""
        for step in body.steps:
            begin = time
            self._last.update(dict.fromkeys(step.operands, begin))
            time += 1
            for inner in step.bodies:
                time = self.number(inner, time)
            self._begin[step.index] = begin
            self._last.update(dict.fromkeys(step.captured, time - 1))
            self._last.update(dict.fromkeys(step.results, time - 1))
            self._born.update(dict.fromkeys(step.results, begin))
        self._last.update(dict.fromkeys(body.returned, time))
        self._finish[body] = time
        return time + 1

    def donate(self, end: int) -> dict[int, Buffer]:
        """Buffers for the donated arguments; answers those in which certain results should lie, by result."""
        wishes: dict[int, Buffer] = {}
        for argument, result in self._program.donated.items():
            buffer = self._new(self._program.sizes[argument] or 0, 0)
            buffer.pinned, buffer.separate = True, self._program.separate
            self._join(argument, buffer, 0)
            if result is not None:
                buffer.reserved, buffer.end = result, end
                wishes.setdefault(result, buffer)
        return wishes

    def place(self, body: Body, wishes: Mapping[int, Buffer]) -> None:
        """Give the results of a body's operations their buffers, the wished one where it is free."""
        wanted = dict(wishes)
        for step in reversed(body.steps):
            for result, view in zip(step.results, step.views, strict=True):
                if view is not None and result in wanted and self._is_whole(step, result, view):
                    wanted.setdefault(step.operands[view[0]], wanted[result])
        for step in body.steps:
            if step.op.name == "stablehlo.while":
                self._place_loop(step)
            elif step.bodies:
                self._place_branches(step)
            else:
                self._place_results(step, wanted)

    def _place_results(self, step: Step, wanted: Mapping[int, Buffer]) -> None:
        begin = self._begin[step.index]
        taken: set[Buffer] = set()
        for number, result in enumerate(step.results):
            size = self._program.sizes[result]
            if size is None:
                continue
            view = step.views[number]
            if view is not None and self._is_view(step, result, view):
                source = self._home.get(step.operands[view[0]])
                if source is not None:
                    self._join(result, source, source.values[step.operands[view[0]]] + view[1])
                continue
            buffer = self._wished(wanted.get(result), size, begin, taken)
            buffer = buffer or self._overwritten(step, number, size, taken) or self._new(size, begin)
            taken.add(buffer)
            self._join(result, buffer, 0)
        if step.index in self._sharing.pieces:
            self._gather(step)
        self._add_scratch(step.op, step.scratch, begin)

    def _place_loop(self, step: Step) -> None:
        condition, body = step.bodies
        changing: list[int] = []
        for number, operand in enumerate(step.operands):
            if body.returned[number] != body.arguments[number]:
                changing.append(number)
            elif operand in self._home and self._may_be(step.results[number], operand):
                self._carry(step, number, self._home[operand], self._home[operand].values[operand])
            elif operand in self._home:
                changing.append(number)
        slots: dict[int, Buffer] = {}
        for number in changing:
            size = self._program.sizes[step.results[number]]
            if size is not None:
                slots[number] = self._initial(step, number, size, slots)
                self._carry(step, number, slots[number], 0)
        with self._pinned(slots):
            self.place(condition, {})
            for number, slot in slots.items():
                # From here on only the body needs the carried value.
                slot.busy = self._last.get(body.arguments[number], self._begin[step.index])
            self._place_body(body, slots)
            self._add_scratch(body.terminator, self._traded(body, slots), self._finish[body])
        self._release(step, slots)

    def _traded(self, body: Body, slots: Mapping[int, Buffer]) -> int:
        """Bytes of scratch memory that putting the loop's new values into its slots takes."""
        places: dict[Buffer, int] = {}

        def place(buffer: Buffer, offset: int, size: int) -> Slice:
            # Wherever they will lie, buffers are apart from each other.
            start = places.setdefault(buffer, sum(other.size for other in places))
            return Slice(start + offset, size)

        wanted: list[tuple[Slice | None, Slice | None]] = []
        for number, slot in slots.items():
            value = body.returned[number]
            home = self._home.get(value)
            source = None if home is None else place(home, home.values[value], slot.size)
            wanted.append((source, place(slot, 0, slot.size)))
        return scratch_bytes(wanted)

    def _add_scratch(self, op: ir.Operation, size: int, time: int) -> None:
        if size:
            self._new(size, time).scratch = op

    def _initial(self, step: Step, number: int, size: int, slots: Mapping[int, Buffer]) -> Buffer:
        """The buffer of a loop's operand where that dies, else a new one, which the operand is copied to."""
        begin, source = self._begin[step.index], self._home.get(step.operands[number])
        if source is None or source in slots.values() or source.size != size or source.busy > begin:
            return self._new(size, begin)
        return source

    def _carry(self, step: Step, number: int, buffer: Buffer, offset: int) -> None:
        for value in (step.results[number], *(body.arguments[number] for body in step.bodies)):
            self._join(value, buffer, offset)

    def _place_branches(self, step: Step) -> None:
        slots: dict[int, Buffer] = {}
        for number, result in enumerate(step.results):
            size = self._program.sizes[result]
            if size is not None:
                slots[number] = self._new(size, self._begin[step.index])
                self._join(result, slots[number], 0)
        with self._pinned(slots):
            for body in step.bodies:
                for slot in slots.values():
                    slot.busy = self._begin[step.index]
                self._place_body(body, slots)
        self._release(step, slots)

    def _place_body(self, body: Body, slots: Mapping[int, Buffer]) -> None:
        """Place what a region computes, with what it returns in `slots` where these are free."""
        wishes: dict[int, Buffer] = {}
        for number, slot in slots.items():
            slot.reserved = body.returned[number]
            wishes.setdefault(slot.reserved, slot)
        self.place(body, wishes)

    @contextmanager
    def _pinned(self, slots: Mapping[int, Buffer]) -> Iterator[None]:
        before = [(slot, slot.pinned, slot.reserved) for slot in slots.values()]
        for slot in slots.values():
            slot.pinned = True
        yield
        for slot, pinned, reserved in before:
            slot.pinned, slot.reserved = pinned, reserved

    def _release(self, step: Step, slots: Mapping[int, Buffer]) -> None:
        for number, slot in slots.items():
            slot.busy = self._last[step.results[number]]

    def _is_view(self, step: Step, result: int, view: tuple[int, int]) -> bool:
        operand = step.operands[view[0]]
        if operand not in self._home:
            return True
        whole = self._is_whole(step, result, view)
        return (whole or self._sharing.slices) and self._may_be(result, operand)

    def _may_be(self, result: int, operand: int) -> bool:
        """Whether a value may be the bytes of another: a result fills its memory, and shares it with no other."""
        results, buffer = self._program.results, self._home[operand]
        fills = buffer.size == self._program.sizes[result] and results.isdisjoint(buffer.values)
        return result not in results or fills

    def _is_whole(self, step: Step, result: int, view: tuple[int, int]) -> bool:
        sizes = self._program.sizes
        return view[1] == 0 and sizes[result] == sizes[step.operands[view[0]]]

    def _overwritten(self, step: Step, number: int, size: int, taken: set[Buffer]) -> Buffer | None:
        """The buffer of an operand that nothing reads after this operation, and that it may overwrite."""
        begin, result = self._begin[step.index], step.results[number]
        allowed = step.overwrites[number]
        for candidate in allowed:
            buffer = self._home.get(step.operands[candidate])
            if buffer is None or buffer in taken or buffer.size != size or buffer.busy > begin:
                continue
            if buffer.reserved not in (None, result) and self._last[result] >= self._born.get(buffer.reserved, 0):
                continue
            others = [value for place, value in enumerate(step.operands) if place not in allowed]
            if all(self._home.get(value) is not buffer for value in (*others, *step.captured)):
                return buffer
        return None

    def _wished(self, buffer: Buffer | None, size: int, begin: int, taken: set[Buffer]) -> Buffer | None:
        fits = buffer is not None and buffer not in taken and buffer.size == size and buffer.busy < begin
        return buffer if fits else None

    def _gather(self, step: Step) -> None:
        """Have the operands of a concatenation computed in the result's buffer."""
        whole = self._home[step.results[0]]
        if whole.start != self._begin[step.index]:
            return  # its bytes are in use while the operands are computed
        for operand, offset in zip(step.operands, step.pieces, strict=True):
            part = self._home.get(operand)
            if part is None or part is whole or part.pinned or offset % ALIGNMENT:
                continue
            if part.size == self._program.sizes[operand]:
                self._absorb(whole, part, offset)

    def _absorb(self, whole: Buffer, part: Buffer, offset: int) -> None:
        for value, place in part.values.items():
            self._home[value] = whole
            whole.values[value] = place + offset
        whole.start = min(whole.start, part.start)
        whole.end = max(whole.end, part.end)
        whole.busy = max(whole.busy, part.busy)
        del self.buffers[part]

    def _new(self, size: int, time: int) -> Buffer:
        buffer = Buffer(size, time, time, time)
        self.buffers[buffer] = None
        return buffer

    def _join(self, value: int, buffer: Buffer, offset: int) -> None:
        self._home[value] = buffer
        buffer.values[value] = offset
        if value in self._program.results:
            buffer.pinned = buffer.separate = True
        last = self._last.get(value, buffer.start)
        buffer.busy = max(buffer.busy, last)
        buffer.end = max(buffer.end, last)
