"""Folding of windows that are reduced, elements that are scattered, and sorts of one operand."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from jaxlib.mlir import ir
from jaxlib.mlir.dialects import stablehlo

from oxide.dialects.attributes import integer, integers, keyword, tensor
from oxide.dialects.fold.contraction import accumulated, reduced, reduction
from oxide.dialects.fold.elementwise import COMPUTED, Rule
from oxide.dialects.fold.movement import indices_of, padded

# Windows are looked at element by element; beyond this many it costs more than running the program.
_WINDOW_ELEMENTS = 1 << 24


def _reduce_window(op: ir.Operation, operands: Sequence[np.ndarray]) -> np.ndarray | None:
    function = reduction(op)
    shape = list(tensor(op.results[0]).shape)
    window = integers(op, "window_dimensions")
    if function is None or not tensor(op.results[0]).has_static_shape:
        return None
    if math.prod(shape) * math.prod(window) > _WINDOW_ELEMENTS or 0 in shape:
        return None
    array, initial = map(accumulated, operands)
    if array is None or initial is None:
        return None
    ones = [1] * array.ndim
    strides, base, dilation = (
        integers(op, name) if name in op.attributes else ones
        for name in ("window_strides", "base_dilations", "window_dilations")
    )
    padding = np.asarray(op.attributes["padding"]).tolist() if "padding" in op.attributes else [[0, 0]] * array.ndim
    extents = [
        low + max(0, (size - 1) * step + 1) + high
        for size, step, (low, high) in zip(array.shape, base, padding, strict=True)
    ]
    around = padded(array, initial, extents, [low for low, _ in padding], [step - 1 for step in base])
    reach = tuple((size - 1) * step + 1 for size, step in zip(window, dilation, strict=True))
    views = np.lib.stride_tricks.sliding_window_view(around, reach)
    steps = tuple(slice(None, None, step) for step in (*strides, *dilation))
    result = reduced(function, views[steps], tuple(range(array.ndim, 2 * array.ndim)), initial)
    return None if result is None else result.astype(operands[0].dtype)


def _scatter(op: ir.Operation, operands: Sequence[np.ndarray]) -> np.ndarray | None:
    if len(op.results) != 1 or operands[0].dtype not in COMPUTED:
        return None
    array, indices, updates = operands
    places = _places(op, array.shape, indices, updates.shape)
    if places is None:
        return None
    block = op.regions[0].blocks[0]
    replaces = block.operations[len(block.operations) - 1].operation.operands[0] == block.arguments[1]
    function = reduction(op)
    if replaces:
        flat = np.ravel_multi_index(places, array.shape)
        # Which of several updates of one element comes last is left open.
        if np.unique(flat).size != flat.size:
            return None
    elif function is None or array.dtype.kind not in "iu":
        return None
    result = array.copy()
    if replaces:
        result[places] = updates
    elif function is not None:
        function.at(result, places, updates)
    return result


def _places(
    op: ir.Operation, shape: Sequence[int], indices: np.ndarray, updates: Sequence[int]
) -> tuple[np.ndarray, ...] | None:
    """Where each element of the updates goes, by its index in every dimension of the operand.

    None where one goes outside: of such windows, implementations drop the elements outside or all.
    """
    numbers = stablehlo.ScatterDimensionNumbers(op.attributes["scatter_dimension_numbers"])
    if numbers.input_batching_dims or not shape:
        return None
    vector, window = numbers.index_vector_dim, list(numbers.update_window_dims)
    starts = indices_of(indices)
    starts = starts[..., np.newaxis] if vector == starts.ndim else np.moveaxis(starts, vector, -1)
    positions = np.indices(updates)
    batch = tuple(positions[axis] for axis in range(len(updates)) if axis not in window)
    inserted, offsets = set(numbers.inserted_window_dims), iter(window)
    places = [
        np.zeros(updates, np.int64) if axis in inserted else positions[next(offsets)] for axis in range(len(shape))
    ]
    for number, axis in enumerate(numbers.scattered_dims_to_operand_dims):
        places[axis] = places[axis] + starts[(*batch, number)]
    inside = all(np.all((place >= 0) & (place < size)) for place, size in zip(places, shape, strict=True))
    return tuple(places) if inside else None


def _sort(op: ir.Operation, operands: Sequence[np.ndarray]) -> np.ndarray | None:
    array, axis = operands[0], integer(op, "dimension")
    if len(op.results) != 1 or array.dtype not in COMPUTED or array.dtype.kind == "c" or np.any(array != array):
        return None
    (block,) = op.regions[0].blocks
    order, *rest = (view.operation for view in block.operations)
    compares = order.name == "stablehlo.compare" and list(order.operands) == list(block.arguments)
    if not compares or len(rest) != 1 or ("compare_type" in order.attributes and _is_total(order)):
        return None
    # Elements that compare equal, as zeros do, keep their order.
    direction = keyword(order, "comparison_direction")
    if direction == "LT":
        return np.sort(array, axis=axis, kind="stable")
    return np.flip(np.sort(np.flip(array, axis), axis=axis, kind="stable"), axis) if direction == "GT" else None


def _is_total(compare: ir.Operation) -> bool:
    return keyword(compare, "compare_type") == "TOTALORDER"


RULES: dict[str, Rule] = {
    "stablehlo.reduce_window": _reduce_window,
    "stablehlo.scatter": _scatter,
    "stablehlo.sort": _sort,
}
