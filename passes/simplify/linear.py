"""How a factor passes an operation: along which dimension of which operand a dimension of the result comes from.

A factor is a number, whose dimension is None, or a vector along one dimension.
"""

from __future__ import annotations

from jaxlib.mlir import ir
from jaxlib.mlir.dialects import stablehlo

from oxide.dialects import hlo
from oxide.dialects.attributes import integer, integers
from oxide.passes.canonicalize.matching import shape_of, splat
from oxide.passes.simplify.reshapes import groups

# A dimension, or None for all elements alike.
Axis = int | None
# An operand and a dimension of it.
Place = tuple[int, Axis]

_PADDING = ("edge_padding_low", "edge_padding_high", "interior_padding")
_SUMS = frozenset(("stablehlo.add", "stablehlo.subtract"))
_PLACING = frozenset(
    f"stablehlo.{name}"
    for name in ("broadcast_in_dim", "negate", "pad", "reshape", "reverse", "slice", "transpose")
)


def scaled_instead(op: ir.Operation, axis: Axis, positive: bool) -> list[list[Place]]:
    """Which operands may be scaled instead of an operation's result: all of one of the lists."""
    if op.name in _SUMS:
        return [[(0, axis), (1, axis)]]
    if op.name == "stablehlo.multiply":
        return [[(1, axis)], [(0, axis)]]
    if op.name == "stablehlo.maximum":
        return [[(0, axis)]] if positive and splat(op.operands[1]) == 0 else []
    if op.name == "stablehlo.concatenate":
        return [] if axis == integer(op, "dimension") else [[(place, axis) for place in range(len(op.operands))]]
    if op.name in ("stablehlo.convolution", "stablehlo.dot_general"):
        return [[(1, None)], [(0, None)]] if axis is None else [[place] for place in free_dimensions(op)[axis]]
    if op.name in _PLACING:
        whole = axis is None and _keeps_zeros(op)
        source = next((a for a, b in _corresponding(op).items() if b == axis), None)
        return [[(0, source)]] if whole or source is not None else []
    return []


def scaled_result(op: ir.Operation, place: int, axis: Axis) -> Axis:
    """The dimension of an operation's result that a factor of an operand scales, where it scales nothing else."""
    if op.name in ("stablehlo.convolution", "stablehlo.dot_general"):
        return next((a for a, places in enumerate(free_dimensions(op)) if (place, axis) in places), None)
    return _corresponding(op).get(axis) if axis is not None and op.name in _PLACING and place == 0 else None


def passes_numbers(op: ir.Operation, place: int) -> bool:
    """True of an operation with one operand whose number factors are those of its result."""
    return op.name in _PLACING and place == 0 and _keeps_zeros(op)


def _keeps_zeros(op: ir.Operation) -> bool:
    return op.name != "stablehlo.pad" or splat(op.operands[1]) == 0


def _corresponding(op: ir.Operation) -> dict[int, int]:
    """The dimensions of the operand of an operation that places elements, and which they become as a whole."""
    source, target = shape_of(op.operands[0]), shape_of(op.results[0])
    axes = range(len(source))
    if op.name == "stablehlo.reshape":
        return {merged[0]: into[0] for merged, into in groups(source, target) if len(merged) == len(into) == 1}
    if op.name == "stablehlo.transpose":
        return {axis: place for place, axis in enumerate(integers(op, "permutation"))}
    if op.name == "stablehlo.broadcast_in_dim":
        mapping = integers(op, "broadcast_dimensions")
        return {axis: mapping[axis] for axis in axes if source[axis] == target[mapping[axis]]}
    if op.name == "stablehlo.reverse":
        return {axis: axis for axis in axes if axis not in integers(op, "dimensions")}
    if op.name == "stablehlo.slice":
        return {axis: axis for axis in axes if source[axis] == target[axis]}
    if op.name == "stablehlo.pad":
        low, high, inside = (integers(op, name) for name in _PADDING)
        return {axis: axis for axis in axes if _keeps_zeros(op) and not (low[axis] or high[axis] or inside[axis])}
    return {axis: axis for axis in axes}


def free_dimensions(op: ir.Operation) -> list[list[Place]]:
    """Of each dimension of a product's result, or of a convolution's, what it is a dimension of."""
    if op.name == "stablehlo.dot_general":
        numbers = stablehlo.DotDimensionNumbers(op.attributes["dot_dimension_numbers"])
        batches = [list(numbers.lhs_batching_dimensions), list(numbers.rhs_batching_dimensions)]
        bound = [
            {*batches[0], *numbers.lhs_contracting_dimensions},
            {*batches[1], *numbers.rhs_contracting_dimensions},
        ]
        found: list[list[Place]] = [
            *([(1, right), (0, left)] for left, right in zip(*batches, strict=True)),
            *(
                [(side, axis)]
                for side in (0, 1)
                for axis in range(hlo.rank(op.operands[side]))
                if axis not in bound[side]
            ),
        ]
        return found
    layout = stablehlo.ConvDimensionNumbers(op.attributes["dimension_numbers"])
    found = [[] for _ in shape_of(op.results[0])]
    found[layout.output_feature_dimension] = [(1, layout.kernel_output_feature_dimension)]
    if integer(op, "batch_group_count") == 1:
        found[layout.output_batch_dimension] = [(0, layout.input_batch_dimension)]
    return found


def summed_with(op: ir.Operation, place: int, axis: int) -> Place | None:
    """The dimension of the other operand that is summed over together with one: its factor may be the other's."""
    if op.name == "stablehlo.dot_general":
        numbers = stablehlo.DotDimensionNumbers(op.attributes["dot_dimension_numbers"])
        sides = [list(numbers.lhs_contracting_dimensions), list(numbers.rhs_contracting_dimensions)]
        return (1 - place, sides[1 - place][sides[place].index(axis)]) if axis in sides[place] else None
    layout = stablehlo.ConvDimensionNumbers(op.attributes["dimension_numbers"])
    alone = integer(op, "feature_group_count") == integer(op, "batch_group_count") == 1
    is_input = alone and place == 0 and axis == layout.input_feature_dimension
    return (1, layout.kernel_input_feature_dimension) if is_input else None
