"""StableHLO's own reference interpreter as a test oracle: run a module's @main on numpy arrays."""

from collections.abc import Sequence

import numpy as np
from jaxlib.mlir import ir
from jaxlib.mlir.dialects import stablehlo

from oxide.dialects.constants import dense, read_constant


def evaluate(module: ir.Module, arguments: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Run @main; every array comes back with the dtype of its result type."""
    with module.context, ir.Location.unknown():
        results = stablehlo.eval_module(module, [dense(array) for array in arguments])
        holder = ir.Module.create()
        with ir.InsertionPoint(holder.body):
            constants = [stablehlo.ConstantOp(result) for result in results]
            return [np.array(read_constant(op.operation)) for op in constants]
