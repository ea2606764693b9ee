"""Evaluates single operations: by the constant folder, and by XLA what that has no rule for."""

from collections.abc import Sequence

import numpy as np
from conformance.xla import Program
from jaxlib.mlir import ir
from jaxlib.mlir.dialects import func

from oxide.dialects.fold import fold
from oxide.passes.assign_buffers.attributes import SLICE


class Evaluator:
    """Call with an operation and arrays; operations that read the same are compiled once."""

    def __init__(self) -> None:
        self._programs: dict[str, Program] = {}

    def __call__(self, op: ir.Operation, operands: Sequence[np.ndarray]) -> Sequence[np.ndarray]:
        folded = fold(op, operands)
        if folded is not None:
            return folded
        module = alone(op)
        text = str(module)
        if text not in self._programs:
            self._programs[text] = Program(module)
        return self._programs[text](operands)


def alone(op: ir.Operation) -> ir.Module:
    """A module whose @main is the operation, its operands the arguments."""
    with op.context, ir.Location.unknown():
        module = ir.Module.create()
        kind = ir.FunctionType.get(
            [operand.type for operand in op.operands], [result.type for result in op.results]
        )
        with ir.InsertionPoint(module.body):
            block = func.FuncOp("main", kind).add_entry_block()
        with ir.InsertionPoint(block):
            copy = op.clone().operation
            for number, argument in enumerate(block.arguments):
                copy.operands[number] = argument
            if SLICE in copy.attributes:
                del copy.attributes[SLICE]
            func.ReturnOp(list(copy.results))
        return module
