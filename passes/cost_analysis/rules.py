"""What each operation costs, from the shapes of its operands and results.

A FLOP is one scalar arithmetic operation of any dtype, complex ones included; transcendental functions are counted
apart.  Both are as XLA's HloCostAnalysis counts them:

* an elementwise operation: one for each result element;
* dot_general and convolution: two (multiply, add) for each product that enters a result.  Products with padding
  and with the holes of a dilated operand are none;
* reduce and reduce_window: the region for each element that is combined with another; map, scatter and
  select_and_scatter: the region for each application; sort: the comparison n ceil(log2 n) times for a row of n;
* everything else moves data: no FLOPs.

Not as XLA: fft is 5 n log2 n for each transform of n points (the radix-2 algorithm), half of it for real ones;
cholesky n^3 / 3; triangular_solve n^2 for each right-hand side.

Sizes are integers or `Dim`s, and so are the counts.  `None` says that a count depends on a size in a way no
`Dim` can say.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from jaxlib.mlir import ir
from jaxlib.mlir.dialects import stablehlo

from oxide.dialects import dims
from oxide.dialects.attributes import integer, integers, keyword
from oxide.dialects.dims import Size
from oxide.dialects.shapes import Symbolic
from oxide.dialects.shapes.rules import conv_padding

Rule = Callable[[Symbolic, ir.OpView], Size | None]

_TRANSCENDENTAL = """
atan2 cbrt cosine exponential exponential_minus_one log log_plus_one logistic power rsqrt sine sqrt tan tanh
"""
_TRANSCENDENTAL_CHLO = """
acos acosh asin asinh atan atanh bessel_i1e cosh digamma erf erf_inv erfc lgamma polygamma sinh tan zeta
"""
TRANSCENDENTAL = frozenset(f"stablehlo.{name}" for name in _TRANSCENDENTAL.split()) | frozenset(
    f"chlo.{name}" for name in _TRANSCENDENTAL_CHLO.split()
)


def size(facts: Symbolic, value: ir.Value) -> Size:
    """Number of elements; one for what is no tensor, such as a token."""
    return math.prod(facts.shape(value)) if isinstance(value.type, ir.RankedTensorType) else 1


def bytes_of(facts: Symbolic, value: ir.Value) -> Size:
    """Bytes of a tensor, elements narrower than a byte packed; zero for what is no tensor."""
    if not isinstance(value.type, ir.RankedTensorType):
        return 0
    return (size(facts, value) * bit_width(value.type.element_type) + 7) // 8


def bit_width(element_type: ir.Type) -> int:
    if isinstance(element_type, ir.ComplexType):
        return 2 * bit_width(element_type.element_type)
    return getattr(element_type, "width", 8)


# Operations that read a part of their first operand, as large as the result.
_PARTS = frozenset(
    f"stablehlo.{name}" for name in ("slice", "dynamic_slice", "real_dynamic_slice", "gather", "dynamic_gather")
)
_UPDATE = "stablehlo.dynamic_update_slice"
_NOTHING = frozenset({"stablehlo.constant", "stablehlo.return", "func.return"})


def traffic(facts: Symbolic, op: ir.OpView) -> Size:
    """Bytes an operation reads and writes on its own.

    Constants and terminators move nothing.  Of what is sliced and gathered the part is read that is taken; updates
    and scatters work in place, so they move what they write, and a scatter what it combines that with.
    """
    name = op.operation.name
    if name in _NOTHING:
        return 0
    if name in _PARTS:
        return _total(facts, [*op.operands[1:], *op.results, *op.results])
    if name == _UPDATE:
        return _total(facts, [*op.operands[1:], op.operands[1]])
    if name == "stablehlo.scatter":
        updates = op.operands[len(op.results) + 1 :]
        return _total(facts, [op.operands[len(op.results)], *updates, *updates, *updates])
    return _total(facts, [*op.operands, *op.results])


def kernel_traffic(facts: Symbolic, block: ir.Block) -> Size:
    """Bytes that the operations of a function read and write when they run together.

    These are the arguments, or the parts of them that are taken, and the results, or their updates in place.
    """
    arguments: Size = sum((_read(facts, argument) for argument in block.arguments), start=0)
    *_, terminator = block.operations
    return sum((_written(facts, value) for value in terminator.operands), start=arguments)


def _read(facts: Symbolic, argument: ir.Value) -> Size:
    whole, parts = bytes_of(facts, argument), 0
    for use in argument.uses:
        user = use.owner
        if use.operand_number != 0 or user.operation.name not in (*_PARTS, _UPDATE):
            return whole
        parts += bytes_of(facts, user.results[0]) if user.operation.name in _PARTS else 0
    return dims.minimum(whole, parts)


def _written(facts: Symbolic, value: ir.Value) -> Size:
    if isinstance(value, ir.OpResult):
        op = value.owner.operation
        if op.name == _UPDATE and isinstance(op.operands[0], ir.BlockArgument):
            return bytes_of(facts, op.operands[1])
    return bytes_of(facts, value)


def _total(facts: Symbolic, values: Sequence[ir.Value]) -> Size:
    return sum((bytes_of(facts, value) for value in values), start=0)


# ---------------------------------------------------------------------------------------- contractions


def _dot_general(facts: Symbolic, op: ir.OpView) -> Size:
    numbers = stablehlo.DotDimensionNumbers(op.attributes["dot_dimension_numbers"])
    left = facts.shape(op.operands[0])
    return 2 * size(facts, op.results[0]) * math.prod(left[axis] for axis in numbers.lhs_contracting_dimensions)


def _dot(facts: Symbolic, op: ir.OpView) -> Size:
    return 2 * size(facts, op.results[0]) * facts.shape(op.operands[0])[-1]


def _convolution(facts: Symbolic, op: ir.OpView) -> Size | None:
    """Two for each product of a kernel element and an element of the input.

    Along a dimension of open size, products with padding are counted too.
    """
    numbers = stablehlo.ConvDimensionNumbers(op.attributes["dimension_numbers"])
    x, kernel, result = (facts.shape(value) for value in [*op.operands[:2], op.results[0]])
    spatial = list(numbers.input_spatial_dimensions)
    padding = conv_padding(facts, op, len(spatial))
    if padding is None:
        return None
    products: Size = math.prod(result[axis] for axis in _others(numbers, len(result)))
    steps = [_attribute(op, name, len(spatial)) for name in ("window_strides", "lhs_dilation", "rhs_dilation")]
    for place, axis in enumerate(spatial):
        window = kernel[numbers.kernel_spatial_dimensions[place]]
        outputs = result[numbers.output_spatial_dimensions[place]]
        stride, holes, dilation = (step[place] for step in steps)
        match x[axis], window, outputs, padding[place][0]:
            case int(extent), int(width), int(count), int(low):
                products *= _products(extent, width, count, low, stride, holes, dilation)
            case _:
                products *= window * outputs
    return 2 * products * kernel[numbers.kernel_input_feature_dimension]


def _others(numbers: stablehlo.ConvDimensionNumbers, rank: int) -> list[int]:
    """The result's dimensions that are not spatial."""
    return [axis for axis in range(rank) if axis not in numbers.output_spatial_dimensions]


def _products(extent: int, window: int, outputs: int, low: int, stride: int, holes: int, dilation: int) -> int:
    """How many pairs of a place in the window and an output meet an element of the input along one dimension."""
    at = np.arange(outputs)[:, None] * stride + np.arange(window) * dilation - low
    return int(((at >= 0) & (at <= (extent - 1) * holes) & (at % holes == 0)).sum())


def _attribute(op: ir.OpView, name: str, count: int) -> list[int]:
    return integers(op.operation, name) if name in op.attributes else [1] * count


CONTRACTIONS: Mapping[str, Rule] = {
    "stablehlo.dot_general": _dot_general,
    "stablehlo.dot": _dot,
    "stablehlo.convolution": _convolution,
    "stablehlo.dynamic_conv": _convolution,
}

# ---------------------------------------------------------------------------------------- algorithms


def _fft(facts: Symbolic, op: ir.OpView) -> Size | None:
    lengths = integers(op.operation, "fft_length")
    kind = keyword(op.operation, "fft_type")
    points = math.prod(lengths)
    longer = op.operands[0] if kind == "RFFT" else op.results[0]
    rows = size(facts, longer) // points if points else 0
    count = rows * round(5 * points * math.log2(max(points, 1)))
    return count // 2 if "RFFT" in kind else count


def _cholesky(facts: Symbolic, op: ir.OpView) -> Size:
    shape = facts.shape(op.results[0])
    return math.prod(shape) * shape[-1] // 3


def _triangular_solve(facts: Symbolic, op: ir.OpView) -> Size:
    return facts.shape(op.operands[0])[-1] * size(facts, op.results[0])


ALGORITHMS: Mapping[str, Rule] = {
    "stablehlo.fft": _fft,
    "stablehlo.cholesky": _cholesky,
    "stablehlo.triangular_solve": _triangular_solve,
}

# ------------------------------------------------------------------------- how often a region is applied


def _reduced(facts: Symbolic, op: ir.OpView) -> Size:
    elements = size(facts, op.operands[0])
    return 0 if elements == 0 else elements - size(facts, op.results[0])


def _window(facts: Symbolic, op: ir.OpView) -> int:
    return math.prod(integers(op.operation, "window_dimensions"))


def _comparisons(facts: Symbolic, op: ir.OpView) -> Size | None:
    length = facts.shape(op.operands[0])[integer(op.operation, "dimension")]
    if not isinstance(length, int):
        return None
    return size(facts, op.operands[0]) * math.ceil(math.log2(max(length, 2)))


APPLICATIONS: Mapping[str, Rule] = {
    "stablehlo.map": lambda facts, op: size(facts, op.results[0]),
    "stablehlo.reduce": _reduced,
    "stablehlo.reduce_scatter": lambda facts, op: size(facts, op.operands[0]),
    "stablehlo.all_reduce": lambda facts, op: size(facts, op.operands[0]),
    "stablehlo.reduce_window": lambda facts, op: size(facts, op.results[0]) * (_window(facts, op) - 1),
    "stablehlo.scatter": lambda facts, op: size(facts, op.operands[-1]),
    "stablehlo.select_and_scatter": lambda facts, op: size(facts, op.operands[1]) * _window(facts, op),
    "stablehlo.sort": _comparisons,
}
