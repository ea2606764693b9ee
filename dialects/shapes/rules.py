"""The shape of each operation's results from the shapes of its operands, for operations with open sizes.

StableHLO's own constraints (its specification, section of each operation) with sizes that may be expressions.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, cast

from jaxlib.mlir import ir
from jaxlib.mlir.dialects import stablehlo

from oxide.dialects.attributes import integer, integers, string
from oxide.dialects.dims import Size
from oxide.dialects.effects import ELEMENTWISE
from oxide.dialects.shapes.arithmetic import extreme

if TYPE_CHECKING:
    from oxide.dialects.shapes.facts import Symbolic

Shape = tuple[Size, ...]
# Targets of custom calls that give what they take, and those that give the largest elements.
IDENTITIES = ("Sharding", "SPMDFullToShardShape", "SPMDShardToFullShape", "annotate_device_placement")
TOP_K = ("mhlo.topk", "stablehlo.top_k")
# The shapes of all results, or None where they do not follow.
Rule = Callable[["Symbolic", ir.OpView], list[Shape] | None]


def merged(facts: Symbolic, shapes: Sequence[Shape]) -> Shape:
    """The one shape that several must have; numbers are preferred, differing expressions noted as equal."""
    result: list[Size] = []
    for sizes in zip(*shapes, strict=True):
        chosen = next((s for s in sizes if isinstance(s, int)), sizes[0])
        for size in sizes:
            facts.equate(chosen, size)
        result.append(chosen)
    return tuple(result)


def broadcast(facts: Symbolic, shapes: Sequence[Shape]) -> list[Shape] | None:
    """As numpy broadcasts; None when a size may be 1 or not."""
    rank = max(map(len, shapes))
    padded = [(1,) * (rank - len(s)) + s for s in shapes]
    result: list[Size] = []
    for sizes in zip(*padded, strict=True):
        wide = [s for s in sizes if s != 1]
        if any(s != wide[0] for s in wide):
            numbers = [s for s in wide if isinstance(s, int)]
            if not numbers:
                return None
            wide = numbers
        result.append(wide[0] if wide else 1)
    return [tuple(result)]


def _operand(facts: Symbolic, op: ir.OpView) -> list[Shape]:
    return [facts.shape(op.operands[0])] * len(op.results)


def _each_operand(facts: Symbolic, op: ir.OpView) -> list[Shape]:
    return [facts.shape(op.operands[i]) for i in range(len(op.results))]


def _elementwise(facts: Symbolic, op: ir.OpView) -> list[Shape]:
    shapes = [facts.shape(v) for v in op.operands]
    rank = max(map(len, shapes))
    return [merged(facts, [s for s in shapes if len(s) == rank])]


def _broadcasting(facts: Symbolic, op: ir.OpView) -> list[Shape] | None:
    if "broadcast_dimensions" in op.attributes:
        return None
    return broadcast(facts, [facts.shape(v) for v in op.operands])


def _from_contents(position: int) -> Rule:
    """The result's shape is an operand's contents."""

    def rule(facts: Symbolic, op: ir.OpView) -> list[Shape] | None:
        known = facts.contents(op.operands[position])
        return None if known is None else [tuple(known.flat)]

    return rule


def _transpose(facts: Symbolic, op: ir.OpView) -> list[Shape]:
    shape = facts.shape(op.operands[0])
    return [tuple(shape[axis] for axis in integers(op.operation, "permutation"))]


def _concatenate(facts: Symbolic, op: ir.OpView) -> list[Shape]:
    axis = integer(op.operation, "dimension")
    shapes = [facts.shape(v) for v in op.operands]
    total = sum((s[axis] for s in shapes[1:]), start=shapes[0][axis])
    around = merged(facts, [(*s[:axis], 0, *s[axis + 1 :]) for s in shapes])
    return [(*around[:axis], total, *around[axis + 1 :])]


def _slice(facts: Symbolic, op: ir.OpView) -> list[Shape]:
    names = ("start_indices", "limit_indices", "strides")
    return [_lengths(*(integers(op.operation, n) for n in names))]


def _lengths(starts: Sequence[Size], limits: Sequence[Size], strides: Sequence[Size]) -> Shape:
    return tuple(_ceil(limit - start, step) for start, limit, step in zip(starts, limits, strides, strict=True))


def _ceil(a: Size, b: Size) -> Size:
    return a if b == 1 else (a + b - 1) // b


def _real_dynamic_slice(facts: Symbolic, op: ir.OpView) -> list[Shape] | None:
    bounds = [facts.contents(v) for v in op.operands[1:]]
    starts, limits, strides = bounds
    if starts is not None and limits is not None and strides is not None:
        return [_lengths(list(starts.flat), list(limits.flat), list(strides.flat))]
    # limits = starts + sizes, which may be known where the starts are not.
    sizes = added_sizes(facts, op)
    return None if sizes is None or strides is None or any(s != 1 for s in strides.flat) else [sizes]


def added_sizes(facts: Symbolic, op: ir.OpView) -> Shape | None:
    """`sizes` of a real_dynamic_slice from `starts` to `starts + sizes`, where they are known."""
    starts, limits = op.operands[1], op.operands[2]
    owner = limits.owner
    if isinstance(owner, ir.Block) or owner.name != "stablehlo.add":
        return None
    for one, other in itertools.permutations(owner.operands):
        sizes = facts.contents(other)
        if one == starts and sizes is not None:
            return tuple(sizes.flat)
    return None


def _pad(facts: Symbolic, op: ir.OpView) -> list[Shape]:
    names = ("edge_padding_low", "edge_padding_high", "interior_padding")
    return [_padded(facts, op, *(integers(op.operation, n) for n in names))]


def _dynamic_pad(facts: Symbolic, op: ir.OpView) -> list[Shape] | None:
    amounts = [facts.contents(v) for v in op.operands[2:]]
    if any(a is None for a in amounts):
        return None
    return [_padded(facts, op, *(list(a.flat) for a in amounts if a is not None))]


def _padded(
    facts: Symbolic, op: ir.OpView, low: Sequence[Size], high: Sequence[Size], interior: Sequence[Size]
) -> Shape:
    sizes: list[Size] = []
    for size, before, after, between in zip(facts.shape(op.operands[0]), low, high, interior, strict=True):
        gaps = 0 if between == 0 else extreme(facts, "max", size - 1, 0) * between
        sizes.append(size + before + after + gaps)
    return tuple(sizes)


def _dynamic_slice(facts: Symbolic, op: ir.OpView) -> list[Shape]:
    return [tuple(integers(op.operation, "slice_sizes"))]


def _gather(facts: Symbolic, op: ir.OpView) -> list[Shape] | None:
    numbers = stablehlo.GatherDimensionNumbers(op.attributes["dimension_numbers"])
    sizes = slice_sizes(facts, op)
    if sizes is None:
        return None
    indices = facts.shape(op.operands[1])
    batch = iter(s for axis, s in enumerate(indices) if axis != numbers.index_vector_dim)
    dropped = {*numbers.collapsed_slice_dims, *numbers.operand_batching_dims}
    window = iter(s for axis, s in enumerate(sizes) if axis not in dropped)
    rank = ir.RankedTensorType(op.results[0].type).rank
    return [tuple(next(window) if axis in numbers.offset_dims else next(batch) for axis in range(rank))]


def slice_sizes(facts: Symbolic, op: ir.OpView) -> Shape | None:
    """The slice sizes of a gather or a dynamic_gather, None where they are not known."""
    if op.operation.name == "stablehlo.gather":
        return tuple(integers(op.operation, "slice_sizes"))
    known = facts.contents(op.operands[2])
    return None if known is None else tuple(known.flat)


def _dot_general(facts: Symbolic, op: ir.OpView) -> list[Shape]:
    numbers = stablehlo.DotDimensionNumbers(op.attributes["dot_dimension_numbers"])
    left, right = (facts.shape(v) for v in op.operands)
    lhs_batch, rhs_batch = list(numbers.lhs_batching_dimensions), list(numbers.rhs_batching_dimensions)
    lhs_contract, rhs_contract = list(numbers.lhs_contracting_dimensions), list(numbers.rhs_contracting_dimensions)
    for a, b in zip(lhs_contract, rhs_contract, strict=True):
        facts.equate(left[a], right[b])
    shared = merged(facts, [tuple(left[a] for a in lhs_batch), tuple(right[b] for b in rhs_batch)])
    free = [s for axis, s in enumerate(left) if axis not in (*lhs_batch, *lhs_contract)]
    free += [s for axis, s in enumerate(right) if axis not in (*rhs_batch, *rhs_contract)]
    return [(*shared, *free)]


def _dot(facts: Symbolic, op: ir.OpView) -> list[Shape]:
    left, right = (facts.shape(v) for v in op.operands)
    return [(*left[:-1], *right[1:])]


def _convolution(facts: Symbolic, op: ir.OpView) -> list[Shape] | None:
    numbers = stablehlo.ConvDimensionNumbers(op.attributes["dimension_numbers"])
    x, kernel = (facts.shape(op.operands[i]) for i in range(2))
    spatial = list(numbers.input_spatial_dimensions)
    padding = conv_padding(facts, op, len(spatial))
    if padding is None:
        return None
    sizes: dict[int, Size] = {
        numbers.output_batch_dimension: x[numbers.input_batch_dimension]
        // integer(op.operation, "batch_group_count"),
        numbers.output_feature_dimension: kernel[numbers.kernel_output_feature_dimension],
    }
    window = [kernel[axis] for axis in numbers.kernel_spatial_dimensions]
    steps = [_windows(op, n, len(spatial)) for n in ("window_strides", "lhs_dilation", "rhs_dilation")]
    counts = _windowed(facts, [x[axis] for axis in spatial], window, steps, padding)
    sizes |= dict(zip(numbers.output_spatial_dimensions, counts, strict=True))
    return [tuple(sizes[axis] for axis in range(len(x)))]


def conv_padding(facts: Symbolic, op: ir.OpView, spatial: int) -> list[tuple[Size, Size]] | None:
    """(before, after) for each spatial dimension of a convolution, None where it is not known."""
    if op.operation.name == "stablehlo.dynamic_conv":
        known = facts.contents(op.operands[2])
        return None if known is None else [(low, high) for low, high in known]
    return _padding(op, spatial)


def _padding(op: ir.OpView, count: int) -> list[tuple[Size, Size]]:
    if "padding" not in op.attributes:
        return [(0, 0)] * count
    flat = [int(i) for i in cast(ir.DenseIntElementsAttr, op.attributes["padding"])]
    flat = flat * (2 * count) if len(flat) == 1 else flat
    return list(zip(flat[::2], flat[1::2], strict=True))


def _windows(op: ir.OpView, name: str, count: int) -> list[int]:
    return integers(op.operation, name) if name in op.attributes else [1] * count


def _windowed(
    facts: Symbolic,
    extents: Sequence[Size],
    window: Sequence[Size],
    steps: Sequence[Sequence[int]],
    padding: Sequence[tuple[Size, Size]],
) -> list[Size]:
    """How many windows fit: floor((dilated extent + padding - dilated window) / stride) + 1.

    `steps` are the strides, and the dilations of operand and window.
    """
    sizes: list[Size] = []
    rows: Any = zip(extents, window, *steps, padding, strict=True)
    for extent, size, stride, gap, dilation, (low, high) in rows:
        wide = extent if gap == 1 else extreme(facts, "max", (extent - 1) * gap + 1, 0)
        sizes.append((wide + low + high - (size - 1) * dilation - 1) // stride + 1)
    return sizes


def _reduce(facts: Symbolic, op: ir.OpView) -> list[Shape]:
    axes = integers(op.operation, "dimensions")
    count = len(op.results)
    shape = merged(facts, [facts.shape(op.operands[i]) for i in range(count)])
    return [tuple(s for axis, s in enumerate(shape) if axis not in axes)] * count


def _reduce_window(facts: Symbolic, op: ir.OpView) -> list[Shape]:
    count = len(op.results)
    shape = merged(facts, [facts.shape(op.operands[i]) for i in range(count)])
    rank = len(shape)
    window = _windows(op, "window_dimensions", rank)
    steps = [_windows(op, n, rank) for n in ("window_strides", "base_dilations", "window_dilations")]
    return [tuple(_windowed(facts, shape, window, steps, _padding(op, rank)))] * count


def _branches(facts: Symbolic, op: ir.OpView) -> list[Shape]:
    returned = []
    for region in op.regions:
        operations = region.blocks[0].operations
        returned.append([facts.shape(v) for v in operations[len(operations) - 1].operands])
    return [merged(facts, shapes) for shapes in zip(*returned, strict=True)]


def _set_dimension_size(facts: Symbolic, op: ir.OpView) -> list[Shape] | None:
    size = facts.contents(op.operands[1])
    if size is None:
        return None
    axis, shape = integer(op.operation, "dimension"), facts.shape(op.operands[0])
    return [(*shape[:axis], size.flat[0], *shape[axis + 1 :])]


def _same_leading(facts: Symbolic, op: ir.OpView) -> list[Shape] | None:
    """All dimensions but the last, which the result's type knows, are the first operand's."""
    leading = facts.shape(op.operands[0])[:-1]
    shapes: list[Shape] = []
    for result in op.results:
        type_ = cast(ir.RankedTensorType, result.type)
        if type_.rank != len(leading) + 1 or type_.is_dynamic_dim(type_.rank - 1):
            return None
        shapes.append((*leading, type_.get_dim_size(type_.rank - 1)))
    return shapes


def _custom_call(facts: Symbolic, op: ir.OpView) -> list[Shape] | None:
    target = string(op.operation, "call_target_name")
    if target in IDENTITIES:
        return _each_operand(facts, op)
    return _same_leading(facts, op) if target in TOP_K else None


def _bitcast(facts: Symbolic, op: ir.OpView) -> list[Shape] | None:
    shape = facts.shape(op.operands[0])
    types = [ir.RankedTensorType(v.type) for v in (op.operands[0], op.results[0])]
    if types[0].rank == types[1].rank:
        return [shape]
    if types[0].rank > types[1].rank:
        return [shape[:-1]]
    last = types[1]
    return None if last.is_dynamic_dim(last.rank - 1) else [(*shape, last.get_dim_size(last.rank - 1))]


def _while(facts: Symbolic, op: ir.OpView) -> list[Shape]:
    return [facts.shape(v) for v in op.operands]


def _named(names: str, rule: Rule) -> dict[str, Rule]:
    return {f"stablehlo.{name}": rule for name in names.split()}


_CHLO_BROADCASTS = (
    "add and atan2 compare complex divide maximum minimum multiply next_after or polygamma power remainder select "
    "shift_left shift_right_arithmetic shift_right_logical subtract xor zeta"
)
RULES: dict[str, Rule] = {
    **dict.fromkeys(ELEMENTWISE, _elementwise),
    **{f"chlo.broadcast_{name}": _broadcasting for name in _CHLO_BROADCASTS.split()},
    **_named("reverse scatter dynamic_update_slice cholesky batch_norm_inference select_and_scatter map", _operand),
    **_named("batch_norm_training batch_norm_grad", _operand),
    **_named("sort optimization_barrier", _each_operand),
    **_named("dynamic_reshape dynamic_broadcast_in_dim", _from_contents(1)),
    **_named("dynamic_iota", _from_contents(0)),
    **_named("gather dynamic_gather", _gather),
    **_named("convolution dynamic_conv", _convolution),
    **_named("if case", _branches),
    **_named("fft", _same_leading),
    "chlo.constant_like": _operand,
    "chlo.top_k": _same_leading,
    "stablehlo.custom_call": _custom_call,
    "stablehlo.transpose": _transpose,
    "stablehlo.concatenate": _concatenate,
    "stablehlo.slice": _slice,
    "stablehlo.real_dynamic_slice": _real_dynamic_slice,
    "stablehlo.pad": _pad,
    "stablehlo.dynamic_pad": _dynamic_pad,
    "stablehlo.dynamic_slice": _dynamic_slice,
    "stablehlo.dot_general": _dot_general,
    "stablehlo.dot": _dot,
    "stablehlo.reduce": _reduce,
    "stablehlo.reduce_window": _reduce_window,
    "stablehlo.set_dimension_size": _set_dimension_size,
    "stablehlo.bitcast_convert": _bitcast,
    "stablehlo.triangular_solve": lambda facts, op: [facts.shape(op.operands[1])],
    "stablehlo.while": _while,
}
