"""TreeEnsemble, TreeEnsembleRegressor and TreeEnsembleClassifier."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.frontends.onnx.ops.ml_features import ML
from oxide.frontends.onnx.ops.ml_scores import best_class, class_labels, complement, transform
from oxide.frontends.onnx.ops.ml_trees import AGGREGATIONS, MEMBER, MODES, Columns, Forest, aggregate, prepared
from oxide.frontends.onnx.registry import Node, lowering

Floats = list[float] | None
Ints = list[int] | None
Strings = list[str] | None
Tensor = np.ndarray | None
Numbers = Sequence[float] | np.ndarray


def _first(*candidates: Numbers | None) -> Numbers:
    return next((c for c in candidates if c is not None and len(c)), [])


@lowering("TreeEnsembleRegressor", 1, domain=ML)
def regressor_1(
    node: Node,
    x: ir.Value,
    *,
    aggregate_function: str = "SUM",
    base_values: Floats = None,
    n_targets: int = 1,
    nodes_falsenodeids: Ints = None,
    nodes_featureids: Ints = None,
    nodes_hitrates: Floats = None,
    nodes_missing_value_tracks_true: Ints = None,
    nodes_modes: Strings = None,
    nodes_nodeids: Ints = None,
    nodes_treeids: Ints = None,
    nodes_truenodeids: Ints = None,
    nodes_values: Floats = None,
    post_transform: str = "NONE",
    target_ids: Ints = None,
    target_nodeids: Ints = None,
    target_treeids: Ints = None,
    target_weights: Floats = None,
) -> ir.Value:
    columns = Columns(
        nodes_treeids or [],
        nodes_nodeids or [],
        nodes_featureids or [],
        nodes_values or [],
        nodes_modes or [],
        nodes_truenodeids or [],
        nodes_falsenodeids or [],
        nodes_missing_value_tracks_true or [],
        target_treeids or [],
        target_nodeids or [],
        target_ids or [],
        target_weights or [],
    )
    return _regress(node, x, columns, n_targets, aggregate_function, base_values or [], post_transform)


@lowering("TreeEnsembleRegressor", 3, 5, domain=ML)
def regressor(
    node: Node,
    x: ir.Value,
    *,
    aggregate_function: str = "SUM",
    base_values: Floats = None,
    base_values_as_tensor: Tensor = None,
    n_targets: int = 1,
    nodes_falsenodeids: Ints = None,
    nodes_featureids: Ints = None,
    nodes_hitrates: Floats = None,
    nodes_hitrates_as_tensor: Tensor = None,
    nodes_missing_value_tracks_true: Ints = None,
    nodes_modes: Strings = None,
    nodes_nodeids: Ints = None,
    nodes_treeids: Ints = None,
    nodes_truenodeids: Ints = None,
    nodes_values: Floats = None,
    nodes_values_as_tensor: Tensor = None,
    post_transform: str = "NONE",
    target_ids: Ints = None,
    target_nodeids: Ints = None,
    target_treeids: Ints = None,
    target_weights: Floats = None,
    target_weights_as_tensor: Tensor = None,
) -> ir.Value:
    columns = Columns(
        nodes_treeids or [],
        nodes_nodeids or [],
        nodes_featureids or [],
        _first(nodes_values_as_tensor, nodes_values),
        nodes_modes or [],
        nodes_truenodeids or [],
        nodes_falsenodeids or [],
        nodes_missing_value_tracks_true or [],
        target_treeids or [],
        target_nodeids or [],
        target_ids or [],
        _first(target_weights_as_tensor, target_weights),
    )
    return _regress(
        node, x, columns, n_targets, aggregate_function, _first(base_values_as_tensor, base_values), post_transform
    )


@lowering("TreeEnsembleClassifier", 1, domain=ML)
def classifier_1(
    node: Node,
    x: ir.Value,
    *,
    base_values: Floats = None,
    class_ids: Ints = None,
    class_nodeids: Ints = None,
    class_treeids: Ints = None,
    class_weights: Floats = None,
    classlabels_int64s: Ints = None,
    classlabels_strings: Strings = None,
    nodes_falsenodeids: Ints = None,
    nodes_featureids: Ints = None,
    nodes_hitrates: Floats = None,
    nodes_missing_value_tracks_true: Ints = None,
    nodes_modes: Strings = None,
    nodes_nodeids: Ints = None,
    nodes_treeids: Ints = None,
    nodes_truenodeids: Ints = None,
    nodes_values: Floats = None,
    post_transform: str = "NONE",
) -> list[ir.Value]:
    columns = Columns(
        nodes_treeids or [],
        nodes_nodeids or [],
        nodes_featureids or [],
        nodes_values or [],
        nodes_modes or [],
        nodes_truenodeids or [],
        nodes_falsenodeids or [],
        nodes_missing_value_tracks_true or [],
        class_treeids or [],
        class_nodeids or [],
        class_ids or [],
        class_weights or [],
    )
    labels = class_labels(node, classlabels_int64s, classlabels_strings)
    return _classify(node, x, columns, labels, base_values or [], post_transform)


@lowering("TreeEnsembleClassifier", 3, 5, domain=ML)
def classifier(
    node: Node,
    x: ir.Value,
    *,
    base_values: Floats = None,
    base_values_as_tensor: Tensor = None,
    class_ids: Ints = None,
    class_nodeids: Ints = None,
    class_treeids: Ints = None,
    class_weights: Floats = None,
    class_weights_as_tensor: Tensor = None,
    classlabels_int64s: Ints = None,
    classlabels_strings: Strings = None,
    nodes_falsenodeids: Ints = None,
    nodes_featureids: Ints = None,
    nodes_hitrates: Floats = None,
    nodes_hitrates_as_tensor: Tensor = None,
    nodes_missing_value_tracks_true: Ints = None,
    nodes_modes: Strings = None,
    nodes_nodeids: Ints = None,
    nodes_treeids: Ints = None,
    nodes_truenodeids: Ints = None,
    nodes_values: Floats = None,
    nodes_values_as_tensor: Tensor = None,
    post_transform: str = "NONE",
) -> list[ir.Value]:
    columns = Columns(
        nodes_treeids or [],
        nodes_nodeids or [],
        nodes_featureids or [],
        _first(nodes_values_as_tensor, nodes_values),
        nodes_modes or [],
        nodes_truenodeids or [],
        nodes_falsenodeids or [],
        nodes_missing_value_tracks_true or [],
        class_treeids or [],
        class_nodeids or [],
        class_ids or [],
        _first(class_weights_as_tensor, class_weights),
    )
    labels = class_labels(node, classlabels_int64s, classlabels_strings)
    return _classify(node, x, columns, labels, _first(base_values_as_tensor, base_values), post_transform)


def _regress(
    node: Node, x: ir.Value, columns: Columns, targets: int, how: str, base: Numbers, post_transform: str
) -> ir.Value:
    x = prepared(x)
    total = aggregate(node, columns.forest(node, targets, hlo.dtype(x)), x, how, base)
    return hlo.convert(transform(node, total, post_transform), np.float32)


def _classify(
    node: Node, x: ir.Value, columns: Columns, labels: np.ndarray, base: Numbers, post_transform: str
) -> list[ir.Value]:
    """Labels and scores.

    Of two classes one alone may have weights: it wins above zero, or above one half when no weight is negative.
    If that is the first one, its score counts for the second, and the first gets the complement.
    """
    x = prepared(x)
    voting = sorted(set(columns.leaf_targets))
    if len(labels) != 2 or len(voting) != 1:
        if len(base) not in (0, len(labels)):
            raise node.error(f"there are {len(base)} base values for {len(labels)} classes")
        total = aggregate(node, columns.forest(node, len(labels), hlo.dtype(x)), x, "SUM", base)
        scores = transform(node, total, post_transform)
        return [best_class(labels, total), hlo.convert(scores, np.float32)]
    if len(base) > (voting == [0]):
        raise node.error(f"{len(base)} base values for two classes of which only class {voting[0]} has weights")
    single = replace(columns, leaf_targets=[0] * len(columns.leaf_targets))
    score = aggregate(node, single.forest(node, 1, hlo.dtype(x)), x, "SUM", base)
    is_probability = all(w >= 0 for w in columns.leaf_weights)
    wins = hlo.greater(hlo.squeeze(score, [1]), 0.5 if is_probability else 0.0)
    label = hlo.take(hlo.constant(labels), hlo.convert(wins, np.int32), 0)
    if voting == [0]:
        scores = complement(node, score, post_transform, is_probability)
    else:
        scores = transform(node, hlo.concatenate([hlo.full_like(score, 0), score], 1), post_transform)
    return [label, hlo.convert(scores, np.float32)]


# -------------------------------------------------------------------------------------- the newest operator


MAX_TARGETS = 1 << 16


@lowering("TreeEnsemble", 5, domain=ML)
def tree_ensemble(
    node: Node,
    x: ir.Value,
    *,
    aggregate_function: int = 1,
    leaf_targetids: list[int],
    leaf_weights: np.ndarray,
    membership_values: Tensor = None,
    n_targets: int = 1,
    nodes_falseleafs: list[int],
    nodes_falsenodeids: list[int],
    nodes_featureids: list[int],
    nodes_hitrates: Tensor = None,
    nodes_missing_value_tracks_true: Ints = None,
    nodes_modes: np.ndarray,
    nodes_splits: np.ndarray,
    nodes_trueleafs: list[int],
    nodes_truenodeids: list[int],
    post_transform: int = 0,
    tree_roots: list[int],
) -> ir.Value:
    """Interior nodes and leaves are numbered apart; here the leaves come after the interior nodes."""
    inner, outer = len(nodes_featureids), len(leaf_targetids)
    tables = (nodes_falseleafs, nodes_falsenodeids, nodes_trueleafs, nodes_truenodeids)
    if {inner} != {len(t) for t in tables} | {nodes_modes.size, nodes_splits.size} or leaf_weights.size != outer:
        raise node.error("the attributes that describe nodes, or leaves, differ in length")
    if not (0 < n_targets <= MAX_TARGETS and all(0 <= target < n_targets for target in leaf_targetids)):
        raise node.error(
            f"leaf_targetids must be 0 to n_targets, which is {n_targets}, and that at most {MAX_TARGETS}"
        )
    leaf_rows = np.arange(inner, inner + outer)
    weights = np.full([inner + outer, n_targets], np.nan, hlo.dtype(x))
    weights[leaf_rows, np.array(leaf_targetids)] = leaf_weights.reshape(-1)

    def children(ids: list[int], are_leaves: list[int]) -> np.ndarray:
        return np.concatenate([np.array(ids) + inner * (np.array(are_leaves) != 0), leaf_rows])

    def padded(values: np.ndarray) -> np.ndarray:
        return np.concatenate([values.reshape(-1), np.zeros(outer, values.dtype)])

    modes = nodes_modes.reshape(-1).astype(np.int64)
    if not set(modes.tolist()) <= set(range(len(MODES))):
        raise node.error(f"nodes_modes has entries outside of 0 to {len(MODES) - 1}")
    forest = Forest(
        roots=np.array(tree_roots),
        features=padded(np.array(nodes_featureids)),
        splits=padded(nodes_splits),
        modes=padded(modes),
        on_true=children(nodes_truenodeids, nodes_trueleafs),
        on_false=children(nodes_falsenodeids, nodes_falseleafs),
        missing_is_true=padded(np.array(nodes_missing_value_tracks_true or [0] * inner) != 0),
        members=_members(node, modes, membership_values, inner + outer),
        weights=weights,
    )
    how, after = list(AGGREGATIONS), list(TRANSFORMS_BY_NUMBER)
    if not (0 <= aggregate_function < len(how) and 0 <= post_transform < len(after)):
        raise node.error(f"aggregate_function {aggregate_function} or post_transform {post_transform} is unknown")
    total = aggregate(node, forest, x, how[aggregate_function], [])
    return transform(node, total, after[post_transform])


TRANSFORMS_BY_NUMBER = ("NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT")


def _members(node: Node, modes: np.ndarray, values: Tensor, rows: int) -> np.ndarray:
    """[rows, n]: the sets of the BRANCH_MEMBER nodes in order, which NaNs delimit; padded with NaN."""
    owners = np.flatnonzero(modes == MEMBER)
    flat = np.zeros(0) if values is None else values.reshape(-1).astype(np.float64)
    sets = np.split(flat, np.flatnonzero(np.isnan(flat)))
    sets = [s[~np.isnan(s)] for s in sets]
    if len(sets) < len(owners):
        raise node.error(f"membership_values has {len(sets)} sets for {len(owners)} nodes of mode BRANCH_MEMBER")
    table = np.full([rows, max(map(len, sets), default=0)], np.nan)
    for owner, members in zip(owners, sets, strict=False):
        table[owner, : len(members)] = members
    return table
