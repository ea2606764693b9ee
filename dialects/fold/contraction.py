"""Folding of reductions with one-operation bodies, and of dot_general."""

from __future__ import annotations

from collections.abc import Sequence

import ml_dtypes
import numpy as np
from jaxlib.mlir import ir
from jaxlib.mlir.dialects import stablehlo

from oxide.dialects.attributes import integers, tensor
from oxide.dialects.fold.elementwise import Rule, widened

_REDUCERS: dict[str, np.ufunc] = {
    "stablehlo.add": np.add,
    "stablehlo.and": np.bitwise_and,
    "stablehlo.maximum": np.maximum,
    "stablehlo.minimum": np.minimum,
    "stablehlo.multiply": np.multiply,
    "stablehlo.or": np.bitwise_or,
    "stablehlo.xor": np.bitwise_xor,
}
_HALF = (np.dtype(np.float16), np.dtype(ml_dtypes.bfloat16))
_ARITHMETIC = {np.dtype(code) for code in ("?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f4", "f8")}


def reducer(op: ir.Operation) -> str | None:
    """The operation a reduction's body applies to its two arguments, or None when it does anything else."""
    block = op.regions[0].blocks[0]
    if len(block.arguments) != 2 or len(block.operations) != 2:
        return None
    body, terminator = (inner.operation for inner in block.operations)
    arguments = list(block.arguments)
    operands = list(body.operands)
    if operands not in (arguments, arguments[::-1]) or list(terminator.operands) != list(body.results):
        return None
    return body.name


def _reduce(op: ir.Operation, operands: Sequence[np.ndarray]) -> np.ndarray | None:
    function = reduction(op)
    if function is None:
        return None
    return reduced(function, operands[0], tuple(integers(op, "dimensions")), operands[1])


def reduction(op: ir.Operation) -> np.ufunc | None:
    """The function a reduction of one operand applies, when it is one of numpy's."""
    return _REDUCERS.get(reducer(op) or "") if len(op.results) == 1 else None


def reduced(function: np.ufunc, array: np.ndarray, axes: tuple[int, ...], initial: np.ndarray) -> np.ndarray | None:
    """The reduction of an array over some axes, or None where numpy cannot compute it."""
    wide = accumulated(array)
    if wide is None or (wide.dtype == np.bool_ and function is np.add):
        return None
    start = initial.astype(wide.dtype)
    result = np.asarray(function.reduce(wide, axis=axes, dtype=wide.dtype, initial=start[()]))
    if wide.dtype.kind == "f" and function in (np.maximum, np.minimum):
        result = np.where(result == 0, _zero(wide, axes, start, function is np.minimum), result)
    return result.astype(array.dtype)


def _zero(array: np.ndarray, axes: tuple[int, ...], initial: np.ndarray, smallest: bool) -> np.ndarray:
    """Which zero a minimum or maximum is if it is one: IEEE 754 orders -0 below +0, numpy calls them equal."""

    def wanted(values: np.ndarray) -> np.ndarray:
        return (values == 0) & (np.signbit(values) == smallest)

    found = wanted(array).any(axis=axes) | wanted(initial)
    return np.where(found == smallest, -0.0, 0.0).astype(array.dtype)


def accumulated(array: np.ndarray) -> np.ndarray | None:
    """The array in the type it is accumulated in: float32 for the 16-bit floats, bytes for shorter integers; None
    where numpy cannot."""
    if array.dtype in _HALF:
        return array.astype(np.float32)
    array = widened(array)
    return array if array.dtype in _ARITHMETIC else None


def _dot_general(op: ir.Operation, operands: Sequence[np.ndarray]) -> np.ndarray | None:
    numbers = stablehlo.DotDimensionNumbers(op.attributes["dot_dimension_numbers"])
    x, y = map(accumulated, operands)
    if x is None or y is None or x.dtype == np.bool_ or x.dtype != y.dtype:
        return None
    if tensor(op.results[0]).element_type != tensor(op.operands[0]).element_type:
        return None
    batch_x, batch_y = list(numbers.lhs_batching_dimensions), list(numbers.rhs_batching_dimensions)
    contract_x, contract_y = (
        list(numbers.lhs_contracting_dimensions),
        list(numbers.rhs_contracting_dimensions),
    )
    free_x = [axis for axis in range(x.ndim) if axis not in {*batch_x, *contract_x}]
    free_y = [axis for axis in range(y.ndim) if axis not in {*batch_y, *contract_y}]
    # Batch x free x contracted times batch x contracted x free, each group flattened to one dimension.
    batch, rows, columns = _extents(x, batch_x), _extents(x, free_x), _extents(y, free_y)
    inner = int(np.prod(_extents(x, contract_x)))
    flat = int(np.prod(batch))
    left = x.transpose(batch_x + free_x + contract_x).reshape(flat, int(np.prod(rows)), inner)
    right = y.transpose(batch_y + contract_y + free_y).reshape(flat, inner, int(np.prod(columns)))
    return np.matmul(left, right).reshape([*batch, *rows, *columns]).astype(operands[0].dtype)


def _extents(array: np.ndarray, axes: Sequence[int]) -> list[int]:
    return [array.shape[axis] for axis in axes]


RULES: dict[str, Rule] = {"stablehlo.dot_general": _dot_general, "stablehlo.reduce": _reduce}
