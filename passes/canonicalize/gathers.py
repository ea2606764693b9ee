"""gather and scatter whose indices are known, or do not matter."""

from __future__ import annotations

import math

import numpy as np
from jaxlib.mlir import ir
from jaxlib.mlir.dialects import stablehlo

from oxide.dialects import hlo
from oxide.dialects.attributes import integers
from oxide.dialects.constants import constant_value
from oxide.dialects.fold import fold
from oxide.dialects.rewrite import Rewriter
from oxide.passes.canonicalize.matching import is_static, pattern, raw_pattern, shape_of, splat, static_producer
from oxide.passes.canonicalize.regions import blocks_of, terminator

# A longer iota of indices is not looked at: counting it costs as much as it has elements.
_COUNTED_INDICES = 1 << 16


def _indices(value: ir.Value) -> np.ndarray | None:
    """The elements of a constant or an iota."""
    iota = static_producer(value, "stablehlo.iota")
    if iota is None:
        return constant_value(value)
    counted = fold(iota, []) if math.prod(shape_of(value)) <= _COUNTED_INDICES else None
    return None if counted is None else counted[0]


def _numbers(op: ir.Operation) -> stablehlo.GatherDimensionNumbers | None:
    """The dimension numbers of a static gather without batching that answers elements."""
    if not is_static(op) or 0 in shape_of(op.results[0]):
        return None
    numbers = stablehlo.GatherDimensionNumbers(op.attributes["dimension_numbers"])
    return None if numbers.operand_batching_dims else numbers


def _index_vectors(starts: np.ndarray, axis: int) -> np.ndarray:
    """One row of coordinates for each window."""
    if axis == starts.ndim:
        return starts.reshape(-1, 1)
    return np.moveaxis(starts, axis, -1).reshape(-1, starts.shape[axis])


def _known_window(op: ir.Operation) -> ir.Value | None:
    """gather of one window, once or again and again -> broadcast(slice(x)), at constant indices or of all of x"""
    numbers = _numbers(op)
    if numbers is None:
        return None
    x, sizes, indexed = op.operands[0], integers(op, "slice_sizes"), list(numbers.start_index_map)
    shape = shape_of(x)
    begins = [0] * len(shape)
    if any(sizes[axis] != shape[axis] for axis in indexed):
        starts = _indices(op.operands[1])
        if starts is None:
            return None
        vectors = _index_vectors(starts, numbers.index_vector_dim)
        if np.any(vectors != vectors[0]):
            return None
        for axis, start in zip(indexed, vectors[0], strict=True):
            begins[axis] = min(max(int(start), 0), shape[axis] - sizes[axis])
    window = hlo.slice(x, begins, [begin + size for begin, size in zip(begins, sizes, strict=True)])
    kept = [size for axis, size in enumerate(sizes) if axis not in set(numbers.collapsed_slice_dims)]
    target = shape_of(op.results[0])
    if math.prod(target) == math.prod(kept):
        return hlo.reshape(window, target)
    return hlo.broadcast_in_dim(hlo.reshape(window, kept), target, list(numbers.offset_dims))


def _gather_of_repeated_element(op: ir.Operation) -> ir.Value | None:
    """gather of broadcast(v) -> broadcast(v)"""
    if not is_static(op):
        return None
    x, shape = op.operands[0], shape_of(op.results[0])
    inner = static_producer(x, "stablehlo.broadcast_in_dim")
    if inner is not None and not shape_of(inner.operands[0]):
        return hlo.broadcast_in_dim(inner.operands[0], shape, [])
    element = splat(x)
    return None if element is None else hlo.constant(np.broadcast_to(element, shape))


def _evenly_spaced(starts: np.ndarray, size: int) -> tuple[int, int, int] | None:
    """First, last and step of indices that count up or down within a dimension of a size."""
    indices = starts.reshape(-1).astype(np.int64)
    if indices.size < 2:
        return None
    step = int(indices[1] - indices[0])
    if step == 0 or np.any(np.diff(indices) != step) or indices.min() < 0 or indices.max() >= size:
        return None
    return int(indices[0]), int(indices[-1]), step


def _consecutive_take(op: ir.Operation) -> ir.Value | None:
    """gather of whole rows at constant, evenly spaced indices -> slice(x), reversed where they descend"""
    numbers, starts = _numbers(op), _indices(op.operands[1])
    if numbers is None or starts is None:
        return None
    x, indexed = op.operands[0], list(numbers.start_index_map)
    shape = shape_of(x)
    if len(indexed) != 1 or list(numbers.collapsed_slice_dims) != indexed:
        return None
    axis = indexed[0]
    offsets = [dimension for dimension in range(len(shape)) if dimension != axis]
    # The batch of indices must stand where the gathered dimension stood.
    if integers(op, "slice_sizes") != [1 if dimension == axis else size for dimension, size in enumerate(shape)]:
        return None
    if list(numbers.offset_dims) != offsets or len(shape_of(op.results[0])) != len(shape):
        return None
    run = _evenly_spaced(starts, shape[axis])
    if run is None:
        return None
    first, last, step = run
    if step > 0:
        return hlo.slice_axis(x, axis, first, last + 1, step)
    return hlo.reverse(hlo.slice_axis(x, axis, last, first + 1, -step), [axis])


def _scatter_of_nothing(op: ir.Operation, rewriter: Rewriter) -> bool:
    """scatter of updates without elements -> its operands"""
    count = len(op.results)
    if not is_static(op) or 0 not in shape_of(op.operands[count + 1]):
        return False
    rewriter.replace(op, list(op.operands)[:count])
    return True


def _overwrites(op: ir.Operation) -> bool:
    """True for a static scatter of one operand that puts its updates in place of what is there."""
    if len(op.results) != 1 or not is_static(op) or 0 in shape_of(op.operands[2]):
        return False
    (block,) = blocks_of(op)
    return terminator(block).operands[0] == block.arguments[1]


def _scatter_of_window(op: ir.Operation) -> ir.Value | None:
    """scatter of one window at a constant index inside x, which it overwrites -> dynamic_update_slice(x, window)"""
    starts = _indices(op.operands[1]) if _overwrites(op) else None
    numbers = stablehlo.ScatterDimensionNumbers(op.attributes["scatter_dimension_numbers"])
    indexed = list(numbers.scattered_dims_to_operand_dims)
    if starts is None or starts.size != len(indexed) or numbers.input_batching_dims:
        return None
    x, _, update = op.operands
    inserted = set(numbers.inserted_window_dims)
    sizes = iter([shape_of(update)[axis] for axis in numbers.update_window_dims])
    window = [1 if axis in inserted else next(sizes) for axis in range(len(shape_of(x)))]
    begins = dict(zip(indexed, map(int, starts.reshape(-1)), strict=True))
    return _written(x, update, window, [begins.get(axis, 0) for axis in range(len(window))])


def _scatter_of_rows(op: ir.Operation) -> ir.Value | None:
    """scatter of whole rows at successive constant indices, which it overwrites -> dynamic_update_slice(x, rows)"""
    starts = _indices(op.operands[1]) if _overwrites(op) else None
    numbers = stablehlo.ScatterDimensionNumbers(op.attributes["scatter_dimension_numbers"])
    indexed = list(numbers.scattered_dims_to_operand_dims)
    if starts is None or len(indexed) != 1 or list(numbers.inserted_window_dims) != indexed:
        return None
    x, _, update = op.operands
    axis, shape = indexed[0], shape_of(x)
    if list(numbers.update_window_dims) != [each for each in range(len(shape)) if each != axis]:
        return None
    run = _evenly_spaced(starts, shape[axis])
    if run is None or run[2] != 1 or len(shape_of(update)) != len(shape):
        return None
    return _written(x, update, shape_of(update), [run[0] if each == axis else 0 for each in range(len(shape))])


def _written(x: ir.Value, update: ir.Value, window: list[int], begins: list[int]) -> ir.Value | None:
    """x with a window overwritten, or None where it leaves x: scatter drops what dynamic_update_slice moves."""
    if any(a < 0 or a + size > n for a, size, n in zip(begins, window, shape_of(x), strict=True)):
        return None
    return hlo.dynamic_update_slice(x, hlo.reshape(update, window), begins)


PATTERNS = [
    pattern("known-gather", "gather", _known_window),
    pattern(
        "gather-of-repeated-element", "gather", _gather_of_repeated_element, reads=["constant", "broadcast_in_dim"]
    ),
    pattern("consecutive-take", "gather", _consecutive_take, reads=["constant", "iota"]),
    raw_pattern("scatter-of-nothing", "scatter", _scatter_of_nothing),
    pattern("known-scatter", "scatter", _scatter_of_window, reads=["constant", "iota"]),
    pattern("consecutive-scatter", "scatter", _scatter_of_rows, reads=["constant", "iota"]),
]
