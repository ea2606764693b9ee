"""The core of the builder: types of values, constants, and the one function that creates operations.

Builders use MLIR's ambient insertion point and location.  A value is an `ir.Value` of ranked tensor type; every
builder also takes Python scalars and numpy arrays and turns them into constants of the fitting dtype.  An
operation whose operands are all constants is evaluated on the spot when its result is small, so shape
arithmetic in a front end ends as constants without any lowering knowing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import constants, dtypes, fold
from oxide.dialects.diagnostics import OxideError
from oxide.dialects.dims import Dim, Size, parse_sizes, print_sizes, require_at_least
from oxide.dialects.hlo import symbolic

Scalar = bool | int | float | complex
Operand = ir.Value | Scalar | Dim | np.ndarray | np.generic
DType = np.dtype | type | str

# Results larger than this many elements are not evaluated at build time, unless they are splats.
FOLD_ELEMENTS = 4096
# No device holds a tensor this large: a hostile shape gets an error here instead of an allocation later.
MAX_ELEMENTS = 1 << 38


# ------------------------------------------------------------------------------------------------- types


def tensor_type(value: ir.Value) -> ir.RankedTensorType:
    tensor = value.type
    return tensor if isinstance(tensor, ir.RankedTensorType) else ir.RankedTensorType(tensor)


# Sizes are integers and `Dim`s.  To a type checker they are anything: code that only calculates with them, as most
# does, works for both, and what needs a number fails with an error that says so.
Shape = tuple[Any, ...]


def shape(value: ir.Value) -> Shape:
    """The sizes of the dimensions: integers, and `Dim`s where they are not known yet.

    Raises OxideError for a dynamic dimension nothing is known of, as in modules from elsewhere.
    """
    return type_shape(tensor_type(value))


def type_shape(tensor: ir.RankedTensorType) -> Shape:
    """The sizes of a type's dimensions; see `shape`."""
    if tensor.has_static_shape:
        return tuple(tensor.shape)
    sizes = tensor.encoding
    if not isinstance(sizes, ir.StringAttr):
        raise OxideError(f"a static shape is needed, the value has type {tensor}; refine the shapes first")
    return parse_sizes(sizes.value)


def rank(value: ir.Value) -> int:
    return tensor_type(value).rank


def size(value: ir.Value) -> Any:
    """Number of elements."""
    return math.prod(shape(value))


def dtype(value: ir.Value) -> np.dtype:
    return dtypes.to_numpy(tensor_type(value).element_type)


def element_type(value: ir.Value) -> ir.Type:
    return tensor_type(value).element_type


def make_type(dims: Sequence[Size], element: DType | ir.Type) -> ir.RankedTensorType:
    """The tensor type of a shape; a `Dim` becomes `?` and stays with the type until `resolve_sizes`.

    Raises OxideError for negative or absurdly large sizes.
    """
    if not isinstance(element, ir.Type):
        element = dtypes.to_mlir(element)
    numbers = [int(d) for d in dims if not isinstance(d, Dim)]
    if numbers and min(numbers) < 0:
        raise OxideError(f"negative dimension in shape {tuple(dims)}")
    if math.prod(numbers) > MAX_ELEMENTS:
        raise OxideError(f"a tensor of shape {tuple(dims)} is over the limit of {MAX_ELEMENTS} elements")
    if len(numbers) == len(dims):
        return ir.RankedTensorType.get(numbers, element)
    known = iter(numbers)
    open_size = ir.ShapedType.get_dynamic_size()
    extents = [open_size if isinstance(d, Dim) else next(known) for d in dims]
    return ir.RankedTensorType.get(extents, element, ir.StringAttr.get(print_sizes(dims)))


def is_static(dims: Sequence[Size]) -> bool:
    """Whether all sizes are numbers."""
    return not any(isinstance(d, Dim) for d in dims)


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


def window_count(
    length: Size,
    window: Size,
    *,
    stride: int = 1,
    padding: tuple[Size, Size] = (0, 0),
    base_dilation: int = 1,
    window_dilation: int = 1,
) -> Size:
    """How many windows fit along a dimension (StableHLO's convolution and reduce_window).

    Where sizes are not known, the windows are required to be one step short of fitting at most.
    """
    stretched = (length - 1) * base_dilation + 1 if length != 0 else 0
    room = stretched + padding[0] + padding[1]
    reach = (window - 1) * window_dilation + 1 if window != 0 else 0
    if isinstance(room, int) and isinstance(reach, int):
        return (room - reach) // stride + 1 if room >= reach and room > 0 else 0
    # One step short is no window: the floor of the negative quotient is -1.
    message = f"no window of size {window} fits into a dimension of size {length}"
    require_at_least(room + stride, reach, message)
    return (room - reach) // stride + 1


# --------------------------------------------------------------------------------------------- constants


def constant(value: Operand, dtype: DType | None = None) -> ir.Value:
    """A constant of an array's shape, or a rank-0 constant of a Python scalar (`dtype` is then required).

    An object array of sizes (of int64 unless `dtype` says otherwise) and a `Dim` become values too.
    """
    if isinstance(value, ir.Value):
        return value
    if isinstance(value, Dim):
        value = symbolic.as_array([value], [])
    if isinstance(value, np.ndarray) and symbolic.is_symbolic(value):
        return _of_sizes(value, np.dtype(np.int64 if dtype is None else dtype))
    if dtype is None and not isinstance(value, np.ndarray | np.generic):
        raise TypeError("a Python scalar needs a dtype to become a constant")
    array = np.asarray(value) if dtype is None else _cast(value, np.dtype(dtype))
    return _constant(array)


def sizes(dims: Sequence[Size]) -> ir.Value:
    """A shape as a value, tensor<n x i64>: what dynamic operations take."""
    return constant(symbolic.as_array(list(dims)))


def _of_sizes(array: np.ndarray, dtype: np.dtype) -> ir.Value:
    if not any(isinstance(size, Dim) for size in array.flat):
        return _constant(array.astype(dtype))
    wide = dtype if dtypes.is_integer(dtype) and dtype.itemsize >= 4 else np.dtype(np.int64)
    value = symbolic.sizes_value(array, dtypes.to_mlir(wide))
    return value if wide == dtype else emit("stablehlo.convert", [value], make_type(array.shape, dtype))


def full(dims: Sequence[Size], value: Scalar | Dim | np.generic, dtype: DType) -> ir.Value:
    """One number, or size, everywhere."""
    target = make_type(dims, dtype)
    if target.has_static_shape and not isinstance(value, Dim):
        return _constant(np.broadcast_to(_cast(value, np.dtype(dtype)), tuple(dims)))
    none = {"broadcast_dimensions": i64_array([])}
    scalar = constant(value, dtype)
    if target.has_static_shape:
        return emit("stablehlo.broadcast_in_dim", [scalar], target, none) if dims else scalar
    return emit("stablehlo.dynamic_broadcast_in_dim", [scalar, sizes(dims)], target, none)


def full_like(like: ir.Value, value: Scalar | Dim | np.generic) -> ir.Value:
    """One number, or size, everywhere, with the shape and dtype of another value."""
    return full(shape(like), value, dtype(like))


def as_value(operand: Operand, like: ir.Value) -> ir.Value:
    """A value as is; a scalar everywhere in `like`'s shape and dtype; an array as a constant of its own."""
    if isinstance(operand, ir.Value):
        return operand
    if isinstance(operand, np.ndarray) and operand.ndim:
        return _constant(operand)
    return full_like(like, operand[()] if isinstance(operand, np.ndarray) else operand)


def constant_value(value: ir.Value) -> np.ndarray | None:
    """The array of a constant, None for any other value; for sizes an object array of integers and `Dim`s."""
    known = _definition(value)
    return None if known is None else _read(known)


def _definition(value: ir.Value) -> ir.Operation | None:
    """The operation that defines a known value."""
    owner = value.owner
    if isinstance(owner, ir.Block):
        return None
    operation = owner.operation
    return operation if constants.holds_constant(operation) or operation.name == symbolic.OPERATION else None


def _read(definition: ir.Operation) -> np.ndarray:
    if definition.name == symbolic.OPERATION:
        return symbolic.read_sizes(definition)
    return constants.read_constant(definition)


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
    """Replace a just-built, unused, single-result operation on constants and sizes by its value."""
    definitions = [_definition(v) for v in op.operands]
    known = [d for d in definitions if d is not None]
    if len(known) < len(definitions):
        return None
    result = ir.RankedTensorType(op.results[0].type)
    if not result.has_static_shape:
        return None
    arrays = [_read(d) for d in known]
    small = math.prod(result.shape) <= FOLD_ELEMENTS
    if not small and not (arrays and all(map(_is_splat, arrays))):
        return None
    value = evaluate(op, arrays)
    if value is None or not (small or _is_splat(value)):
        return None
    op.erase()
    return (
        _of_sizes(value, dtypes.to_numpy(result.element_type)) if symbolic.is_symbolic(value) else _constant(value)
    )


def evaluate(op: ir.Operation, operands: Sequence[np.ndarray]) -> np.ndarray | None:
    """The result of an operation on numbers or sizes (object arrays), None where there is no rule for it."""
    if any(map(symbolic.is_symbolic, operands)):
        return symbolic.fold(op, operands)
    values = fold.fold(op, operands)
    return None if values is None else values[0]


def _is_splat(array: np.ndarray) -> bool:
    return array.size == 1 or not any(array.strides)


# -------------------------------------------------------------------------------------------- attributes


def i64_array(values: Sequence[Size]) -> ir.DenseI64ArrayAttr:
    return ir.DenseI64ArrayAttr.get([int(v) for v in values])


def i64(value: int) -> ir.IntegerAttr:
    return ir.IntegerAttr.get(ir.IntegerType.get_signless(64), int(value))


def i64_pairs(pairs: Sequence[tuple[Size, Size]]) -> ir.DenseElementsAttr:
    """Padding as StableHLO spells it: an i64 tensor of one (low, high) row per dimension."""
    rows = np.array([list(p) for p in pairs], np.int64).reshape(len(pairs), 2)
    return constants.dense(rows)
