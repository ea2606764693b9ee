"""Gradient of ai.onnx.preview.training: reverse-mode differentiation of the operations built so far.

One rule an operation: from the operation and the cotangent of its result to the cotangents of its operands, None
for those that it does not depend on smoothly.  Composites are differentiated by no rule and refused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from jaxlib.mlir import ir
from jaxlib.mlir.dialects import stablehlo

from oxide.dialects import dtypes, hlo
from oxide.dialects.diagnostics import OxideError
from oxide.frontends.onnx.ops.training import TRAINING
from oxide.frontends.onnx.registry import Node, lowering

Rule = Callable[[ir.Operation, ir.Value], Sequence[ir.Value | None]]


@lowering("Gradient", 1, domain=TRAINING)
def gradient(node: Node, *inputs: ir.Value, xs: list[str], y: str, zs: list[str] | None = None) -> list[ir.Value]:
    """The derivatives of the sum of `y` by each of `xs`.

    The inputs must be the values that `xs` and `zs` name; other values would need the graph a second time.
    """
    named = [node.value_named(name) for name in (*xs, *(zs or []))]
    if len(named) != len(inputs) or any(a != b for a, b in zip(named, inputs, strict=True)):
        raise node.error("its inputs must be the values that xs and zs name, in this order")
    target = node.value_named(y)
    return differentiate(target, list(inputs[: len(xs)]))


def differentiate(y: ir.Value, xs: Sequence[ir.Value]) -> list[ir.Value]:
    """The cotangents of xs for a cotangent of ones at y.  Raises OxideError for an operation without a rule."""
    path = _operations_between(y, set(xs))
    cotangents: dict[ir.Value, ir.Value] = {y: hlo.full_like(y, 1)}
    for op in reversed(path):
        cotangent = cotangents.get(op.results[0])
        if cotangent is None:
            continue
        rule = RULES.get(op.name)
        if rule is None or len(op.results) != 1:
            raise OxideError(f"{op.name} at {op.location} has no derivative here")
        for operand, share in zip(op.operands, rule(op, cotangent), strict=True):
            if share is not None:
                known = cotangents.get(operand)
                cotangents[operand] = share if known is None else hlo.add(known, share)
    return [cotangents[x] if x in cotangents else hlo.full_like(x, 0) for x in xs]


def _operations_between(y: ir.Value, xs: set[ir.Value]) -> list[ir.Operation]:
    """The operations that y takes from xs, in an order in which operands come first."""
    order: list[ir.Operation] = []
    depends: dict[ir.Value, bool] = dict.fromkeys(xs, True)
    stack = [y]
    while stack:
        value = stack[-1]
        if value in depends:
            stack.pop()
        elif isinstance(value.owner, ir.Block):
            depends[value] = False
        else:
            operation = value.owner.operation
            pending = [v for v in operation.operands if v not in depends]
            if pending:
                stack.extend(pending)
                continue
            depends[value] = any(depends[v] for v in operation.operands)
            if depends[value]:
                order.append(operation)
    return order


# --------------------------------------------------------------------------------------------------- rules


def _unary(derivative: Callable[[ir.Value, ir.Value], ir.Value]) -> Rule:
    """`derivative(x, y)` is dy/dx."""
    return lambda op, ct: [hlo.multiply(ct, derivative(op.operands[0], op.results[0]))]


def _divide(op: ir.Operation, ct: ir.Value) -> Sequence[ir.Value | None]:
    over = hlo.divide(ct, op.operands[1])
    return [over, hlo.negate(hlo.multiply(over, op.results[0]))]


def _larger(op: ir.Operation, ct: ir.Value) -> Sequence[ir.Value | None]:
    """maximum and minimum: to the operand that was taken, in halves where both were equal."""
    a, b = op.operands
    half = hlo.multiply(ct, 0.5)
    tie = hlo.equal(a, b)
    return [hlo.select(tie, half, hlo.select(hlo.equal(side, op.results[0]), ct, 0)) for side in (a, b)]


def _power(op: ir.Operation, ct: ir.Value) -> Sequence[ir.Value | None]:
    base, exponent = op.operands
    by_base = hlo.multiply(exponent, hlo.power(base, hlo.subtract(exponent, 1)))
    return [hlo.multiply(ct, by_base), hlo.multiply(ct, hlo.multiply(op.results[0], hlo.log(base)))]


def _select(op: ir.Operation, ct: ir.Value) -> Sequence[ir.Value | None]:
    return [None, hlo.select(op.operands[0], ct, 0), hlo.select(op.operands[0], hlo.full_like(ct, 0), ct)]


def _convert(op: ir.Operation, ct: ir.Value) -> Sequence[ir.Value | None]:
    source = hlo.dtype(op.operands[0])
    return [hlo.convert(ct, source) if dtypes.is_float(source) else None]


def _broadcast(op: ir.Operation, ct: ir.Value) -> Sequence[ir.Value | None]:
    mapping = list(ir.DenseI64ArrayAttr(op.attributes["broadcast_dimensions"]))
    dims = hlo.shape(op.operands[0])
    kept = [m for m, d in zip(mapping, dims, strict=True) if d == hlo.shape(ct)[m]]
    total = hlo.reduce_sum(ct, [i for i in range(hlo.rank(ct)) if i not in kept])
    order = sorted(range(len(kept)), key=lambda i: kept[i])
    positions = [order.index(i) for i in range(len(kept))]
    return [hlo.reshape(hlo.transpose(total, positions), dims)]


def _reduce(op: ir.Operation, ct: ir.Value) -> Sequence[ir.Value | None]:
    if next(inner.operation.name for inner in op.regions[0].blocks[0].operations) != "stablehlo.add":
        raise OxideError("only sums have a derivative here, among reductions")
    reduced = list(ir.DenseI64ArrayAttr(op.attributes["dimensions"]))
    dims = hlo.shape(op.operands[0])
    return [hlo.broadcast_in_dim(ct, dims, [i for i in range(len(dims)) if i not in reduced]), None]


def _transpose(op: ir.Operation, ct: ir.Value) -> Sequence[ir.Value | None]:
    order = list(ir.DenseI64ArrayAttr(op.attributes["permutation"]))
    return [hlo.transpose(ct, [order.index(i) for i in range(len(order))])]


def _dot(op: ir.Operation, ct: ir.Value) -> Sequence[ir.Value | None]:
    numbers = stablehlo.DotDimensionNumbers(op.attributes["dot_dimension_numbers"])
    batch = (list(numbers.lhs_batching_dimensions), list(numbers.rhs_batching_dimensions))
    contract = (list(numbers.lhs_contracting_dimensions), list(numbers.rhs_contracting_dimensions))
    return [_dot_operand(op, ct, side, batch, contract) for side in (0, 1)]


def _dot_operand(
    op: ir.Operation,
    ct: ir.Value,
    side: int,
    batch: tuple[list[int], list[int]],
    contract: tuple[list[int], list[int]],
) -> ir.Value:
    """The cotangent of one operand: the result's times the other operand, over the other's free dimensions."""
    other = op.operands[1 - side]
    shared = len(batch[0])
    free = [
        [i for i in range(hlo.rank(v)) if i not in (*batch[n], *contract[n])] for n, v in enumerate(op.operands)
    ]
    start = shared if side else shared + len(free[0])
    over = list(range(start, start + len(free[1 - side])))
    product = hlo.dot_general(
        ct, other, contract=(over, free[1 - side]), batch=(list(range(shared)), batch[1 - side])
    )
    # Its dimensions are the batch, this operand's free ones, then the contracted ones in the other's order.
    in_order = [contract[side][contract[1 - side].index(c)] for c in sorted(contract[1 - side])]
    holds = [*batch[side], *free[side], *in_order]
    return hlo.transpose(product, [holds.index(i) for i in range(len(holds))])


RULES: dict[str, Rule] = {
    "stablehlo.abs": _unary(lambda x, y: hlo.sign(x)),
    "stablehlo.add": lambda op, ct: [ct, ct],
    "stablehlo.broadcast_in_dim": _broadcast,
    "stablehlo.convert": _convert,
    "stablehlo.cosine": _unary(lambda x, y: hlo.negate(hlo.sin(x))),
    "stablehlo.divide": _divide,
    "stablehlo.dot_general": _dot,
    "stablehlo.exponential": _unary(lambda x, y: y),
    "stablehlo.log": _unary(lambda x, y: hlo.reciprocal(x)),
    "stablehlo.logistic": _unary(lambda x, y: hlo.multiply(y, hlo.subtract(1, y))),
    "stablehlo.maximum": _larger,
    "stablehlo.minimum": _larger,
    "stablehlo.multiply": lambda op, ct: [hlo.multiply(ct, op.operands[1]), hlo.multiply(ct, op.operands[0])],
    "stablehlo.negate": lambda op, ct: [hlo.negate(ct)],
    "stablehlo.power": _power,
    "stablehlo.reduce": _reduce,
    "stablehlo.reshape": lambda op, ct: [hlo.reshape(ct, hlo.shape(op.operands[0]))],
    "stablehlo.rsqrt": _unary(lambda x, y: hlo.multiply(hlo.divide(y, x), -0.5)),
    "stablehlo.select": _select,
    "stablehlo.sine": _unary(lambda x, y: hlo.cos(x)),
    "stablehlo.sqrt": _unary(lambda x, y: hlo.divide(0.5, y)),
    "stablehlo.subtract": lambda op, ct: [ct, hlo.negate(ct)],
    "stablehlo.tanh": _unary(lambda x, y: hlo.subtract(1, hlo.multiply(y, y))),
    "stablehlo.transpose": _transpose,
}
