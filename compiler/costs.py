"""What a module costs to run: operations, floating-point operations and bytes, counted from shapes alone.

Counting rules, one FLOP being one scalar arithmetic operation of any dtype:

* an elementwise operation: one for each result element (an exponential counts like an addition);
* dot_general and convolution: two (multiply, add) for each product that enters a result;
* an operation with a region that it applies to scalars (reduce, reduce_window, scatter, ...): the region's
  count for each application;
* calls and composites: the function they stand for; `while`: its regions once, as the trip count is unknown;
  `case` and `if`: the most expensive branch;
* everything else (movement, constants, control): none.

Bytes are what each operation reads and writes when it runs alone, so they bound the traffic before fusion.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from jaxlib.mlir import ir
from jaxlib.mlir.dialects import stablehlo

from oxide.dialects import attributes

# One FLOP for each element of the result.
ARITHMETIC = """
    abs add and atan2 cbrt ceil clamp compare complex cosine count_leading_zeros divide exponential
    exponential_minus_one floor imag is_finite log log_plus_one logistic maximum minimum multiply negate not
    or popcnt power real reduce_precision remainder round_nearest_afz round_nearest_even rsqrt select
    shift_left shift_right_arithmetic shift_right_logical sign sine sqrt subtract tan tanh xor
    uniform_quantize uniform_dequantize
"""
ELEMENTWISE = frozenset(f"stablehlo.{name}" for name in ARITHMETIC.split())
# CHLO is elementwise arithmetic, but for these.
CHLO_MOVEMENT = frozenset({"chlo.constant", "chlo.constant_like", "chlo.broadcast_select", "chlo.top_k"})


@dataclass
class Cost:
    """Counts of one function or of everything it reaches.

    `operations` names composites by their own name and leaves their decompositions out; constants and
    terminators are counted too.  `dynamic` counts, by name, the operations whose cost is unknown because
    a shape is.
    """

    operations: Counter[str] = field(default_factory=Counter)
    flops: int = 0
    bytes: int = 0
    dynamic: Counter[str] = field(default_factory=Counter)

    def add(self, other: Cost, *, operations: bool = True) -> None:
        self.flops += other.flops
        self.bytes += other.bytes
        self.dynamic += other.dynamic
        if operations:
            self.operations += other.operations


class DynamicShapeError(Exception):
    """A size was asked for that is known only when the module runs."""


def module_cost(module: ir.Module, entry: str = "main") -> Cost:
    """The cost of one call of `entry`, with the functions it reaches."""
    return _Counter(module).function(entry)


class _Counter:
    def __init__(self, module: ir.Module) -> None:
        self._functions = {
            ir.StringAttr(op.attributes["sym_name"]).value: op.operation
            for op in module.body.operations
            if op.operation.name == "func.func"
        }
        self._known: dict[str, Cost] = {}

    def function(self, name: str) -> Cost:
        if name not in self._known:
            # MLIR allows recursion; a function that is being counted adds nothing to itself.
            self._known[name] = Cost()
            blocks = self._functions[name].regions[0].blocks if name in self._functions else ()
            self._known[name] = self.blocks(blocks)
        return self._known[name]

    def blocks(self, blocks: ir.BlockList | tuple[()]) -> Cost:
        total = Cost()
        for block in blocks:
            for op in block.operations:
                total.add(self.operation(op.operation))
        return total

    def regions(self, op: ir.Operation) -> list[Cost]:
        return [self.blocks(region.blocks) for region in op.regions]

    def operation(self, op: ir.Operation) -> Cost:
        name = op.name
        if name == "func.call":
            cost = Cost(Counter({name: 1}))
            cost.add(self.function(attributes.symbol(op, "callee")))
            return cost
        if name == "stablehlo.composite":
            cost = Cost(Counter({attributes.string(op, "name"): 1}))
            cost.add(self.function(attributes.symbol(op, "decomposition")), operations=False)
            return cost
        cost = Cost(Counter({name: 1}))
        if name in ("stablehlo.case", "stablehlo.if"):
            branches = self.regions(op)
            cost.add(max(branches, key=lambda branch: branch.flops), operations=False)
            for branch in branches:
                cost.operations += branch.operations
            return cost
        if name == "stablehlo.while":
            for region in self.regions(op):
                cost.add(region)
            return cost
        try:
            cost.flops = self.flops(op)
            cost.bytes = traffic(op)
        except DynamicShapeError:
            cost.dynamic[name] += 1
        return cost

    def flops(self, op: ir.Operation) -> int:
        name = op.name
        if name in ELEMENTWISE or (name.startswith("chlo.") and name not in CHLO_MOVEMENT):
            return size(op.results[0])
        if name in CONTRACTIONS:
            return CONTRACTIONS[name](op)
        if name in APPLICATIONS:
            body = self.blocks(op.regions[-1].blocks)
            return APPLICATIONS[name](op) * body.flops
        return 0


# --------------------------------------------------------------------------------------------- sizes


def size(value: ir.Value) -> int:
    """Number of elements; one for what is no tensor, such as a token."""
    if not isinstance(value.type, ir.RankedTensorType):
        return 1
    if not value.type.has_static_shape:
        raise DynamicShapeError
    return math.prod(value.type.shape)


def nbytes(value: ir.Value) -> int:
    """Bytes of a tensor, elements narrower than a byte packed; zero for what is no tensor."""
    if not isinstance(value.type, ir.RankedTensorType):
        return 0
    return -(-size(value) * bit_width(value.type.element_type) // 8)


def bit_width(element_type: ir.Type) -> int:
    if isinstance(element_type, ir.ComplexType):
        return 2 * bit_width(element_type.element_type)
    return getattr(element_type, "width", 8)


def traffic(op: ir.Operation) -> int:
    """Bytes an operation reads and writes on its own.  Constants and terminators move nothing."""
    if op.name in ("stablehlo.constant", "stablehlo.return", "func.return"):
        return 0
    return sum(map(nbytes, op.operands)) + sum(map(nbytes, op.results))


# --------------------------------------------------------------------------------- counting rules


def _dot_flops(op: ir.Operation) -> int:
    numbers = stablehlo.DotDimensionNumbers(op.attributes["dot_dimension_numbers"])
    size(op.operands[0])
    lhs = attributes.tensor(op.operands[0]).shape
    return 2 * size(op.results[0]) * math.prod(lhs[axis] for axis in numbers.lhs_contracting_dimensions)


def _plain_dot_flops(op: ir.Operation) -> int:
    size(op.operands[0])
    lhs = attributes.tensor(op.operands[0]).shape
    return 2 * size(op.results[0]) * lhs[-1]


def _convolution_flops(op: ir.Operation) -> int:
    """Each output element sums window x (input features of a group) products; padding counts as values."""
    numbers = stablehlo.ConvDimensionNumbers(op.attributes["dimension_numbers"])
    size(op.operands[1])
    kernel = attributes.tensor(op.operands[1]).shape
    axes = [numbers.kernel_input_feature_dimension, *numbers.kernel_spatial_dimensions]
    return 2 * size(op.results[0]) * math.prod(kernel[axis] for axis in axes)


CONTRACTIONS: Mapping[str, Callable[[ir.Operation], int]] = {
    "stablehlo.dot_general": _dot_flops,
    "stablehlo.dot": _plain_dot_flops,
    "stablehlo.convolution": _convolution_flops,
}


def _window(op: ir.Operation) -> int:
    return math.prod(attributes.integers(op, "window_dimensions"))


def _comparisons(op: ir.Operation) -> int:
    """n log2 n along the sorted axis."""
    length = attributes.tensor(op.operands[0]).shape[attributes.integer(op, "dimension")]
    return size(op.operands[0]) * max(1, math.ceil(math.log2(max(length, 2))))


# How often the operation applies its last region.
APPLICATIONS: Mapping[str, Callable[[ir.Operation], int]] = {
    "stablehlo.map": lambda op: size(op.results[0]),
    "stablehlo.reduce": lambda op: size(op.operands[0]),
    "stablehlo.reduce_scatter": lambda op: size(op.operands[0]),
    "stablehlo.all_reduce": lambda op: size(op.operands[0]),
    "stablehlo.reduce_window": lambda op: size(op.results[0]) * _window(op),
    "stablehlo.scatter": lambda op: size(op.operands[-1]),
    "stablehlo.select_and_scatter": lambda op: size(op.operands[1]) * (_window(op) + 1),
    "stablehlo.sort": _comparisons,
}
