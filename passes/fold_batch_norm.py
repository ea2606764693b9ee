"""Batch norms become part of the convolution or product before them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from jaxlib.mlir import ir
from jaxlib.mlir.dialects import stablehlo

from oxide.dialects import composites, hlo
from oxide.dialects.attributes import integer, integers, string
from oxide.dialects.effects import Effects
from oxide.passes.base import Pass, PassLog, register
from oxide.passes.canonicalize.matching import Declined, has_one_use, is_static, producer
from oxide.passes.hoist_params.weight_values import find_weight_values


@register
@dataclass(frozen=True)
class FoldBatchNorm(Pass):
    """Scale the weights of a convolution or product instead of its result, where a batch norm follows it.

    y = (conv(x, w) + b - mean) * a + bias, with a = scale / sqrt(variance + epsilon), becomes
    y = conv(x, w * a) + ((bias - mean * a) + b * a): all but one addition depends on weights alone, and
    `hoist-params` moves that to @prepare.  Floats are reassociated: for n products to a sum, both forms lie within
    k u / (1 - k u) * (|a| (sum |w x| + |b| + |mean|) + |bias|) of the exact value for this a, where k = n + 3 and u
    is the unit roundoff, as long as nothing over- or underflows (Higham, Accuracy and Stability of Numerical
    Algorithms, section 3.1).  Statistics of the batch itself, 16-bit floats and results used elsewhere stay.
    """

    name = "fold-batch-norm"

    def run(self, module: ir.Module, log: PassLog) -> None:
        symbols = ir.SymbolTable(module.operation)
        if "main" not in symbols:
            return
        main = symbols["main"].operation
        known = find_weight_values(main, Effects(module)).known.keys()
        for view in list(main.regions[0].blocks[0].operations):
            norm = _batch_norm(view.operation)
            if norm is None:
                continue
            found = _foldable(norm, known)
            if isinstance(found, Declined):
                log.remark(norm.op, f"fold-batch-norm: {norm.op.name} stays, {found.reason}")
                continue
            with norm.op.location, ir.InsertionPoint(norm.op):
                norm.op.results[0].replace_all_uses_with(_folded(norm, found))
            for op in (norm.op, *found.replaced):
                op.erase()
            log.count("batch norms folded")


@dataclass(frozen=True)
class _BatchNorm:
    """An operation that normalises `x` along `axis` with given statistics."""

    op: ir.Operation
    axis: int
    epsilon: float


@dataclass(frozen=True)
class _Product:
    """A convolution or product by `kernel`, whose dimension `features` is the one normalised, and what is added."""

    op: ir.Operation
    kernel: ir.Value
    features: int
    bias: ir.Value | None
    replaced: list[ir.Operation]


def _batch_norm(op: ir.Operation) -> _BatchNorm | None:
    if op.name == "stablehlo.batch_norm_inference":
        epsilon = ir.FloatAttr(op.attributes["epsilon"]).value
        return _BatchNorm(op, integer(op, "feature_index"), epsilon)
    if op.name != "stablehlo.composite" or string(op, "name") != "oxide.batch_norm":
        return None
    attributes = composites.attributes_of(op)
    axis, epsilon = attributes["axis"], attributes["epsilon"]
    assert isinstance(axis, int)
    assert isinstance(epsilon, float)
    return _BatchNorm(op, axis, epsilon)


def _foldable(norm: _BatchNorm, known: Collection[ir.Value]) -> _Product | Declined:
    if not is_static(norm.op):
        return Declined("its shapes are not all known")
    x, *parameters = norm.op.operands
    if any(hlo.dtype(value) not in (np.float32, np.float64) for value in norm.op.operands):
        return Declined("scaled weights of fewer bits would lose too much")
    if any(hlo.dtype(value) != hlo.dtype(x) for value in parameters):
        return Declined("its statistics are of another element type")
    if not all(value in known for value in parameters):
        return Declined("its statistics are not weights")
    bias, replaced = None, []
    product = _product(x, norm.axis)
    added = None if product is not None else producer(x, "stablehlo.add")
    if added is not None:
        for value, other in (added.operands, reversed(list(added.operands))):
            spread = producer(other, "stablehlo.broadcast_in_dim")
            if spread is None or integers(spread, "broadcast_dimensions") != [norm.axis]:
                continue
            product, bias, replaced = _product(value, norm.axis), spread.operands[0], [added]
            if product is not None:
                break
    if product is None:
        return Declined("it follows no convolution or product along its axis")
    op, features = product
    if op.operands[1] not in known or (bias is not None and bias not in known):
        return Declined("what it follows is not by weights")
    if not all(has_one_use(each.results[0]) for each in (op, *replaced)):
        return Declined("what it follows is used elsewhere")
    return _Product(op, op.operands[1], features, bias, [*replaced, op])


def _product(value: ir.Value, axis: int) -> tuple[ir.Operation, int] | None:
    """The convolution or product that makes a value, and the dimension of its second operand `axis` comes from."""
    convolution = producer(value, "stablehlo.convolution")
    if convolution is not None:
        layout = stablehlo.ConvDimensionNumbers(convolution.attributes["dimension_numbers"])
        is_feature = layout.output_feature_dimension == axis
        return (convolution, layout.kernel_output_feature_dimension) if is_feature else None
    dot = producer(value, "stablehlo.dot_general")
    if dot is None:
        return None
    numbers = stablehlo.DotDimensionNumbers(dot.attributes["dot_dimension_numbers"])
    bound = {*numbers.rhs_batching_dimensions, *numbers.rhs_contracting_dimensions}
    free = [d for d in range(hlo.rank(dot.operands[1])) if d not in bound]
    position = axis - (hlo.rank(value) - len(free))
    return (dot, free[position]) if position >= 0 else None


def _folded(norm: _BatchNorm, product: _Product) -> ir.Value:
    """What replaces the batch norm, built before it."""
    _, scale, bias, mean, variance = norm.op.operands
    factor = hlo.multiply(scale, hlo.rsqrt(hlo.add(variance, norm.epsilon)))
    offset = hlo.subtract(bias, hlo.multiply(mean, factor))
    if product.bias is not None:
        offset = hlo.add(offset, hlo.multiply(product.bias, factor))
    scaled = hlo.multiply(
        product.kernel, hlo.broadcast_in_dim(factor, hlo.shape(product.kernel), [product.features])
    )
    copy = product.op.clone().operation
    copy.operands[1] = scaled
    y = copy.results[0]
    return hlo.add(y, hlo.broadcast_in_dim(offset, hlo.shape(y), [norm.axis]))
