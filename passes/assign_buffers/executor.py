"""Run a module in the memory laid out by its buffer plan, to show that the plan computes the same numbers."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import dtypes
from oxide.dialects.attributes import symbol, tensor
from oxide.dialects.diagnostics import Diagnostic, OxideError, location_text
from oxide.dialects.effects import CALLEE_ATTRIBUTE
from oxide.dialects.fold import fold
from oxide.passes.assign_buffers.attributes import (
    arena_size,
    argument_slices,
    place_of,
    result_slices,
    scratch_of,
    slices_of,
)
from oxide.passes.assign_buffers.copies import Slice, ordered
from oxide.passes.assign_buffers.liveness import ALIGNMENT
from oxide.passes.functions import body, terminator

# The results of an operation on arrays, or None for an operation it cannot run.
Evaluate = Callable[[ir.Operation, Sequence[np.ndarray]], Sequence[np.ndarray] | None]


def execute(module: ir.Module, arguments: Sequence[np.ndarray], evaluate: Evaluate = fold) -> list[np.ndarray]:
    """The results of @main on `arguments`, every planned value living in the arena only, or in the memory of a
    result.

    Donated arguments are copied to where the plan has them.  Raises OxideError for an operation that `evaluate`
    cannot run; loops, branches and calls are not asked of it.
    """
    symbols = ir.SymbolTable(module.operation)
    main = symbols["main"].operation
    size = arena_size(main)
    if size is None:
        raise OxideError("the module carries no buffer plan; run assign-buffers first")
    places = [place for place in (*argument_slices(main), *result_slices(main)) if place is not None]
    outside = {place.offset: _memory(place.size) for place in places if place.offset >= size}
    execution = _Execution(symbols, main, evaluate, _memory(size), outside)
    return [value.copy() for value in execution.call(arguments)]


def _memory(size: int) -> np.ndarray:
    """Aligned bytes, which hold no number that a program could mean."""
    storage = np.full(size + ALIGNMENT, 0xA5, np.uint8)
    start = -storage.ctypes.data % ALIGNMENT
    return storage[start : start + size]


class _Execution:
    """One call of a function: its arena, and by the address where it begins the memory it has outside of that."""

    def __init__(
        self,
        symbols: ir.SymbolTable,
        function: ir.Operation,
        evaluate: Evaluate,
        arena: np.ndarray,
        outside: Mapping[int, np.ndarray],
    ) -> None:
        self._symbols = symbols
        self._function = function
        self._evaluate_one = evaluate
        self._memories = {0: arena, **outside}
        self._starts = sorted(self._memories)
        self._values: dict[ir.Value, np.ndarray] = {}

    def call(self, arguments: Sequence[np.ndarray]) -> list[np.ndarray]:
        """What the function returns, where it lies."""
        block = body(self._function)
        self._values.update(zip(block.arguments, arguments, strict=True))
        for argument, place in zip(block.arguments, argument_slices(self._function), strict=True):
            if place is not None:
                self._values[argument] = self._stored(argument, place, self._values[argument])
        self._run(block)
        return [self._values[value] for value in terminator(self._function).operands]

    def _run(self, block: ir.Block) -> ir.Operation:
        """Run a block up to its terminator, and answer that."""
        *operations, last = (view.operation for view in block.operations)
        for op in operations:
            self._step(op)
        return last

    def _step(self, op: ir.Operation) -> None:
        places = slices_of(op)
        operands = [self._values[value] for value in op.operands]
        if op.name == "stablehlo.while":
            self._loop(op, operands, places)
        elif op.name in ("stablehlo.if", "stablehlo.case"):
            last = self._run(op.regions[_branch(op, operands[0])].blocks[0])
            self._values.update(zip(op.results, self._hand_over(last, places), strict=True))
        else:
            for result, place, value in zip(op.results, places, self._evaluate(op, operands), strict=True):
                # A view finds its elements in place, and so does a piece of a concatenation.
                self._values[result] = value if place is None else self._stored(result, place, value)

    def _evaluate(self, op: ir.Operation, operands: list[np.ndarray]) -> Sequence[np.ndarray]:
        if op.name in CALLEE_ATTRIBUTE:
            return self._called(op, operands)
        if op.name == "stablehlo.optimization_barrier":
            return operands
        values = self._evaluate_one(op, operands)
        if values is None:
            detail = Diagnostic("error", f"{op.name} has no evaluation rule", location_text(op.location))
            raise OxideError(f"the arena executor cannot run {op.name}", [detail])
        return values

    def _called(self, op: ir.Operation, operands: list[np.ndarray]) -> Sequence[np.ndarray]:
        """Run a function with scratch memory of this one for its arena, and the operation's results for its own."""
        function = self._symbols[symbol(op, CALLEE_ATTRIBUTE[op.name])].operation
        scratch = scratch_of(op) or Slice(0, 0)
        outside = {
            theirs.offset: self._bytes(ours)
            for theirs, ours in zip(result_slices(function), slices_of(op), strict=True)
            if theirs is not None and ours is not None
        }
        inner = _Execution(self._symbols, function, self._evaluate_one, self._bytes(scratch), outside)
        # A fusion's results may be views of operands, which others of its results are written over.
        return [value.copy() for value in inner.call(operands)]

    def _loop(self, op: ir.Operation, operands: list[np.ndarray], places: list[Slice | None]) -> None:
        """A loop carries its values in the memory of its results."""
        condition, turn = (region.blocks[0] for region in op.regions)
        # What is handed on as it is may stay where the caller has it.
        carried = [
            value if place is None else self._stored(result, place, value)
            for result, place, value in zip(op.results, places, operands, strict=True)
        ]
        for values in (op.results, condition.arguments, turn.arguments):
            self._values.update(zip(values, carried, strict=True))
        while self._values[self._run(condition).operands[0]]:
            self._hand_over(self._run(turn), places)

    def _hand_over(self, op: ir.Operation, places: list[Slice | None]) -> list[np.ndarray]:
        """Copy what a body returns to where it is wanted, through scratch memory where values trade places."""
        values = [self._values[operand] for operand in op.operands]
        scratch = scratch_of(op)
        for number, aside in ordered(zip(map(place_of, op.operands), places, strict=True)):
            place = places[number]
            assert place is not None
            if aside:
                assert scratch is not None
                place = Slice(scratch.offset, place.size)
            values[number] = self._stored(op.operands[number], place, values[number])
        return values

    def _stored(self, like: ir.Value, place: Slice, value: np.ndarray) -> np.ndarray:
        """The array at a place, of the type of `like`, after `value` was copied there."""
        kind = tensor(like)
        array = self._bytes(place).view(dtypes.to_numpy(kind.element_type)).reshape(tuple(kind.shape))
        np.copyto(array, value)
        return array

    def _bytes(self, place: Slice) -> np.ndarray:
        start = self._starts[bisect_right(self._starts, place.offset) - 1]
        return self._memories[start][place.offset - start : place.offset - start + place.size]


def _branch(op: ir.Operation, selector: np.ndarray) -> int:
    if op.name == "stablehlo.if":
        return 0 if selector else 1
    last = len(op.regions) - 1
    return int(selector) if 0 <= int(selector) <= last else last
