"""Convolutions that XLA runs badly on CPUs become what it runs well.

XLA's CPU back end hands a convolution to Eigen, which gathers what windows read once for each group, and runs the
groups one after another.  Two forms are faster, each a private function that convolutions of one kind share:

  taps     the windows' elements one by one: the padded input, shifted, times a weight a channel, summed up.  XLA
           makes one vectorised loop on all cores of it.  In what order products are summed StableHLO leaves open;
           here it is that of the window's elements, then of the channels.
  groups   a convolution of each group for itself, and their results side by side.

XLA is told not to inline sums: it would fuse them into everything that reads them, to be computed anew by each, and
not vectorised in a reduction.  Convolutions are inlined, as inside of functions they would not become Eigen's.

The limits are where the forms cross on two cores (`tests/benchmarks/convolutions.py`): a sum of d channels'
products for each of m features pays up to about d m = 96, above which products of matrices reuse more of what they
load; without groups, where Eigen gathers once, up to 36 products an element.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.dtypes import is_float
from oxide.dialects.rewrite import RuleStatistics
from oxide.passes.base import PassLog
from oxide.passes.canonicalize.matching import attributes_of, is_static
from oxide.passes.simplify.convolutions import Convolution, read_convolution

BY_TAPS = (
    "convolution-by-taps",
    "convolution(x, w) of few channels -> sum over the window's elements of slice(pad(x)) * w, for CPUs",
)
BY_GROUPS = (
    "convolution-by-groups",
    "convolution(x, w) in groups of more channels -> concatenate of each group's convolution, for CPUs",
)
# Loops over more slices are not vectorised: with 126 products they take ten times as long as with 124.
_TERMS = 121
_TERMS_WITHOUT_GROUPS = 36
_CHANNELS = 96
# A group is four operations; more of them make programs long, and are hardly faster.
_GROUPS = 64

Body = Callable[[Convolution, ir.Value, ir.Value], ir.Value]


def take_apart(module: ir.Module, log: PassLog) -> None:
    """Rewrite every convolution of the module that pays, wherever it stands."""
    for rule, _ in (BY_TAPS, BY_GROUPS):
        log.rules.setdefault(rule, RuleStatistics())
    found: list[ir.Operation] = []

    def visit(op: ir.Operation) -> ir.WalkResult:
        if op.name == "stablehlo.convolution":
            found.append(op)
        return ir.WalkResult.ADVANCE

    module.operation.walk(visit)
    functions: dict[tuple[str, ...], str] = {}
    for op in found:
        if not is_static(op):
            log.remark(op, f"{BY_TAPS[0]}: {op.name} stays, its sizes are open")
            continue
        convolution = read_convolution(op)
        if convolution.terms > 0 and hlo.size(op.results[0]) > 0:
            _take_apart(module, convolution, functions, log)


def _take_apart(
    module: ir.Module, convolution: Convolution, functions: dict[tuple[str, ...], str], log: PassLog
) -> None:
    op, groups = convolution.op, convolution.groups * convolution.batch_groups
    rule, body = (BY_TAPS[0], _by_taps) if _suits_taps(convolution) else (BY_GROUPS[0], _by_groups)
    log.rules[rule].tries += 1
    if rule == BY_GROUPS[0] and groups == 1:
        return
    figures = (
        f"{convolution.terms} products an element in each of {groups} groups of {convolution.depth} to "
        f"{convolution.multiples} channels"
    )
    if rule == BY_GROUPS[0] and (convolution.batch_groups > 1 or groups > _GROUPS):
        log.remark(op, f"{rule}: {op.name} stays, {figures}")
        return
    log.rules[rule].hits += 1
    log.remark(op, f"{rule}: {op.name} is taken apart, {figures}")
    types = [str(value.type) for value in (*op.operands, *op.results)]
    key = (*types, *sorted(f"{name} = {value}" for name, value in attributes_of(op).items()))
    if key not in functions:
        functions[key] = _function(module, convolution, rule.replace("-", "_"), body)
    attributes: dict[str, ir.Attribute] = {"callee": ir.FlatSymbolRefAttr.get(functions[key])}
    if rule == BY_TAPS[0]:
        attributes["mhlo.frontend_attributes"] = ir.DictAttr.get({"inlineable": ir.StringAttr.get("false")})
    with op.location, ir.InsertionPoint(op):
        call = hlo.create("func.call", list(op.operands), [op.results[0].type], attributes)
    op.results[0].replace_all_uses_with(call.results[0])
    op.erase()


def _suits_taps(convolution: Convolution) -> bool:
    limit = _TERMS if convolution.groups > 1 else _TERMS_WITHOUT_GROUPS
    is_narrow = convolution.depth * convolution.multiples <= _CHANNELS
    return convolution.batch_groups == 1 and convolution.terms <= limit and is_narrow


def _function(module: ir.Module, convolution: Convolution, name: str, body: Body) -> str:
    types = [value.type for value in convolution.op.operands]
    with ir.Location.name(name.removeprefix("convolution_by_")):
        return hlo.function(module, name, types, lambda x, kernel: [body(convolution, x, kernel)])


def _by_taps(convolution: Convolution, x: ir.Value, kernel: ir.Value) -> ir.Value:
    """Sum of products of shifted inputs and weights; of floats of fewer than 32 bits in float32."""
    groups, depth, feature = convolution.groups, convolution.depth, convolution.layout.input_feature_dimension
    result = hlo.dtype(convolution.op.results[0])
    dtype = np.dtype(np.float32) if is_float(result) and result.itemsize < 4 else result
    padded, kernel = convolution.padded(hlo.convert(x, dtype)), hlo.convert(kernel, dtype)
    total = None
    for tap in np.ndindex(*convolution.window):
        starts = [place * step for place, step in zip(tap, convolution.kernel_dilation, strict=True)]
        read = convolution.spatial_slice(padded, starts, convolution.sizes, convolution.strides)
        for channel in range(depth):
            part = hlo.slice_axis(read, feature, channel, groups * depth - depth + channel + 1, depth)
            term = _scaled(part, _weights(convolution, kernel, tap, channel), feature)
            total = term if total is None else hlo.add(total, term)
    assert total is not None
    ordered = hlo.transpose(_joined(total, feature, convolution), convolution.order)
    return hlo.convert(ordered, result)


def _weights(convolution: Convolution, kernel: ir.Value, tap: Sequence[int], channel: int) -> ir.Value:
    """What a channel of each group is multiplied by: a number for each group, or for each of its results."""
    layout = convolution.layout
    starts, limits = [0] * hlo.rank(kernel), list(hlo.shape(kernel))
    places = [(layout.kernel_input_feature_dimension, channel)]
    places += zip(layout.kernel_spatial_dimensions, convolution.kernel_index(tap), strict=True)
    for axis, place in places:
        starts[axis], limits[axis] = place, place + 1
    spread = [convolution.groups, convolution.multiples] if convolution.multiples > 1 else [convolution.groups]
    return hlo.reshape(hlo.slice(kernel, starts, limits), spread)


def _scaled(part: ir.Value, weight: ir.Value, feature: int) -> ir.Value:
    """A channel of each group times its weights, whose dimensions take the place of dimension `feature`."""
    sizes = list(hlo.shape(part))
    sizes[feature : feature + 1] = hlo.shape(weight)
    places = [feature + axis for axis in range(hlo.rank(weight))]
    kept = [axis for axis in range(len(sizes)) if axis not in places[1:]]
    return hlo.multiply(hlo.broadcast_in_dim(part, sizes, kept), hlo.broadcast_in_dim(weight, sizes, places))


def _joined(value: ir.Value, feature: int, convolution: Convolution) -> ir.Value:
    """Groups and their features as the one dimension of features they are."""
    rank = hlo.rank(convolution.op.results[0])
    sizes = list(hlo.shape(value))
    last = feature + 1 + len(sizes) - rank
    return hlo.reshape(value, [*sizes[:feature], math.prod(sizes[feature:last]), *sizes[last:]])


def _by_groups(convolution: Convolution, x: ir.Value, kernel: ir.Value) -> ir.Value:
    op, layout, groups = convolution.op, convolution.layout, convolution.groups
    attributes = attributes_of(op) | {"feature_group_count": hlo.i64(1)}
    outputs = layout.output_feature_dimension
    sizes = list(hlo.shape(op.results[0]))
    sizes[outputs] //= groups
    kind = hlo.make_type(sizes, hlo.element_type(op.results[0]))

    def pieces(value: ir.Value, axis: int) -> Sequence[ir.Value]:
        return hlo.split(value, axis, [hlo.shape(value)[axis] // groups] * groups)

    operands = zip(
        pieces(x, layout.input_feature_dimension),
        pieces(kernel, layout.kernel_output_feature_dimension),
        strict=True,
    )
    parts = [hlo.create(op.name, pair, [kind], attributes).results[0] for pair in operands]
    return hlo.concatenate(parts, outputs)
