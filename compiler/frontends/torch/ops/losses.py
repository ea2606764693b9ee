"""Losses that PyTorch does not define by other operators, or not rightly.

`ctc_loss` is absent: PyTorch cannot export it, for want of a kernel that gives its shapes.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.dims import Size
from oxide.frontends.torch.dtypes import to_numpy
from oxide.frontends.torch.promotion import compute_dtype
from oxide.frontends.torch.registry import Node, lowering

Value = ir.Value


@lowering("aten.multilabel_margin_loss.default")
def multilabel_margin_loss(node: Node, self: Value, target: Value, reduction: int = 1) -> Value:
    return node.call("aten.multilabel_margin_loss_forward.default", self, target, reduction)[0]


@lowering("aten.multilabel_margin_loss_forward.default")
def multilabel_margin_loss_forward(node: Node, self: Value, target: Value, reduction: int) -> list[Value]:
    """Sums over pairs of max(0, 1 - x[label] + x[other]) / classes; and which classes are labels, as numbers.

    Labels are those of `target` before the first -1.  PyTorch's decomposition counts a row's loss where the row has
    no label, and takes other rows' labels.
    """
    dtype = hlo.dtype(self)
    classes = hlo.shape(self)[-1] if hlo.rank(self) else 1
    rows = hlo.size(self) // classes if hlo.rank(self) == 2 else 1
    x = hlo.convert(hlo.reshape(self, [rows, classes]), compute_dtype(dtype))
    labels = hlo.reshape(target, [rows, classes])
    counted = hlo.equal(hlo.cumulative(hlo.convert(hlo.less(labels, 0), np.int32), "add", 1), 0)
    labels = hlo.select(counted, labels, -1)
    # [row, label, class]; a label of -1 is no class.
    is_label = hlo.reduce(hlo.one_hot(labels, classes, 2), "or", [1])
    at_label = hlo.take_along_axis(x, hlo.maximum(labels, 0), 1)
    margin = hlo.subtract(hlo.add(hlo.expand_dims(x, [1]), 1), hlo.expand_dims(at_label, [2]))
    pairs = hlo.and_(hlo.expand_dims(counted, [2]), hlo.expand_dims(hlo.not_(is_label), [1]))
    losses = hlo.reduce_sum(hlo.select(pairs, hlo.maximum(margin, 0), 0), [1, 2])
    losses = hlo.divide(losses, classes)
    total = hlo.reshape(losses, node.shape) if reduction == 0 else _reduced(losses, reduction)
    return [hlo.convert(total, dtype), hlo.convert(hlo.reshape(is_label, node.shape_of(1)), dtype)]


def _reduced(losses: Value, reduction: int) -> Value:
    """The mean for 1, the sum for 2."""
    return hlo.reduce_mean(losses) if reduction == 1 else hlo.reduce_sum(losses)


@lowering("torch_nn._linear_cross_entropy_batch_chunked.default")
def linear_cross_entropy(
    node: Node,
    input: Value,
    linear_weight: Value,
    target: Value,
    linear_bias: Value | None,
    weight: Value | None,
    reduction: str,
    ignore_index: int,
    label_smoothing: float,
    batch_chunk_size: int,
    acc_policy: str,
    acc_dtype: torch.dtype,
    allow_retain_graph: bool,
    compute_input_grad: bool,
    compute_linear_weight_grad: bool,
    compute_linear_bias_grad: bool,
) -> list[Value]:
    """The cross entropy of `input @ linear_weight.T + linear_bias` [n, classes] and its gradients where asked for.

    It is computed in `acc_dtype`.  `batch_chunk_size`, `acc_policy` and `allow_retain_graph` trade memory for time
    in PyTorch's kernel and change no result.  Gradients that are not asked for are empty.
    """
    if label_smoothing > 0:
        raise node.error("label smoothing is not supported, as in PyTorch; use linear and cross_entropy")
    wide = to_numpy(acc_dtype)
    x, matrix = hlo.convert(input, wide), hlo.convert(linear_weight, wide)
    logits = _linear(x, matrix, linear_bias)
    share, row_target = _row_weights(target, weight, ignore_index, hlo.shape(matrix)[0], wide)
    if reduction == "mean":
        share = hlo.divide(share, hlo.reduce_sum(share))
    log_total, at_target = _log_parts(logits, row_target)
    loss = hlo.reduce_sum(hlo.multiply(share, hlo.subtract(log_total, at_target)))
    if reduction == "mean" and hlo.size(target) == 0:
        loss = hlo.full([], float("nan"), wide)
    slope = _slope(logits, log_total, row_target, share)
    gradients = [
        hlo.matmul(slope, matrix) if compute_input_grad else hlo.full([0, 0], 0, wide),
        hlo.matmul(hlo.swap_axes(slope, 0, 1), x) if compute_linear_weight_grad else hlo.full([0, 0], 0, wide),
        hlo.reduce_sum(slope, [0]) if compute_linear_bias_grad else hlo.full([0], 0, wide),
    ]
    return [hlo.convert(value, hlo.dtype(input)) for value in (loss, *gradients)]


@lowering("torch_nn._linear_cross_entropy_batch_chunked_no_reduction.default")
def linear_cross_entropy_of_rows(
    node: Node,
    input: Value,
    linear_weight: Value,
    target: Value,
    linear_bias: Value | None,
    weight: Value | None,
    ignore_index: int,
    batch_chunk_size: int,
    acc_policy: str,
    acc_dtype: torch.dtype,
) -> Value:
    """The loss of every row."""
    wide = to_numpy(acc_dtype)
    matrix = hlo.convert(linear_weight, wide)
    logits = _linear(hlo.convert(input, wide), matrix, linear_bias)
    share, row_target = _row_weights(target, weight, ignore_index, hlo.shape(matrix)[0], wide)
    log_total, at_target = _log_parts(logits, row_target)
    return hlo.convert(hlo.multiply(share, hlo.subtract(log_total, at_target)), hlo.dtype(input))


def _linear(x: Value, matrix: Value, bias: Value | None) -> Value:
    y = hlo.matmul(x, hlo.swap_axes(matrix, 0, 1))
    return y if bias is None else hlo.add(y, hlo.convert(bias, hlo.dtype(y)))


def _row_weights(
    target: Value, weight: Value | None, ignored: int, classes: Size, dtype: np.dtype
) -> tuple[Value, Value]:
    """(weight of each row's class, 0 for ignored rows; targets, 0 for ignored rows)."""
    counts = hlo.not_equal(target, ignored)
    within = hlo.select(counts, target, 0)
    each = hlo.full(hlo.shape(target), 1, dtype)
    if weight is not None:
        each = hlo.take(hlo.convert(weight, dtype), within, 0)
    return hlo.select(counts, each, 0), within


def _log_parts(logits: Value, target: Value) -> tuple[Value, Value]:
    """(log of the sum of exponentials, the target's logit) of each row."""
    top = hlo.reduce_max(logits, [1], keepdims=True)
    total = hlo.reduce_sum(hlo.exp(hlo.subtract(logits, top)), [1])
    log_total = hlo.add(hlo.log(total), hlo.squeeze(top, [1]))
    return log_total, hlo.squeeze(hlo.take_along_axis(logits, hlo.expand_dims(target, [1]), 1), [1])


def _slope(logits: Value, log_total: Value, target: Value, share: Value) -> Value:
    """The loss by the logits: (softmax - one-hot target) * share."""
    softmax = hlo.exp(hlo.subtract(logits, hlo.expand_dims(log_total, [1])))
    hot = hlo.convert(hlo.one_hot(target, hlo.shape(logits)[1], 1), hlo.dtype(logits))
    return hlo.multiply(hlo.subtract(softmax, hot), hlo.expand_dims(share, [1]))
