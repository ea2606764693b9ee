"""Linear models of ai.onnx.ml."""

from __future__ import annotations

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.frontends.onnx.ops.ml_features import ML
from oxide.frontends.onnx.ops.ml_scores import best_class, class_labels, complement, transform
from oxide.frontends.onnx.registry import Node, lowering


def _affine(node: Node, x: ir.Value, coefficients: list[float], intercepts: list[float] | None) -> ir.Value:
    """x w^T + b in float32; the coefficients are rows of the number of features."""
    node.check_rank(x, "X", 2)
    x = hlo.convert(x, np.float32)
    width = hlo.shape(x)[1]
    if not coefficients or len(coefficients) % width:
        raise node.error(f"{len(coefficients)} coefficients do not fit X of shape {hlo.shape(x)}")
    weights = np.array(coefficients, np.float32).reshape(-1, width)
    if intercepts and len(intercepts) != len(weights):
        raise node.error(f"{len(intercepts)} intercepts do not fit {len(weights)} rows of coefficients")
    scores = hlo.dot_general(x, node.constant(weights), contract=([1], [1]))
    return hlo.add(scores, node.constant(np.array(intercepts, np.float32))) if intercepts else scores


@lowering("LinearRegressor", 1, domain=ML)
def linear_regressor(
    node: Node,
    x: ir.Value,
    *,
    coefficients: list[float] | None = None,
    intercepts: list[float] | None = None,
    post_transform: str = "NONE",
    targets: int = 1,
) -> ir.Value:
    scores = _affine(node, x, coefficients or [], intercepts)
    if hlo.shape(scores)[1] != targets:
        raise node.error(f"there are {hlo.shape(scores)[1]} rows of coefficients for {targets} targets")
    return transform(node, scores, post_transform)


@lowering("LinearClassifier", 1, domain=ML)
def linear_classifier(
    node: Node,
    x: ir.Value,
    *,
    classlabels_ints: list[int] | None = None,
    classlabels_strings: list[str] | None = None,
    coefficients: list[float],
    intercepts: list[float] | None = None,
    multi_class: int = 0,
    post_transform: str = "NONE",
) -> list[ir.Value]:
    """Labels and scores.  `multi_class` says how the model was trained and changes nothing."""
    labels = class_labels(node, classlabels_ints, classlabels_strings)
    scores = _affine(node, x, coefficients, intercepts)
    if hlo.shape(scores)[1] == 1 and len(labels) == 2:
        wins = hlo.greater(hlo.squeeze(scores, [1]), 0)
        label = hlo.take(hlo.constant(labels), hlo.convert(wins, np.int32), 0)
        return [label, complement(node, scores, post_transform, True)]
    if hlo.shape(scores)[1] != len(labels):
        raise node.error(f"there are {hlo.shape(scores)[1]} rows of coefficients for {len(labels)} classes")
    return [best_class(labels, scores), transform(node, scores, post_transform)]
