"""Gathers from permuted tensors, as in images of another size: their result's dimensions may stand anywhere."""

from __future__ import annotations

from jaxlib.mlir import ir
from jaxlib.mlir.dialects import stablehlo

from oxide.dialects import hlo
from oxide.dialects.attributes import integers
from oxide.passes.simplify.permutations import Carriage, Reads, inverse, permuted


def carriage(op: ir.Operation, twins: Reads) -> Carriage | None:
    """How a gather works on its operand's twin: what indices give takes the places of what they replace."""
    numbers, p = _numbers(op), twins[0]
    if p is None or len(numbers.operand_batching_dims) > 0:
        return None
    collapsed = set(numbers.collapsed_slice_dims)
    slices = [axis for axis in range(len(p)) if axis not in collapsed]
    offsets = dict(zip(slices, numbers.offset_dims, strict=True))
    given = [axis for axis in range(hlo.rank(op.results[0])) if axis not in numbers.offset_dims]
    order: list[int] = []
    places = sum(axis in collapsed for axis in range(len(p)))
    for axis in inverse(p):
        if axis not in collapsed:
            order.append(offsets[axis])
            continue
        places -= 1
        # One for each place, and what is left for the last.
        count = 1 if places else len(given)
        order += given[:count]
        del given[:count]
    return Carriage([p, None], inverse([*given, *order]))


def attributes(op: ir.Operation, how: Carriage) -> dict[str, ir.Attribute]:
    """The numbers of dimensions and the sizes of slices, on twins."""
    numbers, p = _numbers(op), how.reads[0]
    assert p is not None
    changed = stablehlo.GatherDimensionNumbers.get(
        sorted(how.result[axis] for axis in numbers.offset_dims),
        sorted(p[axis] for axis in numbers.collapsed_slice_dims),
        [],
        [],
        [p[axis] for axis in numbers.start_index_map],
        numbers.index_vector_dim,
    )
    sizes = ir.DenseI64ArrayAttr.get(permuted(p, integers(op, "slice_sizes")))
    return {"dimension_numbers": changed, "slice_sizes": sizes}


def _numbers(op: ir.Operation) -> stablehlo.GatherDimensionNumbers:
    return stablehlo.GatherDimensionNumbers(op.attributes["dimension_numbers"])
