"""TfIdfVectorizer over integers: counts of the n-grams of a pool in each row."""

from __future__ import annotations

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.frontends.onnx.registry import Node, lowering

MAX_COLUMNS = 1 << 24


@lowering("TfIdfVectorizer", 9)
def tf_idf_vectorizer(
    node: Node,
    x: ir.Value,
    *,
    max_gram_length: int,
    max_skip_count: int,
    min_gram_length: int,
    mode: str,
    ngram_counts: list[int],
    ngram_indexes: list[int],
    pool_int64s: list[int] | None = None,
    pool_strings: list[str] | None = None,
    weights: list[float] | None = None,
) -> ir.Value:
    """float32 [columns] or [rows, columns].  An n-gram may skip up to `max_skip_count` items between its own."""
    if pool_strings or not pool_int64s:
        raise node.error("only pools of integers (pool_int64s) are supported")
    if mode not in ("TF", "IDF", "TFIDF"):
        raise node.error(f'mode is "{mode}", expected "TF", "IDF" or "TFIDF"')
    if hlo.rank(x) > 2:
        raise node.error(f"X has shape {hlo.shape(x)}, expected [items] or [rows, items]")
    if not ngram_counts or not ngram_indexes or min(ngram_indexes) < 0 or max(ngram_indexes) > MAX_COLUMNS:
        raise node.error(f"ngram_counts and ngram_indexes must not be empty, and the latter 0 to {MAX_COLUMNS}")
    pools = _pools(node, pool_int64s, ngram_counts, ngram_indexes)
    width = max(ngram_indexes) + 1
    if weights and len(weights) != width:
        raise node.error(f"there are {len(weights)} weights for {width} columns")
    rows = hlo.reshape(x, [1] * (2 - hlo.rank(x)) + list(hlo.shape(x)))
    total = hlo.full([hlo.shape(rows)[0], width], 0, np.float32)
    for length, (grams, columns) in enumerate(pools, 1):
        if not (min_gram_length <= length <= max_gram_length and len(grams)):
            continue
        place = np.zeros([len(grams), width], np.float32)
        place[np.arange(len(grams)), columns] = 1
        for distance in range(1, 2 if length == 1 else max_skip_count + 2):
            found = _occurrences(rows, grams, distance)
            if found is None:
                break  # longer distances do not fit either
            total = hlo.add(total, hlo.dot_general(found, node.constant(place), contract=([1], [0])))
    if mode == "IDF":
        total = hlo.convert(hlo.greater(total, 0), np.float32)
    if weights and mode != "TF":
        total = hlo.multiply(total, node.constant(np.array(weights, np.float32)))
    return total if hlo.rank(x) == 2 else hlo.squeeze(total, [0])


def _pools(
    node: Node, pool: list[int], starts: list[int], indexes: list[int]
) -> list[tuple[np.ndarray, np.ndarray]]:
    """For each length from 1: the n-grams [count, length] and the output columns they count for."""
    ends = [*starts[1:], len(pool)]
    pools: list[tuple[np.ndarray, np.ndarray]] = []
    used = 0
    for length, (start, end) in enumerate(zip(starts, ends, strict=True), 1):
        if not 0 <= start <= end <= len(pool) or (end - start) % length:
            raise node.error(f"ngram_counts {starts} does not divide a pool of {len(pool)} items")
        grams = np.array(pool[start:end], np.int64).reshape(-1, length)
        columns = np.array(indexes[used : used + len(grams)], np.int64)
        used += len(grams)
        if len(columns) != len(grams) or (columns < 0).any():
            raise node.error(f"ngram_indexes has {len(indexes)} entries, too few for the pool, or negative ones")
        pools.append((grams, columns))
    return pools


def _occurrences(rows: ir.Value, grams: np.ndarray, distance: int) -> ir.Value | None:
    """float32 [rows, n-grams]: how often each occurs with its items `distance` apart; None if none can."""
    items = hlo.shape(rows)[1]
    count, length = grams.shape
    positions = items - distance * (length - 1)
    if positions < 1:
        return None
    matches: ir.Value | None = None
    for j in range(length):
        item = hlo.slice_axis(rows, 1, j * distance, j * distance + positions)
        wanted = hlo.constant(grams[:, j].astype(hlo.dtype(rows)))
        equal = hlo.equal(hlo.expand_dims(item, [2]), hlo.reshape(wanted, [1, 1, count]))
        matches = equal if matches is None else hlo.and_(matches, equal)
    assert matches is not None
    return hlo.reduce_sum(hlo.convert(matches, np.float32), [1])
