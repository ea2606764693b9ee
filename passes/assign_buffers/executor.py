"""Run a module inside one arena laid out by its buffer plan, to show that the plan computes the same numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import dtypes
from oxide.dialects.attributes import symbol
from oxide.dialects.diagnostics import Diagnostic, OxideError, location_text
from oxide.dialects.effects import CALLEE_ATTRIBUTE
from oxide.dialects.fold import fold
from oxide.passes.assign_buffers.aliasing import VIEWS
from oxide.passes.assign_buffers.attributes import arena_size, slices_of
from oxide.passes.assign_buffers.plan import ALIGNMENT

Environment = dict[ir.Value, np.ndarray]


def execute(module: ir.Module, block: ir.Block, arguments: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The results of @main's body on `arguments`, every planned value living in the arena only.

    Raises OxideError for an operation that `oxide.dialects.fold` cannot evaluate.
    """
    return _Execution(module).run(block, arguments)


class _Execution:
    def __init__(self, module: ir.Module) -> None:
        size = arena_size(module)
        if size is None:
            raise OxideError("the module carries no buffer plan; run assign-buffers first")
        self._symbols = ir.SymbolTable(module.operation)
        storage = np.full(size + ALIGNMENT, 0xA5, np.uint8)
        start = -storage.ctypes.data % ALIGNMENT
        self._arena = storage[start : start + size]
        self._values: Environment = {}

    def run(self, block: ir.Block, arguments: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Run a block; answers copies of what its terminator returns."""
        self._values.update(zip(block.arguments, arguments, strict=True))
        *body, terminator = (view.operation for view in block.operations)
        for op in body:
            self._step(op)
        return [self._values[value].copy() for value in terminator.operands]

    def _step(self, op: ir.Operation) -> None:
        operands = [self._values[value] for value in op.operands]
        places = [
            None if place is None else self._placed(result, place.offset, place.size)
            for result, place in zip(op.results, slices_of(op), strict=True)
        ]
        if op.name == "stablehlo.while":
            self._loop(op, operands, places)
            return
        for result, place, value in zip(op.results, places, self._evaluate(op, operands), strict=True):
            if place is None:
                self._values[result] = value
                continue
            # A view finds its elements in place; everything else is written.
            if op.name not in VIEWS or not np.may_share_memory(place, value):
                np.copyto(place, value)
            self._values[result] = place

    def _placed(self, result: ir.Value, offset: int, size: int) -> np.ndarray:
        tensor = cast(ir.RankedTensorType, result.type)
        data = self._arena[offset : offset + size].view(dtypes.to_numpy(tensor.element_type))
        return data.reshape(tuple(tensor.shape))

    def _evaluate(self, op: ir.Operation, operands: list[np.ndarray]) -> list[np.ndarray]:
        if op.name in CALLEE_ATTRIBUTE:
            function = self._symbols[symbol(op, CALLEE_ATTRIBUTE[op.name])].operation
            # What the function computes on the way is outside the plan.
            return self.run(function.regions[0].blocks[0], operands)
        if op.name in ("stablehlo.if", "stablehlo.case"):
            return self.run(op.regions[_branch(op, operands[0])].blocks[0], [])
        if op.name == "stablehlo.optimization_barrier":
            return operands
        values = fold(op, operands)
        if values is None:
            detail = Diagnostic("error", f"{op.name} has no evaluation rule", location_text(op.location))
            raise OxideError(f"the arena executor cannot run {op.name}", [detail])
        return values

    def _loop(self, op: ir.Operation, operands: list[np.ndarray], places: list[np.ndarray | None]) -> None:
        """A loop carries its values in the memory of its results."""
        condition, body = (region.blocks[0] for region in op.regions)
        carried = [value if place is None else place for value, place in zip(operands, places, strict=True)]
        self._carry(carried, operands)
        while self.run(condition, carried)[0]:
            self._carry(carried, self.run(body, carried))
        self._values.update(zip(op.results, carried, strict=True))

    def _carry(self, carried: list[np.ndarray], values: Sequence[np.ndarray]) -> None:
        for place, value in zip(carried, values, strict=True):
            np.copyto(place, value)


def _branch(op: ir.Operation, selector: np.ndarray) -> int:
    if op.name == "stablehlo.if":
        return 0 if selector else 1
    last = len(op.regions) - 1
    return int(selector) if 0 <= int(selector) <= last else last
