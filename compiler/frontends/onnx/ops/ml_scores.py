"""What linear models, support vector machines and trees of ai.onnx.ml do with their scores.

The operators' description leaves binary classifiers open; this follows onnxruntime, which models are exported for.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import composites, hlo
from oxide.frontends.onnx.registry import Node, lowering


def _softmax_zero(x: ir.Value) -> ir.Value:
    """Softmax in which scores of zero weigh exp(-max) times themselves, so nothing."""
    peak = hlo.reduce_max(x, [1], keepdims=True)
    is_zero = hlo.less_equal(hlo.abs(x), 1e-7)
    powers = hlo.select(is_zero, hlo.multiply(x, hlo.exp(hlo.negate(peak))), hlo.exp(hlo.subtract(x, peak)))
    total = hlo.reduce_sum(powers, [1], keepdims=True)
    return hlo.select(hlo.equal(total, 0), 0.5, hlo.divide(powers, hlo.select(hlo.equal(total, 0), 1.0, total)))


def _probit(x: ir.Value) -> ir.Value:
    """sqrt(2) erf_inv(2 x - 1), the inverse by Winitzki's approximation."""
    y = hlo.subtract(hlo.multiply(x, 2), 1)
    log = hlo.log(hlo.multiply(hlo.subtract(1, y), hlo.add(y, 1)))
    half = hlo.add(hlo.multiply(log, 0.5), 2 / (math.pi * 0.147))
    root = hlo.sqrt(hlo.subtract(hlo.multiply(half, half), hlo.divide(log, 0.147)))
    return hlo.multiply(hlo.multiply(hlo.sign(y), hlo.sqrt(hlo.subtract(root, half))), math.sqrt(2))


TRANSFORMS: dict[str, Callable[[ir.Value], ir.Value]] = {
    "NONE": lambda x: x,
    "LOGISTIC": hlo.logistic,
    "SOFTMAX": lambda x: composites.build("softmax", [x], axis=1)[0],
    "SOFTMAX_ZERO": _softmax_zero,
    "PROBIT": _probit,
}


def transform(node: Node, scores: ir.Value, name: str) -> ir.Value:
    """`post_transform` of [batch, scores]; a single score is changed by PROBIT alone."""
    if name not in TRANSFORMS:
        raise node.error(f'post_transform is "{name}", expected one of {", ".join(TRANSFORMS)}')
    if hlo.shape(scores)[1] == 1 and name != "PROBIT":
        return scores
    return TRANSFORMS[name](scores)


def class_labels(node: Node, integers: Sequence[int] | None, strings: Sequence[str] | None) -> np.ndarray:
    """int64 [classes].  Strings are refused, as they have no tensor type."""
    if strings:
        raise node.error("string labels have no tensor type; export the model with integer labels")
    if not integers:
        raise node.error("the class labels are missing")
    return np.array(integers, np.int64)


def best_class(labels: np.ndarray, scores: ir.Value) -> ir.Value:
    """int64 [batch]: the label of the highest score."""
    winner = hlo.argmax(scores, 1, index_dtype="int32")
    return hlo.take(hlo.constant(labels), winner, 0)


def complement(node: Node, score: ir.Value, post_transform: str, is_probability: bool) -> ir.Value:
    """[batch, 2] from the score [batch, 1] of the second of two classes."""
    if post_transform == "LOGISTIC":
        return hlo.logistic(hlo.concatenate([hlo.negate(score), score], 1))
    if post_transform == "PROBIT":
        raise node.error("PROBIT of a single score for two classes is not defined")
    return hlo.concatenate([hlo.subtract(1, score) if is_probability else hlo.negate(score), score], 1)


@lowering("ZipMap", 1, domain="ai.onnx.ml")
def zip_map(
    node: Node,
    scores: ir.Value,
    *,
    classlabels_int64s: Sequence[int] | None = None,
    classlabels_strings: Sequence[str] | None = None,
) -> ir.Value:
    """One map from labels to scores a sample.  Maps are no tensors, so the scores stay [batch, classes].

    Column j belongs to label j of `classlabels_int64s`, which the tensor does not say; with string labels the model
    would not say it anywhere, so they are refused.
    """
    if classlabels_strings:
        raise node.error("maps from strings have no tensor type; export with integer labels or zipmap=False")
    labels = class_labels(node, classlabels_int64s, None)
    rows = scores if hlo.rank(scores) > 1 else hlo.expand_dims(scores, [0])
    if hlo.rank(rows) != 2 or hlo.shape(rows)[1] != len(labels):
        raise node.error(f"scores of shape {hlo.shape(scores)} for {len(labels)} labels")
    return rows
