"""Support vector machines of ai.onnx.ml, as libsvm trains them and onnxruntime runs them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.dims import Size
from oxide.frontends.onnx.ops.ml_coupling import coupled
from oxide.frontends.onnx.ops.ml_features import ML
from oxide.frontends.onnx.ops.ml_scores import best_class, class_labels, complement, transform
from oxide.frontends.onnx.registry import Node, lowering


@dataclass(frozen=True)
class Kernel:
    """k(a, b) by name, with gamma, coef0 and degree (libsvm's)."""

    name: str
    gamma: float = 0.0
    coef0: float = 0.0
    degree: float = 0.0

    def __call__(self, node: Node, x: ir.Value, vectors: np.ndarray) -> ir.Value:
        """[samples, vectors]: every sample with every vector."""
        products = hlo.dot_general(x, node.constant(vectors), contract=([1], [1]))
        if self.name == "LINEAR":
            return products
        if self.name == "RBF":
            # |a - b|^2 = |a|^2 - 2 ab + |b|^2 would cancel for close points, so the difference is squared.
            apart = hlo.subtract(hlo.expand_dims(x, [1]), node.constant(vectors))
            return hlo.exp(hlo.multiply(hlo.reduce_sum(hlo.multiply(apart, apart), [2]), -self.gamma))
        scaled = hlo.add(hlo.multiply(products, self.gamma), self.coef0)
        if self.name == "SIGMOID":
            return hlo.tanh(scaled)
        if self.name == "POLY":
            return hlo.power(scaled, self.degree)
        raise node.error(f'kernel_type is "{self.name}", expected "LINEAR", "POLY", "RBF" or "SIGMOID"')


def _kernel(node: Node, name: str, params: list[float] | None) -> Kernel:
    if params and len(params) != 3:
        raise node.error(f"kernel_params has {len(params)} entries, expected gamma, coef0 and degree")
    return Kernel(name, *(params or ()))


def _vectors(node: Node, values: list[float] | None, count: int, width: Size) -> np.ndarray:
    if len(values or []) != count * width:
        raise node.error(f"support_vectors has {len(values or [])} entries for {count} vectors of {width} features")
    return np.array(values, np.float32).reshape(count, width)


@lowering("SVMRegressor", 1, domain=ML)
def svm_regressor(
    node: Node,
    x: ir.Value,
    *,
    coefficients: list[float] | None = None,
    kernel_params: list[float] | None = None,
    kernel_type: str = "LINEAR",
    n_supports: int = 0,
    one_class: int = 0,
    post_transform: str = "NONE",
    rho: list[float] | None = None,
    support_vectors: list[float] | None = None,
) -> ir.Value:
    """[samples, 1]: the weighted kernel values plus rho; with `one_class` 1 above zero, else -1."""
    node.check_rank(x, "X", 2)
    x = hlo.convert(x, np.float32)
    weights = np.array(coefficients or [], np.float32).reshape(-1, 1)
    if n_supports > 0:
        vectors = _vectors(node, support_vectors, n_supports, hlo.shape(x)[1])
        values = _kernel(node, kernel_type, kernel_params)(node, x, vectors)
    else:
        values = x
    if len(weights) != hlo.shape(values)[1] or not rho:
        raise node.error(f"{len(weights)} coefficients and {len(rho or [])} rho for {hlo.shape(values)[1]} vectors")
    score = hlo.add(hlo.dot_general(values, node.constant(weights), contract=([1], [0])), rho[0])
    if one_class:
        return hlo.select(hlo.greater(score, 0), hlo.full_like(score, 1), -1.0)
    return transform(node, score, post_transform)


@lowering("SVMClassifier", 1, domain=ML)
def svm_classifier(
    node: Node,
    x: ir.Value,
    *,
    classlabels_ints: list[int] | None = None,
    classlabels_strings: list[str] | None = None,
    coefficients: list[float] | None = None,
    kernel_params: list[float] | None = None,
    kernel_type: str = "LINEAR",
    post_transform: str = "NONE",
    prob_a: list[float] | None = None,
    prob_b: list[float] | None = None,
    rho: list[float] | None = None,
    support_vectors: list[float] | None = None,
    vectors_per_class: list[int] | None = None,
) -> list[ir.Value]:
    """Labels and scores: one decision value a pair of classes, or probabilities with `prob_a` and `prob_b`."""
    node.check_rank(x, "X", 2)
    labels = class_labels(node, classlabels_ints, classlabels_strings)
    x = hlo.convert(x, np.float32)
    if not vectors_per_class:
        return _one_vs_rest(node, x, labels, coefficients or [], rho or [], post_transform)
    kernel = _kernel(node, kernel_type, kernel_params)
    classes, total = len(labels), sum(vectors_per_class)
    pairs = classes * (classes - 1) // 2
    if (
        len(vectors_per_class) != classes
        or len(rho or []) != pairs
        or len(coefficients or []) != (classes - 1) * total
    ):
        raise node.error(f"vectors_per_class, rho or coefficients do not fit {classes} classes")
    values = kernel(node, x, _vectors(node, support_vectors, total, hlo.shape(x)[1]))
    weights = _pair_weights(np.array(coefficients, np.float32).reshape(classes - 1, total), vectors_per_class)
    decisions = hlo.add(
        hlo.dot_general(values, node.constant(weights), contract=([1], [0])),
        node.constant(np.array(rho, np.float32)),
    )
    votes = _votes(node, decisions, classes)
    if not prob_a:
        if classes == 2:
            label = hlo.take(hlo.constant(labels), hlo.argmax(votes, 1, index_dtype="int32"), 0)
            return [label, complement(node, decisions, post_transform, False)]
        return [best_class(labels, votes), transform(node, decisions, post_transform)]
    if len(prob_a) != pairs or len(prob_b or []) != pairs:
        raise node.error(f"prob_a and prob_b have {len(prob_a)} and {len(prob_b or [])} entries for {pairs} pairs")
    # Platt's sigmoid of the decision is the probability of the pair's first class against its second.
    slopes, offsets = (node.constant(np.array(values, np.float32)) for values in (prob_a, prob_b))
    first = hlo.logistic(hlo.negate(hlo.add(hlo.multiply(decisions, slopes), offsets)))
    scores = coupled(hlo.clamp(1e-7, first, 1 - 1e-7), classes)
    # The label is the class with the most votes, as without probabilities; near a tie that may be another one.
    return [best_class(labels, votes), transform(node, scores, post_transform)]


def _one_vs_rest(
    node: Node, x: ir.Value, labels: np.ndarray, coefficients: list[float], rho: list[float], post_transform: str
) -> list[ir.Value]:
    """Without support vectors (liblinear): a row of coefficients a class, all with the one intercept rho[0].

    Of two classes onnxruntime takes the second whenever either score is positive, which no trainer means.
    """
    if len(labels) == 2:
        raise node.error("two classes need support vectors here; export the model as a LinearClassifier")
    width = hlo.shape(x)[1]
    if not rho or len(coefficients) != len(labels) * width:
        raise node.error(f"{len(coefficients)} coefficients for {len(labels)} classes of {width} features")
    weights = np.array(coefficients, np.float32).reshape(len(labels), width)
    scores = hlo.add(hlo.dot_general(x, node.constant(weights), contract=([1], [1])), rho[0])
    return [best_class(labels, scores), transform(node, scores, post_transform)]


def _pair_weights(coefficients: np.ndarray, per_class: list[int]) -> np.ndarray:
    """[vectors, pairs]: what each vector adds to the decision of each pair of classes (libsvm's layout)."""
    starts = np.cumsum([0, *per_class])
    columns: list[np.ndarray] = []
    for i in range(len(per_class)):
        for j in range(i + 1, len(per_class)):
            column = np.zeros(coefficients.shape[1], np.float32)
            column[starts[i] : starts[i + 1]] = coefficients[j - 1, starts[i] : starts[i + 1]]
            column[starts[j] : starts[j + 1]] = coefficients[i, starts[j] : starts[j + 1]]
            columns.append(column)
    return np.stack(columns, 1)


def _votes(node: Node, decisions: ir.Value, classes: int) -> ir.Value:
    """[samples, classes]: a positive decision is a vote for the first class of its pair, else for the second."""
    pairs = [(i, j) for i in range(classes) for j in range(i + 1, classes)]
    first = np.zeros([len(pairs), classes], np.float32)
    second = np.zeros_like(first)
    for row, (i, j) in enumerate(pairs):
        first[row, i] = second[row, j] = 1
    won = hlo.convert(hlo.greater(decisions, 0), np.float32)
    lost = hlo.subtract(1, won)
    sides = ((won, first), (lost, second))
    parts = [hlo.dot_general(side, node.constant(table), contract=([1], [0])) for side, table in sides]
    return hlo.add(parts[0], parts[1])
