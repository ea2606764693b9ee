"""NegativeLogLikelihoodLoss and SoftmaxCrossEntropyLoss."""

from __future__ import annotations

from jaxlib.mlir import ir

from oxide.dialects import composites, hlo
from oxide.dialects.dims import require_at_least, require_same
from oxide.frontends.onnx.registry import Node, lowering


@lowering("NegativeLogLikelihoodLoss", 12, 13, 22)
def negative_log_likelihood(
    node: Node,
    x: ir.Value,
    target: ir.Value,
    weight: ir.Value | None = None,
    *,
    ignore_index: int | None = None,
    reduction: str = "mean",
) -> ir.Value:
    """-weight[target] x[n, target, ...] over log-probabilities x [batch, classes, ...].

    `mean` divides by the sum of the weights, where samples with `ignore_index` weigh nothing.
    """
    if reduction not in ("none", "sum", "mean"):
        raise node.error(f'reduction is "{reduction}", expected "none", "sum" or "mean"')
    dims = hlo.shape(x)
    misfit = f"scores of shape {dims} and targets of shape {hlo.shape(target)} do not fit"
    if len(dims) < 2:
        raise node.error(misfit)
    require_at_least(dims[1], 1, misfit)
    require_same(hlo.shape(target), (dims[0], *dims[2:]), misfit)
    if weight is not None:
        require_same(hlo.shape(weight), [dims[1]], f"weights of shape {hlo.shape(weight)} for {dims[1]} classes")
    classes = dims[1]
    inside = hlo.clamp(0, target, classes - 1)
    picked = hlo.squeeze(hlo.take_along_axis(x, hlo.expand_dims(inside, [1]), 1), [1])
    loss = hlo.negate(picked)
    weights = None if weight is None else hlo.take(weight, inside, 0)
    if ignore_index is not None:
        counts = hlo.not_equal(target, ignore_index)
        loss = hlo.select(counts, loss, 0)
        weights = hlo.convert(counts, hlo.dtype(x)) if weights is None else hlo.select(counts, weights, 0)
    if weight is not None and weights is not None:
        loss = hlo.multiply(loss, weights)
    if reduction == "none":
        return loss
    if reduction == "sum":
        return hlo.reduce_sum(loss)
    return hlo.reduce_mean(loss) if weights is None else hlo.divide(hlo.reduce_sum(loss), hlo.reduce_sum(weights))


@lowering("SoftmaxCrossEntropyLoss", 12, 13)
def softmax_cross_entropy(
    node: Node,
    scores: ir.Value,
    labels: ir.Value,
    weights: ir.Value | None = None,
    *,
    ignore_index: int | None = None,
    reduction: str = "mean",
) -> list[ir.Value]:
    """Negative log likelihood of log_softmax over the classes (axis 1); also gives the log-probabilities."""
    (log_prob,) = composites.build("log_softmax", [scores], axis=1)
    loss = negative_log_likelihood(node, log_prob, labels, weights, ignore_index=ignore_index, reduction=reduction)
    return [loss, log_prob]
