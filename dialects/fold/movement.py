"""Folding of operations that move elements without computing on them (any element type)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from jaxlib.mlir import ir
from jaxlib.mlir.dialects import stablehlo

from oxide.dialects import dtypes
from oxide.dialects.attributes import integer, integers, tensor
from oxide.dialects.fold.elementwise import COMPUTED, Rule, is_splat

Operands = Sequence[np.ndarray]
_WHOLE_BYTES = {kind for kind in COMPUTED if kind.kind not in "bc"}


def _shape(op: ir.Operation) -> tuple[int, ...] | None:
    result = tensor(op.results[0])
    return tuple(result.shape) if result.has_static_shape else None


def _splat_like(array: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    return np.broadcast_to(array[(0,) * array.ndim], tuple(shape))


def _reshaped(array: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    # reshape of a zero-stride view would copy every element.
    return _splat_like(array, shape) if is_splat(array) else array.reshape(shape)


def _broadcast(array: np.ndarray, dimensions: Sequence[int], shape: Sequence[int]) -> np.ndarray:
    if is_splat(array):
        return _splat_like(array, shape)
    # Result dimension dimensions[i] runs along operand dimension i; sorting brings them into result order.
    order = sorted(range(array.ndim), key=lambda axis: dimensions[axis])
    placed = [1] * len(shape)
    for axis in order:
        placed[dimensions[axis]] = array.shape[axis]
    return np.broadcast_to(array.transpose(order).reshape(placed), tuple(shape))


def _reshape(op: ir.Operation, operands: Operands) -> np.ndarray | None:
    shape = _shape(op)
    return None if shape is None else _reshaped(operands[0], shape)


def _dynamic_reshape(op: ir.Operation, operands: Operands) -> np.ndarray:
    return _reshaped(operands[0], operands[1].tolist())


def _broadcast_in_dim(op: ir.Operation, operands: Operands) -> np.ndarray | None:
    shape = _shape(op)
    return None if shape is None else _broadcast(operands[0], integers(op, "broadcast_dimensions"), shape)


def _dynamic_broadcast_in_dim(op: ir.Operation, operands: Operands) -> np.ndarray:
    return _broadcast(operands[0], integers(op, "broadcast_dimensions"), operands[1].tolist())


def _transpose(op: ir.Operation, operands: Operands) -> np.ndarray:
    return operands[0].transpose(integers(op, "permutation"))


def _reverse(op: ir.Operation, operands: Operands) -> np.ndarray:
    return np.flip(operands[0], tuple(integers(op, "dimensions")))


def _slice(op: ir.Operation, operands: Operands) -> np.ndarray:
    bounds = (integers(op, name) for name in ("start_indices", "limit_indices", "strides"))
    return operands[0][tuple(slice(*bound) for bound in zip(*bounds, strict=True))]


def _concatenate(op: ir.Operation, operands: Operands) -> np.ndarray:
    return np.concatenate(operands, axis=integer(op, "dimension"))


def _pad(op: ir.Operation, operands: Operands) -> np.ndarray | None:
    shape = _shape(op)
    if shape is None:
        return None
    return padded(
        operands[0], operands[1], shape, integers(op, "edge_padding_low"), integers(op, "interior_padding")
    )


def _dynamic_pad(op: ir.Operation, operands: Operands) -> np.ndarray | None:
    shape = _shape(op)
    if shape is None:
        return None
    return padded(operands[0], operands[1], shape, operands[2].tolist(), operands[4].tolist())


def padded(
    array: np.ndarray, value: np.ndarray, shape: Sequence[int], low: Sequence[int], interior: Sequence[int]
) -> np.ndarray:
    """`array` from position `low` of a result of the given shape, `interior` values between its elements."""
    result = np.full(shape, value, array.dtype)
    source, target = [], []
    for size, extent, start, gap in zip(array.shape, shape, low, interior, strict=True):
        step = gap + 1
        # Negative edge padding drops elements: `first` is the first kept one.
        first = max(0, -(start // step)) if start < 0 else 0
        last = min(size, -(-(extent - start) // step))
        source.append(slice(first, max(first, last)))
        begin = start + first * step
        target.append(slice(begin, begin + max(0, last - first) * step, step))
    result[tuple(target)] = array[tuple(source)]
    return result


def _iota(op: ir.Operation, operands: Operands) -> np.ndarray | None:
    shape = _shape(op)
    return None if shape is None else _counted(op, shape)


def _dynamic_iota(op: ir.Operation, operands: Operands) -> np.ndarray | None:
    return _counted(op, tuple(operands[0].tolist()))


def _counted(op: ir.Operation, shape: tuple[int, ...]) -> np.ndarray | None:
    dtype = dtypes.to_numpy(tensor(op.results[0]).element_type)
    axis = integer(op, "iota_dimension")
    if dtype == np.bool_:
        return None
    if 0 in shape:  # the counted dimension may be too large to be counted
        return np.zeros(shape, dtype)
    numbers = np.arange(shape[axis])
    counts = numbers.astype(dtype)
    # Floats of 16 bits and more round what they do not hold; smaller ones may have no 0, and no infinity.
    rounds = dtype in COMPUTED and not dtypes.is_integer(dtype)
    if not rounds and not np.array_equal(counts.astype(np.float64), numbers):
        return None
    return np.broadcast_to(counts.reshape([-1 if i == axis else 1 for i in range(len(shape))]), shape)


def indices_of(array: np.ndarray) -> np.ndarray:
    """Integer indices of any type as int64, values beyond it held at its maximum."""
    held = np.minimum(array, np.uint64(np.iinfo(np.int64).max)) if array.dtype == np.uint64 else array
    return held.astype(np.int64)


def _window(starts: Operands, sizes: Sequence[int], shape: Sequence[int]) -> tuple[slice, ...]:
    """The window of the given sizes, moved so that it lies inside the shape (StableHLO clamps starts)."""
    window = []
    for start, size, extent in zip(starts, sizes, shape, strict=True):
        begin = min(max(int(start), 0), extent - size)
        window.append(slice(begin, begin + size))
    return tuple(window)


def _dynamic_slice(op: ir.Operation, operands: Operands) -> np.ndarray:
    array, *starts = operands
    return array[_window(starts, integers(op, "slice_sizes"), array.shape)]


def _dynamic_update_slice(op: ir.Operation, operands: Operands) -> np.ndarray:
    array, update, *starts = operands
    result = array.copy()
    result[_window(starts, update.shape, array.shape)] = update
    return result


def _gather(op: ir.Operation, operands: Operands) -> np.ndarray:
    array, starts = operands
    numbers = stablehlo.GatherDimensionNumbers(op.attributes["dimension_numbers"])
    return gather(array, starts, numbers, integers(op, "slice_sizes"))


def _dynamic_gather(op: ir.Operation, operands: Operands) -> np.ndarray:
    array, starts, sizes = operands
    numbers = stablehlo.GatherDimensionNumbers(op.attributes["dimension_numbers"])
    return gather(array, starts, numbers, sizes.tolist())


def gather(
    array: np.ndarray, starts: np.ndarray, numbers: stablehlo.GatherDimensionNumbers, sizes: Sequence[int]
) -> np.ndarray:
    """stablehlo.gather: a window of `sizes` for every index vector in `starts`, window starts clamped."""
    vector = numbers.index_vector_dim
    starts = indices_of(starts)
    if vector == starts.ndim:
        starts = starts[..., np.newaxis]
    starts = np.moveaxis(starts, vector, -1)
    batch = starts.shape[:-1]
    offset_axes = list(numbers.offset_dims)
    dropped = {*numbers.collapsed_slice_dims, *numbers.operand_batching_dims}
    kept = [axis for axis in range(array.ndim) if axis not in dropped]

    # One index array per operand dimension, all broadcastable to batch + window.
    index = [np.zeros((1,) * (len(batch) + len(kept)), np.int64)] * array.ndim
    for position, axis in enumerate(numbers.start_index_map):
        clamped = np.clip(starts[..., position], 0, array.shape[axis] - sizes[axis])
        index[axis] = clamped.reshape(batch + (1,) * len(kept))
    batching = zip(numbers.operand_batching_dims, numbers.start_indices_batching_dims, strict=True)
    for axis, source in batching:
        source -= source > vector
        index[axis] = _along(np.arange(batch[source]), source, len(batch) + len(kept))
    for position, axis in enumerate(kept):
        offsets = _along(np.arange(sizes[axis]), len(batch) + position, len(batch) + len(kept))
        index[axis] = index[axis] + offsets
    shape = batch + tuple(sizes[axis] for axis in kept)
    windows = np.broadcast_to(array[tuple(index)] if index else array, shape)
    return np.moveaxis(windows, list(range(len(batch), windows.ndim)), offset_axes)


def _along(values: np.ndarray, axis: int, rank: int) -> np.ndarray:
    return values.reshape([-1 if i == axis else 1 for i in range(rank)])


def _bitcast_convert(op: ir.Operation, operands: Operands) -> np.ndarray | None:
    shape, source = _shape(op), operands[0]
    target = dtypes.to_numpy(tensor(op.results[0]).element_type)
    # Several bools and small integers may share a byte, and complex numbers are not in the specification.
    if shape is None or any(kind not in _WHOLE_BYTES for kind in (source.dtype, target)):
        return None
    # The lowest bits come first, as in memory.
    return np.ascontiguousarray(source).reshape(-1).view(target).reshape(shape)


def _get_dimension_size(op: ir.Operation, operands: Operands) -> np.ndarray:
    return np.array(operands[0].shape[integer(op, "dimension")], np.int32)


_RULES: dict[str, Callable[[ir.Operation, Operands], np.ndarray | None]] = {
    "bitcast_convert": _bitcast_convert,
    "broadcast_in_dim": _broadcast_in_dim,
    "concatenate": _concatenate,
    "dynamic_broadcast_in_dim": _dynamic_broadcast_in_dim,
    "dynamic_gather": _dynamic_gather,
    "dynamic_iota": _dynamic_iota,
    "dynamic_pad": _dynamic_pad,
    "dynamic_reshape": _dynamic_reshape,
    "dynamic_slice": _dynamic_slice,
    "dynamic_update_slice": _dynamic_update_slice,
    "gather": _gather,
    "get_dimension_size": _get_dimension_size,
    "iota": _iota,
    "pad": _pad,
    "reshape": _reshape,
    "reverse": _reverse,
    "slice": _slice,
    "transpose": _transpose,
}

RULES: dict[str, Rule] = {f"stablehlo.{name}": rule for name, rule in _RULES.items()}
