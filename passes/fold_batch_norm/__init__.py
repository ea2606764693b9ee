"""Batch norms become part of the convolution or product before or after them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.effects import Effects
from oxide.passes import functions
from oxide.passes.base import Pass, PassLog, register
from oxide.passes.canonicalize.matching import Declined, is_static
from oxide.passes.fold_batch_norm import after, before
from oxide.passes.fold_batch_norm.norms import BatchNorm, batch_norm
from oxide.passes.weight_values import find_weight_values


@register
@dataclass(frozen=True)
class FoldBatchNorm(Pass):
    """Scale the weights of a convolution or product instead of its result, or its operand, by a batch norm.

    y = (conv(x, w) + b - mean) * a + bias, with a = scale / sqrt(variance + epsilon), becomes
    y = conv(x, w * a) + ((bias - mean * a) + b * a): all but one addition depends on weights alone, and
    `hoist-params` moves that to @prepare.  Transposes and reshapes may stand in between.  A batch norm that only a
    convolution without padding or a product reads becomes y = conv(x, w * a) + sum w (bias - mean * a).

    Floats are reassociated: for n products to a sum, both forms lie within
    k u / (1 - k u) * (|a| (sum |w x| + |b| + |mean|) + |bias|), or in the second case
    k u / (1 - k u) * sum |w| (|a| (|x| + |mean|) + |bias|), of the exact value for this a, where k = n + 3 and u is
    the unit roundoff, as long as nothing over- or underflows (Higham, Accuracy and Stability of Numerical
    Algorithms, section 3.1).  Statistics of the batch itself or that the model updates, 16-bit floats and results
    used elsewhere stay.
    """

    name = "fold-batch-norm"

    def run(self, module: ir.Module, log: PassLog) -> None:
        main = functions.entry_function(module)
        if main is None:
            return
        with module.context:
            known = set(find_weight_values(main, Effects(module)).known)
            found = [batch_norm(view.operation) for view in functions.body(main).operations]
            for norm in [norm for norm in found if norm is not None]:
                declined = _fold(norm, known)
                if declined is not None:
                    log.remark(norm.op, f"fold-batch-norm: {norm.op.name} stays, {declined.reason}")
                else:
                    log.count("batch norms folded")


def _fold(norm: BatchNorm, known: set[ir.Value]) -> Declined | None:
    """Fold a norm into what is before it, else into what is after it; the new weights are `known` then."""
    if not is_static(norm.op):
        return Declined("its shapes are not all known")
    product = after.product_before(norm, known)
    declined = None if product is None else _why_not(norm, product.weights, known)
    if product is not None and declined is None and not product.has_one_reader:
        declined = Declined("what it follows is used elsewhere")
    if product is not None and declined is None:
        known.update(after.fold(norm, product))
        return None
    consumer = before.consumer_after(norm)
    if consumer is None or isinstance(consumer, Declined):
        return declined or consumer or Declined("it follows and feeds no convolution or product along its axis")
    declined = _why_not(norm, [consumer.kernel], known)
    if declined is None:
        known.update(before.fold(norm, consumer))
    return declined


def _why_not(norm: BatchNorm, weights: Sequence[ir.Value], known: Collection[ir.Value]) -> Declined | None:
    """Why a norm and these weights do not become one."""
    values = [*weights, *norm.weights]
    if not all(value in known for value in values):
        return Declined("it is not by weights and given statistics")
    if hlo.dtype(norm.x) not in (np.float32, np.float64):
        return Declined("weights of fewer bits would lose too much when they are scaled")
    if any(hlo.dtype(value) != hlo.dtype(norm.x) for value in values):
        return Declined("its weights are of several element types")
    return None
