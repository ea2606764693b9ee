"""Tree ensembles of ai.onnx.ml: all trees of all samples descend together, one level in each step of a loop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.frontends.onnx.registry import Node

MODES = ("BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ", "BRANCH_MEMBER")
MEMBER = MODES.index("BRANCH_MEMBER")
COMPARISONS: tuple[Callable[[ir.Value, ir.Value], ir.Value], ...] = (
    hlo.less_equal,
    hlo.less,
    hlo.greater_equal,
    hlo.greater,
    hlo.equal,
    hlo.not_equal,
)
AGGREGATIONS = ("AVERAGE", "SUM", "MIN", "MAX")


@dataclass(frozen=True)
class Forest:
    """Nodes of all trees in one table.  A leaf is its own child on both sides.

    `weights` [nodes, targets] is what a leaf adds to each target, NaN where it says nothing.  `members`
    [nodes, n] are the values of BRANCH_MEMBER nodes, padded with NaN, which equals nothing.
    """

    roots: np.ndarray
    features: np.ndarray
    splits: np.ndarray
    modes: np.ndarray
    on_true: np.ndarray
    on_false: np.ndarray
    missing_is_true: np.ndarray
    members: np.ndarray
    weights: np.ndarray

    def depth(self, node: Node) -> int:
        """Steps until every sample is at a leaf.  Raises OxideError when the nodes form a cycle."""
        for rows in (self.roots, self.on_true, self.on_false):
            if len(rows) and not (rows.min() >= 0 and rows.max() < len(self.on_true)):
                raise node.error(f"a tree refers to a node outside of the {len(self.on_true)} there are")
        if not len(self.roots) or (len(self.features) and self.features.min() < 0):
            raise node.error("there is no tree, or a feature is negative")
        is_leaf = self.on_true == np.arange(len(self.on_true))
        level, steps = np.unique(self.roots), 0
        while not is_leaf[level].all():
            level = np.unique(np.concatenate([self.on_true[level], self.on_false[level]]))
            steps += 1
            if steps > len(self.on_true):
                raise node.error("the nodes of a tree form a cycle")
        return steps


# ------------------------------------------------------------------------------------------------ evaluation


def leaves(node: Node, forest: Forest, x: ir.Value) -> ir.Value:
    """int32 [samples, trees]: the leaf that each sample reaches in each tree."""
    if hlo.rank(x) != 2 or (len(forest.features) and hlo.shape(x)[1] <= forest.features.max()):
        raise node.error(f"X of shape {hlo.shape(x)} has no feature {forest.features.max()}")
    depth = forest.depth(node)
    roots = node.constant(forest.roots.astype(np.int32))
    start = hlo.broadcast_to(roots, [hlo.shape(x)[0], len(forest.roots)])
    if not depth:
        return start
    children = [node.constant(side.astype(np.int32)) for side in (forest.on_true, forest.on_false)]
    tables = _Tables(node, forest, hlo.dtype(x))

    def descend(step: ir.Value, position: ir.Value) -> list[ir.Value]:
        goes_true = tables.test(x, position)
        onward = hlo.select(goes_true, *(hlo.take(side, position, 0) for side in children))
        return [hlo.add(step, 1), onward]

    initial = [hlo.constant(0, np.int32), start]
    return hlo.while_(lambda step, _: hlo.less(step, depth), descend, initial)[1]


class _Tables:
    """The node tables as values, made outside of the loop."""

    def __init__(self, node: Node, forest: Forest, dtype: np.dtype) -> None:
        branching = forest.on_true != np.arange(len(forest.on_true))
        self.used = sorted(set(forest.modes[branching].tolist()))
        self.features = node.constant(forest.features.astype(np.int32))
        self.splits = node.constant(forest.splits.astype(dtype))
        self.modes = node.constant(forest.modes.astype(np.int32)) if len(self.used) > 1 else None
        self.missing = node.constant(forest.missing_is_true) if forest.missing_is_true.any() else None
        self.members = node.constant(forest.members.astype(dtype)) if MEMBER in self.used else None

    def test(self, x: ir.Value, position: ir.Value) -> ir.Value:
        """bool [samples, trees]: whether the sample takes the true branch of the node it is at."""
        value = hlo.take_along_axis(x, hlo.take(self.features, position, 0), 1)
        split = hlo.take(self.splits, position, 0)
        outcome = self._compare(self.used[0], value, split, position)
        for mode in self.used[1:]:
            assert self.modes is not None
            is_mode = hlo.equal(hlo.take(self.modes, position, 0), mode)
            outcome = hlo.select(is_mode, self._compare(mode, value, split, position), outcome)
        if self.missing is not None:
            outcome = hlo.or_(outcome, hlo.and_(hlo.is_nan(value), hlo.take(self.missing, position, 0)))
        return outcome

    def _compare(self, mode: int, value: ir.Value, split: ir.Value, position: ir.Value) -> ir.Value:
        if mode != MEMBER:
            return COMPARISONS[mode](value, split)
        assert self.members is not None
        members = hlo.take(self.members, position, 0)
        return hlo.reduce(hlo.equal(hlo.expand_dims(value, [2]), members), "or", [2])


def aggregate(node: Node, forest: Forest, x: ir.Value, how: str, base: Sequence[float] | np.ndarray) -> ir.Value:
    """[samples, targets]: the trees' weights summed, averaged or compared, plus the base values."""
    if how not in AGGREGATIONS:
        raise node.error(f'aggregate_function is "{how}", expected one of {", ".join(AGGREGATIONS)}')
    silent = np.isnan(forest.weights)
    neutral = {"MIN": np.inf, "MAX": -np.inf}.get(how, 0.0)
    table = node.constant(np.where(silent, neutral, forest.weights).astype(forest.weights.dtype))
    weights = hlo.take(table, leaves(node, forest, x), 0)
    kind = {"MIN": "min", "MAX": "max"}.get(how, "add")
    total = hlo.reduce(weights, kind, [1])
    if how == "AVERAGE":
        total = hlo.divide(total, len(forest.roots))
    elif kind != "add" and silent.any():
        total = hlo.select(hlo.is_finite(total), total, 0)
    if len(base) not in (0, 1, forest.weights.shape[1]):
        raise node.error(f"there are {len(base)} base values for {forest.weights.shape[1]} targets")
    return hlo.add(total, hlo.constant(np.array(base, forest.weights.dtype))) if len(base) else total


# ------------------------------------------------------------------------------------------- building forests


@dataclass(frozen=True)
class Columns:
    """The node and leaf attributes of TreeEnsembleClassifier and TreeEnsembleRegressor."""

    treeids: Sequence[int]
    nodeids: Sequence[int]
    featureids: Sequence[int]
    values: Sequence[float] | np.ndarray
    modes: Sequence[str]
    truenodeids: Sequence[int]
    falsenodeids: Sequence[int]
    missing: Sequence[int]
    leaf_treeids: Sequence[int]
    leaf_nodeids: Sequence[int]
    leaf_targets: Sequence[int]
    leaf_weights: Sequence[float] | np.ndarray

    def forest(self, node: Node, targets: int, dtype: np.dtype) -> Forest:
        count = len(self.nodeids)
        rows = (self.treeids, self.featureids, self.values, self.modes, self.truenodeids, self.falsenodeids)
        entries = (self.leaf_nodeids, self.leaf_targets, self.leaf_weights)
        if not count or any(len(column) != count for column in rows):
            raise node.error("the nodes_* attributes are empty or of different lengths")
        if any(len(column) != len(self.leaf_treeids) for column in entries):
            raise node.error("the attributes of the leaves have different lengths")
        index = {key: i for i, key in enumerate(zip(self.treeids, self.nodeids, strict=True))}
        unknown = sorted(set(self.modes) - {*MODES[:MEMBER], "LEAF"})
        if unknown:
            raise node.error(f"nodes_modes has the unknown mode {unknown[0]!r}")
        try:
            children = [
                [i if mode == "LEAF" else index[tree, child] for i, (tree, mode, child) in enumerate(side)]
                for side in (
                    zip(self.treeids, self.modes, ids, strict=True) for ids in (self.truenodeids, self.falsenodeids)
                )
            ]
            weights = np.full([count, targets], np.nan, dtype)
            for tree, leaf, target, weight in zip(self.leaf_treeids, *entries, strict=True):
                row = index[tree, leaf]
                weights[row, target] = np.nan_to_num(weights[row, target]) + weight
        except (KeyError, IndexError) as error:
            raise node.error(f"a tree refers to a node or target that it does not have: {error}") from error
        modes = [0 if mode == "LEAF" else MODES.index(mode) for mode in self.modes]
        parented = {child for side in children for i, child in enumerate(side) if child != i}
        roots = [i for i in range(count) if i not in parented]
        if sorted(self.treeids[i] for i in roots) != sorted(set(self.treeids)):
            raise node.error("a tree has no root or several: its nodes form a cycle or are not connected")
        return Forest(
            roots=np.array(roots),
            features=np.array(self.featureids),
            splits=np.array(self.values, np.float64),
            modes=np.array(modes),
            on_true=np.array(children[0]),
            on_false=np.array(children[1]),
            missing_is_true=np.array(self.missing or [0] * count, bool),
            members=np.zeros([count, 0]),
            weights=weights,
        )


def prepared(x: ir.Value) -> ir.Value:
    """Integers are compared as float32."""
    return x if hlo.dtype(x).itemsize == 8 and hlo.dtype(x).kind == "f" else hlo.convert(x, np.float32)
