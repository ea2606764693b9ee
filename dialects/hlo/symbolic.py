"""Values that are sizes: what shape arithmetic computes while a module is built.

`"oxide.dims"() {sizes = "batch, 3"} : () -> tensor<2xi64>` is to sizes what `stablehlo.constant` is to numbers.  It
stands for integers that the shapes of the function's arguments determine.  Operations on such values and constants
are evaluated on the spot, and `hlo.resolve_sizes` turns what is left of them into arithmetic on the sizes of the
arguments.  Tensor types carry their sizes likewise, as their encoding (`tensor<?x3xf32, "batch, 3">`), until then.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import dtypes
from oxide.dialects.attributes import keyword, string
from oxide.dialects.dims import Dim, Size, is_at_least, maximum, minimum, parse_sizes, print_sizes
from oxide.dialects.dims.expression import SymbolicSizeError
from oxide.dialects.fold import movement

OPERATION = "oxide.dims"
_ATTRIBUTE = "sizes"


def as_array(sizes: Sequence[Size], shape: Sequence[int] | None = None) -> np.ndarray:
    """An object array of sizes."""
    array = np.empty(len(sizes), object)
    array[:] = sizes
    return array if shape is None else array.reshape(tuple(shape))


def is_symbolic(array: np.ndarray) -> bool:
    return array.dtype == object


def read_sizes(op: ir.Operation) -> np.ndarray:
    """The sizes that an `oxide.dims` stands for: an object array of the shape of its result."""
    tensor = ir.RankedTensorType(op.results[0].type)
    return as_array(parse_sizes(string(op, _ATTRIBUTE)), tensor.shape)


def sizes_value(sizes: np.ndarray, element: ir.Type) -> ir.Value:
    """An `oxide.dims` at the insertion point."""
    tensor = ir.RankedTensorType.get(sizes.shape, element)
    attributes: dict[str, ir.Attribute] = {_ATTRIBUTE: ir.StringAttr.get(print_sizes(sizes.reshape(-1).tolist()))}
    return ir.Operation.create(OPERATION, results=[tensor], attributes=attributes).results[0]


# -------------------------------------------------------------------------------------------- evaluation


def fold(op: ir.Operation, operands: Sequence[np.ndarray]) -> np.ndarray | None:
    """The result of an operation on sizes and numbers: numbers of the result's dtype, or an object array.

    None when the operation has no rule, or its result is no integer expression of the sizes, such as a comparison
    that depends on them.
    """
    name = op.name.removeprefix("stablehlo.")
    try:
        if name in _MOVEMENT:
            indices = operands[_MOVEMENT[name] :]
            result = None if any(map(is_symbolic, indices)) else movement.RULES[op.name](op, operands)
        elif name in _ELEMENTWISE:
            result = np.frompyfunc(_ELEMENTWISE[name], len(operands), 1)(*operands)
        elif name in _RULES:
            result = _RULES[name](op, operands)
        else:
            return None
    except (SymbolicSizeError, _Undecided):
        return None
    return None if result is None else _as_numbers(np.asarray(result, object), op)


def _as_numbers(result: np.ndarray, op: ir.Operation) -> np.ndarray:
    if any(isinstance(size, Dim) for size in result.flat):
        return result
    dtype = dtypes.to_numpy(ir.RankedTensorType(op.results[0].type).element_type)
    return result.astype(dtype)


class _Undecided(Exception):
    """The result depends on the values of symbols in a way that is no size."""


def _divide(a: Size, b: Size) -> Size:
    """Division of numbers that are not negative, for which truncation is the floor."""
    _check_quotient(a, b)
    return a // b


def _remainder(a: Size, b: Size) -> Size:
    _check_quotient(a, b)
    return a % b


def _check_quotient(a: Size, b: Size) -> None:
    if not is_at_least(a, 0) or not is_at_least(b, 1, least=1):
        raise _Undecided


def _sign(a: Size) -> int:
    if is_at_least(a, 1):
        return 1
    raise _Undecided


def _absolute(a: Size) -> Size:
    if is_at_least(a, 0):
        return a
    raise _Undecided


def _clamp(low: Size, x: Size, high: Size) -> Size:
    return minimum(maximum(low, x), high)


def _compare(op: ir.Operation, operands: Sequence[np.ndarray]) -> np.ndarray:
    return np.frompyfunc(_COMPARISONS[keyword(op, "comparison_direction")], 2, 1)(*operands)


def _is_equal(a: Size, b: Size) -> bool:
    if a == b:
        return True
    if is_at_least(a - b, 1) or is_at_least(b - a, 1):
        return False
    raise _Undecided


_COMPARISONS: dict[str, Callable[[Size, Size], bool]] = {
    "EQ": _is_equal,
    "NE": lambda a, b: not _is_equal(a, b),
    "LT": lambda a, b: a < b,
    "LE": lambda a, b: a <= b,
    "GT": lambda a, b: a > b,
    "GE": lambda a, b: a >= b,
}


def _select(op: ir.Operation, operands: Sequence[np.ndarray]) -> np.ndarray:
    return np.where(operands[0].astype(bool), *operands[1:])


def _convert(op: ir.Operation, operands: Sequence[np.ndarray]) -> np.ndarray | None:
    """Only to integers that hold every size; others are computed when the program runs."""
    dtype = dtypes.to_numpy(ir.RankedTensorType(op.results[0].type).element_type)
    return operands[0] if dtypes.is_integer(dtype) and dtype.itemsize >= 4 else None


def _reduce(op: ir.Operation, operands: Sequence[np.ndarray]) -> np.ndarray | None:
    if len(operands) != 2:
        return None
    combine = op.regions[0].blocks[0].operations[0].operation.name.removeprefix("stablehlo.")
    if combine not in _ELEMENTWISE:
        return None
    array, initial = operands
    axes = set(ir.DenseI64ArrayAttr(op.attributes["dimensions"]))
    kept = [i for i in range(array.ndim) if i not in axes]
    rows = array.transpose([*kept, *sorted(axes)]).reshape([*(array.shape[i] for i in kept), -1])
    result = np.empty(rows.shape[:-1], object)
    for index in np.ndindex(result.shape):
        total: Size = initial.item()
        for size in rows[index]:
            total = _ELEMENTWISE[combine](total, size)
        result[index] = total
    return result


# The number of leading operands that may be sizes; the rest are positions.
_MOVEMENT = {
    "broadcast_in_dim": 1,
    "concatenate": 1 << 20,
    "dynamic_slice": 1,
    "gather": 1,
    "pad": 2,
    "reshape": 1,
    "reverse": 1,
    "slice": 1,
    "transpose": 1,
}
_ELEMENTWISE: dict[str, Callable[..., Size]] = {
    "abs": _absolute,
    "add": lambda a, b: a + b,
    "clamp": _clamp,
    "divide": _divide,
    "maximum": maximum,
    "minimum": minimum,
    "multiply": lambda a, b: a * b,
    "negate": lambda a: -a,
    "remainder": _remainder,
    "sign": _sign,
    "subtract": lambda a, b: a - b,
}
_RULES: dict[str, Callable[[ir.Operation, Sequence[np.ndarray]], np.ndarray | None]] = {
    "compare": _compare,
    "convert": _convert,
    "reduce": _reduce,
    "select": _select,
}
