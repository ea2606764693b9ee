"""map, which applies a function of scalars to each element."""

from __future__ import annotations

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.attributes import tensor
from oxide.dialects.constants import read_constant
from oxide.dialects.effects import ELEMENTWISE
from oxide.passes.canonicalize.matching import attributes_of, is_static, pattern, shape_of
from oxide.passes.canonicalize.regions import blocks_of, terminator


def _elementwise(op: ir.Operation) -> ir.Value | None:
    """map(x, y) of a function of elementwise operations -> the operations on x and y"""
    (block,) = blocks_of(op)
    body = [view.operation for view in block.operations][:-1]
    if not is_static(op) or any(not is_static(inner) or not _is_elementwise(inner) for inner in body):
        return None
    # The function may read scalars from outside, which have another shape.
    own = {*block.arguments, *(inner.results[0] for inner in body)}
    if not all(operand in own for view in block.operations for operand in view.operands):
        return None
    shape = shape_of(op.results[0])
    values: dict[ir.Value, ir.Value] = dict(zip(block.arguments, op.operands, strict=True))
    for inner in body:
        result = inner.results[0]
        if inner.name == "stablehlo.constant":
            values[result] = hlo.constant(np.broadcast_to(read_constant(inner), shape))
        else:
            kind = ir.RankedTensorType.get(shape, tensor(result).element_type)
            operands = [values[operand] for operand in inner.operands]
            values[result] = hlo.create(inner.name, operands, [kind], attributes_of(inner)).results[0]
    return values[terminator(block).operands[0]]


def _is_elementwise(op: ir.Operation) -> bool:
    return op.name in ELEMENTWISE or op.name == "stablehlo.constant"


PATTERNS = [pattern("elementwise-map", "map", _elementwise)]
