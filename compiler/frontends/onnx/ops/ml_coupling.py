"""Class probabilities from pairwise ones, by section 4 of Wu, Lin and Weng, JMLR 5 (2004)."""

from __future__ import annotations

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import hlo

# Iterations, and the error over the number of classes that ends them.  They are libsvm's and onnxruntime's, and
# coarse enough to be seen in the results.
MIN_LIMIT = 100
TOLERANCE = 0.005


def coupled(pairwise: ir.Value, classes: int) -> ir.Value:
    """[batch, classes] from P(i | i or j) for pairs i < j in order, [batch, pairs].

    p minimises sum_ij (r_ji p_i - r_ij p_j)^2 = p' Q p over the simplex: one coordinate after the other is set to
    its optimum, and p normalised, until Q p is p' Q p everywhere.  A sample that is there keeps its p while others
    go on.
    """
    r = _table(pairwise, classes)
    mirrored = hlo.swap_axes(r, 1, 2)
    diagonal = hlo.constant(np.eye(classes, dtype=np.bool_))
    squares = hlo.reduce_sum(hlo.multiply(mirrored, mirrored), [2], keepdims=True)
    q = hlo.select(diagonal, squares, hlo.negate(hlo.multiply(r, mirrored)))
    batch = hlo.shape(pairwise)[0]
    eps, limit = TOLERANCE / classes, max(MIN_LIMIT, classes)

    def products(p: ir.Value) -> tuple[ir.Value, ir.Value]:
        """Q p [batch, classes] and p' Q p [batch, 1]."""
        qp = hlo.dot_general(q, p, contract=([2], [1]), batch=([0], [0]))
        return qp, hlo.reduce_sum(hlo.multiply(p, qp), [1], keepdims=True)

    def unfinished(p: ir.Value) -> ir.Value:
        qp, pqp = products(p)
        return hlo.greater_equal(hlo.reduce_max(hlo.abs(hlo.subtract(qp, pqp)), [1], keepdims=True), eps)

    def sweep(step: ir.Value, p: ir.Value, active: ir.Value) -> list[ir.Value]:
        qp, pqp = products(p)
        moved = p
        for t in range(classes):
            row = hlo.squeeze(hlo.slice_axis(q, 1, t, t + 1), [1])
            own, mine = hlo.slice_axis(row, 1, t, t + 1), hlo.slice_axis(qp, 1, t, t + 1)
            change = hlo.divide(hlo.subtract(pqp, mine), own)
            total = hlo.add(change, 1)
            gain = hlo.multiply(change, hlo.add(hlo.multiply(change, own), hlo.multiply(mine, 2)))
            pqp = hlo.divide(hlo.divide(hlo.add(pqp, gain), total), total)
            qp = hlo.divide(hlo.add(qp, hlo.multiply(change, row)), total)
            only = hlo.constant(np.eye(classes, dtype=np.float32)[t])
            moved = hlo.divide(hlo.add(moved, hlo.multiply(change, only)), total)
        p = hlo.select(active, moved, p)
        return [hlo.add(step, 1), p, unfinished(p)]

    def proceed(step: ir.Value, p: ir.Value, active: ir.Value) -> ir.Value:
        return hlo.and_(hlo.less(step, limit), hlo.reduce(active, "or", [0, 1]))

    start = hlo.full([batch, classes], 1 / classes, np.float32)
    return hlo.while_(proceed, sweep, [hlo.constant(0, np.int32), start, unfinished(start)])[1]


def _table(pairwise: ir.Value, classes: int) -> ir.Value:
    """r [batch, classes, classes] with r_ij = P(i | i or j), r_ji = 1 - r_ij, and 0 on the diagonal."""
    places = np.zeros([classes, classes], np.int32)
    pairs = [(i, j) for i in range(classes) for j in range(i + 1, classes)]
    for number, (i, j) in enumerate(pairs):
        places[i, j] = places[j, i] = number
    own = hlo.take(pairwise, hlo.constant(places), 1)
    above = hlo.select(hlo.constant(np.triu(np.ones_like(places), 1).astype(np.bool_)), own, 0)
    below = hlo.constant(np.tril(np.ones_like(places), -1).astype(np.bool_))
    return hlo.select(below, hlo.subtract(1, own), above)
