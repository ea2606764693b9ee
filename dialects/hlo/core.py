"""The core of the builder: types of values, constants, and the one function that creates operations.

Builders use MLIR's ambient insertion point and location.  A value is an `ir.Value` of ranked tensor type; every
builder also takes Python scalars and numpy arrays and turns them into constants of the fitting dtype.  An
operation whose operands are all constants is evaluated on the spot when its result is small, so shape
arithmetic in a front end ends as constants without any lowering knowing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import constants, dtypes, fold
from oxide.dialects.diagnostics import OxideError

Scalar = bool | int | float | complex
Operand = ir.Value | Scalar | np.ndarray | np.generic
DType = np.dtype | type | str

# Results larger than this many elements are not evaluated at build time, unless they are splats.
FOLD_ELEMENTS = 4096
# No device holds a tensor this large: a hostile shape gets an error here instead of an allocation later.
MAX_ELEMENTS = 1 << 38


# ------------------------------------------------------------------------------------------------- types


def tensor_type(value: ir.Value) -> ir.RankedTensorType:
    return ir.RankedTensorType(value.type)


def shape(value: ir.Value) -> tuple[int, ...]:
    """The static shape.  Raises OxideError when a dimension is dynamic."""
    tensor = tensor_type(value)
    if not tensor.has_static_shape:
        raise OxideError(f"a static shape is needed, the value has type {tensor}; refine the shapes first")
    return tuple(tensor.shape)


def rank(value: ir.Value) -> int:
    return tensor_type(value).rank


def size(value: ir.Value) -> int:
    """Number of elements."""
    return math.prod(shape(value))


def dtype(value: ir.Value) -> np.dtype:
    return dtypes.to_numpy(tensor_type(value).element_type)


def element_type(value: ir.Value) -> ir.Type:
    return tensor_type(value).element_type


def make_type(dims: Sequence[int], element: DType | ir.Type) -> ir.RankedTensorType:
    """The tensor type of a static shape.  Raises OxideError for negative or absurdly large ones."""
    if not isinstance(element, ir.Type):
        element = dtypes.to_mlir(element)
    dims = [int(d) for d in dims]
    if any(d < 0 for d in dims):
        raise OxideError(f"negative dimension in shape {tuple(dims)}")
    if math.prod(dims) > MAX_ELEMENTS:
        raise OxideError(f"a tensor of shape {tuple(dims)} is over the limit of {MAX_ELEMENTS} elements")
    return ir.RankedTensorType.get(dims, element)


def normalize_axis(axis: int, rank: int) -> int:
    """A non-negative axis.  Raises OxideError outside [-rank, rank)."""
    if not -rank <= axis < rank:
        raise OxideError(f"axis {axis} is out of range for rank {rank}")
    return axis + rank if axis < 0 else axis


def normalize_axes(axes: Sequence[int], rank: int) -> list[int]:
    """Non-negative axes in the order given.  Raises OxideError for repeated or out-of-range ones."""
    result = [normalize_axis(int(a), rank) for a in axes]
    if len(set(result)) != len(result):
        raise OxideError(f"repeated axis in {list(axes)}")
    return result


# --------------------------------------------------------------------------------------------- constants


def constant(value: Operand, dtype: DType | None = None) -> ir.Value:
    """A constant of an array's shape, or a rank-0 constant of a Python scalar (`dtype` is then required)."""
    if isinstance(value, ir.Value):
        return value
    if dtype is None and not isinstance(value, np.ndarray | np.generic):
        raise TypeError("a Python scalar needs a dtype to become a constant")
    array = np.asarray(value) if dtype is None else _cast(value, np.dtype(dtype))
    return _constant(array)


def full(dims: Sequence[int], value: Scalar | np.generic, dtype: DType) -> ir.Value:
    """A splat constant."""
    make_type(dims, dtype)
    return _constant(np.broadcast_to(_cast(value, np.dtype(dtype)), tuple(dims)))


def full_like(like: ir.Value, value: Scalar | np.generic) -> ir.Value:
    """A splat constant with the shape and dtype of another value."""
    return full(shape(like), value, dtype(like))


def as_value(operand: Operand, like: ir.Value) -> ir.Value:
    """A value as is; a scalar as a splat of `like`'s type; an array as a constant of its own."""
    if isinstance(operand, ir.Value):
        return operand
    if isinstance(operand, np.ndarray) and operand.ndim:
        return _constant(operand)
    return full_like(like, operand[()] if isinstance(operand, np.ndarray) else operand)


def constant_value(value: ir.Value) -> np.ndarray | None:
    """The array of a constant, None for any other value."""
    return constants.constant_value(value)


def _cast(value: Operand, target: np.dtype) -> np.ndarray:
    """A scalar or array in the target dtype; Python integers wrap, which `-1` for unsigned needs."""
    if isinstance(value, np.ndarray | np.generic):
        return np.asarray(value).astype(target)
    if dtypes.is_integer(target) and isinstance(value, int):
        bits = 8 * target.itemsize
        return np.array(value & ((1 << bits) - 1), f"u{target.itemsize}").astype(target)
    return np.array(value).astype(target)


def _constant(array: np.ndarray) -> ir.Value:
    attribute = constants.dense(array)
    return ir.Operation.create(
        "stablehlo.constant", results=[attribute.type], attributes={"value": attribute}
    ).results[0]


# ---------------------------------------------------------------------------------------------- creation


def create(
    name: str,
    operands: Sequence[ir.Value],
    results: Sequence[ir.Type],
    attributes: Mapping[str, ir.Attribute] | None = None,
    regions: int = 0,
) -> ir.Operation:
    """Create one operation at the ambient insertion point, without folding."""
    return ir.Operation.create(
        name, operands=operands, results=results, attributes=dict(attributes or {}), regions=regions
    )


def emit(
    name: str,
    operands: Sequence[ir.Value],
    result: ir.Type,
    attributes: Mapping[str, ir.Attribute] | None = None,
) -> ir.Value:
    """Create a single-result operation, or the constant it evaluates to."""
    op = create(name, operands, [result], attributes)
    folded = try_fold(op)
    return op.results[0] if folded is None else folded


def try_fold(op: ir.Operation) -> ir.Value | None:
    """Replace a just-built, unused, single-result operation on constants by its value."""
    definitions = [constants.defining_constant(v) for v in op.operands]
    known = [d for d in definitions if d is not None]
    if len(known) < len(definitions):
        return None
    arrays = [constants.read_constant(d) for d in known]
    small = math.prod(ir.RankedTensorType(op.results[0].type).shape) <= FOLD_ELEMENTS
    if not small and not all(map(_is_splat, arrays)):
        return None
    values = fold.fold(op, arrays)
    if values is None or not (small or _is_splat(values[0])):
        return None
    op.erase()
    return _constant(values[0])


def _is_splat(array: np.ndarray) -> bool:
    return array.size == 1 or not any(array.strides)


# -------------------------------------------------------------------------------------------- attributes


def i64_array(values: Sequence[int]) -> ir.DenseI64ArrayAttr:
    return ir.DenseI64ArrayAttr.get([int(v) for v in values])


def i64(value: int) -> ir.IntegerAttr:
    return ir.IntegerAttr.get(ir.IntegerType.get_signless(64), int(value))


def i64_pairs(pairs: Sequence[tuple[int, int]]) -> ir.DenseElementsAttr:
    """Padding as StableHLO spells it: an i64 tensor of one (low, high) row per dimension."""
    rows = np.array([list(p) for p in pairs], np.int64).reshape(len(pairs), 2)
    return constants.dense(rows)
