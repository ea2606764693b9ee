"""Run a module inside one arena laid out by its buffer plan, to show that the plan computes the same numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import dtypes
from oxide.dialects.attributes import symbol
from oxide.dialects.diagnostics import Diagnostic, OxideError, location_text
from oxide.dialects.effects import CALLEE_ATTRIBUTE
from oxide.dialects.fold import fold
from oxide.passes.assign_buffers.attributes import Slice, arena_size, argument_slices, slices_of
from oxide.passes.assign_buffers.liveness import ALIGNMENT

# The results of an operation on arrays, or None for an operation it cannot run.
Evaluate = Callable[[ir.Operation, Sequence[np.ndarray]], Sequence[np.ndarray] | None]


def execute(
    module: ir.Module, block: ir.Block, arguments: Sequence[np.ndarray], evaluate: Evaluate = fold
) -> list[np.ndarray]:
    """The results of @main's body on `arguments`, every planned value living in the arena only.

    Donated arguments are copied to where the plan has them.  Raises OxideError for an operation that `evaluate`
    cannot run; loops, branches and calls are not asked of it.
    """
    execution = _Execution(module, evaluate)
    for argument, place, array in zip(
        block.arguments, argument_slices(block.owner.operation), arguments, strict=True
    ):
        execution.start(argument, place, array)
    return execution.run(block)


class _Execution:
    def __init__(self, module: ir.Module, evaluate: Evaluate) -> None:
        size = arena_size(module)
        if size is None:
            raise OxideError("the module carries no buffer plan; run assign-buffers first")
        self._symbols = ir.SymbolTable(module.operation)
        self._evaluate_one = evaluate
        storage = np.full(size + ALIGNMENT, 0xA5, np.uint8)
        start = -storage.ctypes.data % ALIGNMENT
        self._arena = storage[start : start + size]
        self._values: dict[ir.Value, np.ndarray] = {}

    def start(self, argument: ir.Value, place: Slice | None, array: np.ndarray) -> None:
        self._values[argument] = array
        if place is not None:
            self._values[argument] = self._placed(argument, place)
            np.copyto(self._values[argument], array)

    def run(self, block: ir.Block, arguments: Sequence[np.ndarray] = ()) -> list[np.ndarray]:
        """Run a block; answers copies of what its terminator returns."""
        if arguments:
            self._values.update(zip(block.arguments, arguments, strict=True))
        *body, terminator = (view.operation for view in block.operations)
        for op in body:
            self._step(op)
        return [self._values[value].copy() for value in terminator.operands]

    def _step(self, op: ir.Operation) -> None:
        operands = [self._values[value] for value in op.operands]
        places = [
            None if place is None else self._placed(result, place)
            for result, place in zip(op.results, slices_of(op), strict=True)
        ]
        if op.name == "stablehlo.while":
            self._loop(op, operands, places)
            return
        for result, place, value in zip(op.results, places, self._evaluate(op, operands), strict=True):
            if place is not None:
                # A view finds its elements in place, and so does a piece of a concatenation.
                np.copyto(place, value)
            self._values[result] = value if place is None else place

    def _placed(self, value: ir.Value, place: Slice) -> np.ndarray:
        tensor = cast(ir.RankedTensorType, value.type)
        data = self._arena[place.offset : place.offset + place.size].view(dtypes.to_numpy(tensor.element_type))
        return data.reshape(tuple(tensor.shape))

    def _evaluate(self, op: ir.Operation, operands: list[np.ndarray]) -> Sequence[np.ndarray]:
        if op.name in CALLEE_ATTRIBUTE:
            function = self._symbols[symbol(op, CALLEE_ATTRIBUTE[op.name])].operation
            # What the function computes on the way is outside the plan.
            return self.run(function.regions[0].blocks[0], operands)
        if op.name in ("stablehlo.if", "stablehlo.case"):
            return self.run(op.regions[_branch(op, operands[0])].blocks[0], [])
        if op.name == "stablehlo.optimization_barrier":
            return operands
        values = self._evaluate_one(op, operands)
        if values is None:
            detail = Diagnostic("error", f"{op.name} has no evaluation rule", location_text(op.location))
            raise OxideError(f"the arena executor cannot run {op.name}", [detail])
        return values

    def _loop(self, op: ir.Operation, operands: list[np.ndarray], places: list[np.ndarray | None]) -> None:
        """A loop carries its values in the memory of its results."""
        condition, body = (region.blocks[0] for region in op.regions)
        _copy(operands, places)
        # What is handed on as it is may stay where the caller has it.
        carried = [value if place is None else place for value, place in zip(operands, places, strict=True)]
        while self.run(condition, carried)[0]:
            _copy(self.run(body, carried), places)
        self._values.update(zip(op.results, carried, strict=True))


def _copy(values: Sequence[np.ndarray], places: Sequence[np.ndarray | None]) -> None:
    for value, place in zip(values, places, strict=True):
        if place is not None:
            np.copyto(place, value)


def _branch(op: ir.Operation, selector: np.ndarray) -> int:
    if op.name == "stablehlo.if":
        return 0 if selector else 1
    last = len(op.regions) - 1
    return int(selector) if 0 <= int(selector) <= last else last
