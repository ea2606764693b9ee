"""An independent check of a buffer plan: replay the program and watch which bytes still hold what.

The checker reads nothing but the IR and its attributes, and uses no live ranges: it keeps the set of values
that are intact in memory, lets every operation destroy whatever its results overlap, and complains when a
destroyed value is read.  Loops are replayed twice, so that what one iteration destroys is missed by the next.
"""

from __future__ import annotations

from jaxlib.mlir import ir

from oxide.dialects.diagnostics import Diagnostic, OxideError, location_text
from oxide.passes.assign_buffers.aliasing import IN_PLACE, REGION_OPS, VIEWS
from oxide.passes.assign_buffers.attributes import Slice, arena_size, slices_of
from oxide.passes.assign_buffers.liveness import byte_size
from oxide.passes.assign_buffers.plan import ALIGNMENT

# Values intact in the arena, and who lies where.
Memory = dict[ir.Value, Slice]


def check_plan(module: ir.Module, block: ir.Block) -> None:
    """Raise OxideError listing every violation in the plan that `module` carries for `block` (@main's body)."""
    size = arena_size(module)
    if size is None:
        raise OxideError("the module carries no buffer plan; run assign-buffers first")
    replay = _Replay(size)
    replay.run(block, {})
    if replay.problems:
        raise OxideError("the buffer plan is wrong", list(dict.fromkeys(replay.problems)))


class _Replay:
    def __init__(self, arena: int) -> None:
        self._arena = arena
        self._external: set[ir.Value] = set()
        self._planned: set[ir.Value] = set()
        self.problems: list[Diagnostic] = []

    def run(self, block: ir.Block, memory: Memory) -> list[ir.Value]:
        """Replay a block on `memory`, in place; answers what its terminator returns."""
        # Arguments without a place in the arena are the caller's.
        self._external.update(argument for argument in block.arguments if argument not in self._planned)
        returned: list[ir.Value] = []
        for view in block.operations:
            op = view.operation
            self._read(op, memory)
            returned = list(op.operands)
            self._step(op, memory)
        return returned

    def _step(self, op: ir.Operation, memory: Memory) -> None:
        if op.name == "stablehlo.constant":
            self._external.update(op.results)
            return
        slices = slices_of(op)
        if len(slices) != len(op.results):
            self._complain(op, f"has {len(op.results)} results and {len(slices)} slices")
            return
        written: list[tuple[ir.Value, Slice]] = []
        for number, (result, place) in enumerate(zip(op.results, slices, strict=True)):
            viewed = op.operands[number] if op.name in VIEWS else None
            if viewed is not None and place is not None and memory.get(viewed) == place:
                memory[result] = place
                self._planned.add(result)
                self._check_place(op, result, place)
            elif place is not None:
                self._check_place(op, result, place)
                self._check_against_operands(op, place, memory)
                if any(place.overlaps(other) for _, other in written):
                    self._complain(op, f"writes two results over each other at {place.offset}")
                written.append((result, place))
            elif byte_size(result.type) is None or (viewed is not None and viewed in self._external):
                self._external.add(result)
            else:
                self._complain(op, f"result {number} has no slice")
        for result, place in written:
            self._write(result, place, memory)
        if op.name in REGION_OPS:
            self._enter(op, memory)

    def _read(self, op: ir.Operation, memory: Memory) -> None:
        for number, operand in enumerate(op.operands):
            if operand not in self._external and operand not in memory:
                self._complain(op, f"reads operand {number} after its bytes were overwritten")

    def _write(self, result: ir.Value, place: Slice, memory: Memory) -> None:
        for value in [value for value, other in memory.items() if place.overlaps(other)]:
            del memory[value]
        memory[result] = place
        self._planned.add(result)

    def _check_place(self, op: ir.Operation, result: ir.Value, place: Slice) -> None:
        if place.offset % ALIGNMENT or place.offset < 0 or place.offset + place.size > self._arena:
            self._complain(op, f"slice {tuple(place)} is misaligned or outside the arena of {self._arena} bytes")
        if place.size != byte_size(result.type):
            self._complain(op, f"slice of {place.size} bytes for a value of {byte_size(result.type)}")

    def _check_against_operands(self, op: ir.Operation, place: Slice, memory: Memory) -> None:
        allowed = set(IN_PLACE[op.name](op)) if op.name in IN_PLACE else set()
        for number, operand in enumerate(op.operands):
            other = memory.get(operand)
            if other is None or not place.overlaps(other):
                continue
            if operand not in allowed or other != place:
                self._complain(op, f"writes over its own operand {number}")

    def _enter(self, op: ir.Operation, memory: Memory) -> None:
        """Replay the regions; what survives is what every path leaves intact, and the results."""
        if op.name == "stablehlo.while":
            for _ in range(2):
                for region in op.regions:
                    self._iterate(op, region.blocks[0], memory)
            return
        after = [dict(memory) for _ in op.regions]
        for region, branch in zip(op.regions, after, strict=True):
            self.run(region.blocks[0], branch)
        survivors = {value: place for value, place in memory.items() if all(value in m for m in after)}
        memory.clear()
        memory.update(survivors)

    def _iterate(self, op: ir.Operation, block: ir.Block, memory: Memory) -> None:
        carried = list(zip(block.arguments, op.results, strict=True))
        for argument, result in carried:
            if result in self._external:
                self._external.add(argument)
            elif result in memory:
                memory[argument] = memory[result]
                self._planned.add(argument)
        returned = self.run(block, memory)
        for _, result in carried:
            if result not in self._external and result not in memory:
                self._complain(op, "carried value is overwritten inside the loop")
        if len(returned) != len(carried) or block == op.regions[0].blocks[0]:
            return
        for argument, result in carried:
            if result in memory:
                # The next iteration's values are copied in over this one's.
                memory.pop(argument, None)
                self._write(result, memory[result], memory)

    def _complain(self, op: ir.Operation, what: str) -> None:
        self.problems.append(Diagnostic("error", f"{op.name} {what}", location_text(op.location)))
