"""Det."""

from __future__ import annotations

import math

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.dims import require_equal
from oxide.frontends.onnx.registry import Node, lowering


@lowering("Det", 11, 22)
def det(node: Node, x: ir.Value) -> ir.Value:
    """The determinants of [..., n, n] by Gaussian elimination with partial pivoting, one column a step."""
    misfit = f"square matrices are needed, X has shape {hlo.shape(x)}"
    if hlo.rank(x) < 2:
        raise node.error(misfit)
    require_equal(hlo.shape(x)[-1], hlo.shape(x)[-2], misfit)
    *lead, size, _ = hlo.shape(x)
    batch = math.prod(lead)
    wide = hlo.convert(x, np.promote_types(hlo.dtype(x), np.float32))
    matrix = hlo.reshape(wide, [batch, size, size])
    product = hlo.full([batch], 1, hlo.dtype(wide))

    def eliminate(step: ir.Value, matrix: ir.Value, product: ir.Value) -> list[ir.Value]:
        zero = hlo.constant(0, np.int32)
        row = hlo.iota([batch, size, 1], 1, np.int32)
        column = hlo.dynamic_slice(matrix, [zero, zero, step], [batch, size, 1])
        candidates = hlo.select(hlo.greater_equal(row, step), hlo.abs(column), -1.0)
        best = hlo.expand_dims(hlo.argmax(candidates, 1, index_dtype="int32"), [1])  # [batch, 1, 1]
        # Swap the pivot's row with the row of this step.
        pivot_row = hlo.take_along_axis(matrix, hlo.broadcast_to(best, [batch, 1, size]), 1)
        step_row = hlo.dynamic_slice(matrix, [zero, step, zero], [batch, 1, size])
        matrix = hlo.select(hlo.equal(row, best), step_row, matrix)
        matrix = hlo.select(hlo.equal(row, step), pivot_row, matrix)
        pivot = hlo.dynamic_slice(pivot_row, [zero, zero, step], [batch, 1, 1])
        signed = hlo.select(hlo.equal(best, step), pivot, hlo.negate(pivot))
        column = hlo.dynamic_slice(matrix, [zero, zero, step], [batch, size, 1])
        divisor = hlo.select(hlo.equal(pivot, 0), 1.0, pivot)  # a singular matrix: the product is zero already
        factors = hlo.select(hlo.greater(row, step), hlo.divide(column, divisor), 0)
        reduced = hlo.subtract(matrix, hlo.multiply(factors, pivot_row))
        return [hlo.add(step, 1), reduced, hlo.multiply(product, hlo.reshape(signed, [batch]))]

    initial = [hlo.constant(0, np.int32), matrix, product]
    *_, result = hlo.while_(lambda step, *_: hlo.less(step, size), eliminate, initial)
    return hlo.convert(hlo.reshape(result, lead), hlo.dtype(x))
