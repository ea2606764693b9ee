"""Batch norms become part of the convolution or product before them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from itertools import permutations

import numpy as np
from jaxlib.mlir import ir
from jaxlib.mlir.dialects import stablehlo

from oxide.dialects import composites, hlo
from oxide.dialects.attributes import integer, integers, string
from oxide.dialects.effects import Effects
from oxide.passes import functions
from oxide.passes.base import Pass, PassLog, register
from oxide.passes.canonicalize.matching import Declined, has_one_use, is_static, producer
from oxide.passes.weight_values import find_weight_values


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
        main = functions.entry_function(module)
        if main is None:
            return
        with module.context:
            known = find_weight_values(main, Effects(module)).known.keys()
            for view in list(functions.body(main).operations):
                norm = _batch_norm(view.operation)
                if norm is not None:
                    _fold(norm, known, log)


@dataclass(frozen=True)
class _BatchNorm:
    """An operation that normalises `x` along `axis` with given statistics."""

    op: ir.Operation
    axis: int
    epsilon: float


@dataclass(frozen=True)
class _Product:
    """A convolution or product by `kernel`, whose dimension `features` is the one normalised.

    `sum` adds to it what `spread` makes of a bias.
    """

    op: ir.Operation
    features: int
    sum: ir.Operation | None = None
    spread: ir.Operation | None = None

    @property
    def kernel(self) -> ir.Value:
        return self.op.operands[1]

    @property
    def bias(self) -> ir.Value | None:
        return None if self.spread is None else self.spread.operands[0]


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


def _fold(norm: _BatchNorm, known: Collection[ir.Value], log: PassLog) -> None:
    found = _foldable(norm, known)
    if isinstance(found, Declined):
        log.remark(norm.op, f"fold-batch-norm: {norm.op.name} stays, {found.reason}")
        return
    with norm.op.location, ir.InsertionPoint(norm.op):
        norm.op.results[0].replace_all_uses_with(_folded(norm, found))
    for op in (norm.op, found.sum, found.spread, found.op):
        if op is not None and functions.is_unused(op.results[0]):
            op.erase()
    log.count("batch norms folded")


def _foldable(norm: _BatchNorm, known: Collection[ir.Value]) -> _Product | Declined:
    if not is_static(norm.op):
        return Declined("its shapes are not all known")
    x, *statistics = norm.op.operands
    product = _product(x, norm.axis) or _biased_product(x, norm.axis)
    if product is None:
        return Declined("it follows no convolution or product along its axis")
    if not all(has_one_use(op.results[0]) for op in (product.op, product.sum) if op is not None):
        return Declined("what it follows is used elsewhere")
    weights = [product.kernel, *statistics] + ([] if product.bias is None else [product.bias])
    if not all(value in known for value in weights):
        return Declined("it is not by weights and given statistics")
    if hlo.dtype(x) not in (np.float32, np.float64):
        return Declined("weights of fewer bits would lose too much when they are scaled")
    if any(hlo.dtype(value) != hlo.dtype(x) for value in weights):
        return Declined("its weights are of several element types")
    return product


def _biased_product(value: ir.Value, axis: int) -> _Product | None:
    """A product to which a bias along `axis` is added."""
    added = producer(value, "stablehlo.add")
    for term, other in permutations(() if added is None else added.operands, 2):
        spread = producer(other, "stablehlo.broadcast_in_dim")
        product = _product(term, axis)
        if product is not None and spread and integers(spread, "broadcast_dimensions") == [axis]:
            return replace(product, sum=added, spread=spread)
    return None


def _product(value: ir.Value, axis: int) -> _Product | None:
    """The convolution or product that makes a value, if `axis` comes from its second operand alone."""
    convolution = producer(value, "stablehlo.convolution")
    if convolution is not None:
        layout = stablehlo.ConvDimensionNumbers(convolution.attributes["dimension_numbers"])
        features = layout.kernel_output_feature_dimension
        return _Product(convolution, features) if layout.output_feature_dimension == axis else None
    dot = producer(value, "stablehlo.dot_general")
    if dot is None:
        return None
    numbers = stablehlo.DotDimensionNumbers(dot.attributes["dot_dimension_numbers"])
    bound = {*numbers.rhs_batching_dimensions, *numbers.rhs_contracting_dimensions}
    free = [d for d in range(hlo.rank(dot.operands[1])) if d not in bound]
    position = axis - (hlo.rank(value) - len(free))
    return _Product(dot, free[position]) if position >= 0 else None


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
